"""Pings, silence, capacity and the states of connections, against servers whose clocks run fast."""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any
from uuid import UUID

import pytest

from bduf_realtime.client import Client
from tests.conftest import HURRIED
from tests.hostile.wire import CLOSE, Ended, Ending, Wire, frame
from tests.live import Live
from tests.servers import MS, eventually

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


class Answering(threading.Thread):
    """A connection that answers pings, or not even that, until the server ends it."""

    def __init__(self, live: Live, *, pings: bool) -> None:
        super().__init__(daemon=True)
        self.pings = pings
        self.wire = Wire(live.deployment.servers[0].port)
        assert self.wire.shake(token=live.person().token).status == 101
        self.id = self.wire.expect("connected")["data"]["connection"]
        self.started, self.seconds = time.monotonic(), 0.0
        self.asked = 0
        self.ending: Ending | None = None
        self.start()

    def run(self) -> None:
        try:
            while True:
                nonce = self.wire.expect("ping")["id"]
                self.asked += 1
                if self.pings:
                    self.wire.send({"type": "pong", "id": nonce})
        except Ended as ended:
            self.seconds = time.monotonic() - self.started
            self.ending = ended.ending

    def close(self) -> None:
        self.wire.write(frame(b"", CLOSE))
        self.join()
        self.wire.close()


@pytest.fixture(scope="module", autouse=True)
def silent(hurried: Live) -> Iterator[Answering]:
    """A connection that says nothing from the first test of this module on."""
    with closing(Answering(hurried, pings=False)) as connection:
        yield connection


@pytest.fixture(scope="module", autouse=True)
def quiet(hurried: Live) -> Iterator[Answering]:
    """A connection that only answers pings from the first test of this module on."""
    with closing(Answering(hurried, pings=True)) as connection:
        yield connection


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
    seen: set[str] = set()

    def disconnected() -> bool:
        seen.add(row(hurried, client.info["connection"]).get("state", ""))
        return "disconnected" in seen

    async with hurried.client(hurried.person()) as client:
        await client.join(f"project:{hurried.project}")
    await eventually(disconnected, timeout=10_000 * MS)
    assert "reconnecting" not in seen


# Capacity


async def test_beyond_its_capacity_an_instance_closes_4507_and_serves_those_it_has(hurried: Live, wires: Any) -> None:
    async with hurried.client(hurried.person()) as client:
        waiting = [wires() for _ in range(CAPACITY)]
        ending = waiting[-1].ending()
        assert ending.code == 4507
        assert ending.reason == "quota.exceeded;retry_ms=2000"
        assert await client.ping() > 0
        for wire in waiting:
            wire.close()
        async with hurried.client(hurried.person()) as later:  # it tries until there is room
            assert await later.ping() > 0


# Silence


async def test_a_silent_connection_is_closed_4509(silent: Answering) -> None:
    await eventually(lambda: silent.ending, timeout=2 * TIMEOUT)
    assert silent.ending is not None
    assert silent.ending.code == 4509
    assert silent.ending.reason == "heartbeat_timeout;retry_ms=1000"
    assert silent.asked >= 2
    assert TIMEOUT - 0.5 < silent.seconds < 2 * TIMEOUT


async def test_a_connection_that_only_answers_pings_stays_and_is_idle(hurried: Live, quiet: Answering) -> None:
    await eventually(lambda: time.monotonic() - quiet.started > TIMEOUT + 1, timeout=2 * TIMEOUT)
    assert quiet.ending is None
    assert row(hurried, quiet.id)["state"] == "idle"
    asked = quiet.asked
    await eventually(lambda: quiet.asked > asked)
