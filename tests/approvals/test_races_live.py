"""What does not go together, at the same moment on two instances: one outcome, and a code for the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.approvals.signing import Desk, desk, vote
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.servers import MS, eventually

pytestmark = pytest.mark.live

TURNS = 6


async def together(*tasks: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*tasks))


async def table_of(live: Live, table: Desk, number: int) -> tuple[Plain, list[Plain]]:
    """Who asks, and those who decide, on both instances in turn."""
    return await table.sit(), [await table.sit(server=n % 2) for n in range(number)]


def events_of(live: Live, asked: dict[str, Any], type_: str) -> int:
    """How many events of a type the project's log has of a request."""
    query = (
        "SELECT count(*) FROM rooms_event e JOIN rooms_room r ON r.id = e.room_id"
        f" WHERE r.name = 'project:{live.project}' AND e.type = 'approval:{type_}' AND e.frame LIKE '%{asked['id']}%'"
    )
    return int(live.value(query))


def votes_on(live: Live, asked: dict[str, Any]) -> int:
    return int(live.value(f"SELECT count(*) FROM approvals_vote WHERE approval_id = '{asked['id']}'"))


async def test_of_two_who_decide_at_once_one_does(pair: Live) -> None:
    async with desk(pair) as table:
        asker, voters = await table_of(pair, table, 6)
        for turn in range(TURNS):
            asked = await table.ask(asker, voters)
            decisions = ["approve" if n % 2 else "reject" for n in range(len(voters))]
            outcomes = Counter(
                await together(
                    *(v.code("approval:decide", vote(asked, d)) for v, d in zip(voters, decisions, strict=True))
                )
            )
            assert outcomes == {"ack": 1, "approval.already_decided": 5}, turn
            assert (votes_on(pair, asked), events_of(pair, asked, "decided")) == (1, 1)
            assert table.shown(asked)["state"] in ("approved", "rejected")


async def test_one_person_on_two_connections_votes_once(pair: Live) -> None:
    async with desk(pair) as table:
        asker, voters = await table_of(pair, table, 2)
        again = await table.sit(voters[0].person, server=1)
        for _ in range(TURNS):
            asked = await table.ask(asker, voters, quorum=2)
            outcomes = await together(*(one.code("approval:decide", vote(asked)) for one in (voters[0], again)))
            assert sorted(outcomes) == ["ack", "approval.already_decided"]
            assert votes_on(pair, asked) == 1


async def test_the_same_command_on_two_instances_is_carried_out_once(pair: Live) -> None:
    async with desk(pair) as table:
        asker, voters = await table_of(pair, table, 2)
        person, instance = voters[0].person, voters[0].instance
        async with Plain(pair, person, server=1, instance=instance) as again:
            for turn in range(TURNS):
                asked = await table.ask(asker, voters, quorum=2)
                one, other = await together(
                    *(p.ask("approval:decide", vote(asked), id=f"vote-{turn}") for p in (voters[0], again))
                )
                assert one == other
                assert (one["type"], votes_on(pair, asked), events_of(pair, asked, "decided")) == ("ack", 1, 1)


async def test_what_is_decided_is_not_taken_back_and_the_other_way_round(pair: Live) -> None:
    async with desk(pair) as table:
        asker, [voter] = await table.sit(), [await table.sit(server=1)]
        for _ in range(TURNS):
            asked = await table.ask(asker, [voter])
            outcomes = await together(
                voter.code("approval:decide", vote(asked)), asker.code("approval:cancel", {"approval": asked["id"]})
            )
            assert sorted(outcomes) == ["ack", "approval.already_decided"]
            state = "approved" if outcomes[0] == "ack" else "cancelled"
            shown = table.shown(asked)
            assert (shown["state"], len(shown["votes"])) == (state, int(state == "approved"))


async def test_a_vote_at_the_last_moment_counts_or_is_too_late(pair: Live) -> None:
    async with desk(pair) as table:
        asker, voters = await table_of(pair, table, 2)
        for turn in range(TURNS):
            due = datetime.now(UTC) + timedelta(seconds=400 * MS)
            asked = await table.ask(asker, [voters[turn % 2]], due_at=due.isoformat())

            async def last_moment(voter: Plain = voters[turn % 2], due: datetime = due, asked: Any = asked) -> str:
                await eventually(lambda: datetime.now(UTC) >= due - timedelta(seconds=5 * MS), timeout=PATIENCE)
                return await voter.code("approval:decide", vote(asked))

            code = await last_moment()
            await eventually(lambda a=asked: table.shown(a)["state"] != "pending", timeout=PATIENCE)
            shown = table.shown(asked)
            expected = ("approved", 1, 0) if code == "ack" else ("expired", 0, 1)
            assert code in ("ack", "approval.expired")
            assert (shown["state"], len(shown["votes"]), events_of(pair, asked, "expired")) == expected


async def test_a_vote_on_a_text_that_is_being_edited_is_on_what_was_seen_or_none(pair: Live) -> None:
    async with desk(pair) as table:
        asker, voters = await table_of(pair, table, 2)
        for turn in range(TURNS):
            document = table.document()
            asked = await table.ask(asker, [voters[turn % 2]], subject={"document": document})
            code, now = await together(
                voters[turn % 2].code("approval:decide", vote(asked)),
                asyncio.to_thread(table.write, document, "Two."),
            )
            assert code in ("ack", "approval.stale")
            if code == "approval.stale":
                again = vote(asked, content_hash=now)
                assert (await voters[turn % 2].ask("approval:decide", again))["data"]["state"] == "approved"
            [counted] = table.shown(asked)["votes"]
            assert counted["content_hash"] == (asked["content_hash"] if code == "ack" else now)


async def test_timers_fire_once_on_two_instances(pair: Live) -> None:
    async with desk(pair) as table:
        asker, voters = await table_of(pair, table, 2)
        users = [v.person.id for v in voters]
        policy = {
            "stages": [{"who": {"users": users[:1]}}],
            **{"remind_after": 1, "escalate_after": 1, "escalate_to": {"users": users[1:]}, "expires_after": 3},
        }
        asked = [await table.ask(asker, [], policy=policy) for _ in range(5)]
        await asyncio.gather(*(asyncio.to_thread(pair.deployment.manage, "sweep") for _ in range(2)))
        for one in asked:
            await eventually(lambda a=one: events_of(pair, a, "expired"), timeout=PATIENCE, what="it expires")
            assert [events_of(pair, one, type_) for type_ in ("escalated", "expired")] == [1, 1]
            assert events_of(pair, one, "reminded") in (1, 2)
        told = (
            "SELECT count(*) FROM notifications_notification WHERE kind = 'approval.escalated'"
            f" AND user_id = '{users[1]}'"
        )
        assert pair.value(told) == len(asked)
