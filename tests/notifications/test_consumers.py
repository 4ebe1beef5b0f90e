"""Notifications on sockets: subscribing, what was missed, topics, reading on several tabs, preferences."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway import doors, storage
from bduf_realtime.gateway.doors import Visitor, Wish
from bduf_realtime.rooms import log
from notifications import selectors
from notifications.models import Notification
from tests.notifications.conftest import tell
from tests.people import identity_of, person
from tests.sockets import Peer, code_of, connected

pytestmark = pytest.mark.usefixtures("sockets")
SUBSCRIBE = "notification:subscribe"


@pytest.fixture
def user(transactional_db: None) -> User:
    return person()


async def told(user: User, kind: str = "test.said", **notice: Any) -> None:
    await storage.call(tell, user, kind, **notice)


async def subscribed(user: User, **data: Any) -> tuple[Peer, dict[str, Any]]:
    peer = await connected(user)
    answer = await peer.ask(SUBSCRIBE, data)
    assert answer["type"] == "ack", answer
    return peer, answer["data"]


async def test_a_subscription_begins_with_what_is_unread_and_goes_on_with_what_is_told(user: User) -> None:
    await told(user, title="first")
    await told(user, title="second")
    peer, seen = await subscribed(user)
    assert [n["title"] for n in seen["notifications"]] == ["second", "first"]
    assert (seen["room"], seen["seq"], seen["recovered"]) == (f"user:{user.pk}", 0, "none")
    assert (seen["unread"], seen["more"], seen["topics"]) == (2, False, [])
    await told(user, title="third")
    event = await peer.receive()
    assert (event["type"], event["seq"]) == ("notification:created", 1)
    assert (event["data"]["notification"]["title"], event["data"]["unread"]) == ("third", 3)


async def test_what_was_missed_since_a_position_follows_the_answer(user: User) -> None:
    peer, seen = await subscribed(user)
    await peer.leave()
    await told(user, title="a")
    await told(user, title="b")
    again, missed = await subscribed(user, since={"epoch": seen["epoch"], "seq": seen["seq"]})
    assert (missed["recovered"], missed["seq"]) == ("full", 2)
    assert [(await again.receive())["data"]["notification"]["title"] for _ in range(2)] == ["a", "b"]
    _, lost = await subscribed(user, since={"epoch": "another", "seq": 1})
    assert lost["recovered"] == "snapshot"


async def test_what_was_told_since_a_time_is_listed_whether_it_is_read_or_not(user: User) -> None:
    await told(user, title="before")
    moment = timezone.now()
    await told(user, title="after")
    peer, _ = await subscribed(user)
    await peer.ask("notification:read", {"all": True})
    answer = await peer.ask(SUBSCRIBE, {"since": moment.isoformat()})
    assert [n["title"] for n in answer["data"]["notifications"]] == ["after"]
    assert (await peer.ask(SUBSCRIBE, {"since": "2026-01-01T00:00:00"}))["code"] == "msg.bad_value"


async def test_only_so_many_are_listed(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned = msgspec.structs.replace(selectors.conf, notifications_at_once=2)
    monkeypatch.setattr(selectors, "conf", tuned)
    for _ in range(3):
        await told(user)
    _, seen = await subscribed(user)
    assert (len(seen["notifications"]), seen["more"], seen["unread"]) == (2, True, 3)


async def test_of_other_topics_only_the_numbers_come(user: User) -> None:
    await told(user, "other.thing")
    peer, seen = await subscribed(user, topics=["test.*"])
    assert (seen["notifications"], seen["unread"], seen["topics"]) == ([], 1, ["test.*"])
    for kind in ("test.said", "other.thing", "test.done", "test"):
        await told(user, kind)
    events = [await peer.receive() for _ in range(4)]
    assert [(e["seq"], e["type"]) for e in events] == [
        (1, "notification:created"),
        (2, "notification:skipped"),
        (3, "notification:created"),
        (4, "notification:skipped"),
    ]
    assert events[1]["data"] == {}
    other, _ = await subscribed(user, topics=["other.*"], since={"epoch": seen["epoch"], "seq": 0})
    assert [(await other.receive())["type"].partition(":")[2] for _ in range(4)] == [
        *("skipped", "created", "skipped", "skipped")
    ]


async def test_subscribing_again_replaces_the_topics(user: User) -> None:
    peer, _ = await subscribed(user, topics=["other.*"])
    assert (await peer.ask(SUBSCRIBE))["type"] == "ack"
    await told(user)
    assert (await peer.receive())["type"] == "notification:created"
    await peer.ask(SUBSCRIBE, {"topics": ["other.*"]})
    await peer.ask("room:join", {"room": f"user:{user.pk}"})
    await told(user)
    assert (await peer.receive())["type"] == "notification:created"


async def test_who_unsubscribes_hears_nothing_and_may_do_it_twice(user: User) -> None:
    peer, _ = await subscribed(user)
    for _ in range(2):
        assert await peer.ask("notification:unsubscribe") | {"id": ""} == {"type": "ack", "id": "", "data": {}}
    await told(user)
    assert (await peer.ask("ping"))["type"] == "pong"
    assert await code_of(peer, "room:leave", {"room": f"user:{user.pk}"}) == "room.not_joined"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"topics": ["A"]}, "msg.bad_value"),
        ({"topics": ["a"] * 51}, "msg.bad_value"),
        ({"topics": ["a" * 101]}, "msg.bad_value"),
        ({"topics": ["user:*"]}, "perm.denied"),
        ({"topics": ["project:*"]}, "perm.denied"),
        ({"topics": [f"project:{uuid.UUID(int=1)}"]}, "perm.denied"),
        ({"topics": [f"user:{uuid.UUID(int=1)}"]}, "perm.denied"),
        ({"topics": "*"}, "msg.bad_value"),
        ({"topic": ["*"]}, "msg.unknown_field"),
        ({"since": 1}, "msg.bad_value"),
    ],
)
async def test_a_subscription_to_what_is_not_ones_own_is_refused(user: User, data: Any, code: str) -> None:
    peer = await connected(user)
    assert await code_of(peer, SUBSCRIBE, data) == code
    await told(user)
    assert (await peer.ask("ping"))["type"] == "pong"


async def test_reading_on_one_tab_is_seen_on_the_other(user: User) -> None:
    one, _ = await subscribed(user)
    other, _ = await subscribed(user, topics=["nothing.else"])
    await told(user)
    created = await one.expect("notification:created")
    await other.expect("notification:skipped")
    id_ = created["data"]["notification"]["id"]
    command = {"ids": [id_, str(uuid.uuid4())]}
    answer = await one.ask("notification:read", command, "read")
    assert (answer["data"], answer["seq"]) == ({"read": 1, "unread": 0}, 2)
    event = await other.receive()
    assert (event["type"], event["seq"]) == ("notification:read", 2)
    assert event["data"] == {"ids": [id_], "all": False, "unread": 0}
    assert await one.ask("notification:read", command, "read") == answer
    assert (await one.ask("notification:read", {"ids": [id_]}))["data"] == {"read": 0, "unread": 0}


@pytest.mark.parametrize("data", [{}, {"all": False}, {"ids": [], "all": True}, {"ids": ["x"]}, {"ids": [""] * 501}])
async def test_one_reads_some_or_all(user: User, data: Any) -> None:
    peer = await connected(user)
    assert await code_of(peer, "notification:read", data) == "msg.bad_value"


async def test_preferences_are_asked_for_and_changed(user: User) -> None:
    peer = await connected(user)
    before = (await peer.ask("notification:preferences"))["data"]
    after = (await peer.ask("notification:preferences", {"kinds": {"test.*": []}, "mail_after": 5}))["data"]
    assert (before["patterns"], after["patterns"], after["mail_after"]) == ({}, {"test.*": []}, 5)
    await told(user)
    assert await storage.call(Notification.objects.count) == 0


async def test_what_a_subscription_begins_with_is_as_of_its_number(user: User) -> None:
    """However many are told while many subscribe: list and events together have each exactly once."""
    await (await subscribed(user))[0].leave()

    async def follow() -> list[str]:
        peer, seen = await subscribed(user)
        found = [n["title"] for n in seen["notifications"]][::-1]
        while len(found) < 20:
            found.append((await peer.expect("notification:created"))["data"]["notification"]["title"])
        return found

    async def speak() -> None:
        for number in range(20):
            await told(user, title=str(number))

    *followed, _ = await asyncio.gather(*(follow() for _ in range(5)), speak())
    assert followed == [[str(number) for number in range(20)]] * 5


def test_a_look_is_taken_in_the_transaction_of_the_join(user: User, sockets: Callable[..., None]) -> None:
    visitor = Visitor(identity_of(user), str(uuid.uuid4()), str(uuid.uuid4()))
    [joined] = doors.join_many([Wish(f"user:{user.pk}", visitor, None, look=lambda: log.exists(f"user:{user.pk}"))])
    assert isinstance(joined, doors.Joined)
    assert joined.state is True
