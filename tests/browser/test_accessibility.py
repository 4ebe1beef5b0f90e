"""axe-core finds nothing serious on any page or dialog, large or on a phone, light or dark; none scrolls sideways."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.conftest import Sit
from tests.browser.people import Desk
from tests.browser.teams import House
from tests.browser.test_approvals import ask, decide
from tests.browser.test_connection import sign_out_everywhere
from tests.browser.test_inbox import LINK, request
from tests.browser.test_writing import session
from tests.servers import ServerUnavailable

pytestmark = pytest.mark.live

AXE = Path(__file__).resolve().parents[1] / "node" / "node_modules" / "axe-core" / "axe.min.js"
SIZES = ((1280, 800), (390, 844))
WIDER = "document.documentElement.scrollWidth > innerWidth"
MOVING = "document.getAnimations().filter(one => one.effect.getComputedTiming().duration > 1).length"


class Examiner:
    """Looks at what a desk shows, as large windows and phones have it, in light and in dark."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.wrong: list[str] = []

    async def look(self, where: str, shows: str) -> None:
        page = self.desk.page
        await page.get_by_text(shows).filter(visible=True).first.wait_for()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            await page.locator(f"html[data-theme={scheme}]").wait_for()
            for width, height in SIZES:
                await page.set_viewport_size({"width": width, "height": height})
                self.wrong += [f"{where}, {width} wide, {scheme}: {one}" for one in await self.found()]
        await page.set_viewport_size({"width": 1280, "height": 800})

    async def found(self) -> list[str]:
        page = self.desk.page
        if await page.evaluate("!window.axe"):
            await page.evaluate(AXE.read_text())
        found = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
        wrong = [
            f"{violation['id']}: {[node['html'][:160] for node in violation['nodes'][:3]]}"
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        if await page.evaluate(WIDER):
            wrong.append("it scrolls sideways")
        if await page.evaluate(MOVING):
            wrong.append("something moves")
        return wrong


@pytest_asyncio.fixture(loop_scope="session")
async def examiner(sit: Sit) -> Examiner:
    if not AXE.is_file():
        raise ServerUnavailable("no axe-core: `npm ci --prefix tests/node`")
    return Examiner(await sit())


async def test_pages_and_their_dialogs_are_accessible(house: House, examiner: Examiner) -> None:
    desk, page = examiner.desk, examiner.desk.page
    await desk.open("/")
    await examiner.look("sign-in", "User name")
    await desk.open("/#invitation=anything")
    await page.reload()
    await examiner.look("invitation", "You are invited")
    await desk.come_in("owner0", "/no/such/page")
    await examiner.look("nowhere", "There is nothing here")
    await desk.open("/")
    await examiner.look("projects", "New project")
    for where, buttons in (
        ("/", ["New project"]),
        (f"/projects/{house.project}", ["New document", "New session", "Add"]),
    ):
        await desk.open(where)
        for button in buttons:
            await page.get_by_role("button", name=button, exact=True).first.click()
            await examiner.look(button, "User name" if button == "Add" else button)
            await page.keyboard.press("Escape")
    await examiner.look("project", "Members")
    await desk.open("/projects/00000000-0000-4000-8000-000000000000")
    await examiner.look("trouble", "There is nothing here for you")
    await page.locator("summary", has_text="Account of").click()
    await examiner.look("account menu", "Sign out")
    assert examiner.wrong == []
    desk.complaints.clear()  # of the page that is not there


async def test_a_session_is_accessible(house: House, sit: Sit, examiner: Examiner) -> None:
    desk, page = examiner.desk, examiner.desk.page
    await desk.come_in("owner0", session(house))
    await examiner.look("people", "Here now")
    await page.get_by_label("Close the panel").click()
    await examiner.look("empty session", "No documents yet")
    await desk.start("Checked")
    await examiner.look("empty document", "Write in Markdown")
    await desk.write("# Title\n\nWords and `code`.\n\n> A quotation, and [a link](https://example.org).\n")
    await page.locator(".preview h1").wait_for()
    await examiner.look("side by side", "A quotation")
    await page.get_by_label("Preview", exact=True).first.click()
    await examiner.look("preview", "A quotation")
    await page.get_by_label("Side by side").click()
    for panel, shows in (("Chat", "What is said here"), ("Activity", "started")):
        await page.get_by_label(panel, exact=True).first.click()
        await examiner.look(panel, shows)
    await page.get_by_label("Close the panel").click()
    for menu, shows in (("Session menu", "End the session"), ("Document menu", "Delete")):
        await page.get_by_label(menu).click()
        await examiner.look(menu, shows)
    await page.get_by_role("button", name="Rename").click()
    await examiner.look("renaming", "Rename")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Versions").click()
    await examiner.look("no versions", "No versions yet")
    await page.get_by_label("Name").fill("Kept")
    await page.get_by_role("button", name="Keep this moment").click()
    await examiner.look("versions", "SHA-256")
    await page.get_by_role("button", name="Share").click()
    await examiner.look("share", "By link")
    await page.get_by_role("button", name="Make a link").click()
    await examiner.look("link", "Copy")
    await page.keyboard.press("Escape")
    await page.get_by_label("Session menu").click()
    await page.get_by_role("button", name="Pause").click()
    await page.get_by_role("button", name="Versions").click()
    await examiner.look("paused", "The session is paused")
    assert examiner.wrong == []


async def test_what_is_seldom_seen_is_accessible(house: House, examiner: Examiner) -> None:
    desk, page = examiner.desk, examiner.desk.page
    body = {"project": house.project, "title": "Decisions", "strategy": "last_write_wins"}
    status, document = house.rest("POST", "documents/", house.owner, body)
    assert status == 201
    await desk.come_in("participant1", f"/documents/{document['id']}")
    await examiner.look("no values", "No values yet")
    await page.get_by_label("Key").fill("database")
    await page.get_by_label("Value").fill("PostgreSQL")
    await page.get_by_role("button", name="Set").click()
    await examiner.look("values", "PostgreSQL")
    await desk.open(session(house, require_approval=True))
    await examiner.look("lobby", "You are in the lobby")
    sign_out_everywhere(house, "participant1")
    await examiner.look("signed out", "You are signed out")
    await page.keyboard.press("Escape")
    await examiner.look("signed out, put off", "Sign in again")
    assert examiner.wrong == []
    desk.complaints.clear()  # of tokens that are refused


async def test_approvals_are_accessible(house: House, sit: Sit, examiner: Examiner) -> None:
    owner, desk, page = await sit("owner0", session(house)), examiner.desk, examiner.desk.page
    await owner.start("Signed")
    await owner.write("Words.")
    await owner.saved()
    await desk.come_in("participant1", owner.page.url.removeprefix(house.url))
    await page.get_by_label("Approvals").first.click()
    await examiner.look("no requests", "Nobody has asked yet")
    await page.get_by_role("button", name="Ask for approval").click()
    await examiner.look("asking", "Who decides")
    await page.keyboard.press("Escape")
    await ask(owner, "Participant 1", "Moderator 3")
    await examiner.look("requests", "Sign off")
    await page.locator(".request").click()
    await examiner.look("a request", "SHA-256")
    await page.get_by_label("Begin a conversation").fill("Why?")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Resolve").wait_for()
    await page.get_by_label("Menu of the request").click()
    await examiner.look("its menu", "Have somebody else decide")
    await page.get_by_role("button", name="Have somebody else decide").click()
    await examiner.look("handing over", "Who decides for you")
    await page.keyboard.press("Escape")
    await decide(desk, comment="Good.")
    await examiner.look("a vote", "You approved.")
    await owner.write(" More.")
    await page.get_by_role("button", name="Show what changed").click()
    await page.locator(".diff ins").wait_for()
    await examiner.look("a stale vote", "to decide again")
    theirs = Examiner(owner)
    for button, shows in (("Take it back", "Why (if you like)"), ("Go without the rest", "stays in the audit log")):
        await owner.page.get_by_label("Menu of the request").click()
        await owner.page.get_by_role("button", name=button).click()
        await theirs.look(button, shows)
        await owner.page.keyboard.press("Escape")
    assert examiner.wrong + theirs.wrong == []


async def test_the_inbox_is_accessible(house: House, examiner: Examiner) -> None:
    desk, page = examiner.desk, examiner.desk.page
    asked = request(house, "participant2", "Buy it?")
    await desk.come_in("participant2", "/inbox")
    await examiner.look("inbox", "Buy it?")
    await page.get_by_label("Notifications:").click()
    await examiner.look("newest", "All notifications")
    await desk.open("/")
    await examiner.look("home", "Waiting for you")
    await desk.open("/preferences")
    await page.get_by_label("You were named in a session: By e-mail").click()
    await examiner.look("preferences", "As usual")
    await desk.open(f"/projects/{house.project}")
    await page.get_by_label("Project menu").click()
    await examiner.look("project menu", "Mute")
    await desk.open(f"/approvals/{asked}")
    await examiner.look("a request of its own", "SHA-256")
    await desk.open(
        house.deployment.shell(LINK.format(approval=asked, name=house.members["participant2"].username)).split()[-1]
    )
    await examiner.look("a link in a mail", "You decide as")
    assert examiner.wrong == []
