"""Sessions and their rooms seen from outside: coming and going, messages, signals, history, and who is let in."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from bduf_realtime.client import Client, ConnectionClosedError, Event, RequestError
from benchmarks.world import Person
from tests.conftest import HURRIED
from tests.live import Live
from tests.servers import MS, eventually

pytestmark = pytest.mark.live

GRACE = float(HURRIED["BDUF_SESSION_PARTICIPANT_TIMEOUT"])
JOINED = "collaboration:participant:joined"
LEFT = "collaboration:participant:left"
SEND = "collaboration:message:send"
SENT = "collaboration:message:sent"
SIGNAL = "collaboration:signal:send"
SIGNALLED = "collaboration:signal:sent"


async def refusal(client: Client, type: str, data: Any) -> RequestError:
    """Sends a command that is refused, and returns how."""
    with pytest.raises(RequestError) as refused:
        await (client.join(data["room"]) if type == "room:join" else client.ask(type, data, retry=False))
    return refused.value


def wording(error: RequestError) -> tuple[Any, ...]:
    return error.code, error.message, error.retryable, error.retry_after_ms, error.details


def about(events: list[Event], person: Person) -> list[str]:
    return [event["type"] for event in events if event.get("by", {}).get("user") == person.id]


# Coming and going


async def test_several_tabs_are_one_participant_who_leaves_after_the_last_and_the_grace_period(hurried: Live) -> None:
    room = f"session:{hurried.session()}"
    person = hurried.person()
    seen: list[Event] = []
    async with hurried.client(hurried.person(), on_event=seen.append) as watcher:
        await watcher.join(room)
        async with hurried.client(person) as tab:
            first = await tab.join(room)
            async with hurried.client(person) as other:
                second = await other.join(room)
            assert await tab.ping() > 0
        closed = time.monotonic()
        await eventually(lambda: LEFT in about(seen, person), timeout=10_000 * MS)
        assert time.monotonic() - closed > 0.9 * GRACE
    assert about(seen, person) == [JOINED, LEFT]
    for joined in (first, second):
        assert [member["user"] for member in joined.data["members"]].count(person.id) == 1
    announced = seen[0]["data"]["participant"]
    assert (announced["user"], announced["role"]) == (person.id, "participant")
    assert announced["permissions"] == ["read", "write"]
    assert seen[-1]["data"]["user"] == person.id


async def test_who_comes_back_within_the_grace_period_was_never_away(hurried: Live) -> None:
    room = f"session:{hurried.session()}"
    back, gone = hurried.people(2)
    seen: list[Event] = []
    async with hurried.client(hurried.person(), on_event=seen.append) as watcher:
        await watcher.join(room)
        async with hurried.client(back) as one, hurried.client(gone) as other:
            await one.join(room)
            await other.join(room)
        async with hurried.client(back) as again:
            await again.join(room)
            await eventually(lambda: LEFT in about(seen, gone), timeout=10_000 * MS)
            await again.leave(room)
            assert [m["user"] for m in (await again.join(room)).data["members"]].count(back.id) == 1
        assert about(seen, back) == [JOINED]


async def test_leaving_a_session_is_announced_like_losing_the_connection(hurried: Live) -> None:
    session, other = hurried.session(), hurried.session()
    room, elsewhere = f"session:{session}", f"session:{other}"
    person = hurried.person()
    heard: list[Event] = []
    async with hurried.client(hurried.person()) as watcher, hurried.client(person, on_event=heard.append) as member:
        for name in (room, elsewhere):
            await watcher.join(name)
            await member.join(name)
        ack = await member.ask("room:leave", {"room": room})
        assert ack.data == {"room": room}
        assert (await refusal(member, "room:leave", {"room": room})).code == "room.not_joined"
        assert (await refusal(member, SEND, {"session": session, "body": "outside"})).code == "room.not_joined"
        left = await watcher.expect(LEFT, room=room, timeout=10_000 * MS)
        assert left["data"] == {"session": session, "user": person.id}
        await watcher.ask(SEND, {"session": session, "body": "not for who left"})
        await watcher.ask(SEND, {"session": other, "body": "for who stayed here"})
        await eventually(lambda: any(event["room"] == elsewhere and event["type"] == SENT for event in heard))
    assert [event for event in heard if event["room"] == room and event["type"] == SENT] == []
    assert [event for event in heard if event["room"] == elsewhere and event["type"] == LEFT] == []


async def test_a_full_session_lets_in_no_more_however_many_come_at_once(cluster: Live) -> None:
    room = f"session:{cluster.session(max_participants=3)}"
    people = cluster.people(8)
    clients = [cluster.client(person, server=number % 2) for number, person in enumerate(people)]
    await asyncio.gather(*(client.connect() for client in clients))
    try:
        outcomes = await asyncio.gather(*(client.join(room) for client in clients), return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, RequestError)]
        assert [wording(error) for error in refused] == [wording(refused[0])] * 5
        assert (refused[0].code, refused[0].retryable) == ("session.full", True)
        assert refused[0].details == {"max_participants": 3}
        inside = next(person for person, outcome in zip(people, outcomes, strict=True) if outcome not in refused)
        async with cluster.client(inside) as another_tab:
            joined = await another_tab.join(room)
        assert len(joined.data["members"]) == 3
    finally:
        await asyncio.gather(*(client.close() for client in clients))


async def test_the_place_of_who_left_a_full_session_becomes_free(hurried: Live) -> None:
    room = f"session:{hurried.session(max_participants=1)}"
    async with hurried.client(hurried.person()) as waiting:
        async with hurried.client(hurried.person()) as first:
            await first.join(room)
            assert (await refusal(waiting, "room:join", {"room": room})).code == "session.full"

        refusals: set[str] = set()

        async def let_in() -> bool:
            try:
                return len((await waiting.join(room)).data["members"]) == 1
            except RequestError as error:
                refusals.add(error.code)
                return False

        assert not await let_in()  # who just left may still come back
        await eventually(let_in, timeout=10_000 * MS)
        assert refusals == {"session.full"}


# Messages and signals


async def test_an_author_gets_the_ack_and_everybody_else_the_event(live: Live) -> None:
    session = live.session()
    room = f"session:{session}"
    person = live.person()
    own: list[Event] = []
    async with (
        live.client(person, on_event=own.append) as author,
        live.client(person) as other_tab,
        live.client(live.person()) as listener,
    ):
        for client in (author, other_tab, listener):
            await client.join(room)
        ack = await author.ask(SEND, {"session": session, "body": "hello", "payload": {"n": [1, None]}})
        events = [await client.expect(SENT, timeout=5_000 * MS) for client in (other_tab, listener)]
        assert await author.ping() > 0
    assert [event for event in own if event["type"] == SENT] == []
    for event in events:
        assert (event["room"], event["epoch"], event["seq"]) == (ack.room, ack.epoch, ack.seq)
        assert event["by"] == {
            "user": person.id,
            "name": author.info["user"]["name"],
            "kind": "human",
            "connection": author.info["connection"],
        }
        assert event["data"] == {"session": session, "body": "hello", "payload": {"n": [1, None]}}


@pytest.mark.parametrize("instances", ["one", "two"])
async def test_signals_reach_all_others_or_the_named_users_and_are_not_kept(cluster: Live, instances: str) -> None:
    session = cluster.session()
    room = f"session:{session}"
    far = 1 if instances == "two" else 0
    sender, named, other = cluster.people(3)
    heard: dict[str, list[Event]] = {"own": [], "named": [], "second tab": [], "other": []}
    async with (
        cluster.client(sender, on_event=heard["own"].append) as client,
        cluster.client(named, server=far, on_event=heard["named"].append) as first,
        cluster.client(named, on_event=heard["second tab"].append) as second,
        cluster.client(other, server=far, on_event=heard["other"].append) as third,
    ):
        for one in (client, first, second, third):
            await one.join(room)
        before = (await client.ask("room:history", {"room": room})).data["head"]
        ack = await client.ask(SIGNAL, {"session": session, "name": "typing"})
        assert (ack.data, ack.seq) == ({}, None)
        await client.ask(SIGNAL, {"session": session, "name": "offer", "payload": {"sdp": "v=0"}, "to": [named.id]})
        await client.ask(SIGNAL, {"session": session, "name": "done"})
        await eventually(lambda: all("done" in names(heard[who]) for who in heard if who != "own"))
        assert (await client.ask("room:history", {"room": room})).data["head"] == before
    assert names(heard["own"]) == []
    assert names(heard["named"]) == names(heard["second tab"]) == ["typing", "offer", "done"]
    assert names(heard["other"]) == ["typing", "done"]
    offer = next(event for event in heard["named"] if event["data"].get("name") == "offer")
    assert "seq" not in offer
    assert offer["by"]["user"] == sender.id
    assert offer["data"] == {"session": session, "name": "offer", "payload": {"sdp": "v=0"}, "to": [named.id]}


def names(events: list[Event]) -> list[str]:
    return [event["data"]["name"] for event in events if event["type"] == SIGNALLED]


async def test_who_can_take_batches_gets_arrays_and_everybody_else_one_message_a_frame(live: Live) -> None:
    session = live.session()
    async with (
        connect(f"{live.ws_url}/ws/", **bearer(live.person())) as batching,
        connect(f"{live.ws_url}/ws/", **bearer(live.person())) as plain,
        live.client(live.person()) as author,
    ):
        assert await capabilities(batching, ["batch", "telepathy"]) == ["batch"]
        assert await capabilities(plain, []) == []
        for socket in (batching, plain):
            await socket.send(json.dumps({"type": "room:join", "id": "j", "data": {"room": f"session:{session}"}}))
        await author.join(f"session:{session}")
        acks = await asyncio.gather(*(author.ask(SEND, {"session": session, "body": str(n)}) for n in range(100)))
        last = max(ack.seq or 0 for ack in acks)
        frames = [await frames_up_to(socket, last) for socket in (batching, plain)]
    assert any(isinstance(frame, list) for frame in frames[0])
    assert not any(isinstance(frame, list) for frame in frames[1])
    messages = [message for frame in frames[0] for message in (frame if isinstance(frame, list) else [frame])]
    assert numbers(messages) == numbers(frames[1])
    assert len(numbers(messages)) >= 100


def bearer(person: Person) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {person.token}"}, "proxy": None, "compression": None}


async def capabilities(socket: ClientConnection, offered: list[str]) -> list[str]:
    """Says hello and returns what both sides can do."""
    await socket.send(json.dumps({"type": "hello", "id": "h", "data": {"capabilities": offered}}))
    while (message := json.loads(await socket.recv())).get("id") != "h":
        assert message["type"] == "connected"
    return list(message["data"]["capabilities"])


async def frames_up_to(socket: ClientConnection, seq: int) -> list[Any]:
    frames: list[Any] = []
    async with asyncio.timeout(10_000 * MS):
        while True:
            frames.append(json.loads(await socket.recv()))
            messages = frames[-1] if isinstance(frames[-1], list) else [frames[-1]]
            if any(message.get("seq") == seq for message in messages):
                return frames


def numbers(messages: list[Any]) -> list[int]:
    return [message["seq"] for message in messages if message.get("type") == SENT]


# History


async def test_history_is_read_backwards_page_by_page_until_the_floor(live: Live) -> None:
    session = live.session()
    room = f"session:{session}"
    async with live.client(live.person()) as client:
        joined = await client.join(room)
        sent = [(await client.ask(SEND, {"session": session, "body": str(n)})).seq for n in range(25)]
        pages, before = [], {}
        while not pages or pages[-1]["events"]:
            pages.append((await client.ask("room:history", {"room": room, "limit": 10} | before)).data)
            before = {"before": pages[-1]["events"][0]["seq"]} if pages[-1]["events"] else {}
        head = sent[-1] or 0
        assert [len(page["events"]) for page in pages] == [10, 10, head - 20, 0]
        everything = [event for page in reversed(pages) for event in page["events"]]
        assert [event["seq"] for event in everything] == list(range(1, head + 1))
        assert [event["data"]["body"] for event in everything if event["type"] == SENT] == [str(n) for n in range(25)]
        for page in pages:
            assert (page["floor"], page["head"], page["epoch"]) == (1, head, joined.data["epoch"])
        for wrong in ({"limit": 0}, {"limit": 501}, {"before": 0}, {"before": -1}):
            assert (await refusal(client, "room:history", {"room": room} | wrong)).code == "msg.bad_value"


# Who is let in


async def test_a_strangers_room_is_refused_in_the_words_of_a_missing_one(live: Live) -> None:
    owner, stranger = live.people(2)
    status, project = live.rest("POST", "projects/", owner, {"name": "Not yours"})
    assert status == 201
    status, session = live.rest("POST", "sessions/", owner, {"project": project["id"], "name": "Not yours"})
    assert status == 201
    existing = [f"session:{session['id']}", f"project:{project['id']}", f"user:{owner.id}"]
    missing = [f"{kind}:{uuid.uuid4()}" for kind in ("session", "project", "user", "document", "planet")]
    malformed = ["session:", "session:1", f"session:{session['id'].upper()}x", str(session["id"]), "*"]
    async with live.client(stranger) as client:
        for type in ("room:join", "room:history"):
            answers = [wording(await refusal(client, type, {"room": r})) for r in existing + missing + malformed]
            assert answers == [answers[0]] * len(answers)
            assert answers[0][0] == "room.not_found"
        for type, data in ((SEND, {"body": "let me in"}), (SIGNAL, {"name": "let me in"})):
            real, none = [
                wording(await refusal(client, type, {"session": session_id} | data))
                for session_id in (session["id"], str(uuid.uuid4()))
            ]
            assert real == none
            assert real[0] in ("session.not_found", "room.not_joined")
    async with live.client(owner) as client:
        for room in existing:
            assert (await client.join(room)).data["role"] == "owner"


async def test_commands_for_a_session_need_to_have_joined_it_on_this_connection(live: Live) -> None:
    session = live.session()
    person = live.person()
    async with live.client(person) as joined, live.client(person) as not_joined:
        await joined.join(f"session:{session}")
        for type, data in (
            (SEND, {"body": "hello"}),
            (SIGNAL, {"name": "typing"}),
            ("collaboration:cursor:move", {"position": {}}),
        ):
            assert (await refusal(not_joined, type, {"session": session} | data)).code == "room.not_joined"
            assert (await joined.ask(type, {"session": session} | data)).id


async def test_the_projects_room_shows_its_sessions_and_members_and_what_becomes_of_them(live: Live) -> None:
    owner, member = live.people(2)
    status, project = live.rest("POST", "projects/", owner, {"name": "House"})
    assert status == 201
    room = f"project:{project['id']}"
    async with live.client(owner) as client:
        joined = await client.join(room)
        assert joined.data["state"]["name"] == "House"
        assert joined.data["state"]["sessions"] == []
        assert [one["user"] for one in joined.data["members"]] == [owner.id]
        status, session = live.rest("POST", "sessions/", owner, {"project": project["id"], "name": "Kitchen"})
        assert status == 201
        created = await client.expect("collaboration:session:created", room=room, timeout=5_000 * MS)
        assert created["data"]["session"]["id"] == session["id"]
        body = {"user": member.username, "role": "observer"}
        assert live.rest("POST", f"projects/{project['id']}/members/", owner, body)[0] == 201
        added = await client.expect("project:member:added", room=room, timeout=5_000 * MS)
        told = {"project": project["id"], "user": member.id, "kind": "human", "role": "observer"}
        assert added["data"].items() > told.items()
        async with live.client(member) as observer:
            state = (await observer.join(room)).data["state"]
            assert [one["name"] for one in state["sessions"]] == ["Kitchen"]
            assert [one["user"] for one in state["members"]] == [owner.id, member.id]
            await observer.join(f"session:{session['id']}")
            denied = await refusal(observer, SEND, {"session": session["id"], "body": "may I?"})
            assert denied.code == "perm.denied"
            assert live.rest("DELETE", f"projects/{project['id']}/members/{member.id}/", owner)[0] == 204
            with pytest.raises(ConnectionClosedError) as closed:
                await observer.expect("nothing", timeout=10_000 * MS)
            assert closed.value.code == 4403
        removed = await client.expect("project:member:removed", room=room, timeout=5_000 * MS)
        assert removed["data"]["user"] == member.id
