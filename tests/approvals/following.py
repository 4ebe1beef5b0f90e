"""Somebody who makes a list of requests and of what is unread out of frames alone, and falls off now and then."""

from __future__ import annotations

from typing import Any

from benchmarks.world import Person
from tests.gateway.plain import Plain
from tests.live import Live

READ, SUBSCRIBE = "notification:read", "notification:subscribe"


class Follower:
    """A person in the project's room and the own one, connection after connection; events are folded as they came."""

    def __init__(self, live: Live, person: Person, server: int) -> None:
        self.live = live
        self.person = person
        self.project, self.own = f"project:{live.project}", f"user:{person.id}"
        self.approvals: dict[str, dict[str, Any]] = {}
        self.unread: set[str] = set()
        self.count = 0
        self.plain = Plain(live, person, server=server)
        self._sent: dict[str, dict[str, Any]] = {}
        self._folded = 0

    async def begin(self) -> None:
        """Enters the rooms, with nothing unread."""
        await self.plain.__aenter__()
        await self.plain.join(self.project)
        await self.plain.ask(SUBSCRIBE, {})
        await self.plain.ask(READ, {"all": True})

    async def again(self, server: int) -> None:
        """Falls off without a word, comes back to some server, and goes on where it was."""
        self.plain.drop()
        await self.plain._reader
        self.fold()
        since = {room: self.plain.position(room) for room in (self.project, self.own)}
        self.plain, self._folded = Plain(self.live, self.person, server=server), 0
        await self.plain.__aenter__()
        joined = await self.plain.join(self.project, since[self.project])
        epoch, seq = since[self.own]
        told = await self.plain.ask(SUBSCRIBE, {"since": {"epoch": epoch, "seq": seq}})
        assert (joined["recovered"], told["data"]["recovered"]) == ("full", "full")

    async def does(self, type: str, data: dict[str, Any]) -> dict[str, Any]:
        """Sends a command, and returns its answer."""
        id = f"{self.plain.instance[:8]}-{len(self._sent)}"
        self._sent[id] = data
        first, again = [await self.plain.ask(type, data, id) for _ in range(2)]
        assert first == again or first["type"] == "error"
        return first

    def fold(self) -> None:
        """Takes in what came since the last time."""
        frames = self.plain.frames[self._folded :]
        self._folded += len(frames)
        for frame in frames:
            if frame.get("room") == self.project and frame["type"].startswith(("approval:", "ack")):
                if (approval := frame["data"].get("approval")) and self._is_news(frame):
                    self.approvals[approval["id"]] = approval
            elif frame.get("room") == self.own and frame["type"] == "ack" and "read" in frame["data"]:
                if self._is_news(frame):
                    self._mark(self._sent.get(frame["id"], {"all": True}), frame["data"])
            elif frame.get("room") == self.own and frame["type"].startswith("notification:"):
                self._hear(frame)

    def _is_news(self, frame: dict[str, Any]) -> bool:
        """Whether it is no answer to a resend."""
        return frame["type"] != "ack" or self.plain.answers(frame["id"])[0] is frame

    def _hear(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "notification:created":
            self.unread.add(frame["data"]["notification"]["id"])
            self.count = frame["data"]["unread"]
        elif frame["type"] == "notification:read":
            self._mark(frame["data"], frame["data"])

    def _mark(self, which: dict[str, Any], told: dict[str, Any]) -> None:
        self.unread = set() if which.get("all") else self.unread - set(which.get("ids") or ())
        self.count = told["unread"]
