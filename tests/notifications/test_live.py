"""Notifications between processes: told here and heard there, read there and seen here, missed and caught up with."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from benchmarks.world import Person
from tests.gateway.plain import Plain
from tests.live import Live

pytestmark = pytest.mark.live
SUBSCRIBE = "notification:subscribe"


@asynccontextmanager
async def subscribed(
    live: Live, person: Person, server: int = 0, **data: Any
) -> AsyncIterator[tuple[Plain, dict[str, Any]]]:
    async with Plain(live, person, server=server) as plain:
        answer = await plain.ask(SUBSCRIBE, data)
        assert answer["type"] == "ack", answer
        yield plain, answer["data"]


async def changed(live: Live, person: Person, *roles: str) -> None:
    """Gives somebody other roles in the project, of which each is a notification."""
    for role in roles:
        live.role(person, role)


async def test_what_is_told_by_one_server_is_heard_on_the_other(cluster: Live) -> None:
    person = cluster.person()
    async with subscribed(cluster, person, server=1) as (far, _):
        await changed(cluster, person, "moderator")
        event = await far.heard("notification:created", f"user:{person.id}")
        assert event["data"]["notification"]["kind"] == "project.role_changed"
        assert event["by"]["user"] == cluster.owner.id
        await changed(cluster, person, "participant")


async def test_what_is_read_on_one_server_is_seen_on_the_other(cluster: Live) -> None:
    person, room = cluster.person(), ""
    async with subscribed(cluster, person) as (here, seen), subscribed(cluster, person, server=1) as (there, _):
        room = seen["room"]
        await changed(cluster, person, "moderator", "participant")
        event = await here.heard("notification:created", room, number=2)
        id_ = event["data"]["notification"]["id"]
        await there.heard("notification:created", room, number=2)
        answer = await here.ask("notification:read", {"ids": [id_]})
        assert answer["data"]["read"] == 1
        told = await there.heard("notification:read", room)
        assert told["data"] == {"ids": [id_], "all": False, "unread": answer["data"]["unread"]}
        assert cluster.rest("POST", "notifications/read/", person, {"all": True})[1]["unread"] == 0
        for tab in (here, there):
            await tab.heard("notification:read", room, number=1 if tab is here else 2)


async def test_what_was_missed_comes_once_and_in_order_over_the_other_server(cluster: Live) -> None:
    person = cluster.person()
    async with subscribed(cluster, person) as (_, seen):
        pass
    await changed(cluster, person, "moderator", "observer", "participant")
    since = {"epoch": seen["epoch"], "seq": seen["seq"]}
    async with subscribed(cluster, person, server=1, since=since) as (back, missed):
        assert (missed["recovered"], missed["seq"]) == ("full", seen["seq"] + 3)
        await back.sees(seen["room"], missed["seq"])
        roles = [event["data"]["notification"]["data"]["role"] for event in back.events(seen["room"])]
        assert roles == ["moderator", "observer", "participant"]


async def test_a_topic_leaves_no_hole_in_the_numbers(cluster: Live) -> None:
    person = cluster.person()
    topics = ["approval.*", f"session:{cluster.session()}"]
    async with subscribed(cluster, person, server=1, topics=topics) as (narrow, seen):
        await changed(cluster, person, "moderator", "participant")
        await narrow.sees(seen["room"], seen["seq"] + 2)
        assert [event["type"] for event in narrow.events(seen["room"])] == ["notification:skipped"] * 2
        assert (await narrow.ask(SUBSCRIBE, {"topics": [f"project:{cluster.project}"]}))["type"] == "ack"
        await changed(cluster, person, "moderator")
        await narrow.heard("notification:created", seen["room"])
        await changed(cluster, person, "participant")


@pytest.mark.parametrize("topic", ["user:*", "project:*", "user:{other}", "project:{nobody}", "session:{nobody}"])
async def test_no_topic_opens_a_room_of_others(cluster: Live, topic: str) -> None:
    person, other = cluster.people(2)
    async with Plain(cluster, person) as plain:
        named = topic.format(other=other.id, nobody=uuid.uuid4())
        assert await plain.code(SUBSCRIBE, {"topics": [named]}) == "perm.denied"
        await changed(cluster, other, "moderator", "participant")
        assert await plain.code("ping") == "pong"
        assert plain.of("notification:created") == []


async def test_who_is_named_in_a_message_and_who_may_let_in_are_told(live: Live) -> None:
    guest = live.person()
    session = live.session(require_approval=True)
    async with subscribed(live, live.owner) as (owner, seen), Plain(live, guest) as waits:
        assert await waits.code("room:join", {"room": f"session:{session}"}) == "session.join_pending"
        request = (await owner.heard("notification:created", seen["room"]))["data"]["notification"]
        assert (request["kind"], request["must_act"], request["session"]) == ("session.join_requested", True, session)
        done = await owner.ask("collaboration:participant:admit", {"session": session, "user": guest.id})
        assert done["type"] == "ack"
        settled = await owner.heard("notification:read", seen["room"])
        assert settled["data"]["ids"] == [request["id"]]
        await owner.join(f"session:{session}")
        async with subscribed(live, guest) as (hears, _):
            await owner.say(session, f"@{guest.username} welcome")
            event = await hears.heard("notification:created")
            assert event["data"]["notification"]["kind"] == "session.mentioned"
