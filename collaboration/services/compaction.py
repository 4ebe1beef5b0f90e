"""Texts written down anew: one snapshot in place of many updates, which stay until it was read again and compared.

It is done beside whoever writes in the document: only the last step takes its room's lock, for a moment. A process
that dies at any moment leaves a document that is read as before, and two that do it at once do no harm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db.models import Exists, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Length
from django.utils import timezone

from bduf_realtime.gateway.conf import conf
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import NoSuchRoom
from bduf_realtime.rooms.transactions import write
from collaboration.documents.limits import UpdateRefused
from collaboration.documents.stored import Row, SnapshotMissing, StoredText
from collaboration.documents.texts import MergedText
from collaboration.models import Document, DocumentSnapshot, DocumentUpdate

logger = structlog.get_logger(__name__)

SLICE = 2_000  # rows deleted in one transaction


class SnapshotDiffers(Exception):
    """A snapshot that is not the text it was taken of when it is read again; it is gone, and the updates are there."""


class _Replay(StoredText):
    """A text made update by update, so that a snapshot is compared with what was made in another way."""

    __slots__ = ("updates",)

    def __init__(self) -> None:
        super().__init__()
        self.updates = 0

    def take(self, rows: Sequence[Row]) -> None:
        for self.seq, data, user in rows:
            self.text.take(bytes(data), user)
            self.updates += 1


def documents_due(*, since: datetime | None = None, updates: int = conf.compaction_updates) -> list[UUID]:
    """Texts with more than so many updates since their snapshot, or too many bytes, of those edited `since`."""
    later = DocumentUpdate.objects.filter(document=OuterRef("pk"), seq__gt=OuterRef("compacted_seq")).order_by("seq")
    snapshot = DocumentSnapshot.objects.filter(document=OuterRef("pk"), seq=OuterRef("compacted_seq"))
    found = Document.objects.filter(strategy=Document.Strategy.MERGE, deleted_at=None)
    if since is not None:
        found = found.filter(edited_at__gte=since)
    many = Exists(later[updates : updates + 1])  # reads no more rows than it takes
    written = Coalesce(Subquery(snapshot.values(bytes=Length("data"))), 0)
    large = Q(size__gt=conf.compaction_bytes + written)
    return list(found.filter(many | large).order_by("edited_at", "pk").values_list("pk", flat=True))


def documents_compact(*, documents: Iterable[UUID]) -> int:
    """Compacts many texts, and says in the log where that failed; returns how many it did."""
    done = 0
    for document in documents:
        try:
            document_compact(document=document)
            done += 1
        except (NoSuchRoom, SnapshotMissing, SnapshotDiffers) as error:
            logger.error("not_compacted", document=str(document), why=type(error).__name__)
    return done


def document_compact(*, document: UUID) -> int:
    """Puts a snapshot in place of all updates that a text has; returns their number.

    Raises NoSuchRoom, SnapshotMissing, SnapshotDiffers.
    """
    epoch = log.position(f"document:{document}").epoch
    replay = _Replay()
    replay.read_on(document)
    if replay.updates:
        _write_down(document, replay)
        _put_in_place(document, epoch, _proven(document, replay))
    _forget_updates(document)
    return replay.updates


def _write_down(document: UUID, replay: _Replay) -> None:
    snapshot = DocumentSnapshot(
        document_id=document,
        seq=replay.seq,
        data=replay.text.update(),
        owners=replay.text.clients,
        content_hash=_digest(replay.text),
    )
    with write():  # where somebody else took one of the same updates, theirs is compared
        DocumentSnapshot.objects.bulk_create([snapshot], ignore_conflicts=True)


def _proven(document: UUID, replay: _Replay) -> DocumentSnapshot | None:
    """Reads a snapshot again, and deletes it and raises SnapshotDiffers where it is another text."""
    snapshot = DocumentSnapshot.objects.filter(document=document, seq=replay.seq).first()
    if snapshot is None:  # somebody else came further, or found it wrong
        return None
    try:
        again = MergedText.of(bytes(snapshot.data), snapshot.owners)
        differences = replay.text.differences(again)
        if snapshot.content_hash != _digest(again):
            differences.append("content hash")
    except UpdateRefused as refusal:
        differences = [str(refusal)]
    if differences:
        with write():
            DocumentSnapshot.objects.filter(pk=snapshot.pk, proven_at=None).delete()
        logger.error("snapshot_differs", document=str(document), seq=replay.seq, differences=differences)
        raise SnapshotDiffers(f"{document}: {', '.join(differences)}")
    return snapshot


def _put_in_place(document: UUID, epoch: str, snapshot: DocumentSnapshot | None) -> None:
    """Has a text begin with its new snapshot, unless its log was restored meanwhile, or somebody came further."""
    if snapshot is None:
        return
    with write():
        same_life = log.lock(f"document:{document}").epoch == epoch
        snapshots = DocumentSnapshot.objects.filter(document=document)
        new = snapshots.filter(pk=snapshot.pk)
        further = Document.objects.filter(pk=document, compacted_seq__gte=snapshot.seq).exists()
        if not same_life or further:
            new.filter(proven_at=None).delete()
        elif new.update(proven_at=timezone.now()):
            later = DocumentUpdate.objects.filter(document=document, seq__gt=snapshot.seq)
            size = len(snapshot.data) + later.aggregate(bytes=Coalesce(Sum(Length("data")), 0))["bytes"]
            Document.objects.filter(pk=document).update(compacted_seq=snapshot.seq, size=size)
            snapshots.filter(seq__lt=snapshot.seq).delete()


def _forget_updates(document: UUID) -> None:
    """Deletes the updates that are in a text's snapshot, in short transactions."""
    gone = DocumentUpdate.objects.filter(document=document, document__compacted_seq__gte=F("seq"))
    some = True
    while some:
        with write():
            some = bool(DocumentUpdate.objects.filter(pk__in=gone.order_by("seq").values("pk")[:SLICE]).delete()[0])


def _digest(text: MergedText) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()
