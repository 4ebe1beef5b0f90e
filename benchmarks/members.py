"""One connected client of the load generator, speaking protocol v1 or the stock baseline's plain JSON."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks.report import ACK, EVENT, MARK_BYTES, Arrivals, mark
from benchmarks.websocket import WebSocketClient

STEP_TIMEOUT = 15.0
REFUSAL_PAUSE = 0.05  # before a refused sender tries again


class Refused(ConnectionError):
    """The server answered a command with an error frame; the text is its code."""


@dataclass(frozen=True)
class Seat:
    """Who sits where: one user's place in one room."""

    room: str
    token: str = ""


@dataclass
class Room:
    """One room as the generator sees it: who is in, what was sent, and when the next message is due."""

    name: str
    members: list[Member] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    received: int = 0
    threshold: int = 1 << 62
    turn: int = 0
    refill: Callable[[Room], None] | None = None


class Member(WebSocketClient):
    """A client that counts marks in whatever it receives and decodes JSON only when it must."""

    def __init__(self, host: str, path: str, headers: dict[str, str], seat: Seat, room: Room, number: int) -> None:
        super().__init__(host, path, headers)
        self.seat = seat
        self.room = room
        self.number = number
        self.arrivals = Arrivals()
        self.frames = 0
        self.errors: Counter[str] = Counter()
        self.acked: Callable[[Member], None] | None = None
        self.entered = False
        self.answers_pings = True
        self.padding = ""
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}

    async def enter(self) -> None:
        """Waits until this client is in its room and will receive what is sent there."""
        await asyncio.wait_for(self.ready, STEP_TIMEOUT)
        self.entered = True

    def send_mark(self, kind: str, at: int, number: int, *, answered: bool) -> None:
        """Sends one marked message of a kind; `answered` asks for an ack that carries the mark back."""
        raise NotImplementedError

    def track(self) -> None:
        """Starts to remember the position of the room, where the language has one."""

    def return_to(self, old: Member) -> None:
        """Takes over where a connection of the same seat was cut."""

    def text_received(self, payload: bytes) -> None:
        now = time.perf_counter_ns()
        self.frames += 1
        pieces = payload.split(EVENT)
        if len(pieces) > 1:
            self.arrivals.events.append((now, [piece[:MARK_BYTES] for piece in pieces]))
            room = self.room
            room.received += len(pieces) - 1
            if room.received >= room.threshold and room.refill is not None:
                room.refill(room)
        if b'"ping"' in payload or b'"error"' in payload or not self.entered:
            payload = self.decoded(payload)
        if self.acked is not None:
            pieces = payload.split(ACK)
            if len(pieces) > 1:
                self.arrivals.acks.append((now, [piece[:MARK_BYTES] for piece in pieces]))
                for _ in range(len(pieces) - 1):
                    self.acked(self)

    def decoded(self, payload: bytes) -> bytes:
        """Reads a frame that wants more than counting: pings, errors, everything before the join.

        Returns the frame without its errors, so that a refused command does not count as acknowledged.
        """
        messages = msgspec.json.decode(payload)
        messages = messages if isinstance(messages, list) else [messages]
        for message in messages:
            self.message_received(message)
        kept = [message for message in messages if message.get("type") != "error"]
        if len(kept) == len(messages):
            return payload
        names = [str(message.get("id")).encode() for message in messages if message not in kept]
        refused = [int(name[-10:], 16) for name in names if name.startswith(ACK)]
        self.room.refused.update(refused)
        if self.acked is not None and refused:
            asyncio.get_running_loop().call_later(REFUSAL_PAUSE, self.acked, self)
        return msgspec.json.encode(kept)

    def message_received(self, message: dict[str, Any]) -> None:
        """Takes one decoded message; the stock baseline has none that need an answer."""

    def closed(self) -> None:
        error = ConnectionResetError(f"closed {self.close_code} {self.close_reason}")
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # read once, so that nobody waiting leaves no warning
        self._waiting.clear()


class StockMember(Member):
    """A client of the stock Django Channels baseline: the path names the room, nothing is acknowledged."""

    def send_mark(self, kind: str, at: int, number: int, *, answered: bool) -> None:
        code = mark(at, self.number, number)
        self.send_text(f'{{"name":"bench","payload":{{"m":"~e{code}{self.padding}"}}}}'.encode())


