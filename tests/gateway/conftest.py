from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from bduf_realtime.gateway import consumer, doors, hub, layer, process, socket
from bduf_realtime.gateway.conf import Conf, conf
from tests.gateway.model import OpenRoom
from tests.gateway.simulation import database_of_the_loop
from tests.gateway.stage import Stage


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Conf]:
    """Gives this process's sockets other settings."""

    def change(**settings: Any) -> Conf:
        tuned = msgspec.structs.replace(conf, **settings)
        for module in (consumer, process, socket):
            monkeypatch.setattr(module, "conf", tuned)
        return tuned

    return change


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Something that threads may wait for; open at the latest when the test ends."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def simulated(
    settings: Any, monkeypatch: pytest.MonkeyPatch, django_db_setup: None, django_db_blocker: Any
) -> Iterator[None]:
    """What simulated processes share: a faulty layer, limits that a few events reach, and a room open to all.

    Each world removes what it has written: emptying every table after every case would take longer than the cases.
    """
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.gateway.simulation.FaultyLayer"}}
    monkeypatch.setattr(hub, "PENDING_EVENTS", 6)
    monkeypatch.setattr(layer, "WAITING_EVENTS", 4)
    monkeypatch.setattr(hub, "call", database_of_the_loop)
    monkeypatch.setitem(doors.kinds, "test", OpenRoom())
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def stage(simulated: None) -> Iterator[Stage]:
    """Two simulated processes; in the end nobody may have seen anything out of order."""
    stage = Stage()
    yield stage
    stage.end()
