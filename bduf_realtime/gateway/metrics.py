"""Every metric of the server. Labels come from tables of ours, never from what a client sent."""

from __future__ import annotations

from functools import cache
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

connections = Gauge("bduf_connections", "Open sockets by state.", ["state"])
connections_opened = Counter("bduf_connections_opened_total", "Sockets accepted.")
connections_closed = Counter("bduf_connections_closed_total", "Sockets closed, by close code.", ["code"])
handshakes_refused = Counter("bduf_handshakes_refused_total", "Handshakes refused before accept.", ["reason"])
messages_received = Counter("bduf_messages_received_total", "Client frames by type.", ["type"])
bytes_received = Counter("bduf_bytes_received_total", "Bytes of client frames.")
events_delivered = Counter("bduf_events_delivered_total", "Events put into outboxes, by kind.", ["kind"])
errors = Counter("bduf_errors_total", "Error frames by code.", ["code"])
stage_seconds = Histogram(
    "bduf_stage_seconds",
    "Time from receiving a durable command to each stage: receive (read and judged), commit, publish, deliver.",
    ["stage"],
    buckets=SECONDS,
)
commit_batch = Histogram(
    "bduf_commit_batch_size", "Commands per transaction.", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 512)
)
commit_seconds = Histogram("bduf_commit_seconds", "Duration of a group commit.", buckets=SECONDS)
journal_waiting = Gauge("bduf_journal_waiting", "Commands that wait for a commit.")
database_seconds = Histogram("bduf_database_seconds", "Database calls for sockets.", buckets=SECONDS)
database_busy_threads = Gauge("bduf_database_busy_threads", "Database threads at work.")
publish_seconds = Histogram("bduf_layer_publish_seconds", "Publishes through the channel layer.", buckets=SECONDS)
publish_failures = Counter("bduf_layer_publish_failures_total", "Publishes the channel layer refused.")
layer_up = Gauge("bduf_layer_up", "1 while probes come back through the channel layer.")
gaps_repaired = Counter("bduf_gaps_repaired_total", "Holes in a room's numbers filled from the log.")
events_repaired = Counter("bduf_events_repaired_total", "Events read from the log to fill holes.")
rooms_open = Gauge("bduf_rooms_open", "Rooms with members on this instance.")
recoveries = Counter("bduf_recoveries_total", "Joins by how much was recovered.", ["recovered"])
round_trip_seconds = Histogram("bduf_round_trip_seconds", "Ping to pong.", buckets=SECONDS)
rate_limited = Counter("bduf_rate_limited_total", "Refusals by bucket.", ["bucket"])
loop_lag_seconds = Gauge("bduf_loop_lag_seconds", "How late the last tick of the event loop was.")

# Looking a child up by its labels costs as much as sending a frame; these are looked up once.
received = cache(messages_received.labels)
delivered = cache(events_delivered.labels)
stage = cache(stage_seconds.labels)


def value(metric: Any, suffix: str = "") -> float:
    """What a metric without labels shows: a gauge, or that part of a histogram."""
    return float(next(sample.value for sample in _samples(metric) if sample.name.endswith(suffix)))


def by_label(metric: Any) -> dict[str, int]:
    """What a gauge or counter with one label shows, by its values."""
    shown = (sample for sample in _samples(metric) if not sample.name.endswith("_created"))
    return {next(iter(sample.labels.values())): int(sample.value) for sample in shown}


def buckets(histogram: Any) -> list[tuple[float, float]]:
    """The buckets' upper bounds in seconds, in rising order, each with how many observations were not over it."""
    return [(float(sample.labels["le"]), sample.value) for sample in _samples(histogram) if "le" in sample.labels]


def _samples(metric: Any) -> list[Any]:
    return [sample for family in metric.collect() for sample in family.samples]
