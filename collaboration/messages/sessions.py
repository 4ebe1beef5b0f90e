"""The commands and events of sessions. Docstrings are documentation for clients."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.handlers import Data
from bduf_realtime.gateway.messages import UserInfo
from collaboration.messages.documents import DocumentInfo, Strategy
from collaboration.text import MAX_NAME, MAX_TAG, MAX_TAGS

Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
Tags = Annotated[
    list[Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TAG)]], msgspec.Meta(max_length=MAX_TAGS)
]
Role = Literal["owner", "moderator", "participant", "observer"]
Reason = Annotated[str, msgspec.Meta(max_length=500)]
Seats = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Interval = Annotated[int, msgspec.Meta(ge=1_000, le=86_400_000)]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class Settings(Data, frozen=True):
    """A session's settings and their defaults."""

    max_participants: Seats = 50
    allow_anonymous: bool = False
    require_approval: bool = False
    enable_cursor_sharing: bool = True
    enable_voice_chat: bool = False
    enable_video_chat: bool = False
    auto_save: bool = True
    auto_save_interval: Interval = 30_000
    conflict_resolution: Strategy = "last_write_wins"


class SettingsChange(Data, frozen=True):
    """Those of a session's settings that are to change."""

    max_participants: Seats | msgspec.UnsetType = msgspec.UNSET
    allow_anonymous: bool | msgspec.UnsetType = msgspec.UNSET
    require_approval: bool | msgspec.UnsetType = msgspec.UNSET
    enable_cursor_sharing: bool | msgspec.UnsetType = msgspec.UNSET
    enable_voice_chat: bool | msgspec.UnsetType = msgspec.UNSET
    enable_video_chat: bool | msgspec.UnsetType = msgspec.UNSET
    auto_save: bool | msgspec.UnsetType = msgspec.UNSET
    auto_save_interval: Interval | msgspec.UnsetType = msgspec.UNSET
    conflict_resolution: Strategy | msgspec.UnsetType = msgspec.UNSET


class SessionCreate(Data, frozen=True):
    """Opens a session in a project; settings that are not named have their defaults."""

    project: UUID
    name: Name = ""
    settings: SettingsChange = SettingsChange()
    tags: Tags = []


class SessionUpdate(Data, frozen=True):
    """Changes a session's name, tags, or those settings that are named."""

    session: UUID
    name: Name | None = None
    settings: SettingsChange = SettingsChange()
    tags: Tags | None = None


class SessionPause(Data, frozen=True):
    """Makes a session read-only until it is resumed."""

    session: UUID
    reason: Reason = ""


class SessionResume(Data, frozen=True):
    """Makes a paused session writable again."""

    session: UUID
    reason: Reason = ""


class SessionEnd(Data, frozen=True):
    """Ends a session for good."""

    session: UUID
    reason: Reason = ""


class ParticipantAdmit(Data, frozen=True):
    """Lets somebody in who waits, or who was turned away or removed."""

    session: UUID
    user: UUID


class ParticipantDeny(Data, frozen=True):
    """Turns somebody away who waits to be let in."""

    session: UUID
    user: UUID
    reason: Reason = ""


class ParticipantRemove(Data, frozen=True):
    """Shows somebody out, who may not come back until admitted again."""

    session: UUID
    user: UUID
    reason: Reason = ""


class ParticipantRole(Data, frozen=True):
    """Gives somebody another role in a session."""

    session: UUID
    user: UUID
    role: Role


class ProjectBroadcast(Data, frozen=True):
    """Says something durable to all of a project's members; for moderators and owners."""

    project: UUID
    name: Label
    payload: Any = None


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


class ParticipantInfo(msgspec.Struct, frozen=True):
    """A participant as others see it; `admission` is open, waiting, admitted, denied or removed."""

    user: str
    name: str
    kind: str
    role: str
    permissions: list[str]
    joined_at: str | None
    admission: str
    guest: bool


class ParticipantJoined(msgspec.Struct, frozen=True):
    """`collaboration:participant:joined`, with the user's first connection; `:requested`, who waits to be let in."""

    session: str
    user: str
    participant: ParticipantInfo


class ParticipantUpdated(msgspec.Struct, frozen=True):
    """`collaboration:participant:updated`: has another role, or was let in; the latter in the user's room too."""

    session: str
    user: str
    participant: ParticipantInfo


