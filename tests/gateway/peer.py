"""The far end of an outbox, as the server shows it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.outbox import Outbox


class Peer:
    """The server's side of a socket: keeps what is sent, and takes its time or breaks when told to."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.room = asyncio.Event()
        self.room.set()
        self.error: Exception | None = None
        self.overflows = 0

    async def send(self, message: dict[str, Any]) -> None:
        await self.room.wait()
        if self.error is not None:
            raise self.error
        assert message.keys() == {"type", "text"}
        assert message["type"] == "websocket.send"
        self.texts.append(message["text"])

    def overflowed(self) -> None:
        self.overflows += 1

    @property
    def frames(self) -> list[Any]:
        """Every frame that arrived but the pings, batches opened."""
        read = [json.loads(text) for text in self.texts]
        opened = [frame for text in read for frame in (text if isinstance(text, list) else [text])]
        return [frame for frame in opened if not (isinstance(frame, dict) and frame.get("type") == "ping")]

    @property
    def pings(self) -> list[str]:
        return [json.loads(text)["id"] for text in self.texts if text.startswith('{"type":"ping"')]


def outbox_to(peer: Peer, *, batch: bool = False, **knobs: Any) -> Outbox:
    outbox = Outbox(peer.send, Conf(**{"flush_interval": 0.0} | knobs), peer.overflowed)
    outbox.batch = batch
    return outbox


def put(outbox: Outbox, *values: Any) -> None:
    for value in values:
        outbox.put(json.dumps(value))


def all_sent(outbox: Outbox) -> bool:
    return outbox.bytes_waiting == 0


async def a_few_turns() -> None:
    """Lets the loop do whatever it would do at once."""
    for _ in range(10):
        await asyncio.sleep(0)
