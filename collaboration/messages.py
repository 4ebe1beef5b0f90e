"""The commands and events of sessions and cursors. Docstrings are documentation for clients."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.handlers import Data

Name = Annotated[str, msgspec.Meta(max_length=200)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class Settings(Data, frozen=True):
    """A session's settings and their defaults."""

    max_participants: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    allow_anonymous: bool = False
    require_approval: bool = False
    enable_cursor_sharing: bool = True
    enable_voice_chat: bool = False
    enable_video_chat: bool = False
    auto_save: bool = True
    auto_save_interval: Annotated[int, msgspec.Meta(ge=1_000, le=86_400_000)] = 30_000
    conflict_resolution: Literal["last_write_wins", "merge", "reject"] = "last_write_wins"


class MessageSend(Data, frozen=True):
    """Says something durable to a session."""

    session: UUID
    body: Annotated[str, msgspec.Meta(max_length=conf.message_body_chars)]
    payload: Any = None


class SignalSend(Data, frozen=True):
    """Tells a session, or some of its users, something that need not be kept: typing, WebRTC offers."""

    session: UUID
    name: Label
    payload: Any = None
    to: Annotated[list[Label], msgspec.Meta(max_length=100)] | None = None


class CursorMove(Data, frozen=True):
    """Moves this connection's cursor; only the latest place is passed on."""

    session: UUID
    position: dict[str, Any] | None
    document: UUID | None = None
    selection: dict[str, Any] | None = None
    status: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class MessageSent(msgspec.Struct, frozen=True, omit_defaults=True):
    """`collaboration:message:sent`: somebody said something."""

    session: str
    body: str
    payload: Any = None


class SignalSent(msgspec.Struct, frozen=True, omit_defaults=True):
    """`collaboration:signal:sent`: ephemeral; `to` is set when it was not for everybody."""

    session: str
    name: str
    payload: Any = None
    to: list[str] | None = None


class Signal(msgspec.Struct, frozen=True):
    """The frame of a signal: an event without a number."""

    type: str
    room: str
    at: str
    by: Any
    data: SignalSent


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


class ParticipantInfo(msgspec.Struct, frozen=True):
    """A participant as others see it."""

    user: str
    name: str
    kind: str
    role: str
    permissions: list[str]
    joined_at: str | None


class ParticipantJoined(msgspec.Struct, frozen=True):
    """`collaboration:participant:joined`: with the user's first connection."""

    session: str
    user: str
    participant: ParticipantInfo


class ParticipantUpdated(msgspec.Struct, frozen=True):
    """`collaboration:participant:updated`: has another role."""

    session: str
    user: str
    participant: ParticipantInfo


class ParticipantLeft(msgspec.Struct, frozen=True):
    """`collaboration:participant:left` and `:removed`: after the grace period of the last connection, or at once."""

    session: str
    user: str


class SessionInfo(msgspec.Struct, frozen=True):
    """A session as its members see it."""

    id: str
    project: str
    name: str
    status: str
    settings: Settings
    tags: list[str]
    created_by: str | None
    created_at: str


class SessionCreated(msgspec.Struct, frozen=True):
    """`collaboration:session:created`, in the project's room."""

    session: SessionInfo


class SessionState(msgspec.Struct, frozen=True):
    """The snapshot of a session's room."""

    session: SessionInfo
    participants: list[ParticipantInfo]


class MemberInfo(msgspec.Struct, frozen=True):
    """A project's member as others see it."""

    user: str
    name: str
    kind: str
    role: str


class MemberChanged(msgspec.Struct, frozen=True):
    """`project:member:added`, `:updated` and `:removed`, in the project's room; `role` is null when removed."""

    project: str
    user: str
    name: str
    kind: str
    role: str | None


class ProjectState(msgspec.Struct, frozen=True):
    """The snapshot of a project's room."""

    id: str
    name: str
    sessions: list[SessionInfo]
    members: list[MemberInfo]


EVENTS: dict[str, type[msgspec.Struct]] = {
    "collaboration:message:sent": MessageSent,
    "collaboration:signal:sent": SignalSent,
    "collaboration:participant:joined": ParticipantJoined,
    "collaboration:participant:updated": ParticipantUpdated,
    "collaboration:participant:left": ParticipantLeft,
    "collaboration:participant:removed": ParticipantLeft,
    "collaboration:session:created": SessionCreated,
    "project:member:added": MemberChanged,
    "project:member:updated": MemberChanged,
    "project:member:removed": MemberChanged,
}
