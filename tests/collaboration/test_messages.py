"""Room messages: made ready for the journal, and judged in the transaction that commits them."""

from __future__ import annotations

import uuid

import pytest
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.batch import Committed, commit
from collaboration import services
from collaboration.messages import MessageSend
from collaboration.models import Participant, Session
from tests.collaboration.conftest import Team, events_of

pytestmark = pytest.mark.django_db


def say(session: uuid.UUID, user: User, body: str = "hi", payload: object = None) -> str:
    """Commits one message; returns the code of its refusal, or nothing."""
    message = MessageSend(session, body, payload)
    (outcome,) = commit([services.message_send(message=message, by=services.author_of(user, "connection"))])
    if isinstance(outcome, Committed):
        return ""
    assert isinstance(outcome, RealtimeError)
    return outcome.code


def test_a_message_is_an_event_of_its_sender(team: Team) -> None:
    assert say(team.session.pk, team.participant, "hello", {"mood": [1]}) == ""
    assert say(team.session.pk, team.participant, "bare") == ""
    first, second = events_of(f"session:{team.session.pk}")
    assert (first["type"], first["seq"], second["seq"]) == ("collaboration:message:sent", 1, 2)
    assert first["data"] == {"session": str(team.session.pk), "body": "hello", "payload": {"mood": [1]}}
    assert second["data"] == {"session": str(team.session.pk), "body": "bare"}
    assert first["by"] == {
        "user": str(team.participant.pk),
        "name": "participant",
        "kind": "human",
        "connection": "connection",
    }


@pytest.mark.parametrize(
    ("role", "active", "paused", "ended"),
    [
        ("owner", "", "session.paused", "session.ended"),
        ("moderator", "", "session.paused", "session.ended"),
        ("participant", "", "session.paused", "session.ended"),
        ("observer", "perm.denied", "perm.denied", "session.ended"),
        ("stranger", "session.not_found", "session.not_found", "session.not_found"),
    ],
)
def test_who_may_write_depends_on_role_and_status(team: Team, role: str, active: str, paused: str, ended: str) -> None:
    for status, verdict in (("active", active), ("paused", paused), ("ended", ended)):
        Session.objects.update(status=status)
        assert say(team.session.pk, team[role]) == verdict


def test_a_session_that_does_not_exist_is_like_one_of_strangers(team: Team) -> None:
    subject = (str(uuid.uuid4()), str(team.owner.pk))
    assert services.writers_refused([subject])[subject].code == "session.not_found"


def test_a_role_of_the_sessions_own_goes_before_the_projects(team: Team) -> None:
    Participant.objects.create(session=team.session, user=team.observer, role="participant")
    Participant.objects.create(session=team.session, user=team.participant, role="observer")
    assert say(team.session.pk, team.observer) == ""
    assert say(team.session.pk, team.participant) == "perm.denied"


def test_a_role_in_another_project_helps_nobody(team: Team) -> None:
    services.session_create(project=services.project_create(name="Other", by=team.observer), by=team.observer)
    assert say(team.session.pk, team.observer) == "perm.denied"


def test_a_member_removed_or_demoted_before_the_commit_is_refused(team: Team) -> None:
    message = MessageSend(team.session.pk, "too late")
    ready = [services.message_send(message=message, by=services.author_of(team[r])) for r in ("owner", "participant")]
    services.project_member_set(project=team.project, user=team.participant, role="observer", by=team.owner)
    assert isinstance(commit(ready[1:])[0], RealtimeError)
    services.project_member_remove(project=team.project, user=team.participant, by=team.owner)
    kept, lost = commit(ready)
    assert isinstance(kept, Committed)
    assert isinstance(lost, RealtimeError)
    assert lost.code == "session.not_found"


def test_many_writers_of_many_sessions_are_judged_in_a_few_queries(
    team: Team, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    sessions = [services.session_create(project=team.project, by=team.owner) for _ in range(5)]
    subjects = [(str(s.pk), str(team[role].pk)) for s in sessions for role in ("owner", "observer", "stranger")]
    with django_assert_max_num_queries(3):
        refused = services.writers_refused(subjects)
    assert [refused[s].code if s in refused else "" for s in subjects] == [
        "",
        "perm.denied",
        "session.not_found",
    ] * 5
