"""One run: servers, client processes that share sessions on them, faults in between, and the verdict at the end."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Self

from benchmarks.chaos.check import Verdict, check
from benchmarks.chaos.journal import Reader, Record
from benchmarks.chaos.log import attendances, heads, read_logs, rows
from benchmarks.chaos.members import Seat
from benchmarks.world import Person
from tests.servers import MS, Deployment

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "https://workspace.example"
ENV = {"ALLOWED_ORIGINS": ORIGIN}  # the page is the same, whichever server its socket goes to
LOOK_EVERY = 0.05
STICKY = 3  # every third client knows one server only: so both have clients however often one is killed
# How clients differ: a script with its token in a header, a page in a browser, an old program without batches.
STYLES: tuple[dict[str, Any], ...] = (
    {"auth": "header", "capabilities": ("batch",)},
    {"auth": "subprotocol", "capabilities": ("batch",), "origin": ORIGIN},
    {"auth": "hello", "capabilities": ()},
)


class Run:
    """Client processes on a deployment that has `ENV`; all live to the end, but for the last after `lose_one`."""

    def __init__(
        self,
        deployment: Deployment,
        people: Sequence[Person],
        sessions: Sequence[str],
        *,
        processes: int = 4,
        seed: int = 1,
        **options: Any,
    ) -> None:
        self.deployment = deployment
        self.dice = random.Random(seed)
        self.directory = Path(mkdtemp(prefix="bduf-chaos-"))  # stays when something goes wrong: it says what
        self.gone: frozenset[int] = frozenset()
        self.seats = [self._seat(number, person, sessions, seed, options) for number, person in enumerate(people)]
        self._shares = [self.seats[index::processes] for index in range(processes)]
        self._readers = {seat.number: Reader(Path(seat.journal), seat.number) for seat in self.seats}
        self._processes: list[subprocess.Popen[str]] = []

    def _seat(self, number: int, person: Person, sessions: Sequence[str], seed: int, options: dict[str, Any]) -> Seat:
        style = STYLES[(number + number // STICKY) % len(STYLES)]
        servers = self.deployment.servers
        turn = number // len(sessions) % len(servers)  # every session has members on every server
        around = [*servers[turn:], *servers[:turn]]
        if number % STICKY == STICKY - 1:
            del around[1:]
        return Seat(
            number,
            person.id,
            person.token,
            sessions[number % len(sessions)],
            [f"{server.ws_url}/ws/" for server in around],
            str(self.directory / f"client-{number}.jsonl"),
            seed=seed,
            **(style | options),
        )

    def __enter__(self) -> Self:
        for share in self._shares:
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.chaos.members"],
                stdin=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
            self._processes.append(process)
            self._tell(process, json.dumps([asdict(seat) for seat in share]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            with process:
                process.kill()
        if error is None:
            shutil.rmtree(self.directory)

    @property
    def records(self) -> dict[int, Record]:
        """Every client's journal as far as it is written."""
        return {number: reader.read() for number, reader in self._readers.items()}

    @property
    def living(self) -> list[Record]:
        return [record for number, record in self.records.items() if number not in self.gone]

    # --- phases --------------------------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Waits until everybody is in, and something of everybody's is acknowledged."""
        self.until(lambda: all(record.joined and record.acked for record in self.living), "everybody is in")

    def all_back(self, since: float, timeout: float = 60_000 * MS) -> None:
        """Waits until everybody is connected and was acknowledged something sent after `since`."""
        self.until(
            lambda: all(record.connected and record.confirmed > since for record in self.living),
            "everybody is back",
            timeout,
        )

    def lose_one(self) -> None:
        """Kills the last client process: nothing says goodbye for its members."""
        self._processes[-1].kill()
        self._processes[-1].wait()
        self.gone = frozenset(seat.number for seat in self._shares[-1])

    def settle(self) -> None:
        """Ends all writing, and waits until everybody has seen all there is."""
        self._tell_living("quiet")
        self.until(lambda: all(record.quiet for record in self.living), "everything is settled", 90_000 * MS)
        self.until(self._all_is_seen, "all is seen")

    def conclude(self, *, grace: float, absent_after: float = 45_000 * MS) -> Verdict:
        """Waits until presence tells the truth and cursors and signals flow, ends the clients and judges."""
        living = {(seat.user, True) for seat in self.seats if seat.number not in self.gone}
        self.until(lambda: self._present() == living, "only the living are present", absent_after)
        self.until(
            lambda: self._attending() == {record.connection for record in self.living}, "ghosts are gone", absent_after
        )
        self.until(lambda: all(record.receives for record in self.living), "cursors and signals flow")
        self.settle()
        self._tell_living("end")
        for process in self._living():
            if process.wait(30) != 0:
                raise RuntimeError(f"a client process ended with {process.returncode}; see {self.directory}")
        rooms = {seat.room for seat in self.seats}
        logs = {room: log for room, log in read_logs(self._url).items() if room in rooms}
        return check(self.seats, self.records, logs, gone=self.gone, grace=grace)

    def until(self, condition: Callable[[], bool], what: str, timeout: float = 60_000 * MS) -> None:
        """Waits for a condition, as long as no client process fails."""
        deadline = time.monotonic() + timeout
        while not condition():
            if any(process.poll() is not None for process in self._living()):
                raise RuntimeError(f"a client process ended; see {self.directory}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout:g} s: {what}; see {self.directory}")
            time.sleep(LOOK_EVERY)

    # --- what the database says ----------------------------------------------------------------------------------

    @property
    def _url(self) -> str:
        return self.deployment.env["DATABASE_URL"]

    def _all_is_seen(self) -> bool:
        rooms = {seat.number: seat.room for seat in self.seats}
        where = heads(self._url)
        return all(record.head == where[rooms[record.number]] for record in self.living)

    def _present(self) -> set[tuple[str, bool]]:
        """The users of this run who have not left, and whether they are there."""
        mine = {seat.user for seat in self.seats}
        found = rows(self._url, "SELECT user_id, away_since IS NULL FROM collaboration_participant WHERE present")
        return {(_dashed(user), bool(there)) for user, there in found if _dashed(user) in mine}

    def _attending(self) -> set[str]:
        """The connections that the database counts as being in rooms of this run."""
        found = attendances(self._url)
        return set().union(*(found.get(seat.room, set()) for seat in self.seats))

    # --- processes -----------------------------------------------------------------------------------------------

    def _living(self) -> list[subprocess.Popen[str]]:
        return self._processes[:-1] if self.gone else self._processes

    def _tell_living(self, order: str) -> None:
        for process in self._living():
            self._tell(process, order)

    @staticmethod
    def _tell(process: subprocess.Popen[str], line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()


def _dashed(value: Any) -> str:
    """SQLite stores ids without dashes."""
    text = str(value)
    return text if "-" in text else f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
