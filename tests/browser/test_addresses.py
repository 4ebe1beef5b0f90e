"""Every view has an address that can be sent to somebody, and the browser's buttons lead from one to another."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Sit
from tests.browser.people import Desk
from tests.browser.teams import House
from tests.browser.test_writing import session

pytestmark = pytest.mark.live


async def written(house: House, sit: Sit) -> tuple[Desk, dict[str, str]]:
    """A document with a version; the addresses of all there is."""
    desk = await sit("owner0", session(house))
    await desk.start("First")
    await desk.start("Context and goals")
    await desk.write("Draft.")
    await desk.saved()
    document = desk.page.url.removeprefix(house.url)
    for name in ("Early", "Late"):
        await desk.page.goto(f"{house.url}{document}/versions/latest")
        await desk.page.get_by_label("Name").fill(name)
        await desk.page.get_by_role("button", name="Keep this moment").click()
        await desk.page.get_by_role("link", name=name).wait_for()
    early = str(await desk.page.get_by_role("link", name="Early").get_attribute("href"))
    addresses = {
        "project": f"/projects/{house.project}",
        "session": document.partition("/documents")[0],
        "document": document,
        "version": early,
    }
    return desk, addresses


async def shows(desk: Desk, view: str) -> None:
    """Waits until a view, and nothing else, is there."""
    page = desk.page
    if view == "project":
        await page.get_by_role("heading", name="Members").wait_for()
    elif view == "session":
        await page.get_by_role("heading", name="First", exact=True).wait_for()
        await desk.text.wait_for()
    elif view == "document":
        await page.get_by_role("heading", name="Context and goals", exact=True).first.wait_for()
        await desk.until("Draft.")
    else:
        await page.get_by_role("heading", name="Changed since “Early”").wait_for()


async def test_an_address_opens_what_it_names_also_through_the_sign_in(house: House, sit: Sit) -> None:
    desk, addresses = await written(house, sit)
    for view, address in addresses.items():
        stranger = await sit()
        await stranger.sign_in(house.members["participant1"].username, address)
        await shows(stranger, view)
        assert stranger.page.url == f"{house.url}{address}"
        desk.page = await desk.context.new_page()
        await desk.open(address)
        await shows(desk, view)


async def test_back_and_forward_go_through_the_views(house: House, sit: Sit) -> None:
    desk, addresses = await written(house, sit)
    page = desk.page
    await desk.open(addresses["project"])
    await page.locator(f"a[href='{addresses['session']}']").click()
    await shows(desk, "session")
    await page.get_by_role("link", name="Context and goals").click()
    await shows(desk, "document")
    await page.get_by_label("Versions").click()
    await page.get_by_role("link", name="Early").click()
    await shows(desk, "version")
    await page.go_back()
    await page.get_by_role("heading", name="Changed since “Late”").wait_for()
    await page.go_back()
    await shows(desk, "document")
    await page.go_back()
    await shows(desk, "session")
    await page.go_back()
    await shows(desk, "project")
    for _ in range(4):
        await page.go_forward()
    await shows(desk, "version")


async def test_an_address_that_is_nobodys_says_so(house: House, sit: Sit) -> None:
    desk = await sit("owner0", "/")
    for address in ("/no/such/page", "/projects/"):
        await desk.open(address)
        await desk.page.get_by_text("There is nothing here", exact=True).wait_for()
    nobody = "00000000-0000-4000-8000-000000000000"
    for address in (f"/projects/{nobody}", f"/sessions/{nobody}", f"/documents/{nobody}"):
        await desk.open(address)
        await desk.page.get_by_text("There is nothing here for you").wait_for()
    await desk.open(f"{session(house)}/documents/{nobody}")
    await desk.page.get_by_text("This document is gone").wait_for()
    desk.complaints = [complaint for complaint in desk.complaints if "404" not in complaint]


async def test_a_page_that_cannot_reach_the_server_says_so_and_tries_again(house: House, sit: Sit) -> None:
    desk = await sit("owner0", "/")
    await desk.context.route("**/api/**", lambda call: call.abort())
    await desk.open("/")
    await desk.page.get_by_role("heading", name="The server does not answer").wait_for()
    await desk.context.unroute("**/api/**")
    await desk.page.get_by_role("button", name="Try again").click()
    await desk.page.get_by_role("heading", name="Projects").wait_for()
