"""The commands and events of documents. Docstrings are documentation for clients."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.handlers import Data
from bduf_realtime.gateway.reading import MAX_INTEGER
from collaboration.documents.strategies import MAX_CHANGES, MAX_KEY
from collaboration.text import MAX_NAME

Strategy = Literal["last_write_wins", "merge", "reject"]
Title = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY)]
Base64 = Annotated[str, msgspec.Meta(max_length=(conf.document_update_bytes + 2) // 3 * 4)]
Position = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]


class Change(Data, frozen=True):
    """One key's new value; any JSON."""

    key: Key
    value: Any


class DocumentCreate(Data, frozen=True):
    """Starts a document in a session or, for all members, in a project.

    `content` is a text where the strategy is `merge`, and else an object of values by key. Without `strategy` it is
    the session's `conflict_resolution`, and in a project `last_write_wins`.
    """

    title: Title
    session: UUID | None = None
    project: UUID | None = None
    strategy: Strategy | None = None
    content: str | dict[str, Any] | None = None


class DocumentRename(Data, frozen=True):
    """Gives a document another title."""

    document: UUID
    title: Title


class DocumentDelete(Data, frozen=True):
    """Deletes a document; for owners, and for whoever started it."""

    document: UUID


class DocumentUpdate(Data, frozen=True):
    """Edits a document that this connection has joined.

    `update`, a Yjs update v1 in base64, where the strategy is `merge`; else `changes`, of which later ones of the same
    key win. Where it is `reject`, `base` is the room's number that the author had seen.
    """

    document: UUID
    update: str | None = None  # of any length, as the frame is bounded: what is too long is doc.update_rejected
    changes: Annotated[list[Change], msgspec.Meta(min_length=1, max_length=MAX_CHANGES)] | None = None
    base: Position | None = None


class DocumentEdit(Data, frozen=True):
    """Edits a document over REST: by `update` or `changes`, as `collaboration:document:update` does, or by `content`.

    That is all of a text, or all values by key, as it should be. A text is edited as it was at the room's number
    `base`, where the author read it, and then merged with what others wrote since; without `base`, as it is.
    """

    update: str | None = None
    changes: Annotated[list[Change], msgspec.Meta(min_length=1, max_length=MAX_CHANGES)] | None = None
    content: str | dict[str, Any] | None = None
    base: Position | None = None


class DocumentSync(Data, frozen=True):
    """Asks for a document, or for what of it `state_vector`, in base64, says is missing."""

    document: UUID
    state_vector: Base64 | None = None


class DocumentAttribution(Data, frozen=True):
    """Asks who wrote what in a document."""

    document: UUID


class DocumentInfo(msgspec.Struct, frozen=True):
    """A document as those who may read it see it; `session` is null where it belongs to the whole project."""

    id: str
    project: str
    session: str | None
    title: str
    strategy: str
    created_by: str | None
    created_at: str


class DocumentChanged(msgspec.Struct, frozen=True):
    """`collaboration:document:created` and `:renamed`, in the document's room and in its session's or project's."""

    document: DocumentInfo


class DocumentDeleted(msgspec.Struct, frozen=True):
    """`collaboration:document:deleted`, in the document's room, which nobody is in afterwards, and its list's."""

    document: str


class DocumentUpdated(msgspec.Struct, frozen=True, omit_defaults=True):
    """`collaboration:document:updated`: an edit as it was accepted, by `update` or by `changes`."""

    document: str
    update: str | None = None
    changes: list[Change] | None = None


class FieldValue(msgspec.Struct, frozen=True):
    """A key's value, and the number of the event that wrote it."""

    value: Any
    seq: int


class DocumentState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The snapshot of a document's room: all of a text as one update and its state vector, or the values by key.

    A `large` document is too much for a frame: its content is read over REST.
    """

    document: DocumentInfo
    seq: int
    update: str | None = None
    state_vector: str | None = None
    fields: dict[str, FieldValue] | None = None
    large: bool = False


class DocumentSynced(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answers a sync: what was missing and the server's state vector, or the values by key; as of `seq`.

    What is `large` is too much for a frame: it is read over REST.
    """

    document: str
    seq: int
    update: str | None = None
    state_vector: str | None = None
    fields: dict[str, FieldValue] | None = None
    large: bool = False


class DocumentAnswer(msgspec.Struct, frozen=True):
    """Answers a command about a document: the document as it is now, or was when it was deleted."""

    id: str
    document: DocumentInfo


class DocumentTaken(msgspec.Struct, frozen=True):
    """Answers an edit that was accepted; the ack's `seq` is its event's, and missing where it brought nothing new."""

    document: str


class DocumentContent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is in a document; `content_hash` is the SHA-256 of the UTF-8 text, or of the values' JSON by sorted keys.

    `update` holds all of a text for Yjs, where that was asked for.
    """

    strategy: str
    seq: int
    content_hash: str
    content: str | None = None
    fields: dict[str, FieldValue] | None = None
    update: str | None = None
    state_vector: str | None = None


class Person(msgspec.Struct, frozen=True):
    """A user by id and name."""

    user: str
    name: str


class Writer(msgspec.Struct, frozen=True):
    """Who wrote something; without a `user` where that is not known any more. An agent names whom it `acts_for`."""

    user: str | None
    name: str
    kind: str
    acts_for: Person | None


class WrittenRange(Writer, frozen=True):
    """What of a text somebody wrote: from `start` to `end` (exclusive), in UTF-16 units as JavaScript counts them."""

    start: int
    end: int


class WrittenField(Writer, frozen=True):
    """Who wrote a key's value, and the number of the event."""

    seq: int


class DocumentAttributed(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answers who wrote what: all ranges of a text, in order, or the writers of values by key; as of `seq`.

    What is `large` is too much for a frame: it is read over REST.
    """

    document: str
    seq: int
    content_hash: str
    ranges: list[WrittenRange] | None = None
    fields: dict[str, WrittenField] | None = None
    large: bool = False


class DocumentEdited(msgspec.Struct, frozen=True):
    """What is in a document after an edit over REST; with what others wrote meanwhile."""

    document: str
    seq: int
    content_hash: str


EVENTS: dict[str, type[msgspec.Struct]] = {
    "collaboration:document:created": DocumentChanged,
    "collaboration:document:renamed": DocumentChanged,
    "collaboration:document:deleted": DocumentDeleted,
    "collaboration:document:updated": DocumentUpdated,
}
