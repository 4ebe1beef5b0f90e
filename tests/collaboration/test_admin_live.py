"""What an operator does in the admin of a running server, as the people in the session see it happen."""

from __future__ import annotations

import asyncio
import http.cookiejar
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import pytest

from bduf_realtime.client import RequestError
from tests.live import Live
from tests.servers import MS, eventually
from tests.servers.commands import run_manage

pytestmark = pytest.mark.live

PASSWORD = "tower-7-bridge"
SOON = 5_000 * MS
SEND = "collaboration:message:send"
MAKE_OPERATOR = """
from django.contrib.auth.models import Permission
from bduf_realtime.accounts.models import User
user = User.objects.create_user("{name}", password="{password}", is_staff=True)
rights = Permission.objects.filter(content_type__app_label__in=["accounts", "collaboration", "gateway"])
user.user_permissions.set(rights.filter(codename__regex="^(view|change)_"))
print(user.pk)
"""


class Operator:
    """Somebody with the admin open in a browser: cookies, and the token of the form that was shown last."""

    def __init__(self, live: Live) -> None:
        self.url = live.url
        name = f"operator-{uuid.uuid4().hex[:8]}"
        script = MAKE_OPERATOR.format(name=name, password=PASSWORD)
        self.id = run_manage("shell", "-v", "0", "-c", script, env=live.deployment.env).split()[-1]
        self._cookies = http.cookiejar.CookieJar()
        proxies, cookies = urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        self._opener = urllib.request.build_opener(proxies, cookies)
        self.get("login/")
        shown = self.post("login/", username=name, password=PASSWORD)
        assert "Log out" in shown or "logout" in shown

    def get(self, path: str) -> str:
        with self._opener.open(f"{self.url}/admin/{path}", timeout=15) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **form: str) -> str:
        """Sends a form with the token of its cookie, and returns the page it leads to."""
        [token] = [cookie.value for cookie in self._cookies if cookie.name == "csrftoken"]
        body = urllib.parse.urlencode({"csrfmiddlewaretoken": token or "", **form}).encode()
        with self._opener.open(f"{self.url}/admin/{path}", body, timeout=15) as answer:
            return str(answer.read().decode())

    async def act(self, model: str, key: str, operation: str, **said: str) -> str:
        """Opens the confirmation page of an operation on a row and confirms it, as a click on the button would."""
        path = f"{model}/{key}/{operation}/"
        shown = await asyncio.to_thread(self.get, path)
        assert f'name="confirmed" value="{operation}"' in shown
        return await asyncio.to_thread(self.post, path, confirmed=operation, reason="live test", **said)


@pytest.fixture(scope="module")
def operator(live: Live) -> Operator:
    return Operator(live)


async def place_of(operator: Operator, session: str, name: str) -> str:
    """The key of a person's place in a session, from the list of participants."""
    found = await asyncio.to_thread(operator.get, f"collaboration/participant/?session__id__exact={session}&q={name}")
    keys = set(re.findall(r"/participant/(\d+)/change/", found))
    assert len(keys) == 1, keys
    return keys.pop()


async def test_a_pause_is_felt_by_the_next_message_and_lifted_again(live: Live, operator: Operator) -> None:
    session = live.session()
    async with live.client(live.person()) as member:
        await member.join(f"session:{session}")
        assert "1 session paused." in await operator.act("collaboration/session", session, "pause")
        event = await member.expect("collaboration:session:paused", timeout=SOON)
        assert event["by"]["user"] == operator.id
        with pytest.raises(RequestError, match="paused"):
            await member.ask(SEND, {"session": session, "body": "during the pause"})
        await operator.act("collaboration/session", session, "resume")
        await member.expect("collaboration:session:resumed", timeout=SOON)
        await member.ask(SEND, {"session": session, "body": "after it"})


async def test_a_role_is_told_to_everybody_and_holds_at_once(live: Live, operator: Operator) -> None:
    lowered, witness = live.people(2)
    session = live.session()
    async with live.client(lowered) as member, live.client(witness) as other:
        for client in (member, other):
            await client.join(f"session:{session}")
        key = await place_of(operator, session, lowered.username)
        await operator.act("collaboration/participant", key, "role", choice="observer")
        for client in (member, other):
            event = await client.expect("collaboration:participant:updated", timeout=SOON)
            assert event["data"]["participant"]["role"] == "observer"
        with pytest.raises(RequestError, match="denied"):
            await member.ask(SEND, {"session": session, "body": "as observer"})
        assert member.state == "connected"


async def test_a_removed_participant_is_shown_out(live: Live, operator: Operator) -> None:
    gone, stays = live.people(2)
    session = live.session()
    async with live.client(gone, reconnect=False) as member, live.client(stays) as witness:
        for client in (member, witness):
            await client.join(f"session:{session}")
        await operator.act("collaboration/participant", await place_of(operator, session, gone.username), "remove")
        await eventually(lambda: member.closed, timeout=SOON)
        assert member.closed == (4403, "room.removed")
        event = await witness.expect("collaboration:participant:removed", timeout=SOON)
        assert event["data"]["user"] == gone.id
    async with live.client(gone, reconnect=False) as back:
        with pytest.raises(RequestError, match="not_found"):
            await back.join(f"session:{session}")


