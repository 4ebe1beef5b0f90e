"""Rate arithmetic with the clock passed in."""

from __future__ import annotations

import pytest

from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.ratelimit import BYTES_A_TOKEN, Abuse, Bucket, Limits, Malformed, Turns, UserBuckets


def test_a_bucket_holds_a_burst_and_then_its_rate() -> None:
    bucket = Bucket(rate=10, burst=2, now=0.0)
    assert [bucket.take(0.0) for _ in range(20)] == [0.0] * 20
    assert bucket.take(0.0) == pytest.approx(0.1)
    assert bucket.take(0.05) == pytest.approx(0.05)
    assert bucket.take(0.1) == 0.0
    assert bucket.take(0.1) > 0


def test_what_is_refused_costs_nothing() -> None:
    bucket = Bucket(rate=1, burst=1, now=0.0)
    assert bucket.take(0.0) == 0.0
    for _ in range(100):
        assert bucket.take(0.5) == pytest.approx(0.5)
    assert bucket.take(1.0) == 0.0


def test_a_bucket_regains_no_more_than_its_burst() -> None:
    bucket = Bucket(rate=10, burst=1, now=0.0)
    assert bucket.take(0.0, cost=10) == 0.0
    assert not bucket.full(0.5)
    assert bucket.full(1_000.0)
    assert bucket.take(1_000.0, cost=10) == 0.0
    assert bucket.take(1_000.0) > 0


def test_what_costs_more_than_a_bucket_holds_takes_a_full_one() -> None:
    bucket = Bucket(rate=10, burst=1, now=0.0)
    assert bucket.take(0.0, cost=1_000) == 0.0
    assert bucket.take(0.5, cost=1_000) == pytest.approx(0.5)
    assert bucket.take(1.0, cost=1_000) == 0.0


def test_a_large_document_update_counts_as_several_and_nothing_else_does() -> None:
    conf = Conf(rate_document=10, rate_message=10, rate_burst=1)
    limits = Limits(conf, UserBuckets(100, 1))
    assert limits.take("message", "ada", 0.0, 9 * BYTES_A_TOKEN) is None
    assert limits.take("message", "ada", 0.0) is None
    assert limits.take("document", "ada", 0.0, 9 * BYTES_A_TOKEN) is None
    limited = limits.take("document", "ada", 0.0)
    assert limited is not None
    assert limited[0] == "document"


def test_even_the_slowest_bucket_holds_one() -> None:
    bucket = Bucket(rate=0.1, burst=1, now=0.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(0.0) == pytest.approx(10.0)


def test_a_rate_of_nothing_never_regains() -> None:
    bucket = Bucket(rate=0, burst=1, now=0.0)
    assert bucket.take(0.0) == 0.0
    assert bucket.take(1e9) == float("inf")


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = Bucket(rate=1, burst=1, now=100.0)
    assert bucket.take(100.0) == 0.0
    assert bucket.take(50.0) == pytest.approx(1.0)
    assert bucket.take(100.5) == pytest.approx(0.5)


def test_what_was_spent_elsewhere_puts_a_bucket_into_at_most_one_burst_of_debt() -> None:
    bucket = Bucket(rate=10, burst=1, now=0.0)
    bucket.charge(0.0, 1_000)
    assert bucket.take(0.0) == pytest.approx(1.1)
    assert bucket.take(1.1) == 0.0


def test_abuse_is_counted_in_windows_one_after_the_other() -> None:
    abuse = Abuse(tolerated=2)
    assert [abuse.refused(0.1) for _ in range(4)] == [0, 0, 1, 1]
    assert [abuse.refused(1.1) for _ in range(3)] == [1, 1, 2]
    assert [abuse.refused(2.1) for _ in range(3)] == [2, 2, 3]


def test_a_window_of_patience_forgives_abuse() -> None:
    abuse = Abuse(tolerated=0)
    assert abuse.refused(0.5) == 1
    assert abuse.refused(1.5) == 2
    assert abuse.refused(3.5) == 1


def test_a_window_below_the_tolerance_forgives_abuse() -> None:
    abuse = Abuse(tolerated=1)
    assert [abuse.refused(0.0), abuse.refused(0.0)] == [0, 1]
    assert abuse.refused(1.0) == 1
    assert [abuse.refused(2.0), abuse.refused(2.0)] == [0, 1]


def test_malformed_frames_are_forgotten_after_a_minute() -> None:
    malformed = Malformed()
    assert [malformed.count(at) for at in (0.0, 10.0, 20.0)] == [1, 2, 3]
    assert malformed.count(60.0) == 3
    assert malformed.count(200.0) == 1


def test_a_users_connections_share_one_bucket_and_others_have_their_own() -> None:
    users = UserBuckets(rate=1, burst=2)
    assert [users.take("ada", 0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert users.take("grace", 0.0) == 0.0


def test_a_bucket_survives_its_connections_until_it_is_full_again() -> None:
    users = UserBuckets(rate=1, burst=2)
    users.take("ada", 0.0)
    users.forget_idle(0.5)
    assert len(users) == 1
    users.forget_idle(1.0)
    assert len(users) == 0


def test_what_was_taken_is_told_once_and_charged_on_other_instances() -> None:
    here, there = UserBuckets(rate=1, burst=10), UserBuckets(rate=1, burst=10)
    for _ in range(10):
        here.take("ada", 0.0)
    assert here.take("ada", 0.0) > 0
    spent = here.spent()
    assert spent == {"ada": 10.0}
    assert here.spent() == {}
    there.charge(spent, 0.0)
    assert there.take("ada", 0.0) > 0
    assert there.spent() == {}


def test_commands_that_were_refused_at_once_are_told_to_come_back_one_after_the_other() -> None:
    turns = Turns(rate=10)
    assert [turns.wait(0.0, 0.05) for _ in range(3)] == pytest.approx([0.05, 0.15, 0.25])
    assert turns.wait(1.0, 0.05) == pytest.approx(0.05)


def test_nobody_is_told_to_wait_much_longer_than_the_latest_turn() -> None:
    turns = Turns(rate=10)
    waits = [turns.wait(0.0, 0.1) for _ in range(1_000)]
    assert max(waits) == Turns.LATEST
    assert Turns(rate=0).wait(0.0, float("inf")) == Turns.LATEST
