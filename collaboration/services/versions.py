"""What was in documents, kept by name and by the clock, and brought back."""

from __future__ import annotations

import zlib
from uuid import UUID

from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import Author, NoSuchRoom
from bduf_realtime.rooms.transactions import write
from collaboration import selectors
from collaboration.documents.canonical import canonical
from collaboration.messages import DocumentContent, VersionChanged
from collaboration.models import Document, DocumentVersion
from collaboration.services.acting import SERVER, author_of
from collaboration.services.documents import lock_document, record_change, refuse_read_only
from collaboration.services.edits import edits_commit
from collaboration.services.rewriting import edits_prepared
from collaboration.text import plain_name

AT_ONCE = 100  # documents that one sweep makes versions of


def version_create(
    *, document: UUID, title: str, by: User, door: str = "rest", connection: str = ""
) -> DocumentVersion:
    """Keeps what is in a document now, by name.

    Raises doc.not_found, perm.denied, session.paused, doc.read_only, msg.bad_value, quota.exceeded.
    """
    with write():
        found, role = lock_document(document, by)
        refuse_read_only(found, role)
        title = plain_name(title, "title")
        if not title:
            raise RealtimeError("msg.bad_value", "A version has a title.", details={"field": "title"})
        if selectors.versions_of(found).exclude(title="").count() >= conf.max_versions_per_document:
            most = f"A document may have {conf.max_versions_per_document} versions with a name."
            raise RealtimeError("quota.exceeded", most)
        version = _keep(found, selectors.document_content(found), title, by, author_of(by, connection))
        record_change(found, "version:create", by, door, _details(version))
    return version


def version_restore(
    *, document: UUID, version: UUID, by: User, door: str = "rest", connection: str = ""
) -> DocumentVersion:
    """Makes a document what it was, by edits like everybody's: what others write at the same time stays.

    What was in it before becomes a version too, unless it is one.
    Raises doc.not_found, perm.denied, session.paused, doc.read_only, doc.too_large, quota.exceeded.
    """
    found, role = selectors.document_for(document, by.pk)
    refuse_read_only(found, role)
    wanted = selectors.version_of(found, version)
    author = author_of(by, connection)
    prepared = edits_prepared(document=found, content=selectors.version_content(wanted), by=author)
    with write():
        found, role = lock_document(document, by)
        refuse_read_only(found, role)
        edits = prepared()
        _tell(found, "restored", wanted, author)  # first: a command's ack stands for it
        _keep_changed(found)
        edits_commit(edits)
        record_change(found, "version:restore", by, door, _details(wanted))
    return wanted


def version_pin(*, document: Document, version: UUID | None = None) -> DocumentVersion:
    """Keeps for good what was in a version, or else what is in a document now, for a caller who holds its lock.

    Raises doc.not_found, quota.exceeded.
    """
    if version is not None:
        kept = selectors.version_of(document, version)
    else:
        present = selectors.document_content(document)
        newest = selectors.versions_of(document).first()
        same = newest is not None and newest.content_hash == present.content_hash
        kept = newest if newest and same else _keep(document, present, "", _editor(document), SERVER)
    if not kept.pinned:
        if selectors.versions_of(document).filter(pinned=True).count() >= conf.max_pinned_versions_per_document:
            most = f"{conf.max_pinned_versions_per_document} versions of this document were asked about, and stay"
            raise RealtimeError("quota.exceeded", f"{most}: ask about one of these, or about another document.")
        DocumentVersion.objects.filter(pk=kept.pk).update(pinned=True)
    return kept


def versions_keep_due() -> int:
    """Makes versions of documents that were edited, when it is time; returns of how many.

    Each in a transaction of its own that looks again: safe on several instances at once.
    """
    due = Document.objects.filter(version_due__lte=timezone.now()).order_by("version_due")
    return sum(_keep_due(document) for document in list(due.values_list("pk", flat=True)[:AT_ONCE]))


def _keep_due(document: UUID) -> bool:
    with write():
        try:
            log.lock(f"document:{document}")
        except NoSuchRoom:  # its session's time was up
            return False
        found = Document.objects.get(pk=document)
        if found.version_due is None or found.version_due > timezone.now():
            return False
        if found.deleted_at is None:
            return _keep_changed(found)
        Document.objects.filter(pk=document).update(version_due=None)
        return False


def _keep_changed(document: Document) -> bool:
    """Makes an automatic version of what is in a document, unless the newest version is that."""
    present = selectors.document_content(document)
    newest = selectors.versions_of(document).values_list("content_hash", flat=True).first()
    if newest == present.content_hash:
        Document.objects.filter(pk=document.pk).update(version_due=None)
        return False
    _keep(document, present, "", _editor(document), SERVER)
    # They all differ, and the newest are the most wanted.
    automatic = selectors.versions_of(document).filter(title="", pinned=False)
    old = automatic.values_list("pk", flat=True)[conf.document_versions :]
    DocumentVersion.objects.filter(pk__in=list(old)).delete()
    return True


def _editor(document: Document) -> User | None:
    return User.objects.filter(pk=document.edited_by).first() if document.edited_by else document.created_by


def _keep(document: Document, present: DocumentContent, title: str, by: User | None, author: Author) -> DocumentVersion:
    content = canonical(selectors.content_of(present))
    version = DocumentVersion.objects.create(
        document=document,
        seq=present.seq,
        title=title,
        content=zlib.compress(content),
        content_hash=present.content_hash,
        size=len(content),
        created_by=by,
        author=by.display_name if by else "",
    )
    Document.objects.filter(pk=document.pk).update(version_due=None)
    _tell(document, "created", version, author)
    return version


def _tell(document: Document, change: str, version: DocumentVersion, by: Author) -> None:
    told = VersionChanged(str(document.pk), selectors.version_info(version))
    log.append(room=f"document:{document.pk}", type=f"collaboration:document:version:{change}", data=told, by=by)


def _details(version: DocumentVersion) -> dict[str, object]:
    return {"version": str(version.pk), "title": version.title, "seq": version.seq, "hash": version.content_hash}
