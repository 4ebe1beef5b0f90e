"""Who wrote what in a document."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

import msgspec
import structlog
from msgspec.structs import asdict

from bduf_realtime.accounts.models import User
from bduf_realtime.audit.selectors import actors_of
from bduf_realtime.gateway.errors import RealtimeError
from collaboration.documents import authorship, cache
from collaboration.documents.canonical import digest
from collaboration.documents.strategies import MERGE
from collaboration.messages import DocumentAttributed, Person, Writer, WrittenField, WrittenRange
from collaboration.models import Document, DocumentField
from collaboration.selectors.documents import AT_ONCE, as_of, position_of

logger = structlog.get_logger(__name__)

NOBODY = Writer(None, "", "", None)


def document_attribution(document: Document, *, in_frame: bool = False) -> DocumentAttributed:
    """Who wrote what in a document; with `in_frame` without it where that is too much for one.

    Raises doc.not_found, and doc.too_large for a text in too many pieces.
    """
    found = _of_text(document) if document.strategy == MERGE else _of_fields(document)
    if in_frame and len(msgspec.json.encode(found)) > AT_ONCE:
        return DocumentAttributed(found.document, found.seq, found.content_hash, large=True)
    return found


def _of_text(document: Document) -> DocumentAttributed:
    where = position_of(document.pk)
    with cache.texts.text(document.pk, where.epoch) as (text, seq):
        content, update, owners = str(text), text.update(), dict(text.owners)
    # Without the text's lock: nobody who edits waits meanwhile.
    try:
        ranges = list(authorship.ranges(authorship.pieces(update), owners))
    except authorship.TooManyPieces:
        raise RealtimeError("doc.too_large", "The text is in too many pieces to tell who wrote each.") from None
    if (ranges[-1].end if ranges else 0) != len(content.encode("utf-16-le")) // 2:
        logger.error("document.attribution_wrong", document=str(document.pk), seq=seq)
        raise RealtimeError("internal")
    writers = _writers(document, {range_.user for range_ in ranges})
    return DocumentAttributed(
        str(document.pk),
        max(where.head, seq),
        digest(content),
        ranges=[WrittenRange(**writers[user], start=start, end=end) for start, end, user in ranges],
    )


def _of_fields(document: Document) -> DocumentAttributed:
    head = position_of(document.pk).head
    rows = DocumentField.objects.filter(document=document).order_by("key")
    fields = list(rows.values_list("key", "value", "seq", "user"))
    values = {key: msgspec.json.decode(value) for key, value, _, _ in fields}
    writers = _writers(document, {user for *_, user in fields})
    return DocumentAttributed(
        str(document.pk),
        as_of(head, (seq for _, _, seq, _ in fields)),
        digest(values),
        fields={key: WrittenField(**writers[user], seq=seq) for key, _, seq, user in fields},
    )


def _writers(document: Document, users: Collection[str]) -> dict[str, dict[str, Any]]:
    """Who these users are, and those that are gone were; what a document began with is by whoever started it."""
    began = str(document.created_by_id or "")
    wanted = {user or began for user in users} - {""}
    accounts = User.objects.select_related("acts_for").filter(pk__in=map(UUID, wanted))
    known = {str(account.pk): _writer(account) for account in accounts}
    if gone := wanted - known.keys():
        known |= {user: Writer(user, "", "", None) for user in gone}
        for actor in actors_of(document.project_id, gone):
            acts_for = Person(actor.acts_for, "") if actor.acts_for else None
            known[actor.actor_id] = Writer(actor.actor_id, actor.actor_name, actor.actor_kind, acts_for)
    return {user: asdict(known.get(user or began, NOBODY)) for user in users}


def _writer(account: User) -> Writer:
    principal = account.acts_for
    acts_for = Person(str(principal.pk), principal.display_name) if principal else None
    return Writer(str(account.pk), account.display_name, account.kind, acts_for)
