"""What daphne leaves out: the reason of a close, and a bound on what waits for a peer that does not read."""

from __future__ import annotations

from typing import Any

from daphne.ws_protocol import WebSocketProtocol

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
