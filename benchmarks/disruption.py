"""What goes wrong on purpose: everyone is cut at once, or one client stops reading or answering."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field

from benchmarks.members import DIALECTS, Member, Room, Seat
from benchmarks.report import Report, Window
from benchmarks.worker import Connected, Worker

SMALL_BUFFER = 32_768  # a slow client's kernel must not hide that it does not read


@dataclass
class Return:
    """How everyone came back after a cut: the reconnections, and what was received in the end."""

    connected: Connected = field(default_factory=Connected)
    report: Report = field(default_factory=Report)
    cut: int = 0

    def merge(self, other: Return) -> None:
        """Adds another worker's share."""
        self.connected.merge(other.connected)
        self.report.merge(other.report)
        self.cut += other.cut


@dataclass
class Outcome:
    """What became of a slow client."""

    code: int | None = None
    reason: str = ""
    bytes: int = 0


class DisruptiveWorker(Worker):
    """A worker that can also cut its own members and seat a client that does not keep up."""

    slow: Member | None = None

    async def cut_and_return(
        self, kind: str, missed: int, concurrency: int, retry_for: float, pace: float = 200.0
    ) -> Return:
        """Cuts all but one member of every room, sends `missed` messages a room, and brings everyone back.

        The one left in each room is the sender. `pace` bounds the messages a second meanwhile. The time that
        counts starts when the first client reconnects and ends when the last has its answer to the join.
        """
        started = self._begin()
        speakers = {room.name: room.members[0] for room in self.rooms.values()}
        staying = {member.number for member in speakers.values()}
        leaving = [index for index, member in enumerate(self.members) if member.number not in staying]
        for index in leaving:
            self.members[index].abort()
        await self.gone([self.members[index] for index in leaving])
        for _ in range(missed):
            for room in self.rooms.values():
                speaker = speakers[room.name]
                self._send(kind, room, time.perf_counter_ns(), answered=True, member=speaker)
                await asyncio.sleep(1 / pace)
        for index in leaving:
            self.members[index] = self._replacement(self.members[index])
        connected = await self._enter(leaving, concurrency=concurrency, retry_for=retry_for)
        self._running = False
        report = await self._finish(Window(started, time.perf_counter_ns(), self._first))
        return Return(connected, report, len(leaving))

    async def seat_slow(self, seat: Seat, reads: bool) -> None:
        """Seats one more client that never reads, or that reads but never answers a ping."""
        loop = asyncio.get_running_loop()
        host = f"{self.plan.host}:{self.plan.port}"
        headers = {"Authorization": f"Bearer {seat.token}"} if seat.token else {}
        path = self.plan.path.format(room=seat.room)
        # In a room of its own as far as counting goes: nobody expects its receipts.
        slow = DIALECTS[self.plan.dialect](host, path, headers, seat, Room(seat.room), len(self.members))
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        await loop.sock_connect(connection, (self.plan.host, self.plan.port))
        await loop.create_connection(lambda: slow, sock=connection)
        await slow.enter()
        slow.answers_pings = False
        if not reads and slow.transport is not None:
            slow.transport.pause_reading()
        self.slow = slow

    async def slow_outcome(self) -> Outcome:
        """Lets the slow client read at last, and tells how the server left it."""
        slow = self.slow
        if slow is None:
            return Outcome()
        if slow.transport is not None:
            slow.transport.resume_reading()
        await self.gone([slow])
        outcome = Outcome(slow.close_code, slow.close_reason, slow.bytes_received)
        slow.abort()
        return outcome
