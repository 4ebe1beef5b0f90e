"""A snapshot and the events after it make the later snapshot, for every kind of event there is."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collaboration.messages import EPHEMERAL, EVENTS
from tests.collaboration.documents.typist import Typist
from tests.collaboration.meeting import PARTICIPANT, Meeting, meeting
from tests.gateway.fold import comparable, followed
from tests.gateway.plain import PATIENCE, SEND, Plain
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live

DOCUMENT = "collaboration:document:"
JOINED, UPDATED, REMOVED = f"{PARTICIPANT}joined", f"{PARTICIPANT}updated", f"{PARTICIPANT}removed"
REQUESTED = f"{PARTICIPANT}requested"
IN_DOCUMENTS = {kind for kind in EVENTS if kind.startswith(DOCUMENT)}
LISTED = {f"{DOCUMENT}created", f"{DOCUMENT}renamed", f"{DOCUMENT}deleted"}
IN_PROJECTS = {kind for kind in EVENTS if kind.startswith(("project:", "collaboration:session:"))} | LISTED
IN_SESSIONS = {k for k in EVENTS if not k.startswith("project:")} - (IN_DOCUMENTS - LISTED)
# An ended session shows nobody a snapshot; that of the project no longer has it.
SEEN_IN_SESSIONS = IN_SESSIONS - {"collaboration:session:created", "collaboration:session:ended"}


class Watched:
    """A room with somebody who follows it by events alone, and somebody who takes fresh snapshots."""

    def __init__(self, room: str, follower: Plain, other: Plain) -> None:
        self.room = room
        self._follower = follower
        self._other = other
        self.kinds: set[str] = set()

    async def begin(self) -> None:
        await self._other.join(self.room)
        await self._follower.join(self.room)

    async def after(self, action: Callable[[], Any], *expected: str) -> None:
        """Acts, waits for the events, and compares what they make of the state with a fresh snapshot."""
        seen = len(self._follower.events(self.room))
        done = action()
        if isinstance(done, Awaitable):
            await done
        await eventually(lambda: self._came(seen, expected), timeout=PATIENCE, what=str(expected))
        while (fresh := await self._other.join(self.room))["seq"] > self._follower.position(self.room)[1]:
            await self._follower.sees(self.room, fresh["seq"])
        while (state := followed(self._follower, self.room))[1] > fresh["seq"]:
            fresh = await self._other.join(self.room)
        self.kinds |= {event["type"] for event in self._follower.events(self.room)[seen:]}
        assert comparable(state[0]) == comparable(fresh["state"])

    def _came(self, seen: int, expected: tuple[str, ...]) -> bool:
        return set(expected) <= {event["type"] for event in self._follower.events(self.room)[seen:]}


@asynccontextmanager
async def watched(live: Live, room: str) -> AsyncIterator[Watched]:
    async with Plain(live, live.person()) as follower, Plain(live, live.person()) as other:
        watched = Watched(room, follower, other)
        await watched.begin()
        yield watched


async def test_the_state_of_a_session_follows_from_its_events(hurried: Live) -> None:
    async with meeting(hurried) as session, watched(hurried, session.room) as room:
        coming = await session.connect()
        person = coming.person
        await room.after(lambda: coming.join(room.room), JOINED)
        await room.after(lambda: coming.say(session.session, "hi"), "collaboration:message:sent")
        await room.after(lambda: hurried.role(person, "observer"), UPDATED)
        await room.after(lambda: hurried.role(person, "participant"), UPDATED)
        await room.after(lambda: session.role(coming, "moderator"), UPDATED)
        await room.after(lambda: session.update(max_participants=20), "collaboration:session:updated")
        await room.after(lambda: session.manage("session:pause"), "collaboration:session:paused")
        await room.after(lambda: session.manage("session:resume"), "collaboration:session:resumed")
        await room.after(coming.drop, "collaboration:participant:left")
        back = await session.connect(person)
        await room.after(lambda: back.join(room.room), JOINED)
        await room.after(lambda: session.manage("participant:remove", user=person.id), REMOVED)
        await room.after(lambda: session.manage("participant:admit", user=person.id), UPDATED)
        again = await session.connect(person)
        await room.after(lambda: again.join(room.room), JOINED)
        await room.after(lambda: dismiss(hurried, person.id), REMOVED)
        hurried.role(person, "participant")
        await before_the_door(hurried, session, room)
        await a_documents_life(session.owner, room, session=session.session)
    assert room.kinds == SEEN_IN_SESSIONS


async def a_documents_life(by: Plain, room: Watched, **place: str) -> None:
    """What those see who have a document in their list."""
    made: list[str] = []

    async def create() -> None:
        ack = await by.ask(f"{DOCUMENT}create", {"title": "Notes", **place})
        made.append(ack["data"]["id"])

    await room.after(create, f"{DOCUMENT}created")
    await room.after(create, f"{DOCUMENT}created")
    named = {"document": made[0]}
    await room.after(lambda: by.ask(f"{DOCUMENT}rename", named | {"title": "Plan"}), f"{DOCUMENT}renamed")
    await room.after(lambda: by.ask(f"{DOCUMENT}delete", named), f"{DOCUMENT}deleted")


@pytest.mark.parametrize("strategy", ["merge", "last_write_wins", "reject"])
async def test_the_state_of_a_document_follows_from_its_events(hurried: Live, strategy: str) -> None:
    content: Any = "Hello" if strategy == "merge" else {"a": 1}
    async with meeting(hurried) as session:
        place = {"session": session.session, "title": "Notes", "strategy": strategy, "content": content}
        document = (await session.manage("document:create", **place))["data"]["id"]
        author, name = session.owner, f"document:{document}"
        await author.join(name)
        ada = Typist(100, (await author.join(name))["state"].get("update", ""))
        async with watched(hurried, name) as room:

            async def write(n: int) -> None:
                base = {"base": author.position(name)[1]} if strategy == "reject" else {}
                changes: dict[str, Any] = {"changes": [{"key": "ab"[n % 2], "value": n}], **base}
                data = {"update": ada.type(f"{n}")} if strategy == "merge" else changes
                assert (await author.ask(f"{DOCUMENT}update", {"document": document, **data}))["type"] == "ack"

            for n in range(3):
                await room.after(lambda n=n: write(n), f"{DOCUMENT}updated")
            title = {"document": document, "title": "Plan"}
            await room.after(lambda: author.ask(f"{DOCUMENT}rename", title), f"{DOCUMENT}renamed")
            await room.after(lambda: write(3), f"{DOCUMENT}updated")
            version: dict[str, str] = {}

            async def keep() -> None:
                kept = await author.ask(f"{DOCUMENT}version:create", title | {"title": "Agreed"})
                version.update(document=document, version=kept["data"]["id"])

            await room.after(keep, f"{DOCUMENT}version:created")
            await room.after(lambda: write(4), f"{DOCUMENT}updated")
            back = (f"{DOCUMENT}version:created", f"{DOCUMENT}version:restored", f"{DOCUMENT}updated")
            await room.after(lambda: author.ask(f"{DOCUMENT}version:restore", version), *back)
        # Nobody sees a snapshot from before it was created, or after it was deleted.
        assert room.kinds == IN_DOCUMENTS - {f"{DOCUMENT}created", f"{DOCUMENT}deleted"}


async def before_the_door(live: Live, session: Meeting, room: Watched) -> None:
    """Everything that may become of somebody who waits to be let in."""
    await room.after(lambda: session.update(require_approval=True), "collaboration:session:updated")
    admitted, denied, expelled, rising, patient, changing = [await session.connect() for _ in range(6)]
    for waiting in (admitted, denied, expelled, rising, patient, changing):
        await room.after(lambda plain=waiting: session.knock(plain), REQUESTED)
    await room.after(lambda: session.role(admitted, "observer"), UPDATED)
    await room.after(lambda: live.role(changing.person, "observer"), UPDATED)
    await room.after(lambda: session.manage("participant:admit", user=admitted.person.id), UPDATED)
    await room.after(lambda: admitted.join(room.room), JOINED)
    await room.after(lambda: session.manage("participant:deny", user=denied.person.id), REMOVED)
    await room.after(lambda: dismiss(live, expelled.person.id), REMOVED)
    await room.after(lambda: session.role(rising, "moderator"), UPDATED)
    await room.after(lambda: rising.join(room.room), JOINED)
    await room.after(
        lambda: session.update(require_approval=False, allow_anonymous=True), "collaboration:session:updated", UPDATED
    )
    await room.after(lambda: patient.join(room.room), JOINED)
    guest = await session.connect(session.guest())
    await room.after(lambda: guest.join(room.room), JOINED)
    await room.after(lambda: session.update(allow_anonymous=False), "collaboration:session:updated", REMOVED)
    for person, role in ((expelled, "participant"), (changing, "participant")):
        live.role(person.person, role)


async def test_the_state_of_a_project_follows_from_its_events(hurried: Live) -> None:
    person = hurried.person()
    async with (
        watched(hurried, f"project:{hurried.project}") as room,
        meeting(hurried) as session,
        Plain(hurried, hurried.owner) as chief,
    ):
        await room.after(lambda: hurried.role(person, "moderator"), "project:member:updated")
        await room.after(lambda: dismiss(hurried, person.id), "project:member:removed")
        await room.after(lambda: hurried.role(person, "participant"), "project:member:added")
        await room.after(lambda: rename(hurried, f"House {person.id}"), "project:updated")
        word = {"project": hurried.project, "name": "deploy", "payload": {}}
        await room.after(lambda: chief.ask("project:broadcast", word), "project:broadcast")
        await room.after(hurried.session, "collaboration:session:created")
        await a_documents_life(chief, room, project=hurried.project)
        for command, change in (
            ("update", "updated"),
            ("pause", "paused"),
            ("resume", "resumed"),
            ("end", "ended"),
        ):
            data = {"name": "Another"} if command == "update" else {}
            await room.after(
                lambda command=command, data=data: session.manage(f"session:{command}", **data),
                f"collaboration:session:{change}",
            )
    assert room.kinds == IN_PROJECTS


def rename(live: Live, name: str) -> None:
    assert live.rest("PATCH", f"projects/{live.project}/", live.owner, {"name": name})[0] == 200


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
    assert not EVENTS.keys() & EPHEMERAL.keys()
