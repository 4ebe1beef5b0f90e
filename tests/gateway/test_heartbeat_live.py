"""Pings, silence, capacity and the states of connections, against servers whose clocks run fast."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any
from uuid import UUID

import pytest

from bduf_realtime.client import Client
from tests.conftest import HURRIED
from tests.hostile.wire import Wire
from tests.live import Live
from tests.servers import MS, eventually, wait_until

pytestmark = pytest.mark.live

INTERVAL = float(HURRIED["BDUF_HEARTBEAT_INTERVAL"])
TIMEOUT = float(HURRIED["BDUF_HEARTBEAT_TIMEOUT"])
CAPACITY = int(HURRIED["BDUF_MAX_CONNECTIONS"])
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def wires(hurried: Live) -> Iterator[Any]:
    """Opens sockets that do nothing by themselves, and closes them after the test."""
    with ExitStack() as stack:

        def opened(token: str | None = None) -> Wire:
            wire = stack.enter_context(Wire(hurried.deployment.servers[0].port))
            assert wire.shake(token=token).status == 101
            return wire

        yield opened


def row(live: Live, connection: str) -> dict[str, Any]:
    """What the server has written of a connection."""
    path = live.deployment.env["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        query = "SELECT * FROM gateway_connection WHERE id = ?"
        found = database.execute(query, [UUID(connection).hex]).fetchone()
    return dict(found) if found else {}


async def in_state(live: Live, client: Client, state: str, connection: str = "") -> dict[str, Any]:
    """Returns a connection's row once it is in this state."""
    name = connection or client.info["connection"]
    await eventually(lambda: row(live, name).get("state") == state, timeout=10_000 * MS, what=f"{name} {state}")
    return row(live, name)


# Pings


def test_the_server_says_how_often_it_pings_and_does(hurried: Live, wires: Any) -> None:
    wire = wires(hurried.person().token)
    greeting = wire.expect("connected")["data"]
    assert greeting["heartbeat"] == {"interval": INTERVAL, "timeout": TIMEOUT}
    nonces, times = [], []
    for _ in range(3):
        nonces.append(wire.expect("ping")["id"])
        times.append(time.monotonic())
        wire.send({"type": "pong", "id": nonces[-1]})
    assert len(set(nonces)) == 3
    assert 1.5 * INTERVAL < times[2] - times[0] < 10 * INTERVAL


def test_a_ping_is_answered_with_the_servers_time(hurried: Live, wires: Any) -> None:
    wire = wires(hurried.person().token)
    pong = wire.ask("ping", id="mine")
    assert (pong["type"], pong["id"]) == ("pong", "mine")
    assert INSTANT.fullmatch(pong["data"]["server_time"])
    wire.send({"type": "ping"})
    assert "id" not in wire.expect("pong")


async def test_the_round_trip_is_recorded_for_each_connection_and_counted(hurried: Live) -> None:
    counted = "bduf_round_trip_seconds_count"
    before = hurried.metrics()[counted]
    async with hurried.client(hurried.person(), name="probe", version="2.0") as client:
        connection = client.info["connection"]
        await eventually(lambda: row(hurried, connection).get("round_trip_ms"), timeout=10_000 * MS)
        written = row(hurried, connection)
        assert 0 < written["round_trip_ms"] < TIMEOUT * 1_000
        assert written["client"] == "probe 2.0"
    assert hurried.metrics()[counted] > before


async def test_a_silent_connection_is_closed_4509_and_one_that_only_answers_pings_is_not(
    hurried: Live, wires: Any
) -> None:
    silent = wires(hurried.person().token)
    started = time.monotonic()
    async with hurried.client(hurried.person()) as quiet:
        ending = await asyncio.to_thread(silent.ending)
        assert ending.code == 4509
        assert ending.reason in ("heartbeat_timeout;retry_ms=1000", "")  # daphne cannot send reasons
        assert [message["type"] for message in ending.messages].count("ping") >= 2
        assert TIMEOUT <= time.monotonic() - started < 2 * TIMEOUT
        assert await quiet.ping() > 0
        assert quiet.stats.connections == 1
        idle = row(hurried, quiet.info["connection"])
        assert idle["state"] == "idle"  # an answer to a ping is no activity


# States


async def test_a_connection_is_authenticated_idle_and_authenticated_again(hurried: Live) -> None:
    session = hurried.session()
    async with hurried.client(hurried.person()) as client:
        await in_state(hurried, client, "authenticated")
        idle = await in_state(hurried, client, "idle")
        await eventually(lambda: hurried.metrics()['bduf_connections{state="idle"}'] >= 1)
        await client.join(f"session:{session}")
        active = await in_state(hurried, client, "authenticated")
    assert active["last_activity"] > idle["last_activity"]
    assert active["closed_at"] is None


async def test_who_was_in_a_session_and_lost_the_connection_is_reconnecting_for_the_grace_period(
    hurried: Live,
) -> None:
    person, room = hurried.person(), f"session:{hurried.session()}"
    async with hurried.client(person) as client:
        await client.join(room)
        lost = client.info["connection"]
    written = await in_state(hurried, client, "reconnecting")
    assert written["closed_at"] is not None
    await eventually(lambda: hurried.metrics()['bduf_connections{state="reconnecting"}'] >= 1)
    await in_state(hurried, client, "disconnected", lost)


async def test_who_is_back_is_no_longer_reconnecting(hurried: Live) -> None:
    person, room = hurried.person(), f"session:{hurried.session()}"
    async with hurried.client(person) as client:
        await client.join(room)
        lost = client.info["connection"]
    async with hurried.client(person) as back:
        await back.join(room)
        written = await in_state(hurried, back, "disconnected", lost)
        assert row(hurried, back.info["connection"])["closed_at"] is None
    assert written["close_code"] == 1000


async def test_who_was_in_no_session_is_disconnected_at_once(hurried: Live) -> None:
    async with hurried.client(hurried.person()) as client:
        await client.join(f"project:{hurried.project}")
        seen: set[str] = set()
    await eventually(
        lambda: seen.add(row(hurried, client.info["connection"])["state"]) or "disconnected" in seen,
        timeout=10_000 * MS,
    )
    assert "reconnecting" not in seen


# Capacity


async def test_beyond_its_capacity_an_instance_closes_4507_and_serves_those_it_has(hurried: Live, wires: Any) -> None:
    async with hurried.client(hurried.person()) as client:
        waiting = [wires() for _ in range(CAPACITY)]
        ending = waiting[-1].ending()
        assert ending.code == 4507
        assert ending.reason in ("quota.exceeded;retry_ms=2000", "")
        assert await client.ping() > 0
        for wire in waiting:
            wire.close()
        person = hurried.person()
        await asyncio.to_thread(wait_until, lambda: serves(wires, person.token), timeout=10_000 * MS)


def serves(wires: Any, token: str) -> bool:
    wire = wires(token)
    return bool(wire.receive()["type"] == "connected")
