"""Everything is done without a mouse, and the focus is never lost."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Sit
from tests.browser.people import Desk
from tests.browser.teams import PASSWORD, House
from tests.browser.test_writing import session

pytestmark = pytest.mark.live

REACHABLE = "a[href], button, summary, select, input, textarea, [tabindex='0'], [contenteditable='true']"
STOPS = f"""[...document.querySelectorAll(`{REACHABLE}`)].filter(one => one.checkVisibility() && !one.disabled)"""


async def focused(desk: Desk) -> str:
    """What has the focus, by its label or its words."""
    return str(
        await desk.page.evaluate(
            "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()"
        )
    )


async def reach(desk: Desk, name: str) -> None:
    """Presses Tab until something of that name has the focus."""
    for _ in range(60):
        if await focused(desk) == name:
            return
        if await focused(desk) == "Text of the document":
            await desk.page.keyboard.press("Escape")
        await desk.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name}")


async def test_a_document_is_written_without_a_mouse(house: House, sit: Sit) -> None:
    desk = await sit()
    await desk.open(session(house))
    keyboard = desk.page.keyboard
    await desk.page.get_by_label("User name").wait_for()
    await keyboard.type(house.members["owner0"].username)
    await keyboard.press("Tab")
    await keyboard.type(PASSWORD)
    await keyboard.press("Enter")
    await desk.page.get_by_text("No documents yet").wait_for()
    await reach(desk, "New document")
    await keyboard.press("Enter")
    await desk.page.get_by_label("Title").wait_for()
    await keyboard.type("By keys")
    await keyboard.press("Enter")
    await desk.text.wait_for()
    await reach(desk, "Text of the document")
    await keyboard.type("Written without a mouse.")
    await desk.until("Written without a mouse.")
    await desk.saved()


async def test_tab_reaches_everything_there_is(house: House, sit: Sit) -> None:
    desk = await sit("owner0", session(house))
    await desk.start("All of it")
    await desk.page.get_by_label("Chat").click()
    for address in ("/", f"/projects/{house.project}", desk.page.url.removeprefix(house.url)):
        await desk.open(address)
        await desk.page.locator(".connection.good").wait_for()
        await desk.page.locator(".loading").first.wait_for(state="detached")
        wanted = await desk.page.evaluate(f"window.stops = {STOPS}; window.seen = new Set(); window.stops.length")
        for _ in range(wanted + 5):
            await desk.page.keyboard.press("Escape")  # out of the text, where Tab indents
            await desk.page.keyboard.press("Tab")
            await desk.page.evaluate("window.seen.add(document.activeElement)")
        missed = await desk.page.evaluate("window.stops.filter(one => !window.seen.has(one)).map(one => one.outerHTML)")
        assert missed == [], address
        outlines = await desk.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outlines != "none" or await focused(desk) == "Text of the document"


async def test_escape_closes_and_the_focus_comes_back(house: House, sit: Sit) -> None:
    desk = await sit("owner0", session(house))
    await desk.start("Menus")
    keyboard = desk.page.keyboard
    for name in ("New document", "Share"):
        await reach(desk, name)
        await keyboard.press("Enter")
        await desk.page.get_by_role("dialog").wait_for()
        await keyboard.press("Escape")
        await desk.page.get_by_role("dialog").wait_for(state="detached")
        assert await focused(desk) == name
    for name in ("Session menu", "Document menu", "O0Account of Owner 0"):
        await reach(desk, name)
        await keyboard.press("Enter")
        await desk.page.locator("details[open]").wait_for()
        await keyboard.press("Tab")
        await keyboard.press("Escape")
        await desk.page.locator("details[open]").wait_for(state="detached")
        assert await focused(desk) == name


async def test_a_dialog_from_a_menu_gives_the_focus_back_to_the_menu(house: House, sit: Sit) -> None:
    desk = await sit("owner0", session(house))
    await desk.start("Old title")
    keyboard = desk.page.keyboard
    await reach(desk, "Document menu")
    await keyboard.press("Enter")
    await reach(desk, "Rename")
    await keyboard.press("Enter")
    await desk.page.get_by_label("Title").fill("New title")
    await keyboard.press("Enter")
    await desk.page.get_by_role("heading", name="New title").wait_for()
    await desk.page.get_by_role("dialog").wait_for(state="detached")
    assert await focused(desk) == "Document menu"


async def test_a_menu_closes_when_something_else_is_clicked(house: House, sit: Sit) -> None:
    desk = await sit("owner0", session(house))
    await desk.start("Beside")
    await desk.page.get_by_label("Document menu").click()
    await desk.page.get_by_role("button", name="Rename").wait_for()
    await desk.text.click()
    await desk.page.locator("details[open]").wait_for(state="detached")
