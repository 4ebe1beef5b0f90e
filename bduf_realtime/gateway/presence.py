"""Who is connected where, in the database: leases, connection rows, attendances, and the cleaning up after the dead."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

import msgspec
import structlog
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.doors import kinds, split
from bduf_realtime.gateway.models import Attendance, Connection, Instance
from bduf_realtime.rooms.transactions import write

logger = structlog.get_logger(__name__)

REPORTED = (
    "state",
    "last_activity",
    "closed_at",
    "close_code",
    "client",
    "timezone",
    "round_trip_ms",
    "messages_in",
    "messages_out",
    "bytes_in",
    "bytes_out",
    "queue_bytes",
)


class Departure(msgspec.Struct, frozen=True):
    """A connection that left a room."""

    room: str
    user: str
    connection: str


def instance_start(instance: str, lease: float) -> None:
    """Registers this process."""
    with write():
        Instance.objects.create(
            id=instance, host=socket.gethostname()[:255], pid=os.getpid(), expires_at=_lease_end(lease)
        )


def instance_renew(instance: str, lease: float, draining: bool) -> bool:
    """Renews the lease; false if others took this process for dead and cleaned up after it."""
    with write():
        lapsed = Instance.objects.filter(expires_at__lt=Now())
        if lapsed.filter(pk=instance).exists():
            # It ran out and nobody cleaned up: the database was away, and nobody is dead for not reaching it.
            lapsed.update(expires_at=_lease_end(lease))
        return bool(Instance.objects.filter(pk=instance).update(expires_at=_lease_end(lease), draining=draining))


def instance_end(instance: str) -> None:
    """Leaves nothing for others to clean up."""
    with write():
        _bury(instance)


def elected(instance: str) -> bool:
    """Whether this is the oldest living instance, the one that runs the timers.

    Two may think so for a moment; every sweep therefore takes its rows' locks and looks again.
    """
    oldest = Instance.objects.filter(expires_at__gt=Now()).order_by("started_at", "pk").values_list("pk", flat=True)
    return str(oldest.first()) == instance


def reap(me: str | None = None) -> int:
    """Cleans up after instances whose lease ran out while another's did not; returns how many.

    When all have run out the database was away, or nobody is there whom it concerns.
    """
    living = Instance.objects.filter(expires_at__gt=Now())
    dead = Instance.objects.filter(models.Exists(living), expires_at__lt=Now())
    reaped = 0
    for instance in list(dead.values_list("pk", flat=True)):
        if str(instance) == me:
            continue
        with write():
            if dead.select_for_update(skip_locked=_skips()).filter(pk=instance).exists():
                _bury(str(instance))
                reaped += 1
                logger.warning("instance_reaped", instance=str(instance))
    return reaped


def _bury(instance: str) -> None:
    places = Attendance.objects.filter(instance_id=UUID(instance))
    _depart([Departure(p.room, p.user, str(p.connection)) for p in places])
    Instance.objects.filter(pk=instance).delete()


def _skips() -> bool:
    from django.db import connection

    return bool(connection.features.has_select_for_update_skip_locked)


def _lease_end(lease: float) -> models.expressions.Combinable:
    # The database's clock, so that instances whose clocks differ judge each other alike.
    return models.ExpressionWrapper(Now() + timedelta(seconds=lease), output_field=models.DateTimeField())


# --- attendance ------------------------------------------------------------------------------------------------


def attend(*, room: str, user: str, connection: str, instance: str) -> None:
    """Notes a connection's place in a room, within the caller's transaction."""
    place = Attendance(connection=UUID(connection), room=room, instance_id=UUID(instance), user=user)
    Attendance.objects.bulk_create([place], ignore_conflicts=True)  # one statement; a rejoin finds its place taken


def attending(room: str, user: str) -> int:
    """How many connections of the user are in the room, on all instances."""
    return Attendance.objects.filter(room=room, user=user).count()


def places(instance: str, older_than: float) -> list[Departure]:
    """The places that connections of an instance have held for a while."""
    rows = Attendance.objects.filter(
        instance_id=UUID(instance), since__lt=timezone.now() - timedelta(seconds=older_than)
    )
    return [Departure(room, user, str(c)) for room, user, c in rows.values_list("room", "user", "connection")]


def depart(departures: Iterable[Departure]) -> None:
    """Gives up places in rooms, many in one transaction."""
    with write():
        _depart(list(departures))


def _depart(departures: list[Departure]) -> None:
    # In the rooms' order: each kind takes the room's lock, and two batches must take them alike.
    for departure in sorted(departures, key=lambda d: d.room):
        gone = Attendance.objects.filter(connection=departure.connection, room=departure.room).delete()[0]
        prefix = departure.room.partition(":")[0]
        if gone and prefix in kinds:
            kind, key = split(departure.room)
            kind.depart(key, departure.user, departure.connection)


# --- connection rows -------------------------------------------------------------------------------------------


def report(rows: list[Connection]) -> None:
    """Writes this process's connections as they are now: new ones, changed ones and closed ones.

    A deleted user's are gone with the user; one row that cannot be written would keep all the others from it.
    """
    latest = {row.pk: row for row in rows}  # opened and closed since the last report: once is enough
    with write():
        users = {str(pk) for pk in User.objects.filter(pk__in={r.user_id for r in rows}).values_list("pk", flat=True)}
        known = [row for row in latest.values() if str(row.user_id) in users]
        Connection.objects.bulk_create(
            known, batch_size=500, update_conflicts=True, unique_fields=["id"], update_fields=REPORTED
        )


def cut(connections: models.QuerySet[Connection]) -> int:
    """Has open connections closed 4403 by whichever instances hold them, within a second or two; returns how many."""
    return connections.filter(closed_at=None, cut_at=None).update(cut_at=timezone.now())


def to_be_cut(instance: str) -> list[str]:
    """The connections of an instance that an operator wants closed."""
    wanted = Connection.objects.filter(instance_id=UUID(instance), cut_at__isnull=False, closed_at=None)
    return [str(pk) for pk in wanted.values_list("pk", flat=True)]


def forget_closed(older_than: float) -> int:
    """Forgets connections that were closed `older_than` seconds ago."""
    horizon = timezone.now() - timedelta(seconds=older_than)
    return Connection.objects.filter(closed_at__lt=horizon).delete()[0]
