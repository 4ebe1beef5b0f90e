"""What daphne leaves out: the reason of a close, and bounds on bodies and on what waits for a peer that reads not."""

from __future__ import annotations

from typing import Any

from daphne.http_protocol import WebRequest
from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings

from bduf_realtime.gateway.intake import refusal

WAITING_BYTES = 131_072


def close_with_reason() -> None:
    """Has daphne send the reason of a close beside its code; clients read there when to come back."""
    handle = WebSocketProtocol.handle_reply

    def handle_reply(self: WebSocketProtocol, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close" and message.get("reason") and self.state == self.STATE_OPEN:
            self.sendClose(code=message.get("code", 1000), reason=message["reason"])
        else:
            handle(self, message)

    WebSocketProtocol.handle_reply = handle_reply


def answer_pings_that_are_read() -> None:
    """Has daphne leave out pongs while much waits to be sent: pings of a peer that does not read would pile them up."""
    answer = WebSocketProtocol.onPing

    def on_ping(self: WebSocketProtocol, payload: bytes) -> None:
        if len(self.transport.dataBuffer) + self.transport._tempDataLen < WAITING_BYTES:
            answer(self, payload)

    WebSocketProtocol.onPing = on_ping


def refuse_long_bodies() -> None:
    """Has daphne refuse a body over DATA_UPLOAD_MAX_MEMORY_SIZE when it gets that long.

    It would take in all of it, and then hold it in memory for the application to refuse.
    """
    take = WebRequest.handleContentChunk

    def handle_content_chunk(self: WebRequest, data: bytes) -> None:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if self.content.tell() + len(data) <= limit:
            take(self, data)
        elif not self.channel.transport.disconnecting:
            headers, body = refusal(limit)
            lines = [b"HTTP/1.1 413 Request Entity Too Large", *(name + b": " + value for name, value in headers)]
            self.channel.transport.write(b"\r\n".join([*lines, b"", body]))
            self.channel.loseConnection()

    WebRequest.handleContentChunk = handle_content_chunk
