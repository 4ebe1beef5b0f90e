"""Counts of sessions and participants, for the status page, the dashboard and Prometheus."""

from __future__ import annotations

import msgspec
from django.db.models import Count, Q
from prometheus_client import Gauge

from bduf_realtime.gateway import overview
from bduf_realtime.gateway.overview import ConnectionMetrics, InstanceInfo, ProcessMetrics
from bduf_realtime.rooms.models import Room
from collaboration.models import Participant, Session

BUSIEST = 20

sessions = Gauge("bduf_sessions", "Sessions on all instances, by status; every instance says the same.", ["status"])
participants = Gauge("bduf_participants", "Participants present on all instances.")
participants_waiting = Gauge("bduf_participants_waiting", "Users who wait to be let into a session.")


class SessionMetrics(msgspec.Struct, frozen=True):
    """Sessions on all instances; participants are those present in sessions that have not ended."""

    total: int
    active: int
    paused: int
    ended: int
    projects: int
    participants: int
    waiting: int
    average_participants: float
    unique_users: int


class SessionLoad(msgspec.Struct, frozen=True):
    """One session that has not ended: who is there, and how much has happened."""

    id: str
    project: str
    name: str
    status: str
    participants: int
    connections: int
    events: int


class Status(msgspec.Struct, frozen=True):
    """Everything at a glance: `sessions`, `connections` and `instances` of all, `process` of the one that answers."""

    sessions: SessionMetrics
    busiest: list[SessionLoad]
    connections: ConnectionMetrics
    instances: list[InstanceInfo]
    process: ProcessMetrics


def status_now() -> Status:
    """Counts now, in a fixed number of queries."""
    return Status(
        session_metrics(), busiest_sessions(), overview.connection_metrics(), overview.instances(), overview.process()
    )


def session_metrics() -> SessionMetrics:
    """Counts sessions and those who take part."""
    by_status = dict(Session.objects.values_list("status").annotate(Count("pk")))
    open_ = Session.objects.exclude(status=Session.Status.ENDED)
    there = Participant.objects.filter(present=True, session__in=open_)
    people = there.aggregate(
        all=Count("pk"), users=Count("user", distinct=True), sessions=Count("session", distinct=True)
    )
    return SessionMetrics(
        sum(by_status.values()),
        by_status.get(Session.Status.ACTIVE, 0),
        by_status.get(Session.Status.PAUSED, 0),
        by_status.get(Session.Status.ENDED, 0),
        open_.values("project").distinct().count(),
        people["all"],
        Participant.objects.filter(admission=Participant.Admission.WAITING).count(),
        round(people["all"] / people["sessions"], 2) if people["sessions"] else 0.0,
        people["users"],
    )


def busiest_sessions(limit: int = BUSIEST) -> list[SessionLoad]:
    """The sessions with the most people in them."""
    there = Count("participants", filter=Q(participants__present=True))
    rows = list(
        Session.objects.exclude(status=Session.Status.ENDED)
        .annotate(there=there)
        .order_by("-there", "-created_at")[:limit]
    )
    rooms = [f"session:{session.pk}" for session in rows]
    heads = dict(Room.objects.filter(name__in=rooms).values_list("name", "head"))
    connections = overview.attendances(rooms)
    return [
        SessionLoad(
            str(session.pk),
            str(session.project_id),
            session.name,
            session.status,
            session.there,
            connections.get(room, 0),
            heads.get(room, 0),
        )
        for session, room in zip(rows, rooms, strict=True)
    ]


def count_for_metrics() -> int:
    """Sets the gauges; every instance does, with the same figures, for they are of all."""
    counted = session_metrics()
    for status, count in (("active", counted.active), ("paused", counted.paused), ("ended", counted.ended)):
        sessions.labels(status).set(count)
    participants.set(counted.participants)
    participants_waiting.set(counted.waiting)
    return 0
