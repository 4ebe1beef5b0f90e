"""One room as a process sees it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from bduf_realtime.gateway.socket import Socket


class Arrival(msgspec.Struct, frozen=True):
    """A numbered event on its way to local members; its author gets `ack` instead, where there is one."""

    epoch: str
    seq: int
    type: str
    frame: str
    origin: Any = None
    ack: str | None = None


# Turns a room's frame into what one member is to see of it: the same, or one of the same number that says less.
Sieve = Callable[[str], str]


class RoomChannel:
    """One room as this process sees it: how far it has delivered, and to whom."""

    __slots__ = (
        "awaited",
        "cursors",
        "cursors_moved",
        "doubts",
        "empty_since",
        "entered",
        "epoch",
        "grouped",
        "hidden",
        "joining",
        "judging",
        "members",
        "name",
        "pending",
        "position",
        "recent",
        "removed",
        "repair",
        "sieves",
        "skip",
        "watched_at",
    )

    def __init__(self, name: str, recent: int) -> None:
        self.name = name
        self.grouped = False
        self.epoch: str | None = None
        self.position = 0
        self.members: dict[str, Socket] = {}
        self.entered: dict[str, int] = {}
        self.removed: dict[str, int] = {}
        self.joining = 0
        self.skip: dict[str, int] = {}
        self.sieves: dict[str, Sieve] = {}
        self.pending: dict[int, Arrival] = {}
        self.recent: deque[tuple[int, str]] = deque(maxlen=recent)
        self.repair: asyncio.Task[None] | None = None
        self.awaited = (0, 0)
        self.watched_at = 0
        self.doubts = 0
        self.judging: asyncio.Task[None] | None = None
        self.cursors: dict[str, str] = {}
        self.cursors_moved: dict[str, str] = {}
        self.hidden = False
        self.empty_since: float | None = None

    def was_removed(self, member: Socket) -> bool:
        """Whether an event removed the member's user after this connection had come in."""
        return self.removed.get(member.user_id, 0) > self.entered.get(member.id, 0)
