"""Bodies of HTTP calls on their way in: bounded before they fill a disk, and of a length that is known."""

from __future__ import annotations

from typing import Any

import msgspec
from django.conf import settings

TOO_LARGE = 413


class BoundedBodies:
    """Wraps an ASGI application, which gets a body of up to DATA_UPLOAD_MAX_MEMORY_SIZE bytes in one piece.

    Django writes a whole body to disk, however long, before anybody looks at it; and one that comes in chunks, without
    a length, is taken for empty by REST framework.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        declared = dict(scope["headers"]).get(b"content-length")
        if declared is not None and declared.isdigit() and int(declared[:20]) > limit:
            await _refuse(send, limit)
            return
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the peer is gone
            body += message.get("body", b"")
            if len(body) > limit:
                await _refuse(send, limit)
                return
            more = message.get("more_body", False)
        if declared is None and body:
            scope = {**scope, "headers": [*scope["headers"], (b"content-length", str(len(body)).encode())]}
        read = False

        async def replay() -> Any:
            nonlocal read
            if read:
                return await receive()
            read = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._application(scope, replay, send)


def refusal(limit: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of the answer to a body that is too long."""
    text = f"A body may have {limit} bytes."
    body = msgspec.json.encode({"code": "quota.exceeded", "message": text, "details": {"limit": limit}})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),  # what is still to come is not read
    ]
    return headers, body


async def _refuse(send: Any, limit: int) -> None:
    headers, body = refusal(limit)
    await send({"type": "http.response.start", "status": TOO_LARGE, "headers": headers})
    await send({"type": "http.response.body", "body": body})
