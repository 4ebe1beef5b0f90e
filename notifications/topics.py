"""Which notifications a subscription, or a preference, is about. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from uuid import UUID

import msgspec

from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.events import Author, Event, encode

_WORD = r"[a-z_]+"
_END = r"$(?!\n)"  # for Python, the end is before a last newline too
PATTERN = rf"^(\*|{_WORD}(\.{_WORD})*(\.\*)?){_END}"
SCOPE = rf"^(project|session):[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}{_END}"
_ROOM = r"^[a-z]+:"

# Whether a user may see the project or session of an id; the apps above, which know them, say it when they start.
scopes: dict[str, Callable[[UUID, UUID], bool]] = {}


def matches_kind(pattern: str, kind: str) -> bool:
    """Whether a pattern is about a kind: `*` about all, `a.b` about that one, `a.*` about what begins with `a.`."""
    if pattern.endswith("*"):
        return kind.startswith(pattern[:-1])
    return pattern == kind


class Told(msgspec.Struct, frozen=True):
    """What of a notification says whether a subscription is about it."""

    kind: str
    project: str | None = None
    session: str | None = None


class Interest(msgspec.Struct, frozen=True):
    """What a subscription is about: any of its patterns of kinds, any of its projects and sessions; else everything."""

    patterns: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()

    @property
    def is_all(self) -> bool:
        return "*" in self.patterns or not (self.patterns or self.scopes)

    def covers(self, told: Told) -> bool:
        """Whether the subscription is about a notification."""
        return (
            self.is_all
            or any(matches_kind(pattern, told.kind) for pattern in self.patterns)
            or f"project:{told.project}" in self.scopes
            or f"session:{told.session}" in self.scopes
        )

    def sieve(self, frame: str) -> str:
        """A frame of the user's room as the subscription shows it: what it is not about has its number alone."""
        event = msgspec.json.decode(frame, type=Event)
        if event.type != "notification:created":
            return frame
        if self.covers(msgspec.json.decode(event.data, type=_Created).notification):
            return frame
        return encode(
            Event("notification:skipped", event.room, event.epoch, event.seq, event.at, _NOBODY, msgspec.Raw(b"{}"))
        ).decode()


class _Created(msgspec.Struct):
    notification: Told


_NOBODY = Author("", "", "")


def read_topics(topics: Iterable[str], user: UUID) -> Interest:
    """Reads what a user wants to hear of.

    Raises msg.bad_value for what is no topic, and perm.denied for a room that the user does not see.
    """
    patterns, about = [], set()
    for topic in topics:
        if re.match(PATTERN, topic):
            patterns.append(topic)
        elif re.match(SCOPE, topic):
            kind, _, id_ = topic.partition(":")
            if kind not in scopes or not scopes[kind](user, UUID(id_)):
                raise _denied(topic)
            about.add(topic)
        elif re.match(_ROOM, topic):
            raise _denied(topic)
        else:
            raise RealtimeError("msg.bad_value", "That is no topic.", details={"field": "topics", "topic": topic})
    return Interest(tuple(patterns), frozenset(about))


def _denied(topic: str) -> RealtimeError:
    return RealtimeError("perm.denied", "That is not yours to hear of.", details={"topic": topic})
