"""An asyncio client of protocol v1: asks that settle, rooms that recover, reconnects that lose nothing.

    async with Client("ws://127.0.0.1:8000/ws/", token) as client:
        await client.join(f"session:{session}")
        await client.ask("collaboration:message:send", {"session": session, "body": "hello"})
        async for event in client.events():
            print(event["type"], event["data"])

A command committed just before a connection broke comes back both as an event of the replay and as the answer
to the resent ask: a consumer that applies both compares their `seq`.
"""

# `timeout` parameters are the point here: an ask settles by itself.
# ruff: noqa: ASYNC109

from __future__ import annotations

import argparse
import asyncio
import contextlib
import inspect
import logging
import os
import random
import re
import secrets
import sys
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, NamedTuple, Self

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

Event = dict[str, Any]
Data = Mapping[str, Any]
State = Literal["connecting", "connected", "reconnecting", "closed"]

RESENT_CODES = frozenset({"rate.limited", "storage.busy", "storage.unavailable", "server.draining"})
HANDSHAKE_TIMEOUT = 10.0
CLOSE_TIMEOUT = 4.0
UNSENT_FRAMES = 1_000
SOCKET_OPTIONS: dict[str, Any] = {"proxy": None, "compression": None, "max_size": 2**24, "close_timeout": 2}

logger = logging.getLogger(__name__)
_decode = msgspec.json.Decoder(dict[str, Any] | list[dict[str, Any]]).decode
_uniform = random.SystemRandom().uniform


class Position(NamedTuple):
    """How far a room's log has been seen."""

    epoch: str
    seq: int


class Ack(msgspec.Struct, frozen=True):
    """The answer to an accepted command; room, epoch and seq are set when it appended to a room's log."""

    id: str
    data: dict[str, Any] = msgspec.field(default_factory=dict)
    room: str | None = None
    epoch: str | None = None
    seq: int | None = None


class RequestError(Exception):
    """The answer to a refused command, with the fields of its `error` frame."""

    def __init__(self, frame: Data) -> None:
        self.code: str = frame.get("code", "internal")
        self.message: str = frame.get("message", "")
        self.retryable: bool = frame.get("retryable", False)
        self.retry_after_ms: int | None = frame.get("retry_after_ms")
        self.details: dict[str, Any] = frame.get("details") or {}
        super().__init__(f"{self.code}: {self.message}")


class ConnectionClosedError(ConnectionError):
    """The connection is closed, with this code and reason: no answer will come over it."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"connection closed: {code} {reason}".rstrip())


@dataclass
class Stats:
    """What a client has counted since it was created."""

    connections: int = 0
    received: int = 0
    duplicates: int = 0
    gaps: int = 0
    overflowed: int = 0
    retries: int = 0


class _Joined(msgspec.Struct):
    """The part of a join's answer that positions the room."""

    epoch: str
    seq: int
    recovered: Literal["full", "snapshot", "none"]


@dataclass(eq=False)
class _Room:
    """A room to be in: its position, and the entries that arrive while its join is unanswered."""

    name: str
    position: Position | None = None
    head: int = 0
    join_id: str = ""
    joining: bool = True
    joined: asyncio.Future[Ack] | None = None
    held: list[tuple[Position, Event | None, bool]] = field(default_factory=list)
    answered: set[int] = field(default_factory=set)


@dataclass(eq=False)
class _Request:
    """A frame without its answer yet; a fleeting one concerns only the connection it went out on."""

    id: str
    type: str
    frame: bytes
    answer: asyncio.Future[Ack]
    fleeting: bool = False
    retry: bool = True
    repeated: bool = False
    room: _Room | None = None
    connection: int = 0
    attempts: int = 0
    refusal: RequestError | None = None


