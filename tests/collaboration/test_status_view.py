"""What operators see at a glance: counts against what is known to be there."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

import collaboration.status
from bduf_realtime.gateway.models import Attendance, Connection, Instance
from bduf_realtime.rooms import log
from collaboration import selectors, services
from collaboration.models import Document, DocumentUpdate, Participant, Session
from tests.collaboration.conftest import Team
from tests.people import Rest, person, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def busy(team: Team) -> Team:
    """Four sessions, two of them over or resting; three people in two, one of them twice; a dead instance besides."""
    second, resting, over = (
        services.session_create(project=team.project, by=team.owner, name=name) for name in ("Second", "Rest", "Over")
    )
    Session.objects.filter(pk=resting.pk).update(status="paused")
    Session.objects.filter(pk=over.pk).update(status="ended")
    for session, user in (
        (team.session, team.moderator),
        (team.session, team.participant),
        (second, team.participant),
        (over, team.observer),
    ):
        Participant.objects.create(session=session, user=user, present=True)
    Participant.objects.create(session=second, user=team.observer, admission="waiting")
    log.append(room=f"session:{team.session.pk}", type="x", data={}, by=services.author_of(None))
    living = Instance.objects.create(host="alive", pid=7, expires_at="2999-01-01T00:00Z")
    dead = Instance.objects.create(host="dead", pid=8, expires_at="2001-01-01T00:00Z")
    for instance, user, state, fields in (
        (living, team.moderator, "authenticated", {"bytes_in": 10, "messages_in": 1, "round_trip_ms": 10.0}),
        (living, team.participant, "idle", {"bytes_out": 5, "messages_out": 2, "round_trip_ms": 20.0}),
        (living, team.participant, "authenticated", {"queue_bytes": 3}),
        (living, team.observer, "disconnected", {"closed_at": "2026-01-01T00:00Z", "bytes_in": 1_000}),
        (dead, team.owner, "authenticated", {"bytes_in": 1_000}),
    ):
        connection = Connection.objects.create(id=uuid.uuid4(), instance=instance, user=user, state=state, **fields)
        if not fields.get("closed_at"):
            Attendance.objects.create(
                connection=connection.pk, instance=instance, room=f"session:{team.session.pk}", user=str(user.pk)
            )
    return team


def status(**query: Any) -> Any:
    code, answer = Rest(person(is_staff=True)).get("status/", **query)
    assert code == 200
    return answer


def test_everything_is_counted_as_it_is(busy: Team) -> None:
    shown = status()
    assert shown["sessions"] == {
        "total": 4,
        "active": 2,
        "paused": 1,
        "ended": 1,
        "projects": 1,
        "participants": 3,
        "waiting": 1,
        "average_participants": 1.5,
        "unique_users": 2,
    }
    connections = shown["connections"]
    assert connections.pop("by_state") == {
        "connecting": 0,
        "connected": 0,
        "authenticated": 2,
        "idle": 1,
        "reconnecting": 0,
        "disconnected": 0,
    }
    assert connections == {
        "total": 3,
        "active": 2,
        "unique_users": 2,
        "unique_sessions": 1,
        "average_response_ms": 15.0,
        "connections_per_user": 1.5,
        "messages_in": 1,
        "messages_out": 2,
        "bytes_in": 10,
        "bytes_out": 5,
        "queue_bytes": 3,
    }
    assert [(i["host"], i["pid"], i["draining"], i["connections"]) for i in shown["instances"]] == [
        ("alive", 7, False, 3)
    ]


def test_documents_and_what_waits_for_a_snapshot_are_counted(busy: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    text, other, keyed = (
        services.document_create(session=busy.session.pk, by=busy.owner, title="T", strategy=strategy, content=content)
        for strategy, content in (("merge", "a"), ("merge", "b"), ("reject", {"a": 1}))
    )
    services.document_delete(document=other.pk, by=busy.owner)
    DocumentUpdate.objects.create(document=text, seq=2, data=b"\0\0")
    selectors.document_content(text)
    past = timezone.now() - timedelta(seconds=90)
    Document.objects.filter(pk=text.pk).update(edited_at=past, version_due=past)
    shown = status()
    cached = {name: shown["documents"].pop(name) for name in ("cached_texts", "cached_bytes")}
    assert cached["cached_texts"] > 0 < cached["cached_bytes"]
    assert shown["documents"] == {
        "total": 2,
        "by_strategy": {"merge": 1, "last_write_wins": 0, "reject": 1},
        "bytes": text.size + keyed.size,
        "versions_due": 1,
    }
    assert shown["compaction"] == {"updates": 2, "due": 0, "age_seconds": 0.0}
    monkeypatch.setattr(collaboration.status, "documents_due", lambda: [text.pk])
    assert 90 <= status()["compaction"]["age_seconds"] < 120


def test_the_busiest_sessions_come_first_and_those_that_ended_not_at_all(busy: Team) -> None:
    rows = status()["busiest"]
    assert [(row["name"], row["participants"], row["status"]) for row in rows] == [
        ("Kick-off", 2, "active"),
        ("Second", 1, "active"),
        ("Rest", 0, "paused"),
    ]
    assert (rows[0]["events"], rows[0]["connections"]) == (1, 3)
    assert rows[0]["project"] == str(busy.project.pk)


def test_an_empty_server_counts_nothing(db: None) -> None:
    shown = status()
    assert shown["sessions"]["average_participants"] == shown["connections"]["connections_per_user"] == 0.0
    assert shown["connections"]["average_response_ms"] is None
    assert (shown["busiest"], shown["instances"]) == ([], [])
    assert set(shown["process"]) == {
        "messages_by_type",
        "errors_by_code",
        "events_delivered",
        "rooms_open",
        "journal_waiting",
        "loop_lag_seconds",
    }


def test_counting_takes_as_many_queries_for_many_as_for_few(
    busy: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    caller = Rest(person(is_staff=True))
    for _ in range(2):
        with django_assert_num_queries(18):
            caller.get("status/")
        for number in range(25):
            session = services.session_create(project=busy.project, by=busy.owner, name=f"S{number}")
            Participant.objects.create(session=session, user=busy.observer, present=True)
            Instance.objects.create(host=f"h{number}", pid=1, expires_at="2999-01-01T00:00Z")


def test_the_status_takes_no_parameters(db: None) -> None:
    assert refusal(Rest(person(is_staff=True)).get("status/", project="x")) == (400, "msg.unknown_field")
