"""Writing one event in a service's own transaction, and reading the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from bduf_realtime.rooms import models
from bduf_realtime.rooms.batch import insert_events, lock_rooms, set_heads
from bduf_realtime.rooms.events import Appended, Author, NoSuchRoom, encode, event_frame
from bduf_realtime.rooms.statements import among, rows
from bduf_realtime.rooms.transactions import write

AT_ONCE = 5_000


class Position(msgspec.Struct, frozen=True):
    """How far a log goes: its epoch, its newest and its lowest held number."""

    epoch: str
    head: int
    floor: int


class Page(msgspec.Struct, frozen=True):
    """A stretch of a log, in order, with the position it was read at."""

    position: Position
    events: list[tuple[int, bytes]]


class News(msgspec.Struct, frozen=True):
    """An event on its way into a room's log; `data` is anything msgspec encodes to a JSON object."""

    room: str
    type: str
    data: Any


_listeners: list[Callable[[Appended], None]] = []
_kept: ContextVar[list[Appended] | None] = ContextVar("kept", default=None)


def listen(listener: Callable[[Appended], None]) -> None:
    """Has every event this process appends told to `listener` after its commit, in the committing thread."""
    _listeners.append(listener)


def unlisten(listener: Callable[[Appended], None]) -> None:
    if listener in _listeners:
        _listeners.remove(listener)


def create(name: str) -> models.Room:
    """Starts an empty log."""
    return models.Room.objects.create(name=name)


def lock(name: str) -> models.Room:
    """Takes the row under which the room's events are numbered until the transaction ends; raises NoSuchRoom."""
    if not connection.in_atomic_block:  # SQLite would not mind, and number two events alike
        raise transaction.TransactionManagementError("A room is locked inside a transaction.")
    # Plain SQL here and in `position`, for there is no join and no change without them.
    locking = "" if connection.vendor == "sqlite" else " FOR UPDATE"
    columns = "id, name, epoch, head, floor"
    found = rows(f"SELECT {columns} FROM rooms_room WHERE name = %s{locking}", [name])  # noqa: S608 - our own words
    if not found:
        raise NoSuchRoom(name)
    return models.Room.from_db(connection.alias, columns.split(", "), found[0])


def lock_many(names: Iterable[str]) -> dict[str, tuple[int, str, int]]:
    """Locks many rooms in the order in which everybody locks them; returns id, epoch and head of those there are."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Rooms are locked inside a transaction.")
    return lock_rooms(sorted(names))


def exists(name: str) -> bool:
    """Whether there is a log of that name."""
    return models.Room.objects.filter(name=name).exists()


def delete(name: str) -> None:
    """Deletes a log with all that is in it."""
    models.Room.objects.filter(name=name).delete()


def append(*, room: str, type: str, data: Any, by: Author, at: datetime | None = None) -> Appended:
    """Appends one event within the caller's transaction, to be announced after the commit, or collected by `keeping`.

    `data` is anything msgspec encodes to a JSON object. Raises NoSuchRoom.
    """
    row = lock(room)
    moment = at or timezone.now()
    seq = row.head + 1
    frame = event_frame(type, room, row.epoch, seq, moment, by, encode(data))
    models.Event.objects.create(room=row, seq=seq, type=type, at=moment, frame=frame.decode())
    models.Room.objects.filter(pk=row.pk).update(head=seq)
    appended = Appended(room, row.epoch, seq, type, frame, by.connection)
    announce_later(appended)
    return appended


def append_many(news: Iterable[News], *, by: Author) -> list[Appended]:
    """Does what `append` does for many rooms with a fixed number of statements.

    Each log gets its events in the order given. What is for a room without a log is left out.
    """
    news = list(news)
    rooms = lock_many({new.room for new in news})
    heads = {name: head for name, (_, _, head) in rooms.items()}
    moment = timezone.now()
    at = connection.ops.adapt_datetimefield_value(moment)
    appended, stored = [], []
    for new in news:
        if new.room in rooms:
            room_id, epoch, _ = rooms[new.room]
            seq = heads[new.room] = heads[new.room] + 1
            frame = event_frame(new.type, new.room, epoch, seq, moment, by, encode(new.data))
            appended.append(Appended(new.room, epoch, seq, new.type, frame, by.connection))
            stored.append((room_id, seq, new.type, at, frame.decode()))
    insert_events(stored)
    set_heads([(heads[name], room_id) for name, (room_id, _, _) in rooms.items()])
    for one in appended:
        announce_later(one)
    return appended


@contextmanager
def keeping() -> Iterator[list[Appended]]:
    """Collects what this thread appends, for a caller who delivers it together with an ack of its own."""
    events: list[Appended] = []
    token = _kept.set(events)
    try:
        yield events
    finally:
        _kept.reset(token)


def announce_later(appended: Appended) -> None:
    """Has an event told to the listeners after the commit, or collected by `keeping`."""
    if (kept := _kept.get()) is None:
        transaction.on_commit(lambda: announce(appended))
    else:
        kept.append(appended)


def announce(appended: Appended) -> None:
    for listener in _listeners:
        listener(appended)


def position(name: str) -> Position:
    """Where a log stands; raises NoSuchRoom."""
    found = rows("SELECT epoch, head, floor FROM rooms_room WHERE name = %s", [name])
    if not found:
        raise NoSuchRoom(name)
    return Position(*found[0])


def positions(names: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Epoch and head of many logs in one statement."""
    named, parameter = among("name", names)
    found = rows(f"SELECT name, epoch, head FROM rooms_room WHERE {named}", [parameter])  # noqa: S608 - our own words
    return {name: (epoch, head) for name, epoch, head in found}


