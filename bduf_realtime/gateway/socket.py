"""One socket's life: accepted, authenticated, looked after by the clock, and ended with one close frame."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import structlog
from channels.consumer import AsyncConsumer

from bduf_realtime.accounts.tokens import Identity
from bduf_realtime.gateway import auth, doors, metrics
from bduf_realtime.gateway import process as processes
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.doors import Grant, Visitor
from bduf_realtime.gateway.errors import Close, RealtimeError, close_reason, error_frame
from bduf_realtime.gateway.messages import Connected, Heartbeat, TokenExpiring, UserInfo, notice_frame
from bduf_realtime.gateway.models import Connection
from bduf_realtime.gateway.outbox import Outbox
from bduf_realtime.rooms.events import Author, timestamp

logger = structlog.get_logger(__name__)

PROTOCOL_VERSION = 1
CLOSE_TIMEOUT = 2.0
REPORT_EVERY = 15.0
A_TURN = 65_536  # bytes of one client, after which the others have a turn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Socket(AsyncConsumer):
    """What every connection is before it understands a command.

    It reads its own socket and never listens on the channel layer: Channels' dispatch would hop through a thread for
    every event, and the hub delivers to outboxes directly.
    """

    outbox_type: type[Outbox] = Outbox
    closing: tuple[int, str] | None

    # --- the life of a socket ------------------------------------------------------------------------------------

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # type: ignore[override]
        if (await receive())["type"] != "websocket.connect":
            return
        try:
            handshake = auth.read_handshake(scope)
            process = await self._admitted(handshake.address)
        except auth.HandshakeRefused as refused:
            metrics.handshakes_refused.labels(refused.args[0]).inc()
            logger.warning("handshake_refused", reason=refused.args[0])
            await send({"type": "websocket.close"})
            return
        except RealtimeError as error:
            await send({"type": "websocket.accept", "subprotocol": handshake.subprotocol})
            await _close(send, error.close or Close.DATABASE_UNAVAILABLE, close_reason(error.code, 2_000))
            return
        await send({"type": "websocket.accept", "subprotocol": handshake.subprotocol})
        self._open(process, handshake, send)
        try:
            await self._live(handshake, receive)
        except asyncio.CancelledError:
            if self.closing is None:  # not by us: the server is stopping
                self.closing = (Close.DRAINING, close_reason("server.draining", 1_000))
            if self._task is not None:
                self._task.uncancel()
        except Exception:
            reference = uuid.uuid4().hex[:8]
            logger.exception("connection_failed", connection=self.id, reference=reference)
            self.closing = (Close.INTERNAL, f"{close_reason('internal', 1_000)};ref={reference}")
        finally:
            await self._finish(send)

    async def _admitted(self, address: str) -> processes.Process:
        process = await processes.running()
        if process.handshakes.take(address, time.monotonic()) > 0:
            raise auth.HandshakeRefused("rate")
        if process.draining:
            raise RealtimeError("server.draining", close=Close.DRAINING)
        if len(process.connections) >= conf.max_connections:
            raise RealtimeError("quota.exceeded", close=Close.OVER_CAPACITY)
        return process

    def _open(self, process: processes.Process, handshake: auth.Handshake, send: Send) -> None:
        now = time.monotonic()
        self.process = process
        self.id = str(uuid.uuid4())
        self.outbox = self.outbox_type(send, conf, self._overflowed)
        self.identity: Identity | None = None
        self.user_id = ""
        self.rooms: dict[str, Grant] = {}
        self.rooms_ended: set[str] = set()
        self.home = ""  # the room that the connection is for, where it is for one
        self.client_instance = self.id
        self.state = Connection.State.CONNECTED.value
        self.closing = None
        self.close_code = 1006
        self.submitted = self.in_flight = 0
        self.connected_at = datetime.now(UTC)
        self.closed_at: datetime | None = None
        self.messages_in = self.bytes_in = 0
        self._address, self._user_agent, self._client, self._timezone = (
            handshake.address,
            handshake.user_agent,
            "",
            "",
        )
        self._task = asyncio.current_task()
        self._hello_due: float | None = now + conf.hello_timeout
        self._heard = self._active = now
        self._ping_due = now + conf.heartbeat_interval
        self._rtt_probe: tuple[str, float] | None = None
        self._round_trip: float | None = None
        self._expires = self._notice_due = float("inf")
        self._reported: tuple[str, int] = ("", 0)
        self._report_due = now + REPORT_EVERY
        process.opened(self)

    async def _live(self, handshake: auth.Handshake, receive: Receive) -> None:
        if not handshake.supported:
            self.close(Close.UNSUPPORTED_VERSION, f"unsupported;supported={auth.PROTOCOL}")
        elif handshake.credential is not None and await self.authenticate(handshake.credential):
            self.send_connected([])
        turns = heard = 0
        while self.closing is None:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.close_code = message.get("code") or 1005
                return
            self._heard = time.monotonic()
            await self.received(message, self._heard)
            turns += 1
            if turns % 64 == 0 or self.bytes_in - heard > A_TURN:
                heard = self.bytes_in
                await asyncio.sleep(0)  # a full server queue never suspends: let others have a turn

    async def received(self, message: dict[str, Any], now: float) -> None:
        """Takes one frame of the client."""
        raise NotImplementedError

    def ended(self) -> None:
        """Lets go of what still runs for this connection."""

    async def _finish(self, send: Any) -> None:
        if self.closing is not None:
            self.close_code = self.closing[0]
            self.outbox.flush()
        self.outbox.close()
        self.closed_at = datetime.now(UTC)
        awaited = not 4400 <= self.close_code < 4500 and any(map(doors.has_grace, self.rooms))
        self.state = (Connection.State.RECONNECTING if awaited else Connection.State.DISCONNECTED).value
        self.process.closed(self)
        self.ended()
        metrics.connections_closed.labels(_close_label(self.close_code)).inc()
        logger.info(
            "connection_closed",
            connection=self.id,
            user=self.user_id,
            code=int(self.close_code),
            seconds=round((self.closed_at - self.connected_at).total_seconds(), 3),
            messages_in=self.messages_in,
            messages_out=self.outbox.frames_sent,
            bytes_in=self.bytes_in,
            bytes_out=self.outbox.sent,
        )
        if await self.outbox.finish(CLOSE_TIMEOUT) and self.closing is not None:
            await _close(send, *self.closing)

    def close(self, code: int, reason: str, retry_ms: int | None = None) -> None:
        """Ends the connection with a code and a reason; what is queued is tried first."""
        if self.closing is None:
            self.closing = (int(code), close_reason(reason, retry_ms))
            if self._task is not None and self._task is not asyncio.current_task():
                self._task.cancel()

    def refuse_and_close(self, error: RealtimeError, id_: str | None = None) -> None:
        """Says what is wrong, and closes where the error asks for it."""
        self.send_error(error, id_)
        if error.close is not None:
            self.close(error.close, error.code)

    def _overflowed(self) -> None:
        self.close(Close.SLOW_CONSUMER, "slow_consumer", retry_ms=1_000)

    # --- identity ------------------------------------------------------------------------------------------------

    async def authenticate(self, raw: str) -> bool:
        """Takes the connection's first credential; false when it was refused and the socket is closing."""
        try:
            identity = await self.process.sign_in(raw)
        except RealtimeError as error:
            error.close = error.close or Close.DATABASE_UNAVAILABLE
            self.refuse_and_close(error)
            return False
        if self.process.per_user[identity.user_id] >= conf.max_connections_per_user:
            # Rows are written a little later than sockets open.
            self.refuse_and_close(RealtimeError("quota.exceeded", close=Close.TOO_MANY_CONNECTIONS))
            return False
        self.identify(identity)
        self.user_id = identity.user_id
        self.state = Connection.State.AUTHENTICATED.value
        self._hello_due = None
        self.process.authenticated(self)
        logger.info("connection_opened", connection=self.id, user=self.user_id, address=self._address)
        return True

    def identify(self, identity: Identity) -> None:
        """Sets who is speaking, and when that has to be proven again."""
        self.identity = identity
        self._expires = time.monotonic() + identity.expires_at - time.time()
        self._notice_due = self._expires - conf.token_expiring_notice

    def send_connected(self, capabilities: list[str]) -> None:
        """Greets the client, once."""
        assert self.identity is not None  # noqa: S101
        self.send_notice(
            Connected(
                PROTOCOL_VERSION,
                self.id,
                UserInfo(self.user_id, self.identity.name, self.identity.kind),
                timestamp(datetime.now(UTC)),
                timestamp(datetime.fromtimestamp(self.identity.expires_at, UTC)),
                Heartbeat(conf.heartbeat_interval, conf.heartbeat_timeout),
                _limits(),
                capabilities,
                conf.cursor_tick_ms,
            ),
        )

    @property
    def author(self) -> Author:
        assert self.identity is not None  # noqa: S101
        return Author(self.user_id, self.identity.name, self.identity.kind, self.id)

    @property
    def visitor(self) -> Visitor:
        assert self.identity is not None  # noqa: S101
        return Visitor(self.identity, self.id, self.process.id)

    @property
    def expired(self) -> bool:
        return time.monotonic() >= self._expires

    # --- frames out ----------------------------------------------------------------------------------------------

    def send_notice(self, data: msgspec.Struct, id_: str | None = None) -> None:
        """Queues a frame that belongs to no room."""
        self.outbox.put(notice_frame(data, id_))

    def send_error(self, error: RealtimeError, id_: str | None) -> None:
        """Queues the refusal of a command."""
        metrics.errors.labels(error.code).inc()
        self.outbox.put(error_frame(error, id_).decode())

    # --- the clock -----------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Does what is due for this connection; called twice a second."""
        if self.closing is not None:
            return
        if self._hello_due is not None:
            if now >= self._hello_due:
                self.close(Close.HELLO_TIMEOUT, "auth.hello_timeout", retry_ms=1_000)
            return
        if now - self._heard > conf.heartbeat_timeout:
            self.close(Close.HEARTBEAT_TIMEOUT, "heartbeat_timeout", retry_ms=1_000)
        elif self.outbox.stalled_since is not None and now - self.outbox.stalled_since > conf.slow_consumer_timeout:
            self.close(Close.SLOW_CONSUMER, "slow_consumer", retry_ms=1_000)
        elif now >= self._expires + conf.token_expiry_grace:
            self.refuse_and_close(RealtimeError("auth.expired", close=Close.UNAUTHENTICATED))
        else:
            self._remind(now)
            idle = now - self._active > conf.idle_after
            self.state = (Connection.State.IDLE if idle else Connection.State.AUTHENTICATED).value

    def _remind(self, now: float) -> None:
        if now >= self._ping_due:
            self._ping_due = now + conf.heartbeat_interval
            if self.outbox.stalled_since is None:
                self._rtt_probe = (self.outbox.ping(), now)
        if now >= self._notice_due:
            self._notice_due = float("inf")
            expires_at = datetime.now(UTC) + timedelta(seconds=self._expires - now)
            self.send_notice(TokenExpiring(timestamp(expires_at)))

    def ponged(self, nonce: str, now: float) -> bool:
        """Takes the client's answer to a ping; false for one that was never sent."""
        if self._rtt_probe is not None and self._rtt_probe[0] == nonce:
            self._round_trip = now - self._rtt_probe[1]
            self._rtt_probe = None
            metrics.round_trip_seconds.observe(self._round_trip)
        return self.outbox.pong(nonce)

    # --- what others see of it -----------------------------------------------------------------------------------

    @property
    def worth_reporting(self) -> bool:
        """Whether its row is out of date: another state, or traffic some time ago."""
        now = time.monotonic()
        if self.identity is None or (self._reported[0] == self.state and now < self._report_due):
            return False
        return self._reported != (self.state, self.messages_in + self.outbox.frames_sent)

    def row(self) -> Connection:
        """This connection as its row in the database."""
        now = time.monotonic()
        self._reported = (self.state, self.messages_in + self.outbox.frames_sent)
        self._report_due = now + REPORT_EVERY
        wall = datetime.now(UTC)
        return Connection(
            id=self.id,
            instance_id=self.process.id,
            user_id=self.user_id,
            state=self.state,
            address=self._address,
            user_agent=self._user_agent,
            client=self._client,
            timezone=self._timezone,
            connected_at=self.connected_at,
            last_activity=wall - timedelta(seconds=now - self._active),
            closed_at=self.closed_at,
            close_code=int(self.close_code) if self.closed_at else None,
            round_trip_ms=self._round_trip and round(self._round_trip * 1000, 3),
            messages_in=self.messages_in,
            messages_out=self.outbox.frames_sent,
            bytes_in=self.bytes_in,
            bytes_out=self.outbox.sent,
            queue_bytes=self.outbox.bytes_waiting,
        )


def _limits() -> dict[str, int]:
    return {
        "message_bytes": conf.message_bytes,
        "document_update_bytes": conf.document_update_bytes,
        "message_body_chars": conf.message_body_chars,
        "payload_bytes": conf.payload_bytes,
        "cursor_bytes": conf.cursor_bytes,
        "rooms": conf.max_rooms_per_connection,
        "history": conf.history_limit,
    }


async def _close(send: Send, code: int, reason: str) -> None:
    """Sends the one close frame; a peer that is gone or does not read is no error."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await send({"type": "websocket.close", "code": int(code), "reason": reason})
    except (TimeoutError, RuntimeError, OSError):
        logger.debug("close_not_sent", code=int(code))


def _close_label(code: int) -> str:
    known = code in set(Close) or code in (1000, 1001, 1005, 1006)
    return str(int(code)) if known else "other"
