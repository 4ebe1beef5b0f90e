"""One process of the load generator: whole rooms of members, and the phases they go through."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmarks.machine import core_seconds, cpu_seconds
from benchmarks.members import DIALECTS, Member, Room, Seat
from benchmarks.report import Report, Window, tally

STALL = 0.5  # without progress for this long, a closed loop counts what is outstanding as lost and goes on
QUIET = 0.4  # without a receipt for this long, a phase is over
DRAIN = 5.0
CLOSE_TIMEOUT = 5.0


@dataclass(frozen=True)
class Plan:
    """What one worker drives: the server, the language, and who sits where."""

    host: str
    port: int
    path: str  # may contain {room}
    dialect: str
    seats: list[Seat]
    cpu: int | None = None
    padding: int = 0  # bytes added to every message
    server_pid: int | None = None  # whose processor time is measured too
    server_cores: frozenset[int] = frozenset()  # which it should have to itself


@dataclass
class Connected:
    """How connecting went."""

    members: int = 0
    seconds: float = 0.0
    attempts: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    recovered: Counter[str] = field(default_factory=Counter)
    enter_ms: list[float] = field(default_factory=list)

    def merge(self, other: Connected) -> None:
        """Adds another worker's share."""
        self.members += other.members
        self.seconds = max(self.seconds, other.seconds)
        self.attempts += other.attempts
        self.errors += other.errors
        self.recovered += other.recovered
        self.enter_ms += other.enter_ms


