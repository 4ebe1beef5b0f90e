"""What the charts are drawn from: rates and latencies between two readings of the metrics, kept for a while."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway import metrics, samples
from bduf_realtime.gateway.samples import Buckets, Latency, Reading, Recorder, Sample, between, quantile, read
from tests.people import Rest, person, refusal
from tests.servers import MS, eventually
from tests.sockets import connected

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def buckets(*counts: int) -> Buckets:
    """Bounds of 1, 2, 3 … ms and one without end, each with so many observations more than the one before."""
    bounds = [number / 1000 for number in range(1, len(counts))] + [math.inf]
    return [(bound, sum(counts[: number + 1])) for number, bound in enumerate(bounds)]


def reading(clock: float, *, counts: tuple[int, ...] = (0, 0, 0), **fields: Any) -> Reading:
    stages = dict.fromkeys(samples.STAGES, buckets(*counts))
    return Reading(clock, {}, {}, 0.0, 0.0, 0.0, 0.0, {}, stages)._replace(**fields)


# --- quantiles ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "counts", "milliseconds"),
    [
        (0.5, (10, 0, 0), 0.5),  # half way through the first bucket, which begins at 0
        (0.5, (5, 5, 0), 1.0),
        (0.5, (1, 2, 1), 1.5),
        (0.99, (98, 2, 0), 1.5),
        (1.0, (98, 2, 0), 2.0),
        (0.5, (4, 0, 4, 0), 1.0),  # as many below as above an empty bucket
        (0.99, (99, 0, 1, 0), 1.0),
        (0.5, (0, 0, 7), 2.0),  # beyond the last bound: no more is known
    ],
)
def test_a_quantile_lies_in_its_bucket_as_far_as_its_share_goes(
    share: float, counts: tuple[int, ...], milliseconds: float
) -> None:
    assert quantile(share, buckets(*counts)) == pytest.approx(milliseconds / 1000)


def test_nothing_has_no_quantile() -> None:
    assert quantile(0.5, buckets(0, 0, 0)) is None


def test_a_quantile_of_real_observations_is_in_the_bucket_they_fell_into() -> None:
    stage = metrics.stage("test")
    before = metrics.buckets(stage)
    for seconds in (0.003, 0.004, 0.2):
        stage.observe(seconds)
    new = [(bound, count - was) for (bound, count), (_, was) in zip(metrics.buckets(stage), before, strict=True)]
    assert 0.0025 < (quantile(0.5, new) or 0) <= 0.005
    assert 0.1 < (quantile(0.99, new) or 0) <= 0.25
    assert new[-1] == (math.inf, 3)


# --- samples -----------------------------------------------------------------------------------------------------


def test_what_is_counted_becomes_a_rate_and_what_is_measured_stays() -> None:
    earlier = reading(10.0, messages_in=100.0, messages_out=1_000.0, commands=50.0, commits=7.0, waiting={"journal": 9})
    later = reading(
        12.5,
        messages_in=105.0,
        messages_out=2_000.0,
        commands=50.0,
        commits=8.0,
        waiting={"journal": 2},
        connections={"idle": 3},
    )
    sample = between(earlier, later, NOON)
    assert (sample.messages_in, sample.messages_out, sample.commands, sample.commits) == (2.0, 400.0, 0.0, 0.4)
    assert (sample.waiting, sample.connections, sample.at) == ({"journal": 2}, {"idle": 3}, NOON)


def test_latencies_are_of_the_time_between_alone() -> None:
    sample = between(reading(0.0, counts=(900, 0, 0)), reading(2.0, counts=(900, 4, 0)), NOON)
    assert sample.stages == dict.fromkeys(samples.STAGES, Latency(4, 1.5, 1.99))
    assert between(reading(0.0), reading(2.0), NOON).stages["commit"] == Latency(0, None, None)


def test_refusals_are_those_that_are_new() -> None:
    earlier = reading(0.0, refusals={"perm.denied": 5, "rate.limited": 2})
    later = reading(2.0, refusals={"perm.denied": 5, "rate.limited": 6, "doc.conflict": 1})
    assert between(earlier, later, NOON).refusals == {"rate.limited": 4, "doc.conflict": 1}


def test_the_metrics_are_read_as_they_are() -> None:
    before = read()
    metrics.received("ping").inc(3)
    metrics.delivered("signal").inc(7)
    metrics.commit_batch.observe(5)
    metrics.commit_seconds.observe(0.02)
    metrics.errors.labels("internal").inc()
    metrics.stage("commit").observe(0.02)
    after = read()
    assert after.messages_in - before.messages_in == 3
    assert after.messages_out - before.messages_out == 7
    assert (after.commands - before.commands, after.commits - before.commits) == (5, 1)
    assert after.refusals["internal"] - before.refusals.get("internal", 0) == 1
    assert between(before, after, NOON).stages["commit"].count == 1
    assert set(after.waiting) == {"journal", "versions", "snapshots"}


# --- keeping -----------------------------------------------------------------------------------------------------


def recorder_of(*clocks: float) -> Recorder:
    readings = iter([reading(clock) for clock in clocks])
    recorder = Recorder(lambda: next(readings))
    for _ in clocks:
        recorder.take()
    return recorder


def test_the_first_sample_needs_two_readings() -> None:
    assert recorder_of(1.0).since(None).samples == []
    assert len(recorder_of(1.0, 3.0, 5.0).since(None).samples) == 2


def test_a_clock_that_stands_still_makes_no_sample() -> None:
    assert len(recorder_of(1.0, 3.0, 3.0, 5.0).since(None).samples) == 2


def test_the_oldest_samples_go() -> None:
    recorder = recorder_of(*range(samples.KEPT + 50))
    kept = recorder.since(None).samples
    assert len(kept) == samples.KEPT
    assert [sample.at for sample in kept] == sorted(sample.at for sample in kept)


def test_only_what_is_new_is_answered() -> None:
    recorder = recorder_of(*range(10))
    everything = recorder.since(None).samples
    assert recorder.since(everything[5].at).samples == everything[6:]
    assert recorder.since(everything[-1].at).samples == []
    assert recorder.since(NOON).samples == everything


# --- over REST ---------------------------------------------------------------------------------------------------


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Sample]:
    recorder = recorder_of(*range(4))
    monkeypatch.setattr(samples, "recorder", recorder)
    return recorder.since(None).samples


@pytest.mark.django_db
def test_staff_read_the_samples_and_what_came_since(recorded: list[Sample]) -> None:
    caller = Rest(person(is_staff=True))
    status, answer = caller.get("status/samples/")
    assert status == 200
    assert set(answer["samples"][0]) == set(Sample.__struct_fields__)
    assert answer["instance"].rpartition(":")[2].isdigit()
    _, rest = caller.get("status/samples/", since=answer["samples"][1]["at"])
    assert rest["samples"] == answer["samples"][2:]
    assert caller.get("status/samples/", since="2999-01-01T00:00:00Z")[1]["samples"] == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"since": "yesterday"}, "msg.bad_value"),
        ({"since": ""}, "msg.bad_value"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "msg.bad_value"),
        ({"until": "2026-01-01T00:00:00Z"}, "msg.unknown_field"),
    ],
    ids=str,
)
def test_samples_are_asked_for_in_known_words_only(query: dict[str, str], code: str) -> None:
    assert refusal(Rest(person(is_staff=True)).get("status/samples/", **query)) == (400, code)


@pytest.fixture
def ada(transactional_db: None) -> User:
    return person("ada")


@pytest.mark.usefixtures("sockets")
async def test_a_running_process_takes_them_by_its_clock(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    monkeypatch.setattr(samples, "recorder", recorder)
    monkeypatch.setattr(samples, "EVERY", 20 * MS)
    peer = await connected(ada)
    await peer.ask("ping", {})
    await eventually(lambda: any(sample.messages_in for sample in recorder.since(None).samples))
