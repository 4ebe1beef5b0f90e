"""Reading versions: which there are, what was in them, how they differ."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import QuerySet

from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import Event, timestamp
from collaboration.documents import stored
from collaboration.documents.canonical import Content, changed
from collaboration.documents.diffs import diff
from collaboration.documents.strategies import MERGE
from collaboration.messages import (
    DiffHunk,
    DiffPiece,
    DiffSide,
    DocumentExport,
    KeyDiff,
    VersionContent,
    VersionDiff,
    VersionInfo,
)
from collaboration.models import Document, DocumentVersion
from collaboration.selectors.documents import content_of, document_content, document_info, document_update, position_of

LOOKED_AT = 500  # events before a version, for the last edit


def versions_of(document: Document) -> QuerySet[DocumentVersion]:
    """A document's versions without their contents, the newest first."""
    return DocumentVersion.objects.filter(document=document).order_by("-created_at", "-seq").defer("content")


def version_of(document: Document, version: UUID) -> DocumentVersion:
    """One of a document's versions; raises doc.not_found."""
    found = DocumentVersion.objects.filter(document=document, pk=version).first()
    if found is None:
        raise RealtimeError("doc.not_found", "The document has no such version.", details={"field": "version"})
    return found


def version_editor(version: DocumentVersion) -> str:
    """The id of the user who edited last what a version holds; who kept it, where the log does not go back as far."""
    kept = log.history(f"document:{version.document_id}", before=version.seq + 1, limit=LOOKED_AT)
    for _, frame in reversed(kept.events):
        event = msgspec.json.decode(frame, type=Event)
        if event.type == "collaboration:document:updated":
            return event.by.user
    whole = kept.position.floor == 1 and len(kept.events) < LOOKED_AT
    return str((version.document.created_by_id if whole else version.created_by_id) or "")


def version_info(version: DocumentVersion) -> VersionInfo:
    """A version as those who may read its document see it."""
    return VersionInfo(
        str(version.pk),
        version.seq,
        version.title,
        not version.title,
        version.content_hash,
        version.size,
        str(version.created_by_id) if version.created_by_id else None,
        version.author,
        timestamp(version.created_at),
    )


def version_shown(version: DocumentVersion) -> VersionContent:
    """A version with what was in the document."""
    content: Any = version_content(version)
    return VersionContent(**msgspec.structs.asdict(version_info(version)), content=content)


def version_content(version: DocumentVersion) -> Content:
    """What was in the document: its text, or its values by key."""
    content = zlib.decompress(version.content)
    if version.document.strategy == MERGE:
        return content.decode()
    values: dict[str, Any] = msgspec.json.decode(content)
    return values


def version_diff(document: Document, before: UUID, after: UUID | None) -> VersionDiff:
    """How a version differs from another, or from what is in the document now; raises doc.not_found."""
    (one, content), (other, now) = (_side(document, version) for version in (before, after))
    if isinstance(content, Mapping) and isinstance(now, Mapping):
        keys = [KeyDiff(key, content.get(key), now.get(key)) for key in changed(content, now)]
        return VersionDiff(one, other, keys=keys)
    hunks = [
        DiffHunk(hunk.before, hunk.after, [DiffPiece(*piece) for piece in hunk.pieces])
        for hunk in diff(str(content), str(now))
    ]
    return VersionDiff(one, other, hunks=hunks)


def _side(document: Document, version: UUID | None) -> tuple[DiffSide, Content]:
    if version is None:
        present = document_content(document)
        return DiffSide(None, present.seq, present.content_hash), content_of(present)
    found = version_of(document, version)
    return DiffSide(str(found.pk), found.seq, found.content_hash), version_content(found)


def document_export(document: Document, version: UUID | None) -> DocumentExport:
    """A document with what is in it now, or was in a version, to be kept elsewhere; raises doc.not_found."""
    side, of = _side(document, version)
    content: Any = of
    versions = [version_info(one) for one in versions_of(document)]
    shown = next((one for one in versions if one.id == side.version), None)
    return DocumentExport(document_info(document), side.seq, side.content_hash, shown, content, versions)


def text_at(document: Document, base: int | None) -> list[bytes]:
    """The updates of which a text was made as of number `base` of its room, or is made now.

    Raises msg.bad_value where it has not come to that number, and doc.conflict where what it was then is not known
    any more.
    """
    if base is None:
        return [document_update(document.pk).update]
    if base > position_of(document.pk).head:
        text = "The document has not come to that number yet."
        raise RealtimeError("msg.bad_value", text, details={"field": "base"})
    _, rows = stored.later(document.pk, 0)
    # Read after them: a snapshot that was taken in between has them, too.
    snapshot = stored.proven([document.pk]).get(document.pk)
    if snapshot is not None and snapshot.seq > base:
        now = document_content(document)
        raise RealtimeError("doc.conflict", details={"seq": now.seq, "content_hash": now.content_hash})
    whole = [] if snapshot is None else [bytes(snapshot.data)]
    return whole + [bytes(data) for seq, data, _ in rows if seq <= base]