class RealtimeMember(Member):
    """A client of protocol v1: hello, join or recovery, marked signals, messages and cursor moves."""

    position: tuple[str, int] | None = None
    recovered = ""
    _tracked: re.Pattern[bytes] | None = None
    _last_frame = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connected = self._expect("connected")  # now: it may come in the packet of the handshake

    async def enter(self) -> None:
        await asyncio.wait_for(self.ready, STEP_TIMEOUT)
        self.send_text(b'{"type":"hello","id":"hello","data":{"capabilities":["batch"]}}')
        await asyncio.wait_for(self._connected, STEP_TIMEOUT)
        data: dict[str, Any] = {"room": f"session:{self.seat.room}"}
        if self.position is not None:
            data["since"] = {"epoch": self.position[0], "seq": self.position[1]}
        joined = self._expect("join")
        self.send_text(msgspec.json.encode({"type": "room:join", "id": "join", "data": data}))
        state = (await asyncio.wait_for(joined, STEP_TIMEOUT))["data"]
        self.position = (state["epoch"], state["seq"])
        self.recovered = state["recovered"]
        self.entered = True

    def track(self) -> None:
        """Starts to remember the last durable frame, so that `where` can say what to recover from."""
        self._tracked = re.compile(
            rb'"room":\s*"session:%b",\s*"epoch":\s*"[^"]*",\s*"seq":\s*(\d+)' % self.seat.room.encode()
        )

    def where(self) -> tuple[str, int] | None:
        """Returns the position to recover from: the last durable frame's highest seq, else the join's."""
        if self.position is None or self._tracked is None:
            return self.position
        seen = [int(seq) for seq in self._tracked.findall(self._last_frame)]
        return self.position[0], max([self.position[1], *seen])

    def return_to(self, old: Member) -> None:
        assert isinstance(old, RealtimeMember)
        self.position = old.where()
        self.track()

    def text_received(self, payload: bytes) -> None:
        super().text_received(payload)
        if self._tracked is not None and self._tracked.search(payload):
            self._last_frame = payload

    def send_mark(self, kind: str, at: int, number: int, *, answered: bool) -> None:
        code, room, pad = mark(at, self.number, number), self.seat.room, self.padding
        name = f'"id":"~a{code}",' if answered else ""
        if kind == "signal":
            data = f'"session":"{room}","name":"bench","payload":{{"m":"~e{code}{pad}"}}'
            text = f'{{"type":"collaboration:signal:send",{name}"data":{{{data}}}}}'
        elif kind == "message":
            data = f'"session":"{room}","body":"bench ~e{code}{pad}"'
            text = f'{{"type":"collaboration:message:send",{name}"data":{{{data}}}}}'
        elif kind == "cursor":
            data = f'"session":"{room}","position":{{"m":"~e{code}"}}'
            text = f'{{"type":"collaboration:cursor:move",{name}"data":{{{data}}}}}'
        else:
            raise ValueError(f"no such kind of message: {kind}")
        self.send_text(text.encode())

    def message_received(self, message: dict[str, Any]) -> None:
        kind, name = message.get("type"), message.get("id")
        if kind == "ping":
            if self.answers_pings:
                self.send_text(msgspec.json.encode({"type": "pong", "id": name}))
        elif kind == "connected":
            self._resolve("connected", message)
        elif kind == "ack" and isinstance(name, str):
            self._resolve(name, message)
        elif kind == "error":
            code = str(message.get("code"))
            self.errors[code] += 1
            for key in (name, "connected"):
                waiting = self._waiting.pop(key, None) if isinstance(key, str) else None
                if waiting is not None and not waiting.done():
                    waiting.set_exception(Refused(f"{code}: {message.get('message')}"))

    def _expect(self, name: str) -> asyncio.Future[dict[str, Any]]:
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[name] = waiting
        return waiting

    def _resolve(self, name: str, message: dict[str, Any]) -> None:
        waiting = self._waiting.pop(name, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)


DIALECTS: dict[str, type[Member]] = {"stock": StockMember, "realtime": RealtimeMember}
