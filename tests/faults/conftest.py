"""Deployments that are there to be broken: one server alone, and two that share PostgreSQL and Redis."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.chaos.run import ENV
from tests.live import PEOPLED, Live
from tests.servers import MS, Deployment, eventually

LEASE = 4_000 * MS
GRACE = 4_000 * MS
DEADLINE = 2_000 * MS
# Everything that a test has to wait for, shortened.
BRIEF = ENV | {
    "BDUF_INSTANCE_LEASE": str(LEASE),
    "BDUF_INSTANCE_RENEWAL": str(1_000 * MS),
    "BDUF_SESSION_PARTICIPANT_TIMEOUT": str(GRACE),
    "BDUF_DATABASE_DEADLINE": str(DEADLINE),
    "BDUF_LAYER_PROBE_INTERVAL": str(300 * MS),
    "BDUF_ACCESS_TOKEN_LIFETIME": "86400",
}


@pytest.fixture(scope="session")
def lone() -> Iterator[Live]:
    """One server on SQLite."""
    with Deployment(database="sqlite", env=BRIEF, template=PEOPLED) as deployment:
        yield Live(deployment)


@pytest.fixture(scope="session")
def paired() -> Iterator[Live]:
    """A uvicorn and a daphne that share a PostgreSQL and a Redis of their own."""
    with Deployment(database="postgres", redis=True, env=BRIEF, template=PEOPLED) as deployment:
        deployment.add_server(kind="daphne")
        yield Live(deployment)


@pytest.fixture
async def alone(lone: Live) -> Live:
    """One server on SQLite, whole again."""
    await made_whole(lone)
    return lone


@pytest.fixture
async def pair(paired: Live) -> Live:
    """Two servers on PostgreSQL and Redis, whole again."""
    await made_whole(paired)
    return paired


async def made_whole(live: Live) -> None:
    """Starts and resumes whatever the test before, if it failed, has left broken."""
    deployment = live.deployment
    for part in (deployment.postgres, deployment.redis, *deployment.servers):
        if part is not None and part.running:
            part.resume()
        elif part is not None:
            part.start()
    for server in deployment.servers:
        await eventually(server.is_ready, timeout=20_000 * MS)
