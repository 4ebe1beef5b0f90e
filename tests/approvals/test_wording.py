"""Policies in words."""

from __future__ import annotations

import pytest

from approvals.policy import DEFAULT, Policy, Stage, Who
from approvals.wording import duration, policy_in_words


def test_the_default_policy_says_what_it_asks_for() -> None:
    assert policy_in_words(DEFAULT, {}) == [
        "1 approval, from everybody who may write. The first who rejects or requests changes ends it."
        " Not for whoever asked.",
        "When the content changes, votes on what it was count no more.",
        "Owners may do without, saying why.",
    ]


def test_every_rule_is_said() -> None:
    policy = Policy(
        [
            Stage(Who(users=["1", "2"], group="security", role="owner"), "Security", 2, False, []),
            Stage(Who(role="observer"), need="50%", exclude=["requester", "last_editor", "agents"]),
            Stage(Who(users=["3"]), "Legal", "all"),
        ],
        on_change="keep",
        remind_after=3_600,
        escalate_after=2 * 86_400,
        escalate_to=Who(role="moderator"),
        expires_after=90,
        on_expiry="reject",
        bypass=[],
        resolve_comments=True,
    )
    assert policy_in_words(policy, {"1": "Ann", "2": "Bob"}) == [
        "Stage 1, Security: 2 approvals, from Ann, Bob, the members of the group security or every owner."
        " It ends when too few are left.",
        "Stage 2: approval of 50% of those who do not abstain, from every member. The first who rejects or requests"
        " changes ends it. Not for whoever asked, whoever edited last or agents.",
        "Stage 3, Legal: approval of all who do not abstain, from 3. The first who rejects or requests changes ends it."
        " Not for whoever asked.",
        "The request and its votes stay with the version that was asked about.",
        "Nothing is approved while a conversation is open.",
        "Who has to decide is reminded every hour.",
        "After 2 days, every moderator or owner may decide, too.",
        "It is rejected after 90 seconds.",
        "Nobody may do without.",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "1 second"), (61, "61 seconds"), (120, "2 minutes"), (7_200, "2 hours"), (86_400, "1 day")],
)
def test_a_time_is_told_in_its_largest_unit(seconds: int, text: str) -> None:
    assert duration(seconds) == text
