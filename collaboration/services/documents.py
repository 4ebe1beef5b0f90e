"""Documents as things: started, renamed, deleted. What is written in them is in edits.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.services import audit_record
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import Author, NoSuchRoom
from bduf_realtime.rooms.transactions import write
from collaboration import roles, selectors
from collaboration.documents.canonical import Content
from collaboration.documents.strategies import LAST_WRITE_WINS, MAX_KEY, MAX_KEYS, MERGE, weight
from collaboration.documents.texts import seed
from collaboration.messages import DocumentChanged, DocumentDeleted
from collaboration.models import Document, DocumentField, DocumentUpdate, Session
from collaboration.services.acting import ADMIN, actor_of, author_of, because, lock_session, refuse_ended, require
from collaboration.services.tallies import tallies_audit_of
from collaboration.text import plain_name


def document_create(
    *,
    by: User,
    title: str,
    session: UUID | None = None,
    project: UUID | None = None,
    strategy: str | None = None,
    content: Content | None = None,
    door: str = "rest",
    connection: str = "",
) -> Document:
    """Starts a document in a session, or in a project for all of its members.

    Raises msg.bad_value, session.not_found, room.not_found, perm.denied, session.paused, session.ended, doc.too_large,
    quota.exceeded.
    """
    if (session is None) == (project is None):
        raise _wrong("session", "A document is a session's or a project's.")
    with write():
        found = writable_session(session, by, door) if session else None
        owner = found.project_id if found else writable_project(project, by)
        if Document.objects.filter(project=owner, deleted_at=None).count() >= conf.max_documents_per_project:
            raise RealtimeError("quota.exceeded", f"A project may have {conf.max_documents_per_project} documents.")
        usual = selectors.settings_of(found).conflict_resolution if found else LAST_WRITE_WINS
        document = Document(
            project_id=owner,
            session=found,
            title=plain_name(title, "title"),
            strategy=strategy or usual,
            created_by=by,
        )
        if not document.title:
            raise _wrong("title", "A document has a title.")
        log.create(f"document:{document.pk}")
        created = DocumentChanged(selectors.document_info(document))
        seq = _tell(document, "created", created, author_of(by, connection))
        _fill(document, content, seq)
        details = {"title": document.title, "strategy": document.strategy}
        record_change(document, "create", by, door, details)
    return document


def document_rename(*, document: UUID, title: str, by: User, door: str = "rest", connection: str = "") -> Document:
    """Gives a document another title.

    Raises doc.not_found, perm.denied, session.paused, doc.read_only, msg.bad_value.
    """
    with write():
        found, role = lock_document(document, by)
        refuse_read_only(found, role)
        title = plain_name(title, "title")
        if not title:
            raise _wrong("title", "A document has a title.")
        if title != found.title:
            found.title = title
            found.save(update_fields=["title"])
            _tell(found, "renamed", DocumentChanged(selectors.document_info(found)), author_of(by, connection))
            record_change(found, "rename", by, door, {"title": title})
    return found


def document_delete(
    *, document: UUID, by: User, door: str = "rest", connection: str = "", reason: str = ""
) -> Document:
    """Deletes a document, in an ended session too; for owners, and for whoever started it.

    Raises doc.not_found, perm.denied.
    """
    with write():
        found, role = lock_document(document, by, door)
        if found.created_by_id != by.pk:
            roles.require(role, "manage_settings")
        tallies_audit_of(found.pk)
        found.deleted_at = timezone.now()
        found.save(update_fields=["deleted_at"])
        _tell(found, "deleted", DocumentDeleted(str(found.pk)), author_of(by, connection))
        record_change(found, "delete", by, door, {"title": found.title} | because(reason))
    return found


def document_compaction_record(*, document: UUID, by: User, reason: str = "") -> None:
    """Puts on record that an operator has a text compacted."""
    with write():
        record_change(Document.objects.get(pk=document), "compact", by, ADMIN, because(reason))


def lock_document(document: UUID, by: User, door: str = "rest") -> tuple[Document, str]:
    """Locks a document's room and then its session's and project's, as everybody does; raises what document_for does.

    Returns the document and the role by which somebody may read it.
    """
    where = Document.objects.filter(pk=document).values_list("project", "session").first()
    if where is None:
        raise RealtimeError("doc.not_found")
    project, session = where
    try:
        log.lock(f"document:{document}")
        log.lock(f"project:{project}")
        if session is not None:
            log.lock(f"session:{session}")
    except NoSuchRoom as error:
        raise RealtimeError("doc.not_found") from error
    if door != ADMIN:
        return selectors.document_for(document, by.pk)
    found = Document.objects.select_related("session").filter(pk=document, deleted_at=None).first()
    if found is None:
        raise RealtimeError("doc.not_found")
    return found, roles.OWNER


def refuse_read_only(document: Document, role: str) -> None:
    """Raises doc.read_only, perm.denied or session.paused unless a role may write to a document now."""
    refuse_unwritable(role, document.session.status if document.session else Session.Status.ACTIVE)


def refuse_unwritable(role: str, status: str) -> None:
    """The same, for the status of the document's session."""
    if status == Session.Status.ENDED:
        raise RealtimeError("doc.read_only")
    roles.require(role, "write")
    if status == Session.Status.PAUSED:
        raise RealtimeError("session.paused")


