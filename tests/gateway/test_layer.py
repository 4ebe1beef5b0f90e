"""This process's one subscription to the channel layer: what is sent together, what is left out, and its loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from channels.layers import channel_layers
from redis.asyncio import Redis

from bduf_realtime.gateway import layer as layers
from bduf_realtime.gateway import metrics
from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.layer import Layer
from bduf_realtime.rooms.events import Appended
from tests.servers import MS, RedisServer, eventually, redis_server

ROOM = "session:0"
GROUP = "room.session.0"
LONG = 20_000 * MS


class Gate:
    """A channel layer whose sending waits for the test, or fails when told to."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.groups: list[str] = []
        self.open = asyncio.Event()
        self.error: Exception | None = None
        self.probes = True
        self._arrivals: asyncio.Queue[Any] = asyncio.Queue()

    async def new_channel(self) -> str:
        self._operate()
        return "channel"

    async def group_add(self, group: str, channel: str) -> None:
        self._operate()
        self.groups.append(group)

    async def group_discard(self, group: str, channel: str) -> None:
        self._operate()
        self.groups.remove(group)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self._operate()
        self.sent.append({"group": group, **message})
        await self.open.wait()

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        self._operate()
        if self.probes:
            self.arrive(message)

    async def receive(self, channel: str) -> Any:
        arrival = await self._arrivals.get()
        if isinstance(arrival, Exception):
            raise arrival
        return arrival

    def arrive(self, message: Any) -> None:
        self._arrivals.put_nowait(message)

    def _operate(self) -> None:
        if self.error is not None:
            raise self.error


class Side:
    """One process's layer, and what it was told."""

    def __init__(self, name: str) -> None:
        self.rooms: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []
        self.found = 0
        self.layer = Layer(name, Conf(layer_probe_interval=0.1), self.rooms.append, self._found)
        self.layer.on_note = self.notes.append

    async def _found(self) -> None:
        self.found += 1
        await self.layer.join(ROOM)

    def events(self) -> list[int]:
        return [seq for message in self.rooms for seq, _, frame in message["events"] if frame]


@asynccontextmanager
async def started(*sides: Side) -> AsyncIterator[None]:
    for side in sides:
        await side.layer.start()
    try:
        yield
    finally:
        for side in sides:
            await side.layer.stop()


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    gate = Gate()
    before = channel_layers.set("default", gate)
    yield gate
    channel_layers.set("default", before)


@pytest.fixture
async def side(gate: Gate) -> AsyncIterator[Side]:
    side = Side("here")
    async with started(side):
        await eventually(lambda: "instances" in gate.groups)
        yield side


def publish(side: Side, *numbers: int, room: str = ROOM, epoch: str = "e", frame: str = "frame") -> None:
    for seq in numbers:
        side.layer.publish_event(Appended(room, epoch, seq, "test:said", frame.encode()), frame)


def numbers(message: dict[str, Any]) -> list[int]:
    return [seq for seq, _, _ in message["events"]]


async def all_is_sent(gate: Gate) -> None:
    sent = -1
    while sent != len(gate.sent):
        sent = len(gate.sent)
        for _ in range(5):
            await asyncio.sleep(0)


# --- publishing --------------------------------------------------------------------------------------------------


async def test_what_comes_while_a_message_is_on_its_way_goes_out_as_one(gate: Gate, side: Side) -> None:
    publish(side, 1)
    await all_is_sent(gate)
    publish(side, 2, 3, 4)
    side.layer.publish_signal(ROOM, "signal", ["u1"])
    side.layer.publish_cursor(ROOM, "c1", "old")
    side.layer.publish_cursor(ROOM, "c1", "new")
    await all_is_sent(gate)
    assert [numbers(message) for message in gate.sent] == [[1]]
    gate.open.set()
    await all_is_sent(gate)
    assert [numbers(message) for message in gate.sent] == [[1], [2, 3, 4]]
    assert gate.sent[1] == {
        "group": GROUP,
        "type": "layer.room",
        "from": "here",
        "room": ROOM,
        "epoch": "e",
        "events": [(seq, "test:said", "frame") for seq in (2, 3, 4)],
        "signals": [("signal", ["u1"])],
        "cursors": {"c1": "new"},
    }


async def test_rooms_take_turns_with_a_message_each(gate: Gate, side: Side) -> None:
    publish(side, 1)
    await all_is_sent(gate)
    for seq in (2, 3):
        publish(side, seq)
        publish(side, seq, room="session:1")
    gate.open.set()
    await all_is_sent(gate)
    assert [(message["room"], numbers(message)) for message in gate.sent] == [
        (ROOM, [1]),
        (ROOM, [2, 3]),
        ("session:1", [2, 3]),
    ]


