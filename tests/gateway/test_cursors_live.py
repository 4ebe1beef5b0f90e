"""Cursors seen from outside: coalesced, the latest of each connection, on every instance, and gone with it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from bduf_realtime.client import Client, Event, RequestError
from tests.live import Live
from tests.servers import MS, eventually

pytestmark = pytest.mark.live

MOVE = "collaboration:cursor:move"
MOVED = "collaboration:cursor:moved"
TICKS_A_SECOND = 20


class Screen:
    """What a client makes of the cursor frames it gets: where everybody is now."""

    def __init__(self) -> None:
        self.frames: list[Event] = []
        self.places: dict[str, Any] = {}

    def show(self, event: Event) -> None:
        if event["type"] == MOVED:
            self.frames.append(event)
            self.places |= {cursor["connection"]: cursor["position"] for cursor in event["data"]["cursors"]}

    @property
    def cursors(self) -> list[dict[str, Any]]:
        return [cursor for frame in self.frames for cursor in frame["data"]["cursors"]]


def connection(client: Client) -> str:
    return str(client.info["connection"])


async def seen(screen: Screen, client: Client, position: Any) -> None:
    """Returns once the screen shows a connection's cursor there."""
    await eventually(
        lambda: screen.places.get(connection(client), "nowhere") == position,
        timeout=10_000 * MS,
        what=f"{connection(client)} at {position}; {screen.places}",
    )


async def test_a_hundred_moves_a_second_reach_the_others_as_twenty_frames_and_the_mover_not_at_all(live: Live) -> None:
    session = live.session()
    watching, own = Screen(), Screen()
    person = live.person()
    async with (
        live.client(person, on_event=own.show) as mover,
        live.client(live.person(), on_event=watching.show) as watcher,
    ):
        for client in (mover, watcher):
            await client.join(f"session:{session}")
        started = time.monotonic()
        for x in range(100):
            assert mover.tell(MOVE, {"session": session, "position": {"x": x}, "status": "typing"})
            await asyncio.sleep(0.01)
        await seen(watching, mover, {"x": 99})
        assert len(watching.frames) <= TICKS_A_SECOND * (time.monotonic() - started) + 2
        assert await mover.ping() > 0
    assert own.frames == []
    xs = [cursor["position"]["x"] for cursor in watching.cursors]
    assert xs == sorted(set(xs))
    assert "seq" not in watching.frames[-1]
    assert watching.frames[-1]["room"] == f"session:{session}"
    last = watching.cursors[-1]
    assert (last["user"], last["connection"]) == (person.id, connection(mover))
    assert (last["document"], last["selection"], last["status"]) == (None, None, "typing")
    assert last["at"].endswith("Z")


async def test_the_cursors_of_one_tick_come_in_one_frame(live: Live) -> None:
    session = live.session()
    screen = Screen()
    async with (
        live.client(live.person()) as one,
        live.client(live.person()) as other,
        live.client(live.person(), on_event=screen.show) as watcher,
    ):
        for client in (one, other, watcher):
            await client.join(f"session:{session}")

        def moved_together() -> bool:
            for client in (one, other):
                client.tell(MOVE, {"session": session, "position": {"x": 1}})
            return any(len(frame["data"]["cursors"]) == 2 for frame in screen.frames)

        await eventually(moved_together, timeout=10_000 * MS)


async def test_a_users_other_tab_sees_the_cursor_of_the_first(live: Live) -> None:
    session = live.session()
    person, screen = live.person(), Screen()
    async with live.client(person) as one, live.client(person, on_event=screen.show) as other:
        for client in (one, other):
            await client.join(f"session:{session}")
        await one.ask(MOVE, {"session": session, "position": {"x": 1}})
        await seen(screen, one, {"x": 1})


async def test_who_comes_later_sees_the_cursors_that_are_there(live: Live) -> None:
    session = live.session()
    screen = Screen()
    async with live.client(live.person()) as mover, live.client(live.person(), on_event=screen.show) as late:
        await mover.join(f"session:{session}")
        await mover.ask(MOVE, {"session": session, "position": {"x": 7}, "selection": {"from": 1, "to": 2}})
        await late.join(f"session:{session}")
        await seen(screen, mover, {"x": 7})
    assert screen.cursors[0]["selection"] == {"from": 1, "to": 2}


