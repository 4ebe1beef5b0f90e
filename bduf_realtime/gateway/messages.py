"""The gateway's own messages. Docstrings are documentation for clients: they are printed in AsyncAPI."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from bduf_realtime.gateway.doors import Since
from bduf_realtime.gateway.handlers import Data
from bduf_realtime.gateway.reading import MAX_ID, MAX_INTEGER

Short = Annotated[str, msgspec.Meta(max_length=120)]
RoomName = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Credential = Annotated[str, msgspec.Meta(min_length=1, max_length=8192)]


class ClientInfo(Data, frozen=True):
    """Who the client program is; `instance` stays the same across its reconnects and scopes command ids."""

    name: Short = ""
    version: Short = ""
    instance: Annotated[str, msgspec.Meta(max_length=MAX_ID)] = ""


class Hello(Data, frozen=True):
    """Says who is calling. Needed as first frame where the handshake carried no token."""

    token: Credential | None = None
    client: ClientInfo | None = None
    capabilities: Annotated[list[Short], msgspec.Meta(max_length=32)] = []
    timezone: Short = ""


class AuthRefresh(Data, frozen=True):
    """Swaps the connection's token for a newer one of the same user."""

    token: Credential


class Ping(Data, frozen=True):
    """Asks for a pong."""


class Pong(Data, frozen=True):
    """Answers the server's ping; its `id` is the ping's."""

    server_time: Any = None


class RoomJoin(Data, frozen=True):
    """Enters a room, or comes back to it from the position `since`."""

    room: RoomName
    since: Annotated[Since, "position"] | None = None


class RoomLeave(Data, frozen=True):
    """Leaves a room."""

    room: RoomName


class RoomHistory(Data, frozen=True):
    """Reads a room's past, newest stretch first."""

    room: RoomName
    before: Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100


class Heartbeat(msgspec.Struct, frozen=True):
    """Seconds between the server's pings, and of silence after which it closes."""

    interval: float
    timeout: float


class UserInfo(msgspec.Struct, frozen=True):
    """A user as others see it."""

    id: str
    name: str
    kind: str


class Connected(msgspec.Struct, frozen=True):
    """Sent once, when the connection is authenticated."""

    protocol: int
    connection: str
    user: UserInfo
    server_time: str
    token_expires_at: str
    heartbeat: Heartbeat
    limits: dict[str, int]
    capabilities: list[str]
    cursor_tick_ms: int


class Welcome(msgspec.Struct, frozen=True):
    """Answers a hello: the capabilities that both sides have."""

    capabilities: list[str]


class TokenTaken(msgspec.Struct, frozen=True):
    """Answers auth:refresh."""

    token_expires_at: str


class RoomJoined(msgspec.Struct, frozen=True, omit_defaults=True):
    """Answers room:join. `state` is as of `seq`, and absent when everything missed follows as events."""

    room: str
    epoch: str
    seq: int
    recovered: str
    members: list[Any]
    role: str
    permissions: list[str]
    state: Any = None


class RoomLeft(msgspec.Struct, frozen=True):
    """Answers room:leave."""

    room: str


class History(msgspec.Struct, frozen=True):
    """Answers room:history: events oldest first, the lowest number still held, and the newest."""

    events: list[msgspec.Raw]
    floor: int
    head: int
    epoch: str


class TokenExpiring(msgspec.Struct, frozen=True):
    """The connection's token is about to expire: `auth:refresh` gives another, and otherwise the socket closes 4401."""

    token_expires_at: str


class Draining(msgspec.Struct, frozen=True):
    """The server is about to stop: everything still works, and soon the socket closes 4503."""


class ServerTime(msgspec.Struct, frozen=True):
    """Answers a ping, with its `id`."""

    server_time: str


class ServerPing(msgspec.Struct, frozen=True):
    """Asks whether the client is there: it sends a pong with the same `id`."""

    type: str
    id: str


# What the server sends that belongs to no room and is no answer of a service: its type, and the shape of its data.
NOTICES: dict[str, type[msgspec.Struct]] = {
    "connected": Connected,
    "pong": ServerTime,
    "auth:expiring": TokenExpiring,
    "server.draining": Draining,
}
_types = {shape: type_ for type_, shape in NOTICES.items()}


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """A frame of the server that belongs to no room."""

    type: str
    data: msgspec.Struct
    id: str | None = None


def notice_frame(data: msgspec.Struct, id_: str | None = None) -> str:
    """Encodes one of the NOTICES, of the type that goes with its shape."""
    return msgspec.json.encode(Frame(_types[type(data)], data, id_)).decode()
