"""Metrics of notifications. Labels come from tables of ours, never from what somebody sent."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from notifications.kinds import known

created = Counter("bduf_notifications_created_total", "Notifications stored, by kind.", ["kind"])
mails = Counter("bduf_mails_total", "Mails with notifications: sent, failed, given up.", ["outcome"])
mails_waiting = Gauge("bduf_mails_waiting", "Notifications that are due to be mailed, on all instances.")


def count_created(kinds: Iterable[str]) -> None:
    """Counts what was told."""
    for kind, number in Counts(kind if kind in known else "other" for kind in kinds).items():
        created.labels(kind).inc(number)
