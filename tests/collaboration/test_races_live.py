"""People on two instances do at the same moment what does not go together: one order comes out, the same for all."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.collaboration.meeting import PARTICIPANT, SEND, SENT, SESSION, Meeting, meeting
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live

CROWD = 50
ROUNDS = 4


async def together(*tasks: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*tasks))


async def crowd(session: Meeting, number: int) -> list[Plain]:
    """That many people, on both instances, who have joined nothing yet."""
    return await together(*(session.connect(server=n % 2) for n in range(number)))


async def outcome(plain: Plain, type: str, data: dict[str, Any]) -> str:
    """What became of a command: `ack`, the code of the refusal, or how the connection was closed before that."""
    with suppress(ConnectionClosed):
        id = await plain.send(type, data)
        await eventually(lambda: plain.answers(id) or plain.closed, timeout=PATIENCE, what=type)
        if plain.answers(id):
            return str(plain.answers(id)[0].get("code", "ack"))
    return f"closed {await plain.shut()}"


def present(log: list[dict[str, Any]]) -> set[str]:
    """Who is in a session, by its log."""
    inside: set[str] = set()
    for event in log:
        if event["type"] == f"{PARTICIPANT}joined":
            inside.add(event["data"]["user"])
        elif event["type"] in (f"{PARTICIPANT}left", f"{PARTICIPANT}removed"):
            inside.discard(event["data"]["user"])
        elif event["type"] == f"{SESSION}ended":
            inside.clear()
    return inside


async def restless(session: Meeting, writer: Plain, until: asyncio.Event) -> list[str]:
    """Writes until told to stop or shut out; returns the ids of the messages."""
    ids = []
    with suppress(ConnectionClosed):
        while not until.is_set():
            ids.append(await writer.send(SEND, {"session": session.session, "body": writer.person.id}))
            await eventually(lambda: writer.answers(ids[-1]) or writer.closed, timeout=PATIENCE)
            if writer.closed:
                break
    return ids


async def acked(writer: Plain, ids: list[str]) -> list[int]:
    """The numbers of the messages that were acknowledged."""
    return [answer["seq"] for id in ids for answer in writer.answers(id) if answer["type"] == "ack"]


async def test_the_last_seats_go_to_as_many_as_there_are(cluster: Live) -> None:
    seats = 8
    async with meeting(cluster, max_participants=seats) as session:
        people = await crowd(session, CROWD)
        for turn in range(2):
            outcomes = Counter(await together(*(session.knock(plain) for plain in people)))
            inside = present(await session.log())
            assert outcomes == {"ack": seats - 1, "session.full": CROWD - seats + 1}, turn
            assert len(inside) == seats
            for leaving in [plain for plain in people if plain.person.id in inside]:
                await session.manage("participant:remove", user=leaving.person.id)
                await session.manage("participant:admit", user=leaving.person.id)
            people = [plain for plain in people if plain.person.id not in inside]
            assert await together(*(plain.code("ping") for plain in people)) == ["pong"] * len(people)
            people += await crowd(session, CROWD - len(people))


async def test_seats_are_never_overbooked_while_people_come_and_go(cluster: Live) -> None:
    seats = 5
    async with meeting(cluster, max_participants=seats) as session:
        people = await crowd(session, 16)

        async def comes_and_goes(plain: Plain) -> Counter[str]:
            met: Counter[str] = Counter()
            for _ in range(ROUNDS):
                code = await session.knock(plain)
                met[code] += 1
                if code == "ack":
                    assert (await plain.say(session.session, "hi"))["type"] == "ack"
                    await session.manage("participant:remove", user=plain.person.id)
                    await session.manage("participant:admit", user=plain.person.id)
                    await plain.shut()
                    return met
            return met

        met = sum(await together(*(comes_and_goes(plain) for plain in people)), Counter())
        assert set(met) <= {"ack", "session.full"}
        inside: set[str] = set()
        for event in await session.log():
            if event["type"] == f"{PARTICIPANT}joined":
                inside.add(event["data"]["user"])
            elif event["type"] == f"{PARTICIPANT}removed":
                inside.discard(event["data"]["user"])
            assert len(inside) <= seats


async def test_two_owners_who_demote_each_other_leave_one(cluster: Live) -> None:
    async with meeting(cluster) as session:
        here, there = session.owner, await session.connect(server=1)
        await session.manage("participant:role", user=cluster.owner.id, role="observer")
        for turn in range(ROUNDS):
            await session.role(there, "owner", here)
            verb, data = random.Random(turn).choice([("role", {"role": "participant"}), ("remove", {})])
            outcomes = await together(
                *(
                    outcome(one, f"{PARTICIPANT}{verb}", {"session": session.session, "user": other.person.id} | data)
                    for one, other in ((here, there), (there, here))
                )
            )
            assert outcomes.count("ack") == 1, (turn, outcomes)
            assert set(outcomes) - {"ack"} <= {"perm.denied", "session.not_found", "closed 4403"}
            if outcomes[1] == "ack":  # who was first is the one who acts in the next turn
                here, there = there, here
            if verb == "remove":
                await session.manage("participant:admit", here, user=there.person.id)
                there = await session.connect(there.person, server=1)


async def test_two_owners_who_step_down_at_once_leave_one(cluster: Live) -> None:
    async with meeting(cluster) as session:
        here, there = session.owner, await session.connect(server=1)
        await session.manage("participant:role", user=cluster.owner.id, role="observer")
        for _ in range(ROUNDS):
            await session.role(there, "owner", here)
            outcomes = await together(
                *(
                    session.refused(one, "participant:role", user=one.person.id, role="moderator")
                    for one in (here, there)
                )
            )
            assert sorted(outcomes) == ["ack", "session.last_owner"]
            if outcomes[0] == "ack":
                here, there = there, here


async def test_two_owners_who_end_a_session_at_once_end_it_once(cluster: Live) -> None:
    for _ in range(ROUNDS):
        async with meeting(cluster) as session:
            other = await session.member(role="owner", server=1)
            member = await session.member(server=1)
            ends = (outcome(one, f"{SESSION}end", {"session": session.session}) for one in (session.owner, other))
            outcomes = await together(*ends)
            assert sorted(outcomes) in (["ack", "session.ended"], ["ack", "closed 4410"])
            assert await member.shut() == 4410
            ended = await (await session.connect(member.person)).ask("room:history", {"room": session.room})
            assert [event["type"] for event in ended["data"]["events"]].count(f"{SESSION}ended") == 1


async def test_roles_given_at_once_end_as_the_log_says(cluster: Live) -> None:
    async with meeting(cluster) as session:
        other, person = await session.member(role="owner", server=1), await session.member(server=1)
        for _ in range(ROUNDS):
            await together(
                *(
                    session.role(person, role, by)
                    for by, role in ((session.owner, "observer"), (other, "moderator"), (session.owner, "participant"))
                )
            )
            last = [e for e in await session.log() if e["type"] == f"{PARTICIPANT}updated"][-1]["data"]["participant"]
            joined = await person.join(session.room)
            assert joined["role"] == last["role"]
            [shown] = [row for row in joined["members"] if row["user"] == person.person.id]
            assert shown == last


async def test_nobody_is_left_in_a_session_that_ends_while_people_come_and_write(cluster: Live) -> None:
    async with meeting(cluster) as session:
        stop = asyncio.Event()
        writers = [await session.member(server=n % 2) for n in range(4)]
        comers = await crowd(session, 16)
        writing = [asyncio.create_task(restless(session, writer, stop)) for writer in writers]
        await eventually(lambda: session.owner.position(session.room)[1] > 20, timeout=PATIENCE)
        joins = [asyncio.create_task(session.knock(plain)) for plain in comers]
        await eventually(lambda: any(task.done() for task in joins), timeout=PATIENCE)
        ended = await session.manage("session:end")
        outcomes = await together(*joins)
        ids = [await task for task in writing]
        assert set(outcomes) <= {"ack", "session.ended"}
        for plain, outcome in zip(comers, outcomes, strict=True):
            if outcome == "ack":
                assert await plain.shut() == 4410
            else:
                assert await plain.code("ping") == "pong"
        for writer, sent in zip(writers, ids, strict=True):
            assert await writer.shut() == 4410
            assert all(seq < ended["seq"] for seq in await acked(writer, sent))
        for plain in (*comers, *writers):
            numbers = [event["seq"] for event in plain.events(session.room)]
            assert numbers == [] or numbers[-1] == ended["seq"]
        log = await session.log()
        assert log[-1]["type"] == f"{SESSION}ended"
        assert present(log) == set()
        acks = sorted([seq for w, sent in zip(writers, ids, strict=True) for seq in await acked(w, sent)])
        said = [event["seq"] for event in log if event["type"] == SENT]
        assert [seq for seq in acks if seq >= log[0]["seq"]] == said
        status, listed = session.rest("GET", "participants/")
        assert (status, [row["user"] for row in listed["results"]]) == (200, [])


async def test_between_a_pause_and_the_next_resume_nothing_is_said(cluster: Live) -> None:
    async with meeting(cluster) as session:
        stop = asyncio.Event()
        writers = [await session.member(server=n % 2) for n in range(4)]
        writing = [asyncio.create_task(restless(session, writer, stop)) for writer in writers]
        breaks = []
        for _ in range(ROUNDS):
            paused = (await session.manage("session:pause"))["seq"]
            await session.owner.code("ping")
            resumed = (await session.manage("session:resume"))["seq"]
            breaks.append((paused, resumed))
            await eventually(lambda n=resumed: session.owner.position(session.room)[1] > n + 4, timeout=PATIENCE)
        stop.set()
        acks = []
        for writer, task in zip(writers, writing, strict=True):
            acks += await acked(writer, await task)
        assert all(not any(paused < seq < resumed for seq in acks) for paused, resumed in breaks)
        assert {resumed - paused for paused, resumed in breaks} == {1}


async def test_who_is_removed_while_joining_is_not_inside(cluster: Live) -> None:
    async with meeting(cluster) as session:
        witness = await session.member(server=1)
        for turn in range(ROUNDS):
            person = cluster.person()
            sockets = [await session.connect(person, server=server) for server in (0, 1)]
            outcomes = await together(
                *(session.knock(socket) for socket in sockets),
                session.manage("participant:remove", user=person.id),
            )
            for socket, outcome in zip(sockets, outcomes, strict=False):
                assert outcome in ("ack", "room.not_found"), turn
                if outcome == "ack":
                    assert await socket.shut() == 4403
                else:
                    assert await session.refused(socket, "signal:send", name="?") == "room.not_joined"
            joined = await witness.join(session.room)
            assert person.id not in [row["user"] for row in joined["members"]]
            assert person.id not in present(await session.log())


async def test_who_leaves_the_project_while_joining_is_in_none_of_its_sessions(cluster: Live) -> None:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(meeting(cluster))
        for turn in range(ROUNDS):
            person = cluster.person()
            sockets = [await session.connect(person, server=server) for server in (0, 1)]
            path = f"projects/{cluster.project}/members/{person.id}/"
            outcomes = await together(
                *(session.knock(socket) for socket in sockets),
                asyncio.to_thread(cluster.rest, "DELETE", path, cluster.owner),
            )
            assert outcomes[2][0] == 204
            for socket, outcome in zip(sockets, outcomes, strict=False):
                assert outcome in ("ack", "room.not_found"), turn
                if outcome == "ack":
                    assert await socket.shut() == 4403
            assert person.id not in [row["user"] for row in (await session.owner.join(session.room))["members"]]
            assert person.id not in present(await session.log())
            assert await session.knock(await session.connect(person)) == "room.not_found"
            cluster.role(person, "participant")


async def test_a_wish_admitted_and_denied_at_once_is_one_or_the_other(cluster: Live) -> None:
    async with meeting(cluster, require_approval=True) as session:
        other = await session.member(role="moderator", server=1)
        for _ in range(ROUNDS):
            guest = await session.connect(server=1)
            assert await session.knock(guest) == "session.join_pending"
            user = guest.person.id
            outcomes = await together(
                session.refused(session.owner, "participant:admit", user=user),
                session.refused(other, "participant:deny", user=user),
            )
            # Denied and then admitted is in; admitted first, there is nobody to deny any more.
            assert outcomes in (["ack", "ack"], ["ack", "participant.not_found"])
            assert await session.knock(guest) == "ack"
