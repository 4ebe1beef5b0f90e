"""People on two instances do whatever comes to their minds; in the end everybody knows the same."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from bduf_realtime.gateway.errors import CODES
from tests.collaboration.meeting import PARTICIPANT, SEND, SESSION, Meeting, meeting
from tests.gateway.fold import followed
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live

PEOPLE = 8
# What no command may be answered here, whatever the others are doing.
NEVER = {"internal", "storage.unavailable", "storage.busy", "msg.id_conflict", "quota.exceeded"}


class Walk:
    """A session, and people who act in it at random; what they do depends on the seed alone."""

    def __init__(self, session: Meeting, chief: Plain, people: list[Plain], seed: int) -> None:
        self.session = session
        self.chief = chief
        self.people = people
        self.random = random.Random(seed)
        self.met: Counter[str] = Counter()
        self.compared = 0

    async def steps(self, number: int) -> None:
        """Has several people act at a time, that many times."""
        for _ in range(number):
            chosen = self.random.sample(range(len(self.people)), 3)
            acts = [self._act(n, self.random.random(), self.random.choice(self.people)) for n in chosen]
            await asyncio.gather(*acts, self._rule())

    async def _act(self, number: int, chance: float, other: Plain) -> None:
        """One person's next act: mostly saying something, else coming, going, falling off, or managing."""
        plain, about = self.people[number], {"session": self.session.session}
        if plain.closed or chance < 0.05:
            plain.drop()
            self.people[number] = await self.session.connect(plain.person, server=self.random.randrange(2))
        elif chance < 0.3:
            await self._does(plain, "room:join", {"room": self.session.room})
        elif chance < 0.35:
            await self._does(plain, "room:leave", {"room": self.session.room})
        elif chance < 0.75:
            await self._does(plain, SEND, about | {"body": f"{chance}"})
        else:
            await self._does(plain, *self._management(other))

    async def _rule(self) -> None:
        """Somebody who may do everything does something to the session or its people."""
        if self.random.random() < 0.7:
            await self._does(self.chief, *self._management(self.random.choice(self.people)))

    def _management(self, other: Plain) -> tuple[str, dict[str, Any]]:
        about = {"session": self.session.session}
        verb = self.random.choice(
            ["role", "role", "admit", "admit", "deny", "remove", "pause", "resume", "resume", "update"]
        )
        if verb in ("pause", "resume"):
            return f"{SESSION}{verb}", about
        if verb == "update":
            settings = self.random.choice(
                [
                    {"require_approval": self.random.random() < 0.5},
                    {"max_participants": self.random.randint(PEOPLE // 2, 2 * PEOPLE)},
                    {"enable_cursor_sharing": self.random.random() < 0.5},
                ]
            )
            return f"{SESSION}update", about | {"settings": settings}
        role = {"role": self.random.choice(["owner", "moderator", "participant", "observer"])} if verb == "role" else {}
        return f"{PARTICIPANT}{verb}", about | {"user": other.person.id} | role

    async def _does(self, plain: Plain, type: str, data: dict[str, Any]) -> None:
        """Sends a command, and waits for its answer or for the end of the connection."""
        with suppress(ConnectionClosed):
            id = await plain.send(type, data)
            await eventually(lambda: plain.answers(id) or plain.closed, timeout=PATIENCE, what=type)
            for answer in plain.answers(id):
                self.met[answer.get("code", "ack")] += 1

    async def everybody_knows_the_same(self) -> None:
        """Compares what each has made of the frames with what somebody is told who comes now."""
        room = self.session.room
        assert set(self.met) <= CODES.keys() - NEVER | {"ack"}, self.met
        await self.session.manage("session:update", self.chief, settings={"max_participants": 100})
        fresh = await (await self.session.connect(self.chief.person, server=1)).join(room)
        for plain in (self.chief, *self.people):
            await eventually(
                lambda plain=plain: plain.closed or not inside(plain, room) or followed(plain, room)[1] >= fresh["seq"],
                timeout=PATIENCE,
                what=f"{plain.person.username} at {fresh['seq']}",
            )
            if plain.closed is None and inside(plain, room):
                plain.position(room)
                state, seq = followed(plain, room)
                assert (state, seq) == (fresh["state"], fresh["seq"])
                self.compared += 1


def inside(plain: Plain, room: str) -> bool:
    """Whether a connection is in the room, going by the answers to its joins and leaves."""
    moves = ("room:join", "room:leave")
    answers = [f for f in plain.frames if f["type"] in ("ack", "error") and f["id"] and plain.asked(f["id"]) in moves]
    return bool(answers) and "recovered" in answers[-1].get("data", {})


async def walk(cluster: Live, seed: int, steps: int) -> Counter[str]:
    async with meeting(cluster, require_approval=seed % 2 == 1) as session:
        chief = await session.connect(cluster.owner)
        await chief.join(session.room)
        people = [await session.connect(server=number % 2) for number in range(PEOPLE - 1)]
        walk = Walk(session, chief, [session.owner, *people], seed)
        await walk.steps(steps)
        await walk.everybody_knows_the_same()
        assert walk.compared > 1
        return walk.met


async def test_whatever_people_do_everybody_knows_the_same_in_the_end(cluster: Live) -> None:
    met = await walk(cluster, seed=1, steps=40)
    assert met["ack"] > 40


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10, 22))
async def test_whatever_people_do_for_a_long_time_everybody_knows_the_same(cluster: Live, seed: int) -> None:
    met = await walk(cluster, seed=seed, steps=300)
    assert met["ack"] > 300
