"""Floods of commands, joins, cursors, pings and handshakes: each is limited, and nobody else notices."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import statistics
import time
from typing import Any

import pytest
from websockets.asyncio.client import connect

from bduf_realtime.client import Client, Event
from tests.conftest import HURRIED
from tests.hostile.target import Target
from tests.hostile.wire import PING, Ended, Ending, Wire, frame
from tests.live import Live
from tests.servers import MS, eventually

pytestmark = pytest.mark.live

# The default limits, in commands per second; every bucket holds two seconds of them.
CONNECTION, USER, MESSAGES, JOINS = 200, 400, 100, 20
BURST = 2
HANDSHAKES = int(HURRIED["BDUF_RATE_HANDSHAKE"])
MIB = 1 << 20


def commands(type: str, number: int, data: Any = None, *, start: int = 0) -> bytes:
    """The bytes of many commands, with the ids 0, 1, 2 …"""
    body = {} if data is None else {"data": data}
    ids = range(start, start + number)
    return b"".join(frame(json.dumps({"type": type, "id": str(id)} | body).encode()) for id in ids)


def answers(wire: Wire, number: int) -> list[dict[str, Any]]:
    """Reads as many answers, in the order of their arrival."""
    found: list[dict[str, Any]] = []
    while len(found) < number:
        message = wire.receive()
        if message["type"] == "ping":
            wire.send({"type": "pong", "id": message["id"]})
        elif message.get("id") is not None:
            found.append(message)
    return found


def served(found: list[dict[str, Any]]) -> list[int]:
    """The numbers of the commands that were served."""
    return [int(answer["id"]) for answer in found if answer["type"] != "error"]


def refusals(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [answer for answer in found if answer["type"] == "error"]


# One connection


def test_of_a_thousand_messages_at_once_the_first_are_served_and_the_rest_told_to_wait(target: Target) -> None:
    session = target.live.session()
    wire = target.authenticated()
    room = f"session:{session}"
    joined = wire.ask("room:join", {"room": room})
    send = "collaboration:message:send"
    started = time.monotonic()
    wire.write(commands(send, 1_000, {"session": session, "body": "flood"}))
    found = answers(wire, 1_000)
    at_most = MESSAGES * BURST + MESSAGES * (time.monotonic() - started) + 1
    assert sorted(served(found))[: MESSAGES * BURST] == list(range(MESSAGES * BURST))
    assert len(served(found)) <= at_most
    for refused in refusals(found):
        assert refused["code"] == "rate.limited"
        assert refused["retryable"] is True
        assert refused["retry_after_ms"] > 0
        assert refused["details"] == {"bucket": "message", "type": send}
    past = wire.ask("room:history", {"room": room, "limit": 500})["data"]
    assert past["head"] == joined["data"]["seq"] + len(served(found))  # what was refused left no trace


async def test_a_client_that_waits_as_it_is_told_gets_everything_through(live: Live) -> None:
    session = live.session()
    async with live.client(live.person()) as client:
        await client.join(f"session:{session}")
        data = {"session": session, "body": "patient"}
        asks = [client.ask("collaboration:message:send", data, timeout=30_000 * MS) for _ in range(300)]
        acks = await asyncio.gather(*asks)
    assert sorted(ack.seq or 0 for ack in acks) == list(range(acks[0].seq or 0, (acks[0].seq or 0) + 300))
    assert 0 < client.stats.retries < 200  # each that was refused is given a time of its own
    assert client.stats.connections == 1


def test_whoever_goes_on_in_three_successive_seconds_is_closed_4529(target: Target) -> None:
    wire = target.authenticated()
    started = time.monotonic()
    ending, pongs = flooded_until_the_end(wire)
    elapsed = time.monotonic() - started
    assert ending.code == 4529
    assert ending.reason == "rate.limited;retry_ms=5000"
    assert set(ending.codes) <= {"rate.limited"}
    assert CONNECTION * BURST <= pongs <= CONNECTION * BURST + CONNECTION * elapsed + 1
    assert elapsed > 1.0


def flooded_until_the_end(wire: Wire) -> tuple[Ending, int]:
    """Sends pings as fast as they are answered; returns how it ended, and how many were answered with a pong."""
    pongs = 0
    for start in itertools.count(0, 50):
        try:
            wire.write(commands("ping", 50, start=start))
            pongs += len(served(answers(wire, 50)))
        except Ended as ended:
            return ended.ending, pongs
    raise AssertionError


def test_protocol_pings_whose_pongs_are_not_read_cost_no_memory(target: Target) -> None:
    wire = target.authenticated()
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    before = target.server.rss_bytes()
    for _ in range(10):
        wire.write(frame(b"p" * 125, PING) * 15_000)
    assert target.server.rss_bytes() - before < 8 * MIB


async def test_every_protocol_ping_of_a_peer_that_reads_is_answered(live: Live) -> None:
    token = {"Authorization": f"Bearer {live.person().token}"}
    async with connect(f"{live.ws_url}/ws/", additional_headers=token, proxy=None) as socket:
        pongs = [await socket.ping(str(number)) for number in range(1_000)]
        async with asyncio.timeout(10_000 * MS):
            assert min(await asyncio.gather(*pongs)) >= 0


def test_coming_and_going_all_the_time_is_limited_and_announced_once(target: Target) -> None:
    session = target.live.session()
    person = target.person()
    wire = target.authenticated(person.token)
    room = f"session:{session}"
    for start in range(0, 200, 2):
        wire.write(commands("room:join", 1, {"room": room}, start=start))
        wire.write(commands("room:leave", 1, {"room": room}, start=start + 1))
    started = time.monotonic()
    found = answers(wire, 200)
    at_most = JOINS * BURST + JOINS * (time.monotonic() - started) + 1
    assert JOINS * BURST <= len(served(found)) + len(not_joined(found)) <= at_most
    limited = [refused for refused in refusals(found) if refused not in not_joined(found)]
    assert {(refused["code"], refused["details"]["bucket"]) for refused in limited} == {("rate.limited", "join")}
    events = wire.ask("room:history", {"room": room})["data"]["events"]
    of_this_user = [event["type"] for event in events if event["by"]["user"] == person.id]
    assert of_this_user == ["collaboration:participant:joined"]


def not_joined(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leaves of a room whose join had been refused."""
    return [answer for answer in refusals(found) if answer["code"] == "room.not_joined"]


