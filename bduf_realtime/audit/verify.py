"""Reads the trail from the database, and anchors from files, for examination."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain as joined
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from bduf_realtime.audit.chain import GENESIS
from bduf_realtime.audit.examination import Finding, Head, Kind, Row, examine
from bduf_realtime.audit.models import AuditChain, AuditEntry
from bduf_realtime.audit.selectors import chain_name
from bduf_realtime.audit.services import chain_keys

ROWS_AT_ONCE = 1000


class Anchor(NamedTuple):
    """The hash a chain had at a seq, kept where the database's owner cannot change it."""

    chain: str
    seq: int
    hash: str


def verify() -> Iterator[Finding]:
    """Yields everything that is wrong with any chain."""
    for name in AuditChain.objects.order_by("name").values_list("name", flat=True):
        yield from verify_chain(name)
    yield from verify_orphans()


def verify_project(project: UUID | str | None) -> Iterator[Finding]:
    """Yields what is wrong with the trail of a project, or of the server for None."""
    yield from verify_chain(chain_name(project))


def verify_chain(name: str) -> Iterator[Finding]:
    """Yields what is wrong with one chain, while others may append to it; raises AuditChain.DoesNotExist."""
    keys = chain_keys()
    stored = AuditChain.objects.get(name=name)
    seq = stored.head_seq if isinstance(stored.head_seq, int) else 0  # SQLite stores any type
    head = Head(stored.name, seq, stored.head_hash, stored.is_sealed_by(keys))
    entries = AuditEntry.objects.filter(chain_id=name)
    parts = [entries]
    if head.sealed:
        # What is appended from here on is left for the next time. Rows past the head are compared with the
        # head of the same statement, so that there are none unless somebody forged it.
        present = Subquery(AuditChain.objects.filter(name=name).values("head_seq"))
        parts = [entries.filter(seq__lte=seq), entries.filter(seq__gt=seq).filter(seq__gt=present)]
    highest = [part.order_by("-seq").values_list("seq", flat=True).first() for part in parts]
    last_seq = max((last for last in highest if isinstance(last, int)), default=seq)
    rows = joined.from_iterable(stored_rows(part.order_by("seq")) for part in parts)
    yield from examine(head, rows, keys, last_seq)


def stored_rows(entries: QuerySet[AuditEntry]) -> Iterator[Row]:
    """Streams rows as the driver returns them: a column that no longer parses is a finding, not an error."""
    # An expression has no declared type: SQLite's driver returns its text, which it would fail to parse.
    columns = [Coalesce(name, name) if name == "at" else name for name in Row._fields]
    statement, parameters = entries.values_list(*columns).query.sql_with_params()
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            for row in map(Row._make, rows):
                yield row._replace(details=parsed(row.details))


def parsed(details: object) -> object:
    """Returns stored JSON as a value, or as it is if it is none."""
    try:
        return json.loads(details) if isinstance(details, str) else details
    except (ValueError, RecursionError):
        return details


def verify_orphans() -> Iterator[Finding]:
    """Yields chains of which the head row is gone while entries are left."""
    heads = AuditChain.objects.filter(name=OuterRef("chain_id"))
    orphans = AuditEntry.objects.filter(~Exists(heads)).order_by("chain_id").values_list("chain_id", flat=True)
    for name in orphans.distinct():
        yield Finding(name, 0, Kind.FORGED_HEAD, "the head is gone, entries are left", 0)


def anchors() -> Iterator[Anchor]:
    """Yields the head of every chain, to be kept elsewhere; a head whose seal is broken is left out."""
    keys = chain_keys()
    for stored in AuditChain.objects.order_by("name").iterator():
        if stored.is_sealed_by(keys):
            yield Anchor(stored.name, stored.head_seq, stored.head_hash)


def anchors_read(lines: Iterable[str]) -> Iterator[Anchor]:
    """Yields the anchors of an exported file or of the server's JSON log; raises ValueError for others."""
    for number, line in enumerate(lines, 1):
        try:
            if line.lstrip().startswith("{"):
                event = json.loads(line)
                if event.get("event") == "audit.anchor":
                    yield Anchor(str(event["chain"]), int(event["seq"]), str(event["hash"]))
            elif line.strip():
                name, seq, hash = line.split()
                yield Anchor(name, int(seq), hash)
        except (ValueError, KeyError) as error:
            raise ValueError(f"line {number} is no anchor: {line.strip()[:100]}") from error


def verify_anchors(known: Iterable[Anchor]) -> Iterator[Finding]:
    """Yields chains that no longer hold what an anchor says: an older or another copy was put in."""
    for name, group in groupby(sorted(known), key=lambda anchor: anchor.chain):
        broken = [anchor for anchor in group if not holds(anchor)]
        if broken:
            detail = "the anchored entry is not there: this is an older or another copy of the trail"
            yield Finding(name, broken[0].seq, Kind.ROLLED_BACK, detail, broken[-1].seq)


def holds(anchor: Anchor) -> bool:
    """Tells whether the anchored entry is still in its place."""
    if anchor.seq == 0:
        return anchor.hash == GENESIS
    return AuditEntry.objects.filter(pk=anchor.hash, chain_id=anchor.chain, seq=anchor.seq).exists()
