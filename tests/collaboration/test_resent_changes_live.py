"""Commands that change sessions, sent again: nothing changes twice, and the first answer comes to the letter."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from typing import Any

import pytest

from tests.collaboration.meeting import SESSION, Meeting, meeting
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live

ROUNDS = 8
DEADLOCK = 0.9  # PostgreSQL looks for one after a second


def heads(live: Live, *rooms: str) -> list[int]:
    """How far the logs of rooms go."""
    return [int(live.value(f"SELECT head FROM rooms_room WHERE name = '{room}'")) for room in rooms]


def audited(session: Meeting) -> int:
    """How many entries a session has on the trail."""
    return int(
        session.live.value(
            f"SELECT count(*) FROM audit_auditentry WHERE target = 'session:{session.session}'"
            f" OR CAST(details AS TEXT) LIKE '%{session.session}%'"
        )
    )


def state(session: Meeting) -> tuple[Any, ...]:
    return (audited(session), *heads(session.live, session.room))


async def commands(session: Meeting) -> list[tuple[str, dict[str, Any]]]:
    """One of each command, in an order in which all of them succeed and change something."""
    member, waiting, denied = [(await session.connect()) for _ in range(3)]
    await session.update(require_approval=True)
    for plain in (waiting, denied):
        assert await session.knock(plain) == "session.join_pending"
    about = {"session": session.session}
    return [
        ("collaboration:session:update", about | {"name": "Renamed", "settings": {"enable_voice_chat": True}}),
        ("collaboration:session:pause", about | {"reason": "lunch"}),
        ("collaboration:session:resume", about),
        ("collaboration:participant:role", about | {"user": member.person.id, "role": "observer"}),
        ("collaboration:participant:admit", about | {"user": waiting.person.id}),
        ("collaboration:participant:deny", about | {"user": denied.person.id}),
        ("collaboration:participant:remove", about | {"user": member.person.id}),
        ("collaboration:session:end", about),
    ]


async def test_a_resend_anywhere_gets_the_first_answer_and_changes_nothing(cluster: Live) -> None:
    async with meeting(cluster) as session:
        owner = session.owner
        same = [await session.connect(owner.person, server=n, instance=owner.instance) for n in (0, 1)]
        for number, (type, data) in enumerate(await commands(session)):
            first = await owner.ask(type, data, id=f"c{number}")
            assert first["type"] == "ack", first
            assert first["room"] == session.room
            after = state(session)
            for connection in (owner, *same):
                assert await connection.ask(type, data, id=f"c{number}") == first
            assert state(session) == after, type
        for connection in same:  # the rights are gone, and the session too: a resend is a resend
            assert (await connection.ask(type, data, id=f"c{number}")) == first


async def test_the_same_id_with_another_body_is_a_conflict(cluster: Live) -> None:
    async with meeting(cluster) as session:
        there = await session.connect(session.owner.person, server=1, instance=session.owner.instance)
        about = {"session": session.session}
        assert (await session.owner.ask(f"{SESSION}pause", about, id="1"))["type"] == "ack"
        after = state(session)
        for connection in (session.owner, there):
            for type, data in (
                (f"{SESSION}pause", about | {"reason": "another"}),
                (f"{SESSION}resume", about),
                ("collaboration:message:send", about | {"body": "hello"}),
                (f"{SESSION}create", {"project": cluster.project}),
            ):
                assert (await connection.ask(type, data, id="1"))["code"] == "msg.id_conflict"
        assert state(session) == after
        stranger = await session.connect(instance=session.owner.instance)
        assert (await stranger.ask(f"{SESSION}pause", about, id="1"))["code"] == "perm.denied"


async def test_what_was_refused_may_be_tried_again_under_the_same_id(live: Live) -> None:
    async with meeting(live) as session:
        rising = await session.member()
        about = {"session": session.session}
        assert (await rising.ask(f"{SESSION}pause", about, id="1"))["code"] == "perm.denied"
        await session.role(rising, "owner")
        assert (await rising.ask(f"{SESSION}pause", about, id="1"))["type"] == "ack"


async def test_a_session_is_opened_once_however_often_it_is_asked_for(cluster: Live) -> None:
    person, instance = cluster.person(), str(uuid.uuid4())
    wanted = {"project": cluster.project, "name": str(uuid.uuid4())}
    async with (
        Plain(cluster, person, instance=instance) as here,
        Plain(cluster, person, server=1, instance=instance) as there,
    ):
        for number in range(ROUNDS):
            answers = await asyncio.gather(*(c.ask(f"{SESSION}create", wanted, id=f"{number}") for c in (here, there)))
            assert answers[0] == answers[1]
            assert answers[0]["type"] == "ack"
    found = cluster.value(f"SELECT count(*) FROM collaboration_session WHERE name = '{wanted['name']}'")
    assert int(found) == ROUNDS


async def test_both_instances_at_the_same_moment_have_one_effect(cluster: Live) -> None:
    async with meeting(cluster) as session:
        there = await session.connect(session.owner.person, server=1, instance=session.owner.instance)
        about, before = {"session": session.session}, state(session)
        changes = 0
        for number, verb in zip(range(2 * ROUNDS), itertools.cycle(["pause", "resume"]), strict=False):
            answers = await asyncio.gather(
                *(c.ask(f"{SESSION}{verb}", about, id=f"{number}") for c in (session.owner, there))
            )
            assert answers[0] == answers[1]
            assert "seq" in answers[0]
            changes += 1
        ended = await asyncio.gather(*(c.ask(f"{SESSION}end", about, id="end") for c in (session.owner, there)))
        assert ended[0] == ended[1]
        assert ended[0]["type"] == "ack"
        assert state(session) == tuple(value + changes + 1 for value in before)


@pytest.mark.parametrize("back_on", [0, 1], ids=["here", "there"])
async def test_a_resend_after_the_connection_died_gets_the_answer_that_was_lost(cluster: Live, back_on: int) -> None:
    async with meeting(cluster) as session:
        about, before = {"session": session.session}, state(session)
        instance = str(uuid.uuid4())
        for number, verb in zip(range(ROUNDS), itertools.cycle(["pause", "resume"]), strict=False):
            dying = await session.connect(session.owner.person, instance=instance)
            await dying.send(f"{SESSION}{verb}", about, id=f"{number}")
            dying.drop()
            back = await session.connect(session.owner.person, server=back_on, instance=instance)
            answer = await back.ask(f"{SESSION}{verb}", about, id=f"{number}")
            assert answer["type"] == "ack"
            assert answer["seq"]
            assert await back.ask(f"{SESSION}{verb}", about, id=f"{number}") == answer
            await back.socket.close()
        assert state(session) == tuple(value + ROUNDS for value in before)
        await session.owner.sees(session.room, before[1] + ROUNDS)


async def test_a_command_without_an_id_is_carried_out_each_time_and_seen_as_an_event(live: Live) -> None:
    async with meeting(live) as session:
        owner = session.owner
        for number, verb in enumerate(["pause", "resume", "pause"], 1):
            await owner.tell(f"{SESSION}{verb}", {"session": session.session})
            event = {"pause": "paused", "resume": "resumed"}[verb]
            await owner.heard(f"{SESSION}{event}", session.room, 1 + (number > 2))
        await eventually(lambda: owner.position(session.room)[1] == 4, timeout=PATIENCE)


@pytest.mark.parametrize("far", [0, 1], ids=["one instance", "two instances"])
async def test_two_commands_that_race_under_one_id_have_one_effect_and_hold_nobody_up(cluster: Live, far: int) -> None:
    async with meeting(cluster) as session:
        there = await session.connect(session.owner.person, server=far, instance=session.owner.instance)
        await there.join(session.room)
        about, slowest = {"session": session.session}, 0.0
        for number in range(2 * ROUNDS):
            started = time.monotonic()
            answers = await asyncio.gather(
                session.owner.ask(f"{SESSION}update", about | {"name": f"{number}"}, id=f"r{number}"),
                there.ask("collaboration:message:send", about | {"body": f"{number}"}, id=f"r{number}"),
            )
            slowest = max(slowest, time.monotonic() - started)
            assert sorted(answer.get("code", "ack") for answer in answers) == ["ack", "msg.id_conflict"]
        assert heads(cluster, session.room) == [1 + 2 * ROUNDS]
        assert slowest < DEADLOCK, "the database had to break a deadlock"