class ParticipantLeft(msgspec.Struct, frozen=True):
    """`collaboration:participant:left`: the grace period of the user's last connection is over."""

    session: str
    user: str


class ParticipantRemoved(msgspec.Struct, frozen=True):
    """`collaboration:participant:removed`: in or at the door no more; `reason` is removed, denied, expired,
    left_project or deleted. Whoever waited is told in the user's room too."""

    session: str
    user: str
    reason: str


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
    ended_at: str | None


class SessionCreated(msgspec.Struct, frozen=True):
    """`collaboration:session:created`, in the project's room."""

    session: SessionInfo


class SessionChanged(msgspec.Struct, frozen=True):
    """`collaboration:session:updated`, `:paused`, `:resumed` and `:ended`, in the session's and the project's room."""

    session: SessionInfo


class SessionAnswer(msgspec.Struct, frozen=True):
    """Answers a command about a session: the session as it is now."""

    id: str
    session: SessionInfo


class ParticipantAnswer(msgspec.Struct, frozen=True):
    """Answers a command about a participant: the participant as it is now."""

    session: str
    user: str
    participant: ParticipantInfo


class BroadcastSent(msgspec.Struct, frozen=True, omit_defaults=True):
    """`project:broadcast`: somebody said something to all members, in the project's room."""

    project: str
    name: str
    payload: Any = None


class SessionState(msgspec.Struct, frozen=True):
    """The snapshot of a session's room: who is in, who waits to be let in, and the documents, the oldest first."""

    session: SessionInfo
    participants: list[ParticipantInfo]
    waiting: list[ParticipantInfo]
    documents: list[DocumentInfo]


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


class ProjectUpdated(msgspec.Struct, frozen=True):
    """`project:updated`: the project has another name."""

    project: str
    name: str


class MemberAnswer(msgspec.Struct, frozen=True):
    """Answers the adding of a member."""

    user: str
    role: str


class ParticipantDetail(ParticipantInfo, frozen=True):
    """A participant as the list shows it: `state` is that of the liveliest of the user's connections here.

    `connecting` waits to be let in, `reconnecting` has lost its last connection and is awaited, `disconnected` is
    gone. `active` has done something lately. `cursor` and `selection` are known where the answering instance has
    members of the session.
    """

    state: str
    active: bool
    connections: int
    last_activity: str
    cursor: dict[str, Any] | None
    selection: dict[str, Any] | None


class EventPage(msgspec.Struct, frozen=True):
    """A stretch of a log: events oldest first, the lowest number still held, the newest, and the log's life."""

    events: list[dict[str, Any]]
    floor: int
    head: int
    epoch: str


class InvitationAccepted(msgspec.Struct, frozen=True):
    """Answers an accepted invitation; a guest gets the one token there is for it."""

    session: str
    role: str
    user: UserInfo
    access: str | None
    expires_at: str | None


class ProjectState(msgspec.Struct, frozen=True):
    """The snapshot of a project's room; `documents` are those that belong to no session."""

    id: str
    name: str
    sessions: list[SessionInfo]
    members: list[MemberInfo]
    documents: list[DocumentInfo]


# Without a number: not kept.
EPHEMERAL: dict[str, type[msgspec.Struct]] = {"collaboration:signal:sent": SignalSent}

EVENTS: dict[str, type[msgspec.Struct]] = {
    "collaboration:message:sent": MessageSent,
    "collaboration:participant:joined": ParticipantJoined,
    "collaboration:participant:updated": ParticipantUpdated,
    "collaboration:participant:left": ParticipantLeft,
    "collaboration:participant:removed": ParticipantRemoved,
    "collaboration:participant:requested": ParticipantJoined,
    "collaboration:session:created": SessionCreated,
    "collaboration:session:updated": SessionChanged,
    "collaboration:session:paused": SessionChanged,
    "collaboration:session:resumed": SessionChanged,
    "collaboration:session:ended": SessionChanged,
    "project:broadcast": BroadcastSent,
    "project:updated": ProjectUpdated,
    "project:member:added": MemberChanged,
    "project:member:updated": MemberChanged,
    "project:member:removed": MemberChanged,
}