async def test_a_flood_of_cursor_moves_is_limited_and_does_not_touch_the_users_messages(
    strictly_limited: Live,
) -> None:
    live = strictly_limited
    session = live.session()
    room = f"session:{session}"
    send = "collaboration:message:send"
    errors: list[Event] = []
    async with live.client(live.person(), on_event=errors.append) as mover:
        await mover.join(room)
        until = time.monotonic() + 1.5  # longer than any other flood is suffered there
        while time.monotonic() < until:
            for _ in range(100):
                mover.tell("collaboration:cursor:move", {"session": session, "position": {"x": 1}})
            ack = await mover.ask(send, {"session": session, "body": "still here"}, retry=False)
            assert ack.seq is not None
            await asyncio.sleep(0.1)
        assert mover.stats.connections == 1
    told = [(error["code"], error["details"]["bucket"]) for error in errors]
    assert set(told) == {("rate.limited", "cursor")}
    assert 1 <= len(told) <= 3  # once a second


# One user


def test_a_users_limit_holds_over_fifty_sockets_and_over_new_ones(target: Target) -> None:
    person = target.person()
    wires = [target.authenticated(person.token) for _ in range(49)]
    started = time.monotonic()
    for wire in wires:
        wire.write(commands("ping", 40))
    found = [answer for wire in wires for answer in answers(wire, 40)]
    wires[0].close()
    fresh = target.authenticated(person.token)  # whose own buckets are full
    fresh.write(commands("ping", CONNECTION))
    found += answers(fresh, CONNECTION)
    at_most = USER * BURST + USER * (time.monotonic() - started) + 1
    assert USER * BURST <= len(served(found)) <= at_most
    assert {refused["details"]["bucket"] for refused in refusals(found)} == {"user"}


def test_a_users_limit_holds_over_both_instances(pair: tuple[Target, Target]) -> None:
    one, other = pair
    person = one.person()
    quiet = other.authenticated(person.token)
    deadline = time.monotonic() + 10_000 * MS
    asked, found = 0, []
    # Far fewer than the other instance alone would serve: only what it hears can make it refuse.
    while not refusals(found) and asked < USER * BURST - 100 and time.monotonic() < deadline:
        busy = [one.authenticated(person.token) for _ in range(10)]
        for wire in busy:
            wire.write(commands("ping", 150))
        for wire in busy:
            answers(wire, 150)
            wire.close()
        quiet.write(commands("ping", 50, start=asked))
        found += answers(quiet, 50)
        asked += 50
    assert {refused["details"]["bucket"] for refused in refusals(found)} == {"user"}


async def test_without_redis_every_instance_keeps_its_own_limit(hurried: Live) -> None:
    redis = hurried.deployment.redis
    assert redis is not None
    redis.kill()
    try:
        await eventually(lambda: hurried.metrics()["bduf_layer_up"] == 0, timeout=15_000 * MS)
        with Target(hurried, hurried.deployment.servers[0]) as target:
            target.traceback_expected = True  # the layer's library may tell only now that Redis is gone
            person = target.person()
            wires = [target.authenticated(person.token) for _ in range(10)]
            started = time.monotonic()
            for wire in wires:
                wire.write(commands("ping", 150))
            found = [answer for wire in wires for answer in answers(wire, 150)]
            assert len(served(found)) <= USER * BURST + USER * (time.monotonic() - started) + 1
            assert {refused["details"]["bucket"] for refused in refusals(found)} == {"user"}
    finally:
        redis.start()
        await eventually(lambda: hurried.metrics()["bduf_layer_up"] == 1, timeout=15_000 * MS)


