"""The commands of sessions, documents and cursors."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.consumer import RealtimeConsumer, Request
from bduf_realtime.gateway.doors import Grant
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.handlers import handles
from bduf_realtime.rooms.batch import Submission
from bduf_realtime.rooms.events import encode, timestamp
from collaboration import services
from collaboration.messages import Cursor, CursorMove, MessageSend, Signal, SignalSend, SignalSent
from collaboration.rooms import SessionTerms


class SessionConsumer(RealtimeConsumer):
    """Messages and signals of a session."""

    @handles("collaboration:message:send", rate="message")
    def message_send(self, message: MessageSend, request: Request) -> Submission:
        """Says something durable to a session."""
        bounded(message.payload, conf.payload_bytes, "payload")
        joined = f"session:{message.session}" in self.rooms
        return services.message_send(message=message, by=self.author, joined=joined)

    @handles("collaboration:signal:send", rate="signal")
    def signal_send(self, message: SignalSend, request: Request) -> None:
        """Tells a session, or some of its users, something ephemeral."""
        self.session_grant(message.session)
        bounded(message.payload, conf.payload_bytes, "payload")
        room = f"session:{message.session}"
        data = SignalSent(str(message.session), message.name, message.payload, message.to)
        frame = Signal("collaboration:signal:sent", room, timestamp(datetime.now(UTC)), self.author, data)
        self.process.hub.signal(room, encode(frame), message.to, self)

    def session_grant(self, session: UUID) -> Grant:
        """What this connection may do in a session it has joined; raises room.not_joined."""
        return self.grant(f"session:{session}")


class DocumentConsumer(SessionConsumer):
    """Documents; their commands come with the documents themselves."""


class CursorConsumer(SessionConsumer):
    """Cursors: coalesced, never stored, and of no interest a moment later."""

    @handles("collaboration:cursor:move", rate="cursor")
    def cursor_move(self, message: CursorMove, request: Request) -> None:
        """Moves this connection's cursor."""
        grant = self.session_grant(message.session)
        if isinstance(grant.terms, SessionTerms) and not grant.terms.cursors:
            raise RealtimeError("cursor.disabled")
        for name, value in (("position", message.position), ("selection", message.selection)):
            if len(encode(value)) > conf.cursor_bytes:
                raise RealtimeError("cursor.invalid", f"{name} is over {conf.cursor_bytes} bytes.")
        author = self.author
        entry = Cursor(
            author.user,
            author.name,
            author.kind,
            author.connection,
            str(message.document) if message.document else None,
            message.position,
            message.selection,
            message.status,
            timestamp(datetime.now(UTC)),
        )
        self.process.hub.cursor(f"session:{message.session}", self.id, encode(entry))


def bounded(value: Any, limit: int, field: str) -> None:
    """Raises msg.bad_value for a free-form value whose JSON is over `limit` bytes."""
    if value is not None and len(msgspec.json.encode(value)) > limit:
        raise RealtimeError(
            "msg.bad_value", f"{field} is over {limit} bytes.", details={"field": field, "limit": limit}
        )