@pytest.mark.parametrize("leaving", ["room", "server"])
async def test_a_cursor_goes_away_with_its_connection(live: Live, leaving: str) -> None:
    session = live.session()
    room = f"session:{session}"
    watching, later = Screen(), Screen()
    async with live.client(live.person()) as mover, live.client(live.person(), on_event=watching.show) as watcher:
        for client in (mover, watcher):
            await client.join(room)
        await mover.ask(MOVE, {"session": session, "position": {"x": 1}})
        await seen(watching, mover, {"x": 1})
        await (mover.leave(room) if leaving == "room" else mover.close())
        await seen(watching, mover, None)
        async with live.client(live.person(), on_event=later.show) as late:
            await late.join(room)
            await watcher.ask(MOVE, {"session": session, "position": {"x": 2}})
            await seen(later, watcher, {"x": 2})
    assert set(later.places) == {connection(watcher)}


async def test_cursors_cross_over_to_the_other_instance_and_go_away_there_too(cluster: Live) -> None:
    session = cluster.session()
    room = f"session:{session}"
    screen, later = Screen(), Screen()
    async with (
        cluster.client(cluster.person(), server=0) as mover,
        cluster.client(cluster.person(), server=1, on_event=screen.show) as watcher,
    ):
        for client in (mover, watcher):
            await client.join(room)
        for x in range(10):
            mover.tell(MOVE, {"session": session, "position": {"x": x}})
        await seen(screen, mover, {"x": 9})
        await mover.close()
        await seen(screen, mover, None)
        async with cluster.client(cluster.person(), server=1, on_event=later.show) as late:
            await late.join(room)
            await watcher.ask(MOVE, {"session": session, "position": {"x": 2}})
            await seen(later, watcher, {"x": 2})
    assert set(later.places) == {connection(watcher)}


async def test_the_first_member_on_an_instance_is_shown_the_cursors_of_the_others(cluster: Live) -> None:
    session = cluster.session()
    screen = Screen()
    async with cluster.client(cluster.person(), server=0) as mover:
        await mover.join(f"session:{session}")
        await mover.ask(MOVE, {"session": session, "position": {"x": 7}})
        async with cluster.client(cluster.person(), server=1, on_event=screen.show) as late:
            await late.join(f"session:{session}")
            await seen(screen, mover, {"x": 7})


async def test_a_move_with_an_id_is_acked_and_one_without_is_not_answered(live: Live) -> None:
    session = live.session()
    received: list[Event] = []
    async with live.client(live.person(), on_event=received.append) as mover:
        await mover.join(f"session:{session}")
        ack = await mover.ask(MOVE, {"session": session, "position": {"x": 1}})
        assert (ack.data, ack.room, ack.seq) == ({}, None, None)
        mover.tell(MOVE, {"session": session, "position": {"x": 2}})
        assert await mover.ping() > 0
    assert received == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"position": {"at": "x" * 1_100}}, "cursor.invalid"),
        ({"selection": {"at": "x" * 1_100}}, "cursor.invalid"),
        ({"position": [1, 2]}, "msg.bad_value"),
        ({"status": "x" * 41}, "msg.bad_value"),
        ({"user": "somebody else"}, "msg.unknown_field"),
        ({"session": "0" * 32}, "room.not_joined"),
    ],
)
async def test_a_move_that_is_not_acceptable_is_refused_and_moves_nothing(
    live: Live, change: dict[str, Any], code: str
) -> None:
    session = live.session()
    screen = Screen()
    async with live.client(live.person()) as mover, live.client(live.person(), on_event=screen.show) as watcher:
        for client in (mover, watcher):
            await client.join(f"session:{session}")
        with pytest.raises(RequestError) as refused:
            await mover.ask(MOVE, {"session": session, "position": {"x": 1}} | change)
        assert refused.value.code == code
        await mover.ask(MOVE, {"session": session, "position": {"x": 2}})
        await seen(screen, mover, {"x": 2})
    assert len(screen.cursors) == 1


async def test_a_session_without_cursor_sharing_refuses_them(live: Live) -> None:
    session = live.session(enable_cursor_sharing=False)
    async with live.client(live.person()) as mover:
        await mover.join(f"session:{session}")
        with pytest.raises(RequestError) as refused:
            await mover.ask(MOVE, {"session": session, "position": {"x": 1}})
    assert refused.value.code == "cursor.disabled"
