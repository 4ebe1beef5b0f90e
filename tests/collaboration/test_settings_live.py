"""A session's settings, changed while people are in it: each takes effect with the acknowledgement."""

from __future__ import annotations

from typing import Any

import pytest

from tests.collaboration.meeting import MOVE, MOVED, SESSION, SIGNAL, SIGNALLED, Meeting, meeting
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live


def places(plain: Plain) -> dict[str, Any]:
    """Where the cursors are that a client would show now, by connection."""
    shown: dict[str, Any] = {}
    for frame in plain.of(MOVED):
        for cursor in frame["data"]["cursors"]:
            shown[cursor["connection"]] = cursor["position"]
    return {connection: position for connection, position in shown.items() if position is not None}


def spot(session: Meeting, x: int = 1) -> dict[str, Any]:
    return {"session": session.session, "position": {"x": x}}


async def test_more_or_fewer_seats_count_for_the_next_who_comes(live: Live) -> None:
    async with meeting(live, max_participants=2) as session:
        await session.member()
        late = await session.connect()
        assert await session.knock(late) == "session.full"
        await session.update(max_participants=3)
        assert await session.knock(late) == "ack"
        await session.update(max_participants=1)
        assert await session.knock(await session.connect()) == "session.full"
        assert (await late.say(session.session, "stays"))["type"] == "ack"
        assert await session.knock(late) == "ack"
        tab = await session.connect(late.person)
        assert await session.knock(tab) == "ack"


@pytest.mark.parametrize("far", [0, 1], ids=["here", "there"])
async def test_without_cursor_sharing_there_are_no_cursors(cluster: Live, far: int) -> None:
    async with meeting(cluster) as session:
        one, other = await session.members(2, [0, far])
        for number, mover in enumerate((one, other)):
            assert await mover.code(MOVE, spot(session, number)) == "ack"
        await eventually(lambda: len(places(one)) == len(places(other)) == 1, timeout=PATIENCE)
        await session.update(enable_cursor_sharing=False)
        assert await session.owner.code(MOVE, spot(session)) == "cursor.disabled"
        for mover in (one, other):
            await mover.heard(f"{SESSION}updated", session.room)
            assert await mover.code(MOVE, spot(session)) == "cursor.disabled"
            await eventually(lambda plain=mover: not places(plain), timeout=PATIENCE)
        late = await session.member(server=far)
        assert await late.code(MOVE, spot(session)) == "cursor.disabled"
        assert places(late) == {}
        assert places(session.owner) == {}
        await session.update(enable_cursor_sharing=True)
        assert await session.owner.code(MOVE, spot(session, 7)) == "ack"
        await eventually(lambda: list(places(late).values()) == [{"x": 7}], timeout=PATIENCE)


@pytest.mark.parametrize("far", [0, 1], ids=["here", "there"])
async def test_cursors_that_move_while_sharing_ends_are_not_left_behind(cluster: Live, far: int) -> None:
    async with meeting(cluster) as session:
        mover = await session.member(server=far)
        for turn in range(8):
            if turn:
                await session.update(enable_cursor_sharing=True)
                await mover.heard(f"{SESSION}updated", session.room, 2 * turn)
            for number in range(10):
                await mover.send(MOVE, spot(session, number))
            await session.update(enable_cursor_sharing=False)
            for number in range(10):
                await mover.send(MOVE, spot(session, number))
            await mover.heard(f"{SESSION}updated", session.room, 2 * turn + 1)
            assert await mover.code(MOVE, spot(session)) == "cursor.disabled"
            late = await session.member()
            assert await late.code("ping") == "pong"
            await eventually(lambda: not places(session.owner), timeout=PATIENCE, what=f"turn {turn}")
            assert not places(late), turn