async def test_of_too_many_events_only_the_highest_number_is_told(
    gate: Gate, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "WAITING_EVENTS", 3)
    publish(side, 1, 2, 3, 4, 7, 6, 5)
    gate.open.set()
    await all_is_sent(gate)
    [message] = gate.sent
    assert [(seq, frame) for seq, _, frame in message["events"]] == [(1, "frame"), (2, "frame"), (3, "frame"), (7, "")]


async def test_of_too_many_bytes_only_the_highest_number_is_told_and_signals_are_dropped(
    gate: Gate, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "WAITING_BYTES", 20)
    publish(side, 1, 2, frame="x" * 10)
    side.layer.publish_signal(ROOM, "too late", None)
    publish(side, 3, 4, frame="x" * 10)
    gate.open.set()
    await all_is_sent(gate)
    [message] = gate.sent
    assert [seq for seq, _, frame in message["events"] if frame] == [1, 2]
    assert (message["events"][2:], message["signals"]) == ([(4, "test:said", "")], [])


async def test_events_of_a_log_that_is_no_more_are_left_out(gate: Gate, side: Side) -> None:
    publish(side, 7, 8)
    publish(side, 1, 2, epoch="of the next life")
    gate.open.set()
    await all_is_sent(gate)
    [message] = gate.sent
    assert (message["epoch"], numbers(message)) == ("of the next life", [1, 2])


async def test_a_layer_of_one_process_carries_nothing(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    side = Side("alone")
    async with started(side):
        assert side.layer.alone
        assert await side.layer.join(ROOM)
        publish(side, 1)
        await side.layer.tell_instances({"spent": {}})
        await side.layer.leave(ROOM)
        assert (side.layer._waiting, side.layer._tasks) == ({}, [])


# --- listening ---------------------------------------------------------------------------------------------------


async def test_messages_of_others_are_handed_on_and_ones_own_are_not(gate: Gate, side: Side) -> None:
    gate.arrive({"type": "layer.room", "from": "here", "room": ROOM})
    gate.arrive({"type": "layer.room", "from": "there", "room": ROOM})
    gate.arrive({"type": "layer.note", "from": "there", "spent": {"u": 1}})
    await eventually(lambda: bool(side.notes))
    assert [message["from"] for message in side.rooms] == ["there"]


@pytest.mark.parametrize("garbage", [{}, {"type": "layer.room"}, "text", None, 7, ValueError("not msgpack")])
async def test_what_cannot_be_read_does_not_end_the_listening(gate: Gate, side: Side, garbage: Any) -> None:
    gate.arrive(garbage)
    gate.arrive({"type": "layer.note", "from": "there"})
    await eventually(lambda: bool(side.notes))
    assert side.layer.up


# --- a layer that is lost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ConnectionError("refused"), TimeoutError()])
async def test_a_message_that_cannot_be_sent_loses_the_layer_until_a_probe_comes_back(
    gate: Gate, side: Side, error: Exception
) -> None:
    gate.open.set()
    gate.error = error
    publish(side, 1)
    await eventually(lambda: not side.layer.up)
    assert metrics.layer_up._value.get() == 0
    publish(side, 2)
    assert side.layer._waiting == {}
    gate.error = None
    await eventually(lambda: side.layer.up)
    await eventually(lambda: side.found == 1 and gate.groups[-1] == GROUP)
    assert metrics.layer_up._value.get() == 1
    publish(side, 3)
    await all_is_sent(gate)
    assert [numbers(message) for message in gate.sent] == [[3]]


async def test_a_message_that_is_never_taken_loses_the_layer(
    gate: Gate, side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "OPERATION_TIMEOUT", 0.05)
    gate.probes = False
    publish(side, 1)
    await eventually(lambda: not side.layer.up)


async def test_probes_that_do_not_come_back_lose_the_layer_and_late_ones_do_not_find_it(gate: Gate, side: Side) -> None:
    await eventually(lambda: side.layer._probe_seen > 0)
    gate.probes = False
    await eventually(lambda: not side.layer.up)
    gate.arrive({"type": "layer.probe", "n": side.layer._probe_sent - 1})
    await all_is_sent(gate)
    assert (side.layer.up, side.found) == (False, 0)
    gate.probes = True
    await eventually(lambda: side.layer.up and side.found == 1)


async def test_receiving_that_fails_loses_the_layer_and_is_tried_again(gate: Gate, side: Side) -> None:
    gate.arrive(ConnectionError("reset"))
    await eventually(lambda: side.found == 1)
    gate.arrive({"type": "layer.note", "from": "there"})
    await eventually(lambda: bool(side.notes))


async def test_a_room_that_is_joined_while_the_layer_is_lost_is_joined_when_it_is_found(gate: Gate, side: Side) -> None:
    gate.error = ConnectionError("refused")
    assert not await side.layer.join(ROOM)
    assert not side.layer.up
    assert not await side.layer.join("session:1")
    gate.error = None
    await eventually(lambda: GROUP in gate.groups)


async def test_a_process_starts_without_the_layer_and_finds_it_later(gate: Gate) -> None:
    gate.error = ConnectionError("refused")
    side = Side("early")
    async with started(side):
        assert not side.layer.up
        assert not await side.layer.join(ROOM)
        await side.layer.leave(ROOM)
        gate.error = None
        await eventually(lambda: side.layer.up and side.found == 1)
        assert set(gate.groups) == {"instances", GROUP}


# --- on a real Redis ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def redis() -> Any:
    with redis_server(own=True) as server:
        yield server


@pytest.fixture
async def pair(redis: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Side]]:
    """Two processes' layers on one Redis, each with connections of its own, both in the room."""
    monkeypatch.setattr(layers, "OPERATION_TIMEOUT", 1_000 * MS)
    on_redis(redis, settings)
    sides = []
    for name in ("one", "other"):
        channel_layers.backends.clear()
        sides.append(Side(name))
    async with started(*sides):
        for side in sides:
            assert await side.layer.join(ROOM)
        await hears(*sides)
        yield sides


