"""The state of a request as a function of its policy, its votes and the clock. Pure.

The rules are those of reviews on code hosts (required reviews, vetoes, dismissal of stale ones), as data.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from approvals.policy import Policy, Stage, needed

State = Literal["pending", "approved", "rejected", "changes_requested", "expired", "cancelled", "bypassed"]
Decision = Literal["approve", "reject", "request_changes", "abstain"]


class Vote(msgspec.Struct, frozen=True):
    """What was decided from one seat: an approver's, or that of whoever it was delegated by. In order of time."""

    stage: int
    round: int
    seat: str
    decision: Decision


class Facts(msgspec.Struct, frozen=True):
    """All that a request's state depends on; a round begins when the content changes, and counts its votes alone.

    `seats` has, stage by stage, those who may decide now, exclusions taken out. Votes from other seats were rightful
    when they were cast, and stay; so do the stages before `reached`, the one the round has come to: somebody who joins
    a project opens none of them again.
    """

    policy: Policy
    round: int
    votes: Sequence[Vote]
    seats: Sequence[frozenset[str]]
    open_threads: int = 0
    expires_at: datetime | None = None
    reached: int = 0


class StageState(msgspec.Struct, frozen=True):
    """How far a stage is: `missing` more must approve, out of those who are `waiting` to decide."""

    name: str
    state: Literal["waiting", "open", "approved", "rejected", "changes_requested"]
    needed: int
    approved: list[str]
    against: list[str]
    abstained: list[str]
    waiting: list[str]

    @property
    def missing(self) -> int:
        return max(0, self.needed - len(self.approved))


class Outcome(msgspec.Struct, frozen=True):
    """A request's state, the number of the stage it stands at, and how far each stage is.

    With `threads_open` all have approved and conversations still have to be resolved.
    """

    state: State
    stage: int
    stages: list[StageState]
    threads_open: bool = False


def outcome(facts: Facts, now: datetime) -> Outcome:
    """Judges a request that nobody has cancelled or bypassed."""
    stages: list[StageState] = []
    current, state = len(facts.policy.stages) - 1, "approved"
    for number, stage in enumerate(facts.policy.stages):
        judged = _stage(stage, [v for v in counted(facts) if v.stage == number], facts.seats[number])
        if state != "approved":
            judged = msgspec.structs.replace(judged, state="waiting")
        elif number < facts.reached:
            judged = msgspec.structs.replace(judged, state="approved", needed=min(judged.needed, len(judged.approved)))
        elif judged.state != "approved":
            current, state = number, judged.state
        stages.append(judged)
    blocked = state == "approved" and facts.policy.resolve_comments and facts.open_threads > 0
    if state in ("open", "waiting") or blocked:
        state = "pending"
        if facts.expires_at is not None and now >= facts.expires_at:
            state = "expired" if facts.policy.on_expiry == "expire" else "rejected"
    return Outcome(state, current, stages, blocked and state == "pending")  # type: ignore[arg-type]


def counted(facts: Facts) -> list[Vote]:
    """The votes that count: those of this round, or, where they are kept, all."""
    return [v for v in facts.votes if v.round == facts.round or facts.policy.on_change == "keep"]


def _stage(stage: Stage, votes: Sequence[Vote], seats: frozenset[str]) -> StageState:
    by: dict[str, list[str]] = {"approve": [], "reject": [], "request_changes": [], "abstain": []}
    for vote in votes:
        by[vote.decision].append(vote.seat)
    waiting = seats - {vote.seat for vote in votes}
    need = needed(stage.need, len(waiting) + len(votes) - len(by["abstain"]))
    against = [vote for vote in votes if vote.decision in ("reject", "request_changes")]
    state = "open"
    if against and stage.veto:
        state = "rejected" if against[0].decision == "reject" else "changes_requested"
    elif len(by["approve"]) >= need:
        state = "approved"
    elif len(votes) > len(by["approve"]) and len(by["approve"]) + len(waiting) < need:
        # Somebody's voice made it impossible; where too few are left because members went, it waits for others.
        state = "rejected" if by["reject"] or not against else "changes_requested"
    return StageState(
        stage.name,
        state,  # type: ignore[arg-type]
        need,
        by["approve"],
        by["reject"] + by["request_changes"],
        by["abstain"],
        sorted(waiting),
    )