def read(name: str, *, after: int, limit: int) -> Page:
    """Reads up to `limit` events past `after`, oldest first; raises NoSuchRoom.

    Position and events come from two statements: events that arrive in between are simply read too, unless they are
    of another life of the log. A trim in between shows as a first number other than `after` + 1; callers check that.
    """
    where = position(name)
    rows = events(name).filter(seq__gt=after).order_by("seq")
    return Page(where, _of_life(where.epoch, rows[:limit]))


def history(name: str, *, before: int | None, limit: int) -> Page:
    """Reads up to `limit` events below `before` (or the newest), returned oldest first; raises NoSuchRoom."""
    where = position(name)
    rows = events(name)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    return Page(where, _of_life(where.epoch, rows.order_by("-seq")[:limit])[::-1])


def events(name: str) -> QuerySet[models.Event]:
    """The events of a room, by its key: found by a join, PostgreSQL would sort the whole log for every page of it."""
    return models.Event.objects.filter(room_id=models.Room.objects.filter(name=name).values("pk")[:1])


def _of_life(epoch: str, rows: QuerySet[models.Event]) -> list[tuple[int, bytes]]:
    found = rows.values_list("seq", "frame", "room__epoch")
    return [(seq, frame.encode()) for seq, frame, life in found if life == epoch]


def renew_epoch(name: str) -> str:
    """Starts another life of a log whose content was restored or rebuilt; clients of the old one get snapshots.

    Numbers go on, for what was written by the old ones keeps them; the events go, for their frames name the old life.
    """
    with write():
        room = lock(name)
        models.Event.objects.filter(room=room).delete()
        room.epoch = models.new_epoch()
        room.floor = room.head + 1
        room.save(update_fields=["epoch", "floor"])
        return room.epoch


def trim(*, keep: int, younger_than: float, now: datetime | None = None, limit: int = 1_000) -> int:
    """Forgets events that are neither among a room's `keep` newest nor younger than that many seconds.

    Handles at most `limit` rooms a call, in short transactions; returns the number of events forgotten.
    """
    horizon = (now or timezone.now()) - timedelta(seconds=younger_than)
    long = models.Room.objects.filter(head__gte=F("floor") + keep).values_list("name", flat=True)[:limit]
    forgotten = 0
    for name in list(long):
        while some := _trim(name, keep, horizon):
            forgotten += some
    return forgotten


def _trim(name: str, keep: int, horizon: datetime) -> int:
    with write():
        room = lock(name)
        last = min(room.head - keep, room.floor + AT_ONCE - 1)
        old = models.Event.objects.filter(room=room, seq__lte=last)
        young = old.filter(at__gte=horizon).order_by("seq").values_list("seq", flat=True).first()
        floor = max(room.floor, last + 1 if young is None else young)
        if floor > room.floor:
            models.Event.objects.filter(room=room, seq__lt=floor).delete()
            models.Room.objects.filter(pk=room.pk).update(floor=floor)
        return floor - room.floor


def forget_commands(*, older_than: float, now: datetime | None = None) -> int:
    """Forgets answers of commands that can no longer be resent, in short transactions; returns how many."""
    horizon = (now or timezone.now()) - timedelta(seconds=older_than)
    forgotten = 0
    while True:
        with write():
            old = models.Command.objects.filter(at__lt=horizon).order_by("at").values("pk")[:AT_ONCE]
            some = models.Command.objects.filter(pk__in=old).delete()[0]
        forgotten += some
        if some < AT_ONCE:
            return forgotten
