"""What people are told: counted on every page, read on all their tabs, missed by nobody, and as they want it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Sit
from tests.browser.people import Desk
from tests.browser.teams import House
from tests.browser.test_approvals import HOSTILE
from tests.browser.test_writing import session

pytestmark = pytest.mark.live

LINK = """
from approvals.models import Approval
from approvals.services import link_create
print(link_create(approval=Approval.objects.get(pk="{approval}"), user=User.objects.get(username="{name}")))
"""


def request(house: House, name: str, title: str) -> str:
    """Has the owner of the project ask somebody for approval; returns the request's id."""
    body = {"project": house.project, "title": title, "approvers": [house.members[name].username]}
    status, asked = house.rest("POST", "approvals/", house.owner, body)
    assert status == 201, asked
    return str(asked["id"])


async def counted(desk: Desk, number: int) -> None:
    """Waits until the bell and the tab's title say how many are unread."""
    label = f"Notifications: {number} unread" if number else "Notifications"
    await desk.page.get_by_label(label, exact=True).first.wait_for()
    await desk.page.wait_for_function(
        "number => number ? document.title.startsWith(`(${number}) `) : !document.title.startsWith('(')", arg=number
    )


async def test_the_bell_counts_and_leads_to_what_it_is_about(house: House, sit: Sit) -> None:
    desk = await sit("moderator3")
    await counted(desk, 0)
    request(house, "moderator3", f"Buy it? {HOSTILE}")
    await counted(desk, 1)
    await desk.page.get_by_role("heading", name="Waiting for you").wait_for()
    await desk.page.get_by_label("Notifications: 1 unread").click()
    note = desk.page.locator(".newest .note").first
    await note.get_by_text("to do").wait_for()
    await note.click()
    await desk.page.get_by_role("heading", name="Buy it?").first.wait_for()
    await counted(desk, 0)
    await desk.page.get_by_role("button", name="Approve", exact=True).click()
    await desk.page.get_by_text("Approved by Moderator 3.").wait_for()
    assert await desk.page.evaluate("window.hacked") is None
    await desk.open("/inbox")
    await desk.page.get_by_text("asks for your approval: Buy it? <img").wait_for()
    assert await desk.page.get_by_text("to do").count() == 0


async def test_what_is_read_in_one_tab_is_read_in_the_other(house: House, sit: Sit) -> None:
    one = await sit("participant2", "/inbox")
    other = Desk(house, one.context, await one.context.new_page())
    await other.open("/inbox")
    for title in ("First", "Second"):
        request(house, "participant2", title)
    await counted(one, 2)
    await counted(other, 2)
    await one.page.locator(".note", has_text="First").click()
    await counted(other, 1)
    await other.page.get_by_role("button", name="Unread", exact=True).click()
    await expect(other.page.locator(".note.unread")).to_have_count(1)
    await other.page.get_by_role("button", name="Mark all read").click()
    await counted(one, 0)
    assert other.complaints == []


async def test_what_is_told_while_offline_comes_after_it(house: House, sit: Sit) -> None:
    desk = await sit("participant1", "/inbox")
    await counted(desk, 0)
    house.deployment.servers[0].kill()
    await desk.page.locator(".connection.warn").wait_for()
    house.deployment.servers[0].start()
    request(house, "participant1", "Meanwhile")
    await counted(desk, 1)
    await desk.page.locator(".note.unread", has_text="Meanwhile").wait_for()


async def test_everybody_says_what_they_are_told(house: House, sit: Sit) -> None:
    desk = await sit("participant1", session(house))
    page = desk.page
    await page.get_by_label("Session menu").click()
    await page.get_by_role("button", name="Mute").click()
    await page.get_by_text("only what you must act on").wait_for()
    await desk.open(f"/projects/{house.project}")
    await page.get_by_label("Project menu").click()
    await page.get_by_role("button", name="Mute").wait_for()
    await desk.open("/preferences")
    asked = page.get_by_label("Your approval is asked for: Here")
    await expect(asked).to_be_checked()
    await expect(asked).to_be_disabled()
    mail = page.get_by_label("You were named in a session: By e-mail")
    await mail.uncheck()
    await page.get_by_role("button", name="As usual: here and by e-mail").wait_for()
    await page.get_by_label("Mail what is still unread").select_option(label="after an hour")
    await page.get_by_role("link", name="Test", exact=True).wait_for()
    await page.reload()
    await expect(mail).not_to_be_checked()
    await expect(page.get_by_label("Mail what is still unread")).to_have_value("3600")
    await page.get_by_role("button", name="Unmute").click()
    await page.get_by_role("button", name="As usual: here and by e-mail").click()
    await expect(mail).to_be_checked()
    await page.get_by_text("you mute it").wait_for()


async def test_a_link_in_a_mail_decides_once_and_never_by_itself(house: House, sit: Sit) -> None:
    asked = request(house, "moderator3", f"By mail {HOSTILE}")
    [link] = house.deployment.shell(LINK.format(approval=asked, name=house.members["moderator3"].username)).split()[-1:]
    stranger = await sit()
    await stranger.open(link)
    await stranger.page.get_by_text("You decide as Moderator 3").wait_for()
    assert house.rest("GET", f"approvals/{asked}/", house.owner)[1]["state"] == "pending"
    await stranger.page.get_by_label("Comment").fill("From the train.")
    await stranger.page.get_by_role("button", name="Approve", exact=True).click()
    await stranger.page.get_by_text("That is noted.").wait_for()
    await stranger.page.get_by_text("From the train.").wait_for()
    assert house.rest("GET", f"approvals/{asked}/", house.owner)[1]["state"] == "approved"
    assert await stranger.page.evaluate("window.hacked") is None
    await stranger.page.reload()
    await stranger.page.get_by_role("alert").wait_for()
    assert await stranger.page.get_by_role("button", name="Approve", exact=True).count() == 0
    stranger.complaints = [one for one in stranger.complaints if "Failed to load resource" not in one]
