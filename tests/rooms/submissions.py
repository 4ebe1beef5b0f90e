"""Rooms, and the commands that tests write into them."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from bduf_realtime.rooms import log, models
from bduf_realtime.rooms.batch import Guard, Submission
from bduf_realtime.rooms.events import Author, CommandKey, fingerprint

ADA = Author(str(uuid.UUID(int=1)), "Ada", "human", "connection-of-ada")
SAID = "test:said"


def new_room() -> str:
    """Starts an empty log of its own."""
    name = f"session:{uuid.uuid4()}"
    log.create(name)
    return name


def said(
    room: str,
    body: Any,
    id: str | None = None,
    *,
    user: str = ADA.user,
    instance: str = "tab-1",
    guard: Guard | None = None,
) -> Submission:
    """A command that says something; with an id it can be sent again."""
    data = {"body": body}
    key = CommandKey(user, instance, id, fingerprint(SAID, data)) if id is not None else None
    return Submission(room, SAID, msgspec.json.encode(data), ADA, key, guard)


def numbers(room: str) -> list[int]:
    """The numbers a room's log holds, in order."""
    return list(models.Event.objects.filter(room__name=room).order_by("seq").values_list("seq", flat=True))


def bodies(room: str) -> list[Any]:
    """What was said in a room, in the order of the numbers."""
    frames = models.Event.objects.filter(room__name=room).order_by("seq").values_list("frame", flat=True)
    return [msgspec.json.decode(frame)["data"]["body"] for frame in frames]
