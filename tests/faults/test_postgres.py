"""PostgreSQL stops, hangs or refuses: nothing is acknowledged that is not stored, and sockets stay open meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from tests.faults.company import PATIENCE, SEND, company, page
from tests.faults.conftest import DEADLINE, LEASE
from tests.live import Live
from tests.servers import MS, PostgresServer, eventually

pytestmark = pytest.mark.live

# By then an answer has come: the deadline, the quarter of it between two looks, and a busy machine.
ANSWERED = DEADLINE + 5_000 * MS


def postgres_of(live: Live) -> PostgresServer:
    assert live.deployment.postgres is not None
    return live.deployment.postgres


@contextmanager
def admin(live: Live) -> Iterator[psycopg.Connection[Any]]:
    """A connection of our own to the servers' database."""
    with psycopg.connect(postgres_of(live).url, autocommit=True, connect_timeout=5) as connection:
        yield connection


def backends(live: Live, server: int) -> list[int]:
    """The PostgreSQL processes that serve one of the servers."""
    with admin(live) as database:
        rows = database.execute("SELECT pid, client_port FROM pg_stat_activity WHERE client_port IS NOT NULL")
        ports = ports_of(live.deployment.servers[server].pid)
        return [pid for pid, port in rows.fetchall() if port in ports]


