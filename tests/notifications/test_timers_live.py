"""Mails through a real SMTP server, and what was told before a server went down, after it is up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from email import message_from_string, policy
from email.message import EmailMessage
from typing import cast

import pytest

from tests.gateway.plain import Plain
from tests.live import PEOPLED, Live
from tests.servers import Deployment, eventually, free_port

pytestmark = pytest.mark.live
PATIENCE = 20.0


class Postbox:
    """An SMTP server that takes every mail; `broken` ones are refused at the end of their data."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.broken = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 postbox\r\n")
        while line := await reader.readline():
            answer = "250 OK"
            match line.decode().split()[0].upper():
                case "DATA":
                    writer.write(b"354 go on\r\n")
                    text = (await reader.readuntil(b"\r\n.\r\n")).decode()
                    if self.broken:
                        self.broken -= 1
                        answer = "451 not now"
                    else:
                        self.mails.append(cast(EmailMessage, message_from_string(text, policy=policy.default)))
                case "QUIT":
                    answer = "221 bye"
            writer.write(f"{answer}\r\n".encode())
            await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def mailing(port: int) -> Iterator[Live]:
    """One server that mails at once what is told."""
    env = {
        "BDUF_NOTIFICATION_MAIL_AFTER": "0",
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(port),
        "PUBLIC_URL": "https://realtime.example/",
        "DEFAULT_FROM_EMAIL": "bduf@realtime.example",
    }
    with Deployment(env=env, template=PEOPLED) as deployment:
        yield Live(deployment)


@pytest.fixture
async def postbox(port: int) -> AsyncIterator[Postbox]:
    postbox = Postbox()
    async with await asyncio.start_server(postbox.serve, "127.0.0.1", port):
        yield postbox


async def test_what_is_not_read_arrives_by_mail_also_when_the_first_try_fails(mailing: Live, postbox: Postbox) -> None:
    person, other = mailing.people(2)
    for somebody in (person, other):
        address = f"{somebody.username}@example.com"
        mailing.execute(f"UPDATE accounts_user SET email = '{address}' WHERE username = '{somebody.username}'")
    kinds = {"kinds": {"project.*": ["email", "in_app"]}}
    for somebody in (person, other):
        assert mailing.rest("PATCH", "notifications/preferences/", somebody, kinds)[0] == 200
    postbox.broken = 1
    mailing.role(person, "moderator")
    await eventually(lambda: not postbox.broken, timeout=PATIENCE, what="a try that fails")
    mailing.role(other, "moderator")
    await eventually(lambda: postbox.mails, timeout=PATIENCE, what="a mail")
    [mail] = postbox.mails
    assert (mail["To"], mail["From"]) == (f"{other.username}@example.com", "bduf@realtime.example")
    assert mail["Subject"].startswith("You are moderator of")
    body = mail.get_body(("plain",))
    assert body is not None
    assert f"https://realtime.example/projects/{mailing.project}" in body.get_content()
    mailing.execute(
        "UPDATE notifications_notification SET mail_due = created_at WHERE mail_tries = 1 AND mailed_at IS NULL"
    )
    await eventually(lambda: len(postbox.mails) == 2, timeout=PATIENCE, what="the other mail")
    assert postbox.mails[1]["To"] == f"{person.username}@example.com"


async def test_what_is_unread_and_what_must_be_acted_on_outlives_a_restart(mailing: Live) -> None:
    person = mailing.person()
    mailing.role(person, "moderator")
    mailing.execute(
        "UPDATE notifications_notification SET must_act = 1, resend_at = created_at"
        f" WHERE user_id = '{person.id.replace('-', '')}'"
    )
    server = mailing.deployment.servers[0]
    server.kill()
    server.start()
    async with Plain(mailing, person) as plain:
        seen = (await plain.ask("notification:subscribe"))["data"]
        assert seen["unread"] == 1
        if seen["notifications"][0]["sent"] == 1:
            event = await plain.heard("notification:created", seen["room"])
            assert event["data"]["notification"]["sent"] == 2
        else:  # the clock was faster
            assert seen["notifications"][0]["sent"] == 2
