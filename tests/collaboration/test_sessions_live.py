"""Sessions opened, changed, paused and ended over sockets: the one answer, and what everybody else is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.collaboration.meeting import PARTICIPANT, SENT, SESSION, SIGNAL, Meeting, meeting
from tests.gateway.plain import Plain
from tests.live import Live

pytestmark = pytest.mark.live


def place(frame: dict[str, Any]) -> tuple[str, str, int]:
    return frame["room"], frame["epoch"], frame["seq"]


async def told(meeting: Meeting, ack: dict[str, Any], event: str, *others: Plain) -> dict[str, Any]:
    """Checks that there is one answer, and that others get the event of its number; returns the event."""
    assert len(meeting.owner.answers(ack["id"])) == 1
    for other in others:
        await other.sees(ack["room"], ack["seq"])
        newest = other.events(ack["room"])[-1]
        assert (newest["type"], place(newest)) == (event, place(ack))
        assert newest["by"]["user"] == meeting.owner.person.id
    await meeting.owner.sees(ack["room"], ack["seq"])
    return newest


async def test_a_session_opened_on_a_socket_belongs_to_who_opened_it(live: Live) -> None:
    person = live.person()
    async with Plain(live, person) as opener, Plain(live, live.person()) as watcher:
        room = f"project:{live.project}"
        await opener.join(room)
        await watcher.join(room)
        wanted = {"project": live.project, "name": "Kitchen", "tags": ["a"], "settings": {"max_participants": 3}}
        ack = await opener.ask(f"{SESSION}create", wanted)
        assert ack["type"] == "ack"
        assert (ack["room"], len(opener.answers(ack["id"]))) == (room, 1)
        await watcher.sees(room, ack["seq"])
        await opener.sees(room, ack["seq"])
        created = watcher.of(f"{SESSION}created", room)[-1]
        assert place(created) == place(ack)
        assert created["by"]["user"] == person.id
        shown = ack["data"]["session"]
        assert created["data"]["session"] == shown
        assert (shown["id"], shown["name"], shown["tags"]) == (ack["data"]["id"], "Kitchen", ["a"])
        assert (shown["status"], shown["settings"]["max_participants"]) == ("active", 3)
        assert (await opener.join(f"session:{shown['id']}"))["role"] == "owner"
        assert opener.of(f"{SESSION}created", room) == []


async def test_what_becomes_of_a_session_is_told_in_its_room_and_in_the_projects(live: Live) -> None:
    async with meeting(live) as session:
        member, watcher = await session.member(), await session.watcher()
        await session.owner.join(session.project_room)
        for command, event, data in (
            ("update", "updated", {"name": "Other", "settings": {"enable_voice_chat": True}}),
            ("pause", "paused", {}),
            ("resume", "resumed", {}),
            ("end", "ended", {"reason": "done"}),
        ):
            ack = await session.manage(f"session:{command}", **data)
            assert ack["room"] == session.room
            newest = await told(session, ack, f"{SESSION}{event}", member)
            assert newest["data"]["session"] == ack["data"]["session"]
            own = await session.owner.heard(f"{SESSION}{event}", session.project_room)
            elsewhere = await watcher.heard(f"{SESSION}{event}", session.project_room)
            assert place(own) == place(elsewhere)
            assert elsewhere["data"] == newest["data"]
            assert session.owner.of(f"{SESSION}{event}", session.room) == []
        assert (ack["data"]["session"]["name"], ack["data"]["session"]["status"]) == ("Other", "ended")
        assert ack["data"]["session"]["settings"]["enable_voice_chat"] is True


async def test_what_becomes_of_a_participant_is_told_in_the_sessions_room(live: Live) -> None:
    async with meeting(live) as session:
        member, other = await session.members(2)
        user = member.person.id
        for command, event, data in (
            ("role", "updated", {"role": "moderator"}),
            ("remove", "removed", {}),
            ("admit", "updated", {}),
        ):
            ack = await session.manage(f"participant:{command}", user=user, **data)
            assert ack["room"] == session.room
            newest = await told(session, ack, f"{PARTICIPANT}{event}", other)
            assert (ack["data"]["user"], newest["data"]["user"]) == (user, user)
            if event == "updated":
                assert newest["data"]["participant"] == ack["data"]["participant"]
        assert await member.shut() == 4403


async def test_what_changes_nothing_is_acknowledged_and_told_nobody(live: Live) -> None:
    async with meeting(live) as session:
        member = await session.member()
        _, seq = member.position(session.room)
        for command, data in (
            ("session:resume", {}),
            ("session:update", {}),
            ("session:update", {"settings": {"max_participants": 50}, "tags": []}),
            ("participant:role", {"user": member.person.id, "role": "participant"}),
            ("participant:admit", {"user": member.person.id}),
        ):
            ack = await session.manage(command, **data)
            assert "seq" not in ack
            assert ack["data"]["session"]
        first = await session.manage("session:pause")
        again = await session.manage("session:pause")
        assert (first["seq"], "seq" in again) == (seq + 1, False)
        await member.sees(session.room, seq + 1)


async def test_a_paused_session_takes_no_messages_until_it_is_resumed(live: Live) -> None:
    async with meeting(live) as session:
        member = await session.member()
        await session.manage("session:pause")
        for writer in (member, session.owner):
            refusal = await writer.say(session.session, "while paused")
            assert (refusal["code"], refusal["retryable"]) == ("session.paused", True)
        assert await member.code(SIGNAL, {"session": session.session, "name": "typing"}) == "ack"
        late = await session.member()
        assert late.of("ack")[-1]["data"]["state"]["session"]["status"] == "paused"
        resumed = await session.manage("session:resume")
        assert (await member.say(session.session, "again"))["seq"] == resumed["seq"] + 1
        assert [event["data"]["body"] for event in await session.log() if event["type"] == SENT] == ["again"]


async def test_the_end_shows_out_those_who_were_in_nothing_else(live: Live) -> None:
    async with meeting(live) as session, meeting(live) as other:
        only, elsewhere, in_project = await session.members(3)
        own_room = await session.member()
        await elsewhere.join(other.room)
        await in_project.join(session.project_room)
        await own_room.join(f"user:{own_room.person.id}")
        ended = await session.manage("session:end")
        for leaving in (only, own_room):
            assert await leaving.shut() == 4410
            assert leaving.of(f"{SESSION}ended", session.room)[0]["seq"] == ended["seq"]
        for staying in (elsewhere, in_project):
            assert (await staying.heard(f"{SESSION}ended", session.room))["seq"] == ended["seq"]
        for staying in (elsewhere, in_project, session.owner):
            assert await session.refused(staying, "message:send", body="late") == "session.ended"
            assert await session.refused(staying, "signal:send", name="late") == "room.not_joined"
            assert await session.knock(staying) == "session.ended"
            assert await staying.code("room:leave", {"room": session.room}) == "room.not_joined"
            assert staying.closed is None
        assert (await elsewhere.say(other.session, "on with it"))["type"] == "ack"
        assert (await session.log())[-1]["type"] == f"{SESSION}ended"


async def test_an_ended_session_stays_ended_and_can_be_read(live: Live) -> None:
    async with meeting(live) as session:
        member = await session.member()
        await member.join(session.project_room)
        await session.manage("session:end")
        user = member.person.id
        for command, data in (
            ("session:end", {}),
            ("session:pause", {}),
            ("session:resume", {}),
            ("session:update", {"name": "back"}),
            ("participant:role", {"user": user, "role": "observer"}),
            ("participant:remove", {"user": user}),
            ("participant:admit", {"user": user}),
            ("participant:deny", {"user": user}),
            ("message:send", {"body": "?"}),
        ):
            assert await session.refused(session.owner, command, **data) == "session.ended"
        assert await member.code("room:history", {"room": session.room}) == "ack"
        state = (await member.join(session.project_room))["state"]
        assert session.session not in [shown["id"] for shown in state["sessions"]]


async def test_only_owners_manage_a_session_and_only_moderators_its_people(live: Live) -> None:
    async with meeting(live) as session:
        people = {role: await session.member(role=role) for role in ("moderator", "participant", "observer")}
        somebody = await session.member()
        user = somebody.person.id
        needs_owner = [("session:pause", {}), ("session:resume", {}), ("session:end", {}), ("session:update", {})]
        needs_owner += [("participant:role", {"user": user, "role": "owner"})]
        needs_owner += [("participant:remove", {"user": session.owner.person.id})]
        needs_owner += [("participant:role", {"user": session.owner.person.id, "role": "observer"})]
        needs_moderator = [("participant:role", {"user": user, "role": "observer"})]
        needs_moderator += [("participant:remove", {"user": user}), ("participant:admit", {"user": user})]
        head = session.owner.position(session.room)[1]
        for role, person in people.items():
            for command, data in needs_owner + ([] if role == "moderator" else needs_moderator):
                assert await session.refused(person, command, **data) == "perm.denied", (role, command)
        assert (
            await session.refused(people["participant"], "participant:role", user=user, role="owner") == "perm.denied"
        )
        assert await session.refused(session.owner, "participant:role", user=user, role="king") == "msg.bad_value"
        assert session.owner.position(session.room)[1] == head
        assert await session.refused(people["moderator"], "participant:role", user=user, role="observer") == "ack"


async def test_a_session_keeps_one_owner(live: Live) -> None:
    async with meeting(live) as session:
        heir = await session.member()
        own = session.owner.person.id
        # The project's owner owns every session in it, so it has to step down here first.
        await session.manage("participant:role", user=live.owner.id, role="observer")
        for command, data in (("role", {"role": "participant"}), ("remove", {})):
            assert await session.refused(session.owner, f"participant:{command}", user=own, **data) == (
                "session.last_owner"
            )
        await session.role(heir, "owner")
        await session.role(session.owner, "participant")
        assert await session.refused(session.owner, "session:pause") == "perm.denied"
        assert await session.refused(heir, "session:pause") == "ack"


@pytest.mark.parametrize(
    ("command", "data", "code"),
    [
        ("update", {"settings": {"max_participants": 0}}, "msg.bad_value"),
        ("update", {"settings": {"max_participants": 2.5}}, "msg.bad_value"),
        ("update", {"settings": {"allow_anonymous": 1}}, "msg.bad_value"),
        ("update", {"settings": {"conflict_resolution": "shout"}}, "msg.bad_value"),
        ("update", {"settings": {"colour": "red"}}, "msg.unknown_field"),
        ("update", {"status": "ended"}, "msg.unknown_field"),
        ("update", {"name": "x" * 201}, "msg.bad_value"),
        ("update", {"tags": ["x"] * 21}, "msg.bad_value"),
        ("pause", {"reason": "x" * 501}, "msg.bad_value"),
    ],
)
async def test_what_a_session_cannot_be_is_refused(live: Live, command: str, data: Any, code: str) -> None:
    async with meeting(live) as session:
        _, head = session.owner.position(session.room)
        assert await session.refused(session.owner, f"session:{command}", **data) == code
        assert (await session.owner.join(session.room))["seq"] == head


async def test_a_word_to_the_project_takes_a_moderator_and_reaches_all_members(live: Live) -> None:
    async with meeting(live) as session, Plain(live, live.owner) as chief:
        watcher = await session.watcher()
        await chief.join(session.project_room)
        word = {"project": live.project, "name": "deploy", "payload": {"at": [1, None]}}
        ack = await chief.ask("project:broadcast", word)
        await watcher.sees(session.project_room, ack["seq"])
        event = watcher.of("project:broadcast")[-1]
        assert (place(event), event["data"], event["by"]["user"]) == (place(ack), word, live.owner.id)
        assert chief.of("project:broadcast") == []
        assert await watcher.code("project:broadcast", word) == "perm.denied"
        too_much = word | {"payload": "x" * 40_000}
        assert await chief.code("project:broadcast", too_much) == "msg.bad_value"
