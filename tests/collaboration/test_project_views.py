"""Projects and their members over REST: the shapes of the protocol, and nothing of somebody else's."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from bduf_realtime.accounts.models import User
from collaboration import services
from collaboration.models import Membership, Project, Session
from tests.collaboration.conftest import Team
from tests.people import Rest, person, refusal

pytestmark = pytest.mark.django_db

PAGE = {"count", "next", "previous", "results"}


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


def test_projects_are_found_by_part_of_their_name_and_by_the_callers_role(team: Team) -> None:
    services.project_create(name="Observatory", by=team.observer)
    caller = Rest(team.observer)
    for query, names in (
        ({"name": "ORCH"}, ["Orchestrator"]),
        ({"name": "%"}, []),
        ({"role": "owner"}, ["Observatory"]),
        ({"role": "observer"}, ["Orchestrator"]),
        ({"role": "moderator"}, []),
        ({"ordering": "name"}, ["Observatory", "Orchestrator"]),
        ({"ordering": "-name"}, ["Orchestrator", "Observatory"]),
        ({"ordering": "created_at"}, ["Orchestrator", "Observatory"]),
    ):
        assert [p["name"] for p in caller.get("projects/", **query)[1]["results"]] == names, query


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"owner__email__startswith": "a"}, "msg.unknown_field"),
        ({"created_by": "x"}, "msg.unknown_field"),
        ({"role": "king"}, "msg.bad_value"),
        ({"name": "a\0b"}, "msg.bad_value"),
        ({"name": "x" * 201}, "msg.bad_value"),
        ({"ordering": "created_by__password"}, "msg.bad_value"),
        ({"ordering": "role"}, "msg.bad_value"),
        ({"limit": "-1"}, "msg.bad_value"),
        ({"offset": "x"}, "msg.bad_value"),
    ],
    ids=str,
)
def test_a_list_of_projects_is_asked_for_in_known_words_only(team: Team, query: Any, code: str) -> None:
    assert refusal(Rest(team.owner).get("projects/", **query)) == (400, code)


def test_a_project_is_renamed_by_its_owner(team: Team) -> None:
    path, owner = f"projects/{team.project.pk}/", Rest(team.owner)
    status, project = owner.patch(path, {"name": " New  name "})
    assert (status, project["name"], project["role"]) == (200, "New name", "owner")
    assert owner.patch(path, {})[1] == project
    for wrong in ({"name": ""}, {"name": None}, {"name": "\u202e"}, {"name": "x" * 201}, []):
        assert refusal(owner.patch(path, wrong))[0] == 400, wrong
    assert owner.get(path)[1] == project


def test_a_name_is_looked_up_only_for_who_may_add_members(team: Team) -> None:
    path = f"projects/{team.project.pk}/members/"
    answers = [Rest(team.observer).post(path, {"user": name}) for name in ("stranger", "nobody")]
    assert refusal(answers[0]) == (403, "perm.denied")
    assert answers[0] == answers[1]


def test_somebody_whose_name_is_anothers_id_is_not_taken_for_the_other(team: Team) -> None:
    ada = person("ada")
    person(str(ada.pk))
    assert Rest(team.owner).post(f"projects/{team.project.pk}/members/", {"user": str(ada.pk)})[1]["user"] == str(
        ada.pk
    )


def test_members_are_listed_in_pages_without_what_is_private(
    team: Team, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        user = person(email=f"ada{number}@example.org", last_name="Secret")
        Membership.objects.create(project=team.project, user=user)
    caller = Rest(team.observer)
    with django_assert_max_num_queries(6):
        _, page = caller.get(f"projects/{team.project.pk}/members/", limit=20)
    assert (page["count"], len(page["results"])) == (24, 20)
    assert {frozenset(member) for member in page["results"]} == {frozenset({"user", "name", "kind", "role"})}
    for query, code in (({"role": "owner"}, "msg.unknown_field"), ({"limit": "0"}, "msg.bad_value")):
        assert refusal(caller.get(f"projects/{team.project.pk}/members/", **query)) == (400, code)


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
