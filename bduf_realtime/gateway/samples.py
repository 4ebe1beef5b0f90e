"""The last minutes of this process in samples, made of what its metrics show; for the charts of the admin."""

from __future__ import annotations

import math
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from prometheus_client import Gauge

from bduf_realtime.gateway import metrics

EVERY = 2.0  # seconds
KEPT = 300  # ten minutes of them
STAGES = ("receive", "commit", "publish", "deliver")

# What waits to be done, by a name; apps with more of it enter their gauges.
waiting: dict[str, Gauge] = {"journal": metrics.journal_waiting}

Buckets = Sequence[tuple[float, float]]  # upper bounds in rising order, each with how many were not over it


class Latency(msgspec.Struct, frozen=True):
    """How many durable commands came to a stage, and the time that half and 99 of 100 of them took, about."""

    count: int
    p50_ms: float | None
    p99_ms: float | None


class Sample(msgspec.Struct, frozen=True):
    """What a process did since the sample before: rates are per second, refusals and latencies of that time alone.

    `connections` are its open ones by state. `messages_out` are the events put into outboxes. `commands` are those of
    the journal, `commits` its transactions. `waiting` are commands in the journal, and of all instances documents with
    edits that are in no version, and texts that should have a new snapshot.
    """

    at: datetime
    connections: dict[str, int]
    messages_in: float
    messages_out: float
    commands: float
    commits: float
    stages: dict[str, Latency]
    waiting: dict[str, int]
    refusals: dict[str, int]


class Samples(msgspec.Struct, frozen=True):
    """The samples of the process that answers, the oldest first, and its name in the list of instances."""

    instance: str
    every: float
    samples: list[Sample]


class Reading(NamedTuple):
    """What the metrics show at a moment of the clock; what is counted is counted from when the process began."""

    clock: float
    connections: dict[str, int]
    waiting: dict[str, int]
    messages_in: float
    messages_out: float
    commands: float
    commits: float
    refusals: dict[str, int]
    stages: dict[str, Buckets]


def read() -> Reading:
    """Reads the metrics."""
    return Reading(
        time.monotonic(),
        metrics.by_label(metrics.connections),
        {name: int(metrics.value(gauge)) for name, gauge in waiting.items()},
        sum(metrics.by_label(metrics.messages_received).values()),
        sum(metrics.by_label(metrics.events_delivered).values()),
        metrics.value(metrics.commit_batch, "_sum"),
        metrics.value(metrics.commit_seconds, "_count"),
        metrics.by_label(metrics.errors),
        {name: metrics.buckets(metrics.stage(name)) for name in STAGES},
    )


def between(earlier: Reading, later: Reading, at: datetime) -> Sample:
    """What happened from one reading to the next."""
    seconds = later.clock - earlier.clock
    refused = {code: number - earlier.refusals.get(code, 0) for code, number in later.refusals.items()}

    def rate(now: float, before: float) -> float:
        return round((now - before) / seconds, 2)

    return Sample(
        at,
        later.connections,
        rate(later.messages_in, earlier.messages_in),
        rate(later.messages_out, earlier.messages_out),
        rate(later.commands, earlier.commands),
        rate(later.commits, earlier.commits),
        {name: _latency(earlier.stages[name], buckets) for name, buckets in later.stages.items()},
        later.waiting,
        {code: number for code, number in refused.items() if number},
    )


def _latency(earlier: Buckets, later: Buckets) -> Latency:
    new = [(bound, count - before) for (bound, count), (_, before) in zip(later, earlier, strict=True)]
    return Latency(int(new[-1][1]), _milliseconds(quantile(0.5, new)), _milliseconds(quantile(0.99, new)))


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def quantile(share: float, buckets: Buckets) -> float | None:
    """The value that so large a share of observations is not over, or None if there are none.

    As Prometheus' `histogram_quantile` estimates it: observations lie evenly in their bucket, and those in the last,
    which has no end, lie at its beginning.
    """
    rank = share * buckets[-1][1]
    start = below = 0.0
    for bound, count in buckets:
        if rank and count >= rank:
            return start if math.isinf(bound) else start + (bound - start) * (rank - below) / (count - below)
        start, below = bound, count
    return None


class Recorder:
    """Keeps the newest samples; the oldest go."""

    def __init__(self, read: Callable[[], Reading] = read) -> None:
        self._read = read
        self._before: Reading | None = None
        self._samples: deque[Sample] = deque(maxlen=KEPT)

    def take(self) -> None:
        """Makes a sample of the time since the last one; the first time there is none yet."""
        reading = self._read()
        if self._before is not None and reading.clock > self._before.clock:
            self._samples.append(between(self._before, reading, datetime.now(UTC)))
        self._before = reading

    def since(self, moment: datetime | None) -> Samples:
        """The samples after a moment, or all; from any thread."""
        found = [sample for sample in self._samples.copy() if moment is None or sample.at > moment]
        return Samples(f"{socket.gethostname()}:{os.getpid()}", EVERY, found)


recorder = Recorder()
