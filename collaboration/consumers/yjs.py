"""Unmodified Yjs clients: the y-websocket protocol over the same rooms, journal and cursors as everybody's.

A Yjs client is told of no ack. It sends what it has when it is asked for it: so whatever of its edits could not be
taken in (too many, database away, a part missing) is asked for again, and nothing that it typed is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from pycrdt import merge_updates

from bduf_realtime.gateway import auth, metrics
from bduf_realtime.gateway import process as processes
from bduf_realtime.gateway.answering import Answering, Request
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.doors import Wish
from bduf_realtime.gateway.errors import Close, RealtimeError
from bduf_realtime.gateway.joining import enter
from bduf_realtime.gateway.ratelimit import Limits
from bduf_realtime.gateway.socket import Receive, Send
from bduf_realtime.gateway.storage import Gathered, call
from bduf_realtime.rooms.batch import Committed, Outcome
from bduf_realtime.rooms.events import encode, timestamp
from collaboration import messages as wire
from collaboration import selectors, services
from collaboration.documents.awareness import GONE, read_place
from collaboration.documents.frames import (
    SYNC,
    Awareness,
    Denied,
    FrameLimits,
    FrameRefused,
    QueryAwareness,
    StateVector,
    Update,
    read_frame,
    read_state,
    write_frame,
)
from collaboration.documents.outbox import YjsOutbox
from collaboration.documents.texts import state_vector_checked
from collaboration.documents.updates import UpdateOutline

LIMITS = FrameLimits(size=conf.document_update_bytes + 16, clients=2_000)
UPDATE = "collaboration:document:update"
EDITS = bytes((SYNC,))  # how frames begin that have rates of their own
MERGED_BYTES = 65_536
# What one client types faster than a person goes together: an edit costs the server much more than a longer one.
TOGETHER = 0.04  # seconds
# What was not taken in is asked for again so much later at first, and twice as much each time it fails again.
ASK_AGAIN, ASK_LATEST = 0.5, 30.0
ANSWER_WITHIN = 5.0  # seconds; the updates of a client that does not answer are tried again
SHOW_AGAIN = 12.0  # seconds; Yjs clients forget after 30

CLOSES = {
    "doc.not_found": Close.GONE,
    "room.not_found": Close.GONE,
    "session.not_found": Close.GONE,
    "perm.denied": Close.FORBIDDEN,
    "session.join_pending": Close.FORBIDDEN,
    "session.full": Close.OVER_CAPACITY,
    "msg.bad_value": Close.BAD_PROTOCOL,
}


class YjsConsumer(Answering):
    """One Yjs client in one document, and in the document's session."""

    outbox_type = YjsOutbox
    outbox: YjsOutbox

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # type: ignore[override]
        self._document: UUID = scope["url_route"]["kwargs"]["document"]
        await super().__call__(scope, receive, send)

    def _open(self, process: processes.Process, handshake: auth.Handshake, send: Send) -> None:
        super()._open(process, handshake, send)
        self.outbox.document = str(self._document)
        self._client = "yjs"
        self._limits = Limits(conf, process.users)
        self._entering: asyncio.Task[None] | None = None
        self.home = self._cursors = f"document:{self._document}"
        self._waiting: deque[tuple[bytes, UpdateOutline]] = deque()
        self._waiting_bytes = 0
        self._under_way: list[tuple[bytes, UpdateOutline]] = []
        self._singly = 0
        self._going = False
        self._submitted_at = 0.0
        self._pausing: asyncio.TimerHandle | None = None
        self._ask_at: float | None = None
        self._behind_until = 0.0
        self._owed = 0
        self._patience = ASK_AGAIN
        self._awareness: tuple[int | None, int] = (None, -1)
        self._state = GONE  # the client's own awareness
        self._shown = True
        self._show_due = time.monotonic() + SHOW_AGAIN

    async def _live(self, handshake: auth.Handshake, receive: Receive) -> None:
        if handshake.supported and handshake.credential is None:
            text = "Give the token as a subprotocol: bduf.v1, bearer.<token>."
            self.refuse_and_close(RealtimeError("auth.invalid", text, close=Close.UNAUTHENTICATED))
        await super()._live(handshake, receive)

    def ended(self) -> None:
        if self._entering is not None:
            self._entering.cancel()
        if self._pausing is not None:
            self._pausing.cancel()

    # --- coming in -----------------------------------------------------------------------------------------------

    def send_connected(self, capabilities: list[str]) -> None:
        """Begins to enter the document: the greeting of this protocol is the question what the client has."""
        self._entering = asyncio.create_task(self._enter(), name="yjs-enter")

    async def _enter(self) -> None:
        try:
            place = await call(selectors.document_place, self._document, UUID(self.user_id))
            if place.session is not None:
                self._cursors = f"session:{place.session}"
                await enter(self, Wish(self._cursors, self.visitor, None, state=False), lambda joined: None)
            await enter(self, Wish(self.home, self.visitor, None, state=False), lambda joined: None)
            self._ask(place.state_vector)
        except RealtimeError as error:
            error.close = error.close or CLOSES.get(error.code, Close.DATABASE_UNAVAILABLE)
            self.refuse_and_close(error)

    # --- frames in -----------------------------------------------------------------------------------------------

    async def received(self, message: dict[str, Any], now: float) -> None:
        data: bytes | None = message.get("bytes")
        self.messages_in += 1
        size = len(message.get("text") or "") if data is None else len(data)
        self.bytes_in += size
        metrics.bytes_received.inc(size)
        if self._entering is not None:
            await asyncio.wait({self._entering})
            entered, self._entering = self._entering, None
            entered.result()
        if self.closing is not None:
            return
        if size > LIMITS.size:
            text = f"An update has up to {conf.document_update_bytes} bytes."
            error = RealtimeError("doc.update_rejected", text, details={"reason": "size"}, close=Close.TOO_LARGE)
            self.refuse_and_close(error)
        elif data is None:
            self.malformed_frame(RealtimeError("msg.bad_envelope", "This endpoint takes binary frames."), None, now)
        else:
            try:
                if data[:1] == EDITS or self._within_rate(None, now):
                    await self._take(read_frame(data, LIMITS), now)
            except FrameRefused as refusal:
                if refusal.reason == "size":  # somebody's application has more to say of itself than we pass on
                    self.send_error(RealtimeError("cursor.invalid", str(refusal)), None)
                    return
                self.malformed_frame(RealtimeError("msg.bad_envelope", str(refusal)), None, now)
            except RealtimeError as error:
                self.refuse_and_close(error)

    async def _take(self, frame: Any, now: float) -> None:
        match frame:
            case Update():
                self._active = now
                await self._take_update(frame, now)
            case Awareness(states):
                if (nonce := self.outbox.asked) is not None:
                    self.ponged(nonce, now)
                self._take_awareness(states, now)
            case StateVector(vector):
                if self._within_rate("join", now):
                    await self._answer(state_vector_checked(vector))
            case QueryAwareness():
                if self._within_rate("join", now):
                    self.outbox.show_again()

    async def _answer(self, vector: bytes) -> None:
        """Sends what a client lacks."""
        if self.outbox.answering:
            raise RealtimeError("rate.limited", "Read the first answer before you ask again.")
        self.outbox.answer(await _lacking()((self._document, vector)))

    def _ask(self, vector: bytes) -> None:
        """Asks the client for all that it has and the document, which has so much, has not."""
        self._owed += 1
        self.outbox.answer(StateVector(vector))

    def malformed_frame(self, error: RealtimeError, id_: str | None, now: float) -> None:
        self.send_error(error, id_)
        if self._limits.malformed(now):
            self.close(Close.TOO_MANY_INVALID, "msg.too_many_invalid")

    def send_error(self, error: RealtimeError, id_: str | None) -> None:
        """Says what was refused in the protocol's own words, each thing once a second."""
        metrics.errors.labels(error.code).inc()
        if error.close is not None or self._limits.worth_telling(error.code, time.monotonic()):
            reason = error.details.get("reason")
            self.outbox.answer(Denied(f"{error.code}{f' ({reason})' if reason else ''}: {error.message}"))

    def _within_rate(self, rate: str | None, now: float, size: int = 0) -> bool:
        limited = self._limits.take(rate, self.user_id, now, size)
        if limited is None:
            return True
        metrics.rate_limited.labels(limited[0]).inc()
        if self._limits.abused(rate, now):
            self.close(Close.RATE_LIMITED, "rate.limited", retry_ms=5_000)
        return False

    # --- edits ---------------------------------------------------------------------------------------------------

    async def _take_update(self, frame: Update, now: float) -> None:
        owed = frame.answer and self._owed > 0
        if owed:  # all that the client has; what it sends from now on builds on it
            self._owed -= 1
            self._behind_until = 0.0
        if self._ask_at is not None or now < self._behind_until or self.expired:
            return  # it comes with the answer
        if not owed and (self._crowded or not self._within_rate("document", now, len(frame.update))):
            self._fall_behind(now)
            return
        outline = services.update_outline(frame.update)
        if owed and not await call(selectors.document_lacks, self._document, outline):
            return  # also of somebody who may only read
        metrics.received(UPDATE).inc()
        self._waiting.append((frame.update, outline))
        self._waiting_bytes += len(frame.update)
        self.go_on()

    @property
    def _crowded(self) -> bool:
        return len(self._waiting) >= conf.inbound_backlog or self._waiting_bytes > conf.inbound_bytes

    def go_on(self) -> None:
        """Submits what has come in since the last submission, as one."""
        if self._going or self._pausing is not None:
            return
        self._going = True
        while self._waiting and not self.in_flight and self.closing is None:
            pause = self._submitted_at + TOGETHER - time.monotonic()
            if pause > 0 and not self._singly:
                self._pausing = asyncio.get_running_loop().call_later(pause, self._paused)
                break
            self._submit(*self._next())
        self._going = False

    def _paused(self) -> None:
        self._pausing = None
        self.go_on()

    def _next(self) -> tuple[bytes, UpdateOutline | None]:
        most = 1 if self._singly else conf.inbound_backlog
        self._singly = max(0, self._singly - 1)
        parts = self._under_way = [self._waiting.popleft()]
        size = len(parts[0][0])
        while self._waiting and len(parts) < most and size + len(self._waiting[0][0]) <= MERGED_BYTES:
            parts.append(self._waiting.popleft())
            size += len(parts[-1][0])
        self._waiting_bytes -= size
        return parts[0] if len(parts) == 1 else (merge_updates(*(update for update, _ in parts)), None)

    def _submit(self, update: bytes, outline: UpdateOutline | None) -> None:
        self._submitted_at = time.monotonic()
        request = Request(UPDATE, None, {}, self._submitted_at)
        try:
            edit = services.document_merge(document=self._document, update=update, by=self.author, outline=outline)
            self.submit(request, edit)
        except RealtimeError as error:
            self.refuse(request, error)

    def _committed(self, request: Request, outcome: Outcome) -> None:
        if isinstance(outcome, Committed):
            self._patience = ASK_AGAIN
        super()._committed(request, outcome)

    def refuse(self, request: Request, error: RealtimeError) -> None:
        """Says what is wrong with an edit, or has it sent again when it may be taken."""
        now = time.monotonic()
        if error.code.startswith("storage.") or error.details.get("reason") == "missing_deps":
            # What an edit builds on may have been refused, or let go. It comes along if we ask.
            self._fall_behind(now)
        elif len(self._under_way) > 1:  # one of them, and the others not with it
            self._singly += len(self._under_way)
            self._waiting.extendleft(reversed(self._under_way))
            self._waiting_bytes += sum(len(update) for update, _ in self._under_way)
        else:
            self.send_error(error, None)

    def _fall_behind(self, now: float) -> None:
        """Lets go what came and what comes next, to ask for all of it a little later."""
        self._waiting.clear()
        self._waiting_bytes = self._singly = 0
        if self._ask_at is None:
            self._ask_at = now + self._patience
            self._patience = min(self._patience * 2, ASK_LATEST)

    # --- awareness -----------------------------------------------------------------------------------------------

    def _take_awareness(self, states: Any, now: float) -> None:
        """Moves this connection's cursor; what a client says of others, and of itself, is not passed on."""
        client, seen = self._awareness
        if client is None and len(states) == 1:
            client = next(iter(states))  # y-websocket says its own first
        if client not in states:
            return
        clock, state = states[client]
        if clock > seen or state == GONE:  # an answer to our question repeats what was said
            self._state = read_state(state)
            self._show(now)
        self._awareness = (client, clock)

    def _show(self, now: float) -> None:
        """Shows the others where the client is, unless they may not see it, or not so often: then on a later tick."""
        grant, channel = self.rooms.get(self._cursors), self.process.hub.channel(self._cursors)
        self._shown = False
        if grant is None or channel is None or not grant.cursors or not self._within_rate("cursor", now):
            return
        self._shown = True
        if self._state == GONE:
            self.process.hub.cursors.leave(channel, self.id)
            return
        place = read_place(self._state, conf.cursor_bytes)
        entry = wire.Cursor(
            user=self.author.user,
            name=self.author.name,
            kind=self.author.kind,
            connection=self.id,
            document=str(self._document),
            position=place.position,
            selection=place.selection,
            status=None,
            at=timestamp(datetime.now(UTC)),
        )
        self.process.hub.cursors.move(self._cursors, self.id, encode(entry))

    # --- the clock -----------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        super().tick(now)
        if self.closing is not None or self.home not in self.rooms:
            return
        if now >= self._show_due:
            self._show_due = now + SHOW_AGAIN
            self.outbox.show_again()
        grant = self.rooms.get(self._cursors)
        self._shown &= grant is not None and grant.cursors
        if not self._shown:
            self._show(now)
        if self._ask_at is not None and now >= self._ask_at and not self.in_flight and self._entering is None:
            self._ask_at = None
            self._behind_until = now + ANSWER_WITHIN
            self._entering = asyncio.create_task(self._ask_or_wait(), name="yjs-ask")

    async def _ask_or_wait(self) -> None:
        try:
            self._ask(await call(selectors.document_vector, self._document))
        except RealtimeError:
            self._fall_behind(time.monotonic())


# Many who come at once mostly lack the same, which is read and framed for all of them together.
_questions: WeakKeyDictionary[asyncio.AbstractEventLoop, Gathered[tuple[UUID, bytes], bytes]] = WeakKeyDictionary()


def _lacking() -> Gathered[tuple[UUID, bytes], bytes]:
    loop = asyncio.get_running_loop()
    if loop not in _questions:
        _questions[loop] = Gathered(_frames_lacking, batch=64)
    return _questions[loop]


def _frames_lacking(asked: list[tuple[UUID, bytes]]) -> list[bytes | Exception]:
    updates = selectors.document_updates(asked)
    return [update if isinstance(update, Exception) else _framed(update) for update in updates]


@lru_cache(maxsize=4)
def _framed(update: bytes) -> bytes:
    return write_frame(Update(update, answer=True))
