"""Reading documents: who may see them, what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import NoSuchRoom, timestamp
from bduf_realtime.rooms.statements import among_ids, rows, uuid_text
from collaboration.documents import cache
from collaboration.documents.canonical import Content, digest
from collaboration.documents.strategies import MERGE
from collaboration.documents.texts import encoded
from collaboration.documents.updates import UpdateOutline
from collaboration.messages import DocumentContent, DocumentInfo, DocumentState, DocumentSynced, FieldValue, Settings
from collaboration.models import Document, DocumentField, Membership, Participant, Session
from collaboration.roles import PERMISSIONS, admitted
from collaboration.selectors.rights import Whose
from collaboration.selectors.sessions import TURNED_OUT, place_in, project_role, settings_of

Admission = Participant.Admission
MANAGING = [role for role in PERMISSIONS if "manage_participants" in PERMISSIONS[role]]
# Two such frames fill an outbox, and servers drop frames beyond a megabyte.
AT_ONCE = conf.outbox_bytes // 2


# --- who may see what --------------------------------------------------------------------------------------------


def documents_for(user: User) -> QuerySet[Document]:
    """The documents a user may read, newest first: the projects', and those of sessions the user may see inside."""
    return Document.objects.filter(readable(user), deleted_at=None).order_by("-created_at", "pk")


def readable(user: User) -> Q:
    """What a user may read that has a `project` and, perhaps, a `session`.

    The rule is that of `roles.admitted`, which judges one; a test holds them together.
    """
    member, places = Membership.objects.filter(user=user), Participant.objects.filter(user=user)
    in_project = Q(project__in=member.values("project"))
    own_role = _in(places.filter(role__isnull=False))
    manages = _in(places.filter(role__in=MANAGING)) | (
        Q(project__in=member.filter(role__in=MANAGING).values("project")) & ~own_role
    )
    turned_out = _in(places.filter(admission__in=TURNED_OUT))
    waits, let_in = (_in(places.filter(admission=a)) for a in (Admission.WAITING, Admission.ADMITTED))
    no_lobby = Q(session__settings__require_approval=False) | Q(session__settings__require_approval__isnull=True)
    inside = (own_role | in_project) & ~turned_out & (manages | let_in | (no_lobby & ~waits))
    return (Q(session=None) & in_project) | (Q(session__isnull=False) & inside)


def _in(places: QuerySet[Participant]) -> Q:
    return Q(session__in=places.values("session"))


def document_for(document: UUID, user: UUID, *, missing: str = "doc.not_found") -> tuple[Document, str]:
    """A document and the role by which a user may read it.

    Raises what `missing` says where there is none or it is not the user's to know of, doc.not_found where it was
    deleted, perm.denied or session.join_pending where the session is closed to the user.
    """
    found = Document.objects.select_related("session").filter(pk=document).first()
    if found is None:
        raise RealtimeError(missing)
    role = document_role(found, user, missing)
    if found.deleted_at is not None:
        raise RealtimeError("doc.not_found")
    return found, role


def document_role(document: Document, user: UUID, missing: str = "doc.not_found") -> str:
    """The role by which a user may read a document; raises what `document_for` does."""
    return role_within(document.project_id, document.session, user, missing)


def role_within(project: UUID, session: Session | None, user: UUID, missing: str) -> str:
    """The role of a user in a session or, without one, in a project.

    Raises what `missing` says for a stranger, perm.denied or session.join_pending where the session is closed to the
    user.
    """
    if session is None:
        role = project_role(project, user)
    else:
        place = place_in(session, user)
        try:
            return admitted(place.role, place.admission, lobby=settings_of(session).require_approval)
        except RealtimeError as error:
            if error.code != "session.not_found":
                raise
            role = None
    if role is None:
        raise RealtimeError(missing)
    return role


class DocumentPlace(NamedTuple):
    """A text as a Yjs client comes to it; `session` is the one it enters with it, unless that has ended."""

    session: UUID | None
    state_vector: bytes


def document_place(document: UUID, user: UUID) -> DocumentPlace:
    """Where a user finds a text; raises what `document_for` does, and msg.bad_value for what is no text."""
    found, _ = document_for(document, user)
    if found.strategy != MERGE:
        raise RealtimeError("msg.bad_value", f"The document's strategy is {found.strategy}, not {MERGE}.")
    ended = found.session is not None and found.session.status == Session.Status.ENDED
    return DocumentPlace(None if ended else found.session_id, document_vector(document))


def document_vector(document: UUID) -> bytes:
    """What a text has, for Yjs; raises doc.not_found."""
    with cache.texts.text(document, position_of(document).epoch) as (text, _):
        return text.state_vector


class Placed(NamedTuple):
    """Where a document belongs, and what that means for it."""

    project: str
    session: str | None
    status: str
    lobby: bool
    deleted: bool
    strategy: str
    size: int
    compacted: int
    auto_save: float | None  # seconds from an edit to the version of it

    def whose(self, user: str) -> Whose:
        return Whose(self.project, self.session, user)


