"""Metrics of approvals. Labels come from tables of ours, never from what somebody sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from bduf_realtime.gateway.errors import RealtimeError

MINUTE, HOUR, DAY = 60, 3_600, 86_400
BUCKETS = (MINUTE, 10 * MINUTE, HOUR, 4 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY, 30 * DAY)

requested = Counter("bduf_approvals_requested_total", "Requests for approval.")
closed = Counter("bduf_approvals_closed_total", "Requests that ended, by outcome.", ["outcome"])
open_ = Gauge("bduf_approvals_open", "Requests still to be decided, on all instances.")
decision_seconds = Histogram(
    "bduf_approval_decision_seconds",
    "Time from a request to its decision, whether by votes or by its policy when time is up.",
    buckets=BUCKETS,
)
links = Counter("bduf_decision_links_total", "Links in mails: used, or refused by code.", ["outcome"])


@contextmanager
def refusals_of_links() -> Iterator[None]:
    """Counts a link that is refused."""
    try:
        yield
    except RealtimeError as error:
        links.labels(error.code).inc()
        raise
