"""What a change made over REST does to live sockets."""

from __future__ import annotations

import time

import pytest

from bduf_realtime.client import RequestError
from tests.live import Live
from tests.servers import MS, eventually

pytestmark = pytest.mark.live


async def test_a_removed_member_is_shown_out_of_every_room_within_two_seconds(live: Live) -> None:
    gone, stays = live.people(2)
    session = live.session()
    room = f"session:{session}"
    async with (
        live.client(gone, reconnect=False) as in_session,
        live.client(gone, reconnect=False) as in_project,
        live.client(stays) as witness,
    ):
        for client in (in_session, witness):
            await client.join(room)
        for client in (in_project, witness):
            await client.join(f"project:{live.project}")
        started = time.monotonic()
        assert live.rest("DELETE", f"projects/{live.project}/members/{gone.id}/", live.owner)[0] == 204
        await eventually(lambda: in_session.closed and in_project.closed, timeout=10_000 * MS)
        assert time.monotonic() - started < 4_000 * MS  # two, and slack for a busy machine
        assert [client.closed[0] for client in (in_session, in_project) if client.closed] == [4403, 4403]
        removed = await witness.expect("collaboration:participant:removed", room=room, timeout=5_000 * MS)
        assert removed["data"] == {"session": session, "user": gone.id, "reason": "left_project"}
        told = await witness.expect("project:member:removed", timeout=5_000 * MS)
        assert (told["data"]["user"], told["by"]["user"]) == (gone.id, live.owner.id)
    assert live.rest("GET", f"sessions/{session}/", gone)[0] == 404
    async with live.client(gone, reconnect=False) as back:
        with pytest.raises(RequestError, match="not_found"):
            await back.join(room)
    live.role(gone, "participant")


async def test_a_lowered_role_is_felt_by_the_next_message(live: Live) -> None:
    person = live.person()
    session = live.session()
    async with live.client(person) as client:
        await client.join(f"session:{session}")
        await client.ask("collaboration:message:send", {"session": session, "body": "as participant"})
        live.role(person, "observer")
        with pytest.raises(RequestError, match="denied"):
            await client.ask("collaboration:message:send", {"session": session, "body": "as observer"})
        live.role(person, "participant")
        await client.ask("collaboration:message:send", {"session": session, "body": "again"})
        assert client.state == "connected"


async def test_a_session_opened_over_rest_is_seen_in_the_projects_room(live: Live) -> None:
    async with live.client(live.person()) as client:
        await client.join(f"project:{live.project}")
        session = live.session()
        while (event := await client.expect("collaboration:session:created"))["data"]["session"]["id"] != session:
            pass
        assert event["by"]["user"] == live.owner.id
