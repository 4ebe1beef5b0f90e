"""Counts of connections, instances and this process, for the status page, the dashboard and the participants' list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.db.models import Avg, Count, Q, QuerySet, Sum
from django.db.models.functions import Now

from bduf_realtime.gateway import metrics
from bduf_realtime.gateway.models import Attendance, Connection, Instance
from bduf_realtime.rooms.events import timestamp


class ConnectionMetrics(msgspec.Struct, frozen=True):
    """Open connections on all instances, as those last reported them; bytes and messages are of the open ones."""

    total: int
    active: int
    unique_users: int
    unique_sessions: int
    average_response_ms: float | None
    connections_per_user: float
    by_state: dict[str, int]
    messages_in: int
    messages_out: int
    bytes_in: int
    bytes_out: int
    queue_bytes: int


class InstanceInfo(msgspec.Struct, frozen=True):
    """A living server process."""

    id: str
    host: str
    pid: int
    started_at: str
    draining: bool
    connections: int


class ProcessMetrics(msgspec.Struct, frozen=True):
    """What the process that answers has counted since it started: frames by command, refusals by code."""

    messages_by_type: dict[str, int]
    errors_by_code: dict[str, int]
    events_delivered: dict[str, int]
    rooms_open: int
    journal_waiting: int
    loop_lag_seconds: float


class Seen(msgspec.Struct, frozen=True):
    """One connection in a room: its id, its state, and when it last did something."""

    connection: str
    state: str
    last_activity: datetime


def connections_open() -> QuerySet[Connection]:
    """Connections that are open, on instances that live."""
    return Connection.objects.filter(closed_at=None, instance__expires_at__gt=Now())


def connection_metrics() -> ConnectionMetrics:
    """Counts what is connected now."""
    open_ = connections_open()
    by_state = dict.fromkeys(Connection.State.values, 0) | dict(open_.values_list("state").annotate(Count("pk")))
    awaited = Connection.objects.filter(state=Connection.State.RECONNECTING, instance__expires_at__gt=Now())
    by_state[Connection.State.RECONNECTING] = awaited.count()
    total = open_.aggregate(
        all=Count("pk"),
        users=Count("user", distinct=True),
        round_trip=Avg("round_trip_ms"),
        **{name: Sum(name) for name in ("messages_in", "messages_out", "bytes_in", "bytes_out", "queue_bytes")},
    )
    sessions = Attendance.objects.filter(room__startswith="session:", instance__expires_at__gt=Now())
    return ConnectionMetrics(
        total["all"],
        by_state[Connection.State.AUTHENTICATED],
        total["users"],
        sessions.values("room").distinct().count(),
        total["round_trip"] and round(total["round_trip"], 3),
        round(total["all"] / total["users"], 2) if total["users"] else 0.0,
        by_state,
        total["messages_in"] or 0,
        total["messages_out"] or 0,
        total["bytes_in"] or 0,
        total["bytes_out"] or 0,
        total["queue_bytes"] or 0,
    )


def instances() -> list[InstanceInfo]:
    """The server processes that live, the oldest first."""
    open_ = Count("connections", filter=Q(connections__closed_at=None))
    living = Instance.objects.filter(expires_at__gt=Now()).annotate(open=open_).order_by("started_at", "pk")
    return [InstanceInfo(str(i.pk), i.host, i.pid, timestamp(i.started_at), i.draining, i.open) for i in living]


def process() -> ProcessMetrics:
    """What this process has counted."""
    return ProcessMetrics(
        metrics.by_label(metrics.messages_received),
        metrics.by_label(metrics.errors),
        metrics.by_label(metrics.events_delivered),
        int(metrics.value(metrics.rooms_open)),
        int(metrics.value(metrics.journal_waiting)),
        round(metrics.value(metrics.loop_lag_seconds), 4),
    )


def attendances(rooms: Sequence[str]) -> dict[str, int]:
    """How many connections are in each of these rooms."""
    living = Attendance.objects.filter(room__in=rooms, instance__expires_at__gt=Now())
    return dict(living.values_list("room").annotate(Count("pk")))


def seen_in(room: str) -> dict[str, list[Seen]]:
    """The connections in a room by user, the liveliest first."""
    places = Attendance.objects.filter(room=room)
    rows = Connection.objects.filter(pk__in=places.values("connection"))
    reported = {pk: (state, at) for pk, state, at in rows.values_list("pk", "state", "last_activity")}
    by_user: dict[str, list[Seen]] = defaultdict(list)
    for pk, user, since in places.values_list("connection", "user", "since"):
        # A connection is in the room at once, and in the connections' table when its instance next reports.
        state, last_activity = reported.get(pk, (Connection.State.AUTHENTICATED.value, since))
        by_user[user].append(Seen(str(pk), state, last_activity))
    for seen in by_user.values():
        seen.sort(key=lambda s: s.last_activity, reverse=True)
    return by_user
