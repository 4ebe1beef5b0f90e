"""Texts as the database holds them: a proven snapshot, and the updates after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db.models import FilteredRelation, Q

from collaboration.documents.texts import MergedText
from collaboration.models import Document, DocumentSnapshot, DocumentUpdate

Row = tuple[int, bytes | memoryview, str]  # the number of an update, the update, and who made it


class SnapshotMissing(ValueError):
    """Updates of a document are gone, and so is the snapshot that they went into."""


class StoredText:
    """A text that is read on from where it stands, and the number of the last event in it."""

    __slots__ = ("seq", "text")

    def __init__(self) -> None:
        self.text = MergedText()
        self.seq = 0

    def restore(self, snapshot: DocumentSnapshot) -> None:
        """Starts again from a snapshot that goes further."""
        if snapshot.seq > self.seq:
            self.text, self.seq = MergedText.of(bytes(snapshot.data), snapshot.owners), snapshot.seq

    def take(self, rows: Sequence[Row]) -> None:
        """Adds updates, but for those that somebody has read meanwhile."""
        if new := [row for row in rows if row[0] > self.seq]:
            self.text.take_all([(bytes(data), user) for _, data, user in new])
            self.seq = new[-1][0]

    def read_on(self, document: UUID) -> None:
        """Takes what has come; for anybody, at any time. Raises SnapshotMissing."""
        for _ in range(10):  # each but the first has another snapshot, and those do not come that fast
            compacted, rows = later(document, self.seq)
            if self.seq >= compacted:
                self.take(rows)
                return
            for snapshot in proven([document]).values():
                self.restore(snapshot)
        raise SnapshotMissing(str(document))


def later(document: UUID, seq: int) -> tuple[int, list[Row]]:
    """The number up to which updates may be gone, and those after `seq`, read at one moment."""
    rows = (
        Document.objects.filter(pk=document)
        .annotate(later=FilteredRelation("updates", condition=Q(updates__seq__gt=seq)))
        .order_by("later__seq")
        .values_list("compacted_seq", "later__seq", "later__data", "later__user")
    )
    found = list(rows)
    return found[0][0] if found else 0, [row[1:] for row in found if row[1] is not None]


def later_of_many(seqs: Mapping[UUID, int]) -> dict[UUID, list[Row]]:
    """The updates of many documents, each after its number, in one query."""
    found: dict[UUID, list[Row]] = {document: [] for document in seqs}
    news = Q()
    for document, seq in seqs.items():
        news |= Q(document=document, seq__gt=seq)
    rows = DocumentUpdate.objects.filter(news).order_by("seq").values_list("document", "seq", "data", "user")
    for document, seq, data, user in rows if seqs else ():
        found[document].append((seq, data, user))
    return found


def proven(documents: Iterable[UUID]) -> dict[UUID, DocumentSnapshot]:
    """The snapshot of each document that stands in place of its updates."""
    found = DocumentSnapshot.objects.filter(document__in=list(documents), proven_at__isnull=False).order_by("seq")
    return {snapshot.document_id: snapshot for snapshot in found}
