"""Sessions, their course and their events over REST."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.rooms import log
from collaboration import selectors, services
from collaboration.models import Participant, Session
from tests.collaboration.conftest import Team, events_of
from tests.people import Rest, refusal

pytestmark = pytest.mark.django_db

PAGE = {"count", "next", "previous", "results"}


def names(answer: tuple[int, Any]) -> list[str]:
    status, page = answer
    assert status == 200, page
    return [session["name"] for session in page["results"]]


# --- sessions ----------------------------------------------------------------------------------------------------


def test_a_session_is_opened_with_settings_and_tags_and_read_again(team: Team) -> None:
    body = {
        "project": str(team.project.pk),
        "name": "Design",
        "tags": ["a", "b"],
        "settings": {"max_participants": 5, "require_approval": True},
    }
    status, session = Rest(team.participant).post("sessions/", body)
    assert status == 201
    assert set(session) == {
        "id",
        "project",
        "name",
        "status",
        "settings",
        "tags",
        "created_by",
        "created_at",
        "ended_at",
    }
    assert (session["project"], session["name"], session["tags"]) == (str(team.project.pk), "Design", ["a", "b"])
    assert session["status"] == "active"
    assert (session["settings"]["max_participants"], session["settings"]["auto_save"]) == (5, True)
    for role in ("owner", "observer"):
        assert Rest(team[role]).get(f"sessions/{session['id']}/") == (200, session)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"project": None}, 400, "msg.bad_value"),
        ({"project": "x"}, 400, "msg.bad_value"),
        ({"name": "x" * 201}, 400, "msg.bad_value"),
        ({"name": None}, 400, "msg.bad_value"),
        ({"settings": []}, 400, "msg.bad_value"),
        ({"settings": {"max_participants": "many"}}, 400, "msg.bad_value"),
        ({"settings": {"colour": 1}}, 400, "msg.unknown_field"),
        ({"settings": {"\ud800": 1}}, 400, "msg.bad_text"),
        ({"tags": ["x" * 51]}, 400, "msg.bad_value"),
        ({"tags": ["x"] * 21}, 400, "msg.bad_value"),
        ({"tags": "x"}, 400, "msg.bad_value"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_session_that_does_not_fit_is_refused(team: Team, changes: Any, status: int, code: str) -> None:
    body = {"project": str(team.project.pk), **changes}
    assert refusal(Rest(team.owner).post("sessions/", body)) == (status, code)


def test_a_session_needs_its_project_and_somebody_who_may_write(team: Team) -> None:
    assert refusal(Rest(team.owner).post("sessions/", {})) == (400, "msg.missing_field")
    body = {"project": str(team.project.pk)}
    assert refusal(Rest(team.observer).post("sessions/", body)) == (403, "perm.denied")


def test_sessions_are_listed_to_members_and_filtered_by_project(team: Team) -> None:
    other = services.project_create(name="Other", by=team.owner)
    second = services.session_create(project=other, by=team.owner)
    services.session_create(project=services.project_create(name="Foreign", by=team.stranger), by=team.stranger)
    status, page = Rest(team.owner).get("sessions/")
    assert (status, set(page)) == (200, PAGE)
    assert [s["id"] for s in page["results"]] == [str(second.pk), str(team.session.pk)]
    filtered = Rest(team.owner).get("sessions/", project=str(other.pk))[1]
    assert [s["id"] for s in filtered["results"]] == [str(second.pk)]
    assert Rest(team.observer).get("sessions/", project=str(other.pk))[1]["count"] == 0
    assert refusal(Rest(team.owner).get("sessions/", project="x")) == (400, "msg.bad_value")


def test_a_strangers_session_is_not_there(team: Team) -> None:
    for pk in (team.session.pk, uuid.uuid4()):
        for path in ("", "participants/", "events/"):
            assert refusal(Rest(team.stranger).get(f"sessions/{pk}/{path}")) == (404, "session.not_found")


def test_a_session_is_the_same_over_rest_and_on_a_socket(team: Team) -> None:
    services.session_end(session=team.session.pk, by=team.owner)
    told = msgspec.to_builtins(selectors.session_info(Session.objects.get()))
    assert Rest(team.owner).get(f"sessions/{team.session.pk}/") == (200, told)
    assert Rest(team.owner).get("sessions/")[1]["results"] == [told]


# --- filters and order -------------------------------------------------------------------------------------------


@pytest.fixture
def several(team: Team) -> Team:
    """Three more sessions, with tags, of several days, one ended and one paused."""
    for day, (name, tags) in enumerate(
        [
            ("Alpha", ["déjà vu", "api"]),
            ("Beta", ["API", '"quoted"', "back\\slash"]),
            ("Gamma", ["日本語", "🚀", "a%b"]),
        ],
        1,
    ):
        session = services.session_create(project=team.project, by=team.owner, name=name, tags=tags)
        Session.objects.filter(pk=session.pk).update(created_at=datetime(2026, 1, day, tzinfo=UTC))
    Session.objects.filter(pk=team.session.pk).update(created_at=datetime(2026, 2, 1, tzinfo=UTC))
    Session.objects.filter(name="Alpha").update(status="ended", ended_at=datetime(2026, 3, 1, tzinfo=UTC))
    Session.objects.filter(name="Beta").update(status="paused")
    return team


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Kick-off", "Gamma", "Beta", "Alpha"]),
        ({"status": "active"}, ["Kick-off", "Gamma"]),
        ({"status": "paused"}, ["Beta"]),
        ({"status": "ended"}, ["Alpha"]),
        ({"name": "A"}, ["Gamma", "Beta", "Alpha"]),
        ({"name": "_"}, []),
        ({"tag": "api"}, ["Alpha"]),
        ({"tag": "API"}, ["Beta"]),
        ({"tag": "déjà vu"}, ["Alpha"]),
        ({"tag": "déjà"}, []),
        ({"tag": "日本語"}, ["Gamma"]),
        ({"tag": "🚀"}, ["Gamma"]),
        ({"tag": '"quoted"'}, ["Beta"]),
        ({"tag": "back\\slash"}, ["Beta"]),
        ({"tag": "a%b"}, ["Gamma"]),
        ({"tag": "a_b"}, []),
        ({"tag": '", "'}, []),
        ({"tag": "' OR 1=1 --"}, []),
        ({"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-02-01T00:00:00Z"}, ["Gamma", "Beta"]),
        ({"created_after": "2026-01-03T01:00:00+01:00"}, ["Kick-off", "Gamma"]),
        ({"created_after": "2026-01-03T21:54:00+21:54"}, ["Kick-off", "Gamma"]),
        ({"ordering": "name"}, ["Alpha", "Beta", "Gamma", "Kick-off"]),
        ({"ordering": "-name"}, ["Kick-off", "Gamma", "Beta", "Alpha"]),
        ({"ordering": "created_at"}, ["Alpha", "Beta", "Gamma", "Kick-off"]),
        ({"ordering": "status,-name"}, ["Kick-off", "Gamma", "Alpha", "Beta"]),
        ({"ordering": "", "status": "", "project": ""}, ["Kick-off", "Gamma", "Beta", "Alpha"]),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_sessions_are_found_by(several: Team, query: Any, found: list[str]) -> None:
    assert names(Rest(several.observer).get("sessions/", **query)) == found


@pytest.mark.parametrize("ordering", ["ended_at", "-ended_at"])
def test_sessions_that_have_not_ended_come_last_by_their_end(several: Team, ordering: str) -> None:
    assert names(Rest(several.owner).get("sessions/", ordering=ordering))[0] == "Alpha"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"project": "x"}, "msg.bad_value"),
        ({"project__name": "Orchestrator"}, "msg.unknown_field"),
        ({"owner__email__startswith": "a"}, "msg.unknown_field"),
        ({"created_by__password__startswith": "p"}, "msg.unknown_field"),
        ({"format": "xml"}, "msg.unknown_field"),
        ({"status": "over"}, "msg.bad_value"),
        ({"status": ["active", "ended"]}, "msg.duplicate_key"),
        ({"tag": "a\0b"}, "msg.bad_value"),
        ({"tag": "x" * 51}, "msg.bad_value"),
        ({"created_after": "yesterday"}, "msg.bad_value"),
        ({"created_after": "0001-01-01T00:00:00+14:00"}, "msg.bad_value"),
        ({"created_before": "9999-12-31T23:59:59-14:00"}, "msg.bad_value"),
        ({"ordering": "created_by__password"}, "msg.bad_value"),
        ({"ordering": "settings"}, "msg.bad_value"),
        ({"ordering": "--name"}, "msg.bad_value"),
        ({"ordering": "?"}, "msg.bad_value"),
        ({"limit": "0"}, "msg.bad_value"),
    ],
    ids=str,
)
def test_a_list_of_sessions_is_asked_for_in_known_words_only(team: Team, query: Any, code: str) -> None:
    assert refusal(Rest(team.owner).get("sessions/", **query)) == (400, code)


def test_a_list_takes_as_many_queries_for_many_sessions_as_for_one(
    team: Team, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    caller = Rest(team.owner)
    for _ in range(2):
        with django_assert_num_queries(5):
            caller.get("sessions/", ordering="name")
        for number in range(20):
            services.session_create(project=team.project, by=team.owner, name=f"S{number}", tags=["x"])


# --- changes -----------------------------------------------------------------------------------------------------


def test_a_change_leaves_alone_what_it_does_not_name(team: Team) -> None:
    path, owner = f"sessions/{team.session.pk}/", Rest(team.owner)
    before = owner.get(path)[1]
    status, after = owner.patch(path, {"settings": {"max_participants": 7}})
    assert status == 200
    assert after == {**before, "settings": {**before["settings"], "max_participants": 7}}
    _, after = owner.patch(path, {"tags": ["b", "a", "b"]})
    assert (after["tags"], after["name"], after["settings"]["max_participants"]) == (["b", "a"], "Kick-off", 7)
    assert owner.patch(path, {"name": ""})[1] == {**after, "name": ""}
    assert [event["type"] for event in events_of(f"session:{team.session.pk}")] == ["collaboration:session:updated"] * 3


def test_a_change_of_nothing_tells_nobody(team: Team) -> None:
    path, owner = f"sessions/{team.session.pk}/", Rest(team.owner)
    before = owner.get(path)
    for nothing in ({}, {"name": "Kick-off"}, {"settings": {}}, {"settings": {"auto_save": True}}, {"tags": []}):
        assert owner.patch(path, nothing) == before
    assert events_of(f"session:{team.session.pk}") == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"project": "0f8fad5b-d9cb-469f-a165-70867728950e"}, "msg.unknown_field"),
        ({"status": "ended"}, "msg.unknown_field"),
        ({"created_by": None}, "msg.unknown_field"),
        ({"id": "x"}, "msg.unknown_field"),
        ({"ended_at": None}, "msg.unknown_field"),
        ({"idle_since": None}, "msg.unknown_field"),
        ({"role": "owner"}, "msg.unknown_field"),
        ({"is_staff": True}, "msg.unknown_field"),
        ({"settings": {"max_participants": 0}}, "msg.bad_value"),
        ({"settings": {"max_participants": True}}, "msg.bad_value"),
        ({"settings": {"colour": "red"}}, "msg.unknown_field"),
        ({"settings": None}, "msg.bad_value"),
        ({"settings": {"conflict_resolution": "war"}}, "msg.bad_value"),
        ({"tags": [""]}, "msg.bad_value"),
        ({"tags": [None]}, "msg.bad_value"),
        ({"tags": {"a": 1}}, "msg.bad_value"),
        ({"name": "\u200b"}, "msg.bad_value"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_a_change_of_what_is_not_the_callers_is_refused_as_a_whole(team: Team, changes: Any, code: str) -> None:
    path, owner = f"sessions/{team.session.pk}/", Rest(team.owner)
    before = owner.get(path)
    assert refusal(owner.patch(path, {"tags": ["new"], **changes})) == (400, code)
    assert owner.get(path) == before


# --- its course --------------------------------------------------------------------------------------------------


def test_a_session_is_paused_resumed_and_ended_with_reasons_on_the_trail(team: Team) -> None:
    path, owner = f"sessions/{team.session.pk}/", Rest(team.owner)
    for step, status in (("pause", "paused"), ("pause", "paused"), ("resume", "active"), ("end", "ended")):
        answer = owner.post(f"{path}{step}/", {"reason": f"To {step}"})
        assert (answer[0], answer[1]["status"]) == (200, status)
    assert answer[1]["ended_at"] is not None
    assert owner.get(path) == answer
    entries = AuditEntry.objects.filter(target=f"session:{team.session.pk}").order_by("seq")
    assert [(entry.action.rpartition(":")[2], entry.door, entry.details) for entry in entries][1:] == [
        ("pause", "rest", {"reason": "To pause"}),
        ("resume", "rest", {"reason": "To resume"}),
        ("end", "rest", {"reason": "To end"}),
    ]


def test_what_has_ended_is_read_and_changes_no_more(team: Team) -> None:
    path, owner = f"sessions/{team.session.pk}/", Rest(team.owner)
    assert owner.post(f"{path}end/")[0] == 200
    for step in ("pause", "resume", "end"):
        assert refusal(owner.post(f"{path}{step}/")) == (410, "session.ended")
    assert refusal(owner.patch(path, {"name": "x"})) == (410, "session.ended")
    for part in ("", "events/", "participants/", "invitations/"):
        assert owner.get(f"{path}{part}")[0] == 200
    assert refusal(owner.post(f"{path}invitations/")) == (410, "session.ended")


@pytest.mark.parametrize("body", ["[]", "0", "false", '""', "null", '{"why":"x"}', '{"reason":null}', '{"reason":[]}'])
def test_a_step_takes_a_reason_or_nothing(team: Team, body: str) -> None:
    path = f"/api/v1/sessions/{team.session.pk}/end/"
    response = Rest(team.owner).client.generic("POST", path, body, "application/json")
    assert response.status_code == 400
    assert Session.objects.get().status == "active"


# --- events ------------------------------------------------------------------------------------------------------


def test_events_are_read_from_where_the_caller_stands(team: Team) -> None:
    room = f"session:{team.session.pk}"
    for number in range(5):
        log.append(room=room, type="test:event", data={"n": number}, by=services.author_of(team.owner))
    caller, path = Rest(team.observer), f"sessions/{team.session.pk}/events/"
    status, answer = caller.get(path, after=2, limit=2)
    assert (status, answer["floor"], answer["head"]) == (200, 1, 5)
    assert answer["events"] == events_of(room)[2:4]
    assert answer["epoch"] == answer["events"][0]["epoch"]
    assert len(caller.get(path)[1]["events"]) == 5
    assert caller.get(path, after=5)[1]["events"] == []
    for wrong in ({"after": -1}, {"after": "x"}, {"limit": 0}, {"limit": 501}, {"after": 2**53}):
        assert refusal(caller.get(path, **wrong)) == (400, "msg.bad_value")


def test_a_members_past_is_the_sessions_and_a_removed_ones_is_nothing(team: Team) -> None:
    path = f"sessions/{team.session.pk}/events/"
    services.participant_remove(session=team.session.pk, user=team.observer.pk, by=team.owner)
    assert refusal(Rest(team.observer).get(path)) == (404, "session.not_found")
    assert refusal(Rest(team.observer).get(f"sessions/{team.session.pk}/")) == (404, "session.not_found")
    assert Rest(team.observer).get("sessions/")[1]["count"] == 0
    assert Rest(team.participant).get(path)[1]["head"] == 1


def test_who_waits_to_be_let_in_sees_that_there_is_a_session_and_nothing_of_it(team: Team) -> None:
    services.session_update(session=team.session.pk, by=team.owner, settings={"require_approval": True})
    caller, path = Rest(team.participant), f"sessions/{team.session.pk}/"
    assert caller.get(path)[1]["settings"]["require_approval"] is True
    for part in ("events/", "participants/"):
        assert refusal(caller.get(f"{path}{part}")) == (409, "session.join_pending")
    Participant.objects.create(session=team.session, user=team.participant, admission="denied")
    for part in ("events/", "participants/"):
        assert refusal(caller.get(f"{path}{part}")) == (403, "perm.denied")
