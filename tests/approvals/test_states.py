"""The state of requests, beside a slow reference that tries every way in which it can go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from approvals.policy import Policy, Stage, Who
from approvals.states import Decision, Facts, Outcome, Vote, counted, outcome

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DECISIONS: list[Decision] = ["approve", "reject", "request_changes", "abstain"]
SEATS = "abcde"


def policy(*needs: int | str, veto: bool = True, **rules: Any) -> Policy:
    """One stage for each of these."""
    return Policy([Stage(Who(), need=need, veto=veto) for need in needs], **rules)


def votes(text: str, stage: int = 0, round: int = 1) -> list[Vote]:
    """Votes as people say them: `a approves, b rejects`."""
    words: dict[str, Decision] = {"approves": "approve", "rejects": "reject", "asks": "request_changes"}
    said = [clause.split() for clause in text.split(", ") if clause]
    return [Vote(stage, round, seat, words.get(word, "abstain")) for seat, word in said]


def judged(rules: Policy, *cast: Sequence[Vote], seats: str = "abc", now: datetime = NOW, **facts: Any) -> Outcome:
    """What comes of votes, everybody having a seat in every stage."""
    everywhere = [frozenset(seats)] * len(rules.stages)
    flat = [vote for group in cast for vote in group]
    return outcome(Facts(**{"policy": rules, "round": 1, "votes": flat, "seats": everywhere, **facts}), now)


# --- examples ----------------------------------------------------------------------------------------------------


def test_one_approval_is_enough_where_one_is_needed() -> None:
    assert judged(policy(1)).state == "pending"
    assert judged(policy(1), votes("b approves")).state == "approved"


def test_two_of_three_have_to_approve() -> None:
    first = judged(policy(2), votes("a approves"))
    assert (first.state, first.stages[0].missing, first.stages[0].waiting) == ("pending", 1, ["b", "c"])
    assert judged(policy(2), votes("a approves, c approves")).state == "approved"


def test_the_first_who_is_against_has_the_last_word_where_there_is_a_veto() -> None:
    assert judged(policy(2), votes("a approves, b rejects")).state == "rejected"
    assert judged(policy(2), votes("a asks, b rejects")).state == "changes_requested"
    assert judged(policy(2), votes("b rejects, a asks")).state == "rejected"


def test_without_a_veto_it_ends_when_the_others_no_longer_suffice() -> None:
    rules = policy(2, veto=False)
    assert judged(rules, votes("a rejects")).state == "pending"
    assert judged(rules, votes("a rejects, b approves, c approves")).state == "approved"
    assert judged(rules, votes("a rejects, b asks")).state == "rejected"
    assert judged(rules, votes("a asks, b asks")).state == "changes_requested"


def test_a_share_is_of_those_who_do_not_abstain() -> None:
    rules = policy("50%", veto=False)
    assert judged(rules, votes("a approves"), seats="abcd").state == "pending"
    assert judged(rules, votes("a approves, b abstains, c abstains"), seats="abcd").state == "approved"


def test_all_means_everybody_who_does_not_abstain() -> None:
    assert judged(policy("all"), votes("a approves, b approves")).state == "pending"
    assert judged(policy("all"), votes("a approves, b approves, c abstains")).state == "approved"


def test_nothing_is_approved_by_abstaining() -> None:
    assert judged(policy("all"), votes("a abstains, b abstains")).state == "pending"
    assert judged(policy("all"), votes("a abstains, b abstains, c abstains")).state == "rejected"


def test_a_request_waits_for_others_when_those_who_could_approve_have_gone() -> None:
    assert judged(policy(3), votes("a approves"), seats="ab").state == "pending"
    assert judged(policy(1), seats="").state == "pending"


def test_the_vote_of_somebody_who_has_gone_still_counts() -> None:
    assert judged(policy(2), votes("z approves, a approves")).state == "approved"


def test_stages_come_one_after_the_other() -> None:
    rules = policy(1, 2)
    first = judged(rules)
    assert (first.stage, [stage.state for stage in first.stages]) == (0, ["open", "waiting"])
    second = judged(rules, votes("a approves"))
    assert (second.state, second.stage, [s.state for s in second.stages]) == ("pending", 1, ["approved", "open"])
    last = judged(rules, votes("a approves"), votes("a approves, b approves", 1))
    assert (last.state, last.stage) == ("approved", 1)


def test_a_stage_that_was_passed_is_not_opened_again_by_those_who_join() -> None:
    rules, cast = policy("all", 1), votes("a approves, b approves")
    assert judged(rules, cast, seats="ab").stage == 1
    assert judged(rules, cast, seats="abc").stage == 0
    joined = judged(rules, cast, seats="abc", reached=1)
    assert (joined.stage, joined.stages[0].state, joined.stages[0].missing) == (1, "approved", 0)


def test_votes_of_former_rounds_count_no_more_unless_they_are_kept() -> None:
    former = votes("a approves, b approves")
    assert judged(policy(2), former, round=2).stages[0].approved == []
    assert judged(policy(2), former, votes("c approves, a approves", round=2), round=2).state == "approved"
    assert judged(policy(2, on_change="keep"), former, round=2).state == "approved"


def test_open_conversations_keep_what_all_have_approved_where_the_policy_says_so() -> None:
    rules = policy(1, resolve_comments=True)
    held = judged(rules, votes("a approves"), open_threads=1)
    assert (held.state, held.threads_open) == ("pending", True)
    done = judged(rules, votes("a approves"), open_threads=0)
    assert (done.state, done.threads_open) == ("approved", False)
    assert judged(policy(1), votes("a approves"), open_threads=1).state == "approved"
    assert not judged(rules, open_threads=1).threads_open


def test_time_is_up_at_the_moment_itself() -> None:
    until = {"expires_at": NOW}
    assert judged(policy(1), now=NOW - timedelta(microseconds=1), **until).state == "pending"
    assert judged(policy(1), **until).state == "expired"
    assert judged(policy(1, on_expiry="reject"), **until).state == "rejected"


def test_what_is_decided_stays_decided_when_time_is_up() -> None:
    late = {"now": NOW + timedelta(days=1), "expires_at": NOW}
    assert judged(policy(1), votes("a approves"), **late).state == "approved"
    assert judged(policy(1), votes("a asks"), **late).state == "changes_requested"


def test_time_runs_out_while_conversations_are_open() -> None:
    held = judged(policy(1, resolve_comments=True), votes("a approves"), open_threads=1, expires_at=NOW)
    assert (held.state, held.threads_open) == ("expired", False)


# --- against the reference ---------------------------------------------------------------------------------------


def enough(need: int | str, ballot: Sequence[Decision]) -> bool:
    """Whether a ballot on which everybody has voted approves."""
    yes, cast = ballot.count("approve"), len(ballot) - ballot.count("abstain")
    if isinstance(need, int):
        return yes >= need
    return yes > 0 and yes * 100 >= cast * (100 if need == "all" else int(need[:-1]))


def reference_stage(stage: Stage, cast: Sequence[Vote], seats: frozenset[str]) -> str:
    """A stage's state, by every ballot that can still come of it; no rule is an exception from that."""
    said = [vote.decision for vote in cast]
    against = [decision for decision in said if decision in ("reject", "request_changes")]
    if stage.veto and against:
        return "rejected" if against[0] == "reject" else "changes_requested"
    left = len(seats - {vote.seat for vote in cast})
    # To reject and to request changes weigh the same here.
    ways = [enough(stage.need, said + list(rest)) for rest in product(["approve", "reject", "abstain"], repeat=left)]
    if all(ways):
        return "approved"
    if any(ways) or all(decision == "approve" for decision in said):
        return "open"  # in the second case nobody is against: too few are left, and others may come
    return "changes_requested" if against and "reject" not in against else "rejected"


