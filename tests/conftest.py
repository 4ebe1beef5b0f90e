"""What many tests share: sockets of this process, and running servers."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django.test.utils import setup_databases, teardown_databases
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from bduf_realtime.gateway import process
from tests.live import PEOPLED, Live
from tests.races import close_storage_connections
from tests.servers import MS, Deployment

# Servers run beside: how long an example takes says nothing.
hypothesis.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("shared")

KINDS = ("uvicorn", "daphne")
DATABASE = {"db", "transactional_db", "django_db_setup"}
HURRIED = {
    "BDUF_HEARTBEAT_INTERVAL": str(500 * MS),
    "BDUF_HEARTBEAT_TIMEOUT": str(5_000 * MS),
    "BDUF_IDLE_AFTER": str(1_000 * MS),
    "BDUF_SESSION_PARTICIPANT_TIMEOUT": str(1_500 * MS),
    "BDUF_SLOW_CONSUMER_TIMEOUT": str(1_000 * MS),
    "BDUF_LAYER_PROBE_INTERVAL": str(300 * MS),
    "BDUF_MAX_CONNECTIONS": "60",
    "BDUF_RATE_HANDSHAKE": "50",
    "TRUSTED_PROXIES": "1",
}


def pytest_configure() -> None:
    """Leaves out what takes longer than most tests, and is not what they are about.

    Static files are looked up when asked for: every test client would list them all anew. Passwords are hashed cheaply.
    """
    settings.WHITENOISE_AUTOREFRESH = True
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of one process that touch a database, so that these alone can run again on another."""
    for item in items:
        if item.get_closest_marker("django_db") or DATABASE & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Collects garbage now: where that comes up in the imports of a plugin that finishes, CPython 3.11 may fail there.

    What is not closed is reported by a warning, and a warning may read source, amid the parser's own work
    (https://github.com/python/cpython/issues/106905).
    """
    gc.collect()


@receiver(connection_created)
def hurry(connection: Any, **kwargs: Any) -> None:
    """The database of tests in this process need not survive a power cut; the servers' own still do."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = OFF" if connection.vendor == "sqlite" else "SET synchronous_commit = off")


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """A database of the tests' own, also where none of them is marked: pytest-django would leave them the real one."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
    yield
    close_storage_connections()
    with django_db_blocker.unblock():
        try:
            teardown_databases(made, verbosity=0)
        except OperationalError as error:  # somebody is still connected: the tests are over all the same
            warnings.warn(pytest.PytestWarning(f"The tests' database was not dropped: {error}"), stacklevel=1)


@pytest.fixture
async def sockets(transactional_db: None) -> AsyncIterator[None]:
    """Lets a test open sockets of this process, which is stopped afterwards."""
    yield
    if (running := process.current()) is not None:
        await running.stop()
    await asyncio.to_thread(close_storage_connections)


@pytest.fixture(scope="session", params=KINDS)
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """One server on SQLite alone, once as uvicorn and once as daphne."""
    with Deployment(kind=request.param, database="sqlite", template=PEOPLED) as deployment:
        yield Live(deployment)


@pytest.fixture(scope="session", params=KINDS)
def hurried(request: pytest.FixtureRequest) -> Iterator[Live]:
    """One server on SQLite and Redis, once as uvicorn and once as daphne, whose clocks run fast."""
    with Deployment(kind=request.param, redis=True, env=HURRIED, template=PEOPLED) as deployment:
        yield Live(deployment)


@pytest.fixture(scope="session", params=KINDS)
def cluster(request: pytest.FixtureRequest) -> Iterator[Live]:
    """Two servers that share PostgreSQL and Redis, once as uvicorn and once as daphne."""
    with Deployment(servers=2, kind=request.param, database="postgres", redis=True, template=PEOPLED) as deployment:
        yield Live(deployment)
