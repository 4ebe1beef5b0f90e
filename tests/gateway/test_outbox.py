"""What waits for one connection: its order, its bounds, its batches, and the proof that the peer reads."""

from __future__ import annotations

import asyncio
import json

import pytest

from bduf_realtime.gateway.cursors import cursor_lane
from tests.gateway.peer import Peer, a_few_turns, all_sent, outbox_to, put
from tests.servers import eventually

LANE = cursor_lane("session:1")


@pytest.fixture
async def peer() -> Peer:
    return Peer()


# --- order and batches -------------------------------------------------------------------------------------------


async def test_frames_leave_in_the_order_they_were_put_one_message_each(peer: Peer) -> None:
    outbox = outbox_to(peer)
    put(outbox, 1, 2, 3)
    await eventually(lambda: all_sent(outbox))
    assert peer.texts == ["1", "2", "3"]
    assert outbox.frames_sent == 3


async def test_a_client_that_takes_batches_gets_what_has_gathered_as_one_array(peer: Peer) -> None:
    outbox = outbox_to(peer, batch=True)
    put(outbox, 1)
    await eventually(lambda: all_sent(outbox))
    put(outbox, 2, 3, 4)
    await eventually(lambda: all_sent(outbox))
    assert peer.texts == ["1", "[2,3,4]"]
    assert outbox.frames_sent == 4


async def test_a_batch_ends_where_the_next_ping_is_due(peer: Peer) -> None:
    outbox = outbox_to(peer, batch=True, outbox_ping_bytes=20)
    put(outbox, *["x" * 8] * 5)
    await eventually(lambda: all_sent(outbox))
    assert [len(json.loads(text)) for text in peer.texts if text.startswith("[")] == [2, 2]
    assert len(peer.frames) == 5


async def test_the_first_frame_leaves_at_once_and_those_behind_it_gather(peer: Peer) -> None:
    outbox = outbox_to(peer, batch=True, flush_interval=0.05)
    put(outbox, 1)
    await eventually(lambda: peer.texts == ["1"])
    put(outbox, 2)
    await asyncio.sleep(0)
    put(outbox, 3)
    assert peer.texts == ["1"]
    await eventually(lambda: all_sent(outbox))
    assert peer.texts == ["1", "[2,3]"]


async def test_a_frame_behind_a_lane_leaves_at_once(peer: Peer) -> None:
    outbox = outbox_to(peer, batch=True, flush_interval=60)
    outbox.put_latest(LANE, {"a": "1"})
    await eventually(lambda: len(peer.texts) == 1)
    put(outbox, 1)
    await eventually(lambda: peer.texts[1:] == ["1"])


# --- the lane ----------------------------------------------------------------------------------------------------


async def test_of_each_key_in_a_lane_only_the_latest_value_is_sent(peer: Peer) -> None:
    outbox = outbox_to(peer)
    outbox.put_latest(LANE, {"a": "1", "b": "2"})
    outbox.put_latest(LANE, {"a": "3"})
    await eventually(lambda: bool(peer.texts))
    assert peer.frames == [{"type": "collaboration:cursor:moved", "room": "session:1", "data": {"cursors": [3, 2]}}]


async def test_values_given_to_several_connections_are_not_changed_by_one_of_them(peer: Peer) -> None:
    shared = {"a": "1"}
    outbox = outbox_to(peer)
    outbox.put_latest(LANE, shared)
    outbox.put_latest(LANE, {"a": "2", "b": "3"})
    await eventually(lambda: bool(peer.texts))
    assert shared == {"a": "1"}


async def test_lanes_of_two_rooms_are_frames_of_their_own_behind_the_ordered_ones(peer: Peer) -> None:
    outbox = outbox_to(peer, batch=True)
    outbox.put_latest(LANE, {"a": "1"})
    outbox.put_latest(cursor_lane("session:2"), {"a": "2"})
    put(outbox, "ordered")
    await eventually(lambda: all_sent(outbox))
    assert [frame if isinstance(frame, str) else frame["room"] for frame in peer.frames] == [
        "ordered",
        "session:1",
        "session:2",
    ]
    assert len(peer.texts) == 1


# --- bounds ------------------------------------------------------------------------------------------------------


async def test_too_many_waiting_frames_overflow(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_frames=3)
    put(outbox, 1, 2, 3)
    assert peer.overflows == 0
    put(outbox, 4)
    assert peer.overflows == 1


async def test_too_many_waiting_bytes_overflow_counted_as_they_travel(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_bytes=100)
    outbox.put("é" * 25)
    outbox.put("☂" * 16)
    assert (peer.overflows, outbox.bytes_waiting) == (0, 98)
    outbox.put("x" * 3)
    assert (peer.overflows, outbox.bytes_waiting) == (1, 101)