def writable_session(session: UUID, by: User, door: str) -> Session:
    """Locks a session in which a user may write now.

    Raises session.not_found, session.join_pending, perm.denied, session.ended, session.paused.
    """
    found = lock_session(session)
    require(found, by, door, "write")
    refuse_ended(found)
    if found.status == Session.Status.PAUSED:
        raise RealtimeError("session.paused")
    return found


def writable_project(project: UUID | None, by: User) -> UUID:
    """Locks a project in which a user may write; raises room.not_found, perm.denied."""
    known = selectors.project_known(project, by) if project else None
    assert known is not None  # noqa: S101 - one of the two was given
    log.lock(f"project:{known.pk}")
    role = selectors.project_role(known.pk, by.pk)
    if role is None:
        raise RealtimeError("room.not_found")
    roles.require(role, "write")
    return known.pk


def _fill(document: Document, content: Content | None, seq: int) -> None:
    """Saves a new document with what it begins with, as of its first event."""
    if content is None:
        document.save()
        return
    refuse_content(document, content)
    if isinstance(content, str):
        update = seed(content) if content else b""
        document.size = len(update)
        _refuse_too_large(document)
        document.save()
        if update:
            DocumentUpdate.objects.create(document=document, seq=seq, data=update)
    else:
        values = {key: encoded_value(value, "content") for key, value in content.items()}
        document.size = sum(weight(key, value) for key, value in values.items())
        _refuse_too_large(document)
        document.save()
        DocumentField.objects.bulk_create(
            DocumentField(document=document, key=key, value=value, seq=seq) for key, value in values.items()
        )


def refuse_content(document: Document, content: Content) -> None:
    """Raises msg.bad_value or quota.exceeded for what cannot be a document's content."""
    if not isinstance(content, str if document.strategy == MERGE else Mapping):
        shape = "a text" if document.strategy == MERGE else "an object of values by key"
        raise _wrong("content", f"The content of such a document is {shape}.")
    if isinstance(content, Mapping):
        if len(content) > MAX_KEYS:
            raise RealtimeError("quota.exceeded", f"A document has up to {MAX_KEYS} keys.")
        if any(not 0 < len(key) <= MAX_KEY for key in content):
            raise _wrong("content", f"A key has 1 to {MAX_KEY} characters.")


def encoded_value(value: Any, field: str) -> str:
    """A value as JSON in the one form that is stored and hashed; raises msg.bad_value where it is too long."""
    text = msgspec.json.encode(value, order="sorted").decode()
    if len(text.encode()) > conf.payload_bytes:
        raise RealtimeError(
            "msg.bad_value",
            f"A value has up to {conf.payload_bytes} bytes.",
            details={"field": field, "limit": conf.payload_bytes},
        )
    return text


def _refuse_too_large(document: Document) -> None:
    if document.size > conf.document_bytes:
        raise RealtimeError("doc.too_large", details={"limit": conf.document_bytes})


def _tell(document: Document, change: str, data: msgspec.Struct, by: Author) -> int:
    """Tells those in a document and those who see it in their list; returns the number in the document's room."""
    type_ = f"collaboration:document:{change}"
    appended = log.append(room=f"document:{document.pk}", type=type_, data=data, by=by)
    log.append(room=list_room(document), type=type_, data=data, by=by)
    return appended.seq


def list_room(document: Document) -> str:
    """The room whose members see a document in their list."""
    return f"session:{document.session_id}" if document.session_id else f"project:{document.project_id}"


def record_change(document: Document, action: str, by: User, door: str, details: dict[str, Any]) -> None:
    """Puts a change of a document on the project's trail."""
    audit_record(
        project=document.project_id,
        action=f"collaboration:document:{action}",
        actor=actor_of(by),
        target=f"document:{document.pk}",
        details=details,
        door=door,
    )


def _wrong(field: str, message: str) -> RealtimeError:
    return RealtimeError("msg.bad_value", message, details={"field": field})
