from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from approvals.services import requests
from bduf_realtime.gateway.conf import conf
from collaboration.services import versions
from tests.collaboration.conftest import team
from tests.live import PEOPLED, Live
from tests.servers import MS, Deployment

__all__ = ["team"]


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the services other limits."""

    def change(**limits: Any) -> None:
        for module in (requests, versions):
            monkeypatch.setattr(module, "conf", msgspec.structs.replace(conf, **limits))

    return change


@pytest.fixture(scope="session")
def pair() -> Iterator[Live]:
    """A uvicorn and a daphne on one PostgreSQL and one Redis, which look at the clock often."""
    env = {"BDUF_SWEEP_INTERVAL": str(200 * MS), "BDUF_RATE_MANAGE": "200"}
    with Deployment(database="postgres", redis=True, env=env, template=PEOPLED) as deployment:
        deployment.add_server(kind="daphne")
        yield Live(deployment)
