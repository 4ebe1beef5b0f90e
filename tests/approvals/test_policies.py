"""A project's policies: who may set them up, what is wrong in them, and what they have said."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import services
from approvals.models import Policy, PolicyVersion
from approvals.services import policies
from approvals.services.rules import rules_read, users_named
from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.gateway.conf import conf
from collaboration import services as collaboration
from tests.approvals.asking import ask, refused, stored
from tests.collaboration.conftest import Team
from tests.people import Rest, person, refusal

pytestmark = pytest.mark.django_db
RULES: dict[str, Any] = {"stages": [{"who": {"users": ["moderator"]}}]}


def create(team: Team, rules: Any = RULES, **fields: Any) -> Policy:
    """A policy of the team's project, made by its owner unless told otherwise."""
    given = {"project": team.project.pk, "name": "Releases", "by": team.owner, **fields}
    return services.policy_create(rules=rules_read(rules), **given)


def said(policy: Policy) -> list[dict[str, Any]]:
    return list(policy.versions.order_by("number").values_list("rules", flat=True))


def call(by: Any, method: str, path: str, body: Any = None) -> Any:
    """Makes a call that has to succeed; returns its answer."""
    status, answer = getattr(Rest(by), method)(path, *([] if body is None else [body]))
    assert status in (200, 201, 204), answer
    return answer


# --- creating ----------------------------------------------------------------------------------------------------


def test_a_policy_keeps_users_by_id_however_they_were_named(team: Team) -> None:
    users = ["moderator", str(team.owner.pk), "moderator"]
    policy = create(team, {"stages": [{"who": {"users": users}}]})
    [rules] = said(policy)
    assert rules["stages"][0]["who"]["users"] == [str(team.moderator.pk), str(team.owner.pk)]
    team.moderator.username = "other"
    team.moderator.save()
    person("moderator")  # who takes the name gets no right from it
    assert {p.name for p in ask(team, policy=str(policy.pk)).approval.stages[0].waiting} == {"other", "owner"}


def test_an_id_is_an_id_even_where_somebody_has_it_for_a_name(team: Team) -> None:
    person(str(team.owner.pk))
    assert users_named([str(team.owner.pk), "moderator", "nobody"]) == {
        str(team.owner.pk): str(team.owner.pk),
        "moderator": str(team.moderator.pk),
    }


def stages(*who: Any, **stage: Any) -> dict[str, Any]:
    return {"stages": [{"who": one, **stage} for one in who]}


MODERATOR = {"users": ["moderator"]}


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        (stages({}), "rules.stages[0].who"),
        (stages(MODERATOR, {"users": ["owner", "nobody"]}), "rules.stages[1].who.users[1]"),
        (stages({"users": ["stranger"]}), "rules.stages[0].who.users[0]"),
        (stages({"users": ["robot"]}), "rules.stages[0].who.users[0]"),
        (stages({"users": ["gone"]}), "rules.stages[0].who.users[0]"),
        (stages({"users": [str(uuid.UUID(int=0))]}), "rules.stages[0].who.users[0]"),
        (stages({"group": "Nobodies"}), "rules.stages[0].who.group"),
        (stages({"users": ["owner", "owner"]}, need=2), "rules.stages[0].need"),
        ({**RULES, "escalate_after": 60}, "rules.escalate_to"),
        ({**RULES, "escalate_to": MODERATOR}, "rules.escalate_to"),
        ({**RULES, "escalate_after": 60, "escalate_to": {"users": ["nobody"]}}, "rules.escalate_to.users[0]"),
    ],
)
def test_what_can_never_be_kept_to_is_refused_where_it_stands(team: Team, rules: Any, field: str) -> None:
    for name, fields in {"robot": {"kind": "agent"}, "gone": {"is_active": False}}.items():
        user = person(name, **fields)
        collaboration.project_member_set(project=team.project, user=user, role="moderator", by=team.owner)
    code, details = refused(create, team, rules)
    assert (code, details["field"]) == ("msg.bad_value", field)
    assert not Policy.objects.exists()


