"""This process's one subscription to the channel layer: what is sent together, what is left out, and its loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.layers import channel_layers

from bduf_realtime.gateway import layer as layers
from bduf_realtime.gateway import metrics
from tests.gateway.side import ROOM, Side, publish, started
from tests.servers import eventually

GROUP = "room.session.0"


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
