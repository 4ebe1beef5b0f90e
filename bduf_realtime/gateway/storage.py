"""The one way from the event loop to the database: a bounded pool of threads, and a deadline on every call."""

from __future__ import annotations

import asyncio
import math
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, TypeVar

import structlog
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Error as PostgresError

from bduf_realtime.gateway import metrics
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.errors import RealtimeError

logger = structlog.get_logger(__name__)

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")

_services = ThreadPoolExecutor(conf.database_threads, thread_name_prefix="database")
# The journal has a thread of its own, so that commits never queue behind joins.
_journal = ThreadPoolExecutor(1, thread_name_prefix="journal")
_in_use = threading.Semaphore(conf.database_threads * 64)

outage_since: float | None = None
# By thread, the calls under way: when each began, and over which connection.
_under_way: dict[int, tuple[float, BaseDatabaseWrapper]] = {}


async def call(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Runs `function` in a database thread; raises storage.unavailable or storage.busy when the database fails.

    A call that is given up goes on in its thread: what it was to change may still happen.
    """
    if not _in_use.acquire(blocking=False):
        raise RealtimeError("storage.busy", retry_after_ms=500)
    future = asyncio.get_running_loop().run_in_executor(_services, _guarded, function, args, kwargs)
    future.add_done_callback(lambda _: _in_use.release())
    return await _within_deadline(future)


class Gathered(Generic[A, R]):
    """A call that many make at once: those that arrive while one runs share the next.

    `function` takes a list of arguments, in a database thread, and returns an outcome for each.
    """

    def __init__(self, function: Callable[[list[A]], Sequence[R | Exception]], *, batch: int) -> None:
        self._function = function
        self._batch = batch
        self._waiting: deque[tuple[A, asyncio.Future[R]]] = deque()
        self._runner: asyncio.Task[None] | None = None

    async def __call__(self, argument: A) -> R:
        """Makes the call; raises its outcome's exception, or what `call` raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._waiting.append((argument, future))
        if self._runner is None:
            self._runner = loop.create_task(self._run(), name="gathered")
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
                outcomes: Sequence[R | Exception]
                try:
                    outcomes = await call(self._function, [argument for argument, _ in batch])
                except Exception as error:  # noqa: BLE001 - it is the callers' to handle, each of them
                    outcomes = [error] * len(batch)
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if future.done():
                        continue  # the caller is gone
                    if isinstance(outcome, Exception):
                        future.set_exception(outcome)
                    else:
                        future.set_result(outcome)
        finally:
            self._runner = None


async def call_journal(function: Callable[..., T], *args: Any) -> T:
    """Runs a group commit in the journal's thread; the journal keeps its own deadline."""
    return await asyncio.get_running_loop().run_in_executor(_journal, _guarded, function, args, {})


async def _within_deadline(future: asyncio.Future[T]) -> T:
    # Whoever waits may be cancelled, or give up: the late error is nobody's then, and no news for the log.
    future.add_done_callback(lambda late: late.cancelled() or late.exception())
    done, _ = await asyncio.wait({future}, timeout=conf.database_deadline)
    if not done:
        _note_outage()
        raise RealtimeError("storage.unavailable", retry_after_ms=1_000)
    return future.result()


def _guarded(function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
    global outage_since
    started = time.perf_counter()
    metrics.database_busy_threads.inc()
    database = connections[DEFAULT_DB_ALIAS]
    _under_way[threading.get_ident()] = (time.monotonic(), database)
    try:
        _leave_if_ended(database)
        result = function(*args, **kwargs)
        outage_since = None
        return result
    except (OperationalError, InterfaceError) as error:
        connections.close_all()
        raise explained(error) from error
    except DatabaseError:
        connections.close_all()
        raise
    finally:
        del _under_way[threading.get_ident()]
        metrics.database_busy_threads.dec()
        metrics.database_seconds.observe(time.perf_counter() - started)


def _leave_if_ended(database: BaseDatabaseWrapper) -> None:
    """Gives up a connection that ended while nobody used it, so that no call has to fail to find that out."""
    if database.vendor != "postgresql" or database.connection is None:
        return
    poll = select.poll()
    if not database.connection.closed:
        poll.register(database.connection.pgconn.socket, select.POLLIN)
    if database.connection.closed or poll.poll(0):  # nobody asked for anything: it can only say goodbye
        database.close()


def close() -> None:
    """Lets go of the database for good; nothing that hangs in it keeps the process from ending."""
    for pool in (_services, _journal):
        pool.shutdown(wait=False, cancel_futures=True)
    cut_stuck(math.inf)


def cut_stuck(now: float) -> None:
    """Cuts the connections of calls that no timeout of the database's own can end: its process or the network hangs.

    The call fails at last, and its thread's next one connects anew; without this the thread would be lost.
    """
    for since, database in list(_under_way.values()):
        if now - since > 1.5 * conf.database_deadline and database.vendor == "postgresql" and database.connection:
            with (
                suppress(OSError, PostgresError),
                socket.socket(fileno=os.dup(database.connection.pgconn.socket)) as line,
            ):
                line.shutdown(socket.SHUT_RDWR)
                logger.warning("database_connection_cut", seconds=round(time.monotonic() - since, 1))


def explained(error: Exception) -> RealtimeError:
    """What a failure of the database means to a client: busy, or unavailable."""
    text = str(error)
    if "locked" in text or "deadlock" in text:
        return RealtimeError("storage.busy", retry_after_ms=500)
    _note_outage()
    return RealtimeError("storage.unavailable", retry_after_ms=1_000)


def _note_outage() -> None:
    global outage_since
    if outage_since is None:
        outage_since = time.monotonic()
