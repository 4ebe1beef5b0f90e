"""Why requests are where they are, in words."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.explanation import Stale, explain, listed
from approvals.policy import Policy, Stage, Who
from approvals.states import Decision, Facts, Vote, outcome
from tests.approvals.test_states import NOW

NAMES = {"a": "Ann", "b": "Bob", "c": "Cy", "d": "Di", "e": "Eve"}
Cast = list[tuple[int, str, Decision]]


def line(stages: list[Stage], seats: str = "ab", cast: Cast = [], **said: Any) -> str:  # noqa: B006 - read only
    rules = Policy(stages, resolve_comments=True, expires_after=60)
    everywhere = [frozenset(seats)] * len(stages)
    votes = [Vote(stage, 1, seat, decision) for stage, seat, decision in cast]
    found = outcome(Facts(rules, 1, votes, everywhere, said.get("open_threads", 0), said.pop("expires_at", None)), NOW)
    return explain(**{"state": found.state, "outcome": found, "names": NAMES, **said})


ONE, SECURITY = Stage(Who()), Stage(Who(), "security", need=2)


@pytest.mark.parametrize(
    ("cast", "said", "expected"),
    [
        ([], {}, "Needs 2 more approvals from security (waiting for Ann and Bob)."),
        ([(0, "a", "approve")], {}, "Needs 1 more approval from security (waiting for Bob)."),
        (
            [],
            {"stale": [Stale("Bob", "approve", 412)], "open_threads": 2},
            "Needs 2 more approvals from security (waiting for Ann and Bob); Bob's approval is stale since event 412;"
            " 2 conversations are open.",
        ),
        (
            [],
            {"stale": [Stale("Bob", "request_changes", 9)] * 5},
            "Needs 2 more approvals from security (waiting for Ann and Bob);"
            + " Bob's request for changes is stale since event 9;" * 3
            + " 2 other votes are stale.",
        ),
        (
            [],
            {"changed_seq": 7},
            "Needs 2 more approvals from security (waiting for Ann and Bob); the content has changed at event 7.",
        ),
        (
            [(0, "a", "approve"), (0, "b", "approve")],
            {"open_threads": 1},
            "All have approved; 1 conversation is open.",
        ),
        ([(0, "a", "approve"), (0, "b", "approve")], {}, "Approved by Ann and Bob."),
        ([(0, "a", "approve"), (0, "b", "reject")], {}, "Rejected by Bob for security."),
        ([(0, "a", "abstain")], {}, "Rejected by abstention for security."),
        ([(0, "b", "request_changes")], {}, "Changes were requested by Bob for security."),
        ([], {"expires_at": NOW}, "Expired; it needed 2 more approvals from security."),
        ([], {"state": "rejected"}, "Rejected, for its time was up; it needed 2 more approvals from security."),
        ([], {"state": "cancelled", "reason": "Not any more"}, "Cancelled: Not any more."),
        ([], {"state": "cancelled"}, "Cancelled."),
        ([], {"state": "bypassed", "reason": "Outage!"}, "Approved without a vote: Outage!"),
    ],
)
def test_one_line_says_why_a_request_is_where_it_is(cast: Cast, said: dict[str, Any], expected: str) -> None:
    assert line([SECURITY], cast=cast, **said) == expected


def test_a_stage_without_a_name_is_known_by_its_number_where_there_are_several() -> None:
    assert line([ONE]) == "Needs 1 more approval (waiting for Ann and Bob)."
    assert line([ONE, ONE]) == "Needs 1 more approval in stage 1 of 2 (waiting for Ann and Bob)."
    assert line([ONE, SECURITY], cast=[(0, "a", "approve")]).startswith("Needs 2 more approvals from security")


def test_it_says_that_nobody_is_left() -> None:
    assert line([ONE], seats="") == "Needs 1 more approval (nobody is left to decide)."


def test_whoever_approved_in_several_stages_is_named_once() -> None:
    assert line([ONE, ONE], cast=[(0, "a", "approve"), (1, "a", "approve")]) == "Approved by Ann."


def test_of_many_people_the_first_are_named() -> None:
    assert line([ONE], seats="abcde") == "Needs 1 more approval (waiting for Ann, Bob, Cy and 2 others)."
    assert listed(["A", "B", "C", "D"]) == "A, B, C and 1 other"
    assert listed([]) == "nobody"


def test_long_names_are_cut_and_unknown_seats_are_called_by_their_id() -> None:
    assert len(listed(["x" * 150])) == 60
    assert line([ONE], seats="z") == "Needs 1 more approval (waiting for z)."
