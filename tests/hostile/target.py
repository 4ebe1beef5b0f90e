"""A server under attack, and the proof afterwards that nobody but the attacker was harmed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from benchmarks.world import Person
from tests.hostile.wire import Answer, Header, Wire, request
from tests.live import Live
from tests.servers import MS, ServerProcess
from tests.servers.commands import SECRET_KEY

# A bystander gets its pong within a second; twice that, for a machine that runs other tests too.
PONG_WITHIN = 2_000 * MS
AnyWire = TypeVar("AnyWire", bound=Wire)
TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}")


class Bystander(threading.Thread):
    """Somebody else's connection, which asks all the time whether it is still served."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(daemon=True)
        self.wire = wire
        self.slowest = 0.0
        self.failure: Exception | None = None
        self._done = threading.Event()

    def run(self) -> None:
        try:
            while True:
                self.slowest = max(self.slowest, self.wire.round_trip())
                if self._done.wait(0.1):
                    self.slowest = max(self.slowest, self.wire.round_trip())
                    return
        except (OSError, AssertionError, ValueError, EOFError) as failure:
            self.failure = failure

    def finish(self) -> None:
        """Asks once more, and hangs up."""
        self._done.set()
        self.join()
        self.wire.close()


class Target:
    """One server during one case: opens sockets to it, and closes them all when the case is over."""

    def __init__(self, live: Live, server: ServerProcess) -> None:
        self.live = live
        self.server = server
        self.port = server.port
        self.kind = server.kind
        self.traceback_expected = False
        self.bystander = ""
        self._wires: list[Wire] = []

    def person(self) -> Person:
        return self.live.person()

    def wire(self, source: str = "127.0.0.1") -> Wire:
        """Opens a TCP connection, from any address of this machine, on which nothing has been said."""
        return self.keep(Wire(self.port, source))

    def keep(self, wire: AnyWire) -> AnyWire:
        """Takes a connection among those that are closed when the case is over."""
        self._wires.append(wire)
        return wire

    def accepted(self, path: str = "/ws/", headers: Iterable[Header] = (), **options: Any) -> Wire:
        """Opens a socket that the server accepts."""
        wire = self.wire()
        answer = wire.shake(path, headers, **options)
        assert answer.status == 101, answer
        return wire

    def authenticated(self, token: str | None = None, path: str = "/ws/", **options: Any) -> Wire:
        """Opens a socket with a credential, a new person's unless told otherwise, and takes the greeting."""
        wire = self.accepted(path, token=token or self.person().token, **options)
        wire.expect("connected")
        return wire

    def refusal(self, path: str = "/ws/", headers: Iterable[Header] = (), **options: Any) -> Answer:
        """Tries a handshake and returns the answer, which opens no socket."""
        answer = self.wire().shake(path, headers, **options)
        assert answer.status != 101, answer
        return answer

    def http(
        self,
        method: str,
        path: str,
        headers: Iterable[Header] = (),
        body: Any = None,
        *,
        host: str | None = None,
        source: str = "127.0.0.1",
    ) -> Answer:
        """Makes one HTTP request; a body goes as JSON."""
        raw = b"" if body is None else json.dumps(body).encode()
        usual: list[Header] = [("Host", host or f"127.0.0.1:{self.port}"), ("Connection", "close")]
        if body is not None:
            usual += [("Content-Type", "application/json"), ("Content-Length", str(len(raw)))]
        wire = self.wire(source)
        wire.write(request(path, [*usual, *headers], line=f"{method} {{path}} HTTP/1.1") + raw)
        return wire.response()

    # What the server wrote since the case began

    @property
    def log(self) -> str:
        return self.server.log_text()[self._log_before :]

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's events of one name."""
        lines = (json.loads(line) for line in self.log.splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == name]

    # Before and after

    def __enter__(self) -> Self:
        self._log_before = len(self.server.log_text())
        self._pid = self.server.pid
        somebody = self.person()
        self.bystander = somebody.id
        self._bystander = Bystander(self.authenticated(somebody.token))
        self._wires.clear()
        self._bystander.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bystander.finish()
        for wire in self._wires:
            wire.close()
        if error is None:
            self._nobody_was_harmed()

    def _nobody_was_harmed(self) -> None:
        assert self.server.running
        assert self.server.pid == self._pid
        assert self._bystander.failure is None
        assert self._bystander.slowest < PONG_WITHIN
        log = self.log
        assert self.traceback_expected or "Traceback" not in log, log
        assert SECRET_KEY not in log
        assert TOKEN.search(log) is None, TOKEN.search(log)
