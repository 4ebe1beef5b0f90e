"""What waits for one connection: its order, its bounds, its batches, and the proof that the peer reads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.hub import cursor_lane
from bduf_realtime.gateway.outbox import Outbox, started
from tests.servers import eventually

LANE = cursor_lane("session:1")


class Peer:
    """The server's side of a socket: keeps what is sent, and takes its time or breaks when told to."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.room = asyncio.Event()
        self.room.set()
        self.error: Exception | None = None
        self.overflows = 0

    async def send(self, message: dict[str, Any]) -> None:
        await self.room.wait()
        if self.error is not None:
            raise self.error
        assert message.keys() == {"type", "text"}
        assert message["type"] == "websocket.send"
        self.texts.append(message["text"])

    def overflowed(self) -> None:
        self.overflows += 1

    @property
    def frames(self) -> list[Any]:
        """Every frame that arrived but the pings, batches opened."""
        read = [json.loads(text) for text in self.texts]
        opened = [frame for text in read for frame in (text if isinstance(text, list) else [text])]
        return [frame for frame in opened if not (isinstance(frame, dict) and frame.get("type") == "ping")]

    @property
    def pings(self) -> list[str]:
        return [json.loads(text)["id"] for text in self.texts if text.startswith('{"type":"ping"')]


@pytest.fixture
async def peer() -> Peer:
    return Peer()


def outbox_to(peer: Peer, *, batch: bool = False, **knobs: Any) -> Outbox:
    outbox = Outbox(peer.send, Conf(**{"flush_interval": 0.0} | knobs), peer.overflowed)
    outbox.batch = batch
    return outbox


def put(outbox: Outbox, *values: Any) -> None:
    for value in values:
        outbox.put(json.dumps(value))


def all_sent(outbox: Outbox) -> bool:
    return outbox.bytes_waiting == 0


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
    await asyncio.sleep(0.05)
    assert not waiting.done()
    outbox.pong(peer.pings[-1])
    await asyncio.wait_for(waiting, 5)
    assert not outbox.crowded


# --- a server whose buffer is full ---------------------------------------------------------------------------------


async def test_a_suspended_send_is_resumed_and_nothing_overtakes_it(peer: Peer) -> None:
    outbox = outbox_to(peer)
    peer.room.clear()
    put(outbox, 1, 2)
    await eventually(lambda: outbox.stalled_since is not None)
    put(outbox, 3)
    await asyncio.sleep(0.05)
    assert peer.texts == []
    peer.room.set()
    await eventually(lambda: peer.texts == ["1", "2", "3"])
    assert outbox.stalled_since is None


async def test_a_ping_that_falls_due_behind_a_suspended_send_is_sent_after_it(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_ping_bytes=10)
    peer.room.clear()
    put(outbox, "x" * 30, "y")
    await eventually(lambda: outbox.stalled_since is not None)
    peer.room.set()
    await eventually(lambda: len(peer.texts) == 3)
    assert [text[:8] for text in peer.texts] == ['"xxxxxxx', '{"type":', '"y"']
    assert outbox.pong(peer.pings[0])


async def test_a_close_waits_for_a_suspended_send_and_then_gives_it_up(peer: Peer) -> None:
    outbox = outbox_to(peer)
    peer.room.clear()
    put(outbox, 1)
    await eventually(lambda: outbox.stalled_since is not None)
    outbox.close()
    await outbox.finish(0.01)
    peer.room.set()
    await asyncio.sleep(0.01)
    assert peer.texts == []


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("after close")])
@pytest.mark.parametrize("suspended", [False, True])
async def test_a_peer_that_is_gone_ends_the_sending_and_breaks_nothing(
    peer: Peer, error: Exception, suspended: bool
) -> None:
    outbox = outbox_to(peer)
    peer.error = error
    if suspended:
        peer.room.clear()
    put(outbox, 1, 2)
    outbox.flush()
    peer.room.set()
    await eventually(lambda: outbox.closed)
    assert (peer.texts, outbox.bytes_waiting) == ([], 0)
    await outbox.finish(1)
    put(outbox, 3)
    outbox.put_latest(LANE, {"a": "1"})
    outbox.flush()
    assert peer.texts == []


