"""What daphne leaves out of the ASGI specification: the reason of a close."""

from __future__ import annotations

from typing import Any

from daphne.ws_protocol import WebSocketProtocol


def close_with_reason() -> None:
    """Has daphne send the reason of a close beside its code; clients read there when to come back."""
    handle = WebSocketProtocol.handle_reply

    def handle_reply(self: WebSocketProtocol, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close" and message.get("reason") and self.state == self.STATE_OPEN:
            self.sendClose(code=message.get("code", 1000), reason=message["reason"])
        else:
            handle(self, message)

    WebSocketProtocol.handle_reply = handle_reply