def reference(facts: Facts, now: datetime) -> tuple[str, int, list[str]]:
    """The state, the stage, and each stage's own state."""
    live = [vote for vote in facts.votes if facts.policy.on_change == "keep" or vote.round == facts.round]
    each = [
        "approved" if n < facts.reached else reference_stage(s, [v for v in live if v.stage == n], facts.seats[n])
        for n, s in enumerate(facts.policy.stages)
    ]
    standing = next((n for n, state in enumerate(each) if state != "approved"), None)
    blocked = facts.policy.resolve_comments and facts.open_threads > 0
    if standing is not None:
        each = each[: standing + 1] + ["waiting"] * (len(each) - standing - 1)
    result = "approved" if standing is None else each[standing]
    if (result == "approved" and blocked) or result == "open":
        result = "pending"
        if facts.expires_at is not None and not now < facts.expires_at:
            result = {"expire": "expired", "reject": "rejected"}[facts.policy.on_expiry]
    return result, len(each) - 1 if standing is None else standing, each


needs = st.one_of(st.integers(1, 4), st.just("all"), st.integers(1, 100).map("{}%".format))
stages = st.builds(Stage, st.just(Who()), need=needs, veto=st.booleans())
policies = st.builds(
    Policy,
    st.lists(stages, min_size=1, max_size=3),
    on_change=st.sampled_from(["dismiss_votes", "keep"]),
    on_expiry=st.sampled_from(["expire", "reject"]),
    resolve_comments=st.booleans(),
)