async def test_one_frame_may_be_larger_than_the_bound(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_bytes=100)
    put(outbox, "x" * 500)
    assert peer.overflows == 0
    await eventually(lambda: all_sent(outbox))
    assert peer.frames == ["x" * 500]


async def test_a_lane_never_overflows(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_frames=1, outbox_bytes=10, outbox_window=1)
    put(outbox, 1)
    await eventually(lambda: all_sent(outbox))
    for number in range(1_000):
        outbox.put_latest(LANE, {"a": str(number)})
    assert (peer.overflows, outbox.bytes_waiting) == (0, 0)


async def test_congestion_and_crowding_are_told_before_the_overflow(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_frames=8)
    told = []
    for number in range(6):
        put(outbox, number)
        told.append((outbox.crowded, outbox.congested))
    assert told == [(False, False)] * 2 + [(True, False)] * 2 + [(True, True)] * 2


# --- pings and the window ----------------------------------------------------------------------------------------


async def test_a_ping_follows_after_so_many_bytes(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_ping_bytes=100)
    put(outbox, *["x" * 38] * 5)
    await eventually(lambda: all_sent(outbox))
    kinds = ["ping" if text.startswith("{") else "frame" for text in peer.texts]
    assert kinds == ["frame", "frame", "frame", "ping", "frame", "frame"]


async def test_without_pongs_sending_stops_at_the_window_and_goes_on_with_them(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_ping_bytes=100, outbox_window=300)
    put(outbox, *["x" * 98] * 10)
    await eventually(lambda: outbox.stalled_since is not None)
    stopped = len(peer.frames)
    assert 0 < stopped < 10
    assert outbox.blocked
    assert outbox.sent < 300 + 100 + 100
    while peer.pings and len(peer.frames) < 10:
        assert outbox.pong(peer.pings[-1])
        seen = len(peer.frames)
        await eventually(lambda seen=seen: len(peer.frames) > seen)  # type: ignore[misc]
    assert peer.frames == ["x" * 98] * 10
    await eventually(lambda: all_sent(outbox))
    assert outbox.pong(peer.pings[-1])
    assert outbox.stalled_since is None


async def test_a_blocked_outbox_sends_nothing_while_its_lane_collapses_and_its_frames_wait(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_ping_bytes=450, outbox_window=500, batch=True)
    put(outbox, "x" * 600)
    await eventually(lambda: all_sent(outbox))
    before = list(peer.texts)
    for number in range(50):
        put(outbox, number)
        outbox.put_latest(LANE, {"a": str(number)})
        await asyncio.sleep(0)
    assert peer.texts == before
    assert outbox.pong(peer.pings[-1])
    await eventually(lambda: all_sent(outbox))
    *numbers, lane = peer.frames[1:]
    assert numbers == list(range(50))
    assert lane["data"]["cursors"] == [49]


async def test_the_window_counts_bytes_as_they_travel(peer: Peer) -> None:
    outbox = outbox_to(peer)
    outbox.put('"☂☂☂"')
    await eventually(lambda: all_sent(outbox))
    assert outbox.sent == 11


async def test_a_pong_proves_what_was_sent_before_its_ping_and_no_more(peer: Peer) -> None:
    outbox = outbox_to(peer)
    put(outbox, "x" * 98)
    await eventually(lambda: all_sent(outbox))
    first = outbox.ping()
    put(outbox, "y" * 98)
    await eventually(lambda: all_sent(outbox))
    second = outbox.ping()
    assert outbox.pong(first)
    assert outbox.acked == 100
    assert outbox.pong(second)
    assert outbox.acked == 200 + len('{"type":"ping","id":"000000000000"}')


async def test_a_later_pong_proves_the_earlier_ones_too(peer: Peer) -> None:
    outbox = outbox_to(peer)
    first, second = outbox.ping(), outbox.ping()
    assert outbox.pong(second)
    assert not outbox.pong(first)


async def test_a_pong_for_a_ping_that_was_never_sent_proves_nothing(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_ping_bytes=50, outbox_window=60)
    assert not outbox.pong("000000000000")
    put(outbox, "x" * 70)
    await eventually(lambda: all_sent(outbox))
    assert not outbox.pong("000000000000")
    assert (outbox.acked, outbox.blocked) == (0, True)


async def test_a_replay_waits_until_little_enough_waits(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_ping_bytes=50, outbox_window=60, outbox_frames=8, batch=True)
    put(outbox, "x" * 70)
    await eventually(lambda: all_sent(outbox))
    put(outbox, 1, 2, 3)
    waiting = asyncio.create_task(outbox.drained())
    await a_few_turns()
    assert not waiting.done()
    outbox.pong(peer.pings[-1])
    await asyncio.wait_for(waiting, 5)
    assert not outbox.crowded
