"""The load generator from outside: worker processes that own whole rooms, driven phase by phase."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self, cast

import uvloop

from benchmarks.disruption import DisruptiveWorker
from benchmarks.members import Seat
from benchmarks.report import Report
from benchmarks.worker import Connected, Plan, Worker

ANSWER_TIMEOUT = 300.0
CALM = 3.0  # before a disturbed measurement is repeated


class WorkerFailed(RuntimeError):
    """A worker process raised, died or did not answer; the text is its traceback."""


class Fleet:
    """Some workers on one server; each phase runs on all of them at once and comes back as one report."""

    def __init__(
        self,
        host: str,
        port: int,
        path: str,
        dialect: str,
        seats: list[Seat],
        *,
        cores: list[int] | None = None,
        workers: int = 1,
        server_pid: int | None = None,
        server_cores: frozenset[int] = frozenset(),
        padding: int = 0,
        again: int = 0,
    ) -> None:
        self._size = len(seats)
        self._again = again
        rooms = list(dict.fromkeys(seat.room for seat in seats))
        workers = max(1, min(workers, len(rooms)))
        self._shares = [0.0] * workers
        self._pipes: list[Connection] = []
        self._processes = []
        context = multiprocessing.get_context("spawn")
        for index in range(workers):
            mine = set(rooms[index::workers])
            share = [seat for seat in seats if seat.room in mine]
            self._shares[index] = len(mine) / len(rooms)
            core = cores[index % len(cores)] if cores else None
            plan = Plan(host, port, path, dialect, share, core, padding, server_pid, server_cores)
            ours, theirs = context.Pipe()
            process = context.Process(target=run_worker, args=(plan, theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def connect(self, *, all_in: bool = True, **options: Any) -> Connected:
        """Connects every seat, see Worker.connect; raises WorkerFailed unless all got in, if `all_in`."""
        connected = cast(Connected, self.run("connect", **options))
        if all_in and connected.members < self._size:
            raise WorkerFailed(f"{connected.members} of {self._size} got in: {dict(connected.errors)}")
        return connected

    def probe(self, kind: str = "signal", *, answered: bool = False) -> None:
        """Finds out whether senders hear themselves, which every later phase of this kind needs to know."""
        self.run("probe", kind=kind, answered=answered)

    def closed_by_room(self, kind: str, *, window: int, seconds: float) -> Report:
        """Saturates by keeping `window` messages in flight in every room."""
        return self._measure("closed_by_room", kind=kind, window=window, seconds=seconds)

    def closed_by_ack(self, kind: str, *, seconds: float) -> Report:
        """Saturates with one unacknowledged command of every member."""
        return self._measure("closed_by_ack", kind=kind, seconds=seconds)

    def paced(self, kind: str, *, rate: float, seconds: float, answered: bool = False) -> Report:
        """Sends `rate` messages a second in all, whatever the server does."""
        each = [{"rate": rate * share} for share in self._shares]
        return self._measure("paced", each, kind=kind, seconds=seconds, answered=answered)

    def _measure(self, phase: str, each: list[dict[str, Any]] | None = None, **options: Any) -> Report:
        """Runs a phase, again if others disturbed it, and returns the least disturbed report."""
        best = cast(Report, self.run(phase, each, **options))
        for _ in range(self._again):
            if not best.disturbed:
                break
            time.sleep(CALM)
            best = min(best, self.run(phase, each, **options), key=lambda report: report.others_cpu)
        return best

    def run(self, phase: str, each: list[dict[str, Any]] | None = None, **options: Any) -> Any:
        """Runs one Worker coroutine everywhere and merges what comes back."""
        for index, pipe in enumerate(self._pipes):
            pipe.send((phase, options | (each[index] if each else {})))
        answers = []
        for pipe in self._pipes:
            if not pipe.poll(ANSWER_TIMEOUT):
                raise WorkerFailed(f"{phase}: no answer within {ANSWER_TIMEOUT:g} s")
            try:
                answer = pipe.recv()
            except EOFError:
                raise WorkerFailed(f"{phase}: the worker process died") from None
            if isinstance(answer, str):
                raise WorkerFailed(answer)
            answers.append(answer)
        first = answers[0]
        for answer in answers[1:]:
            if hasattr(first, "merge"):
                first.merge(answer)
        return first

    def close(self) -> None:
        """Closes all connections and ends the workers."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            with suppress(OSError):
                pipe.send(("", {}))
            process.join(10)
            if process.is_alive():
                process.kill()
                process.join()
            pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run_worker(plan: Plan, pipe: Connection) -> None:
    """Is a worker process: runs the phases it is told, until it is told none."""
    uvloop.run(_obey(DisruptiveWorker(plan), pipe))


async def _obey(worker: Worker, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            phase, options = await loop.run_in_executor(None, pipe.recv)
        except EOFError:  # the runner died: nobody wants the rest
            return
        if not phase:
            await worker.close()
            return
        try:
            answer = await getattr(worker, phase)(**options)
        except Exception:  # noqa: BLE001 - whatever it is, the runner is the one to report it
            answer = traceback.format_exc()
        pipe.send(answer)
