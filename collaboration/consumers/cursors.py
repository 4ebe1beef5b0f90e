"""The commands of cursors."""

from __future__ import annotations

from datetime import UTC, datetime

from bduf_realtime.gateway.answering import Request
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.handlers import handles
from bduf_realtime.rooms.events import encode, timestamp
from collaboration import messages as wire
from collaboration.consumers.sessions import SessionConsumer


class CursorConsumer(SessionConsumer):
    """Cursors: coalesced, never stored, and of no interest a moment later."""

    @handles("collaboration:cursor:move", rate="cursor")
    def cursor_move(self, message: wire.CursorMove, request: Request) -> None:
        """Moves this connection's cursor."""
        if message.session is None and message.document is None:
            raise RealtimeError("msg.missing_field", "A cursor is in a session.", details={"field": "session"})
        room = f"session:{message.session}" if message.session else f"document:{message.document}"
        if not self.grant(room).cursors:
            raise RealtimeError("cursor.disabled")
        for name, value in (("position", message.position), ("selection", message.selection)):
            if len(encode(value)) > conf.cursor_bytes:
                raise RealtimeError("cursor.invalid", f"{name} is over {conf.cursor_bytes} bytes.")
        author = self.author
        entry = wire.Cursor(
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
        self.process.hub.cursors.move(room, self.id, encode(entry))
