"""Rights that end while Redis is down: every instance notices within two seconds all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from tests.collaboration.meeting import SEND, SENT, SESSION, Meeting, meeting
from tests.faults.test_redis import degraded, redis_of
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.servers import MS, eventually

pytestmark = pytest.mark.live

WITHIN = 2_000 * MS


async def took(change: Awaitable[object], effect: Callable[[], object]) -> float:
    """Makes a change and returns how long after its acknowledgement it took effect, in seconds."""
    await change
    acknowledged = time.monotonic()
    await eventually(effect, timeout=PATIENCE, what="the change takes effect")
    return time.monotonic() - acknowledged


async def talks_on(session: Meeting, plain: Plain, acked: list[int]) -> None:
    """Says something again and again until shut out; notes the numbers of what was acknowledged."""
    with suppress(ConnectionClosed, AssertionError):
        while plain.closed is None:
            answer = await plain.ask(SEND, {"session": session.session, "body": "still here"})
            if answer["type"] == "ack":
                acked.append(answer["seq"])


async def test_rights_end_on_every_instance_within_two_seconds_without_redis(pair: Live) -> None:
    async with meeting(pair) as session:
        removed, expelled, lowered = [await session.members(2, [0, 1]) for _ in range(3)]
        for group in (removed, expelled, lowered):  # one person each, on both servers
            group[1] = await session.member(group[0].person, server=1)
        redis_of(pair).kill()
        await degraded(pair, True)
        said: list[int] = []
        talking = [asyncio.create_task(talks_on(session, plain, said)) for plain in removed]
        await eventually(lambda: len(said) > 4, timeout=PATIENCE)
        ack: dict[str, int] = {}

        async def remove() -> None:
            ack["seq"] = (await session.manage("participant:remove", user=removed[0].person.id))["seq"]

        assert await took(remove(), lambda: all(plain.closed for plain in removed)) < WITHIN
        assert [plain.closed[0] for plain in removed if plain.closed] == [4403, 4403]
        await asyncio.gather(*talking)
        assert max(said) < ack["seq"]
        await session.role(lowered[0], "observer")
        for plain in lowered:  # judged in the database, with no delay at all
            assert (await plain.say(session.session, "?"))["code"] == "perm.denied"
        path = f"projects/{pair.project}/members/{expelled[0].person.id}/"
        dismissal = asyncio.to_thread(pair.rest, "DELETE", path, pair.owner)
        assert await took(dismissal, lambda: all(plain.closed for plain in expelled)) < WITHIN
        assert [plain.closed[0] for plain in expelled if plain.closed] == [4403, 4403]
        pair.role(expelled[0].person, "participant")
        await session.update(enable_cursor_sharing=False)
        far = lowered[1]
        await far.heard(f"{SESSION}updated", session.room)
        move = {"session": session.session, "position": {"x": 1}}
        assert await far.code("collaboration:cursor:move", move) == "cursor.disabled"
        end = session.manage("session:end")
        assert await took(end, lambda: all(plain.closed for plain in lowered)) < WITHIN
        assert [plain.closed[0] for plain in lowered if plain.closed] == [4410, 4410]
        log = await session.log()  # the newest of it, if they said much
        kept = {event["seq"] for event in log if event["type"] == SENT}
        acked = {seq for seq in said if seq >= log[0]["seq"]}
        assert acked <= kept
        assert len(kept - acked) <= len(talking)  # what was kept while its author was shown out
        redis_of(pair).start()
