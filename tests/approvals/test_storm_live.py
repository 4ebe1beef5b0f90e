"""Everything at once on two instances and one PostgreSQL: nobody waits crosswise, and what was acked is there."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from tests.approvals.signing import Desk, desk, vote
from tests.gateway.plain import Plain
from tests.live import Live

pytestmark = pytest.mark.live

NEVER = {
    "internal",
    "storage.unavailable",
    "storage.busy",
    "msg.id_conflict",
    "quota.exceeded",
    "rate.limited",
    "msg.bad_value",
}
SAY = "collaboration:message:send"


class Storm:
    """A document that many decide on while it is written, in a project whose people come and go."""

    def __init__(self, live: Live, table: Desk, people: list[Plain]) -> None:
        self.live = live
        self.table = table
        self.people = people
        self.acked: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.asked: list[dict[str, Any]] = []
        self.leaver = live.person().id
        self.session = ""
        self.document = ""

    async def rage(self, turns: int) -> None:
        """Has a session begin, everybody do everything in it, and the session end, that many times."""
        for turn in range(turns):
            self.session = await asyncio.to_thread(self.live.session)
            body = {"session": self.session, "title": "Notes", "strategy": "merge", "content": "One."}
            status, made = await self.rest("POST", "documents/", body)
            assert status == 201, made
            self.document, self.asked = made["id"], []
            for plain in self.people:
                await plain.join(f"session:{self.session}")
            kept = await self.rest("POST", f"documents/{self.document}/versions/", {"title": "First"})
            await self.does(self.people[0], "approval:request", self.request(self.people[0]))
            acts = [self.person(plain, turn * 10 + number) for number, plain in enumerate(self.people)]
            await asyncio.gather(*acts, self.writer(kept[1]["id"]), self.manager())
            await self.rest("POST", f"sessions/{self.session}/end/")

    def request(self, by: Plain) -> dict[str, Any]:
        approvers = [plain.person.id for plain in self.people if plain is not by]
        about = {"subject": {"document": self.document}, "approvers": approvers, "quorum": len(approvers)}
        return {"project": self.live.project, "title": "Ship it", **about}

    async def person(self, plain: Plain, seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(6):
            asked = chance.choice(self.asked)
            about = {"approval": asked["id"]}
            others = f"@{chance.choice(self.people).person.username} look"
            choices: list[tuple[str, dict[str, Any]]] = [
                ("approval:decide", vote(asked, chance.choice(["approve", "abstain"]))),
                ("approval:decide", vote(asked, content_hash=(await self.shown(asked))["content_hash"])),
                ("approval:comment", about | {"body": "Why?"}),
                ("approval:request", self.request(plain)),
                ("approval:cancel", about),
                ("notification:read", {"all": True}),
                (SAY, {"session": self.session, "body": others}),
            ]
            await self.does(plain, *chance.choice(choices))

    async def writer(self, version: str) -> None:
        for number in range(6):
            await self.rest("PUT", f"documents/{self.document}/content/", {"content": f"{number}."})
            await self.rest("POST", f"documents/{self.document}/versions/{version}/restore/")

    async def manager(self) -> None:
        """Has one of those who are asked leave and come back, and the clock go round on another process."""
        plain = self.people[-1]
        members = f"projects/{self.live.project}/members/"
        for role in ("participant", "moderator", "participant"):
            await self.rest("DELETE", f"{members}{self.leaver}/")
            await self.rest("POST", members, {"user": self.leaver, "role": role})
            await self.rest("POST", members, {"user": plain.person.id, "role": role})

    async def does(self, plain: Plain, type: str, data: dict[str, Any]) -> None:
        answer = await plain.ask(type, data)
        self.met[answer.get("code", "ack")] += 1
        if answer["type"] == "ack":
            self.acked[type] += 1
            if type == "approval:request":
                self.asked.append(answer["data"]["approval"])

    async def rest(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, answer = await asyncio.to_thread(self.live.rest, method, path, self.live.owner, body)
        self.met[str(answer.get("code", "ok") if isinstance(answer, dict) else "ok")] += 1
        assert status < 500, answer
        return status, answer

    async def shown(self, asked: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(self.table.shown, asked)


def stored(live: Live) -> Counter[str]:
    """How many votes, comments and requests there are, by the command that makes one."""
    tables = {"approval:decide": "vote", "approval:comment": "comment", "approval:request": "approval"}
    return Counter({type: int(live.value(f"SELECT count(*) FROM approvals_{t}")) for type, t in tables.items()})


def deadlocks(live: Live) -> int:
    """How often the database had to break a circle of those who waited for each other."""
    return int(live.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))


async def storm(live: Live, turns: int) -> None:
    async with desk(live) as table:
        people = [await table.sit(server=number % 2) for number in range(6)]
        for plain in people:
            await plain.join(f"user:{plain.person.id}")
        raging = Storm(live, table, people)
        before, locked = stored(live), deadlocks(live)
        await raging.rage(turns)
        assert not set(raging.met) & NEVER, raging.met
        assert deadlocks(live) == locked
        acked = {type: raging.acked[type] for type in before if raging.acked[type]}
        assert dict(stored(live) - before) == acked
        for plain in people:
            for room in (table.room, f"user:{plain.person.id}"):
                plain.position(room)


async def test_nobody_waits_crosswise_and_what_was_acked_is_there(pair: Live) -> None:
    await storm(pair, turns=2)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_nobody_waits_crosswise_for_a_long_time(pair: Live) -> None:
    await storm(pair, turns=25)
