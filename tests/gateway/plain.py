"""A client that keeps every frame as it came, hides nothing and repairs nothing, and checks the order of a room."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from contextlib import suppress
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.world import Person
from tests.live import Live
from tests.servers import MS, eventually
from tests.sockets import documented

SEND = "collaboration:message:send"
PATIENCE = 20_000 * MS


class Plain:
    """One connection of one person; `frames` is what came, batches opened, pings left out."""

    def __init__(self, live: Live, person: Person, *, server: int = 0, instance: str = "", batch: bool = True) -> None:
        self.url = f"{live.deployment.servers[server].ws_url}/ws/"
        self.person = person
        self.instance = instance or str(uuid.uuid4())
        self.capabilities = ["batch"] if batch else []
        self.frames: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self._ids = (f"{self.instance[:8]}-{uuid.uuid4().hex[:8]}-{number}" for number in itertools.count(1))
        self._asked: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, list[dict[str, Any]]] = {}
        self._positions: dict[str, tuple[str, int]] = {}
        self._outside: set[str] = set()
        self._disorder: list[str] = []

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self.person.token}"}
        self.socket: ClientConnection = await connect(
            self.url, additional_headers=headers, proxy=None, compression=None, max_size=2**24
        )
        self._reader = asyncio.create_task(self._read())
        client = {"instance": self.instance}
        answer = await self.ask("hello", {"client": client, "capabilities": self.capabilities})
        assert answer["type"] == "ack", answer
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()
        await self._reader

    def drop(self) -> None:
        """Breaks the connection without a word."""
        self.socket.transport.abort()

    async def send(self, type: str, data: Any = None, id: str | None = None) -> str:
        """Sends a command and returns its id; its answer will be among the frames."""
        id = id or next(self._ids)
        self._asked[id] = {"type": type, "data": data or {}}
        await self.socket.send(json.dumps({"type": type, "id": id, "data": data or {}}))
        return id

    async def tell(self, type: str, data: Any = None) -> None:
        """Sends a command that expects no answer."""
        await self.socket.send(json.dumps({"type": type, "data": data or {}}))

    async def ask(self, type: str, data: Any = None, id: str | None = None) -> dict[str, Any]:
        """Sends a command and returns its answer, an ack or an error."""
        earlier = len(self.answers(id)) if id else 0
        asked = await self.send(type, data, id)
        await eventually(lambda: len(self.answers(asked)) > earlier or self.closed, timeout=PATIENCE, what=type)
        assert len(self.answers(asked)) > earlier, self.closed
        return self.answers(asked)[earlier]

    async def join(self, room: str, since: tuple[str, int] | None = None) -> dict[str, Any]:
        """Joins a room and returns the answer's data."""
        position = {"since": {"epoch": since[0], "seq": since[1]}} if since else {}
        answer = await self.ask("room:join", {"room": room, **position})
        assert answer["type"] == "ack", answer
        return dict(answer["data"])

    async def say(self, session: str, body: Any, id: str | None = None) -> dict[str, Any]:
        return await self.ask(SEND, {"session": session, "body": str(body)}, id)

    def asked(self, id: str) -> str:
        """The type of the command that was sent under an id."""
        return str(self._asked[id]["type"])

    def answers(self, id: str) -> list[dict[str, Any]]:
        return self._answers.get(id, [])

    async def sees(self, room: str, seq: int) -> None:
        """Waits until the room is known up to that number, and checks that nothing came twice or out of order."""
        await eventually(lambda: self.position(room)[1] >= seq or self.closed, timeout=PATIENCE, what=f"{room} #{seq}")
        assert self.position(room)[1] == seq

    def position(self, room: str) -> tuple[str, int]:
        """How far the room is known since its last join, every number once and in order."""
        assert self._disorder == []
        return self._positions[room]

    async def code(self, type: str, data: Any = None) -> str:
        """Sends a command and returns the code of its refusal, or `ack`."""
        answer = await self.ask(type, data)
        return str(answer["code"] if answer["type"] == "error" else answer["type"])

    async def heard(self, type: str, room: str = "", number: int = 1) -> dict[str, Any]:
        """Waits until as many events of a type have come, from the room or from any, and returns the last of them."""
        await eventually(lambda: len(self.of(type, room)) >= number or self.closed, timeout=PATIENCE, what=type)
        assert len(self.of(type, room)) >= number, (type, self.closed)
        return self.of(type, room)[number - 1]

    def of(self, type: str, room: str = "") -> list[dict[str, Any]]:
        """The events of a type, from the room or from any, in the order they came."""
        return [frame for frame in self.frames if frame["type"] == type and room in ("", frame.get("room"))]

    async def shut(self) -> int:
        """Waits until the server has closed the connection, and returns the code."""
        await eventually(lambda: self.closed, timeout=PATIENCE, what="the server closes")
        assert self.closed is not None
        return self.closed[0]

    def events(self, room: str) -> list[dict[str, Any]]:
        """The numbered events of a room, in the order they came; one's own are acks, and not among them."""
        return [frame for frame in self.frames if frame.get("room") == room and "seq" in frame and "by" in frame]

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                for frame in documented(await self.socket.recv()):
                    if frame["type"] == "ping":
                        await self.socket.send(json.dumps({"type": "pong", "id": frame["id"]}))
                    else:
                        self.frames.append(frame)
                        self._follow(frame)
        self.closed = (self.socket.close_code or 1006, self.socket.close_reason or "")

    def _follow(self, frame: dict[str, Any]) -> None:
        answer = frame["type"] in ("ack", "error", "pong") and frame["id"] is not None
        if answer:
            self._answers.setdefault(frame["id"], []).append(frame)
        if answer and frame["type"] == "ack" and "recovered" in frame["data"]:
            data, since = frame["data"], self._asked[frame["id"]]["data"].get("since")
            seq = since["seq"] if data["recovered"] == "full" else data["seq"]
            self._positions[data["room"]] = (data["epoch"], seq)
            self._outside.discard(data["room"])
        elif answer and frame["type"] == "ack" and self._asked[frame["id"]]["type"] == "room:leave":
            self._outside.add(frame["data"]["room"])
        elif "seq" in frame and not (answer and self._is_outside(frame["room"])):  # a command needs no room joined
            epoch, seq = self._positions[frame["room"]]
            if answer and len(self.answers(frame["id"])) > 1 and frame["seq"] <= seq:
                return  # the answer to a resend
            if (frame["epoch"], frame["seq"]) != (epoch, seq + 1):
                self._disorder.append(f"{(epoch, seq)} is followed by {frame}")
            self._positions[frame["room"]] = (frame["epoch"], frame["seq"])

    def _is_outside(self, room: str) -> bool:
        return room in self._outside or room not in self._positions
