"""Edits that the server has not confirmed outlive their page: closed, dead, signed out, or without a right any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Error, WebSocketRoute, async_playwright

from tests.browser.conftest import ARGUMENTS, Sit, find_chromium
from tests.browser.people import Desk
from tests.browser.teams import House
from tests.browser.test_writing import session, two_at_work
from tests.servers import eventually

pytestmark = pytest.mark.live


@asynccontextmanager
async def own_browser(house: House, profile: Path) -> AsyncIterator[Desk]:
    """A browser with a profile on the disk, which is there again the next time."""
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=find_chromium(), args=ARGUMENTS
        )
        yield Desk(house, context, await context.new_page())
        await context.close()


async def again(desk: Desk) -> Desk:
    """Closes a page as people do, and opens another in the same browser; nothing may be asked."""
    asked: list[str] = []
    desk.page.on("dialog", lambda dialog: asked.append(dialog.type))
    async with desk.page.expect_event("close"):
        await desk.page.close(run_before_unload=True)
    assert asked == []
    return await another(desk)


async def another(desk: Desk) -> Desk:
    """Another page of the same browser."""
    return Desk(desk.house, desk.context, await desk.context.new_page())


class Line:
    """The sockets of a page, which are there and carry nothing to the server while it is cut."""

    def __init__(self) -> None:
        self.cut = False
        self.sockets: list[WebSocketRoute] = []

    def relay(self, socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda message: None if self.cut else server.send(message))
        self.sockets.append(socket)

    async def mend(self) -> None:
        self.cut = False
        await self.sockets[-1].close(code=4503)


async def on_a_line(desk: Desk, path: str) -> Line:
    line = Line()
    await desk.page.route_web_socket("**/ws/", line.relay)
    await desk.open(path)
    await desk.text.wait_for()
    await desk.saved()
    return line


async def write_offline(house: House, desk: Desk, words: str) -> None:
    """Writes while the server is away, and waits until it is kept."""
    await desk.page.wait_for_load_state("networkidle")
    await desk.saved()
    house.deployment.servers[0].kill()
    await desk.write(words)
    await desk.page.get_by_text(f"{len(words)} unsaved edits are kept in this browser.").wait_for()


async def sign_out(desk: Desk, asked: str = "") -> None:
    """Signs out, after a question if there is one."""
    await desk.page.locator("summary", has_text="Account of").click()
    await desk.page.get_by_role("button", name="Sign out").click()
    if asked:
        await desk.page.get_by_role("dialog").get_by_text(asked).wait_for()
        await desk.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    await desk.page.get_by_label("User name").wait_for()


def path_of(desk: Desk) -> str:
    return desk.page.url.removeprefix(desk.house.url)


async def at_work(house: House, sit: Sit, words: str = "") -> tuple[Desk, Desk, str]:
    """Two people in a new document, in which the first may have written something; and where it is."""
    one, other = await two_at_work(house, sit)
    if words:
        await one.write(words)
        await other.until(words.strip())
    return one, other, path_of(one)


async def test_what_was_typed_offline_outlives_its_page_and_arrives_once(house: House, sit: Sit) -> None:
    one, other, path = await at_work(house, sit, "Before. ")
    await write_offline(house, one, "Kept. ")
    one = await again(one)
    house.deployment.servers[0].start()
    await other.hurry()
    await one.open(path)
    await one.until("Before. Kept.")
    await one.saved()
    await other.until("Before. Kept.")
    one = await again(one)
    await one.open("/")
    await one.page.get_by_role("heading", name="Projects").wait_for()
    assert await one.page.get_by_role("heading", name="Not saved yet").count() == 0
    await one.open(path)
    await one.until("Before. Kept.")
    await one.write("More.")
    await other.until("Before. Kept. More.")
    assert await one.read() == await other.read() == "Before. Kept. More."


async def test_a_browser_that_dies_has_them_again_and_says_where_they_are(
    house: House, sit: Sit, tmp_path: Path
) -> None:
    other = await sit("owner0", session(house))
    await other.start("Context and goals")
    path = path_of(other)
    async with own_browser(house, tmp_path) as one:
        await one.come_in("participant1", path)
        await one.text.wait_for()
        await write_offline(house, one, "Alive. ")
        devtools = await one.context.new_cdp_session(one.page)
        with pytest.raises(Error):
            await devtools.send("Browser.crash")
    house.deployment.servers[0].start()
    await other.hurry()
    async with own_browser(house, tmp_path) as one:
        await one.come_in("participant1")
        await one.page.get_by_role("link", name="7 edits in “Context and goals” are not saved").click()
        await one.until("Alive.")
        await one.saved()
        await other.until("Alive.")
        assert await one.read() == await other.read() == "Alive. "
        await one.open("/")
        await one.page.get_by_role("heading", name="Projects").wait_for()
        assert await one.page.get_by_role("heading", name="Not saved yet").count() == 0
        assert one.complaints == []


async def test_they_are_of_their_writer_alone(house: House, sit: Sit) -> None:
    one, other, path = await at_work(house, sit)
    await write_offline(house, other, "Mine. ")
    other = await again(other)
    house.deployment.servers[0].start()
    await one.hurry()
    await other.open("/")
    await other.page.get_by_text("6 edits in “Context and goals” are not saved").wait_for()
    await sign_out(other)
    await other.come_in("participant2")
    assert await other.page.get_by_role("heading", name="Not saved yet").count() == 0
    await other.open(path)
    await other.write("By a third. ")
    await one.until("By a third.")
    assert await other.read() == await one.read() == "By a third. "
    await sign_out(other)
    await other.sign_in(house.members["participant1"].username)
    await other.page.get_by_text("6 edits in “Context and goals” are not saved").click()
    await one.until("Mine.")
    await other.saved()
    assert (await one.read()).count("Mine. ") == 1


async def test_another_tab_leaves_them_to_the_one_that_lives(house: House, sit: Sit) -> None:
    one, other, path = await at_work(house, sit)
    cut = await another(one)
    line = await on_a_line(cut, path)
    line.cut = True
    await cut.write("From a tab that nobody hears. ")
    await cut.page.get_by_text("Saving").wait_for()
    await one.page.reload()
    await one.write("One. ")
    await other.until("One.")
    assert await one.read() == await other.read() == "One. "
    await line.mend()
    await other.until("From a tab that nobody hears.")
    await cut.saved()

    async def equal() -> bool:
        return await one.read() == await other.read() == await cut.read()

    await eventually(equal, timeout=15)
    assert (await one.read()).count("From a tab") == 1


async def test_who_may_write_no_more_can_take_them_along_or_give_them_up(house: House, sit: Sit) -> None:
    one, other, path = await at_work(house, sit, "Ours. ")
    await write_offline(house, other, "Mine. ")
    other = await again(other)
    house.deployment.servers[0].start()
    await one.hurry()
    meeting = path.split("/")[2]
    asked = house.rest(
        "PATCH",
        f"sessions/{meeting}/participants/{house.members['participant1'].id}/",
        house.owner,
        {"role": "observer"},
    )
    assert asked[0] == 200, asked
    await other.open(path)
    await other.page.get_by_text("You may read here, not write.").wait_for()
    async with other.page.expect_download() as download:
        await other.page.get_by_role("button", name="Download mine").click()
    assert "Mine. " in (await (await download.value).path()).read_text()
    other = await again(other)
    await other.open(path)
    await other.page.get_by_role("button", name="Discard mine").click()
    await other.page.get_by_role("dialog").get_by_role("button", name="Discard mine").click()
    await other.saved()
    other = await again(other)
    await other.open(path)
    await other.until("Ours.")
    await other.saved()
    assert await other.read() == await one.read() == "Ours. "


async def test_those_of_a_document_that_is_gone_can_be_downloaded(house: House, sit: Sit) -> None:
    one, other, path = await at_work(house, sit, "Ours. ")
    await write_offline(house, other, "Mine. ")
    other = await again(other)
    house.deployment.servers[0].start()
    await one.hurry()
    assert house.rest("DELETE", f"documents/{path.rpartition('/')[2]}/", house.owner)[0] == 204
    await other.open("/")
    await other.page.get_by_role("link", name="6 edits in “Context and goals”").click()
    await other.page.get_by_text("This document is gone").wait_for()
    async with other.page.expect_download() as download:
        await other.page.get_by_role("button", name="Download").click()
    assert (await (await download.value).path()).read_text() == "Mine. "
    await other.page.get_by_role("button", name="Discard").click()
    await other.page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    await other.page.get_by_role("heading", name="Not saved yet").wait_for(state="detached")


async def test_where_the_browser_keeps_nothing_closing_asks(house: House, sit: Sit) -> None:
    one, _ = await two_at_work(house, sit)
    await one.context.add_init_script("indexedDB.open = () => { throw new DOMException('no', 'SecurityError') }")
    await one.page.reload()
    await one.text.wait_for()
    house.deployment.servers[0].kill()
    await one.write("Here")
    await one.page.get_by_text("Offline. 4 unsaved edits are kept here.").wait_for()
    async with one.page.expect_event("dialog") as asked:
        await one.page.close(run_before_unload=True)
    assert (await asked.value).type == "beforeunload"
    await (await asked.value).dismiss()
    house.deployment.servers[0].start()
    await one.hurry()
    await one.saved()


async def test_signing_out_with_something_unsaved_asks_and_keeps_it(house: House, sit: Sit) -> None:
    one, other, path = await at_work(house, sit)
    one = await again(one)
    line = await on_a_line(one, path)
    line.cut = True
    await one.write("Later. ")
    await one.page.get_by_text("Saving").wait_for()
    await sign_out(one, asked="7 unsaved edits are kept in this browser. Only you can send that")
    line.cut = False
    await one.sign_in(house.members["owner0"].username)
    await one.page.get_by_text("7 edits in “Context and goals” are not saved").click()
    await other.until("Later.")
    await one.saved()
