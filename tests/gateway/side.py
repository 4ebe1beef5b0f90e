"""One process's side of a channel layer, and what it hears there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.layer import Layer
from bduf_realtime.rooms.events import Appended

ROOM = "session:0"


class Side:
    """One process's layer, and what it was told."""

    def __init__(self, name: str) -> None:
        self.rooms: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self.found = 0
        self.layer = Layer(name, Conf(layer_probe_interval=0.1), self.rooms.append, self._found)
        self.layer.on_note = self.notes.append

    async def _found(self) -> None:
        self.found += 1
        await self.layer.join(ROOM)

    def events(self) -> list[int]:
        return [seq for message in self.rooms for seq, _, frame in message["events"] if frame]


@asynccontextmanager
async def started(*sides: Side) -> AsyncIterator[None]:
    for side in sides:
        await side.layer.start()
    try:
        yield
    finally:
        for side in sides:
            await side.layer.stop()


def publish(side: Side, *numbers: int, room: str = ROOM, epoch: str = "e", frame: str = "frame") -> None:
    for seq in numbers:
        side.layer.publish_event(Appended(room, epoch, seq, "test:said", frame.encode()), frame)