# Everybody else


async def test_a_project_under_a_flood_does_not_slow_down_another(live: Live) -> None:
    quiet = live.person()
    status, project = live.rest("POST", "projects/", quiet, {"name": "Quiet"})
    assert status == 201
    status, session = live.rest("POST", "sessions/", quiet, {"project": project["id"], "name": "Quiet"})
    assert status == 201
    hot = live.session()
    async with live.client(quiet) as client:
        await client.join(f"session:{session['id']}")
        for_free = await latencies(client, session["id"])
        flood = [asyncio.create_task(member_flooding(live, hot)) for _ in range(5)]
        await eventually(lambda: live.metrics()['bduf_rate_limited_total{bucket="message"}'] > 0)
        beside_the_flood = await latencies(client, session["id"])
        for task in flood:
            task.cancel()
        await asyncio.gather(*flood, return_exceptions=True)
    assert statistics.median(beside_the_flood) < 10 * statistics.median(for_free) + 250 * MS


async def latencies(client: Client, session: str) -> list[float]:
    found = []
    for number in range(30):
        started = time.perf_counter()
        await client.ask("collaboration:message:send", {"session": session, "body": str(number)})
        found.append(time.perf_counter() - started)
    return found


async def member_flooding(live: Live, session: str) -> None:
    """Sends ten times what one may, until cancelled."""
    async with live.client(live.person()) as client:
        await client.join(f"session:{session}")
        while True:
            for _ in range(100):
                client.tell("collaboration:message:send", {"session": session, "body": "hot"})
            await asyncio.sleep(0.1)


async def test_a_flood_of_handshakes_is_refused_and_disturbs_nobody_at_another_address(hurried: Live) -> None:
    refused = 'bduf_handshakes_refused_total{reason="rate"}'
    before = hurried.metrics().get(refused, 0)
    async with hurried.client(hurried.person()) as client:
        trips: list[float] = []
        started = time.monotonic()
        flood = asyncio.gather(*(asyncio.to_thread(handshakes, hurried, 100, "203.0.113.7") for _ in range(4)))
        while not flood.done():
            trips.append(await client.ping())
        statuses = [status for part in await flood for status in part]
        assert set(statuses) <= {101, 403}
        assert statuses.count(101) <= HANDSHAKES * BURST + HANDSHAKES * (time.monotonic() - started) + 1
        assert handshakes(hurried, 1, "203.0.113.8") == [101]
        assert max(trips) < 1_000 * MS
        assert client.stats.connections == 1
    assert hurried.metrics()[refused] - before == statuses.count(403)
    await eventually(lambda: handshakes(hurried, 1, "203.0.113.7") == [101])


def handshakes(live: Live, number: int, address: str) -> list[int]:
    """Tries so many handshakes, as a proxy passes them on; returns the HTTP statuses."""
    statuses = []
    for _ in range(number):
        with Wire(live.deployment.servers[0].port) as wire:
            statuses.append(wire.shake(headers=[("X-Forwarded-For", address)]).status)
    return statuses


# What is counted


def test_whatever_clients_call_themselves_and_ask_for_the_metrics_stay_the_same_series(target: Target) -> None:
    invent(target, "warm")
    before = set(target.live.metrics())
    for number in range(20):
        invent(target, f"flood{number}")
    assert {name for name in target.live.metrics() if "flood" in name} == set()
    assert set(target.live.metrics()) == before


def invent(target: Target, name: str) -> None:
    """Comes along with a user agent, a client name, a path, types, fields and a room that nobody has heard of."""
    person = target.person()
    agent = [("User-Agent", f"agent-{name}"), ("X-Forwarded-For", f"10.0.0.{len(name)}")]
    assert target.refusal(f"/ws/{name}/", agent).status == 403
    assert target.http("GET", f"/{name}/", agent).status == 404
    wire = target.accepted(headers=agent)
    hello = {"token": person.token, "client": {"name": name, "version": name, "instance": name}}
    wire.send({"type": "hello", "id": "hello", "data": hello | {"capabilities": [name], "timezone": name}})
    assert wire.answer("hello")["type"] == "ack"
    assert wire.ask("room:join", {"room": f"{name}:1"})["code"] == "room.not_found"
    assert wire.ask("ping", {name: 1})["code"] == "msg.unknown_field"
    for number in range(3):
        assert wire.ask(f"{name}:{number}")["code"] == "msg.unknown_type"
    wire.send(name)
    ending = wire.ending()
    assert ending.codes == ["msg.bad_json"]
    assert ending.code == 4422