async def test_a_closed_outbox_takes_and_sends_nothing_and_lets_a_replay_go(peer: Peer) -> None:
    outbox = outbox_to(peer, outbox_frames=4, outbox_window=0)
    put(outbox, 1, 2, 3)
    waiting = asyncio.create_task(outbox.drained())
    await asyncio.sleep(0)
    outbox.close()
    await asyncio.wait_for(waiting, 5)
    put(outbox, 4)
    outbox.put_latest(LANE, {"a": "1"})
    outbox.flush()
    assert (peer.texts, outbox.bytes_waiting) == ([], 0)


# --- started ------------------------------------------------------------------------------------------------------


async def test_a_send_that_does_not_suspend_is_done_at_once_without_a_task() -> None:
    tasks = asyncio.all_tasks()
    done: list[int] = []

    async def send() -> None:
        done.append(1)

    assert started(send()) is None
    assert (done, asyncio.all_tasks()) == ([1], tasks)


async def suspending_twice(seen: list[Any], wait: Callable[[], Awaitable[Any]]) -> None:
    try:
        seen.append(await wait())
        seen.append(await wait())
    except BaseException as error:
        seen.append(type(error))
        raise


async def test_a_send_that_suspends_goes_on_where_it_stood() -> None:
    futures = [asyncio.get_running_loop().create_future() for _ in range(2)]
    waits, seen = iter(futures), list[Any]()
    rest = started(suspending_twice(seen, lambda: next(waits)))
    assert rest is not None
    task = asyncio.ensure_future(asyncio.wait_for(rest, 5))
    for number, future in enumerate(futures):
        await asyncio.sleep(0)
        future.set_result(number)
    await task
    assert seen == [0, 1]


async def test_what_a_suspended_send_waited_for_may_fail() -> None:
    future, seen = asyncio.get_running_loop().create_future(), list[Any]()
    rest = started(suspending_twice(seen, lambda: future))
    assert rest is not None
    future.set_exception(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        await rest
    assert seen == [OSError]


async def test_a_suspended_send_that_is_cancelled_hears_of_it() -> None:
    future, seen = asyncio.get_running_loop().create_future(), list[Any]()
    rest = started(suspending_twice(seen, lambda: future))
    assert rest is not None
    task = asyncio.ensure_future(asyncio.wait_for(rest, 60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [asyncio.CancelledError]


async def test_a_send_that_only_yields_is_resumed_too() -> None:
    seen: list[Any] = []
    rest = started(suspending_twice(seen, lambda: asyncio.sleep(0)))
    assert rest is not None
    await rest
    assert seen == [None, None]


# --- everything at once -------------------------------------------------------------------------------------------

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 60)),
        st.tuples(st.just("move"), st.integers(0, 3)),
        st.tuples(st.sampled_from(["pong", "stuck", "room", "turn"]), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(steps, st.booleans())
def test_whatever_happens_frames_arrive_once_in_order_and_the_window_holds(
    steps: list[tuple[str, int]], batch: bool
) -> None:
    asyncio.run(_go_through(steps, batch))


async def _go_through(steps: list[tuple[str, int]], batch: bool) -> None:
    peer = Peer()
    outbox = outbox_to(peer, batch=batch, outbox_ping_bytes=80, outbox_window=200)
    ordered: list[str] = []
    latest: dict[str, int] = {}
    for number, (step, size) in enumerate(steps):
        if step == "put":
            ordered.append(f"{number}:" + "x" * size)
            put(outbox, ordered[-1])
        elif step == "move":
            latest[f"k{size}"] = number
            outbox.put_latest(LANE, {f"k{size}": json.dumps([f"k{size}", number])})
        elif step == "pong" and peer.pings:
            outbox.pong(peer.pings[-1])
        elif step in ("stuck", "room"):
            peer.room.clear() if step == "stuck" else peer.room.set()
        else:
            for _ in range(3):
                await asyncio.sleep(0)
        # One more message than the window, and the ping behind it, may be on their way.
        assert outbox.sent - outbox.acked < 200 + 80 + 250
    peer.room.set()

    def everything_arrived() -> bool:
        if peer.pings:
            outbox.pong(peer.pings[-1])
        return len(strings()) == len(ordered) and moved() == latest

    def strings() -> list[str]:
        return [frame for frame in peer.frames if isinstance(frame, str)]

    def moved() -> dict[str, int]:
        lanes = [frame["data"]["cursors"] for frame in peer.frames if isinstance(frame, dict)]
        return {key: number for cursors in lanes for key, number in cursors}

    await eventually(everything_arrived)
    assert strings() == ordered
