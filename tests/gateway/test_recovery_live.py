"""Joining and coming back, as section 4 of the protocol promises it, on running servers."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from tests.gateway.plain import SEND, Plain
from tests.live import Live
from tests.servers import MS, eventually

pytestmark = pytest.mark.live


async def talk(live: Live, session: str, times: int) -> tuple[str, int]:
    """Has somebody say something so many times, and leave again; returns where the room stands."""
    async with Plain(live, live.person()) as speaker:
        await speaker.join(f"session:{session}")
        for number in range(times):
            await speaker.say(session, number)
        return speaker.position(f"session:{session}")


# --- full, snapshot, none ----------------------------------------------------------------------------------------


async def test_a_first_join_gets_the_state_and_nothing_of_the_past(live: Live) -> None:
    session = live.session()
    room = f"session:{session}"
    epoch, head = await talk(live, session, 3)
    async with Plain(live, live.person()) as client:
        joined = await client.join(room)
        assert (joined["recovered"], joined["epoch"], joined["seq"]) == ("none", epoch, head + 1)
        assert joined["state"]["session"]["id"] == session
        assert {"room", "members", "role", "permissions"} <= joined.keys()
        assert (joined["role"], joined["permissions"]) == ("participant", ["read", "write"])
        assert client.person.id in [member["user"] for member in joined["members"]]
        await client.ask("ping")
        assert client.events(room) == []


async def test_who_missed_nothing_is_recovered_with_nothing(live: Live) -> None:
    session = live.session()
    room = f"session:{session}"
    async with Plain(live, live.person()) as client:
        first = await client.join(room)
        joined = await client.join(room, (first["epoch"], first["seq"]))
        assert (joined["recovered"], joined["seq"]) == ("full", first["seq"])
        assert "state" not in joined
        assert client.events(room) == []


@pytest.mark.parametrize("seen", [0, 1, 7])
async def test_missed_events_follow_the_answer_in_order_as_they_are_logged(live: Live, seen: int) -> None:
    session = live.session()
    room = f"session:{session}"
    epoch, _ = await talk(live, session, 9)
    async with Plain(live, live.person()) as client:
        joined = await client.join(room, (epoch, seen))
        assert joined["recovered"] == "full"
        assert "state" not in joined
        await client.sees(room, joined["seq"])
        history = await client.ask("room:history", {"room": room, "limit": 500})
        assert client.events(room) == history["data"]["events"][seen:]


@pytest.mark.parametrize(
    ("epoch", "seq"),
    [
        ("{epoch}", "{head}+1"),
        ("{epoch}", "2**53-1"),
        ("{epoch}", "-1"),
        ("{epoch}", "-(2**53-1)"),
        ("another life", "1"),
        ("", "0"),
        ("{epoch of another session}", "1"),
    ],
)
async def test_a_position_that_cannot_be_recovered_gets_a_snapshot_and_never_a_part(
    live: Live, epoch: str, seq: str
) -> None:
    session = live.session()
    room = f"session:{session}"
    other, _ = await talk(live, live.session(), 1)
    real, head = await talk(live, session, 5)
    epoch = epoch.replace("{epoch of another session}", other).replace("{epoch}", real)
    async with Plain(live, live.person()) as client:
        joined = await client.join(room, (epoch, eval(seq.replace("{head}", str(head)))))
        # The joiner's own arrival is one more event than what was there: "the future" came true, and was seen.
        expected = "full" if seq == "{head}+1" else "snapshot"
        assert (joined["recovered"], joined["epoch"], joined["seq"]) == (expected, real, head + 1)
        assert ("state" in joined) == (expected == "snapshot")
        await client.ask("ping")
        assert client.events(room) == []
        await client.say(session, "and on")
        await client.sees(room, head + 2)


@pytest.mark.parametrize("seq", [2**53, -(2**53), 2**63])
async def test_a_number_that_no_client_can_hold_is_refused_and_the_connection_lives(live: Live, seq: int) -> None:
    session = live.session()
    async with Plain(live, live.person()) as client:
        data = {"room": f"session:{session}", "since": {"epoch": "e", "seq": seq}}
        assert (await client.ask("room:join", data))["code"] == "msg.bad_number"
        assert (await client.say(session, "?"))["code"] == "room.not_joined"
        assert (await client.join(f"session:{session}"))["recovered"] == "none"


async def test_what_was_trimmed_cannot_be_recovered_and_what_is_left_can(live: Live) -> None:
    session = live.session()
    room = f"session:{session}"
    epoch, head = await talk(live, session, 8)
    floor = head - 3
    trim(live, room, floor)
    async with Plain(live, live.person()) as client:
        for seen, recovered in ((floor - 2, "snapshot"), (floor - 1, "full"), (0, "snapshot")):
            joined = await client.join(room, (epoch, seen))
            assert (seen, joined["recovered"]) == (seen, recovered)
            await client.sees(room, joined["seq"])
        history = (await client.ask("room:history", {"room": room}))["data"]
        assert history["floor"] == history["events"][0]["seq"] == floor
        assert history["head"] == history["events"][-1]["seq"] == head + 1


def trim(live: Live, room: str, floor: int) -> None:
    live.execute(
        f"DELETE FROM rooms_event WHERE seq < {floor} AND room_id = (SELECT id FROM rooms_room WHERE name = '{room}')",
        f"UPDATE rooms_room SET floor = {floor} WHERE name = '{room}'",
    )


async def test_members_of_a_renewed_log_are_sent_away_and_get_a_snapshot_of_the_new_one(cluster: Live) -> None:
    session = cluster.session()
    room = f"session:{session}"
    ada, bob = cluster.people(2)
    async with Plain(cluster, ada) as here, Plain(cluster, bob, server=1) as there:
        await here.join(room)
        await there.join(room)
        await here.say(session, "before")
        old = (await here.ask("room:history", {"room": room}))["data"]["epoch"]
        cluster.execute(
            f"DELETE FROM rooms_event WHERE room_id = (SELECT id FROM rooms_room WHERE name = '{room}')",
            f"UPDATE rooms_room SET epoch = 'renewed', head = 0, floor = 1 WHERE name = '{room}'",
        )
        await eventually(lambda: here.closed and there.closed, timeout=10_000 * MS)
        for client in (here, there):
            assert client.closed
            assert (client.closed[0], client.closed[1].partition(";")[0]) == (4510, "room.restarted")
    async with Plain(cluster, ada, server=1) as back:
        joined = await back.join(room, (old, 1))
        assert (joined["recovered"], joined["epoch"]) == ("snapshot", "renewed")
        said = await back.say(session, "after")
        assert (said["epoch"], said["seq"]) == ("renewed", joined["seq"] + 1)


# --- coming back -------------------------------------------------------------------------------------------------


async def test_coming_back_three_times_without_anything_new_gives_the_same_answer_and_repeats_nothing(
    live: Live,
) -> None:
    session, person = live.session(), live.person()
    room = f"session:{session}"
    async with Plain(live, person) as client:
        joined = await client.join(room)
        position = (joined["epoch"], joined["seq"])
        client.drop()
    answers = []
    for _ in range(3):
        async with Plain(live, person) as client:
            answers.append(await client.join(room, position))
            await client.ask("ping")
            assert client.events(room) == []
            client.drop()
    assert [(a["recovered"], a["epoch"], a["seq"]) for a in answers] == [("full", *position)] * 3


async def test_coming_back_at_once_after_a_drop_misses_nothing_that_was_said_meanwhile(live: Live) -> None:
    session, person = live.session(), live.person()
    room = f"session:{session}"
    async with Plain(live, live.person()) as other:
        await other.join(room)
        client = await Plain(live, person).__aenter__()
        await client.join(room)
        for round_ in range(5):
            await other.send(SEND, {"session": session, "body": f"before drop {round_}"})
            position = client.position(room)
            client.drop()
            said = await other.send(SEND, {"session": session, "body": f"after drop {round_}"})
            gone, client = client, await Plain(live, person).__aenter__()
            assert (await client.join(room, position))["recovered"] == "full"
            await eventually(lambda said=said: other.answers(said))  # type: ignore[misc]
            await client.sees(room, other.position(room)[1])
            await gone.__aexit__()
        await client.__aexit__()


async def test_joining_a_room_again_on_the_same_connection_leaves_no_seam(live: Live) -> None:
    session = live.session()
    room = f"session:{session}"
    ada, bob = live.people(2)
    async with Plain(live, ada) as writer, Plain(live, bob) as client:
        await writer.join(room)
        await client.join(room)
        for turn in range(12):
            said = [await writer.send(SEND, {"session": session, "body": f"{turn}.{n}"}) for n in range(3)]
            since = client.position(room) if turn % 3 else None
            joined = await client.join(room, since)
            assert joined["recovered"] == ("full" if since else "none")
            await eventually(lambda said=said: all(writer.answers(id_) for id_ in said))  # type: ignore[misc]
            await client.sees(room, writer.position(room)[1])


async def test_an_author_who_comes_back_to_its_own_commands_sees_each_once_and_gets_each_answer(live: Live) -> None:
    session = live.session()
    room = f"session:{session}"
    async with Plain(live, live.person()) as author:
        await author.join(room)
        sent = []
        for turn in range(10):
            sent += [await author.send(SEND, {"session": session, "body": f"{turn}.{n}"}) for n in range(5)]
            await author.send("room:join", {"room": room})
        await eventually(lambda: all(author.answers(id_) for id_ in sent), timeout=10_000 * MS)
        await author.ask("ping")
        assert [len(author.answers(id_)) for id_ in sent] == [1] * 50
        assert author.position(room)[1] == max(author.answers(id_)[0]["seq"] for id_ in sent)


async def test_who_leaves_hears_nothing_more_and_may_come_back_to_what_it_missed(live: Live) -> None:
    session = live.session()
    room = f"session:{session}"
    ada, bob = live.people(2)
    async with Plain(live, ada) as writer, Plain(live, bob) as client:
        await writer.join(room)
        await client.join(room)
        await writer.say(session, 1)
        await client.sees(room, writer.position(room)[1])
        position = client.position(room)
        assert (await client.ask("room:leave", {"room": room}))["type"] == "ack"
        assert (await client.ask("room:leave", {"room": room}))["code"] == "room.not_joined"
        assert (await client.say(session, "?"))["code"] == "room.not_joined"
        for number in range(3):
            await writer.say(session, number)
        await client.ask("ping")
        assert client.position(room) == position
        assert (await client.join(room, position))["recovered"] == "full"
        await client.sees(room, writer.position(room)[1])


# --- under load --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [True, False])
async def test_thousands_of_missed_events_are_streamed_while_new_ones_arrive(live: Live, batch: bool) -> None:
    """More than an outbox may hold and more than is kept in memory: it must be paged, and nobody be closed."""
    session = live.session()
    room = f"session:{session}"
    writers = [Plain(live, person) for person in live.people(12)]
    for writer in writers:
        await writer.__aenter__()
        await writer.join(room)
    try:
        body = "x" * 700
        for _ in range(5):  # all at once, and those who only write for a while would be closed as slow readers
            sent = await asyncio.gather(*(flood(writer, session, body, 38) for writer in writers))
            for writer, ids in zip(writers, sent, strict=True):
                await eventually(lambda writer=writer, ids=ids: writer.answers(ids[-1]), timeout=30_000 * MS)  # type: ignore[misc]
        async with Plain(live, live.person(), batch=batch) as late:
            epoch = writers[0].position(room)[0]
            joining = asyncio.create_task(late.join(room, (epoch, 0)))
            while not joining.done():
                await writers[0].say(session, "meanwhile")
            joined = await joining
            for _ in range(5):
                last = await writers[1].say(session, "meanwhile")
            assert joined["recovered"] == "full"
            assert joined["seq"] > 12 * 190
            await late.sees(room, last["seq"])
            assert late.closed is None
        for writer in writers:
            await writer.sees(room, last["seq"])
    finally:
        for writer in writers:
            await writer.__aexit__()


async def flood(writer: Plain, session: str, body: str, times: int) -> list[str]:
    return [await writer.send(SEND, {"session": session, "body": body}) for _ in range(times)]


async def test_joins_while_others_write_without_pause_have_no_seam(live: Live) -> None:
    session = live.session()
    room = f"session:{session}"
    stop = asyncio.Event()

    async def hammer(person: Any) -> int:
        async with Plain(live, person) as writer:
            await writer.join(room)
            while not stop.is_set():
                await writer.say(session, "x" * 200)
            return writer.position(room)[1]

    writers = [asyncio.create_task(hammer(person)) for person in live.people(3)]
    followers = [
        await Plain(live, person, batch=number > 0).__aenter__() for number, person in enumerate(live.people(3))
    ]
    for turn in range(6):
        for number, follower in enumerate(followers):
            await follower.join(room, follower.position(room) if turn and number else None)
    stop.set()
    await asyncio.gather(*writers)
    head = (await followers[0].ask("room:history", {"room": room, "limit": 1}))["data"]["head"]
    for follower in followers:
        await follower.sees(room, head)
        await follower.__aexit__()


async def test_members_on_two_instances_see_interleaved_writers_in_one_gapless_order(cluster: Live) -> None:
    session = cluster.session()
    room = f"session:{session}"
    clients = [
        await Plain(cluster, person, server=number % 2).__aenter__() for number, person in enumerate(cluster.people(4))
    ]
    for client in clients:
        await client.join(room)
    sent = await asyncio.gather(*(flood(client, session, "x" * 100, 100) for client in clients))
    await eventually(
        lambda: all(client.answers(ids[-1]) for client, ids in zip(clients, sent, strict=True)), timeout=30_000 * MS
    )
    head = max(client.answers(ids[-1])[0]["seq"] for client, ids in zip(clients, sent, strict=True))
    for client in clients:
        await client.sees(room, head)
        assert len([event for event in client.events(room) if event["type"].endswith("message:sent")]) == 300
    orders = [
        [frame["seq"] for frame in client.frames if frame["type"] == "ack" and "seq" in frame] for client in clients
    ]
    assert all(order == sorted(order) for order in orders)
    for client in clients:
        await client.__aexit__()


async def test_a_dropped_member_comes_back_on_the_other_instance_and_misses_nothing(cluster: Live) -> None:
    session = cluster.session()
    room = f"session:{session}"
    ada, bob = cluster.people(2)
    async with Plain(cluster, ada) as writer:
        await writer.join(room)
        async with Plain(cluster, bob) as first:
            await first.join(room)
            await writer.say(session, 1)
            await first.sees(room, writer.position(room)[1])
            position = first.position(room)
            first.drop()
        for number in range(20):
            await writer.say(session, number)
        async with Plain(cluster, bob, server=1) as second:
            assert (await second.join(room, position))["recovered"] == "full"
            await writer.say(session, "last")
            await second.sees(room, writer.position(room)[1])


# --- resends -----------------------------------------------------------------------------------------------------


async def test_the_same_command_on_both_instances_at_once_takes_effect_once_with_one_answer(cluster: Live) -> None:
    session, person, instance = cluster.session(), cluster.person(), str(uuid.uuid4())
    room = f"session:{session}"
    async with (
        Plain(cluster, person, instance=instance) as here,
        Plain(cluster, person, instance=instance, server=1) as there,
    ):
        await here.join(room)
        await there.join(room)
        before = here.position(room)[1]
        for number in range(20):
            answers = await asyncio.gather(*(client.say(session, number, f"id-{number}") for client in (here, there)))
            assert answers[0] == answers[1]
            assert answers[0]["seq"] == before + number + 1
        again = await here.say(session, 3, "id-3")
        assert again["seq"] == before + 4
        conflict = await there.say(session, "another body", "id-3")
        assert (conflict["type"], conflict["code"]) == ("error", "msg.id_conflict")
        head = (await there.ask("room:history", {"room": room, "limit": 1}))["data"]["head"]
        assert head == before + 20