def on_redis(redis: RedisServer, settings: Any) -> None:
    hosts = [{"address": redis.url, "socket_connect_timeout": 2, "socket_timeout": 10}]
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}


async def hears(one: Side, other: Side) -> None:
    """Each side publishes until the other has heard of it."""
    for speaker, listener in ((one, other), (other, one)):
        last = len(listener.rooms)

        def heard(speaker: Side = speaker, listener: Side = listener, last: int = last) -> bool:
            publish(speaker, 1)
            return len(listener.rooms) > last

        await eventually(heard, timeout=LONG)


@pytest.mark.live
async def test_two_processes_hear_each_other_through_redis_in_order(pair: list[Side]) -> None:
    one, other = pair
    heard = len(other.events())
    publish(one, *range(10, 500))
    one.layer.publish_signal(ROOM, "signal é ☂", ["u1"])
    one.layer.publish_cursor(ROOM, "c1", "cursor")
    await one.layer.tell_instances({"spent": {"u1": 2.5}})
    await eventually(lambda: len(other.events()) >= heard + 490 and bool(other.notes), timeout=LONG)
    assert other.events()[-490:] == list(range(10, 500))
    assert [signal for message in other.rooms for signal in message["signals"]] == [["signal é ☂", ["u1"]]]
    assert [message["cursors"] for message in other.rooms if message["cursors"]] == [{"c1": "cursor"}]
    assert other.notes[0]["spent"] == {"u1": 2.5}
    assert 499 not in one.events()


@pytest.mark.live
async def test_who_has_left_a_room_hears_no_more_of_it(pair: list[Side]) -> None:
    one, other = pair
    await other.layer.leave(ROOM)
    heard = len(other.rooms)
    publish(one, 7)
    await one.layer.tell_instances({"spent": {}})
    await eventually(lambda: bool(other.notes), timeout=LONG)
    assert len(other.rooms) == heard


@pytest.mark.live
async def test_a_redis_that_was_killed_is_found_again_when_it_is_back_empty(
    pair: list[Side], redis: RedisServer
) -> None:
    redis.kill()
    await lost(pair)
    for side in pair:
        publish(side, *range(100))
        assert side.layer._waiting == {}
    redis.start()
    await found(pair)
    await hears(*pair)


@pytest.mark.live
async def test_a_redis_that_hangs_is_given_up_and_found_again_when_it_goes_on(
    pair: list[Side], redis: RedisServer
) -> None:
    redis.pause()
    try:
        await lost(pair)
        assert not await asyncio.wait_for(pair[0].layer.join("session:1"), 5)
    finally:
        redis.resume()
    await found(pair)
    await hears(*pair)


@pytest.mark.live
async def test_connections_that_redis_cuts_are_made_again(pair: list[Side], redis: RedisServer) -> None:
    client = Redis.from_url(redis.url)
    for kind in ("pubsub", "normal"):
        await client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    await client.aclose()
    await hears(*pair)


@pytest.mark.live
async def test_a_process_that_starts_before_redis_finds_it(
    redis: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "OPERATION_TIMEOUT", 1_000 * MS)
    on_redis(redis, settings)
    redis.kill()
    sides = []
    for name in ("one", "other"):
        channel_layers.backends.clear()
        sides.append(Side(name))
    async with started(*sides):
        assert [side.layer.up for side in sides] == [False, False]
        redis.start()
        await found(sides)
        await hears(*sides)


async def lost(sides: list[Side]) -> None:
    await eventually(lambda: not any(side.layer.up for side in sides), timeout=LONG)


async def found(sides: list[Side]) -> None:
    check: Callable[[], bool] = lambda: all(side.layer.up and side.found for side in sides)  # noqa: E731
    await eventually(check, timeout=LONG)
