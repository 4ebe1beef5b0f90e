"""Ids that somebody has guessed, kept or made up: the answer never tells which of them are real."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.world import Person
from tests.gateway.plain import Plain
from tests.live import Live

pytestmark = pytest.mark.live

NOISE = 0.01  # seconds between two medians
MALFORMED = [
    *["x", "", "*", "session:*", "../../etc/passwd", "00000000-0000-0000-0000-00000000000g", "a" * 10_240],
    *["' OR 1=1 --", "{", "%s", "🙂"],
]


@dataclass
class House:
    """A project that the stranger is not in: with a session, with one that has ended, and one that was deleted."""

    project: str
    ids: dict[str, str]
    resident: Person


@pytest.fixture(scope="module")
def house(live: Live) -> House:
    resident = live.person()
    status, project = live.rest("POST", "projects/", resident, {"name": "House"})
    assert status == 201

    def session() -> str:
        status, made = live.rest("POST", "sessions/", resident, {"project": project["id"], "name": "Room"})
        assert status == 201
        return str(made["id"])

    real, ended, deleted = session(), session(), session()
    assert live.rest("POST", f"sessions/{ended}/end/", resident, {})[0] == 200
    dashless = uuid.UUID(deleted).hex
    live.execute(
        f"DELETE FROM collaboration_participant WHERE session_id = '{dashless}'",
        f"DELETE FROM collaboration_session WHERE id = '{dashless}'",
        f"DELETE FROM rooms_event WHERE room_id IN (SELECT id FROM rooms_room WHERE name = 'session:{deleted}')",
        f"DELETE FROM rooms_room WHERE name = 'session:{deleted}'",
    )
    assert live.rest("GET", f"sessions/{real}/", resident)[0] == 200
    assert live.rest("GET", f"sessions/{deleted}/", resident)[0] == 404
    ids = {"real": real, "ended": ended, "deleted": deleted, "guessed": str(uuid.uuid4())}
    return House(project["id"], ids, resident)


@asynccontextmanager
async def stranger(live: Live) -> AsyncIterator[Plain]:
    async with Plain(live, live.person()) as plain:
        yield plain


def commands(somebody: str) -> list[tuple[str, dict[str, Any]]]:
    """Every command about a session, without the session."""
    user = {"user": somebody}
    return [
        *[(f"collaboration:session:{verb}", {}) for verb in ("update", "pause", "resume", "end")],
        *[(f"collaboration:participant:{verb}", user) for verb in ("admit", "deny", "remove")],
        ("collaboration:participant:role", user | {"role": "owner"}),
        ("collaboration:message:send", {"body": "?"}),
        ("collaboration:signal:send", {"name": "?"}),
        ("collaboration:cursor:move", {"position": {}}),
    ]


def wording(answer: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in answer.items() if field != "id"}


async def test_every_session_of_others_is_answered_like_none(live: Live, house: House) -> None:
    async with stranger(live) as plain:
        for type, data in commands(house.resident.id):
            answers = {
                name: wording(await plain.ask(type, {"session": session} | data)) for name, session in house.ids.items()
            }
            assert answers == dict.fromkeys(house.ids, answers["guessed"]), type
            assert answers["real"]["code"] in ("session.not_found", "room.not_joined"), type


async def test_every_room_of_others_is_answered_like_none(live: Live, house: House) -> None:
    rooms = [f"session:{id}" for id in house.ids.values()]
    rooms += [f"project:{id}" for id in (house.project, uuid.uuid4())]
    rooms += [f"user:{id}" for id in (house.resident.id, uuid.uuid4())]
    rooms += [f"session:{id}" for id in MALFORMED if len(id) < 70] + ["session:", ":", "rooms:x", house.ids["real"]]
    rooms += [f"session:{house.ids['real'].upper()}", f" session:{house.ids['real']}", f"SESSION:{house.ids['real']}"]
    for type, since in (
        ("room:join", {}),
        ("room:join", {"since": {"epoch": "x", "seq": 1}}),
        ("room:history", {}),
    ):
        answers = []
        for start in range(0, len(rooms), 8):  # well below the rate of joins
            async with stranger(live) as plain:
                answers += [wording(await plain.ask(type, {"room": room} | since)) for room in rooms[start : start + 8]]
        assert answers == [answers[0]] * len(rooms)
        assert answers[0]["code"] == "room.not_found"


async def test_a_name_too_long_for_any_room_is_refused_by_its_length_alone(live: Live, house: House) -> None:
    async with stranger(live) as plain:
        for type in ("room:join", "room:history"):
            answers = [
                wording(await plain.ask(type, {"room": f"session:{id}{'0' * 10_240}"}))
                for id in (house.ids["real"], house.ids["guessed"])
            ]
            assert answers == [answers[0]] * 2
            assert answers[0]["code"] == "msg.bad_value"


async def test_what_is_no_id_is_refused_by_its_form_alone(live: Live) -> None:
    answers = []
    for start in range(0, len(MALFORMED), 4):  # five malformed frames close the connection
        async with stranger(live) as plain:
            for id in MALFORMED[start : start + 4]:
                answers.append(wording(await plain.ask("collaboration:session:pause", {"session": id})))
    assert answers == [answers[0]] * len(MALFORMED)
    assert (answers[0]["code"], answers[0]["details"]["field"]) == ("msg.bad_value", "session")


async def test_a_project_of_others_is_answered_like_none(live: Live, house: House) -> None:
    async with stranger(live) as plain:
        for type, data in (("collaboration:session:create", {}), ("project:broadcast", {"name": "hello"})):
            real, none = [
                wording(await plain.ask(type, {"project": project} | data))
                for project in (house.project, str(uuid.uuid4()))
            ]
            assert real == none
            assert real["code"] == "room.not_found"


async def test_a_manager_learns_nothing_of_users_who_are_not_in_the_project(live: Live, house: House) -> None:
    async with Plain(live, house.resident) as owner, stranger(live) as plain:
        for type, data in commands(plain.person.id)[4:8]:
            real, none = [
                wording(await owner.ask(type, {"session": house.ids["real"]} | data | {"user": user}))
                for user in (plain.person.id, str(uuid.uuid4()))
            ]
            assert real == none
            assert real["code"] == "participant.not_found"


async def test_rest_answers_like_the_socket(live: Live, house: House) -> None:
    somebody = live.person()
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("GET", "events/"),
        ("GET", "participants/"),
        ("POST", "pause/"),
        ("POST", "end/"),
        ("GET", "invitations/"),
        ("POST", f"participants/{house.resident.id}/admit/"),
    ):
        body = None if method == "GET" else {}
        answers = [live.rest(method, f"sessions/{id}/{path}", somebody, body) for id in house.ids.values()]
        assert answers == [answers[0]] * len(answers), path
        assert answers[0][0] == 404


async def test_the_answer_takes_as_long_for_a_real_id_as_for_a_made_up_one(live: Live, house: House) -> None:
    taken: dict[str, list[float]] = {"real": [], "guessed": []}
    async with stranger(live) as plain:
        for _ in range(15):
            for name, times in taken.items():
                started = time.perf_counter()
                await plain.ask("collaboration:session:pause", {"session": house.ids[name]})
                times.append(time.perf_counter() - started)
    assert abs(statistics.median(taken["real"]) - statistics.median(taken["guessed"])) < NOISE
