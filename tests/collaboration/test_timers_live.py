"""What the clock does to sessions: idle ones end, ended ones are forgotten, wishes grow old, graces run out."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.collaboration.meeting import PARTICIPANT, SESSION, Meeting, meeting
from tests.gateway.plain import PATIENCE, Plain
from tests.live import PEOPLED, Live
from tests.servers import MS, Deployment, eventually

pytestmark = pytest.mark.live

IDLE = 1_000 * MS
RETENTION = 500 * MS
REQUEST = 1_200 * MS
GRACE = 500 * MS
LEASE = 1_500 * MS
BRIEF = {
    "BDUF_SESSION_IDLE_TIMEOUT": str(IDLE),
    "BDUF_SESSION_RETENTION": str(RETENTION),
    "BDUF_SESSION_REQUEST_TIMEOUT": str(REQUEST),
    "BDUF_SESSION_PARTICIPANT_TIMEOUT": str(GRACE),
    "BDUF_SWEEP_INTERVAL": str(200 * MS),
    "BDUF_INSTANCE_LEASE": str(LEASE),
    "BDUF_INSTANCE_RENEWAL": str(300 * MS),
}


@pytest.fixture(scope="module")
def brief() -> Iterator[Live]:
    """A uvicorn and a daphne on one PostgreSQL and one Redis, whose sessions are soon over."""
    with Deployment(database="postgres", redis=True, env=BRIEF, template=PEOPLED) as deployment:
        deployment.add_server(kind="daphne")
        yield Live(deployment)


@pytest.fixture
def both(brief: Live) -> Live:
    """Both servers, up again if a test before has left one down."""
    for server in brief.deployment.servers:
        if not server.running:
            server.start()
    return brief


def status(live: Live, session: str) -> Any:
    return live.value(f"SELECT status FROM collaboration_session WHERE id = '{session}'")


def ends(live: Live, session: str, project: str = "") -> int:
    """How many ends of a session the log of its project holds: what ends twice is told twice."""
    return int(
        live.value(
            "SELECT count(*) FROM rooms_event e JOIN rooms_room r ON r.id = e.room_id"
            f" WHERE r.name = 'project:{project or live.project}' AND e.type = '{SESSION}ended'"
            f" AND e.frame LIKE '%{session}%'"
        )
    )


def audited(live: Live, session: str, action: str) -> int:
    return int(
        live.value(
            f"SELECT count(*) FROM audit_auditentry WHERE target = 'session:{session}' AND action = '{SESSION}{action}'"
        )
    )


async def over(live: Live, *sessions: str) -> None:
    """Waits until sessions have ended, each once."""
    for session in sessions:
        # An instance that is elected in the meantime forgets it at once, for its retention is over as soon.
        await eventually(lambda s=session: status(live, s) in ("ended", None), timeout=PATIENCE, what="it ends")
        assert (ends(live, session), audited(live, session, "end")) == (1, 1)


async def due(live: Live, session: str, since: str, seconds: float) -> None:
    """Waits until something is due by the database's clock."""
    passed = f"SELECT {since} < now() - interval '{seconds} seconds' FROM collaboration_session WHERE id = '{session}'"
    await eventually(lambda: live.value(passed), timeout=PATIENCE, what=f"{since} is long ago")


def ended(watcher: Plain, session: str) -> list[dict[str, Any]]:
    """What somebody in the project's room was told of the end of a session."""
    return [event for event in watcher.of(f"{SESSION}ended") if event["data"]["session"]["id"] == session]


async def test_a_session_nobody_comes_to_ends_once(both: Live) -> None:
    async with Plain(both, both.person()) as watcher:
        room = f"project:{both.project}"
        await watcher.join(room)
        session = both.session()
        await eventually(lambda: ended(watcher, session), timeout=PATIENCE, what="the session ends")
        [event] = ended(watcher, session)
        assert event["by"] == {"user": "", "name": "", "kind": "", "connection": ""}
        assert await watcher.code("room:join", {"room": f"session:{session}"}) == "session.ended"
        await over(both, session)


async def test_a_session_in_use_does_not_end_and_then_counts_from_the_last_who_left(both: Live) -> None:
    async with meeting(both) as session:
        other = await session.member(server=1)
        await session.owner.ask("room:leave", {"room": session.room})
        await eventually(lambda: other.of(f"{PARTICIPANT}left", session.room), timeout=PATIENCE)
        sleeper = both.session()
        await eventually(lambda: status(both, sleeper) in ("ended", None), timeout=PATIENCE)
        assert status(both, session.session) == "active"
        other.drop()
        await eventually(lambda: status(both, session.session) in ("ended", None), timeout=PATIENCE)
        assert ends(both, session.session) == 1


