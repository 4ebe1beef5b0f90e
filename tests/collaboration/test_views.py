"""Projects, members and sessions over REST: the shapes of the protocol, and nothing of somebody else's."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.accounts.models import User
from bduf_realtime.rooms import log
from collaboration import services
from collaboration.models import Membership, Participant, Project, Session
from tests.collaboration.conftest import Team, events_of
from tests.people import Rest, person

pytestmark = pytest.mark.django_db

PAGE = {"count", "next", "previous", "results"}


def refusal(answer: tuple[int, Any]) -> tuple[int, str]:
    status, body = answer
    assert set(body) == {"code", "message", "details"}
    return status, body["code"]


# --- projects ----------------------------------------------------------------------------------------------------


def test_a_project_is_its_creators(team: Team) -> None:
    status, project = Rest(team.stranger).post("projects/", {"name": "Mine"})
    assert status == 201
    assert set(project) == {"id", "name", "role", "created_at"}
    assert (project["name"], project["role"]) == ("Mine", "owner")
    assert Rest(team.stranger).get(f"projects/{project['id']}/") == (200, project)


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, "msg.missing_field"), ({"name": ""}, "msg.bad_value"), ({"name": "x" * 201}, "msg.bad_value")],
    ids=["missing", "empty", "long"],
)
def test_a_project_needs_a_name(team: Team, body: Any, code: str) -> None:
    status, answer = Rest(team.owner).post("projects/", body)
    assert (status, answer["code"]) == (400, code)
    assert answer["details"]["field"] == "name"
    assert set(answer["details"]["errors"]) == {"name"}


@pytest.mark.parametrize("field", ["role", "id", "created_at", "owner__password"])
def test_what_is_not_the_clients_to_say_is_refused(team: Team, field: str) -> None:
    for method, path in (("post", "projects/"), ("patch", f"projects/{team.project.pk}/")):
        status, answer = getattr(Rest(team.owner), method)(path, {"name": "Mine", field: "observer"})
        assert (status, answer["code"], answer["details"]) == (400, "msg.unknown_field", {"field": field})
    assert Project.objects.get().name == "Orchestrator"


def test_projects_are_listed_to_their_members_with_each_ones_role(team: Team) -> None:
    services.project_create(name="Elsewhere", by=team.stranger)
    for role in ("owner", "observer"):
        status, page = Rest(team[role]).get("projects/")
        assert (status, set(page), page["count"]) == (200, PAGE, 1)
        assert [(p["id"], p["role"]) for p in page["results"]] == [(str(team.project.pk), role)]


def test_lists_come_in_pages_in_a_fixed_number_of_queries(
    team: Team, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        services.project_create(name=f"P{number}", by=team.stranger)
    caller = Rest(team.stranger)
    with django_assert_max_num_queries(6):
        _, page = caller.get("projects/", limit=20)
    assert (page["count"], len(page["results"])) == (30, 20)
    assert page["results"][0]["name"] == "P29"
    _, rest = caller.get("projects/", limit=20, offset=20)
    assert len(rest["results"]) == 10
    assert rest["next"] is None
    assert len({p["id"] for p in [*page["results"], *rest["results"]]}) == 30
    assert len(caller.get("projects/", limit=10**9)[1]["results"]) == 30
    assert len(caller.get("projects/", limit=10_000, offset=10**30)[1]["results"]) == 0


def test_a_strangers_project_is_not_there(team: Team) -> None:
    stranger = Rest(team.stranger)
    for pk in (team.project.pk, uuid.uuid4()):
        assert refusal(stranger.get(f"projects/{pk}/")) == (404, "room.not_found")
        assert refusal(stranger.get(f"projects/{pk}/members/")) == (404, "room.not_found")
        body = {"user": "stranger", "role": "owner"}
        assert refusal(stranger.post(f"projects/{pk}/members/", body)) == (404, "room.not_found")
        assert refusal(stranger.delete(f"projects/{pk}/members/owner/")) == (404, "room.not_found")
        assert refusal(stranger.post("sessions/", {"project": str(pk)})) == (404, "room.not_found")


# --- members -----------------------------------------------------------------------------------------------------


def test_members_are_added_by_name_or_id_listed_and_removed(team: Team) -> None:
    path, owner = f"projects/{team.project.pk}/members/", Rest(team.owner)
    ada, grace = person("ada", name="Ada"), person("grace")
    assert owner.post(path, {"user": "ada"}) == (201, {"user": str(ada.pk), "role": "participant"})
    assert owner.post(path, {"user": str(grace.pk), "role": "observer"})[0] == 201
    assert owner.post(path, {"user": "ada", "role": "moderator"}) == (201, {"user": str(ada.pk), "role": "moderator"})
    status, page = Rest(team.observer).get(path)
    assert (status, set(page), page["count"]) == (200, PAGE, 6)
    assert page["results"][4] == {"user": str(ada.pk), "name": "Ada", "kind": "human", "role": "moderator"}
    assert len(Rest(team.observer).get(path, limit=2)[1]["results"]) == 2
    assert owner.delete(f"{path}ada/") == (204, None)
    assert owner.delete(f"{path}{grace.pk}/") == (204, None)
    assert Rest(team.owner).get(path)[1]["count"] == 4


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"role": "observer"}, 400, "msg.missing_field"),
        ({"user": "stranger", "role": "king"}, 400, "msg.bad_value"),
        ({"user": "stranger", "role": None}, 400, "msg.bad_value"),
        ({"user": "nobody"}, 404, "room.not_found"),
        ({"user": "0f8fad5b-d9cb-469f-a165-70867728950e"}, 404, "room.not_found"),
        ({"user": "a\0b"}, 400, "msg.bad_text"),
    ],
    ids=str,
)
def test_a_member_that_cannot_be_is_refused(team: Team, body: Any, status: int, code: str) -> None:
    assert refusal(Rest(team.owner).post(f"projects/{team.project.pk}/members/", body)) == (status, code)


def test_who_may_not_manage_members_is_refused(team: Team) -> None:
    path = f"projects/{team.project.pk}/members/"
    assert refusal(Rest(team.participant).post(path, {"user": "stranger"})) == (403, "perm.denied")
    assert refusal(Rest(team.participant).delete(f"{path}observer/")) == (403, "perm.denied")
    assert refusal(Rest(team.owner).delete(f"{path}owner/")) == (403, "perm.denied")


def test_a_disabled_user_is_not_added_but_can_be_removed(team: Team) -> None:
    path, owner = f"projects/{team.project.pk}/members/", Rest(team.owner)
    User.objects.filter(username__in=["observer", "stranger"]).update(is_active=False)
    assert refusal(owner.post(path, {"user": "stranger"})) == (404, "room.not_found")
    assert owner.delete(f"{path}observer/") == (204, None)
    assert not Membership.objects.filter(user=team.observer).exists()


@pytest.mark.parametrize("name", ["nobody", "stranger", "a%00b", "%F0%9F%98%80", "x" * 300], ids=lambda n: n[:10])
def test_who_is_no_member_cannot_be_removed(team: Team, name: str) -> None:
    assert refusal(Rest(team.owner).delete(f"projects/{team.project.pk}/members/{name}/")) == (404, "room.not_found")


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


def test_participants_are_those_who_are_there(team: Team) -> None:
    Participant.objects.filter(user=team.owner).update(present=True, joined_at="2026-01-01T00:00Z")
    Participant.objects.create(session=team.session, user=team.observer, present=False)
    status, page = Rest(team.observer).get(f"sessions/{team.session.pk}/participants/")
    assert (status, set(page), page["count"]) == (200, PAGE, 1)
    assert page["results"][0] == {
        "user": str(team.owner.pk),
        "name": "owner",
        "kind": "human",
        "role": "owner",
        "permissions": ["delete_session", "manage_participants", "manage_settings", "read", "write"],
        "joined_at": "2026-01-01T00:00:00.000Z",
        "admission": "admitted",
        "guest": False,
        "state": "authenticated",
        "active": True,
        "connections": 0,
        "last_activity": page["results"][0]["last_activity"],
        "cursor": None,
        "selection": None,
    }


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


# --- the wrong way -----------------------------------------------------------------------------------------------


def test_a_body_that_is_no_json_and_a_method_that_is_none_are_refused_in_the_same_shape(team: Team) -> None:
    client = Rest(team.owner).client
    broken = client.post("/api/v1/projects/", "{", content_type="application/json")
    assert (broken.status_code, broken.json()["code"]) == (400, "msg.bad_json")
    form = client.post("/api/v1/projects/", "name=x", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.json()["code"]) == (415, "msg.bad_json")
    put = client.put("/api/v1/projects/", {}, format="json")
    assert (put.status_code, put.json()["code"]) == (405, "msg.unknown_type")
    assert refusal(Rest(team.owner).post("projects/", [])) == (400, "msg.bad_value")


def test_nothing_was_made_by_what_was_refused(team: Team) -> None:
    counted = Project.objects.count(), Session.objects.count(), Membership.objects.count()
    Rest(team.observer).post("sessions/", {"project": str(team.project.pk)})
    Rest(team.owner).post("projects/", {"name": ""})
    Rest(team.participant).post(f"projects/{team.project.pk}/members/", {"user": "stranger"})
    assert (Project.objects.count(), Session.objects.count(), Membership.objects.count()) == counted
