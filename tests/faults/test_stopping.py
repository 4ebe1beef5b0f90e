"""A server that is told to stop lets its clients go with a code and a time to come back, loses nothing, and ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import time

import pytest

from bduf_realtime.client import Client
from tests.faults.company import BACKOFF, PATIENCE, Company, company, page
from tests.faults.test_sqlite import locked
from tests.hostile.wire import Wire
from tests.live import Live
from tests.servers import MS, ServerProcess, eventually
from tests.servers.application import Kind

pytestmark = pytest.mark.live

DRAINING = 4503
AT_ONCE = 5_000 * MS
KINDS: tuple[Kind, ...] = ("uvicorn", "daphne")


@pytest.fixture(scope="module", params=KINDS)  # so that the server changes its kind once
def kind(request: pytest.FixtureRequest) -> Kind:
    """What the lone server is."""
    return request.param


@pytest.fixture
async def server(kind: Kind, alone: Live) -> ServerProcess:
    """The lone server, as one kind and as the other."""
    server = alone.deployment.servers[0]
    if server.kind != kind:
        await asyncio.to_thread(server.terminate)
        server.kind = kind
        await asyncio.to_thread(server.start)
    return server


async def ended(server: ServerProcess) -> int:
    """Waits for a server's end and returns its exit code."""
    await eventually(lambda: not server.running, timeout=PATIENCE, what="the server has ended")
    return server.terminate()


async def test_a_stop_under_load_closes_with_a_code_and_loses_nothing(alone: Live, server: ServerProcess) -> None:
    codes: list[int] = []
    async with company(alone, [server] * 3) as talkers:
        for member in talkers.members:
            member.on_state = lambda state, m=member: codes.append(m.last_close[0]) if state == "reconnecting" else None
        said = [asyncio.create_task(talkers.say(turn % 3)) for turn in range(60)]
        await asyncio.wait(said, return_when=asyncio.FIRST_COMPLETED)
        server.send_signal(signal.SIGTERM)
        said += [asyncio.create_task(talkers.say(turn % 3)) for turn in range(30)]
        assert await ended(server) == 0
        await asyncio.to_thread(server.start)
        await asyncio.wait_for(asyncio.gather(*said), PATIENCE)
        await talkers.is_complete()
        assert codes == [DRAINING] * 3


async def test_a_draining_server_says_so_takes_nobody_in_and_ends_at_once_when_told_again(
    alone: Live, server: ServerProcess
) -> None:
    async with company(alone, [server]) as talkers:
        early = Client(f"{server.ws_url}/ws/", alone.person().token, reconnect=False)
        await early.connect()
        with locked(alone):  # what it still wants to write holds it up
            server.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionError, match=str(DRAINING)):
                await early.expect("nothing", timeout=PATIENCE)
            assert server.running
            if server.kind == "uvicorn":  # daphne has closed its port by then
                status, text = await page(server, "/readyz")
                assert (status, "draining" in text) == (503, True)
                with pytest.raises(ConnectionError, match=str(DRAINING)):
                    await early.connect()
            server.send_signal(signal.SIGTERM)
            told = time.monotonic()
            assert await ended(server) in (0, -signal.SIGTERM)
            assert time.monotonic() - told < AT_ONCE
        await asyncio.to_thread(server.start)
        await talkers.say(0)


async def test_a_client_that_never_reads_does_not_hold_up_the_stop(alone: Live, server: ServerProcess) -> None:
    async with company(alone, [server]) as talkers:
        with Wire(server.port) as deaf:
            deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.shake(token=alone.person().token)
            deaf.ask("room:join", {"room": talkers.room})
            await fill(talkers)
            server.send_signal(signal.SIGTERM)
            told = time.monotonic()
            await ended(server)
            assert time.monotonic() - told < 10_000 * MS
            await asyncio.to_thread(server.start)
            await talkers.say(0)


async def fill(talkers: Company) -> None:
    """Says more than a connection's buffers hold."""
    data = {"session": talkers.session, "body": "x" * 16_000}
    for _ in range(20):
        await asyncio.gather(*(talkers.members[0].ask("collaboration:message:send", data) for _ in range(10)))


@pytest.mark.parametrize("number", [0, pytest.param(1, marks=pytest.mark.long)], ids=KINDS)
async def test_a_database_that_hangs_does_not_keep_a_server_from_ending(pair: Live, number: int) -> None:
    assert pair.deployment.postgres is not None
    server = pair.deployment.servers[number]
    async with company(pair) as talkers:
        await talkers.say(number)
        pair.deployment.postgres.pause()
        server.send_signal(signal.SIGTERM)
        await ended(server)
        pair.deployment.postgres.resume()
        await talkers.say(number)
        await talkers.is_complete()


@pytest.mark.parametrize("kind", ["uvicorn"], indirect=True)
async def test_a_signal_while_it_starts_ends_it_and_the_next_start_succeeds(alone: Live, server: ServerProcess) -> None:
    await asyncio.to_thread(server.terminate)
    for delay, number in ((100, signal.SIGTERM), (600, signal.SIGINT)):
        starting = await asyncio.create_subprocess_exec(*server.command(), **server.options())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(starting.wait(), delay / 1_000)
        starting.send_signal(number)
        await asyncio.wait_for(starting.wait(), AT_ONCE)
    await asyncio.to_thread(server.start)
    async with Client(f"{server.ws_url}/ws/", alone.person().token, backoff=BACKOFF) as client:
        assert await client.ping() < AT_ONCE
