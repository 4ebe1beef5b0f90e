"""Content that is to take the place of what is in a document, and edits over REST: by edits like everybody's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.batch import Submission
from bduf_realtime.rooms.events import Author
from bduf_realtime.rooms.transactions import write
from collaboration import messages as wire
from collaboration import selectors
from collaboration.documents.canonical import Content, changed
from collaboration.documents.rewriting import grouped, rewrite
from collaboration.documents.strategies import MAX_CHANGES, REJECT
from collaboration.models import Document
from collaboration.services.acting import author_of
from collaboration.services.documents import encoded_value, lock_document, refuse_content, refuse_read_only
from collaboration.services.edits import document_merge, document_update, edits_commit


def document_edit(*, document: UUID, edit: wire.DocumentEdit, by: User) -> Document:
    """Edits a document as DocumentEdit says.

    Raises what edits_refused and text_at do, doc.update_rejected and msg.missing_field.
    """
    found, role = selectors.document_for(document, by.pk)
    refuse_read_only(found, role)
    if sum(given is not None for given in (edit.update, edit.changes, edit.content)) != 1:
        text = "An edit is an update, or changes, or all of the content."
        raise RealtimeError("msg.missing_field", text, details={"field": "content"})
    author = author_of(by)
    if edit.content is None:
        message = wire.DocumentUpdate(document, edit.update, edit.changes, edit.base)
        edits_commit([document_update(message=message, by=author)])
    elif edit.base is not None:
        edits_commit(content_edits(document=found, content=edit.content, by=author, base=edit.base))
    else:
        prepared = edits_prepared(document=found, content=edit.content, by=author)
        with write():
            lock_document(document, by)
            edits_commit(prepared())
    return found


def edits_prepared(*, document: Document, content: Content, by: Author) -> Callable[[], list[Submission]]:
    """Compares, which may take seconds, before the lock is taken; returns what says the edits under it.

    Where something was written in between they are made anew: of two who want the same, the second has nothing to do.
    """
    seen = selectors.position_of(document.pk)
    edits = content_edits(document=document, content=content, by=by)

    def under_lock() -> list[Submission]:
        if selectors.position_of(document.pk) == seen:
            return edits
        return content_edits(document=document, content=content, by=by)

    return under_lock


def content_edits(*, document: Document, content: Content, by: Author, base: int | None = None) -> list[Submission]:
    """Makes the edits ready that bring a document to a content, from what was in it at number `base`.

    Without `base`, from what is in it now.
    Raises msg.bad_value, quota.exceeded, and what text_at does.
    """
    refuse_content(document, content)
    if isinstance(content, str):
        seen = selectors.text_at(document, base)
        return [document_merge(document=document.pk, update=update, by=by) for update in rewrite(seen, content)]
    present = selectors.document_content(document)
    if base is None and document.strategy == REJECT:
        base = present.seq
    before = selectors.content_of(present)
    assert isinstance(before, Mapping)  # noqa: S101 - as the content is
    changes = [wire.Change(key, content.get(key)) for key in changed(before, content)]
    return [
        document_update(message=wire.DocumentUpdate(document.pk, changes=some, base=base), by=by)
        for some in grouped(changes, _size, MAX_CHANGES)
    ]


def _size(change: wire.Change) -> int:
    return len(encoded_value(change.value, "content"))