@st.composite
def situations(draw: Any) -> Facts:
    """A request, its votes in any order, one of a seat in a stage and a round; members come and go."""
    rules = draw(policies)
    round = draw(st.integers(1, 2)) if rules.on_change == "dismiss_votes" else 1
    cast = st.builds(
        Vote,
        st.integers(0, len(rules.stages) - 1),
        st.integers(1, round),
        st.sampled_from(SEATS),
        st.sampled_from(DECISIONS),
    )
    return Facts(
        rules,
        round,
        draw(st.lists(cast, max_size=8, unique_by=lambda vote: (vote.stage, vote.round, vote.seat))),
        draw(st.lists(st.frozensets(st.sampled_from(SEATS)), min_size=len(rules.stages), max_size=len(rules.stages))),
        draw(st.integers(0, 1)),
        draw(st.sampled_from([None, *(NOW + timedelta(seconds=s) for s in (-1, 0, 1))])),
        draw(st.integers(0, len(rules.stages) - 1)),
    )


@given(situations())
def test_every_state_is_what_the_reference_says(facts: Facts) -> None:
    found = outcome(facts, NOW)
    assert (found.state, found.stage, [stage.state for stage in found.stages]) == reference(facts, NOW)


@given(situations())
def test_every_seat_is_in_one_place(facts: Facts) -> None:
    for number, stage in enumerate(outcome(facts, NOW).stages):
        places = stage.approved + stage.against + stage.abstained + stage.waiting
        voters = {vote.seat for vote in counted(facts) if vote.stage == number}
        assert len(places) == len(set(places))
        assert set(places) == facts.seats[number] | voters
        assert stage.waiting == sorted(facts.seats[number] - voters)


# --- properties --------------------------------------------------------------------------------------------------


def with_vote(facts: Facts, decision: Decision) -> Facts:
    """The same after one more has voted in the stage that is open."""
    stage = outcome(facts, NOW).stage
    waiting = outcome(facts, NOW).stages[stage].waiting
    assume(waiting)
    return msgspec.structs.replace(facts, votes=[*facts.votes, Vote(stage, facts.round, waiting[0], decision)])


@given(situations())
def test_one_more_approval_never_takes_an_approval_away(facts: Facts) -> None:
    before, after = outcome(facts, NOW), outcome(with_vote(facts, "approve"), NOW)
    assert (after.stage, after.state == "approved") >= (before.stage, before.state == "approved")
    assert after.stages[before.stage].missing <= before.stages[before.stage].missing


@given(situations())
def test_what_is_lost_is_not_won_by_whoever_votes_next(facts: Facts) -> None:
    facts = msgspec.structs.replace(facts, expires_at=None)
    before, after = outcome(facts, NOW), outcome(with_vote(facts, "approve"), NOW)
    if before.state in ("rejected", "changes_requested"):
        assert after.state == before.state


@given(situations(), st.randoms(use_true_random=False))
def test_the_order_of_votes_matters_to_the_kind_of_a_veto_alone(facts: Facts, random: Any) -> None:
    mixed = list(facts.votes)
    random.shuffle(mixed)
    one, other = outcome(facts, NOW), outcome(msgspec.structs.replace(facts, votes=mixed), NOW)
    alike = {"rejected": "lost", "changes_requested": "lost"} if facts.policy.stages[one.stage].veto else {}
    assert alike.get(one.state, one.state) == alike.get(other.state, other.state)
    assert one.stage == other.stage


@given(situations())
def test_former_rounds_do_not_matter_where_votes_are_dismissed(facts: Facts) -> None:
    assume(facts.policy.on_change == "dismiss_votes")
    live = [vote for vote in facts.votes if vote.round == facts.round]
    assert outcome(facts, NOW) == outcome(msgspec.structs.replace(facts, votes=live), NOW)


@given(situations())
def test_time_alone_approves_nothing_and_changes_nothing_that_is_decided(facts: Facts) -> None:
    now = outcome(msgspec.structs.replace(facts, expires_at=None), NOW)
    later = outcome(facts, NOW + timedelta(days=1))
    assert later.stages == now.stages
    if now.state != "pending" or facts.expires_at is None:
        assert later.state == now.state
    else:
        assert later.state in ("expired", "rejected")
