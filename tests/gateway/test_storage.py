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
from bduf_realtime.rooms.transactions import write
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
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadline that a test can wait for."""
    monkeypatch.setattr(storage, "conf", msgspec.structs.replace(conf, database_deadline=300 * MS))


@pytest.fixture
def stuck() -> Iterator[Any]:
    """Keeps everybody else from writing until it is released: somebody holds the write lock."""
    holder = connection.copy()
    if connection.vendor == "sqlite":
        take = ["BEGIN IMMEDIATE"]
    else:
        take = ["BEGIN", "LOCK TABLE accounts_user IN ACCESS EXCLUSIVE MODE"]
    holder.connect()
    with holder.cursor() as cursor:
        for statement in take:
            cursor.execute(statement)
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


@pytest.mark.usefixtures("impatient")
async def test_a_call_to_a_stuck_database_is_given_up_at_the_deadline(stuck: Any) -> None:
    await storage.call(len, "")
    started = time.monotonic()
    error = await refused(rename, "late")
    assert time.monotonic() - started < 5_000 * MS
    assert (error.code, error.retryable, error.retry_after_ms) == ("storage.unavailable", True, 1_000)
    assert storage.outage_since is not None
    assert (await storage.call(lambda: 1)) == 1
    stuck()


@pytest.mark.usefixtures("impatient")
async def test_a_call_that_was_given_up_still_happens_once_the_database_moves_again(stuck: Any) -> None:
    await asyncio.to_thread(stuck_person, stuck)
    holder = connection.copy()
    holder.close()
    assert (await refused(rename, "late")).code == "storage.unavailable"


async def test_the_databases_own_patience_ends_as_busy_or_unavailable(stuck: Any) -> None:
    error = await refused(impatient_rename, "never")
    expected = "storage.busy" if connection.vendor == "sqlite" else "storage.unavailable"
    assert error.code == expected
    stuck()
    assert await storage.call(rename, "now") == 0


def stuck_person(stuck: Any) -> None:
    stuck()


def _raise(error: Exception) -> None:
    raise error