@pytest.mark.parametrize("far", [0, 1], ids=["here", "there"])
async def test_calls_are_set_up_only_where_they_are_on(cluster: Live, far: int) -> None:
    async with meeting(cluster) as session:
        caller, callee = await session.members(2, [far, 0])

        async def signal(name: str, by: Plain = caller) -> str:
            return await by.code(SIGNAL, {"session": session.session, "name": name, "payload": {"sdp": "…"}})

        calls = ["voice:offer", "video:offer", "webrtc:offer", "voice", "VIDEO:x"]
        assert [await signal(name) for name in calls] == ["perm.denied"] * 5
        assert [await signal(name) for name in ("typing", "voices", "videos:x", "my:voice")] == ["ack"] * 4
        await session.update(enable_voice_chat=True)
        assert await signal("voice:offer", session.owner) == "ack"
        await caller.heard(f"{SESSION}updated", session.room)
        assert [await signal(name) for name in calls] == ["ack", "perm.denied", "ack", "ack", "perm.denied"]
        await session.update(enable_voice_chat=False, enable_video_chat=True)
        assert await signal("voice:offer", session.owner) == "perm.denied"
        await caller.heard(f"{SESSION}updated", session.room, 2)
        assert [await signal(name) for name in calls] == ["perm.denied", "ack", "ack", "perm.denied", "ack"]
        offer = {"session": session.session, "name": "video:offer", "to": [callee.person.id]}
        assert await caller.code(SIGNAL, offer) == "ack"
        heard = [event["data"]["name"] for event in callee.of(SIGNALLED)]
        await eventually(lambda: "to" in callee.of(SIGNALLED)[-1]["data"], timeout=PATIENCE)
        assert "video:x" not in heard


async def test_guests_come_only_where_they_may_and_go_when_they_may_not(live: Live) -> None:
    async with meeting(live) as session:
        body = {"token": session.rest("POST", "invitations/", body={})[1]["token"], "name": "Passer-by"}
        assert live.rest("POST", "invitations/accept/", None, body)[1]["code"] == "perm.denied"
        await session.update(allow_anonymous=True)
        person = session.guest()
        member, guest = await session.member(), await session.connect(person)
        joined = await guest.join(session.room)
        assert (joined["role"], joined["permissions"]) == ("participant", ["read", "write"])
        shown = next(row for row in joined["members"] if row["user"] == person.id)
        assert (shown["guest"], shown["name"]) == (True, "Passer-by (guest)")
        assert (await guest.say(session.session, "hello"))["type"] == "ack"
        assert await session.refused(session.owner, "participant:role", user=person.id, role="moderator") == (
            "msg.bad_value"
        )
        for room in (session.project_room, f"session:{live.session()}"):
            assert await guest.code("room:join", {"room": room}) == "room.not_found"
        assert await guest.code(f"{SESSION}create", {"project": live.project}) == "room.not_found"
        ack = await session.update(allow_anonymous=False)
        assert await guest.shut() == 4403
        removed = await member.heard("collaboration:participant:removed", session.room)
        assert (removed["data"]["user"], removed["seq"]) == (person.id, ack["seq"] + 1)
        back = await session.connect(person)
        assert await session.knock(back) == "room.not_found"
        assert member.closed is None


async def test_whoever_changes_a_setting_sees_all_that_follows_from_it(live: Live) -> None:
    """The ack stands for the session's own event; what the change does to people are events of their own."""
    async with meeting(live, allow_anonymous=True, require_approval=True) as session:
        guests = [session.guest(name) for name in ("Ann", "Bob")]
        for person in guests:
            assert await session.knock(await session.connect(person)) == "session.join_pending"
        ack = await session.update(require_approval=False)
        await session.owner.sees(session.room, ack["seq"] + 2)
        admitted = session.owner.of("collaboration:participant:updated", session.room)
        assert {event["data"]["user"] for event in admitted} == {person.id for person in guests}
        assert {event["data"]["participant"]["admission"] for event in admitted} == {"admitted"}
        ack = await session.update(allow_anonymous=False)
        await session.owner.sees(session.room, ack["seq"] + 2)
        removed = session.owner.of("collaboration:participant:removed", session.room)
        assert {event["data"]["user"] for event in removed} == {person.id for person in guests}
        assert session.owner.of(f"{SESSION}updated", session.room) == []
