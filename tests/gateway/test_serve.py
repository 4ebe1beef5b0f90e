"""`manage.py serve`: the first signal lets every client go in good order, the second ends at once."""

from __future__ import annotations

import signal
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from bduf_realtime.client import Client
from tests.live import PEOPLED, Live
from tests.servers import MS, Deployment, ServerProcess, eventually, wait_until

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def served() -> Iterator[Live]:
    """A server of its own, whose patience with the database is long."""
    with Deployment(env={"BDUF_DATABASE_DEADLINE": "25", "BDUF_DRAIN_SPREAD": "2"}, template=PEOPLED) as deployment:
        yield Live(deployment)


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def ended(server: ServerProcess) -> int:
    """Waits for the process to end by itself; returns its exit code."""
    wait_until(lambda: not server.running, timeout=20_000 * MS)
    return server.terminate()


async def test_the_first_signal_tells_clients_to_come_back_later_and_ends_clean(served: Live) -> None:
    (server,) = served.deployment.servers
    async with Client(f"{served.ws_url}/ws/", served.person().token, reconnect=False) as client:
        await client.join(f"session:{served.session()}")
        server.send_signal(signal.SIGTERM)
        await client.expect("server.draining", timeout=10_000 * MS)
        await eventually(lambda: client.closed, timeout=10_000 * MS)
        assert client.closed is not None
        code, reason = client.closed
    assert (code, reason.partition("=")[0]) == (4503, "server.draining;retry_ms")
    assert ended(server) == 0
    assert "Traceback" not in server.log_text()
    with sqlite3.connect(served.deployment.directory / "db.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM gateway_instance").fetchone() == (0,)
    server.start()


async def test_the_second_signal_ends_a_drain_that_is_stuck(served: Live) -> None:
    (server,) = served.deployment.servers
    session = served.session()
    database = sqlite3.connect(served.deployment.directory / "db.sqlite3", isolation_level=None)
    async with Client(f"{served.ws_url}/ws/", served.person().token, reconnect=False) as client:
        await client.join(f"session:{session}")
        database.execute("BEGIN IMMEDIATE")
        assert client.tell("collaboration:message:send", {"session": session, "body": "stuck"})
        await eventually(lambda: served.metrics()["bduf_database_busy_threads"] > 0)
        server.send_signal(signal.SIGTERM)
        await eventually(lambda: status(f"{served.url}/readyz") == 503)
        assert status(f"{served.url}/healthz") == 200
        await eventually(lambda: client.closed, timeout=10_000 * MS)
        assert server.running
    started = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert ended(server) == -signal.SIGTERM
    assert time.monotonic() - started < 10_000 * MS
    database.close()
