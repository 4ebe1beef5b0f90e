"""SQLite is locked by another program, or its disk takes no more: refused, not lost, and well again afterwards."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.company import PATIENCE, company, page
from tests.faults.conftest import DEADLINE
from tests.live import Live
from tests.servers import MS, ServerProcess

pytestmark = pytest.mark.live

ALMOST_NOTHING = 4_096


@contextmanager
def locked(live: Live) -> Iterator[None]:
    """Another program writes to the database, and takes its time."""
    path = live.deployment.env["DATABASE_URL"].removeprefix("sqlite:///")
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


@contextmanager
def full(server: ServerProcess) -> Iterator[None]:
    """The server can make no file longer than next to nothing, as on a full disk."""
    hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (ALMOST_NOTHING, hard))
    try:
        yield
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))


async def test_a_locked_database_refuses_writes_serves_reads_and_takes_every_resend_once(alone: Live) -> None:
    server = alone.deployment.servers[0]
    async with company(alone, [server, server]) as talkers:
        await talkers.say(0)
        with locked(alone):
            refusals = await asyncio.gather(talkers.refused(0), talkers.refused(1))
            assert {error.code for error in refusals} <= {"storage.busy", "storage.unavailable"}
            assert all(error.retryable and error.retry_after_ms for error in refusals)
            assert await talkers.log() == ["1"]
            assert await talkers.members[0].ping() < 1_000 * MS
            assert (await page(server, "/readyz"))[0] == 200
            said = [asyncio.create_task(talkers.say(turn % 2)) for turn in range(10)]
            # Longer than the deadline: each of them is refused, and resent, at least once.
            done, _ = await asyncio.wait(said, timeout=DEADLINE * 1.5)
            assert not done
        await asyncio.wait_for(asyncio.gather(*said), PATIENCE)
        assert sum(member.stats.retries for member in talkers.members) >= len(said)
        await talkers.is_complete()
        assert talkers.dropped == 0


async def test_a_full_disk_acknowledges_nothing_and_harms_nothing_stored(alone: Live) -> None:
    server = alone.deployment.servers[0]
    async with company(alone, [server, server]) as talkers:
        await asyncio.gather(*(talkers.say(turn % 2) for turn in range(10)))
        with full(server):
            refusals = await asyncio.gather(talkers.refused(0), talkers.refused(1))
            assert {error.code for error in refusals} == {"storage.unavailable"}
            assert sorted(await talkers.log(), key=int) == talkers.said
            said = [asyncio.create_task(talkers.say(turn % 2)) for turn in range(10)]
            assert await talkers.members[1].ping() < 1_000 * MS
        await asyncio.wait_for(asyncio.gather(*said), PATIENCE)
        await talkers.is_complete()
        assert talkers.dropped == 0
    with sqlite3.connect(alone.deployment.env["DATABASE_URL"].removeprefix("sqlite:///")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
