"""What a connection understands: reads each frame strictly, limits it, runs its handler, and answers exactly once."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec
import structlog

from bduf_realtime.gateway import auth, doors, metrics, presence
from bduf_realtime.gateway import process as processes
from bduf_realtime.gateway.answering import ANSWERED, Answered, Answering, Request
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.doors import Grant
from bduf_realtime.gateway.errors import Close, RealtimeError
from bduf_realtime.gateway.handlers import Handler, handles, table
from bduf_realtime.gateway.joining import enter
from bduf_realtime.gateway.messages import (
    AuthRefresh,
    Hello,
    History,
    Ping,
    Pong,
    RoomHistory,
    RoomJoin,
    RoomJoined,
    RoomLeave,
    RoomLeft,
    ServerTime,
    TokenTaken,
    Welcome,
)
from bduf_realtime.gateway.ratelimit import Limits
from bduf_realtime.gateway.reading import Envelope, Unreadable, read_data, read_envelope, salvage_id
from bduf_realtime.gateway.rights import InDoubt
from bduf_realtime.gateway.socket import Send
from bduf_realtime.gateway.storage import call
from bduf_realtime.rooms.batch import Submission
from bduf_realtime.rooms.events import ack_frame, encode, timestamp

logger = structlog.get_logger(__name__)

CAPABILITIES = frozenset({"batch"})
IDENTITY_TRIES = 3


class RealtimeConsumer(Answering):
    """Section 3 and 4 of the protocol; every domain's consumer adds its own commands to these."""

    handlers: ClassVar[dict[str, Handler]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.handlers = table(cls)

    def _open(self, process: processes.Process, handshake: auth.Handshake, send: Send) -> None:
        super()._open(process, handshake, send)
        self._backlog: deque[tuple[Handler, Request, int]] = deque()
        self._backlog_bytes = 0
        self._barrier: asyncio.Task[None] | None = None
        self._said_hello = False
        self._identity_tries = 0
        self._limits = Limits(conf, process.users)

    def ended(self) -> None:
        if self._barrier is not None:
            self._barrier.cancel()
        self._backlog.clear()

    # --- frames in -----------------------------------------------------------------------------------------------

    async def received(self, message: dict[str, Any], now: float) -> None:
        text = message.get("text")
        size = len(text) if text is not None else len(message.get("bytes") or b"")
        self.messages_in += 1
        self.bytes_in += size
        metrics.bytes_received.inc(size)
        if size * 4 > conf.message_bytes and len((text or "").encode("utf-8", "replace")) > conf.message_bytes:
            self.close(Close.TOO_LARGE, "msg.too_large")
            return
        if text is None:
            self.malformed_frame(RealtimeError("msg.bad_json", "This endpoint takes text frames."), None, now)
            return
        try:
            envelope = read_envelope(text)
        except Unreadable as unreadable:
            self.malformed_frame(unreadable.error, unreadable.id, now)
            return
        except RealtimeError as error:
            self.malformed_frame(error, salvage_id(text), now)
            return
        if self.identity is None:
            await self._first_frame(envelope, now)
            return
        self._take(envelope, size, now)

    def malformed_frame(self, error: RealtimeError, id_: str | None, now: float) -> None:
        self.send_error(error, id_)
        if self.identity is None:
            self.close(Close.BAD_PROTOCOL, "auth.hello_expected")
        elif error.malformed and self._limits.malformed(now):
            self.close(Close.TOO_MANY_INVALID, "msg.too_many_invalid")

    async def _first_frame(self, envelope: Envelope, now: float) -> None:
        """Before anything else the client says who it is; nothing else is even looked at."""
        if envelope.type != "hello":
            self.refuse_and_close(
                RealtimeError("auth.invalid", "The first frame is hello.", close=Close.BAD_PROTOCOL),
                envelope.id,
            )
            return
        try:
            hello = read_data(envelope.data, Hello)
        except RealtimeError as error:
            error.close = Close.BAD_PROTOCOL
            self.refuse_and_close(error, envelope.id)
            return
        if hello.token is None:
            self.refuse_and_close(
                RealtimeError("auth.invalid", "hello needs a token.", close=Close.UNAUTHENTICATED),
                envelope.id,
            )
        elif await self.authenticate(hello.token):
            welcome = self._introduced(hello)
            self.send_connected(welcome.capabilities)
            self.answer(Request("hello", envelope.id, envelope.data, now), welcome)

    def _take(self, envelope: Envelope, size: int, now: float) -> None:
        handler = self.handlers.get(envelope.type)
        if handler is None:
            metrics.received("unknown").inc()
            if self._within_rate("unknown", None, envelope.id, now):
                self.malformed_frame(
                    RealtimeError("msg.unknown_type", details={"type": envelope.type}), envelope.id, now
                )
            return
        metrics.received(handler.type).inc()
        request = Request(handler.type, envelope.id, envelope.data, now)
        if handler.shape is Pong:
            self._run(handler, request)
            return
        if not self._within_rate(handler.type, handler.rate, envelope.id, now, size):
            return
        if handler.shape is not Ping:
            self._active = now
            if self.expired and handler.shape is not AuthRefresh:
                self.send_error(RealtimeError("auth.expired"), envelope.id)
                return
            if self._barrier is not None or self._backlog or self.outbox.congested or self._must_wait(handler):
                self._wait(handler, request, size)
                return
        self._run(handler, request)

    def _wait(self, handler: Handler, request: Request, size: int) -> None:
        """Keeps a command until its turn comes, or refuses it.

        Not to read the socket instead would lock it: the pong that lets the outbox go on comes behind the commands.
        """
        full = len(self._backlog) >= conf.inbound_backlog or self._backlog_bytes + size > conf.inbound_bytes
        if self._backlog and full:
            self._limited("backlog", 1.0, request.type, request.id, request.received)
            return
        self._backlog.append((handler, request, size))
        self._backlog_bytes += size

    def _must_wait(self, handler: Handler) -> bool:
        return handler.barrier and self.in_flight > 0

    def go_on(self) -> None:
        while self._backlog and self._barrier is None and not self.outbox.congested and self.closing is None:
            if self._must_wait(self._backlog[0][0]):
                break
            handler, request, size = self._backlog.popleft()
            self._backlog_bytes -= size
            self._run(handler, request)

    def tick(self, now: float) -> None:
        super().tick(now)
        self.go_on()

    def _run(self, handler: Handler, request: Request) -> None:
        try:
            message: Any = read_data(request.data, handler.shape)
            if handler.barrier:
                coroutine = self._run_barrier(handler, message, request)
                self._barrier = asyncio.create_task(coroutine, name=handler.type)
                return
            result = handler.run(self, message, request)
            if isinstance(result, Submission):
                self.submit(request, result)
            else:
                self.answer(request, result)
        except InDoubt as doubt:
            again = self._run_once_judged(handler, request, doubt.args[0])
            self._barrier = asyncio.create_task(again, name=handler.type)
        except RealtimeError as error:
            self.refuse(request, error)
        except Exception:  # noqa: BLE001 - the unexpected is logged with a reference and told as such
            self.refuse(request, self.unexpected(handler.type))

    async def _run_barrier(self, handler: Handler, message: Any, request: Request) -> None:
        try:
            self.answer(request, await handler.run(self, message, request))
        except RealtimeError as error:
            # Well said, and wrong by what is in the database: no sign of a client that speaks no protocol.
            self.refuse_and_close(error, request.id)
        except Exception:  # noqa: BLE001 - as in _run
            self.refuse(request, self.unexpected(handler.type))
        finally:
            self._barrier = None
            self.go_on()

    async def _run_once_judged(self, handler: Handler, request: Request, room: str) -> None:
        """Runs a command again when it is known what it may do; those after it wait, as behind a barrier."""
        try:
            await self.process.rights.judged(room)
        except RealtimeError as error:
            self._barrier = None
            self.refuse(request, error)
        else:
            self._barrier = None
            self._run(handler, request)
        self.go_on()

    # --- rates ---------------------------------------------------------------------------------------------------

    def _within_rate(self, type_: str, rate: str | None, id_: str | None, now: float, size: int = 0) -> bool:
        """Whether a command may run now; if not, the client is told how long to wait."""
        limited = self._limits.take(rate, self.user_id, now, size)
        if limited is None:
            return True
        self._limited(*limited, type_, id_, now)
        if self._limits.abused(rate, now):
            self.close(Close.RATE_LIMITED, "rate.limited", retry_ms=5_000)
        return False

    def _limited(self, bucket: str, wait: float, type_: str, id_: str | None, now: float) -> None:
        metrics.rate_limited.labels(bucket).inc()
        if id_ is not None or self._limits.worth_telling(bucket, now):
            details = {"bucket": bucket, "type": type_}
            self.send_error(RealtimeError("rate.limited", retry_after_ms=int(wait * 1000) + 1, details=details), id_)

    # --- the gateway's own commands ------------------------------------------------------------------------------

    def _introduced(self, hello: Hello) -> Welcome:
        self._said_hello = True
        agreed = sorted(CAPABILITIES & set(hello.capabilities))
        self.outbox.batch = "batch" in agreed
        self._timezone = hello.timezone[:64]
        if hello.client is not None:
            self._client = f"{hello.client.name} {hello.client.version}".strip()[:120]
            self.client_instance = hello.client.instance or self.client_instance
        return Welcome(agreed)

    @handles("hello")
    async def hello(self, message: Hello, request: Request) -> Welcome:
        """Declares the client of a connection whose handshake carried the token."""
        if self._said_hello:
            raise RealtimeError("msg.bad_envelope", "hello was said already.")
        if message.token is not None:
            await self._swap(message.token)
        return self._introduced(message)

    @handles("auth:refresh")
    async def auth_refresh(self, message: AuthRefresh, request: Request) -> TokenTaken:
        """Swaps the token in place."""
        await self._swap(message.token)
        assert self.identity is not None  # noqa: S101
        return TokenTaken(timestamp(datetime.fromtimestamp(self.identity.expires_at, UTC)))

    async def _swap(self, token: str) -> None:
        assert self.identity is not None  # noqa: S101
        try:
            fresh = await call(auth.judge, token)
            if fresh.user_id != self.user_id or (fresh.issued_at or 0) < (self.identity.issued_at or 0):
                raise RealtimeError("auth.identity_change")
        except RealtimeError as error:
            if error.code.startswith("auth."):
                self._identity_tries += 1
                error.close = Close.UNAUTHENTICATED if self._identity_tries >= IDENTITY_TRIES else None
            raise
        self.identify(fresh)

    @handles("ping")
    def ping(self, message: Ping, request: Request) -> Answered[None]:
        """Is answered with a pong."""
        self.send_notice(ServerTime(timestamp(datetime.now(UTC))), request.id)
        return ANSWERED

    @handles("pong")
    def pong(self, message: Pong, request: Request) -> Answered[None]:
        """Proves that what was sent before the ping has been read."""
        if request.id is None or not self.ponged(request.id, request.received):
            self._within_rate("pong", None, request.id, request.received)
        else:
            self.go_on()
        return ANSWERED

    @handles("room:join", rate="join")
    async def room_join(self, message: RoomJoin, request: Request) -> Answered[RoomJoined]:
        """Enters a room: the ack first, then, with `since`, what was missed, then the room's life."""
        room = message.room
        doors.split(room)
        self.refuse_more_rooms(room)

        def greet(joined: doors.Joined) -> None:
            if request.id is not None:
                self.outbox.put(ack_frame(request.id, encode(_room_joined(room, joined))).decode())

        await enter(self, doors.Wish(room, self.visitor, message.since), greet)
        return ANSWERED

    @handles("room:leave", rate="join")
    async def room_leave(self, message: RoomLeave, request: Request) -> RoomLeft:
        """Leaves a room."""
        if self.rooms.pop(message.room, None) is None:
            raise RealtimeError("room.not_joined")
        self.process.hub.leave(self, message.room)
        await call(presence.depart, [presence.Departure(message.room, self.user_id, self.id)])
        return RoomLeft(message.room)

    @handles("room:history")
    async def room_history(self, message: RoomHistory, request: Request) -> History:
        """Reads a room's past."""
        limit = min(message.limit, conf.history_limit)
        page = await call(doors.history, message.room, self.visitor, message.before, limit)
        events = [msgspec.Raw(frame) for _, frame in page.events]
        return History(events, page.position.floor, page.position.head, page.position.epoch)

    def refuse_more_rooms(self, room: str) -> None:
        """Raises quota.exceeded where the connection is in as many rooms as it may be, and not in this one."""
        if room not in self.rooms and len(self.rooms) >= conf.max_rooms_per_connection:
            raise RealtimeError("quota.exceeded", f"A connection may be in {conf.max_rooms_per_connection} rooms.")

    def grant(self, room: str) -> Grant:
        """What this connection may do in a room it has joined; raises room.not_joined, or InDoubt."""
        grant = self.rooms.get(room)
        if grant is None:
            raise RealtimeError("room.not_joined")
        channel = self.process.hub.channel(room)
        if channel is not None and channel.doubts:
            raise InDoubt(room)
        return grant


def _room_joined(room: str, joined: doors.Joined) -> RoomJoined:
    return RoomJoined(
        room,
        joined.epoch,
        joined.seq,
        joined.recovered,
        joined.members,
        joined.grant.role,
        sorted(joined.grant.permissions),
        joined.state,
    )