def documents_placed(documents: Iterable[str]) -> dict[str, Placed]:
    """Where many documents belong, deleted ones too, in one query."""
    named, parameter = among_ids("d.id", documents)
    found = rows(
        "SELECT d.id, d.project_id, d.session_id, s.status, s.settings, d.deleted_at, d.strategy, d.size,"  # noqa: S608
        " d.compacted_seq FROM collaboration_document d LEFT JOIN collaboration_session s ON s.id = d.session_id"
        f" WHERE {named}",
        [parameter],
    )
    placed = {}
    for pk, project, session, status, said, deleted_at, strategy, size, compacted in found:
        settings = Settings(**(msgspec.json.decode(said) if said else {}))
        placed[uuid_text(pk)] = Placed(
            uuid_text(project),
            uuid_text(session) if session else None,
            status or Session.Status.ACTIVE,
            settings.require_approval,
            deleted_at is not None,
            strategy,
            size,
            compacted,
            settings.auto_save_interval / 1_000 if settings.auto_save else None,
        )
    return placed


class TextUpdate(NamedTuple):
    """A text, or what somebody lacks of it, with its state vector and the number of the last event in it."""

    update: bytes
    state_vector: bytes
    seq: int


# --- what is in them ---------------------------------------------------------------------------------------------


def document_info(document: Document) -> DocumentInfo:
    """A document as those who may read it see it."""
    return DocumentInfo(
        str(document.pk),
        str(document.project_id),
        str(document.session_id) if document.session_id else None,
        document.title,
        document.strategy,
        str(document.created_by_id) if document.created_by_id else None,
        timestamp(document.created_at),
    )


def documents_listed(project: UUID, session: UUID | None) -> list[DocumentInfo]:
    """The documents of a session, or of a project and none of its sessions, the oldest first."""
    found = Document.objects.filter(project=project, session=session, deleted_at=None)
    return [document_info(document) for document in found.order_by("created_at", "pk")]


def document_state(document: Document) -> DocumentState:
    """A document with all that is in it, for somebody who holds its room's lock."""
    synced = document_synced(document, None)
    info = document_info(document)
    return DocumentState(info, synced.seq, synced.update, synced.state_vector, synced.fields, synced.large)


def document_synced(document: Document, state_vector: bytes | None) -> DocumentSynced:
    """What a client lacks that has `state_vector`; raises doc.not_found."""
    where = position_of(document.pk)
    name = str(document.pk)
    if document.strategy != MERGE:
        fields = _fields(document)
        seq = as_of(where.head, (field.seq for field in fields.values()))
        if len(msgspec.json.encode(fields)) > AT_ONCE:
            return DocumentSynced(name, seq, large=True)
        return DocumentSynced(name, seq, fields=fields)
    with cache.texts.text(document.pk, where.epoch) as (text, seq):
        update, vector = encoded(text.update(state_vector)), encoded(text.state_vector)
    seq = max(where.head, seq)
    if len(update) > AT_ONCE:
        return DocumentSynced(name, seq, state_vector=vector, large=True)
    return DocumentSynced(name, seq, update, vector)


def document_content(document: Document, *, with_update: bool = False) -> DocumentContent:
    """What is in a document, for reading, and for Yjs where asked for; raises doc.not_found."""
    where = position_of(document.pk)
    if document.strategy != MERGE:
        fields = _fields(document)
        hashed = digest({key: field.value for key, field in fields.items()})
        seq = as_of(where.head, (field.seq for field in fields.values()))
        return DocumentContent(document.strategy, seq, hashed, fields=fields)
    with cache.texts.text(document.pk, where.epoch) as (text, seq):
        content = str(text)
        update = encoded(text.update()) if with_update else None
        vector = encoded(text.state_vector) if with_update else None
    seq = max(where.head, seq)
    return DocumentContent(document.strategy, seq, digest(content), content=content, update=update, state_vector=vector)


def content_of(found: DocumentContent) -> Content:
    """The text, or the values by key, those that are null left out."""
    if found.fields is None:
        return found.content or ""
    return {key: field.value for key, field in found.fields.items() if field.value is not None}


def document_update(document: UUID, state_vector: bytes | None = None) -> TextUpdate:
    """What of a text somebody lacks who has `state_vector`, for Yjs; raises doc.not_found."""
    where = position_of(document)
    with cache.texts.text(document, where.epoch) as (text, seq):
        return TextUpdate(text.update(state_vector), text.state_vector, max(where.head, seq))


def document_updates(asked: Sequence[tuple[UUID, bytes]]) -> list[bytes | Exception]:
    """What of texts many lack who have these state vectors; those who lack the same get the same bytes."""
    found: dict[tuple[UUID, bytes], bytes | Exception] = {}
    for question in asked:
        if question not in found:
            try:
                found[question] = document_update(*question).update
            except RealtimeError as error:
                found[question] = error
    return [found[question] for question in asked]


def document_lacks(document: UUID, outline: UpdateOutline) -> bool:
    """Whether an update holds anything that is not in a text; raises doc.not_found."""
    with cache.texts.text(document, position_of(document).epoch) as (text, _):
        return text.lacks(outline)


def position_of(document: UUID) -> log.Position:
    """Where a document's room stands; raises doc.not_found."""
    try:
        return log.position(f"document:{document}")
    except NoSuchRoom as error:  # its session's time was up a moment ago
        raise RealtimeError("doc.not_found") from error


def _fields(document: Document) -> dict[str, FieldValue]:
    rows = DocumentField.objects.filter(document=document).order_by("key").values_list("key", "value", "seq")
    return {key: FieldValue(msgspec.json.decode(value), seq) for key, value, seq in rows}


def as_of(head: int, written: Iterable[int]) -> int:
    """The number that keyed values are as of, read a moment later: what was written meanwhile is in them."""
    return max([head, *written])