async def test_a_session_ends_once_although_its_instance_is_killed_before_it_is_due(both: Live) -> None:
    first, second = both.deployment.servers
    sessions = [both.session() for _ in range(3)]
    for server in (first, second):  # one of them is the elected
        server.kill()
        server.start()
    await over(both, *sessions)


@pytest.mark.long
async def test_a_session_ends_when_a_server_comes_back_after_it_was_due(both: Live) -> None:
    session = both.session()
    for server in both.deployment.servers:
        server.kill()
    await due(both, session, "idle_since", IDLE)
    assert status(both, session) == "active"
    both.deployment.servers[1].start()
    await over(both, session)


async def test_sweep_ends_sessions_and_forgets_them_where_no_server_runs(both: Live) -> None:
    session = both.session()
    for server in both.deployment.servers:
        server.kill()
    await due(both, session, "idle_since", IDLE)
    reports: list[str] = []
    while status(both, session) is not None:  # on a slow machine the second of two forgets what the first has ended
        reports += await asyncio.gather(*(asyncio.to_thread(both.deployment.manage, "sweep") for _ in range(2)))
    assert any("idle_sessions: " in report for report in reports)
    assert any("ended_sessions: " in report for report in reports)
    await over(both, session)
    assert both.value(f"SELECT count(*) FROM rooms_room WHERE name = 'session:{session}'") == 0
    assert (ends(both, session), audited(both, session, "expire")) == (1, 1)
    both.deployment.servers[0].start()
    async with Plain(both, both.person()) as late:
        assert await late.code("room:join", {"room": f"session:{session}"}) == "room.not_found"


async def test_a_wish_to_come_in_grows_old_unless_it_is_repeated(both: Live) -> None:
    async with meeting(both, require_approval=True) as session:
        patient, gone = await session.connect(), await session.connect(server=1)
        for waiting in (patient, gone):
            await waiting.join(f"user:{waiting.person.id}")
            assert await session.knock(waiting) == "session.join_pending"

        while not session.owner.of(f"{PARTICIPANT}removed", session.room):
            assert await session.knock(patient) == "session.join_pending"
            with suppress(TimeoutError):
                await eventually(lambda: session.owner.of(f"{PARTICIPANT}removed"), timeout=REQUEST / 4)
        removed = session.owner.of(f"{PARTICIPANT}removed", session.room)
        assert [event["data"] for event in removed] == [
            {"session": session.session, "user": gone.person.id, "reason": "expired"}
        ]
        told = await gone.heard(f"{PARTICIPANT}removed", f"user:{gone.person.id}")
        assert told["data"] == removed[0]["data"]
        assert await session.refused(session.owner, "participant:deny", user=gone.person.id) == "participant.not_found"
        assert await session.knock(gone) == "session.join_pending"


@pytest.mark.parametrize("back_on", [1, None], ids=["comes back", "stays away"])
async def test_the_grace_period_outlives_the_instance(both: Live, back_on: int | None) -> None:
    async with meeting(both, server=1) as session:
        member = await session.member(server=0)
        both.deployment.servers[0].kill()
        await eventually(lambda: member.closed, timeout=PATIENCE)
        if back_on is not None:  # before the start, which may take longer than the grace period
            back = await session.connect(member.person, server=back_on)
            await back.join(session.room)
        both.deployment.servers[0].start()
        marker = await session.member(server=0)
        marker.drop()
        await gone(session, marker.person.id)
        if back_on is None:
            await gone(session, member.person.id)
        else:  # the dead instance's places are cleaned up without a word about who is back
            await eventually(lambda: instances(both) == 2, timeout=PATIENCE, what="the dead is buried")
            left = [event["data"]["user"] for event in session.owner.of(f"{PARTICIPANT}left", session.room)]
            assert left == [marker.person.id]
            assert (await back.say(session.session, str(uuid.uuid4())))["type"] == "ack"
        log = [event for event in await session.log() if event["type"].startswith(PARTICIPANT)]
        of_member = [event["type"] for event in log if event["data"]["user"] == member.person.id]
        expected = [f"{PARTICIPANT}joined", *([f"{PARTICIPANT}left"] if back_on is None else [])]
        assert of_member == expected


async def gone(session: Meeting, user: str) -> None:
    """Waits until the session is told that somebody has left."""

    def left() -> list[str]:
        return [event["data"]["user"] for event in session.owner.of(f"{PARTICIPANT}left", session.room)]

    await eventually(lambda: user in left(), timeout=PATIENCE, what=f"{user} has left")


def instances(live: Live) -> int:
    return int(live.value("SELECT count(*) FROM gateway_instance"))