class Worker:
    """Connects the members of a plan and runs phases on them; every public coroutine is one phase."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rooms: dict[str, Room] = {seat.room: Room(seat.room) for seat in plan.seats}
        self.members: list[Member] = []
        self.echo = True  # whether senders get their own messages back; `probe` finds out
        self._number = 0
        self._running = False
        self._stalls = 0
        self._lag = 0
        if plan.cpu is not None:
            os.sched_setaffinity(0, {plan.cpu})
        gc.disable()

    async def connect(self, concurrency: int = 100, track: bool = False, retry_for: float = 60.0) -> Connected:
        """Connects every seat and joins its room, `concurrency` at a time; `track` prepares for recovery."""
        self.members = [self._member(seat, index) for index, seat in enumerate(self.plan.seats)]
        for member in self.members if track else []:
            member.track()
        return await self._enter(range(len(self.members)), concurrency=concurrency, retry_for=retry_for)

    async def probe(self, kind: str = "signal", answered: bool = False) -> bool:
        """Finds out whether senders get their own messages of a kind back, and warms the path."""
        room = max(self.rooms.values(), key=lambda room: len(room.members))
        sender = room.members[0]
        before = len(sender.arrivals.events)
        others = room.received
        sender.send_mark(kind, time.perf_counter_ns(), self._next_number(), answered=answered)
        for _ in range(30):
            await asyncio.sleep(0.1)
            if room.received - others >= len(room.members) - 1:
                await asyncio.sleep(0.3)
                break
        else:
            reached = f"{room.received - others} of {len(room.members)} members"
            raise TimeoutError(f"a probe reached {reached}; errors: {dict(sender.errors)}")
        self.echo = len(sender.arrivals.events) > before
        return self.echo

    async def closed_by_room(self, kind: str, window: int, seconds: float, warm: float = 0.5) -> Report:
        """Keeps `window` messages in flight in every room; one more leaves when one has reached everyone."""
        started = self._begin()

        def refill(room: Room) -> None:
            fanout = self._fanout(room)
            while self._running and room.received >= room.threshold:
                self._send(kind, room, time.perf_counter_ns(), answered=False)
                room.threshold += fanout

        for room in self.rooms.values():
            room.refill = refill
            room.received, room.threshold = 0, -(window - 1) * self._fanout(room)
            refill(room)
        progress = {room.name: (room.received, started) for room in self.rooms.values()}
        end = started + int((warm + seconds) * 1e9)
        while (now := time.perf_counter_ns()) < end:
            await asyncio.sleep(0.05)
            for room in self.rooms.values():
                received, since = progress[room.name]
                if room.received != received:
                    progress[room.name] = (room.received, now)
                elif now - since > STALL * 1e9:
                    self._stalls += 1
                    progress[room.name] = (room.received, now)
                    room.received = room.threshold + (window - 1) * self._fanout(room)
                    refill(room)
        self._running = False
        return await self._finish(Window(started + int(warm * 1e9), end, self._first))

    async def closed_by_ack(self, kind: str, seconds: float, warm: float = 0.5) -> Report:
        """Every member sends its next command when the one before is acknowledged."""
        started = self._begin()

        def acked(member: Member) -> None:
            if self._running:
                self._send(kind, member.room, time.perf_counter_ns(), answered=True, member=member)

        for member in self.members:
            member.acked = acked
            acked(member)
        end = started + int((warm + seconds) * 1e9)
        await asyncio.sleep(warm + seconds)
        self._running = False
        return await self._finish(Window(started + int(warm * 1e9), end, self._first))

    async def paced(self, kind: str, rate: float, seconds: float, warm: float = 0.5, answered: bool = False) -> Report:
        """Sends `rate` messages a second, spread over rooms and members, whatever the server does.

        Latencies count from the moment a message was due, so a late generator cannot hide a slow server.
        """
        started = self._begin()
        if answered:
            for member in self.members:
                member.acked = _ignore
        rooms = list(self.rooms.values())
        interval = 1e9 / rate
        end = started + int((warm + seconds) * 1e9)
        count = 0
        while (now := time.perf_counter_ns()) < end:
            due = started + int(count * interval)
            if now >= due:
                self._lag = max(self._lag, now - due)
            while due <= now:
                self._send(kind, rooms[count % len(rooms)], due, answered=answered)
                count += 1
                due = started + int(count * interval)
            await asyncio.sleep(0.001)
        self._running = False
        return await self._finish(Window(started + int(warm * 1e9), end, self._first))

    async def close(self) -> None:
        """Closes every connection and waits a moment for the servers' answers."""
        for member in self.members:
            member.close()
        await self.gone(self.members)
        for member in self.members:
            member.abort()

    async def gone(self, members: list[Member]) -> None:
        """Waits until these connections are closed, but not for ever."""
        for _ in range(round(CLOSE_TIMEOUT / 0.05)):
            if all(member.transport is None for member in members):
                return
            await asyncio.sleep(0.05)

    def _member(self, seat: Seat, index: int) -> Member:
        plan, room = self.plan, self.rooms[seat.room]
        headers = {"Authorization": f"Bearer {seat.token}"} if seat.token else {}
        host = f"{plan.host}:{plan.port}"
        member = DIALECTS[plan.dialect](host, plan.path.format(room=seat.room), headers, seat, room, index)
        member.padding = "." * plan.padding
        room.members.append(member)
        return member

    async def _enter(self, indexes: Iterable[int], *, concurrency: int, retry_for: float = 0.0) -> Connected:
        """Connects and joins the members at these indexes; failures try again until `retry_for` seconds."""
        result = Connected()
        limit = asyncio.Semaphore(concurrency)
        started = time.perf_counter()

        async def enter(index: int) -> None:
            pause = 0.1
            while True:
                member = self.members[index]
                async with limit:
                    result.attempts += 1
                    begun = time.perf_counter()
                    try:
                        await self._open(member)
                        result.members += 1
                        result.enter_ms.append((time.perf_counter() - begun) * 1000)
                        return
                    except (OSError, TimeoutError) as error:
                        result.errors[str(error).partition(";")[0] or type(error).__name__] += 1
                        member.abort()
                if time.perf_counter() - started > retry_for:
                    return
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(2.0, pause * 2)
                self.members[index] = self._replacement(member)

        await asyncio.gather(*(enter(index) for index in indexes))
        result.seconds = time.perf_counter() - started
        for member in self.members:
            member.errors.clear()  # those of the join are in the result already
        entered = [member for member in self.members if member.entered]
        result.recovered = Counter(getattr(member, "recovered", "") for member in entered)
        return result

    async def _open(self, member: Member) -> None:
        await asyncio.get_running_loop().create_connection(lambda: member, self.plan.host, self.plan.port)
        await member.enter()

    def _replacement(self, old: Member) -> Member:
        """Returns a fresh connection for the same seat that keeps the old one's receipts and position."""
        old.room.members.remove(old)
        fresh = self._member(old.seat, old.number)
        fresh.arrivals = old.arrivals
        fresh.errors = old.errors
        fresh.return_to(old)
        return fresh

    def _fanout(self, room: Room) -> int:
        return max(1, len(room.members) if self.echo else len(room.members) - 1)

    def _server_seconds(self) -> float:
        return cpu_seconds(self.plan.server_pid) if self.plan.server_pid else 0.0

    def _core_seconds(self) -> float:
        return core_seconds(set(self.plan.server_cores)) if self.plan.server_cores else 0.0

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _send(self, kind: str, room: Room, at: int, *, answered: bool, member: Member | None = None) -> None:
        if member is None:
            member = room.members[room.turn % len(room.members)]
            room.turn += 1
        number = self._next_number()
        room.sent.append(member.number << 24 | number)
        member.send_mark(kind, at, number, answered=answered)

    def _begin(self) -> int:
        for room in self.rooms.values():
            room.sent, room.received, room.threshold = [], 0, 1 << 62
            room.refused = set()
            room.refill = None
        for member in self.members:
            member.arrivals.events.clear()
            member.arrivals.acks.clear()
            member.acked = None
            member.frames = member.bytes_received = 0
        gc.collect()
        self._first = self._number + 1
        self._stalls = self._lag = 0
        self._running = True
        self._cpu = time.process_time()
        self._server_cpu, self._core_cpu = self._server_seconds(), self._core_seconds()
        self._began = time.perf_counter()
        return time.perf_counter_ns()

    async def _finish(self, window: Window) -> Report:
        elapsed = time.perf_counter() - self._began
        load_cpu = (time.process_time() - self._cpu) / elapsed
        server_cpu = (self._server_seconds() - self._server_cpu) / elapsed
        core_cpu = (self._core_seconds() - self._core_cpu) / elapsed
        deadline = time.perf_counter() + DRAIN
        seen, quiet_since = -1, time.perf_counter()
        while time.perf_counter() < deadline and time.perf_counter() - quiet_since < QUIET:
            if (frames := sum(member.frames for member in self.members)) != seen:
                seen, quiet_since = frames, time.perf_counter()
            await asyncio.sleep(0.02)
        report = Report(seconds=window.seconds, load_cpu=load_cpu, stalls=self._stalls)
        report.lag_ms, report.server_cpu = self._lag / 1e6, server_cpu
        report.others_cpu = core_cpu - server_cpu if self.plan.server_cores else 0.0
        report.sent = sum(len(room.sent) for room in self.rooms.values())
        for room in self.rooms.values():
            numbers = {position: member.number for position, member in enumerate(room.members)}
            arrivals = (member.arrivals for member in room.members)
            sent = [code for code in room.sent if code not in room.refused]
            tally(report, window, arrivals, sent, own=None if self.echo else numbers)
        for member in self.members:
            report.frames += member.frames
            report.bytes += member.bytes_received
            report.errors += member.errors
            member.errors = Counter()
            if member.close_code is not None:
                report.closes[f"{member.close_code} {member.close_reason.partition(';')[0]}".strip()] += 1
        return report


def _ignore(member: Member) -> None:
    """Stands where a closed loop would send the next command."""
