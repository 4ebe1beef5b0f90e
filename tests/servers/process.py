"""Launches server processes that cannot outlive the tests, and waits for them in scaled time."""

import asyncio
import atexit
import inspect
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.servers import reaper

# One millisecond, in seconds; TEST_TIME_SCALE=5 gives slow machines five times as long.
MS = float(os.environ.get("TEST_TIME_SCALE", "1")) / 1000
START_TIMEOUT = 30_000 * MS
STOP_TIMEOUT = 15_000 * MS


class ServerUnavailable(Exception):
    """Says that this machine has no such server: a skip, or a failure where servers are required."""


class ServerFailed(Exception):
    """Says that a server did not start or stop as asked, with the end of its log."""


def free_port() -> int:
    """Picks a free port of 127.0.0.1 that stays free across a restart.

    Not from the ephemeral range, where `bind(0)` looks: a client's own outgoing connection could take the
    port while its server is down. Not from `random`: Hypothesis resets its seed, and the port comes again.
    """
    while True:
        port = 10240 + secrets.randbelow(32768 - 10240)
        with socket.socket() as candidate:
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def wait_until(condition: Callable[[], object], *, timeout: float = 5_000 * MS, what: str = "") -> None:
    """Returns once the condition holds; raises TimeoutError after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what or inspect.unwrap(condition)}")
        time.sleep(0.01)


async def eventually(
    condition: Callable[[], object | Awaitable[object]],
    *,
    timeout: float = 5_000 * MS,  # noqa: ASYNC109
    what: str = "",
) -> None:
    """Does what `wait_until` does, for async tests; the condition may be a coroutine function."""
    deadline = time.monotonic() + timeout
    while True:
        held = condition()
        if await held if inspect.isawaitable(held) else held:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:g} s: {what or condition}")
        await asyncio.sleep(0.01)


def process_is_gone(pid: int) -> bool:
    """Tells whether a process has ended; a zombie that nobody has collected yet counts as ended."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except ProcessLookupError:
        return True
    except FileNotFoundError:  # ended just now, or a system without /proc
        return not Path("/proc/self").exists() or process_is_gone(pid)


