"""Counts of sessions and participants, for the status page, the dashboard and Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from django.db import DatabaseError
from django.db.models import Count, Q
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from bduf_realtime.gateway import overview
from bduf_realtime.gateway.overview import ConnectionMetrics, InstanceInfo, ProcessMetrics
from bduf_realtime.rooms.models import Room
from collaboration.models import Participant, Session

BUSIEST = 20


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


class SessionCollector(Collector):
    """Puts the counts into /metrics at every scrape; each instance says the same, for they are of all."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        sessions = GaugeMetricFamily("bduf_sessions", "Sessions on all instances, by status.", labels=["status"])
        participants = GaugeMetricFamily("bduf_participants", "Participants present on all instances.")
        waiting = GaugeMetricFamily("bduf_participants_waiting", "Users who wait to be let into a session.")
        try:
            counted = session_metrics()
        except DatabaseError:
            return []  # the other metrics say that the database is away
        for status in Session.Status.values:
            sessions.add_metric([status], getattr(counted, status))
        participants.add_metric([], counted.participants)
        waiting.add_metric([], counted.waiting)
        return [sessions, participants, waiting]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []


def register() -> None:
    """Adds the counts to what /metrics shows."""
    REGISTRY.register(SessionCollector())
