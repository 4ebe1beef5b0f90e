"""A snapshot and the events after it make the later snapshot, for every kind of event there is."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any

import pytest

from collaboration.messages import EVENTS
from tests.gateway.plain import PATIENCE, SEND, Plain
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live

State = dict[str, Any]
EPHEMERAL = {"collaboration:signal:sent"}


def without(rows: list[State], user: str) -> list[State]:
    return [row for row in rows if row["user"] != user]


def applied(state: State, event: dict[str, Any]) -> State:
    """What a client that has the state makes of an event."""
    data = event["data"]
    match event["type"]:
        case "collaboration:message:sent":
            pass
        case "project:broadcast":
            pass
        case "project:updated":
            state["name"] = data["name"]
        case "collaboration:participant:requested":
            state["waiting"] = [*without(state["waiting"], data["user"]), data["participant"]]
        case "collaboration:participant:joined":
            state["participants"] = [*without(state["participants"], data["user"]), data["participant"]]
        case "collaboration:participant:updated":
            state["participants"] = [
                data["participant"] if row["user"] == data["user"] else row for row in state["participants"]
            ]
        case "collaboration:participant:left" | "collaboration:participant:removed":
            state["participants"] = without(state["participants"], data["user"])
        case "collaboration:session:created":
            state["sessions"].append(data["session"])
        case "project:member:added" | "project:member:updated":
            member = {field: data[field] for field in ("user", "name", "kind", "role")}
            known = [row["user"] for row in state["members"]]
            if data["user"] in known:
                state["members"][known.index(data["user"])] = member
            else:
                state["members"].append(member)
        case "project:member:removed":
            state["members"] = without(state["members"], data["user"])
        case other:
            raise AssertionError(f"nobody has said here what {other} does to a snapshot")
    return state


class Watched:
    """A room with somebody who follows it by events alone, and somebody who takes fresh snapshots."""

    def __init__(self, room: str, follower: Plain, other: Plain) -> None:
        self.room = room
        self._follower = follower
        self._other = other
        self.kinds: set[str] = set()

    async def begin(self) -> None:
        await self._other.join(self.room)
        self._state = (await self._follower.join(self.room))["state"]

    async def after(self, action: Callable[[], Any], expected: str) -> None:
        """Acts, waits for the event, and compares what it makes of the state with a fresh snapshot."""
        seen = len(self._follower.events(self.room))
        done = action()
        if isinstance(done, Awaitable):
            await done
        await eventually(lambda: self._came(seen, expected), timeout=PATIENCE, what=expected)
        fresh = await self._other.join(self.room)
        await eventually(lambda: self._follower.position(self.room)[1] >= fresh["seq"], timeout=PATIENCE)
        for event in self._follower.events(self.room)[seen:]:
            if event["seq"] <= fresh["seq"]:
                self.kinds.add(event["type"])
                self._state = applied(deepcopy(self._state), event)
        assert self._state == fresh["state"]

    def _came(self, seen: int, expected: str) -> bool:
        return any(event["type"] == expected for event in self._follower.events(self.room)[seen:])


@asynccontextmanager
async def watched(live: Live, room: str) -> AsyncIterator[Watched]:
    async with Plain(live, live.person()) as follower, Plain(live, live.person()) as other:
        watched = Watched(room, follower, other)
        await watched.begin()
        yield watched


async def test_the_state_of_a_session_follows_from_its_events(hurried: Live) -> None:
    session, person = hurried.session(), hurried.person()
    async with watched(hurried, f"session:{session}") as room, Plain(hurried, person) as coming:
        await room.after(lambda: coming.join(room.room), "collaboration:participant:joined")
        await room.after(lambda: coming.say(session, "hi"), "collaboration:message:sent")
        await room.after(lambda: hurried.role(person, "observer"), "collaboration:participant:updated")
        await room.after(lambda: hurried.role(person, "participant"), "collaboration:participant:updated")
        await room.after(coming.drop, "collaboration:participant:left")
        async with Plain(hurried, person) as back:
            await room.after(lambda: back.join(room.room), "collaboration:participant:joined")
            await room.after(lambda: dismiss(hurried, person.id), "collaboration:participant:removed")
        hurried.role(person, "participant")
    assert room.kinds == {kind for kind in EVENTS if kind.split(":")[1] in ("message", "participant")}


async def test_the_state_of_a_project_follows_from_its_events(hurried: Live) -> None:
    person = hurried.person()
    async with watched(hurried, f"project:{hurried.project}") as room:
        await room.after(lambda: hurried.role(person, "moderator"), "project:member:updated")
        await room.after(lambda: dismiss(hurried, person.id), "project:member:removed")
        await room.after(lambda: hurried.role(person, "participant"), "project:member:added")
        await room.after(hurried.session, "collaboration:session:created")
    of_projects = {kind for kind in EVENTS if kind.startswith("project:")}
    assert room.kinds == of_projects | {"collaboration:session:created"}


def dismiss(live: Live, user: str) -> None:
    assert live.rest("DELETE", f"projects/{live.project}/members/{user}/", live.owner)[0] == 204


async def test_what_is_ephemeral_has_no_number_and_is_not_logged(hurried: Live) -> None:
    session = hurried.session()
    room = f"session:{session}"
    async with Plain(hurried, hurried.person()) as sender, Plain(hurried, hurried.person()) as client:
        await sender.join(room)
        joined = await client.join(room)
        signal = {"session": session, "name": "typing", "payload": str(uuid.uuid4())}
        await sender.ask("collaboration:signal:send", signal)
        await eventually(lambda: any(frame["type"] in EPHEMERAL for frame in client.frames), timeout=PATIENCE)
        [frame] = [frame for frame in client.frames if frame["type"] in EPHEMERAL]
        assert "seq" not in frame
        assert frame["data"]["payload"] == signal["payload"]
        await sender.ask(SEND, {"session": session, "body": "next"})
        await client.sees(room, joined["seq"] + 1)
    assert EVENTS.keys() >= EPHEMERAL
