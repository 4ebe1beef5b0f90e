"""Requests on running servers: over both endpoints, in all rooms, and answered once."""

from __future__ import annotations

import asyncio

import pytest

from tests.approvals.signing import desk, vote
from tests.gateway.plain import Plain
from tests.live import Live

pytestmark = pytest.mark.live


async def test_a_request_is_decided_before_everybodys_eyes(live: Live) -> None:
    async with desk(live) as table:
        asker, one, other, watcher = [await table.sit() for _ in range(4)]
        await one.join(f"user:{one.person.id}")
        document = table.document()
        asked = await table.ask(asker, [one, other], quorum="all", subject={"document": document})
        assert (await watcher.heard("approval:requested", table.room))["data"]["approval"] == asked
        assert (await one.heard("approval:requested", f"user:{one.person.id}"))["data"]["approval"] == asked
        noted = (await one.heard("notification:created"))["data"]["notification"]
        assert (noted["kind"], noted["data"]["approval"]) == ("approval.requested", asked["id"])
        ack = await one.ask("approval:decide", vote(asked, comment="Fine."))
        assert (ack["data"]["state"], ack["data"]["vote"]["comment"]) == ("pending", "Fine.")
        event = await watcher.heard("approval:decided", table.room)
        assert (event["seq"], event["data"]["vote"]) == (ack["seq"], ack["data"]["vote"])
        assert (await other.ask("approval:decide", vote(asked)))["data"]["state"] == "approved"
        assert (await watcher.heard("approval:decided", table.room, 2))["data"]["approval"]["state"] == "approved"
        assert await one.code("approval:cancel", {"approval": asked["id"]}) == "perm.denied"
        assert await asker.code("approval:cancel", {"approval": asked["id"]}) == "approval.already_decided"


async def test_whoever_names_nobody_again_and_again_stays_connected(live: Live) -> None:
    async with desk(live) as table:
        asker = await table.sit()
        for number in range(10):
            data = {"project": live.project, "title": "Who?", "approvers": [f"nobody{number}"]}
            assert await asker.code("approval:request", data) == "msg.bad_value"
        assert (await asker.ask("ping", {}))["type"] == "pong"


async def test_a_command_that_is_sent_again_is_answered_as_the_first_time(live: Live) -> None:
    async with desk(live) as table:
        asker, one, other, watcher = [await table.sit() for _ in range(4)]
        asked = await table.ask(asker, [one, other], quorum=2)
        first, again = [await one.ask("approval:decide", vote(asked), id="vote") for _ in range(2)]
        assert first == again
        assert await one.code("approval:decide", vote(asked)) == "approval.already_decided"
        changed = await one.ask("approval:decide", vote(asked, "reject"), id="vote")
        assert changed["code"] == "msg.id_conflict"
        assert (await other.ask("approval:decide", vote(asked)))["data"]["state"] == "approved"
        assert await one.ask("approval:decide", vote(asked), id="vote") == first  # also when it is over
        await watcher.heard("approval:decided", table.room, 2)
        assert len(watcher.of("approval:decided", table.room)) == 2


async def test_the_votes_on_a_text_are_dismissed_within_seconds_of_its_change(live: Live) -> None:
    async with desk(live) as table:
        asker, one, other = [await table.sit() for _ in range(3)]
        document = table.document()
        asked = await table.ask(asker, [one, other], quorum=2, subject={"document": document})
        assert await one.code("approval:decide", vote(asked)) == "ack"
        now = await asyncio.to_thread(table.write, document, "Two.")
        event = await asker.heard("approval:updated", table.room)
        assert (event["data"]["change"], event["data"]["stale"]) == ("content", True)
        refused = await other.ask("approval:decide", vote(asked))
        assert (refused["code"], refused["details"]["content_hash"]) == ("approval.stale", now)
        assert await other.code("approval:decide", vote(asked, content_hash=now)) == "ack"
        assert (await one.ask("approval:decide", vote(asked, content_hash=now)))["data"]["state"] == "approved"


async def test_conversations_and_delegations_are_told_too(live: Live) -> None:
    async with desk(live) as table:
        asker, one, other = [await table.sit() for _ in range(3)]
        asked = await table.ask(asker, [one])
        said = await other.ask("approval:comment", {"approval": asked["id"], "body": "Why?"})
        comment = said["data"]["comment"]
        assert (await one.heard("approval:commented", table.room))["data"]["comment"] == comment
        answer = {"approval": asked["id"], "comment": comment["id"]}
        assert (await asker.ask("approval:resolve", answer))["data"]["approval"]["open_threads"] == 0
        assert await one.code("approval:delegate", {"approval": asked["id"], "to": other.person.id}) == "ack"
        assert (await other.ask("approval:decide", vote(asked)))["data"]["state"] == "approved"
        changes = [event["data"]["change"] for event in other.of("approval:updated", table.room)]
        assert changes == ["resolved", "delegated"]


async def test_the_approvals_endpoint_speaks_of_nothing_else(live: Live) -> None:
    plain = Plain(live, live.person())
    plain.url = plain.url.replace("/ws/", "/ws/approvals/")
    async with plain:
        ack = await plain.ask("approval:request", {"project": live.project, "title": "Ship it"})
        assert ack["data"]["state"] == "pending"
        assert await plain.code("collaboration:session:create", {"project": live.project}) == "msg.unknown_type"
