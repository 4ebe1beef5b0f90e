"""Sessions that let nobody in unasked: who waits is seen by those inside, and told what became of it."""

from __future__ import annotations

import pytest

from tests.collaboration.meeting import PARTICIPANT, SEND, Meeting, meeting
from tests.gateway.plain import Plain
from tests.live import Live

pytestmark = pytest.mark.live


async def waiting(session: Meeting, *, server: int = 0) -> Plain:
    """Somebody before the door, who listens in the room of their own."""
    plain = await session.connect(server=server)
    await plain.join(f"user:{plain.person.id}")
    assert await session.knock(plain) == "session.join_pending"
    return plain


async def wait_list(session: Meeting) -> list[str]:
    """Who waits, as a snapshot shows it."""
    return [row["user"] for row in (await session.owner.join(session.room))["state"]["waiting"]]


@pytest.mark.parametrize("far", [0, 1], ids=["here", "there"])
async def test_who_waits_is_seen_inside_and_comes_in_when_admitted(cluster: Live, far: int) -> None:
    async with meeting(cluster) as session:
        moderator = await session.member(role="moderator")
        await session.update(require_approval=True)
        guest = await waiting(session, server=far)
        user = guest.person.id
        asked = await moderator.heard(f"{PARTICIPANT}requested", session.room)
        shown = asked["data"]["participant"]
        assert (shown["user"], shown["role"], shown["admission"]) == (user, "participant", "waiting")
        assert await wait_list(session) == [user]
        ack = await session.manage("participant:admit", moderator, user=user)
        told = await guest.heard(f"{PARTICIPANT}updated", f"user:{user}")
        assert told["data"] == ack["data"]
        assert told["data"]["session"] == session.session
        assert told["data"]["participant"]["admission"] == "admitted"
        joined = await guest.join(session.room)
        assert user in [row["user"] for row in joined["members"]]
        assert joined["state"]["waiting"] == []
        assert (await guest.say(session.session, "in"))["type"] == "ack"
        again = await session.connect(guest.person)
        assert await session.knock(again) == "ack"


async def test_who_is_denied_is_told_and_stays_outside_until_admitted(live: Live) -> None:
    async with meeting(live, require_approval=True) as session:
        guest = await waiting(session)
        user = guest.person.id
        await session.manage("participant:deny", user=user, reason="not today")
        told = await guest.heard(f"{PARTICIPANT}removed", f"user:{user}")
        assert told["data"] == {"session": session.session, "user": user, "reason": "denied"}
        assert await session.knock(guest) == "perm.denied"
        assert await wait_list(session) == []
        assert "seq" not in await session.manage("participant:deny", user=user)
        await session.update(require_approval=False)
        assert await session.knock(guest) == "perm.denied"
        await session.manage("participant:admit", user=user)
        assert await session.knock(guest) == "ack"
        assert guest.closed is None


async def test_who_waits_sees_and_does_nothing(live: Live) -> None:
    async with meeting(live, require_approval=True) as session:
        guest = await waiting(session)
        assert await guest.code(SEND, {"session": session.session, "body": "?"}) == "session.join_pending"
        assert await session.refused(guest, "signal:send", name="?") == "room.not_joined"
        assert await session.refused(guest, "session:pause") == "session.join_pending"
        assert await session.refused(guest, "participant:admit", user=guest.person.id) == "session.join_pending"
        assert await guest.code("room:history", {"room": session.room}) == "room.not_found"
        epoch, _ = session.owner.position(session.room)
        assert await session.knock(guest, since={"epoch": epoch, "seq": 0}) == "session.join_pending"
        assert (await session.owner.say(session.session, "inside"))["type"] == "ack"
        assert await guest.code("ping") == "pong"
        assert guest.events(session.room) == []
        for path in ("events/", "participants/"):
            status, answer = session.rest("GET", path, guest)
            assert (status, answer["code"]) == (409, "session.join_pending")


async def test_knocking_again_is_the_same_wish(live: Live) -> None:
    async with meeting(live, require_approval=True) as session:
        first, second = await waiting(session), await waiting(session)
        for knocking in (second, first):
            assert await session.knock(knocking) == "session.join_pending"
            assert await session.knock(await session.connect(knocking.person)) == "session.join_pending"
        assert len([event for event in await session.log() if event["type"] == f"{PARTICIPANT}requested"]) == 2
        assert set(await wait_list(session)) == {first.person.id, second.person.id}


async def test_opening_the_door_admits_all_who_wait(live: Live) -> None:
    async with meeting(live, require_approval=True) as session:
        guests = [await waiting(session) for _ in range(3)]
        await session.update(require_approval=False)
        for guest in guests:
            user = guest.person.id
            told = await guest.heard(f"{PARTICIPANT}updated", f"user:{user}")
            assert told["data"]["participant"]["admission"] == "admitted"
            assert await session.knock(guest) == "ack"
        assert await wait_list(session) == []


async def test_closing_the_door_troubles_nobody_inside(live: Live) -> None:
    async with meeting(live) as session:
        member, moderator = await session.member(), await session.connect()
        await session.role(moderator, "moderator")
        await session.update(require_approval=True)
        assert (await member.say(session.session, "still in"))["type"] == "ack"
        await member.ask("room:leave", {"room": session.room})
        assert await session.knock(member) == "ack"
        assert await session.knock(moderator) == "ack"
        assert await session.knock(await session.connect(live.owner)) == "ack"
        assert await session.knock(await session.connect()) == "session.join_pending"


async def test_no_more_wait_than_there_are_seats(live: Live) -> None:
    async with meeting(live, require_approval=True, max_participants=2) as session:
        guests = [await waiting(session) for _ in range(2)]
        late = await session.connect()
        assert await session.knock(late) == "session.full"
        assert await session.knock(guests[0]) == "session.join_pending"
        await session.manage("participant:deny", user=guests[1].person.id)
        assert await session.knock(late) == "session.join_pending"


async def test_the_end_sends_those_away_who_wait(live: Live) -> None:
    async with meeting(live, require_approval=True) as session:
        guest = await waiting(session)
        await session.manage("session:end")
        assert await session.knock(guest) == "session.ended"
        assert await session.refused(session.owner, "participant:admit", user=guest.person.id) == "session.ended"


async def test_who_does_not_wait_cannot_be_denied(live: Live) -> None:
    async with meeting(live) as session:
        member, absent = await session.member(), await session.connect()
        for user in (member.person.id, absent.person.id, session.owner.person.id):
            assert await session.refused(session.owner, "participant:deny", user=user) in ("participant.not_found",)
        assert member.closed is None


async def test_who_leaves_the_project_waits_no_more_and_is_told(live: Live) -> None:
    async with meeting(live, require_approval=True) as session:
        guest = await waiting(session)
        user = guest.person.id
        assert live.rest("DELETE", f"projects/{live.project}/members/{user}/", live.owner)[0] == 204
        told = await guest.heard(f"{PARTICIPANT}removed", f"user:{user}")
        assert told["data"] == {"session": session.session, "user": user, "reason": "left_project"}
        assert (await session.owner.heard(f"{PARTICIPANT}removed", session.room))["data"] == told["data"]
        assert await session.knock(guest) == "room.not_found"
        live.role(guest.person, "participant")
        assert await wait_list(session) == []
