"""Links in mails: who has one decides once as the one it was sent to, and nobody decides by looking."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from approvals import services
from approvals.messages import ApprovalAnswer
from approvals.models import Approval, DecisionLink, Vote
from bduf_realtime.accounts.models import User
from bduf_realtime.audit.models import AuditEntry
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from collaboration import services as collaboration
from notifications import mails
from notifications.models import Notification
from tests.approvals.asking import ask, decide, stored
from tests.collaboration.conftest import Team
from tests.collaboration.writing import create
from tests.people import Rest, refusal
from tests.races import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_counts(settings: Any) -> None:
    """Has each test count its own attempts."""
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": str(uuid4())}}


@pytest.fixture
def asked(team: Team) -> ApprovalAnswer:
    return ask(team, approvers=["moderator", "owner"], quorum=2)


def link(asked: ApprovalAnswer, user: User) -> str:
    """The token of a link to decide, as a mail has it."""
    page, _, token = services.link_create(approval=stored(asked), user=user).partition("#")
    assert page == "/approvals/link/"
    return token


def look(token: str, by: User | None = None) -> tuple[int, Any]:
    return Rest(by).post("approvals/link/", {"token": token})


def use(token: str, asked: ApprovalAnswer, decision: str = "approve", by: User | None = None, **said: Any) -> Any:
    given = {"token": token, "decision": decision, "content_hash": asked.content_hash, **said}
    return Rest(by).post("approvals/link/decide/", given)


def test_whoever_has_a_link_sees_what_it_is_about_as_often_as_they_like(team: Team, asked: ApprovalAnswer) -> None:
    token = link(asked, team.moderator)
    for _ in range(2):
        status, said = look(token)
        assert (status, said["user"]["name"], said["approval"]["id"]) == (200, "moderator", asked.id)
        assert (said["approval"]["to_decide"], said["approval"]["content_hash"]) == (True, asked.content_hash)
    assert stored(asked).state == "pending"
    assert not Vote.objects.exists()


def test_a_link_decides_once_as_the_one_it_was_sent_to(team: Team, asked: ApprovalAnswer) -> None:
    token = link(asked, team.moderator)
    status, said = use(token, asked, comment="From the train.")
    assert (status, said["state"]) == (200, "pending")
    [vote] = Vote.objects.all()
    assert (vote.voter, vote.door, vote.comment) == (str(team.moderator.pk), "mail", "From the train.")
    assert AuditEntry.objects.get(action="approval:decide").door == "mail"
    for answer in (use(token, asked), use(token, asked, "reject"), look(token)):
        assert refusal(answer) == (409, "approval.already_decided")
    assert Vote.objects.count() == 1


def test_a_link_decides_as_its_own_user_whoever_is_signed_in(team: Team, asked: ApprovalAnswer) -> None:
    assert use(link(asked, team.moderator), asked, by=team.owner)[0] == 200
    assert [vote.voter for vote in Vote.objects.all()] == [str(team.moderator.pk)]


def test_a_mail_that_asks_for_a_decision_has_a_link_to_decide(team: Team, asked: ApprovalAnswer, settings: Any) -> None:
    settings.PUBLIC_URL = "https://bduf.example"
    notification = Notification.objects.get(user=team.moderator, kind="approval.requested")
    page, _, token = mails.link_of(notification).partition("#")
    assert page == "https://bduf.example/approvals/link/"
    assert look(token)[1]["user"]["name"] == "moderator"
    services.approval_cancel(approval=UUID(asked.id), by=team.participant)
    assert mails.link_of(notification) == f"https://bduf.example{notification.link}"


def test_nothing_but_a_post_decides(team: Team, asked: ApprovalAnswer) -> None:
    token = link(asked, team.moderator)
    for path in ("approvals/link/", "approvals/link/decide/"):
        assert refusal(Rest().get(path, token=token)) == (405, "msg.unknown_type")
    assert Rest().client.get(f"/approvals/link/?token={token}").status_code == 200  # the page, which does nothing
    assert not DecisionLink.objects.exclude(used_at=None).exists()


def test_what_is_refused_does_not_use_a_link_up(team: Team) -> None:
    document = create(team, content="One.")
    asked = ask(team, about=document, approvers=["moderator"])
    token = link(asked, team.moderator)
    assert refusal(use(token, asked, content_hash="0" * 64)) == (409, "approval.stale")
    assert refusal(use(token, asked, "maybe")) == (400, "msg.bad_value")
    assert use(token, asked)[0] == 200


@pytest.mark.parametrize("change", ["", "x", "cut", "turned", "other", "\u00e9", "."])
def test_a_token_that_was_changed_is_not_valid(team: Team, asked: ApprovalAnswer, change: str) -> None:
    token, other = link(asked, team.moderator), link(asked, team.owner)
    key, _, signature = token.partition(".")
    changed = {
        "cut": token[:-1],
        "turned": f"{key[::-1]}.{signature}",
        "other": f"{other.partition('.')[0]}.{signature}",
        "": key,
    }.get(change, token + change)
    assert refusal(look(changed)) == (401, "auth.invalid")
    assert refusal(use(changed, asked)) == (401, "auth.invalid")


def test_a_link_expires_and_is_forgotten(team: Team, asked: ApprovalAnswer) -> None:
    token = link(asked, team.moderator)
    [row] = DecisionLink.objects.all()
    assert row.expires_at - row.created_at == pytest.approx(
        timedelta(seconds=conf.decision_link_lifetime), abs=timedelta(seconds=5)
    )
    assert services.links_forget() == 0
    DecisionLink.objects.update(expires_at=timezone.now())
    assert refusal(use(token, asked)) == (401, "auth.expired")
    assert services.links_forget() == 1
    assert refusal(look(token)) == (401, "auth.expired")


def test_a_link_lasts_no_longer_than_the_request(team: Team) -> None:
    due = timezone.now() + timedelta(hours=1)
    asked = ask(team, approvers=["moderator"], due_at=due.isoformat())
    link(asked, team.moderator)
    assert DecisionLink.objects.get().expires_at == stored(asked).expires_at


def test_a_link_is_no_good_once_its_user_is_gone_or_took_everything_back(team: Team, asked: ApprovalAnswer) -> None:
    token = link(asked, team.moderator)
    User.objects.filter(pk=team.moderator.pk).update(tokens_valid_after=timezone.now())
    assert refusal(use(token, asked)) == (401, "auth.revoked")
    User.objects.filter(pk=team.moderator.pk).update(tokens_valid_after=None, is_active=False)
    assert refusal(use(token, asked)) == (401, "auth.invalid")
    User.objects.filter(pk=team.moderator.pk).update(is_active=True)
    collaboration.project_member_remove(project=team.project, user=team.moderator, by=team.owner)
    assert refusal(look(token)) == (404, "approval.not_found")
    team.moderator.delete()
    assert refusal(look(token)) == (401, "auth.expired")


def test_a_link_is_bound_by_what_binds_its_user(team: Team, asked: ApprovalAnswer) -> None:
    token = link(asked, team.moderator)
    decide(asked, team.moderator)
    assert refusal(use(token, asked)) == (409, "approval.already_decided")
    assert refusal(use(link(asked, team.participant), asked)) == (403, "approval.self_decision")
    services.approval_cancel(approval=UUID(asked.id), by=team.participant)
    assert look(link(asked, team.owner))[1]["approval"]["state"] == "cancelled"
    assert refusal(use(link(asked, team.owner), asked)) == (409, "approval.already_decided")
    assert Approval.objects.get().state == "cancelled"


@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_a_link_at_once_one_decides(team: Team, asked: ApprovalAnswer) -> None:
    once = services.link_read(token=link(asked, team.moderator))

    def use_it() -> str:
        try:
            services.link_decide(link=once, decision="approve", content_hash=asked.content_hash)
        except RealtimeError as error:
            return error.code
        return "decided"

    assert sorted(at_once(*[use_it] * 4)) == ["approval.already_decided"] * 3 + ["decided"]
    assert Vote.objects.count() == 1


def test_tokens_are_not_tried_faster_than_passwords(team: Team, asked: ApprovalAnswer) -> None:
    limit = int(conf.rate_login.partition("/")[0])
    answers = [look(f"guess{number}") for number in range(limit + 1)]
    assert [refusal(answer) for answer in answers[-2:]] == [(401, "auth.invalid"), (429, "rate.limited")]
    assert refusal(use(link(asked, team.moderator), asked)) == (429, "rate.limited")
