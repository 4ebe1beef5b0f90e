"""The kinds of rooms there are. Domains add theirs; the gateway itself knows only the user's own room."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec
from django.db import IntegrityError, transaction

from bduf_realtime.accounts.tokens import Identity
from bduf_realtime.gateway.errors import Close, RealtimeError
from bduf_realtime.rooms import log, models
from bduf_realtime.rooms.events import NoSuchRoom
from bduf_realtime.rooms.transactions import write


class Visitor(msgspec.Struct, frozen=True):
    """A connection at the door of a room."""

    identity: Identity
    connection: str
    instance: str


class Over(msgspec.Struct, frozen=True):
    """What a connection is closed with that was in nothing but a room that is over."""

    close: Close
    reason: str


class Grant(msgspec.Struct, frozen=True):
    """What a connection may do in a room; `terms` is whatever the room's kind needs to judge without a database.

    Without `cursors` none are shown. A room that is `over` has nobody in it any more, but a past that may be read.
    """

    role: str
    permissions: frozenset[str]
    terms: Any = None
    cursors: bool = True
    over: Over | None = None


class Entry(msgspec.Struct, frozen=True):
    """An admission: what the visitor may do, and whatever the kind loaded on the way and needs for the view."""

    grant: Grant
    subject: Any = None


class View(msgspec.Struct, frozen=True):
    """A room's people and, where it was asked for, its state."""

    members: list[Any]
    state: Any = None


class RoomKind(Protocol):
    """What a domain says about rooms of its prefix. All methods run in a database thread.

    `grace` tells whether members who lose their connection are awaited for a while before others hear of it.
    `admit` runs in a transaction: it authorises, takes the room's lock, and notes the attendance; it raises
    RealtimeError, or returns one where what it wrote is to be kept all the same. `view` runs in the same transaction,
    so it is as of the ack's seq. `depart` notes that a connection left. `grants` tells what users may do now; a user
    missing from it has no right any more. `watched` names the event types after which grants are asked for again, and
    `removing` those among them whose `data.user` has to go, even if let in again by the time it is noticed.
    """

    grace: bool
    watched: frozenset[str]
    removing: frozenset[str]

    def admit(self, key: str, visitor: Visitor) -> Entry | RealtimeError: ...

    def view(self, key: str, entry: Entry, with_state: bool) -> View: ...

    def depart(self, key: str, user: str, connection: str) -> None: ...

    def grants(self, key: str, users: Iterable[str]) -> dict[str, Grant]: ...


@runtime_checkable
class PolledKind(Protocol):
    """A kind whose members' rights change where the room's own log says nothing of it: they are asked for by the clock.

    `grants_many` is `grants` for many rooms, users by key, with a fixed number of queries.
    """

    def grants_many(self, users: Mapping[str, Collection[str]]) -> dict[str, dict[str, Grant]]: ...


class UserRoom:
    """A user's own room; nobody else gets in."""

    grace = False
    watched: frozenset[str] = frozenset()
    removing: frozenset[str] = frozenset()

    def admit(self, key: str, visitor: Visitor) -> Entry | RealtimeError:
        if key != visitor.identity.user_id:
            raise RealtimeError("room.not_found")
        name = f"user:{key}"
        models.Room.objects.get_or_create(name=name)
        log.lock(name)
        return Entry(Grant("owner", frozenset({"read"})))

    def view(self, key: str, entry: Entry, with_state: bool) -> View:
        return View([], {} if with_state else None)

    def depart(self, key: str, user: str, connection: str) -> None:
        """Nobody is told."""

    def grants(self, key: str, users: Iterable[str]) -> dict[str, Grant]:
        return {user: Grant("owner", frozenset({"read"})) for user in users if user == key}


kinds: dict[str, RoomKind] = {"user": UserRoom()}


class Since(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The position a client has: the epoch it knows, and the last number it saw."""

    epoch: str
    seq: int


class Joined(msgspec.Struct, frozen=True):
    """What a join found, from one transaction."""

    grant: Grant
    epoch: str
    seq: int
    recovered: str
    state: Any
    members: list[Any]


# One spelling per room, so that nobody can be in the same room under two names.
_NAME = re.compile(r"([a-z]+):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def split(room: str) -> tuple[RoomKind, str]:
    """Finds a room's kind and key, a UUID; raises room.not_found."""
    match = _NAME.fullmatch(room)
    kind = kinds.get(match[1]) if match else None
    if match is None or kind is None:
        raise RealtimeError("room.not_found")
    return kind, match[2]


def has_grace(room: str) -> bool:
    """Whether somebody who was in the room may come back to it unnoticed."""
    return kinds[room.partition(":")[0]].grace


class Wish(msgspec.Struct, frozen=True):
    """A connection that wants into a room, with the position it has, if any.

    Without `state` it is told neither what is in the room nor who: it reads that itself. With `look` its state is what
    that finds, in the transaction of the join.
    """

    room: str
    visitor: Visitor
    since: Since | None
    state: bool = True
    look: Callable[[], Any] | None = None


def join_many(wishes: Sequence[Wish]) -> list[Joined | Exception]:
    """Joins many connections in one transaction, in the order of the rooms' locks, so that batches never deadlock.

    Each has a savepoint of its own: a refusal undoes nothing of the others.
    """
    outcomes: list[Joined | Exception] = [RealtimeError("internal")] * len(wishes)
    try:
        with write():
            for number in sorted(range(len(wishes)), key=lambda n: wishes[n].room):
                try:
                    with transaction.atomic():
                        outcomes[number] = _join(wishes[number])
                except (RealtimeError, IntegrityError) as error:
                    outcomes[number] = error
    except IntegrityError as error:
        # The commit finds that the visitors' instance is gone: it was taken for dead, and is about to notice.
        raise RealtimeError("storage.unavailable", retry_after_ms=1_000) from error
    return outcomes


def join(room: str, visitor: Visitor, since: Since | None) -> Joined:
    """Joins one connection; raises RealtimeError."""
    outcome = join_many([Wish(room, visitor, since)])[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _join(wish: Wish) -> Joined | Exception:
    """Admits a connection and reads position and state as of the same moment; raises RealtimeError."""
    kind, key = split(wish.room)
    entry = kind.admit(key, wish.visitor)
    if isinstance(entry, RealtimeError):
        return entry
    where, since = log.position(wish.room), wish.since
    recoverable = since is not None and since.epoch == where.epoch and where.floor - 1 <= since.seq <= where.head
    recovered = "none" if since is None else "full" if recoverable else "snapshot"
    if wish.look is not None:
        view = View([], wish.look())
    else:
        view = kind.view(key, entry, with_state=not recoverable) if wish.state else View([])
    return Joined(entry.grant, where.epoch, where.head, recovered, view.state, view.members)


def history(room: str, visitor: Visitor, before: int | None, limit: int) -> log.Page:
    """Reads a room's past for somebody who may read it; raises RealtimeError."""
    kind, key = split(room)
    user = visitor.identity.user_id
    grant = kind.grants(key, [user]).get(user)
    if grant is None or "read" not in grant.permissions:
        raise RealtimeError("room.not_found")
    try:
        return log.history(room, before=before, limit=limit)
    except NoSuchRoom as error:
        raise RealtimeError("room.not_found") from error
