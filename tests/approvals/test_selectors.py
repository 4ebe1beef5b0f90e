"""Who sees which requests, and what reading many of them takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals import selectors
from approvals.models import Approval, Comment, Delegation, Vote
from approvals.selectors.seats import people_at, place_of
from approvals.services import approval_bypass
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from collaboration import services
from collaboration.models import Participant
from tests.approvals.asking import ask, decide, refused
from tests.collaboration.conftest import Team
from tests.collaboration.writing import create
from tests.people import person

pytestmark = pytest.mark.django_db


@contextmanager
def queries(most: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as found:
        yield
    assert len(found) <= most, [query["sql"][:120] for query in found]


@pytest.fixture
def many(team: Team) -> list[Approval]:
    """A thousand open requests in several sessions, each with a vote, a comment and a delegation."""
    document = create(team, content="x")
    sessions = [services.session_create(project=team.project, by=team.owner) for _ in range(5)]
    first = ask(team, about=document, approvers=["owner", "moderator"], quorum=2)
    decide(first, team.owner)
    pattern, vote = Approval.objects.get(), Vote.objects.get()
    fields = {f.attname: getattr(pattern, f.attname) for f in Approval._meta.concrete_fields if f.name != "id"}
    rows = [Approval(**{**fields, "session_id": sessions[number % 5].pk}) for number in range(999)]
    Approval.objects.bulk_create(rows)
    Vote.objects.bulk_create(
        Vote(
            approval=row,
            stage=0,
            round=1,
            seat=vote.seat,
            seat_name=vote.seat_name,
            voter=vote.voter,
            voter_name=vote.voter_name,
            decision="approve",
            content_hash=vote.content_hash,
            door="rest",
        )
        for row in rows
    )
    Comment.objects.bulk_create(
        Comment(approval=row, author=vote.voter, author_name="owner", body="?", round=1) for row in rows
    )
    Delegation.objects.bulk_create(Delegation(approval=row, seat=team.moderator, to=team.observer) for row in rows)
    return rows


def test_a_thousand_requests_take_as_many_queries_as_one(team: Team, many: list[Approval]) -> None:
    with queries(8):
        infos = selectors.approval_infos(selectors.standings(list(selectors.approvals_for(team.owner))))
    assert len(infos) == 1_000
    assert {info.stages[0].missing for info in infos} == {1}
    assert {info.open_threads for info in infos} == {0, 1}


def test_what_is_to_decide_among_a_thousand_takes_as_many_queries_as_among_one(
    team: Team, many: list[Approval]
) -> None:
    with queries(7):
        mine = selectors.approvals_to_decide(selectors.approvals_for(team.moderator), team.moderator)
    assert len(mine) == 1_000
    assert len(selectors.approvals_to_decide(selectors.approvals_for(team.observer), team.observer)) == 999
    assert selectors.approvals_to_decide(selectors.approvals_for(team.owner), team.owner) == []


def test_who_is_shown_a_list_is_who_may_read_each(team: Team) -> None:
    lobby = services.session_create(project=team.project, by=team.owner, settings={"require_approval": True})
    invited, removed, waiting = person("invited"), person("removed"), person("waiting")
    for user in (removed, waiting):
        services.project_member_set(project=team.project, user=user, role="participant", by=team.owner)
    for session in (team.session, lobby):
        for user, fields in (
            (invited, {"role": "participant", "admission": "admitted"}),
            (removed, {"admission": "removed"}),
            (waiting, {"admission": "waiting"}),
        ):
            Participant.objects.create(session=session, user=user, **fields)
    people = [team.owner, team.moderator, team.participant, team.observer, team.stranger, invited, removed, waiting]
    asked = [ask(team), ask(team, session=str(team.session.pk)), ask(team, team.owner, session=str(lobby.pk))]
    asked.append(ask(team, about=create(team, content="x")))

    def reads(user: User, approval: UUID) -> bool:
        try:
            selectors.approval_for(approval, user.pk)
        except RealtimeError:
            return False
        return True

    for one in asked:
        listed = {user.username for user in people if selectors.approvals_for(user).filter(pk=one.id).exists()}
        alone = {user.username for user in people if reads(user, UUID(one.id))}
        approval = selectors.approval_known(UUID(one.id))
        place = place_of(approval.project_id, approval.session)
        seeing = people_at([place])[place].roles
        assert listed == alone == {user.username for user in people if str(user.pk) in seeing}
    assert refused(selectors.approval_for, UUID(asked[2].id), waiting.pk)[0] == "session.join_pending"


def test_people_in_a_session_decide_in_it_without_being_members(team: Team) -> None:
    invited = person("invited")
    Participant.objects.create(session=team.session, user=invited, role="participant", admission="admitted")
    asked = ask(team, session=str(team.session.pk))
    assert {p.name for p in asked.approval.stages[0].waiting} == {"owner", "moderator", "invited"}


@pytest.mark.parametrize(("role", "asked"), [("moderator", {"owner", "moderator"}), ("participant", {"observer"})])
def test_a_role_in_the_session_counts_there_but_makes_nobody_more_than_a_participant(
    team: Team, role: str, asked: set[str]
) -> None:
    Participant.objects.create(session=team.session, user=team.observer, role="owner", admission="admitted")
    request = ask(team, session=str(team.session.pk), policy={"stages": [{"who": {"role": role}}]})
    assert {p.name for p in request.approval.stages[0].waiting} == asked | {"owner", "moderator"}


def test_who_owns_a_session_only_does_not_do_without(team: Team) -> None:
    own = services.session_create(project=team.project, by=team.participant)
    request = ask(team, session=str(own.pk))
    given = {"approval": UUID(request.id), "reason": "Mine."}
    assert refused(approval_bypass, by=team.participant, **given)[0] == "perm.denied"
    assert approval_bypass(by=team.owner, **given).state == "bypassed"


def test_what_does_not_fit_a_frame_is_left_to_rest(team: Team) -> None:
    asked = ask(team, description="d" * 20_000, payload={"p": "p" * 30_000})
    assert (asked.approval.large, len(asked.approval.description), asked.approval.payload) == (True, 2_000, None)
    shown = selectors.approval_detail(UUID(asked.id), team.owner)
    assert (shown.large, len(shown.description), len(shown.payload["p"])) == (False, 20_000, 30_000)
    assert [shown.to_decide, selectors.approval_detail(UUID(asked.id), team.observer).to_decide] == [True, False]


def test_how_a_request_was_decided_stays_so_when_people_come_and_go(team: Team) -> None:
    asked = ask(team, policy={"stages": [{"who": {"role": "moderator"}, "need": "all"}]})
    for by in (team.owner, team.moderator):
        decide(asked, by)
    services.project_member_set(project=team.project, user=person("late"), role="moderator", by=team.owner)
    shown = selectors.approval_detail(UUID(asked.id), team.observer)
    assert (shown.state, shown.stages[0].state, shown.stages[0].needed) == ("approved", "approved", 2)
