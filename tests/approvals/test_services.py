"""Asking, deciding and taking back: who may, what comes of it, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.utils import timezone

from approvals import messages as wire
from approvals import selectors, services
from approvals.models import Approval, Policy, PolicyVersion, Vote
from approvals.services.rules import rules_read
from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.gateway.reading import read_data
from bduf_realtime.rooms import log
from collaboration import services as collaboration
from collaboration.models import DocumentVersion
from notifications.models import Notification
from tests.approvals.asking import ask, decide, refused, stored, told
from tests.collaboration.conftest import Team, events_of
from tests.collaboration.writing import create, put
from tests.people import person

pytestmark = pytest.mark.django_db


WRITTEN = {"stages": [{"who": {"role": "participant"}, "exclude": ["requester", "last_editor"]}]}


def kinds(user: Any) -> list[str]:
    """What somebody was notified of in approvals, in order."""
    found = Notification.objects.filter(user=user, kind__startswith="approval.").order_by("created_at", "pk")
    return list(found.values_list("kind", flat=True))


# --- asking ------------------------------------------------------------------------------------------------------


def test_without_a_policy_one_approval_of_another_who_may_write_is_enough(team: Team) -> None:
    asked = ask(team)
    assert (asked.state, asked.approval.round, asked.approval.stage) == ("pending", 1, 0)
    [stage] = asked.approval.stages
    assert {person.name for person in stage.waiting} == {"owner", "moderator"}
    assert asked.approval.explanation.startswith("Needs 1 more approval (waiting for ")
    done = decide(asked, team.moderator)
    assert (done.state, done.approval.explanation) == ("approved", "Approved by moderator.")
    assert told(team) == ["requested", "decided"]


def test_a_request_about_a_document_pins_what_is_in_it(team: Team) -> None:
    document = create(team, content="The design.")
    asked = ask(team, about=document)
    version = DocumentVersion.objects.get(document=document)
    assert (version.pinned, version.title, version.content_hash) == (True, "", asked.content_hash)
    subject = asked.approval.subject
    assert subject is not None
    assert (subject.document, subject.version, subject.title) == (str(document.pk), str(version.pk), "Notes")
    again = ask(team, about=document)
    assert again.approval.subject == subject.__class__(subject.document, subject.version, subject.seq + 1, "Notes")
    assert asked.approval.session == str(team.session.pk)  # the document's


def test_a_request_about_a_version_pins_that(team: Team) -> None:
    document = create(team, content="The design.")
    version = collaboration.version_create(document=document.pk, title="First", by=team.owner)
    subject = {"document": str(document.pk), "version": str(version.pk)}
    asked = ask(team, subject=subject)
    assert asked.content_hash == version.content_hash
    assert DocumentVersion.objects.get().pinned
    assert refused(ask, team, subject={**subject, "version": str(uuid4())})[0] == "doc.not_found"


def test_a_request_about_nothing_but_itself_hashes_what_it_says(team: Team) -> None:
    one, same, other = (ask(team, description=text, payload={"cost": 3}) for text in ("a", "a", "b"))
    assert one.content_hash == same.content_hash != other.content_hash
    assert one.approval.payload == {"cost": 3}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"approvers": ["nobody"]}, "approvers"),
        ({"approvers": ["stranger"]}, "approvers"),
        ({"approvers": ["owner"], "policy": str(uuid4())}, "policy"),
        ({"approvers": ["owner", "moderator"], "quorum": 3}, "approvers"),
        ({"approvers": ["participant"]}, "approvers"),  # who asks
        ({"quorum": 1}, "quorum"),
        ({"policy": str(uuid4())}, "policy"),
        ({"policy": {"stages": [{"who": {"users": ["nobody"]}}]}}, "policy.stages[0].who.users[0]"),
        ({"due_at": "2020-01-01T00:00:00Z"}, "due_at"),
        ({"payload": "x" * 40_000}, "payload"),
        ({"title": "\u200e"}, "title"),
    ],
)
def test_what_cannot_be_asked_names_the_field(team: Team, fields: Any, field: str) -> None:
    code, details = refused(ask, team, **fields)
    assert (code, details["field"]) == ("msg.bad_value", field)
    assert not Approval.objects.exists()


def test_a_quorum_that_cannot_be_reached_says_how_many_can_decide(team: Team) -> None:
    _, details = refused(ask, team, approvers=["owner", "participant"], quorum=2)
    assert details == {"field": "approvers", "stage": 0, "needs": 2, "can_decide": 1}


def test_approvers_are_named_by_id_or_username(team: Team) -> None:
    asked = ask(team, approvers=["observer", str(team.owner.pk)], quorum="all")
    [stage] = asked.approval.stages
    assert {(p.user, p.name) for p in stage.waiting} == {
        (str(team.observer.pk), "observer"),
        (str(team.owner.pk), "owner"),
    }
    assert decide(asked, team.observer).state == "pending"
    assert decide(asked, team.owner).state == "approved"


def test_the_projects_default_policy_is_taken_unless_one_is_named(team: Team) -> None:
    for name, need, is_default in (("Two", 2, True), ("One", 1, False)):
        policy = Policy.objects.create(project=team.project, name=name, is_default=is_default)
        for number in (1, 2):
            rules = {"stages": [{"who": {"role": "moderator"}, "need": need, "name": f"{name} {number}"}]}
            PolicyVersion.objects.create(policy=policy, number=number, rules=rules)
    usual, named = ask(team), ask(team, policy=str(policy.pk))
    assert [(a.approval.policy.name, a.approval.policy.version, a.approval.stages[0].name) for a in (usual, named)] == [
        ("Two", 2, "Two 2"),
        ("One", 2, "One 2"),
    ]
    Policy.objects.update(archived_at=timezone.now())
    assert ask(team).approval.policy.id is None
    assert refused(ask, team, policy=str(policy.pk))[0] == "msg.bad_value"


def test_a_group_decides_as_far_as_its_members_may_see_the_subject(team: Team) -> None:
    security = Group.objects.create(name="security")
    agent = person("robot", kind="agent")
    collaboration.project_member_set(project=team.project, user=agent, role="participant", by=team.owner)
    for user in (team.observer, team.stranger, agent, team.participant):
        user.groups.add(security)
    asked = ask(team, policy={"stages": [{"who": {"group": "security"}, "need": "all"}]})
    assert [p.name for p in asked.approval.stages[0].waiting] == ["observer"]


def test_only_who_may_write_may_ask(team: Team) -> None:
    document = create(team, content="x")
    for by, code in ((team.observer, "perm.denied"), (team.stranger, "room.not_found")):
        assert refused(ask, team, by)[0] == code
    assert refused(ask, team, team.stranger, about=document)[0] == "doc.not_found"
    assert refused(ask, team, team.stranger, session=str(team.session.pk))[0] == "session.not_found"
    theirs = collaboration.project_create(name="Theirs", by=team.owner)
    foreign = collaboration.session_create(project=theirs, by=team.owner)
    assert refused(ask, team, team.owner, session=str(foreign.pk))[0] == "session.not_found"
    elsewhere = collaboration.document_create(project=theirs.pk, title="x", by=team.owner)
    assert refused(ask, team, team.owner, about=elsewhere)[0] == "doc.not_found"
    collaboration.session_pause(session=team.session.pk, by=team.owner)
    assert refused(ask, team, about=document)[0] == "session.paused"


def test_a_project_has_so_many_open_requests(team: Team, tune: Callable[..., None]) -> None:
    tune(max_open_approvals=1)
    asked = ask(team)
    assert refused(ask, team)[0] == "quota.exceeded"
    decide(asked, team.owner)
    ask(team)


def test_a_project_makes_so_many_requests_in_a_day_open_or_not(team: Team, tune: Callable[..., None]) -> None:
    tune(max_approvals_per_day=2)
    for _ in range(2):
        services.approval_cancel(approval=UUID(ask(team).id), by=team.participant)
    assert refused(ask, team)[0] == "quota.exceeded"
    Approval.objects.update(created_at=timezone.now() - timedelta(days=1))
    ask(team)


def test_so_many_versions_of_a_document_are_kept_for_requests(team: Team, tune: Callable[..., None]) -> None:
    tune(max_pinned_versions_per_document=2)
    document = create(team, content="One.")
    first = ask(team, about=document, approvers=["owner", "moderator"], quorum=2)
    put(document, "Two.", team.participant)
    second = ask(team, about=document)
    put(document, "Three.", team.participant)
    assert refused(ask, team, about=document)[0] == "quota.exceeded"
    assert refused(decide, second, team.owner, content_hash=sha256(b"Three.").hexdigest())[0] == "quota.exceeded"
    assert DocumentVersion.objects.filter(pinned=True).count() == 2
    again = {"document": str(document.pk), "version": stored(first).version_id.hex}
    assert ask(team, subject=again).content_hash == first.content_hash


def test_a_projects_document_is_not_put_before_a_session(team: Team) -> None:
    document = collaboration.document_create(project=team.project.pk, title="All's", by=team.owner)
    given = {"about": document, "session": str(team.session.pk)}
    assert refused(ask, team, **given) == ("msg.bad_value", {"field": "session"})
    asked = ask(team, about=document)
    assert asked.approval.session is None
    # What was asked when that was still taken is put right.
    Approval.objects.update(session=team.session)
    import_module("approvals.migrations.0002_of_projects").out_of_sessions(apps, None)
    assert stored(asked).session is None


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "9000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_no_clock_has_is_refused_by_name(team: Team, moment: str) -> None:
    assert refused(ask, team, due_at=moment) == ("msg.bad_value", {"field": "due_at"})
    asked = ask(team, approvers=["owner"])
    given = {"approval": UUID(asked.id), "to": "moderator", "until": datetime.fromisoformat(moment)}
    assert refused(services.approval_delegate, by=team.owner, **given) == ("msg.bad_value", {"field": "until"})


# --- deciding ----------------------------------------------------------------------------------------------------


def test_nobody_decides_on_what_they_asked_for(team: Team) -> None:
    asked = ask(team)
    assert refused(decide, asked, team.participant) == ("approval.self_decision", {"reason": "requester"})
    free = ask(team, team.owner, policy={"stages": [{"who": {"role": "participant"}, "exclude": []}]})
    assert decide(free, team.owner).state == "approved"


@pytest.mark.parametrize(
    ("field", "policy"),
    [
        (
            "policy.stages[1].exclude",
            {"stages": [{"who": {"role": "owner"}}, {"who": {"role": "owner"}, "exclude": []}]},
        ),
        ("policy.bypass", {"stages": [{"who": {"role": "owner"}}], "bypass": ["owner", "participant"]}),
    ],
)
def test_only_an_owner_of_the_project_lets_who_asks_decide_or_do_without(team: Team, field: str, policy: Any) -> None:
    code, details = refused(ask, team, policy=policy)
    assert (code, details["field"], details["needs"]) == ("perm.denied", field, "manage_settings")
    own = collaboration.session_create(project=team.project, by=team.participant)
    assert refused(ask, team, session=str(own.pk), policy=policy)[1]["field"] == field  # its owner, there alone
    assert ask(team, team.owner, policy=policy).state == "pending"
    said = services.policy_create(project=team.project.pk, name="Own", rules=rules_read(policy), by=team.owner)
    assert ask(team, policy=str(said.pk)).state == "pending"


def test_nor_on_what_they_edited_last_where_the_policy_says_so(team: Team) -> None:
    document = create(team, content="By the owner.")
    asked = ask(team, about=document, policy=WRITTEN)
    assert refused(decide, asked, team.owner) == ("approval.self_decision", {"reason": "last_editor"})
    assert decide(asked, team.moderator).state == "approved"


def test_a_hash_is_one_line() -> None:
    vote = {"decision": "approve", "content_hash": "0" * 64 + "\n"}
    assert refused(read_data, vote, wire.Decide) == ("msg.bad_value", {"field": "content_hash"})


def test_who_is_not_asked_is_told_who_is(team: Team) -> None:
    asked = ask(team, policy={"stages": [{"name": "Leads", "who": {"role": "moderator"}}, {"who": {"role": "owner"}}]})
    code, details = refused(decide, asked, team.observer)
    assert (code, details["name"], sorted(details["waiting"])) == (
        "approval.not_approver",
        "Leads",
        ["moderator", "owner"],
    )
    assert refused(decide, asked, team.stranger)[0] == "approval.not_found"
    assert decide(asked, team.moderator).approval.stage == 1
    assert refused(decide, asked, team.moderator)[0] == "approval.not_approver"
    assert decide(asked, team.owner).state == "approved"


def test_an_agent_never_certifies(team: Team) -> None:
    agent = person("robot", kind="agent", acts_for=team.owner)
    collaboration.project_member_set(project=team.project, user=agent, role="owner", by=team.owner)
    assert refused(decide, ask(team), agent)[0] == "approval.not_approver"
    asked = ask(team, agent)  # but asks like anybody
    assert asked.approval.requested_by.name == "robot"
    assert refused(decide, asked, agent)[0] == "approval.not_approver"


def test_what_is_decided_is_decided(team: Team) -> None:
    asked = ask(team)
    decide(asked, team.owner, "reject", comment="No.")
    assert refused(decide, asked, team.moderator) == ("approval.already_decided", {"state": "rejected"})
    two = ask(team, policy={"stages": [{"who": {"role": "moderator"}, "need": 2}]})
    decide(two, team.owner)
    assert refused(decide, two, team.owner) == ("approval.already_decided", {"state": "pending"})


def test_another_hash_is_stale_and_the_right_one_is_told(team: Team) -> None:
    asked = ask(team)
    code, details = refused(decide, asked, team.owner, content_hash="0" * 64)
    assert (code, details) == ("approval.stale", {"content_hash": asked.content_hash, "seq": 0})
    assert not Vote.objects.exists()


def test_when_its_time_is_up_nobody_decides_although_nobody_has_noticed(team: Team) -> None:
    asked = ask(team, due_at=(timezone.now() + timedelta(hours=1)).isoformat())
    Approval.objects.update(expires_at=timezone.now())
    assert refused(decide, asked, team.owner)[0] == "approval.expired"
    Approval.objects.update(state="expired")
    assert refused(decide, asked, team.owner)[0] == "approval.expired"
    assert refused(services.approval_cancel, approval=UUID(asked.id), by=team.participant)[0] == "approval.expired"


def test_a_vote_keeps_the_name_of_who_is_gone(team: Team) -> None:
    asked = ask(team, approvers=["moderator", "owner"], quorum=2)
    decide(asked, team.moderator, comment="Fine.")
    team.moderator.delete()
    [vote] = selectors.approval_detail(UUID(asked.id), team.owner).votes
    assert (vote.name, vote.comment, vote.decision) == ("moderator", "Fine.", "approve")


# --- ending without votes ----------------------------------------------------------------------------------------


def test_who_asked_and_who_moderates_may_take_it_back(team: Team) -> None:
    for by in (team.participant, team.moderator, team.owner):
        asked = ask(team)
        assert services.approval_cancel(approval=UUID(asked.id), by=by, reason="Later").approval.reason == "Later"
        assert refused(decide, asked, team.owner) == ("approval.already_decided", {"state": "cancelled"})
    asked = ask(team)
    for by, code in ((team.observer, "perm.denied"), (team.stranger, "approval.not_found")):
        assert refused(services.approval_cancel, approval=UUID(asked.id), by=by)[0] == code


def test_an_owner_may_do_without_and_says_why(team: Team) -> None:
    asked = ask(team)
    given = {"approval": UUID(asked.id), "reason": "The site is down."}
    assert refused(services.approval_bypass, by=team.moderator, **given)[0] == "perm.denied"
    assert refused(services.approval_bypass, by=team.owner, **{**given, "reason": " "})[0] == "msg.bad_value"
    done = services.approval_bypass(by=team.owner, **given)
    assert (done.state, done.approval.reason) == ("bypassed", "The site is down.")
    assert told(team) == ["requested", "updated"]


# --- who is told -------------------------------------------------------------------------------------------------


def test_the_project_the_session_and_those_concerned_hear_of_it(team: Team) -> None:
    for user in (team.owner, team.participant, team.observer):
        log.create(f"user:{user.pk}")
    asked = ask(team, session=str(team.session.pk), approvers=["owner"])
    decide(asked, team.owner)
    rooms = [f"project:{team.project.pk}", f"session:{team.session.pk}"]
    rooms += [f"user:{user.pk}" for user in (team.owner, team.participant)]
    for room in rooms:
        assert told(team, room) == ["requested", "decided"], room
    assert told(team, f"user:{team.observer.pk}") == []
    [event] = [e for e in events_of(rooms[1]) if e["type"] == "approval:decided"]
    assert event["by"]["name"] == "owner"
    assert event["data"]["vote"]["decision"] == "approve"
    assert event["data"]["approval"]["state"] == "approved"


def test_who_must_act_is_notified_until_somebody_has(team: Team) -> None:
    asked = ask(team)
    assert kinds(team.owner) == kinds(team.moderator) == ["approval.requested"]
    decide(asked, team.owner)
    assert not Notification.objects.filter(must_act=True, settled_at=None).exists()
    assert kinds(team.participant) == ["approval.decided"]
    assert kinds(team.owner) == ["approval.requested"]  # not of what one does oneself


def test_the_next_stage_is_notified_when_it_opens(team: Team) -> None:
    asked = ask(team, policy={"stages": [{"who": {"users": ["moderator"]}}, {"who": {"users": ["observer"]}}]})
    assert (kinds(team.moderator), kinds(team.observer)) == (["approval.requested"], [])
    decide(asked, team.moderator)
    assert kinds(team.observer) == ["approval.requested"]
    [open_] = Notification.objects.filter(must_act=True, settled_at=None)
    assert open_.user == team.observer


def test_every_step_is_on_record(team: Team) -> None:
    asked = ask(team)
    decide(asked, team.owner, "request_changes")
    entries = AuditEntry.objects.filter(target=f"approval:{asked.id}").order_by("seq")
    assert [(e.action, e.actor_name, e.details["state"]) for e in entries] == [
        ("approval:request", "participant", "pending"),
        ("approval:decide", "owner", "changes_requested"),
    ]
    assert entries[1].details["decision"] == "request_changes"
    assert stored(asked).closed_at is not None
