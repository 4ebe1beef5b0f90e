"""Who edited what how much: counted beside the edits, and summed up in the audit trail from time to time.

An entry for every edit would be as many as there are keystrokes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.services import Actor, AuditRecord, audit_record_many
from bduf_realtime.rooms.batch import insert
from bduf_realtime.rooms.transactions import write
from collaboration.models import Document, DocumentTally

SLICE = 200  # entries in one transaction, which holds the trails of their projects

_TABLE = DocumentTally._meta.db_table
_COLUMNS = ("document_id", "user", "since", "edits", "bytes", "first_seq", "last_seq")
_TYPES = ("uuid", "text", "timestamptz", "int", "bigint", "bigint", "bigint")
_ADD = (
    'ON CONFLICT (document_id, "user") DO UPDATE SET last_seq = excluded.last_seq,'
    f" edits = {_TABLE}.edits + excluded.edits, bytes = {_TABLE}.bytes + excluded.bytes"
)


class Counted(NamedTuple):
    """An accepted edit: how many bytes it had, and the number of its event."""

    document: str
    user: str
    bytes: int
    seq: int


def tallies_add(edits: Iterable[Counted]) -> None:
    """Counts edits, given in the order of their numbers, with one statement, for somebody who holds their rooms."""
    counts: dict[tuple[str, str], list[int]] = {}
    for document, user, bytes_, seq in edits:
        count = counts.setdefault((document, user), [0, 0, seq, seq])
        count[0] += 1
        count[1] += bytes_
        count[3] = seq
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    stored = str if connection.vendor == "postgresql" else lambda document: document.replace("-", "")
    rows = [(stored(document), user, now, *count) for (document, user), count in sorted(counts.items())]
    insert(_TABLE, _COLUMNS, _TYPES, rows, _ADD)


def tallies_audit(*, older_than: float) -> int:
    """Puts what was counted for so many seconds into the trail, once however many do it; returns the entries."""
    due = DocumentTally.objects.filter(since__lte=timezone.now() - timedelta(seconds=older_than))
    done = 0
    while True:
        with write():
            # What somebody is adding to now comes with the next one; nobody waits for anybody.
            rows = list(due.select_for_update(skip_locked=True).order_by("since", "pk")[:SLICE])
            _sum_up(rows)
        done += len(rows)
        if len(rows) < SLICE:
            return done


def tallies_audit_of(document: UUID) -> None:
    """The same for one document, for somebody who holds its room and no trail."""
    _sum_up(list(DocumentTally.objects.select_for_update().filter(document=document)))


def _sum_up(rows: Sequence[DocumentTally]) -> None:
    if not rows:
        return
    people = User.objects.in_bulk([UUID(row.user) for row in rows])
    projects = dict(Document.objects.filter(tallies__in=rows).values_list("pk", "project"))
    audit_record_many([_record(row, projects[row.document_id], people.get(UUID(row.user))) for row in rows])
    DocumentTally.objects.filter(pk__in=[row.pk for row in rows]).delete()


def _record(row: DocumentTally, project: UUID, user: User | None) -> AuditRecord:
    counts = {"edits": row.edits, "bytes": row.bytes, "first_seq": row.first_seq, "last_seq": row.last_seq}
    return AuditRecord(
        project=project,
        action="collaboration:document:edit",
        actor=Actor.of(user) if user else Actor(row.user, "", ""),
        target=f"document:{row.document_id}",
        details=counts | {"since": row.since.isoformat()},
    )