class Reaper:
    """Holds the process that ends our servers and temporary directories when we end, even by SIGKILL."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._process: subprocess.Popen[str] | None = None

    def tell(self, *words: object) -> None:
        """Passes one line on, starting the reaper first in a process that has none."""
        with self._lock:
            if self._process is None or self._owner != os.getpid():
                self._owner = os.getpid()
                self._process = subprocess.Popen(
                    [sys.executable, "-I", reaper.__file__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    cwd="/",
                    start_new_session=True,
                )
                atexit.register(self._close)
            assert self._process.stdin is not None
            print(*words, file=self._process.stdin, flush=True)

    def _close(self) -> None:
        if self._process is not None and self._owner == os.getpid():
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()


REAPER = Reaper()


def temporary_directory(parent: str | None = None) -> Path:
    """Makes a directory that goes away with us at the latest; `remove_directory` ends it sooner."""
    directory = Path(tempfile.mkdtemp(prefix="bduf-", dir=parent))
    REAPER.tell("keep", directory)
    return directory


def remove_directory(directory: Path) -> None:
    """Removes a directory made by `temporary_directory`."""
    shutil.rmtree(directory, ignore_errors=True)
    REAPER.tell("forget", directory)


class Launched:
    """One process in its own group, with a log file; subclasses say how it starts and when it is up.

    `given` is the address of a server that the environment names instead: to be used, not started or killed.
    """

    name = "server"
    stop_signal = signal.SIGTERM

    def __init__(self, *, directory: Path | None = None, given: str | None = None) -> None:
        self.given = given
        self._own_directory = directory is None and given is None
        self.directory = directory or (Path() if given else temporary_directory())
        self.log_path = self.directory / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._members: set[int] = set()

    def command(self) -> list[str]:
        """Returns the command line."""
        raise NotImplementedError

    def options(self) -> dict[str, Any]:
        """Returns what Popen needs besides the command: env, cwd, user."""
        return {}

    def is_ready(self) -> bool:
        """Tells whether the server answers."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process id, which is also its process group's."""
        if self._process is None:
            raise ServerFailed(f"{self.name} is not running" if not self.given else f"{self.given} is not ours")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tells whether our process lives."""
        return self._process is not None and not self._exited()

    def start(self) -> None:
        """Starts the process and returns once it answers; raises ServerFailed with the end of the log."""
        if self.given:
            raise ServerFailed(f"{self.given} is not ours to start")
        if self.running:
            raise ServerFailed(f"{self.name} runs already")
        self._collect()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self.options(),
            )
        try:
            REAPER.tell("watch", self.pid, int(self.stop_signal))
            wait_until(lambda: self._exited() or self.is_ready(), timeout=START_TIMEOUT)
        except TimeoutError:
            self.kill()
            raise self._failure(f"did not answer within {START_TIMEOUT:g} s") from None
        except BaseException:
            self.kill()
            raise
        if self._exited():
            raise self._failure(f"exited with {self._collect()} at start")

    def send_signal(self, number: signal.Signals) -> None:
        """Sends one signal to the process itself, as a supervisor would."""
        reaper.send(self.pid, number)

    def pause(self) -> None:
        """Freezes the process and all it started: connections stay open and nothing answers."""
        reaper.freeze(self.pid)

    def resume(self) -> None:
        """Lets a paused server run on."""
        reaper.thaw(self.pid)

    def kill(self) -> None:
        """Kills the process and all it started with SIGKILL, and returns once they are gone."""
        self._members |= reaper.kill_tree(self.pid)
        self._collect()

    def terminate(self, *, timeout: float = STOP_TIMEOUT) -> int:
        """Asks the process to end and returns its exit code; raises ServerFailed after `timeout` seconds."""
        return self._end(self.stop_signal, timeout)

    def restart(self) -> None:
        """Stops the server if it runs, and starts it on the same port and data."""
        if self.running:
            self.terminate()
        self.start()

    def stop(self, *, timeout: float = STOP_TIMEOUT) -> None:
        """Ends the server, kindly if it can be done, and keeps its data; leaves alone what is not ours."""
        if self._process is None:
            return
        try:
            self.terminate(timeout=timeout)
        except ServerFailed:
            self.kill()

    def close(self) -> None:
        """Ends the server and removes its data."""
        try:
            self.stop()
        finally:
            if self._own_directory:
                remove_directory(self.directory)

    def log_text(self) -> str:
        """Returns what the process has written to stdout and stderr, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        """Returns the last lines of the log, headed for an error message."""
        return "\n".join([f"--- end of {self.log_path.name} ---", *self.log_text().splitlines()[-lines:]])

    def __enter__(self) -> Self:
        if not self.given and not self.running:
            try:
                self.start()
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not self.given:
            error.add_note(self.log_tail())
        self.close()

    def _failure(self, what: str) -> ServerFailed:
        return ServerFailed(f"{self.name} {what}\n{self.log_tail()}")

    def _end(self, number: signal.Signals, timeout: float) -> int:
        self._members |= reaper.members(self.pid)
        reaper.send(self.pid, number)
        reaper.thaw(self.pid)  # a frozen process would not see the signal
        try:
            wait_until(self._exited, timeout=timeout)
        except TimeoutError:
            raise self._failure(f"did not end within {timeout:g} s of {number.name}") from None
        return self._collect()

    def _exited(self) -> bool:
        """Tells whether the process has ended; until collected it is a zombie, so its group id stays ours."""
        assert self._process is not None
        if self._process.returncode is not None or not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self._process.poll() is not None
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _collect(self) -> int:
        """Kills what the ended process left behind, forgets it and returns its exit code."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        self._members |= reaper.kill_tree(process.pid)
        code = process.wait()
        left, self._members = self._members, set()
        wait_until(lambda: all(map(process_is_gone, left)), timeout=STOP_TIMEOUT, what=f"{self.name} {left} gone")
        REAPER.tell("forget", process.pid)
        return code
