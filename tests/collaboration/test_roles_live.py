"""Roles that change and people who are shown out, while they are busy and wherever they are connected."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.collaboration.meeting import MOVE, PARTICIPANT, SEND, SENT, SIGNAL, Meeting, meeting
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.servers import MS, eventually

pytestmark = pytest.mark.live

BURST = 40
WITHIN = 2_000 * MS


async def burst(session: Meeting, writer: Plain, number: int = BURST) -> list[str]:
    """Sends messages without waiting for answers, as long as it may; returns their ids."""
    ids = []
    with suppress(ConnectionClosed):
        for n in range(number):
            ids.append(await writer.send(SEND, {"session": session.session, "body": f"{n}"}))
    return ids


async def answered(writer: Plain, ids: list[str]) -> list[dict[str, Any]]:
    """Waits for the answers to commands, of which there is one each."""
    await eventually(lambda: all(writer.answers(id) for id in ids) or writer.closed, timeout=PATIENCE)
    assert all(len(writer.answers(id)) <= 1 for id in ids)
    return [answer for id in ids for answer in writer.answers(id)]


def connections(session: Meeting, user: str) -> list[int]:
    """How many connections a user has in the session, for each row that the user has there."""
    status, listed = session.rest("GET", "participants/")
    assert status == 200, listed
    return [row["connections"] for row in listed["results"] if row["user"] == user]


def said_by(log: list[dict[str, Any]], writer: Plain) -> list[int]:
    return [event["seq"] for event in log if event["type"] == SENT and event["by"]["user"] == writer.person.id]


@pytest.mark.parametrize("far", [0, 1], ids=["here", "there"])
async def test_of_a_burst_nothing_is_kept_that_comes_after_the_role_was_lowered(cluster: Live, far: int) -> None:
    async with meeting(cluster) as session:
        writer = await session.member(server=far)
        ids = await burst(session, writer)
        lowered, more = await asyncio.gather(session.role(writer, "observer"), burst(session, writer))
        answers = await answered(writer, ids + more)
        assert len(answers) == len(ids + more)
        kept = sorted(answer["seq"] for answer in answers if answer["type"] == "ack")
        assert {answer["code"] for answer in answers if answer["type"] == "error"} <= {"perm.denied"}
        assert await writer.say(session.session, "too late") | {"id": ""} == {
            "type": "error",
            "id": "",
            "code": "perm.denied",
            "message": "Your role does not allow this.",
            "retryable": False,
            "retry_after_ms": None,
            "details": {"role": "observer", "needs": "write"},
        }
        assert said_by(await session.log(), writer) == kept
        assert all(seq < lowered["seq"] for seq in kept)


@pytest.mark.parametrize("far", [0, 1], ids=["here", "there"])
async def test_a_higher_role_counts_without_a_rejoin(cluster: Live, far: int) -> None:
    async with meeting(cluster) as session:
        rising = await session.member(role="observer", server=far)
        user = {"user": (await session.member()).person.id}
        assert await session.refused(rising, "message:send", body="?") == "perm.denied"
        for role, command, data in (
            ("participant", "message:send", {"body": "as participant"}),
            ("moderator", "participant:admit", user),
            ("owner", "session:pause", {}),
        ):
            assert await session.refused(rising, command, **data) == "perm.denied"
            await session.role(rising, role)
            assert await session.refused(rising, command, **data) == "ack"
        assert rising.closed is None


async def test_a_joiner_is_told_what_its_role_may_do(live: Live) -> None:
    everything = ["delete_session", "manage_participants", "manage_settings", "read", "write"]
    permissions = {
        "owner": everything,
        "moderator": ["manage_participants", "read", "write"],
        "participant": ["read", "write"],
        "observer": ["read"],
    }
    async with meeting(live) as session:
        for role, allowed in permissions.items():
            person = await session.connect()
            await session.role(person, role)
            joined = await person.join(session.room)
            assert (joined["role"], joined["permissions"]) == (role, allowed)
            [own] = [row for row in joined["members"] if row["user"] == person.person.id]
            assert (own["role"], own["permissions"]) == (role, allowed)
        assert await person.code("room:history", {"room": session.room}) == "ack"


@pytest.mark.parametrize("far", [0, 1], ids=["here", "there"])
async def test_who_is_removed_is_shown_out_everywhere_within_two_seconds(cluster: Live, far: int) -> None:
    async with meeting(cluster) as session:
        person, witness = cluster.person(), await session.member(server=far)
        sockets = [await session.member(person, server=server) for server in (0, 1, 1)]
        busy = [id for socket in sockets[:2] for id in await burst(session, socket, 10)]
        started = time.monotonic()
        removed = await session.manage("participant:remove", user=person.id)
        await burst(session, sockets[2], 10)
        assert [await socket.shut() for socket in sockets] == [4403] * 3
        assert time.monotonic() - started < WITHIN
        assert (await witness.heard(f"{PARTICIPANT}removed", session.room))["seq"] == removed["seq"]
        kept = said_by(await session.log(), sockets[0])
        assert len(kept) <= len(busy)
        assert all(seq < removed["seq"] for seq in kept)
        for server in (0, 1):
            assert await session.knock(await session.connect(person, server=server)) == "room.not_found"
        await session.manage("participant:admit", user=person.id)
        back = await session.connect(person, server=far)
        assert await session.knock(back) == "ack"
        assert (await back.say(session.session, "back"))["type"] == "ack"


@pytest.mark.parametrize("far", [0, 1], ids=["here", "there"])
async def test_who_is_removed_and_let_in_again_at_once_is_shown_out_all_the_same(cluster: Live, far: int) -> None:
    async with meeting(cluster) as session:
        person = await session.member(server=far)
        about = {"session": session.session, "user": person.person.id}
        ids = [await session.owner.send(f"{PARTICIPANT}{verb}", about) for verb in ("remove", "admit")]
        assert await person.shut() == 4403
        await eventually(lambda: all(session.owner.answers(id) for id in ids), timeout=PATIENCE)
        assert await session.knock(await session.connect(person.person, server=far)) == "ack"


async def test_who_was_removed_reads_nothing_more(live: Live) -> None:
    async with meeting(live) as session:
        member = await session.member()
        await session.owner.say(session.session, "for members")
        epoch, seq = member.position(session.room)
        await session.manage("participant:remove", user=member.person.id)
        await member.shut()
        after = await session.connect(member.person)
        stranger = {"room": f"session:{session.session[:-1]}{'0' if session.session[-1] != '0' else '1'}"}
        for type, data in (
            ("room:history", {}),
            ("room:join", {}),
            ("room:join", {"since": {"epoch": epoch, "seq": 1}}),
        ):
            real, none = [
                {**await after.ask(type, room | data), "id": ""} for room in ({"room": session.room}, stranger)
            ]
            assert real == none
            assert real["code"] == "room.not_found"
        for type, data in ((SEND, {"body": "?"}), (SIGNAL, {"name": "?"}), (MOVE, {"position": {}})):
            assert await after.code(type, {"session": session.session} | data) in (
                "session.not_found",
                "room.not_joined",
            )
        assert await session.refused(after, "session:pause") == "session.not_found"
        assert await session.refused(after, "participant:admit", user=member.person.id) == "session.not_found"
        for path in ("", "events/", "participants/"):
            assert session.rest("GET", path, after)[0] == 404
        await session.owner.say(session.session, "not for who was removed")
        assert all(frame.get("seq", 0) <= seq + 1 for frame in member.events(session.room))
        assert after.events(session.room) == []


async def test_one_user_who_joins_from_two_instances_at_once_is_one_participant(cluster: Live) -> None:
    async with meeting(cluster) as session:
        for _ in range(6):
            person = cluster.person()
            tabs = [await session.connect(person, server=server) for server in (0, 1)]
            joined = await asyncio.gather(*(tab.join(session.room) for tab in tabs))
            for answer in joined:
                assert [row["user"] for row in answer["members"]].count(person.id) == 1
            came = [e for e in await session.log() if e["type"] == f"{PARTICIPANT}joined"]
            assert [event["data"]["user"] for event in came].count(person.id) == 1
            await eventually(lambda user=person.id: connections(session, user) == [2], timeout=PATIENCE)
            await tabs[0].ask("room:leave", {"room": session.room})
            assert (await tabs[1].say(session.session, "still here"))["type"] == "ack"


async def test_a_role_in_the_project_counts_where_the_session_says_nothing_else(live: Live) -> None:
    async with meeting(live) as session:
        changing, fixed = await session.member(), await session.member(role="participant")
        own = await session.member(role="moderator")
        try:
            for person in (changing, fixed, own):
                live.role(person.person, "observer")
            assert await session.refused(changing, "message:send", body="?") == "perm.denied"
            assert await session.refused(own, "message:send", body="?") == "ack"
            assert await session.refused(own, "participant:admit", user=fixed.person.id) == "ack"
            live.role(changing.person, "owner")
            assert await session.refused(changing, "session:pause") == "ack"
        finally:
            for person in (changing, fixed, own):
                live.role(person.person, "participant")
        assert await session.refused(changing, "session:resume") == "perm.denied"


async def test_who_was_deleted_is_gone_for_the_others_too(live: Live) -> None:
    async with meeting(live, allow_anonymous=True) as session:
        deleted = await session.member(session.guest())
        witness = await session.member()
        tab = await session.member(deleted.person)
        live.deployment.shell(f"User.objects.get(pk='{deleted.person.id}').delete()")
        assert [await deleted.shut(), await tab.shut()] == [4401, 4401]
        removed = await witness.heard(f"{PARTICIPANT}removed", session.room)
        assert removed["data"] == {"session": session.session, "user": deleted.person.id, "reason": "deleted"}
        said = await session.owner.say(session.session, "gone")
        await witness.sees(session.room, said["seq"])
        assert len(witness.of(f"{PARTICIPANT}removed")) == 1
