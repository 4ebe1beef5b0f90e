"""The command and the event of cursors. Docstrings are documentation for clients."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec

from bduf_realtime.gateway.handlers import Data


class CursorMove(Data, frozen=True):
    """Moves this connection's cursor; only the latest place is passed on.

    Without `session` it moves in a project's document, which this connection has joined.
    """

    position: dict[str, Any] | None
    session: UUID | None = None
    document: UUID | None = None
    selection: dict[str, Any] | None = None
    status: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class Cursor(msgspec.Struct, frozen=True):
    """One connection's cursor in `collaboration:cursor:moved`; position null means that it is gone."""

    user: str
    name: str
    kind: str
    connection: str
    document: str | None
    position: dict[str, Any] | None
    selection: dict[str, Any] | None
    status: str | None
    at: str


class CursorsMoved(msgspec.Struct, frozen=True):
    """`collaboration:cursor:moved`: where cursors are that moved in the last tick; of each connection the latest."""

    cursors: list[Cursor]


EPHEMERAL: dict[str, type[msgspec.Struct]] = {"collaboration:cursor:moved": CursorsMoved}
