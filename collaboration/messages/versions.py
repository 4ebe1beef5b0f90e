"""The commands, events and answers about versions. Docstrings are documentation for clients."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import msgspec

from bduf_realtime.gateway.handlers import Data
from collaboration.messages.documents import DocumentInfo, Title


class VersionCreate(Data, frozen=True):
    """Keeps what is in a document now as a version with a name."""

    document: UUID
    title: Title


class VersionRestore(Data, frozen=True):
    """Makes a document what it was in a version, by edits like everybody's; what is in it now is kept as a version."""

    document: UUID
    version: UUID


class VersionInfo(msgspec.Struct, frozen=True):
    """A version of a document as of its event `seq`; an `automatic` one was made by the clock and has no title.

    `created_by` named it, or edited last before the clock made it; `size` is its content's, in bytes.
    """

    id: str
    seq: int
    title: str
    automatic: bool
    content_hash: str
    size: int
    created_by: str | None
    author: str
    created_at: str


class VersionChanged(msgspec.Struct, frozen=True):
    """`collaboration:document:version:created`, and `:restored`, which the edits that do so follow, if any do."""

    document: str
    version: VersionInfo


class VersionAnswer(msgspec.Struct, frozen=True):
    """Answers a command about a version."""

    id: str
    version: VersionInfo


class VersionContent(VersionInfo, frozen=True):
    """A version with what was in the document: its text, or its values by key."""

    content: str | dict[str, Any]


class DiffSide(msgspec.Struct, frozen=True):
    """One of the two that are compared; `version` is null for what is in the document now."""

    version: str | None
    seq: int
    content_hash: str


class DiffPiece(msgspec.Struct, frozen=True):
    """Text that is in both sides, or in one of them."""

    op: Literal["equal", "delete", "insert"]
    text: str


class DiffHunk(msgspec.Struct, frozen=True):
    """Whole lines that are equal, or that differ in the words that `pieces` tell; with the lines' numbers from 1."""

    before: int
    after: int
    pieces: list[DiffPiece]


class KeyDiff(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key whose value differs; `before` is missing where it is new, and `after` where it is gone."""

    key: str
    before: Any = None
    after: Any = None


class VersionDiff(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is different in the second of two versions: in a text all its `hunks`, else the `keys` that differ."""

    before: DiffSide
    after: DiffSide
    hunks: list[DiffHunk] | None = None
    keys: list[KeyDiff] | None = None


class DocumentExport(msgspec.Struct, frozen=True):
    """A document with what is in it, or was in `version`, and all of its versions."""

    document: DocumentInfo
    seq: int
    content_hash: str
    version: VersionInfo | None
    content: str | dict[str, Any]
    versions: list[VersionInfo]


EVENTS: dict[str, type[msgspec.Struct]] = {
    "collaboration:document:version:created": VersionChanged,
    "collaboration:document:version:restored": VersionChanged,
}
