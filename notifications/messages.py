"""What goes over the wire: commands, events, answers. Docstrings are documentation for clients."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from bduf_realtime.gateway.doors import Since
from bduf_realtime.gateway.handlers import Data, Nothing
from notifications.topics import PATTERN, SCOPE

MAX_IDS = 500
MAX_TOPICS = 50
MAX_TOPIC = 100
MAX_MAIL_AFTER = 7 * 86_400

Topic = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TOPIC)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Channel = Literal["in_app", "email"]
Channels = Annotated[list[Channel], msgspec.Meta(max_length=2)]
KindPattern = Annotated[str, msgspec.Meta(max_length=MAX_TOPIC, pattern=PATTERN)]
Scope = Annotated[str, msgspec.Meta(max_length=MAX_TOPIC, pattern=SCOPE)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_MAIL_AFTER)]


class NotificationSubscribe(Data, frozen=True):
    """Enters your own room, and asks for the notifications that you have not read.

    `topics` are kinds (`approval.requested`), beginnings of kinds (`approval.*`), `*`, and projects and sessions that
    you see (`project:<id>`); you are told of what any of them is about, without them of everything. Of the others
    `notification:skipped` has the number, so that your position stays exact. Subscribing again replaces the topics.
    With a position `since` missed events follow the ack in order; with a time, what was told after it is listed
    instead of what is unread.
    """

    topics: Annotated[list[Topic], msgspec.Meta(max_length=MAX_TOPICS)] = []
    since: Since | Moment | None = None


class NotificationUnsubscribe(Nothing, frozen=True):
    """Leaves your own room."""


class NotificationsMark(Data, frozen=True):
    """Notes that you have read some notifications, by their `ids`, or `all` there are. One of the two."""

    ids: Annotated[list[UUID], msgspec.Meta(max_length=MAX_IDS)] | None = None
    all: bool = False


class MuteWish(Data, frozen=True):
    """A project or session (`project:<id>`) of which you do not want to hear, until then or until you unmute it."""

    scope: Scope
    until: Moment | None = None


class NotificationPreferences(Data, frozen=True):
    """Changes what you are told of, and how; without any field it only asks for it.

    `kinds` gives the channels of a kind or of a pattern of kinds, of which the longest that matches counts; null takes
    back what you said of it. `mail_after` is how many seconds you have to read a notification before it is mailed,
    null as long as this server gives everybody.
    """

    kinds: Annotated[dict[KindPattern, Channels | None], msgspec.Meta(max_length=100)] = {}
    mail_after: Seconds | msgspec.UnsetType | None = msgspec.UNSET
    mute: Annotated[list[MuteWish], msgspec.Meta(max_length=100)] = []
    unmute: Annotated[list[Scope], msgspec.Meta(max_length=100)] = []


class Causer(msgspec.Struct, frozen=True):
    """Who caused a notification."""

    user: str
    name: str


class NotificationInfo(msgspec.Struct, frozen=True):
    """A notification. `link` is a path of the workspace; `sent` is how often it was put before you.

    With `must_act` it is told again from time to time until `settled_at`: then there is nothing to act on any more.
    """

    id: str
    kind: str
    title: str
    body: str
    link: str
    project: str | None
    session: str | None
    data: dict[str, Any]
    by: Causer | None
    must_act: bool
    created_at: str
    read_at: str | None
    settled_at: str | None
    sent: int


class NotificationsSeen(msgspec.Struct, frozen=True):
    """Notifications newest first, whether there are more, and how many you have not read of whatever topic."""

    unread: int
    notifications: list[NotificationInfo]
    more: bool


class NotificationsSubscribed(msgspec.Struct, frozen=True):
    """Answers notification:subscribe: where the room stands, and what there is to read as of `seq`."""

    room: str
    epoch: str
    seq: int
    recovered: str
    unread: int
    notifications: list[NotificationInfo]
    more: bool
    topics: list[str]


class NotificationsMarked(msgspec.Struct, frozen=True):
    """Answers notification:read: how many are read now that were not, and how many are left."""

    read: int
    unread: int


class NotificationsUnread(msgspec.Struct, frozen=True):
    """How many notifications you have not read."""

    unread: int


class KindPreference(msgspec.Struct, frozen=True):
    """A kind of notification, the channels in which you get it, and those in which one gets it who says nothing.

    What one `must_act` on is always shown.
    """

    kind: str
    title: str
    channels: list[str]
    default: list[str]
    must_act: bool


class MuteInfo(msgspec.Struct, frozen=True):
    """A project or session of which you do not hear."""

    scope: str
    until: str | None


class PreferencesInfo(msgspec.Struct, frozen=True):
    """What you are told of, and how; `patterns` is what you said of it yourself."""

    kinds: list[KindPreference]
    patterns: dict[str, list[str]]
    mail_after: float
    mutes: list[MuteInfo]


class NotificationCreated(msgspec.Struct, frozen=True):
    """You are told something, for the first time or again; `unread` is how many you have not read."""

    notification: NotificationInfo
    unread: int


class NotificationRead(msgspec.Struct, frozen=True):
    """You have read some, on whatever device, or all there were; `unread` is how many are left."""

    ids: list[str]
    all: bool
    unread: int


class NotificationSkipped(msgspec.Struct, frozen=True):
    """The number of a notification that none of the topics of your subscription is about."""


EVENTS: dict[str, type[msgspec.Struct]] = {
    "notification:created": NotificationCreated,
    "notification:read": NotificationRead,
    "notification:skipped": NotificationSkipped,
}
