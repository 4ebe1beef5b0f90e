"""Servers to attack: the shared ones, and one whose limits and timeouts are small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import KINDS
from tests.hostile.target import Target
from tests.live import PEOPLED, Live
from tests.servers import MS, Deployment

AUDIENCE = "bduf-tests"
ISSUER = "https://accounts.example"
HELLO_TIMEOUT = 1_500 * MS
HEARTBEAT_INTERVAL = 800 * MS
HEARTBEAT_TIMEOUT = 2_500 * MS
EXPIRING_NOTICE = 800 * MS
EXPIRY_GRACE = 800 * MS
TICK = 0.5  # how often the server looks at its connections
CONNECTIONS_PER_USER = 3
CONNECTIONS = 20
LOGINS_PER_MINUTE = 3

STRICT = {
    "BDUF_JWT_AUDIENCE": AUDIENCE,
    "BDUF_JWT_ISSUER": ISSUER,
    "BDUF_HELLO_TIMEOUT": str(HELLO_TIMEOUT),
    "BDUF_HEARTBEAT_INTERVAL": str(HEARTBEAT_INTERVAL),
    "BDUF_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
    "BDUF_TOKEN_EXPIRING_NOTICE": str(EXPIRING_NOTICE),
    "BDUF_TOKEN_EXPIRY_GRACE": str(EXPIRY_GRACE),
    "BDUF_MAX_CONNECTIONS_PER_USER": str(CONNECTIONS_PER_USER),
    "BDUF_MAX_CONNECTIONS": str(CONNECTIONS),
    "BDUF_RATE_LOGIN": f"{LOGINS_PER_MINUTE}/min",
    "BDUF_ABUSE_WINDOWS": "1",
}


@pytest.fixture
def target(live: Live) -> Iterator[Target]:
    """The shared server."""
    with Target(live, live.deployment.servers[0]) as target:
        yield target


@pytest.fixture(scope="session", params=KINDS)
def strictly_limited(request: pytest.FixtureRequest) -> Iterator[Live]:
    """A server of its own, on SQLite, on which everything is over soon."""
    with Deployment(kind=request.param, env=STRICT, template=PEOPLED) as deployment:
        yield Live(deployment)


@pytest.fixture
def strict(strictly_limited: Live) -> Iterator[Target]:
    """The server on which everything is over soon."""
    with Target(strictly_limited, strictly_limited.deployment.servers[0]) as target:
        yield target


@pytest.fixture
def pair(cluster: Live) -> Iterator[tuple[Target, Target]]:
    """Both of the servers that share PostgreSQL and Redis."""
    first, second = cluster.deployment.servers
    with Target(cluster, first) as one, Target(cluster, second) as other:
        yield one, other
