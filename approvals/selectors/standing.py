"""How requests stand: their votes, seats and conversations, and what follows from them; of many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Count
from django.utils import timezone

from approvals import states
from approvals.models import Approval, Comment, Delegation, Vote
from approvals.policy import Policy
from approvals.selectors.seats import People, Seating, excluded, groups_named, people_at, place_of
from approvals.states import Facts, Outcome, StageState


class Standing(NamedTuple):
    """A request with all that its state depends on, and the state that follows."""

    approval: Approval
    policy: Policy
    people: People
    seats: list[frozenset[str]]
    votes: list[Vote]
    delegations: list[Delegation]
    open_threads: int
    outcome: Outcome

    def seat_of(self, user: str, now: datetime) -> str | None:
        """From whose seat somebody may decide in the current stage: the own one, or one delegated to the user."""
        stage = self.approval.stage
        if user in self.seats[stage]:
            return user
        if user not in self.people.certifying or user in excluded(self.approval, self.policy.stages[stage]):
            return None
        return next((str(d.seat_id) for d in self.delegations if str(d.to_id) == user and self._holds(d, now)), None)

    def _holds(self, delegation: Delegation, now: datetime) -> bool:
        in_time = delegation.until is None or delegation.until > now
        return in_time and str(delegation.seat_id) in self.seats[self.approval.stage]

    def voted(self, user: str) -> bool:
        """Whether somebody's vote is counted in the current stage, cast by the user or from the user's seat."""
        return any(
            vote.stage == self.approval.stage and self.counts(vote) and user in (vote.seat, vote.voter)
            for vote in self.votes
        )

    def counts(self, vote: Vote) -> bool:
        """Whether a vote counts still: it is of this round, or votes are kept whatever happens to the content."""
        return vote.round == self.approval.round or self.policy.on_change == "keep"

    def asks(self, user: str, now: datetime) -> bool:
        """Whether it is for somebody to decide now."""
        if self.approval.state != Approval.State.PENDING:
            return False
        seat = self.seat_of(user, now)
        return seat is not None and not self.voted(seat) and not self.voted(user)

    def waiting(self, now: datetime) -> set[str]:
        """All who are asked to decide now, delegates too."""
        stage = self.outcome.stages[self.outcome.stage]
        delegates = {str(d.to_id) for d in self.delegations}
        return {user for user in {*stage.waiting, *delegates} if self.asks(user, now)}


def standings(approvals: Sequence[Approval], now: datetime | None = None) -> list[Standing]:
    """How requests stand, whose session and document are loaded; in a fixed number of queries."""
    now = now or timezone.now()
    policies = [msgspec.convert(approval.rules, Policy) for approval in approvals]
    places = [place_of(approval.project_id, approval.session) for approval in approvals]
    people = people_at(places)
    seating = Seating(people, groups_named(policies))
    ids = [approval.pk for approval in approvals]
    votes: dict[UUID, list[Vote]] = defaultdict(list)
    for vote in Vote.objects.filter(approval__in=ids).order_by("at", "pk"):
        votes[vote.approval_id].append(vote)
    delegations: dict[UUID, list[Delegation]] = defaultdict(list)
    for delegation in Delegation.objects.filter(approval__in=ids).select_related("seat", "to").order_by("pk"):
        delegations[delegation.approval_id].append(delegation)
    unresolved = Comment.objects.filter(approval__in=ids, thread=None, resolved_at=None)
    threads = dict(unresolved.order_by().values_list("approval").annotate(threads=Count("pk")))
    found = []
    for approval, policy, place in zip(approvals, policies, places, strict=True):
        seats = seating.seats(approval, policy, place)
        open_threads = threads.get(approval.pk, 0)
        found.append(
            Standing(
                approval,
                policy,
                people[place],
                seats,
                votes[approval.pk],
                delegations[approval.pk],
                open_threads,
                _outcome(approval, policy, seats, votes[approval.pk], open_threads, now),
            )
        )
    return found


def _outcome(
    approval: Approval,
    policy: Policy,
    seats: list[frozenset[str]],
    votes: list[Vote],
    open_threads: int,
    now: datetime,
) -> Outcome:
    """What follows for a request; of one that is closed, how it was then, for seats change with people's roles."""
    if approval.state != Approval.State.PENDING:
        stages = msgspec.convert(approval.stages, list[StageState])
        return Outcome(approval.state, approval.stage, stages)  # type: ignore[arg-type]
    facts = Facts(
        policy,
        approval.round,
        [states.Vote(v.stage, v.round, v.seat, v.decision) for v in votes],  # type: ignore[arg-type]
        seats,
        open_threads,
        approval.expires_at,
        approval.stage,
    )
    return states.outcome(facts, now)
