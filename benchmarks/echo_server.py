"""Trivial fan-out servers that show the load generator's own ceiling: what comes in goes to the whole room.

`--kind raw` speaks RFC 6455 straight on uvloop, encodes once and, with `--gather`, sends what arrived in that
time as one JSON array; it does nothing else, so the load generator is the slower side. `--kind asgi` is the
same fan-out as the plainest application for uvicorn, without Django or Channels.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

from benchmarks.websocket import TEXT, WebSocketServer, frame

Event = dict[str, Any]
rooms: dict[str, set[Any]] = defaultdict(set)


class FanOut(WebSocketServer):
    """One connection of the raw server."""

    gather = 0.0
    waiting: dict[str, list[bytes]] = {}

    def opened(self) -> None:
        rooms[self.path].add(self)

    def closed(self) -> None:
        rooms[self.path].discard(self)

    def text_received(self, payload: bytes) -> None:
        if not self.gather:
            self.deliver(self.path, payload)
        elif self.path in self.waiting:
            self.waiting[self.path].append(payload)
        else:
            self.waiting[self.path] = [payload]
            asyncio.get_running_loop().call_later(self.gather, self.flush, self.path)

    @classmethod
    def flush(cls, path: str) -> None:
        """Sends what a room has gathered as one batch."""
        cls.deliver(path, b"[" + b",".join(cls.waiting.pop(path)) + b"]")

    @staticmethod
    def deliver(path: str, payload: bytes) -> None:
        """Writes the same encoded frame to everyone in a room."""
        encoded = frame(TEXT, payload, mask=False)
        for member in rooms[path]:
            if member.transport is not None:
                member.transport.write(encoded)


async def application(
    scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
) -> None:
    """Fans text messages out to everyone on the same path."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    room = rooms[scope["path"]]
    room.add(send)
    try:
        while (event := await receive())["type"] == "websocket.receive":
            for other in list(room):
                await other({"type": "websocket.send", "text": event["text"]})
    finally:
        room.discard(send)


async def serve_raw(port: int, gather: float) -> None:
    """Runs the raw server until the process ends."""
    FanOut.gather = gather
    server = await asyncio.get_running_loop().create_server(FanOut, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("raw", "asgi"), required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--gather", type=float, default=0.0, help="seconds that make one frame")
    options = parser.parse_args()
    if options.kind == "raw":
        uvloop.run(serve_raw(options.port, options.gather))
    else:
        uvicorn.run(application, port=options.port, log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()
