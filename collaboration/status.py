"""Counts of sessions and participants, for the status page, the dashboard and Prometheus."""

from __future__ import annotations

from datetime import datetime

import msgspec
from django.db.models import Count, F, Min, Q, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from prometheus_client import Gauge

from bduf_realtime.gateway import overview
from bduf_realtime.gateway.overview import ConnectionMetrics, InstanceInfo, ProcessMetrics
from bduf_realtime.rooms.models import Room
from collaboration import metrics
from collaboration.documents.cache import texts
from collaboration.models import Document, DocumentUpdate, Participant, Session
from collaboration.services.compaction import documents_due

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


class DocumentMetrics(msgspec.Struct, frozen=True):
    """Documents on all instances that were not deleted; `cached` are the texts loaded in the one that answers.

    `versions_due` have edits that are in no version yet, and get one by the clock.
    """

    total: int
    by_strategy: dict[str, int]
    bytes: int
    versions_due: int
    cached_texts: int
    cached_bytes: int


class CompactionMetrics(msgspec.Struct, frozen=True):
    """Updates of texts that are in no snapshot yet, texts that should have one by now, and how long they have waited.

    The time is that since the last edit of the text that was edited longest ago.
    """

    updates: int
    due: int
    age_seconds: float


class Status(msgspec.Struct, frozen=True):
    """Everything at a glance: of all instances, but for `process`, which is the one that answers."""

    sessions: SessionMetrics
    documents: DocumentMetrics
    compaction: CompactionMetrics
    busiest: list[SessionLoad]
    connections: ConnectionMetrics
    instances: list[InstanceInfo]
    process: ProcessMetrics


def status_now() -> Status:
    """Counts now, in a fixed number of queries."""
    return Status(
        session_metrics(),
        document_metrics(),
        compaction_metrics(),
        busiest_sessions(),
        overview.connection_metrics(),
        overview.instances(),
        overview.process(),
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


def document_metrics() -> DocumentMetrics:
    """Counts documents and what they hold."""
    kept = Document.objects.filter(deleted_at=None).values_list("strategy")
    counts = {strategy: sums for strategy, *sums in kept.annotate(Count("pk"), Sum("size"), Count("version_due"))}
    by_strategy = {str(strategy): counts.get(strategy, [0])[0] for strategy in Document.Strategy}
    total, bytes_, due = (sum(column) for column in zip([0, 0, 0], *counts.values(), strict=True))
    return DocumentMetrics(total, by_strategy, bytes_, due, len(texts), texts.bytes)


def compaction_metrics() -> CompactionMetrics:
    """Counts what waits for a snapshot; reads an index entry for every update, so it is for now and then."""
    fresh = DocumentUpdate.objects.filter(document__deleted_at=None, seq__gt=F("document__compacted_seq"))
    due = documents_due()
    edited = Coalesce("edited_at", "created_at")
    oldest: datetime | None = Document.objects.filter(pk__in=due).aggregate(at=Min(edited))["at"]
    age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    return CompactionMetrics(fresh.count(), len(due), round(age, 3))


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
    written = document_metrics()
    for strategy, count in written.by_strategy.items():
        metrics.documents.labels(strategy).set(count)
    metrics.document_bytes.set(written.bytes)
    metrics.versions_due.set(written.versions_due)
    metrics.cache_texts.set(written.cached_texts)
    metrics.cache_bytes.set(written.cached_bytes)
    return 0


def count_compaction() -> int:
    """Sets the gauges of snapshots."""
    counted = compaction_metrics()
    metrics.updates_not_compacted.set(counted.updates)
    metrics.texts_due.set(counted.due)
    metrics.snapshot_age.set(counted.age_seconds)
    return 0
