"""The way to the database from the event loop: its deadline, its queue, and a database that really is stuck."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from django.db import DatabaseError, IntegrityError, OperationalError, connection

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway import storage
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError
from tests.people import person
from tests.races import close_storage_connections
from tests.servers import MS, eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def database_threads() -> Iterator[None]:
    yield
    close_storage_connections()
    storage.outage_since = None


@pytest.fixture
def ada() -> User:
    return person("ada")


@pytest.fixture
def release(ada: User) -> Iterator[Any]:
    """Somebody else holds what every writer needs, until this is called."""
    holder = connection.copy()
    holder.inc_thread_sharing()
    with holder.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        else:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE accounts_user IN ACCESS EXCLUSIVE MODE")
    yield holder.close
    holder.close()


def rename(name: str) -> int:
    return User.objects.update(name=name)


def impatient_rename(name: str) -> int:
    """Gives up by the database's own patience, long before ours."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA busy_timeout = 20")
        else:
            cursor.execute("SET statement_timeout = 20")
    return rename(name)


async def refused(function: Any, *args: Any) -> RealtimeError:
    with pytest.raises(RealtimeError) as error:
        await storage.call(function, *args)
    return error.value


async def test_a_call_returns_what_the_function_returns_from_a_database_thread() -> None:
    assert await storage.call(lambda a, b: (a, b), 1, b=2) == (1, 2)
    assert (await storage.call(threading.current_thread)).name.startswith("database")
    assert (await storage.call_journal(threading.current_thread)).name.startswith("journal")
    assert await storage.call(User.objects.count) == 0


async def test_what_a_function_raises_reaches_the_caller() -> None:
    assert (await refused(_raise, RealtimeError("perm.denied"))).code == "perm.denied"
    for error in (ValueError("x"), IntegrityError("x"), DatabaseError("x")):
        with pytest.raises(type(error), match="x"):
            await storage.call(_raise, error)
    assert storage.outage_since is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("database is locked", "storage.busy"),
        ("deadlock detected", "storage.busy"),
        ("server closed the connection unexpectedly", "storage.unavailable"),
    ],
)
async def test_a_failing_database_is_busy_or_unavailable(text: str, code: str) -> None:
    error = await refused(_raise, OperationalError(text))
    assert (error.code, error.retryable) == (code, True)
    assert error.retry_after_ms
    assert text not in error.message
    assert (storage.outage_since is not None) == (code == "storage.unavailable")


async def test_a_call_to_a_stuck_database_is_given_up_at_the_deadline_and_happens_later(
    release: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr(storage, "conf", msgspec.structs.replace(conf, database_deadline=300 * MS))
        started = time.monotonic()
        error = await refused(rename, "late")
    assert 300 * MS <= time.monotonic() - started < 5_000 * MS
    assert (error.code, error.retryable, error.retry_after_ms) == ("storage.unavailable", True, 1_000)
    assert storage.outage_since is not None
    await asyncio.to_thread(release)
    await eventually(lambda: storage.call(User.objects.filter(name="late").exists), timeout=30_000 * MS)
    assert storage.outage_since is None


async def test_the_databases_own_patience_ends_as_busy_or_unavailable(release: Any) -> None:
    error = await refused(impatient_rename, "never")
    assert error.code == ("storage.busy" if connection.vendor == "sqlite" else "storage.unavailable")
    await asyncio.to_thread(release)
    assert await storage.call(rename, "now") == 1


async def test_a_call_that_no_timeout_ends_is_cut_where_that_can_be(release: Any) -> None:
    hanging = asyncio.create_task(storage.call(rename, "never"))
    await eventually(lambda: storage._under_way)
    storage.cut_stuck(time.monotonic())
    await asyncio.sleep(0)
    assert not hanging.done()
    storage.cut_stuck(time.monotonic() + 10 * conf.database_deadline)
    if connection.vendor == "postgresql":
        with pytest.raises(RealtimeError, match="unavailable"):
            await hanging
    await asyncio.to_thread(release)
    if connection.vendor == "sqlite":
        assert await hanging == 1
    assert await storage.call(rename, "now") == 1


async def test_a_connection_that_ended_while_idle_costs_no_call() -> None:
    def backend() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()" if connection.vendor == "postgresql" else "SELECT 0")
            return int(cursor.fetchone()[0])

    def end(backends: list[int]) -> None:
        with connection.cursor() as cursor:
            for pid in backends:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.close()

    backends = {await storage.call(backend) for _ in range(conf.database_threads * 2)}
    if connection.vendor == "postgresql":
        await asyncio.to_thread(end, list(backends))
    after = {await storage.call(backend) for _ in range(conf.database_threads * 2)}
    assert connection.vendor == "sqlite" or not after & backends


async def test_more_calls_than_may_wait_are_busy_at_once(gate: threading.Event) -> None:
    waiting = [asyncio.create_task(storage.call(gate.wait)) for _ in range(conf.database_threads * 64)]
    await asyncio.sleep(0)
    error = await refused(len, "")
    gate.set()
    assert (error.code, error.retry_after_ms) == ("storage.busy", 500)
    assert all(await asyncio.gather(*waiting))
    await eventually(lambda: storage.call(lambda: True))


# --- calls that are gathered -------------------------------------------------------------------------------------


async def test_calls_that_arrive_while_one_runs_share_the_next(gate: threading.Event) -> None:
    batches: list[list[int]] = []

    def double(numbers: list[int]) -> list[int | Exception]:
        batches.append(numbers)
        gate.wait()
        return [number * 2 if number else ValueError("zero") for number in numbers]

    doubled: storage.Gathered[int, int] = storage.Gathered(double, batch=3)
    first = asyncio.create_task(doubled(1))
    await eventually(lambda: batches)
    rest = [asyncio.create_task(doubled(number)) for number in (2, 0, 4, 5)]
    await asyncio.sleep(0)
    rest[2].cancel()
    gate.set()
    assert await first == 2
    outcomes = await asyncio.gather(*rest, return_exceptions=True)
    assert batches == [[1], [2, 0, 4], [5]]
    assert (outcomes[0], outcomes[3]) == (4, 10)
    assert [type(outcome) for outcome in outcomes[1:3]] == [ValueError, asyncio.CancelledError]
    assert await doubled(6) == 12


async def test_a_failure_of_the_whole_call_reaches_every_caller() -> None:
    def fail(numbers: list[int]) -> list[int | Exception]:
        raise OperationalError("gone")

    failing: storage.Gathered[int, int] = storage.Gathered(fail, batch=10)
    outcomes = await asyncio.gather(failing(1), failing(2), return_exceptions=True)
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["storage.unavailable"] * 2


def _raise(error: Exception) -> None:
    raise error
