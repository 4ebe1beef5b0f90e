"""Sockets of this process: the application itself, without a server around it."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.tokens import PreciseAccessToken
from bduf_realtime.gateway.asyncapi import document
from bduf_realtime.routing import websocket_urlpatterns
from tests.servers import MS

PATIENCE = 10_000 * MS
APPLICATION = URLRouter(websocket_urlpatterns)

Message = dict[str, Any]
_contract = document()
SENT = {
    _contract["components"]["messages"][message["$ref"].rpartition("/")[2]]["name"]
    for message in _contract["operations"]["event"]["messages"]
}


def documented(text: str | bytes) -> list[Message]:
    """The frames in a text of the server's, a batch opened, each of a type that the socket contract knows."""
    read = json.loads(text)
    frames: list[Message] = read if isinstance(read, list) else [read]
    assert {frame["type"] for frame in frames} <= SENT, frames
    return frames


class Peer:
    """The client's end of one socket."""

    def __init__(self, token: str = "", *, path: str = "/ws/", **headers: str) -> None:
        named = {"host": "localhost", **({"authorization": f"Bearer {token}"} if token else {}), **headers}
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()]
        self.communicator = WebsocketCommunicator(APPLICATION, path, raw)
        self.communicator.scope["client"] = ("127.0.0.1", 1)
        self._unread: deque[Message] = deque()
        self._ids = 0

    async def open(self) -> bool:
        """Makes the handshake; tells whether it was accepted."""
        accepted, _ = await self.communicator.connect(timeout=PATIENCE)
        return accepted

    async def send(self, type: str, data: Any = None, id: str | None = None) -> None:
        frame = {"type": type, "data": data or {}} | ({"id": id} if id is not None else {})
        await self.text(json.dumps(frame))

    async def text(self, text: str) -> None:
        await self.communicator.send_to(text_data=text)

    async def receive(self) -> Message:
        """The next message, whichever it is."""
        while not self._unread:
            self._unread.extend(documented(await self.communicator.receive_from(timeout=PATIENCE)))
        return self._unread.popleft()

    async def expect(self, type: str) -> Message:
        """The next message of a type; earlier ones of other types are dropped."""
        while (message := await self.receive())["type"] != type:
            pass
        return message

    async def ask(self, type: str, data: Any = None, id: str | None = None) -> Message:
        """Sends a command and returns its one answer, whether ack, pong or error."""
        self._ids += 1
        name = f"ask-{self._ids}" if id is None else id
        await self.send(type, data, name)
        while (answer := await self.receive()).get("id") != name:
            pass
        return answer

    async def closed(self) -> tuple[int, str]:
        """Waits for the close frame; returns its code and reason."""
        while True:
            event = await self.communicator.receive_output(timeout=PATIENCE)
            if event["type"] == "websocket.close":
                return event.get("code", 1000), event.get("reason") or ""
            self._unread.extend(documented(event["text"]))

    async def leave(self, code: int = 1000) -> None:
        """Closes from this end, and returns once the server is done with the socket."""
        await self.communicator.disconnect(code=code, timeout=PATIENCE)


def token_of(user: User) -> str:
    return str(PreciseAccessToken.for_user(user))


async def connected(user: User) -> Peer:
    """A socket of this user, past the greeting."""
    peer = Peer(token_of(user))
    assert await peer.open()
    assert (await peer.receive())["type"] == "connected"
    return peer


async def code_of(peer: Peer, type: str, data: Any = None) -> str:
    """The code of a command's refusal, or the type of its answer."""
    answer = await peer.ask(type, data)
    return answer["code"] if answer["type"] == "error" else answer["type"]


async def alive(peer: Peer) -> None:
    """Makes sure that the connection still answers."""
    assert (await peer.ask("ping"))["type"] == "pong"