async def test_an_end_shows_everybody_out(live: Live, operator: Operator) -> None:
    session = live.session()
    async with live.client(live.person(), reconnect=False) as member:
        await member.join(f"session:{session}")
        assert "1 session ended." in await operator.act("collaboration/session", session, "end")
        await member.expect("collaboration:session:ended", timeout=SOON)
        await eventually(lambda: member.closed, timeout=SOON)
        assert member.closed == (4410, "session.ended")


async def connections_of(operator: Operator, user: str, number: int = 1) -> list[str]:
    """The keys of a user's open connections, once their instances have reported so many."""
    path = f"gateway/connection/?open=yes&user__id__exact={user}"
    keys: set[str] = set()
    async with asyncio.timeout(SOON):
        while len(keys) < number:
            shown = await asyncio.to_thread(operator.get, path)
            keys = set(re.findall(r"/connection/([0-9a-f-]{36})/change/", shown))
    assert len(keys) == number
    return sorted(keys)


async def test_a_disconnected_connection_is_closed_within_two_seconds(live: Live, operator: Operator) -> None:
    person = live.person()
    async with live.client(person, reconnect=False) as member:
        [key] = await connections_of(operator, person.id)
        await operator.act("gateway/connection", key, "disconnect")
        confirmed = time.monotonic()
        await eventually(lambda: member.closed, timeout=SOON)
        assert time.monotonic() - confirmed < 2_500 * MS  # two, and slack for a busy machine
        assert member.closed == (4403, "disconnected")


async def test_a_user_is_disconnected_on_every_connection_and_may_come_back(live: Live, operator: Operator) -> None:
    person = live.person()
    async with live.client(person, reconnect=False) as one, live.client(person, reconnect=False) as other:
        await connections_of(operator, person.id, 2)
        await operator.act("accounts/user", person.id, "disconnect")
        await eventually(lambda: one.closed and other.closed, timeout=SOON)
        assert {one.closed, other.closed} == {(4403, "disconnected")}
    async with live.client(person) as back:
        await back.join(f"session:{live.session()}")


async def test_a_disabled_account_is_shut_out(live: Live, operator: Operator) -> None:
    person = live.person()
    async with live.client(person, reconnect=False) as member:
        await operator.act("accounts/user", person.id, "disable")
        await eventually(lambda: member.closed, timeout=10_000 * MS)
        assert member.closed
        assert member.closed[0] == 4423
    await operator.act("accounts/user", person.id, "enable")
    async with live.client(person) as back:
        assert back.state == "connected"


async def test_a_form_without_its_token_changes_nothing(live: Live, operator: Operator) -> None:
    session = live.session()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        await asyncio.to_thread(
            operator.post, f"collaboration/session/{session}/end/", confirmed="end", csrfmiddlewaretoken="forged"
        )
    assert live.rest("GET", f"sessions/{session}/", live.owner)[1]["status"] == "active"


async def present_in(operator: Operator, session: str) -> int:
    """How many the first page shows in a session."""
    shown = await asyncio.to_thread(operator.get, "now/")
    found = re.search(rf'/session/{session}/change/.*?<td class="op-number">(\d+)</td>', shown, re.DOTALL)
    assert found is not None
    return int(found[1])


async def test_the_first_page_counts_along(live: Live, operator: Operator) -> None:
    session = live.session()
    async with live.client(live.person()) as member:
        assert await present_in(operator, session) == 0
        await member.join(f"session:{session}")
        assert await present_in(operator, session) == 1


async def test_another_server_of_the_cluster_acts_too(cluster: Live) -> None:
    """The operator is at the first server, the people at the second."""
    operator = await asyncio.to_thread(Operator, cluster)
    person, stays = cluster.people(2)
    session = cluster.session()
    async with (
        cluster.client(person, server=1, reconnect=False) as member,
        cluster.client(stays, server=1, reconnect=False) as other,
    ):
        for client in (member, other):
            await client.join(f"session:{session}")
        await operator.act("collaboration/session", session, "pause")
        await member.expect("collaboration:session:paused", timeout=SOON)
        with pytest.raises(RequestError, match="paused"):
            await member.ask(SEND, {"session": session, "body": "during the pause"})
        [key] = await connections_of(operator, person.id)
        await operator.act("gateway/connection", key, "disconnect")
        await eventually(lambda: member.closed, timeout=SOON)
        assert member.closed == (4403, "disconnected")
        await operator.act("collaboration/session", session, "end")
        await eventually(lambda: other.closed, timeout=SOON)
        assert other.closed == (4410, "session.ended")


async def test_an_operator_compacts_a_text_that_stays_what_it_is(live: Live, operator: Operator) -> None:
    body = {"project": live.project, "title": "Plan", "strategy": "merge", "content": "Hello"}
    status, made = live.rest("POST", "documents/", live.owner, body)
    assert status == 201
    shown = await operator.act("collaboration/document", made["id"], "compact")
    assert "1 document compacted." in shown
    assert f"{made['id']}/compact/" not in shown  # there is nothing left to do
    status, content = live.rest("GET", f"documents/{made['id']}/content/", live.owner)
    assert (status, content["content"]) == (200, "Hello")
    shown = await operator.act("collaboration/document", made["id"], "remove")
    assert "1 document deleted." in shown
    assert live.rest("GET", f"documents/{made['id']}/content/", live.owner)[0] == 404
