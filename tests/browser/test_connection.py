"""The connection under a page that stays open: restarts, tokens that expire, and sign-ins that end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from tests.browser.conftest import Sit, teams_of
from tests.browser.people import Desk
from tests.browser.teams import PASSWORD, House
from tests.browser.test_writing import session, two_at_work
from tests.servers import Deployment, eventually

pytestmark = pytest.mark.live

BRIEF = {
    "BDUF_SOCKET_TOKEN_LIFETIME": "6",
    "BDUF_TOKEN_EXPIRING_NOTICE": "4",
    "BDUF_TOKEN_EXPIRY_GRACE": "1",
    "BDUF_DRAIN_TIMEOUT": "6",
    "BDUF_DRAIN_SPREAD": "2",
}


@pytest.fixture(scope="module")
def houses(request: pytest.FixtureRequest) -> Iterator[Iterator[House]]:
    """A server whose tokens live for six seconds."""
    with Deployment(env=BRIEF) as deployment:
        yield teams_of(request, deployment)


def sign_out_everywhere(house: House, name: str) -> None:
    assert house.rest("POST", "auth/sign-out/", house.members[name], {"everywhere": True})[0] == 204


def shut(house: House, name: str, *, shut: bool) -> None:
    act = "user_disable" if shut else "user_enable"
    house.deployment.shell(
        "from bduf_realtime.accounts import services; "
        f"services.{act}(user=User.objects.get(pk='{house.members[name].id}'))"
    )


async def sign_in_again(desk: Desk) -> None:
    await desk.page.get_by_label("Password").fill(PASSWORD)
    await desk.page.get_by_role("dialog").get_by_role("button", name="Sign in").click()


async def test_who_writes_while_the_server_restarts_loses_nothing(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    restart = asyncio.create_task(asyncio.to_thread(house.deployment.servers[0].restart))
    await one.page.get_by_text("The server restarts").wait_for()
    rounds = 0
    while not restart.done():
        await one.write(f"[{rounds}]")
        await other.write(f"({rounds})", "Control+Home")
        rounds += 1
    await restart
    for desk in (one, other):
        await desk.hurry()
        await desk.saved()

    async def equal() -> bool:
        return await one.read() == await other.read()

    await eventually(equal, timeout=15)
    text = await one.read()
    assert rounds > 1
    assert all(text.count(f"[{number}]") == text.count(f"({number})") == 1 for number in range(rounds))


async def test_a_page_outlives_its_tokens_and_nobody_notices(house: House, sit: Sit) -> None:
    desk = await sit()
    sockets: list[str] = []
    traded: list[str] = []
    said: list[str] = []
    desk.page.on("websocket", lambda socket: sockets.append(socket.url))
    desk.page.on("request", lambda call: traded.append(call.url) if call.url.endswith("/socket-token/") else None)
    await desk.page.expose_function("said", lambda words: said.append(words))
    await desk.come_in("owner0", session(house))
    await desk.start("Long")
    await desk.page.evaluate(
        """new MutationObserver(() => said(document.querySelector('.connection').textContent)).observe(
          document.querySelector('.connection'), { subtree: true, childList: true, characterData: true })"""
    )
    begun = len(traded)

    async def thrice() -> bool:
        return len(traded) >= begun + 3

    await eventually(thrice, timeout=15)
    await desk.write("Still here.")
    await desk.saved()
    assert len(sockets) == 1
    assert said == []


async def test_who_is_signed_out_elsewhere_keeps_the_edits_and_sends_them_later(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await asyncio.to_thread(sign_out_everywhere, house, "participant1")
    await other.page.get_by_role("heading", name="You are signed out").wait_for()
    await other.page.keyboard.press("Escape")
    await other.write("While away.")
    # The first letter may still find the socket open: the page can know before the server looks.
    await other.page.get_by_text(re.compile("1[01] unsaved edits are kept in this browser")).first.wait_for()
    await other.page.get_by_role("button", name="Sign in again").click()
    await sign_in_again(other)
    await one.until("While away.")
    await other.saved()
    assert await other.page.get_by_role("dialog").count() == 0
    forget_refusals(other)


async def test_a_shut_account_says_so_and_goes_on_when_it_is_opened(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await asyncio.to_thread(shut, house, "participant1", shut=True)
    await other.page.get_by_role("heading", name="This account is shut").wait_for()
    await other.page.keyboard.press("Escape")
    await other.write("Kept.")
    await other.page.get_by_role("button", name="Sign in again").click()
    await other.page.get_by_role("dialog").get_by_text("5 unsaved edits are kept in this browser.").wait_for()
    await sign_in_again(other)
    await other.page.get_by_text("No account has this name and this password.").wait_for()
    await asyncio.to_thread(shut, house, "participant1", shut=False)
    await sign_in_again(other)
    await one.until("Kept.")
    await other.saved()
    forget_refusals(other)


def forget_refusals(desk: Desk) -> None:
    """Browsers complain of answers that refuse; here they were wanted."""
    desk.complaints = [complaint for complaint in desk.complaints if "401" not in complaint]