@dataclass(eq=False, repr=False)
class Client:
    """One user's connection to the server, kept up across drops.

    `url` may be several, rotated when a connection ends. `token` is a string, or a callable returning a fresh
    one, called before each connection and on `auth:expiring`; its OSError counts as a failed connection.
    `backoff` is (base, cap) in seconds. The latest `max_events` unread events are kept, unless `on_event`
    takes them synchronously. `socket_options` (ssl, proxy, …) go to `websockets.asyncio.client.connect`.
    """

    url: str | Sequence[str]
    token: str | Callable[[], str | Awaitable[str]]
    _: KW_ONLY
    instance: str | None = None
    capabilities: Sequence[str] = ("batch",)
    name: str = "python"
    version: str = "1.0.0"
    auth: Literal["header", "subprotocol", "hello"] = "header"
    ask_timeout: float = 10.0
    backoff: tuple[float, float] = (0.2, 10.0)
    reconnect: bool = True
    origin: str | None = None
    headers: Mapping[str, str] | None = None
    max_events: int = 10_000
    on_event: Callable[[Event], None] | None = None
    on_state: Callable[[State], None] | None = None
    socket_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.instance = self.instance or str(uuid.uuid4())
        self.state: State = "connecting"
        self.info: dict[str, Any] = {}
        self.closed: tuple[int, str] | None = None
        self.stats = Stats()
        self._urls = deque([self.url] if isinstance(self.url, str) else self.url)
        # The server remembers ids for 24 h per instance, and `instance` may outlive this object.
        self._id_prefix, self._id_count = secrets.token_hex(4), 0
        self._hello_id = ""
        self._pending: dict[str, _Request] = {}
        self._rooms: dict[str, _Room] = {}
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._ready = asyncio.Event()
        self._outgoing: asyncio.Queue[bytes | None] | None = None
        self._authenticated = False
        self._closing = False
        self._outcome = (1006, "not connected")
        self._runner: asyncio.Task[None] | None = None
        self._refresher: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def connect(self) -> Self:
        """Connect, retrying for `ask_timeout`; raise ConnectionClosedError if refused, else TimeoutError."""
        if self._runner is not None and not self._runner.done():
            raise RuntimeError("already connected")
        self.closed, self._closing = None, False
        self._ready.clear()
        self._set_state("connecting")
        self._runner = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(self.ask_timeout):
                await self._ready.wait()
            self._require_open()
        except TimeoutError:
            await self.close()
            raise TimeoutError(f"not connected in {self.ask_timeout} s: {self._outcome[1]}") from None
        except BaseException:
            await self.close()
            raise
        return self

    async def close(self) -> None:
        """Send what is queued, close with 1000 and fail what is unanswered."""
        self._closing = True
        if self._refresher is not None:
            self._refresher.cancel()
        if self._runner is None:
            return
        if self._outgoing is not None:
            self._outgoing.put_nowait(None)
            await asyncio.wait([self._runner], timeout=CLOSE_TIMEOUT)
        self._runner.cancel()
        await asyncio.wait([self._runner])
        if not self._runner.cancelled():
            self._runner.result()

    async def ask(
        self,
        type: str,
        data: Data | None = None,
        *,
        id: str | None = None,
        timeout: float | None = None,
        retry: bool = True,
    ) -> Ack:
        """Send a command and return its ack, resending it under its id after a drop or a temporary error.

        Raises RequestError when refused, ConnectionClosedError when the client is closed, and TimeoutError
        after `timeout` (default `ask_timeout`) seconds. Rooms are joined and left with `join` and `leave`.
        """
        request = self._request(type, data or {}, id=id)
        request.retry = retry
        return await self._answer(request, timeout)

    def tell(self, type: str, data: Data | None = None) -> bool:
        """Send a command nobody waits for; return False when dropped: offline, or too much is unsent."""
        if self.state != "connected" or self._outgoing is None or self._outgoing.qsize() >= UNSENT_FRAMES:
            return False
        self._push({"type": type, "data": data or {}})
        return True

    async def ping(self, timeout: float | None = None) -> float:
        """Return the round-trip time in seconds."""
        started = time.perf_counter()
        await self._answer(self._request("ping", fleeting=True), timeout)
        return time.perf_counter() - started

    async def join(self, room: str, since: tuple[str, int] | None = None, *, timeout: float | None = None) -> Ack:
        """Join a room, from now or `since` (epoch, seq), and stay in it across reconnects.

        An answer with `recovered: "snapshot"` is also delivered, in order, as the event `client:snapshot`; a
        room that cannot be joined again is announced as `client:left`. A join that times out forgets it.
        """
        self._require_open()
        entry = self._rooms.setdefault(room, _Room(room))
        if entry.joined is None:
            entry.joined = asyncio.get_running_loop().create_future()
            entry.position = Position(*since) if since else None
            if self._authenticated:
                self._send_join(entry)
        try:
            async with asyncio.timeout(self.ask_timeout if timeout is None else timeout):
                return await asyncio.shield(entry.joined)
        except (TimeoutError, asyncio.CancelledError):
            self._rooms.pop(room, None)
            self.tell("room:leave", {"room": room})
            self._resume()
            raise

    async def leave(self, room: str) -> None:
        """Leave a room and stop following it."""
        self._rooms.pop(room, None)
        if self._authenticated:
            with contextlib.suppress(ConnectionClosedError):
                await self._answer(self._request("room:leave", {"room": room}, fleeting=True), None)

    @property
    def last_close(self) -> tuple[int, str]:
        """Return the code and reason with which the latest connection, or attempt at one, ended."""
        return self._outcome

    def position(self, room: str) -> Position | None:
        """Return how far a joined room has been seen."""
        entry = self._rooms.get(room)
        return entry.position if entry else None

    async def events(self) -> AsyncIterator[Event]:
        """Yield events as they come; end after `close`, raise ConnectionClosedError after any other end."""
        try:
            while True:
                yield await self._take(lambda event: True)
        except ConnectionClosedError as error:
            if error.code != 1000:
                raise

    async def expect(self, type: str, *, room: str | None = None, timeout: float = 5.0) -> Event:
        """Return the next unread event of a type (and room), leaving the others unread."""
        try:
            async with asyncio.timeout(timeout):
                return await self._take(lambda event: event.get("type") == type and room in (None, event.get("room")))
        except TimeoutError:
            unread = ", ".join(sorted({str(event.get("type")) for event in self._events})) or "nothing"
            raise TimeoutError(f"no {type} within {timeout} s; unread: {unread}") from None

    # Connecting

    async def _run(self) -> None:
        """Keep a connection up until it is closed for good."""
        final = (1011, "client failed")
        failures, renewed = 0, False
        try:
            while True:
                code, reason = self._outcome = await self._serve(self._urls[0])
                logger.info("Connection ended: %s %s", code, reason)
                established = self._authenticated
                self._disconnected(code, reason)
                failures, renewed = (0, False) if established else (failures + 1, renewed)
                self._urls.rotate(-1)
                renew = code == 4401 and callable(self.token) and not renewed
                exhausted = not self.reconnect and (established or failures >= len(self._urls))
                if self._closing or exhausted or (4400 <= code < 4500 and not renew):
                    final = (1000, "") if self._closing else (code, reason)
                    return
                renewed = renewed or renew
                if self.state == "connected":
                    self._set_state("reconnecting")
                retry = re.search(r";retry_ms=(\d{1,7})", reason)
                await asyncio.sleep((int(retry[1]) / 1000 if retry else 0) + self._delay(failures))
        except asyncio.CancelledError:
            final = (1000, "")
            raise
        finally:
            self._disconnected(*final)
            self._finished(*final)

    async def _serve(self, url: str) -> tuple[int, str]:
        """Open one connection, serve it until it ends and return its close code and reason."""
        try:
            token = await self._fresh_token()
            socket = await self._open(url, token)
        except InvalidStatus as error:
            status = error.response.status_code
            # A server that let us in before answers 403 to too many handshakes from our address, not to us.
            final = status == 401 or (status == 403 and not self.stats.connections)
            return 4000 + status if final else 1006, f"HTTP {status}"
        except (OSError, InvalidHandshake) as error:
            return 1006, str(error) or type(error).__name__
        self.stats.connections += 1
        self._outgoing = asyncio.Queue()
        writer = asyncio.create_task(self._write(socket, self._outgoing))
        try:
            async with socket:
                self._hello_id = self._new_id()
                self._push({"type": "hello", "id": self._hello_id, "data": self._hello(token)})
                async with asyncio.timeout(HANDSHAKE_TIMEOUT):
                    while not self._authenticated:
                        self._receive(await socket.recv(decode=False))
                while True:
                    self._receive(await socket.recv(decode=False))
        except ConnectionClosed:
            return socket.close_code or 1006, socket.close_reason or ""
        except ConnectionClosedError as error:
            return error.code, error.reason
        except TimeoutError:
            return 1006, f"no `connected` within {HANDSHAKE_TIMEOUT} s"
        except msgspec.DecodeError as error:
            return 1007, str(error)
        finally:
            writer.cancel()

    async def _open(self, url: str, token: str) -> ClientConnection:
        headers, subprotocols = dict(self.headers or {}), None
        if self.auth == "header":
            headers["Authorization"] = f"Bearer {token}"
        elif self.auth == "subprotocol":
            subprotocols = [Subprotocol("bduf.v1"), Subprotocol(f"bearer.{token}")]
        options = SOCKET_OPTIONS | {"origin": self.origin, **self.socket_options}
        return await open_socket(url, additional_headers=headers, subprotocols=subprotocols, **options)

    def _hello(self, token: str) -> Event:
        client = {"name": self.name, "version": self.version, "instance": self.instance}
        credential = {"token": token} if self.auth == "hello" else {}
        return {"client": client, "capabilities": list(self.capabilities), **credential}

    async def _write(self, socket: ClientConnection, outgoing: asyncio.Queue[bytes | None]) -> None:
        """Send queued frames in order, and close after the None that ends them."""
        with contextlib.suppress(ConnectionClosed):
            while (frame := await outgoing.get()) is not None:
                await socket.send(frame, text=True)
            await socket.close()

    async def _fresh_token(self) -> str:
        token = self.token() if callable(self.token) else self.token
        return await token if inspect.isawaitable(token) else token

    async def _refresh(self) -> None:
        """Swap the token in place; where this fails the server closes 4401, and connecting asks for one."""
        with contextlib.suppress(RequestError, OSError):
            token = await self._fresh_token()
            await self._answer(self._request("auth:refresh", {"token": token}, fleeting=True), None)

    def _disconnected(self, code: int, reason: str) -> None:
        """Forget what belonged to the connection that ended."""
        self._outgoing, self._authenticated = None, False
        for request in [request for request in self._pending.values() if request.fleeting]:
            del self._pending[request.id]
            if request.room is None and not request.answer.done():
                request.answer.set_exception(ConnectionClosedError(code, reason))
        for room in self._rooms.values():
            room.joining = True
            room.held.clear()
            room.answered.clear()

    def _finished(self, code: int, reason: str) -> None:
        """Fail everything that still waits."""
        self.closed = (code, reason)
        self._set_state("closed")
        answers = [request.answer for request in self._pending.values()]
        for answer in answers + [room.joined for room in self._rooms.values() if room.joined is not None]:
            if not answer.done():
                answer.set_exception(ConnectionClosedError(code, reason))
        for room in self._rooms.values():
            room.joined = None
        self._ready.set()
        self._arrived.set()

    def _resume(self) -> None:
        """Become connected once every room is joined (again), and send what waited for that."""
        if self.state == "connected" or not self._authenticated:
            return
        if not any(room.joining for room in self._rooms.values()):
            self._set_state("connected")
            self._ready.set()
            for request in [request for request in self._pending.values() if not request.fleeting]:
                self._transmit(request)

    def _delay(self, failures: int) -> float:
        """Pick a pause with full jitter."""
        base, cap = self.backoff
        return _uniform(0, min(cap, base * 2 ** min(failures, 32)))

    def _set_state(self, state: State) -> None:
        if state != self.state:
            self.state = state
            if self.on_state is not None:
                self.on_state(state)

    def _require_open(self) -> None:
        if self.closed is not None:
            raise ConnectionClosedError(*self.closed)

    # Outgoing

    def _new_id(self) -> str:
        self._id_count += 1
        return f"{self._id_prefix}-{self._id_count}"

    def _push(self, message: Event) -> None:
        if self._outgoing is not None:
            self._outgoing.put_nowait(msgspec.json.encode(message))

    def _request(
        self, type: str, data: Data | None = None, *, id: str | None = None, fleeting: bool = False
    ) -> _Request:
        self._require_open()
        message: Event = {"type": type, "id": id or self._new_id()}
        if data is not None:
            message["data"] = data
        answer = asyncio.get_running_loop().create_future()
        frame = msgspec.json.encode(message)
        return _Request(message["id"], type, frame, answer, fleeting=fleeting, repeated=id is not None)

    async def _answer(self, request: _Request, timeout: float | None) -> Ack:
        """Send a request, now or once connected, and wait for its answer."""
        if request.fleeting and not self._authenticated:
            raise ConnectionClosedError(*self._outcome)
        if request.id in self._pending:
            raise ValueError(f"id {request.id} waits for its answer already")
        self._pending[request.id] = request
        if self.state == "connected" or request.fleeting:
            self._transmit(request)
        timeout = self.ask_timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(timeout):
                return await request.answer
        except TimeoutError:
            raise TimeoutError(f"no answer to {request.type} within {timeout} s") from request.refusal
        finally:
            self._pending.pop(request.id, None)

    def _transmit(self, request: _Request) -> None:
        request.repeated |= 0 < request.connection < self.stats.connections
        request.connection = self.stats.connections
        request.attempts += 1
        if self._outgoing is not None:
            self._outgoing.put_nowait(request.frame)

    def _retransmit(self, request: _Request, connection: int) -> None:
        """Send a request again, unless it was answered or sent over a newer connection meanwhile."""
        if self._pending.get(request.id) is request and connection == self.stats.connections:
            self._transmit(request)

    def _send_join(self, room: _Room) -> None:
        since = {"since": room.position._asdict()} if room.position else {}
        request = self._request("room:join", {"room": room.name} | since, fleeting=True)
        request.room, room.joining, room.join_id = room, True, request.id
        self._pending[request.id] = request
        self._transmit(request)

    # Incoming

    def _receive(self, raw: bytes) -> None:
        frame = _decode(raw)
        for message in frame if isinstance(frame, list) else (frame,):
            self.stats.received += 1
            self._dispatch(message)

    def _dispatch(self, message: Event) -> None:
        type, id = message.get("type"), message.get("id")
        if type in ("ack", "pong"):
            self._accepted(msgspec.convert(message, Ack))
        elif type == "error" and id is not None:
            self._refused(id, RequestError(message))
        elif type == "ping":
            self._push({"type": "pong"} if id is None else {"type": "pong", "id": id})
        elif type == "connected":
            self.info, self._authenticated = message.get("data", {}), True
            for joined in self._rooms.values():
                self._send_join(joined)
            self._resume()
        else:
            if type == "auth:expiring" and callable(self.token):
                self._refresher = asyncio.create_task(self._refresh())
            room, seq = self._rooms.get(message.get("room", "")), message.get("seq")
            if room is None or seq is None:
                self._deliver(message)
            else:
                self._log(room, Position(message.get("epoch", ""), seq), message)

    def _accepted(self, ack: Ack) -> None:
        request = self._pending.pop(ack.id, None)
        if request is not None and request.room is not None:
            self._joined(request.room, ack)
            return
        room = self._rooms.get(ack.room or "")
        if room is not None and ack.seq is not None:
            repeated = request is None or request.repeated
            self._log(room, Position(ack.epoch or "", ack.seq), None, repeated)
        if request is not None and not request.answer.done():
            request.answer.set_result(ack)

    def _refused(self, id: str, error: RequestError) -> None:
        request = self._pending.get(id)
        if id == self._hello_id:
            code = 4401 if error.code.startswith("auth.") else 4500 if error.retryable else 4400
            raise ConnectionClosedError(code, error.code)
        if request is None or request.answer.done():
            return
        if error.retryable and error.code in RESENT_CODES and request.retry:
            self.stats.retries += 1
            request.refusal = error
            after = error.retry_after_ms
            delay = self._delay(request.attempts) if after is None else after / 1000
            loop = asyncio.get_running_loop()
            loop.call_later(delay, self._retransmit, request, request.connection)
        elif request.room is not None:
            del self._pending[id]
            self._unjoined(request.room, id, error)
        else:
            request.answer.set_exception(error)

    def _joined(self, room: _Room, ack: Ack) -> None:
        """Position a room by the answer to its join, and let go what was held behind it."""
        if self._rooms.get(room.name) is not room or room.join_id != ack.id:
            return
        joined = msgspec.convert(ack.data, _Joined)
        room.joining, room.head = False, joined.seq
        room.answered.clear()
        if joined.recovered != "full" or room.position is None:
            room.position = Position(joined.epoch, joined.seq)
        if joined.recovered == "snapshot":
            self._deliver({"type": "client:snapshot", "room": room.name, "data": ack.data})
        if room.joined is not None:
            room.joined.set_result(ack)
            room.joined = None
        if ack.seq is not None:
            room.held.append((Position(ack.epoch or "", ack.seq), None, True))
        room.held = [held for held in room.held if held[0].epoch == joined.epoch and held[0].seq > joined.seq]
        self._release(room)
        self._resume()

    def _unjoined(self, room: _Room, id: str, error: RequestError) -> None:
        """Forget a room that cannot be joined (again)."""
        if self._rooms.get(room.name) is not room or room.join_id != id:
            return
        del self._rooms[room.name]
        if room.joined is not None:
            room.joined.set_exception(error)
        else:
            data = {"code": error.code, "message": error.message}
            self._deliver({"type": "client:left", "room": room.name, "data": data})
        self._resume()

    def _log(self, room: _Room, new: Position, event: Event | None, repeated: bool = False) -> None:
        """Advance a room by the next entry of its log; drop a duplicate; join again at a gap.

        The answer to a repeated command may overtake the events before it, and its own event may still come.
        """
        last = room.position
        if room.joining or last is None:
            room.held.append((new, event, repeated))
        elif new.epoch == last.epoch and new.seq <= last.seq:
            if event is not None and new.seq not in room.answered:
                self.stats.duplicates += 1
        elif new.epoch == last.epoch and new.seq == last.seq + 1:
            room.position = new
            if event is not None:
                self._deliver(event)
            elif repeated:
                room.answered.add(new.seq)
            self._release(room)
        elif not repeated:
            self.stats.gaps += 1
            room.held.append((new, event, repeated))
            self._send_join(room)

    def _release(self, room: _Room) -> None:
        """Let go what was held, once the replay has reached the head that the join's answer named."""
        if room.held and room.position is not None and room.position.seq >= room.head:
            held, room.held = room.held, []
            for entry in held:
                self._log(room, *entry)

    def _deliver(self, event: Event) -> None:
        if self.on_event is not None:
            self.on_event(event)
            return
        if len(self._events) >= self.max_events:
            self._events.popleft()
            self.stats.overflowed += 1
        self._events.append(event)
        self._arrived.set()

    async def _take(self, matches: Callable[[Event], bool]) -> Event:
        """Return the first unread event that matches, now or when it comes."""
        while True:
            for index, event in enumerate(self._events):
                if matches(event):
                    del self._events[index]
                    return event
            self._require_open()
            self._arrived.clear()
            await self._arrived.wait()


async def _print_events(url: str, token: str, rooms: Sequence[str]) -> None:
    def show(message: Event) -> None:
        sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
        sys.stdout.flush()

    async with Client(url, token, name="cli") as client:
        show({"type": "connected", "data": client.info})
        for room in rooms:
            show({"type": "client:joined", "room": room, "data": (await client.join(room)).data})
        async for event in client.events():
            show(event)


def main() -> None:
    """Print a server's events as JSON lines until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m bduf_realtime.client", description=main.__doc__)
    parser.add_argument("--url", default="ws://127.0.0.1:8000/ws/", help="default: %(default)s")
    parser.add_argument("--token", default=os.environ.get("REALTIME_TOKEN"), help="default: $REALTIME_TOKEN")
    parser.add_argument("--join", metavar="ROOM", action="append", default=[], help="may be repeated")
    options = parser.parse_args()
    if not options.token:
        parser.error("--token or $REALTIME_TOKEN is required")
    try:
        asyncio.run(_print_events(options.url, options.token, options.join))
    except KeyboardInterrupt:
        pass
    except (OSError, RequestError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
