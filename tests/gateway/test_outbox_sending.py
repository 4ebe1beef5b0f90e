"""Sending to a server that takes its time, that breaks, or that takes everything at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bduf_realtime.gateway.cursors import cursor_lane
from bduf_realtime.gateway.outbox import started
from tests.gateway.peer import Peer, a_few_turns, outbox_to, put
from tests.servers import eventually

LANE = cursor_lane("session:1")


@pytest.fixture
async def peer() -> Peer:
    return Peer()


# --- a server whose buffer is full ---------------------------------------------------------------------------------


async def test_a_suspended_send_is_resumed_and_nothing_overtakes_it(peer: Peer) -> None:
    outbox = outbox_to(peer)
    peer.room.clear()
    put(outbox, 1, 2)
    await eventually(lambda: outbox.stalled_since is not None)
    put(outbox, 3)
    await a_few_turns()
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
    await a_few_turns()
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
