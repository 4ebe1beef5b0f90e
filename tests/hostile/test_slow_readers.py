"""Members who do not read, or do not prove that they did: bounded memory, closed 4511, and nobody else waits."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Self

import pytest

from tests.hostile.target import Target
from tests.hostile.test_rates import commands
from tests.hostile.wire import Wire
from tests.live import Live
from tests.servers import MS, ServerProcess, eventually, wait_until

pytestmark = pytest.mark.live

MIB = 1 << 20
LARGE = "x" * 16_000
SEND = "collaboration:message:send"
SENT = "collaboration:message:sent"
MOVED = "collaboration:cursor:moved"
# What the server may hold of one client: the window it has not confirmed, and the queue behind it.
MEMORY_OF_A_CLIENT = 1.5 * MIB
NOISE = 16 * MIB


class Member(Wire):
    """A member of a session, who reads and answers pings only when told to."""

    def __init__(self, live: Live, session: str, server: ServerProcess | None = None) -> None:
        super().__init__((server or live.deployment.servers[0]).port)
        self.shake(token=live.person().token)
        self.id = self.expect("connected")["data"]["connection"]
        self.room = f"session:{session}"
        self.place = self.ask("room:join", {"room": self.room})["data"]

    def shut(self) -> Self:
        """Lets next to nothing into this machine's buffers, from now on."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        return self

    def read_and_answer(self, until: str) -> list[dict[str, Any]]:
        """Reads like any client, up to a message of this type or id; returns all but the pings."""
        found: list[dict[str, Any]] = []
        while not found or until not in (found[-1]["type"], found[-1].get("id")):
            message = self.receive()
            if message["type"] == "ping":
                self.send({"type": "pong", "id": message["id"]})
            else:
                found.append(message)
        return found

    def was_reset(self) -> bool:
        """Whether the server has cut the connection; data that was not read yet does not hide it."""
        poll = select.poll()
        poll.register(self.socket, 0)
        return bool(poll.poll(0))

    def vanish(self) -> None:
        """Goes without a word, like a machine whose network is gone."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()


Enter = Callable[..., Member]


@pytest.fixture
def enter() -> Iterator[Enter]:
    """Opens members, and closes them after the test."""
    with ExitStack() as stack:
        yield lambda *place: stack.enter_context(Member(*place))


@pytest.fixture
def brief(hurried: Live) -> Iterator[Target]:
    """The server whose patience with slow readers is short."""
    with Target(hurried, hurried.deployment.servers[0]) as target:
        yield target


async def talk(live: Live, session: str, number: int) -> None:
    """Has somebody say so many large things, ten at a time."""
    async with live.client(live.person()) as talker:
        await talker.join(f"session:{session}")
        data = {"session": session, "body": LARGE}
        for _ in range(number // 10):
            await asyncio.gather(*(talker.ask(SEND, data, timeout=30_000 * MS) for _ in range(10)))


def closed(server: ServerProcess, *members: Member, code: int = 4511) -> bool:
    """Whether the server has ended all these connections with this code, says its log."""
    lines = [line for line in server.log_text().splitlines() if '"connection_closed"' in line]
    return all(any(member.id in line and f'"code": {code},' in line for line in lines) for member in members)


async def test_members_who_never_read_cost_little_memory_and_nobody_waits_for_them(brief: Target, enter: Enter) -> None:
    live, first = brief.live, brief.server
    session = live.session()
    # With a window beyond the kernel's buffers it is the server's own transport that gets stuck.
    second = live.deployment.add_server(env={"BDUF_OUTBOX_WINDOW": str(4 * MIB)})
    async with live.client(live.person()) as healthy:
        await healthy.join(f"session:{session}")
        members = [enter(live, session).shut() for _ in range(10)]
        stuck = [enter(live, session, second).shut() for _ in range(2)]
        before = first.rss_bytes()
        await asyncio.gather(*(talk(live, session, 100) for _ in range(4)))
        for _ in range(400):
            await healthy.expect(SENT, timeout=10_000 * MS)
        assert (healthy.stats.gaps, healthy.stats.connections) == (0, 1)
        await eventually(lambda: closed(first, *members), timeout=10_000 * MS)
        await eventually(lambda: closed(second, *stuck), timeout=10_000 * MS)
        assert first.rss_bytes() - before < len(members) * MEMORY_OF_A_CLIENT + NOISE

        late = members[0].place
        async with live.client(live.person()) as back:
            joined = await back.join(f"session:{session}", (late["epoch"], late["seq"]), timeout=30_000 * MS)
            assert joined.data["recovered"] == "full"
            for _ in range(400):
                await back.expect(SENT, timeout=10_000 * MS)
            assert (back.stats.gaps, back.stats.connections) == (0, 1)
    # Their sockets are cut, although what was written is never taken.
    await eventually(lambda: all(member.was_reset() for member in members + stuck), timeout=15_000 * MS)
    live.deployment.servers.remove(second)
    second.close()


async def test_whoever_gives_no_proof_of_reading_is_closed_4511(brief: Target, enter: Enter) -> None:
    live = brief.live
    session = live.session()
    silent, mute, liar = enter(live, session).shut(), enter(live, session), enter(live, session)
    reading = asyncio.create_task(asyncio.to_thread(mute.ending))
    await talk(live, session, 20)
    first_ping = await asyncio.to_thread(liar.expect, "ping")
    started = time.monotonic()
    await talk(live, session, 80)  # the window is full, and the queue behind it is not
    while not closed(brief.server, liar):
        for nonce in (first_ping["id"], "", "0" * 12, "made up"):
            liar.send({"type": "pong", "id": nonce} if nonce else {"type": "pong"})
        assert time.monotonic() - started < 10_000 * MS
        await asyncio.sleep(0.1)
    await eventually(lambda: closed(brief.server, silent, mute), timeout=5_000 * MS)
    ending = await reading
    assert ending.code == 4511
    assert ending.reason == "slow_consumer;retry_ms=1000"


async def test_whoever_stops_reading_the_own_answers_is_heard_no_further_and_closed_4511(
    brief: Target, enter: Enter
) -> None:
    live = brief.live
    session = live.session()
    await talk(live, session, 60)
    sender = enter(live, session).shut()
    refused = 'bduf_rate_limited_total{bucket="backlog"}'
    before, refusals = brief.server.rss_bytes(), live.metrics().get(refused, 0)
    # Answers that are far longer than a window would be given more time than a heartbeat has here.
    sender.write(commands("room:history", 30, {"room": sender.room, "limit": 20}))
    sender.write(commands(SEND, 12, {"session": session, "body": "unheard", "payload": "x" * 30_000}, start=30))
    await eventually(lambda: closed(brief.server, sender), timeout=10_000 * MS)
    assert brief.server.rss_bytes() - before < MEMORY_OF_A_CLIENT + NOISE
    assert live.metrics()[refused] > refusals
    async with live.client(live.person()) as reader:
        await reader.join(sender.room)
        past = (await reader.ask("room:history", {"room": sender.room})).data["events"]
    assert "unheard" not in [event["data"].get("body") for event in past]


async def test_whoever_reads_again_in_time_gets_every_message_and_the_latest_cursors(
    target: Target, enter: Enter
) -> None:
    live = target.live
    session = live.session()
    member = enter(live, session)
    async with live.client(live.person()) as mover:
        await mover.join(member.room)
        await talk(live, session, 90)
        for x in range(100):
            mover.tell("collaboration:cursor:move", {"session": session, "position": {"x": x}})
            await mover.ping()
        found = await asyncio.to_thread(member.read_and_answer, MOVED)
        while found[-1]["data"]["cursors"][0]["position"] != {"x": 99}:
            found += await asyncio.to_thread(member.read_and_answer, MOVED)
    assert [message["type"] for message in found].count(MOVED) <= 3  # of the hundred moves
    numbers = [message["seq"] for message in found if "seq" in message]
    assert numbers == list(range(member.place["seq"] + 1, member.place["seq"] + 1 + len(numbers)))
    assert [message["type"] for message in found].count(SENT) == 90
    member.close()


def test_whoever_sends_much_during_a_long_replay_gets_it_all_and_every_answer(target: Target, enter: Enter) -> None:
    live = target.live
    session = live.session()
    member = enter(live, session)
    asyncio.run(talk(live, session, 150))
    since = {"epoch": member.place["epoch"], "seq": member.place["seq"]}
    member.close()
    wire = target.authenticated()
    member.socket, member._buffer = wire.socket, wire._buffer
    member.send({"type": "room:join", "id": "join", "data": {"room": member.room, "since": since}})
    member.write(commands("collaboration:signal:send", 150, {"session": session, "name": "typing"}))
    found = member.read_and_answer("149")
    assert [message["type"] for message in found].count(SENT) == 150
    assert [message["id"] for message in found if message["type"] == "ack"] == ["join", *map(str, range(150))]


def test_peers_that_vanish_in_the_middle_leave_nothing_behind(target: Target, enter: Enter) -> None:
    live = target.live
    session = live.session()
    talker = target.authenticated()
    talker.ask("room:join", {"room": f"session:{session}"})
    gone = []
    for _ in range(3):
        for number in (300, 3_000):
            member = enter(live, session)
            member.write(commands("ping", number))
            member.vanish()
            gone.append(member)
        for _ in range(5):
            assert talker.ask(SEND, {"session": session, "body": LARGE})["type"] == "ack"
    wait_until(lambda: all(any(closed(target.server, one, code=code) for code in (1005, 1006)) for one in gone))
