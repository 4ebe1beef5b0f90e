"""Runs functions at the same moment, each in a thread with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

from bduf_realtime.gateway import storage

T = TypeVar("T")


def at_once(*functions: Callable[[], T]) -> list[T]:
    """Starts all functions together and returns their results in order; raises the first exception."""
    start = threading.Barrier(len(functions))

    def run(function: Callable[[], T]) -> T:
        start.wait(timeout=30)
        try:
            return function()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(functions)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, function) for function in functions]]


def close_storage_connections() -> None:
    """Has the server's database threads let go of the tests' database, which could not be dropped otherwise."""
    for pool in (storage._services, storage._journal):
        threads = pool._max_workers
        together = threading.Barrier(threads)

        def close(together: threading.Barrier = together) -> None:
            together.wait(timeout=30)
            connections.close_all()

        for future in [pool.submit(close) for _ in range(threads)]:
            future.result(timeout=60)
