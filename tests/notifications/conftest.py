from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec
import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import Author
from bduf_realtime.rooms.transactions import write
from notifications import services
from notifications.models import Notification
from notifications.services import Notice, telling, timers
from tests.people import person

SERVER = Author("", "", "")


@pytest.fixture
def ada(db: None) -> User:
    """Somebody with an address, who has looked into the own room."""
    return with_room(person(email="ada@example.com", name="Ada"))


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the services other limits."""

    def change(**limits: Any) -> None:
        tuned = msgspec.structs.replace(conf, **limits)
        for module in (telling, timers):
            monkeypatch.setattr(module, "conf", tuned)

    return change


def with_room(user: User) -> User:
    log.create(f"user:{user.pk}")
    return user


def tell(user: User, kind: str = "test.said", title: str = "Hello", by: Author = SERVER, **notice: Any) -> int:
    """Tells somebody one thing."""
    return tell_all([(user.pk, Notice(kind, title, **notice))], by)


def tell_all(told: list[tuple[UUID, Notice]], by: Author = SERVER) -> int:
    with write():
        return services.notify(told=told, by=by)


def events_of(user: User) -> list[dict[str, Any]]:
    """All events of a user's own room, decoded."""
    return [json.loads(frame) for _, frame in log.read(f"user:{user.pk}", after=0, limit=1_000).events]


def titles_of(user: User) -> list[str]:
    return list(Notification.objects.filter(user=user).order_by("created_at", "title").values_list("title", flat=True))
