"""Meeting in the workspace: lobby, guests, chat, and pausing."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Sit
from tests.browser.teams import House
from tests.browser.test_writing import session

pytestmark = pytest.mark.live


async def test_who_waits_in_the_lobby_comes_in_when_admitted(house: House, sit: Sit) -> None:
    path = session(house, require_approval=True)
    owner = await sit("owner0", path)
    await owner.page.get_by_role("heading", name="People").wait_for()
    guest = await sit("participant1", path)
    await guest.page.get_by_text("You are in the lobby").wait_for()
    await owner.page.get_by_role("button", name="Admit").click()
    await guest.page.get_by_role("heading", name="Documents").wait_for()


async def test_a_link_lets_a_guest_in_without_an_account(house: House, sit: Sit) -> None:
    owner = await sit("owner0", session(house))
    await owner.start("For guests")
    await owner.write("Welcome.")
    await owner.page.get_by_role("button", name="Share").click()
    await owner.page.get_by_role("button", name="Make a link").click()
    link = await owner.page.get_by_label("Link").input_value()
    guest = await sit()
    await guest.page.goto(link)
    await guest.page.get_by_label("Your name").fill("Lin")
    await guest.page.get_by_role("button", name="Join the session").click()
    await guest.until("Welcome.")
    await guest.write(" Thanks.")
    await owner.page.keyboard.press("Escape")
    await owner.until("Welcome. Thanks.")


async def test_what_is_said_is_heard(house: House, sit: Sit) -> None:
    path = session(house)
    one, other = await sit("owner0", path), await sit("participant1", path)
    for desk in (one, other):
        await desk.page.get_by_label("Chat").click()
    await one.page.get_by_label("Message", exact=True).fill("Is the ledger in scope?")
    await one.page.keyboard.press("Enter")
    await other.page.get_by_text("Is the ledger in scope?").wait_for()
    await one.page.get_by_text("Is the ledger in scope?").wait_for()


async def test_a_paused_session_is_read_only_and_says_so(house: House, sit: Sit) -> None:
    desk = await sit("owner0", session(house))
    await desk.start("Paused")
    await desk.page.get_by_label("Session menu").click()
    await desk.page.get_by_role("button", name="Pause: read-only for all").click()
    await desk.page.get_by_text("paused: read-only").wait_for()
    await desk.locked()


async def test_a_session_ends_only_after_a_question(house: House, sit: Sit) -> None:
    desk = await sit("owner0", session(house))
    await desk.start("Over")
    dialog = desk.page.get_by_role("dialog")
    for answer in ("Cancel", "End the session"):
        assert not await desk.page.get_by_text("ended: read-only").count()
        await desk.page.get_by_label("Session menu").click()
        await desk.page.get_by_role("button", name="End the session").click()
        await dialog.get_by_role("button", name=answer).click()
        await dialog.wait_for(state="detached")
    await desk.page.get_by_text("ended: read-only").wait_for()
