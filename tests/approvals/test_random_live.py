"""People on two instances ask and decide at random; who only listened knows what is read from the database."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from bduf_realtime.gateway.errors import CODES
from tests.approvals.following import READ, Follower
from tests.approvals.signing import vote
from tests.gateway.plain import PATIENCE
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live

PEOPLE = 5
NEVER = {"internal", "storage.unavailable", "storage.busy", "msg.id_conflict", "quota.exceeded", "rate.limited"}


class Walk:
    """People who ask each other for approval; what they do depends on the seed alone."""

    def __init__(self, live: Live, people: list[Follower], seed: int) -> None:
        self.live = live
        self.people = people
        self.random = random.Random(seed)
        self.asked: list[dict[str, Any]] = []
        self.comments: list[dict[str, Any]] = []
        self.met: Counter[str] = Counter()

    async def steps(self, number: int) -> None:
        for _ in range(number):
            chosen = self.random.sample(self.people, 3)
            await asyncio.gather(*(self._act(person, self.random.random()) for person in chosen))

    async def _act(self, person: Follower, chance: float) -> None:
        if chance < 0.08:
            await person.again(self.random.randrange(2))
        elif chance < 0.25 or not self.asked:
            await self._ask(person)
        elif chance < 0.4:
            person.fold()
            ids = self.random.sample(sorted(person.unread), min(2, len(person.unread)))
            await self._does(person, READ, self.random.choice([{"ids": ids}, {"all": True}]))
        else:
            await self._does(person, *self._step(person))

    async def _ask(self, person: Follower) -> None:
        others = [other.person.id for other in self.people if other is not person]
        approvers = self.random.sample(others, self.random.randint(1, 3))
        quorum = self.random.choice([1, len(approvers), "all", "50%"])
        fields = {"title": "Ship it", "approvers": approvers, "quorum": quorum}
        answer = await self._does(person, "approval:request", {"project": self.live.project, **fields})
        self.asked.append(answer["data"]["approval"])

    def _step(self, person: Follower) -> tuple[str, dict[str, Any]]:
        asked = self.random.choice(self.asked[-6:])
        about = {"approval": asked["id"]}
        verb = self.random.choice(["decide"] * 5 + ["comment", "comment", "resolve", "delegate", "cancel", "bypass"])
        if verb == "decide":
            decision = self.random.choice(["approve", "approve", "approve", "abstain", "reject", "request_changes"])
            return "approval:decide", vote(asked, decision, comment="So.")
        if verb == "resolve" and self.comments:
            comment = self.random.choice(self.comments)
            resolved = {"comment": comment["id"], "resolved": self.random.random() < 0.7}
            return "approval:resolve", {"approval": comment["approval"], **resolved}
        if verb == "delegate":
            return "approval:delegate", about | {"to": self.random.choice(self.people).person.id}
        if verb in ("cancel", "bypass"):
            return f"approval:{verb}", about | {"reason": "Enough."}
        return "approval:comment", about | {"body": "Why?"}

    async def _does(self, person: Follower, type: str, data: dict[str, Any]) -> dict[str, Any]:
        answer = await person.does(type, data)
        self.met[answer.get("code", "ack")] += 1
        if type == "approval:comment" and answer["type"] == "ack":
            self.comments.append({"id": answer["data"]["comment"]["id"], "approval": data["approval"]})
        return answer

    async def everybody_knows_the_same(self) -> None:
        """Compares what each has made of frames with what REST says."""
        assert set(self.met) <= CODES.keys() - NEVER | {"ack"}, self.met
        ids = {asked["id"] for asked in self.asked}
        for person in self.people:
            await eventually(lambda p=person: self._up_to_date(p), timeout=PATIENCE, what="the last event")
            _, page = self.live.rest("GET", f"approvals/?project={self.live.project}&limit=200", person.person)
            listed = {one["id"]: one for one in page["results"] if one["id"] in ids}
            assert {id: one for id, one in person.approvals.items() if id in ids} == listed
            assert listed.keys() == ids
            _, page = self.live.rest("GET", "notifications/?unread=true&limit=200", person.person)
            _, unread = self.live.rest("GET", "notifications/unread/", person.person)
            assert (person.unread, person.count) == ({one["id"] for one in page["results"]}, unread["unread"])

    def _up_to_date(self, person: Follower) -> bool:
        """Whether somebody has heard as much as there is in the logs."""
        person.fold()
        heads = "SELECT head FROM rooms_room WHERE name = "
        rooms = (person.project, person.own)
        return all(person.plain.position(room)[1] == self.live.value(f"{heads}'{room}'") for room in rooms)


async def walk(live: Live, seed: int, steps: int) -> Counter[str]:
    people = [Follower(live, person, number % 2) for number, person in enumerate(live.people(PEOPLE - 1))]
    people.append(Follower(live, live.owner, 1))
    try:
        for person in people:
            await person.begin()
        walk = Walk(live, people, seed)
        await walk.steps(steps)
        await walk.everybody_knows_the_same()
        return walk.met
    finally:
        for person in people:
            await person.plain.__aexit__()


async def test_who_only_listens_knows_what_there_is(pair: Live) -> None:
    met = await walk(pair, seed=1, steps=30)
    assert met["ack"] > 30


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10, 16))
async def test_who_only_listens_for_a_long_time_knows_what_there_is(pair: Live, seed: int) -> None:
    met = await walk(pair, seed=seed, steps=60)
    assert met["ack"] > 60