def test_a_group_or_a_role_may_yet_become_enough(team: Team) -> None:
    Group.objects.create(name="Security")
    create(team, stages({"group": "Security"}, {"role": "owner"}, need=3))


@pytest.mark.parametrize("name", ["\u200b", "x" * 201])
def test_a_policy_has_a_name_to_see(team: Team, name: str) -> None:
    assert refused(create, team, name=name) == ("msg.bad_value", {"field": "name"})


def test_two_policies_of_a_project_have_two_names_until_one_is_archived(team: Team) -> None:
    first = create(team)
    assert refused(create, team) == ("msg.bad_value", {"field": "name"})
    services.policy_archive(policy=first.pk, by=team.owner)
    assert create(team).name == first.name


def test_there_are_only_so_many_policies_and_versions(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    few = msgspec.structs.replace(conf, max_policies_per_project=1, max_versions_per_policy=1)
    monkeypatch.setattr(policies, "conf", few)
    policy = create(team)
    assert refused(create, team, name="Other")[0] == "quota.exceeded"
    change = {"policy": policy.pk, "by": team.owner, "rules": rules_read(stages({"role": "owner"}))}
    assert refused(services.policy_change, **change)[0] == "quota.exceeded"


# --- changing ----------------------------------------------------------------------------------------------------


def test_other_rules_are_a_new_version_and_requests_keep_to_the_one_they_were_made_by(team: Team) -> None:
    policy = create(team)
    before = ask(team, policy=str(policy.pk))
    services.policy_change(policy=policy.pk, by=team.owner, rules=rules_read(stages({"users": ["owner"]})))
    after = ask(team, policy=str(policy.pk))
    numbers = [stored(asked).policy_version.number for asked in (before, after)]  # type: ignore[union-attr]
    assert numbers == [1, 2]
    assert [p.name for p in before.approval.stages[0].waiting] == ["moderator"]
    assert [p.name for p in after.approval.stages[0].waiting] == ["owner"]


def test_the_same_rules_and_the_same_name_change_nothing(team: Team) -> None:
    policy = create(team)
    services.policy_change(policy=policy.pk, by=team.owner, rules=rules_read(RULES), name=" Releases ")
    assert len(said(policy)) == 1
    assert [entry.action for entry in AuditEntry.objects.filter(target=f"policy:{policy.pk}")] == [
        "approval:policy:create"
    ]


def test_there_is_one_default_policy_which_requests_take_that_name_none(team: Team) -> None:
    first, second = create(team, is_default=True), create(team, name="Second", is_default=True)
    first.refresh_from_db()
    assert (first.is_default, second.is_default) == (False, True)
    assert stored(ask(team)).policy_version.policy == second  # type: ignore[union-attr]
    services.policy_change(policy=first.pk, by=team.owner, is_default=True)
    assert stored(ask(team)).policy_version.policy == first  # type: ignore[union-attr]
    services.policy_change(policy=first.pk, by=team.owner, is_default=False)
    assert stored(ask(team)).policy_version is None


def test_an_archived_policy_is_offered_no_more_and_requests_keep_to_it(team: Team) -> None:
    policy = create(team, is_default=True)
    asked = ask(team)
    services.policy_archive(policy=policy.pk, by=team.owner)
    assert stored(asked).policy_version.policy == policy  # type: ignore[union-attr]
    assert stored(ask(team)).policy_version is None
    assert refused(ask, team, policy=str(policy.pk))[1]["field"] == "policy"
    assert refused(services.policy_archive, policy=policy.pk, by=team.owner)[0] == "room.not_found"


def test_every_change_is_on_record(team: Team) -> None:
    policy = create(team)
    change = {"name": "Other", "is_default": True, "rules": rules_read(stages({"role": "owner"}))}
    services.policy_change(policy=policy.pk, by=team.owner, **change)
    services.policy_archive(policy=policy.pk, by=team.owner, door="admin", reason="Unused")
    entries = AuditEntry.objects.filter(target=f"policy:{policy.pk}").order_by("seq")
    assert [(e.action.rpartition(":")[2], e.door, e.details) for e in entries] == [
        ("create", "rest", {"name": "Releases", "default": False, "version": 1}),
        ("change", "rest", {"name": "Other", "default": True, "version": 2}),
        ("archive", "admin", {"name": "Other", "reason": "Unused"}),
    ]


def test_owners_set_policies_up_and_nobody_else(team: Team) -> None:
    policy = create(team)
    for role in ("moderator", "participant", "observer"):
        assert refused(create, team, by=team[role])[0] == "perm.denied"
        assert refused(services.policy_change, policy=policy.pk, by=team[role], name="N")[0] == "perm.denied"
        assert refused(services.policy_archive, policy=policy.pk, by=team[role])[0] == "perm.denied"
    assert refused(create, team, by=team.stranger)[0] == "room.not_found"
    assert refused(services.policy_change, policy=policy.pk, by=team.stranger, name="N")[0] == "room.not_found"
    assert refused(services.policy_change, policy=uuid.uuid4(), by=team.owner, name="N")[0] == "room.not_found"
    assert refused(create, team, project=uuid.uuid4())[0] == "room.not_found"


# --- REST --------------------------------------------------------------------------------------------------------


def test_policies_over_rest(team: Team) -> None:
    given = {"project": str(team.project.pk), "name": "Releases", "rules": RULES, "is_default": True}
    made = call(team.owner, "post", "policies/", given)
    version = made["version"]
    moderator = str(team.moderator.pk)
    assert (made["name"], made["is_default"], made["project"]) == ("Releases", True, str(team.project.pk))
    assert (version["number"], version["created_by"]["name"]) == (1, "owner")
    assert version["people"] == {moderator: "moderator"}
    assert version["words"][0].startswith("1 approval, from moderator.")
    path = f"policies/{made['id']}/"
    assert call(team.observer, "get", path) == made
    assert call(team.observer, "get", "policies/")["results"] == [made]
    changed = call(team.owner, "patch", path, {"rules": stages({"role": "owner"}), "is_default": False})
    assert (changed["version"]["number"], changed["is_default"], changed["name"]) == (2, False, "Releases")
    versions = call(team.observer, "get", f"{path}versions/")["results"]
    assert versions == [changed["version"], version]
    call(team.owner, "delete", path)
    assert refusal(Rest(team.owner).get(path)) == (404, "room.not_found")
    assert call(team.owner, "get", "policies/")["count"] == 0


def test_what_is_wrong_is_answered_with_its_path(team: Team) -> None:
    given = {"project": str(team.project.pk), "name": "N", "rules": {"stages": [{"who": {}, "need": "some"}]}}
    status, answer = Rest(team.owner).post("policies/", given)
    assert (status, answer["code"], answer["details"]["field"]) == (400, "msg.bad_value", "rules.stages[0].need")
    assert refusal(Rest(team.owner).post("policies/", {**given, "rules": RULES, "extra": 1})) == (
        400,
        "msg.unknown_field",
    )
    assert refusal(Rest(team.owner).post("policies/", {"name": "N"})) == (400, "msg.missing_field")


def test_a_list_is_of_the_callers_projects_and_may_be_of_one(team: Team) -> None:
    create(team)
    theirs = collaboration.project_create(name="Theirs", by=team.stranger)
    create(team, stages({"role": "owner"}), project=theirs.pk, by=team.stranger)
    assert call(team.owner, "get", "policies/")["count"] == 1
    status, answer = Rest(team.owner).get("policies/", project=str(theirs.pk))
    assert (status, answer["count"]) == (200, 0)


def test_a_list_costs_the_same_however_long_it_is(team: Team) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as context:
            call(team.owner, "get", "policies/")
        return len(context)

    create(team)
    one = cost()
    for number in range(20):
        policy = create(team, name=f"Policy {number}")
        PolicyVersion.objects.create(policy=policy, number=2, rules=said(policy)[0], created_by=team.moderator)
    assert cost() == one
