"""The running servers that live tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import Live
from tests.servers import Deployment

KINDS = ("uvicorn", "daphne")


@pytest.fixture(scope="session", params=KINDS)
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """One server on SQLite alone, once as uvicorn and once as daphne."""
    with Deployment(kind=request.param, database="sqlite") as deployment:
        yield Live(deployment)


@pytest.fixture(scope="session", params=KINDS)
def cluster(request: pytest.FixtureRequest) -> Iterator[Live]:
    """Two servers that share PostgreSQL and Redis, once as uvicorn and once as daphne."""
    with Deployment(servers=2, kind=request.param, database="postgres", redis=True) as deployment:
        yield Live(deployment)
