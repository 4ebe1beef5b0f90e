"""A command that is sent again does nothing and gets its first answer, wherever it is sent again."""

from __future__ import annotations

import uuid

import pytest

from bduf_realtime.client import Client, RequestError
from tests.live import Live

pytestmark = pytest.mark.live
SEND = "collaboration:message:send"


async def test_a_resend_before_the_room_is_joined_gets_the_first_answer(live: Live) -> None:
    ada, instance, session = live.person(), str(uuid.uuid4()), live.session()
    message = {"session": session, "body": "once"}
    async with live.client(ada, instance=instance) as first:
        await first.join(f"session:{session}")
        sent = await first.ask(SEND, message, id="1")
    async with live.client(ada, instance=instance) as second:
        again = await second.ask(SEND, message, id="1")
        assert (again.seq, again.epoch, again.data) == (sent.seq, sent.epoch, sent.data)
        with pytest.raises(RequestError) as refused:
            await second.ask(SEND, message, id="2")
        assert refused.value.code == "room.not_joined"


async def test_a_session_that_does_not_exist_is_told_as_such_to_who_is_in_no_room(live: Live) -> None:
    async with live.client(live.person()) as client:
        with pytest.raises(RequestError) as refused:
            await client.ask(SEND, {"session": str(uuid.uuid4()), "body": "?"})
        assert refused.value.code == "session.not_found"


async def test_a_resend_on_the_other_instance_gets_the_first_answer(cluster: Live) -> None:
    ada, instance, session = cluster.person(), str(uuid.uuid4()), cluster.session()
    here, there = cluster.deployment.servers
    answers = []
    for server in (here, there):
        async with Client(f"{server.ws_url}/ws/", ada.token, instance=instance) as client:
            await client.join(f"session:{session}")
            answers.append(await client.ask(SEND, {"session": session, "body": "once"}, id="7"))
    assert answers[0] == answers[1]
