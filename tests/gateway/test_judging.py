"""Rights that change while they are looked at: an older look never overrules a newer one."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import pytest

from bduf_realtime.accounts.tokens import Identity
from bduf_realtime.gateway import doors, storage
from bduf_realtime.gateway.channel import Arrival, RoomChannel
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.doors import Grant
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.outbox import Outbox
from bduf_realtime.gateway.process import Process
from tests.gateway.model import OpenRoom
from tests.servers import eventually

ROOM = "test:00000000-0000-0000-0000-000000000000"

# Somebody whose account was deleted.
GONE = Identity(str(uuid.uuid4()), "Ada", "human", None, False, "token", 0.0, 9e9)


class ChangingRights(OpenRoom):
    """Says what each look at the rights finds, and lets the looks take their time."""

    watched = removing = frozenset({"test:removed"})

    def __init__(self) -> None:
        self.role: str | None = "owner"
        self.looks = 0
        self.go_on = threading.Event()
        self.go_on.set()

    def grants(self, key: str, users: Any) -> dict[str, Grant]:
        self.looks += 1
        role = self.role
        assert self.go_on.wait(timeout=30)
        return {user: Grant(role, frozenset()) for user in users} if role else {}


@pytest.fixture
def rights(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChangingRights]:
    rights = ChangingRights()
    monkeypatch.setitem(doors.kinds, "test", rights)
    yield rights
    rights.go_on.set()
    storage.outage_since = None


class Member:
    """Somebody in the room."""

    def __init__(self, user: str) -> None:
        self.id = self.user_id = user
        self.identity: Identity | None = None
        self.rooms = {ROOM: Grant("owner", frozenset())}
        self.closed: tuple[Any, ...] | None = None
        self.outbox = Outbox(self._sent, conf, lambda: self.close("slow"))

    def close(self, *reason: Any) -> None:
        self.closed = self.closed or reason

    def refuse_and_close(self, error: RealtimeError) -> None:
        self.close(error.close, error.code)

    async def _sent(self, frame: str) -> None:
        """Nobody reads it."""


def room_of(members: Iterable[Member]) -> RoomChannel:
    channel = RoomChannel(ROOM, 4)
    channel.members = {member.id: member for member in members}  # type: ignore[misc]
    return channel


async def test_changes_that_come_while_rights_are_looked_at_are_seen_by_one_more_look(rights: ChangingRights) -> None:
    ada = Member("ada")
    channel, judge = room_of([ada]), Process(conf).hub.on_watched
    rights.go_on.clear()
    judge(channel)
    await eventually(lambda: rights.looks == 1)
    rights.role = "observer"
    for _ in range(5):
        judge(channel)
    rights.go_on.set()
    await eventually(lambda: channel.doubts == 0)
    assert (rights.looks, ada.rooms[ROOM].role, ada.closed) == (2, "observer", None)


async def test_who_has_no_right_any_more_is_shown_out(rights: ChangingRights) -> None:
    ada = Member("ada")
    rights.role = None
    Process(conf).hub.on_watched(room_of([ada]))
    await eventually(lambda: ada.closed)
    assert ada.closed == (4403, "room.removed")


@pytest.mark.parametrize("joining", [0, 1])
async def test_who_is_let_in_again_before_the_look_is_shown_out_all_the_same(
    rights: ChangingRights, joining: int
) -> None:
    ada, back, eve = Member("ada"), Member("ada"), Member("eve")
    back.id = "ada's second tab"
    process, channel = Process(conf), room_of([ada, back, eve])
    process.hub._channels[ROOM] = channel
    channel.epoch, channel.position, channel.joining = "life", 4, joining
    channel.entered = {ada.id: 4, back.id: 6, eve.id: 1}  # the second tab came in after what arrives now
    process.hub._arrive(ROOM, Arrival("life", 5, "test:removed", '{"data":{"user":"ada","reason":"removed"}}'))
    await eventually(lambda: ada.closed and channel.doubts == 0)
    assert (ada.closed, back.closed, eve.closed) == ((4403, "room.removed"), None, None)
    # Kept only for somebody who is on the way in, and may have joined before it.
    assert channel.removed == ({"ada": 5} if joining else {})


@pytest.mark.usefixtures("sockets")
async def test_who_has_no_account_any_more_is_told_that_and_not_of_a_room(rights: ChangingRights) -> None:
    ada = Member("ada")
    ada.identity = GONE
    rights.role = None
    Process(conf).hub.on_watched(room_of([ada]))
    await eventually(lambda: ada.closed)
    assert ada.closed == (4401, "auth.invalid")


async def test_who_came_in_during_the_look_is_not_judged_by_it(rights: ChangingRights) -> None:
    ada, eve = Member("ada"), Member("eve")
    channel = room_of([ada])
    rights.role = None
    rights.go_on.clear()
    Process(conf).hub.on_watched(channel)
    await eventually(lambda: rights.looks == 1)
    channel.members["eve"] = eve  # type: ignore[assignment]
    rights.go_on.set()
    await eventually(lambda: channel.doubts == 0)
    assert (ada.closed is None, eve.closed) == (False, None)


async def test_another_connection_of_who_is_judged_is_judged_by_the_next_look_only(rights: ChangingRights) -> None:
    ada, back = Member("ada"), Member("ada")
    back.id = "ada's second tab"
    channel = room_of([ada])
    rights.role = None
    rights.go_on.clear()
    Process(conf).hub.on_watched(channel)
    await eventually(lambda: rights.looks == 1)
    channel.members[back.id] = back  # type: ignore[assignment]
    rights.go_on.set()
    await eventually(lambda: channel.doubts == 0)
    assert (ada.closed, back.closed) == ((4403, "room.removed"), None)


async def test_who_has_to_know_waits_for_the_look(rights: ChangingRights) -> None:
    ada = Member("ada")
    process, channel = Process(conf), room_of([ada])
    process.hub._channels[ROOM] = channel
    await process.rights.judged(ROOM)  # nothing is in doubt
    rights.role = "observer"
    rights.go_on.clear()
    process.hub.on_watched(channel)
    await eventually(lambda: rights.looks == 1)
    waiting = asyncio.create_task(process.rights.judged(ROOM))
    await asyncio.sleep(0)
    assert not waiting.done()
    rights.go_on.set()
    await waiting
    assert ada.rooms[ROOM].role == "observer"


async def test_a_look_that_takes_too_long_is_not_waited_for(
    rights: ChangingRights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bduf_realtime.gateway.rights.conf", msgspec.structs.replace(conf, database_deadline=0.05))
    process, channel = Process(conf), room_of([Member("ada")])
    process.hub._channels[ROOM] = channel
    rights.go_on.clear()
    process.hub.on_watched(channel)
    with pytest.raises(RealtimeError, match="unavailable"):
        await process.rights.judged(ROOM)
    rights.go_on.set()
    await eventually(lambda: channel.doubts == 0)


class PolledRights(ChangingRights):
    """Rights that no event of the room tells of."""

    def grants_many(self, users: Mapping[str, Collection[str]]) -> dict[str, dict[str, Grant]]:
        return {key: self.grants(key, of_room) for key, of_room in users.items()}


@pytest.fixture
def polled(monkeypatch: pytest.MonkeyPatch) -> Iterator[PolledRights]:
    rights = PolledRights()
    monkeypatch.setitem(doors.kinds, "test", rights)
    yield rights
    rights.go_on.set()


async def test_rights_of_polled_rooms_are_asked_for_without_an_event(polled: PolledRights) -> None:
    ada = Member("ada")
    process, channel = Process(conf), room_of([ada])
    process.hub._channels[ROOM] = channel
    polled.role = "observer"
    await process.rights.poll()
    assert ada.rooms[ROOM].role == "observer"
    polled.role = None
    await process.rights.poll()
    assert ada.closed == (4403, "room.removed")


@pytest.mark.usefixtures("sockets")
async def test_a_poll_tells_whoever_has_no_account_any_more_that_and_not_of_a_room(polled: PolledRights) -> None:
    ada = Member("ada")
    ada.identity = GONE
    process, channel = Process(conf), room_of([ada])
    process.hub._channels[ROOM] = channel
    polled.role = None
    await process.rights.poll()
    assert ada.closed == (4401, "auth.invalid")


async def test_rooms_that_are_not_polled_or_have_nobody_in_them_are_not_asked_for(
    rights: ChangingRights, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, channel = Process(conf), room_of([Member("ada")])
    process.hub._channels[ROOM] = channel
    await process.rights.poll()
    assert rights.looks == 0
    empty = PolledRights()
    monkeypatch.setitem(doors.kinds, "test", empty)
    channel.members.clear()
    await process.rights.poll()
    assert empty.looks == 0


@pytest.mark.parametrize("change", ["somebody came", "the rights changed"])
async def test_a_poll_judges_nobody_by_a_look_that_began_too_early(polled: PolledRights, change: str) -> None:
    ada, eve = Member("ada"), Member("eve")
    process, channel = Process(conf), room_of([ada])
    process.hub._channels[ROOM] = channel
    polled.role = None
    polled.go_on.clear()
    poll = asyncio.create_task(process.rights.poll())
    await eventually(lambda: polled.looks == 1)
    if change == "somebody came":
        channel.members["eve"] = eve  # type: ignore[assignment]
    else:
        channel.watched_at = 5
    polled.go_on.set()
    await poll
    assert eve.closed is None
    assert (ada.closed is None) is (change == "the rights changed")
