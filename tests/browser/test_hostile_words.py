"""Names, titles, messages and texts that try to be more than words are shown as words, on every page."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Sit
from tests.browser.people import Desk
from tests.browser.teams import House

pytestmark = pytest.mark.live

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
TEXT = f"""{HOSTILE}

[link](javascript:window.hacked=1) <javascript:window.hacked=1> ![picture](javascript:window.hacked=1)

<a href="javascript:window.hacked=1">raw</a> <svg onload=window.hacked=1></svg>

```mermaid
graph LR
  A["{HOSTILE.replace('"', "'")}"] --> B[plain]
  click B "javascript:window.hacked=1"
```
"""
INJECTED = (
    "img[src='x'], img[onerror], svg[onload], script:not([src]), a[href^='javascript:' i], img[src^='javascript:' i]"
)


async def look(desk: Desk, shows: str = "onerror") -> None:
    """Waits until hostile words are shown, and finds nothing made of them."""
    await desk.page.get_by_text(shows).filter(visible=True).first.wait_for()
    assert await desk.page.locator(INJECTED).count() == 0
    assert await desk.page.evaluate("window.hacked") is None


async def test_hostile_words_are_words_everywhere(house: House, sit: Sit) -> None:
    house.execute(f"UPDATE accounts_user SET name = '{HOSTILE}' WHERE username = '{house.members['owner0'].username}'")
    desk = await sit("owner0", "/")
    page = desk.page
    await page.get_by_role("button", name="New project").click()
    await page.get_by_label("Name").fill(HOSTILE)
    await page.get_by_role("button", name="Start the project").click()
    await look(desk)
    await page.get_by_role("button", name="New session").click()
    await page.get_by_label("Name").fill(HOSTILE)
    await page.get_by_role("button", name="Open the session").click()
    await desk.start(f"T {HOSTILE}")
    await desk.paste(TEXT)
    await page.locator(".preview", has_text="onerror").wait_for()
    await page.locator(".preview .diagram").wait_for()
    await look(desk)
    for panel in ("Chat", "Activity", "People"):
        await page.get_by_label(panel, exact=True).first.click()
        if panel == "Chat":
            await page.get_by_label("Message", exact=True).fill(HOSTILE)
            await page.keyboard.press("Enter")
        await page.locator("aside", has_text="onerror").wait_for()
        await look(desk)
    await page.get_by_label("Who wrote what").click()
    await page.locator(".author").first.wait_for()
    await look(desk)
    await page.get_by_role("button", name="Versions").click()
    await page.get_by_label("Name").fill(HOSTILE)
    await page.get_by_role("button", name="Keep this moment").click()
    await page.locator(".history .item", has_text="onerror").wait_for()
    await look(desk)
    await page.get_by_role("button", name="Share").click()
    await page.get_by_role("button", name="Make a link").click()
    link = await page.get_by_label("Link").input_value()
    await page.get_by_label("User name").fill(HOSTILE)
    await page.get_by_role("button", name="Add").click()
    await page.locator(".wrong").wait_for()
    await look(desk)
    guest = await sit()
    await guest.page.goto(link)
    await guest.page.get_by_label("Your name").fill(HOSTILE)
    await guest.page.get_by_role("button", name="Join the session").click()
    await guest.page.locator(".preview .diagram").wait_for()
    await guest.write("Seen.")
    await look(guest)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Versions").click()
    await desk.until("Seen.")
    await page.locator(".cm-ySelectionInfo", has_text="onerror").wait_for(state="attached")
    await look(desk)
    await desk.open("/")
    await look(desk)
    desk.complaints = [complaint for complaint in desk.complaints if "404" not in complaint]


async def test_hostile_words_in_an_address_are_words(house: House, sit: Sit) -> None:
    desk = await sit("owner0", "/")
    for address in (f"/?q={HOSTILE}", f"/sessions/{HOSTILE}", f"/#{HOSTILE}"):
        await desk.open(address)
        await desk.page.locator(".connection.good").wait_for()
        assert await desk.page.locator(INJECTED).count() == 0
        assert await desk.page.evaluate("window.hacked") is None
    desk.complaints = [complaint for complaint in desk.complaints if "404" not in complaint]