def ports_of(pid: int) -> set[int]:
    """The local ports of a process's connections."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            inodes.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:  # closed just now
            continue
    with open(f"/proc/{pid}/net/tcp") as table:
        lines = [line.split() for line in table.readlines()[1:]]
    return {int(line[1].partition(":")[2], 16) for line in lines if f"socket:[{line[9]}]" in inodes}


async def ready(live: Live, expected: int) -> None:
    """Waits until every server answers this to whoever asks whether it wants traffic."""

    async def answers() -> bool:
        statuses = await asyncio.gather(*(page(server, "/readyz") for server in live.deployment.servers))
        return {status for status, _ in statuses} == {expected}

    await eventually(answers, timeout=PATIENCE, what=f"all answer {expected}")


async def two_leases(live: Live) -> None:
    """Waits until both servers hold their leases."""
    with admin(live) as database:
        query = "SELECT count(*) FROM gateway_instance WHERE expires_at > now() + interval '1 second'"
        await eventually(lambda: database.execute(query).fetchone() == (2,), timeout=PATIENCE, what="two leases")


async def test_an_outage_acknowledges_nothing_falsely_and_every_resend_lands_once(pair: Live) -> None:
    postgres = postgres_of(pair)
    async with company(pair) as talkers:
        await asyncio.gather(*(talkers.say(turn % 2) for turn in range(20)))
        sent = [asyncio.create_task(talkers.say(turn % 2)) for turn in range(20)]
        await asyncio.sleep(0)  # they are on their way
        postgres.stop_immediate()
        refusals = [await talkers.refused(0), await talkers.refused(1)]
        assert {error.code for error in refusals} == {"storage.unavailable"}
        assert all(error.retryable and error.retry_after_ms for error in refusals)
        await ready(pair, 503)
        sent += [asyncio.create_task(talkers.say(turn % 2)) for turn in range(20)]
        postgres.start()
        await asyncio.wait_for(asyncio.gather(*sent), PATIENCE)
        await ready(pair, 200)
        await talkers.is_complete()
        assert talkers.dropped == 0


@pytest.mark.long
async def test_an_outage_longer_than_the_leases_ends_nobodys_connection(pair: Live) -> None:
    postgres = postgres_of(pair)
    async with company(pair) as talkers:
        await talkers.say(0)
        postgres.stop_immediate()
        with pytest.raises(TimeoutError):  # the leases run out meanwhile
            await talkers.members[0].expect("nothing", timeout=LEASE + 500 * MS)
        postgres.start()
        await talkers.say(1)
        await ready(pair, 200)
        await two_leases(pair)
        await talkers.is_complete()
        assert talkers.dropped == 0


async def test_a_database_that_hangs_is_given_up_by_our_own_deadline(pair: Live) -> None:
    postgres = postgres_of(pair)
    async with company(pair) as talkers:
        await talkers.say(0)
        postgres.pause()
        started = time.monotonic()
        refusals = await asyncio.gather(talkers.refused(0), talkers.refused(1))
        assert {error.code for error in refusals} == {"storage.unavailable"}
        assert time.monotonic() - started < ANSWERED
        # The loop is not what hangs.
        assert await talkers.members[0].ping() < 1_000 * MS
        await ready(pair, 503)
        said = asyncio.create_task(talkers.say(1))
        postgres.resume()
        await asyncio.wait_for(said, PATIENCE)
        await ready(pair, 200)
        await talkers.is_complete()
        assert talkers.dropped == 0


async def test_backends_that_hang_for_ever_are_left_behind(pair: Live) -> None:
    async with company(pair) as talkers:
        await talkers.say(0)
        stopped = backends(pair, server=0)
        assert stopped
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            assert (await talkers.refused(0)).code == "storage.unavailable"
            await talkers.say(0)  # over a connection made anew, for the old one still hangs
            await talkers.hears(1, talkers.said[-1])
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        await two_leases(pair)  # with times as short as these one may have been lost, and taken anew
        await talkers.is_complete()


async def test_terminated_backends_are_replaced_at_once(pair: Live) -> None:
    async with company(pair) as talkers:
        said = [asyncio.create_task(talkers.say(turn % 2)) for turn in range(30)]
        for _ in range(5):
            with admin(pair) as database:
                database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            await asyncio.wait(said, return_when=asyncio.FIRST_COMPLETED)
            said += [asyncio.create_task(talkers.say(turn % 2)) for turn in range(10)]
        await asyncio.wait_for(asyncio.gather(*said), PATIENCE)
        await talkers.is_complete()
        assert talkers.dropped == 0


async def test_a_database_that_lets_nobody_in_is_unavailable_until_it_does(pair: Live) -> None:
    postgres = postgres_of(pair)
    database = psycopg.conninfo.conninfo_to_dict(postgres.url)["dbname"]
    maintenance = psycopg.conninfo.make_conninfo(postgres.url, dbname="postgres")
    async with company(pair) as talkers:
        await talkers.say(0)
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
            try:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
                )
                refusals = await asyncio.gather(talkers.refused(0), talkers.refused(1))
                assert {error.code for error in refusals} == {"storage.unavailable"}
                await ready(pair, 503)
            finally:
                connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
        await talkers.say(0)
        await talkers.say(1)
        await ready(pair, 200)
        await talkers.is_complete()
        assert talkers.dropped == 0


async def test_a_forgotten_transaction_that_holds_a_room_delays_only_that_room(pair: Live) -> None:
    async with company(pair) as talkers, company(pair) as others:
        await talkers.say(0)
        with psycopg.connect(postgres_of(pair).url) as forgotten:
            forgotten.execute("SELECT 1 FROM rooms_room WHERE name = %s FOR UPDATE", [talkers.room])
            started = time.monotonic()
            refusal = await talkers.refused(0)
            assert refusal.code in ("storage.unavailable", "storage.busy")
            assert time.monotonic() - started < ANSWERED
            await others.say(1)
            await others.hears(0, others.said[-1])
        await talkers.say(0)
        await talkers.is_complete()
        await others.is_complete()
        assert talkers.dropped + others.dropped == 0


# --- killed at the worst moment --------------------------------------------------------------------------------------

HOLD_COMMITS = """
CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.type = 'collaboration:message:sent' THEN
        PERFORM pg_advisory_xact_lock_shared(4711);
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER hold_commit AFTER INSERT ON rooms_event
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold_commit();
"""


@contextmanager
def commits_held(database: psycopg.Connection[Any]) -> Iterator[None]:
    """Lets no transaction with a message get past its commit until advisory locks are given up in the block."""
    database.execute(HOLD_COMMITS)
    database.execute("SELECT pg_advisory_lock(4711)")
    try:
        yield
    finally:
        database.execute("SELECT pg_advisory_unlock_all()")
        database.execute("DROP TRIGGER hold_commit ON rooms_event; DROP FUNCTION hold_commit")


@pytest.mark.parametrize("server", [0, 1], ids=["uvicorn", "daphne"])
async def test_a_server_killed_between_commit_and_acknowledgement_leaves_one_message(pair: Live, server: int) -> None:
    victim = pair.deployment.servers[server]
    async with company(pair) as talkers:
        before = (await talkers.say(server)).seq
        with admin(pair) as database, commits_held(database):
            said = asyncio.create_task(talkers.say(server))
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            await eventually(lambda: database.execute(waiting).fetchone() == (1,), timeout=PATIENCE)
            victim.pause()  # so that it cannot see the commit
            database.execute("SELECT pg_advisory_unlock_all()")
            head = "SELECT head FROM rooms_room WHERE name = %s"
            await eventually(lambda: database.execute(head, [talkers.room]).fetchone() != (before,), timeout=PATIENCE)
            assert not said.done()
            victim.kill()  # before the trigger is dropped: what it had begun besides holds the table until then
        await talkers.hears(1 - server, talkers.said[-1])  # nobody published it: it was found in the log
        await asyncio.wait_for(said, PATIENCE)
        assert talkers.dropped == 1
        await talkers.is_complete()


async def test_a_server_killed_between_acknowledgement_and_broadcast_silences_nobody(pair: Live) -> None:
    assert pair.deployment.redis is not None
    victim = pair.deployment.servers[0]
    async with company(pair) as talkers:
        await talkers.signals_cross()
        pair.deployment.redis.pause()
        ack = await talkers.members[0].ask(SEND, {"session": talkers.session, "body": "1001"}, timeout=PATIENCE)
        assert ack.seq is not None
        talkers.said.append("1001")
        victim.kill()
        await talkers.hears(1, "1001")
        pair.deployment.redis.resume()
        await talkers.say(0)
        await talkers.is_complete()
