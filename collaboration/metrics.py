"""Metrics of documents. Labels come from tables of ours, never from what a client sent."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from bduf_realtime.gateway.errors import RealtimeError

updates = Counter("bduf_document_updates_total", "Edits accepted, by the document's strategy.", ["strategy"])
update_bytes = Counter("bduf_document_update_bytes_total", "Bytes of accepted edits.")
refusals = Counter("bduf_document_refusals_total", "Edits refused for what is in them, by reason.", ["reason"])
documents = Gauge("bduf_documents", "Documents on all instances, by strategy; all say the same.", ["strategy"])
document_bytes = Gauge("bduf_document_bytes", "Bytes of the texts' updates and of keyed values, on all instances.")
updates_not_compacted = Gauge("bduf_document_updates_not_compacted", "Updates of texts that are in no snapshot yet.")
texts_due = Gauge("bduf_document_texts_due", "Texts that should have a new snapshot by now.")
versions_due = Gauge("bduf_document_versions_due", "Documents with edits that are in no version yet.")
snapshot_age = Gauge(
    "bduf_document_snapshot_age_seconds",
    "Time since the last edit of the text that was edited longest ago of those that are due; 0 if none is.",
)
cache_texts = Gauge("bduf_document_cache_texts", "Texts loaded in this process.")
cache_bytes = Gauge("bduf_document_cache_bytes", "What they take, about.")


def count_taken(edits: Iterable[tuple[str, int]]) -> None:
    """Counts edits that were committed, each by strategy and bytes."""
    taken = list(edits)
    for strategy, number in Counts(strategy for strategy, _ in taken).items():
        updates.labels(strategy).inc(number)
    update_bytes.inc(sum(bytes_ for _, bytes_ in taken))


def count_refused(refused: Iterable[Exception]) -> None:
    """Counts edits that were refused for what is in them, and not those of people without the right."""
    for error in refused:
        if isinstance(error, RealtimeError):
            if error.code == "doc.update_rejected":
                refusals.labels(error.details["reason"]).inc()
            elif error.code in ("doc.conflict", "doc.too_large"):
                refusals.labels(error.code.removeprefix("doc.")).inc()
