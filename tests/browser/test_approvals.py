"""Approvals in the workspace: asked for, decided on what was seen, and stale when that has changed."""

from __future__ import annotations

import hashlib

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Sit
from tests.browser.people import Desk
from tests.browser.teams import House
from tests.browser.test_writing import session

pytestmark = pytest.mark.live

HOSTILE = '<img src=x onerror="window.hacked=1">'
MODERATOR, PARTICIPANT = "Moderator 3", "Participant 1"


async def ask(desk: Desk, *people: str, title: str = "Sign off") -> None:
    """Asks people for approval, all of whom must give it, of the document that is open."""
    page = desk.page
    await page.get_by_label("Approvals").first.click()
    await page.get_by_role("button", name="Ask for approval").click()
    await page.get_by_label("What is asked").fill(title)
    for name in people:
        await page.get_by_label("Find people").fill(name)
        await page.get_by_role("checkbox", name=name).check()
    await page.get_by_label("How many of them must approve").select_option(str(len(people)))
    await page.get_by_role("button", name="Ask", exact=True).click()
    await page.get_by_role("heading", name=title).wait_for()


async def decide(desk: Desk, decision: str = "Approve", comment: str = "") -> None:
    await desk.page.get_by_label("Comment").fill(comment)
    await desk.page.get_by_role("button", name=decision, exact=True).click()


async def written(house: House, sit: Sit, words: str = "The ledger is new.") -> Desk:
    """An owner in a document with some words."""
    owner = await sit("owner0", session(house))
    await owner.start("Context and goals")
    await owner.write(words)
    await owner.saved()
    return owner


async def test_votes_are_stale_when_the_text_changes_and_the_sheet_says_what_was_approved(
    house: House, sit: Sit
) -> None:
    owner = await written(house, sit)
    await ask(owner, MODERATOR, PARTICIPANT)
    request = owner.page.url.removeprefix(house.url)
    one, other = await sit("moderator3", request), await sit("participant1", request)
    await owner.page.get_by_text("You asked: others decide.").wait_for()
    await expect(owner.page.get_by_role("button", name="Approve", exact=True)).to_be_disabled()
    await decide(one, comment="Fine by me.")
    await one.page.get_by_text("You approved.").wait_for()
    await other.page.get_by_text("Fine by me.").wait_for()
    await owner.page.locator(".chip", has_text="1 of 2 approvals").wait_for()

    await owner.write(" And tested.")
    for desk in (owner, one, other):
        await desk.page.get_by_text("· stale since event").wait_for()
    await owner.page.locator(".chip", has_text="0 of 2 approvals").wait_for()
    for desk in (
        one,
        other,
    ):  # the first one's vote is on a newer version, and the other sees all the same what changed
        await expect(desk.page.get_by_role("button", name="Approve", exact=True)).to_be_disabled()
        await owner.page.locator(".chip", has_text=f"{(one, other).index(desk)} of 2 approvals").wait_for()
        await desk.page.get_by_role("button", name="Show what changed").click()
        await desk.page.locator(".diff ins", has_text="And tested.").wait_for()
        await desk.page.get_by_role("button", name="I have seen what changed").click()
        await decide(desk)
    await owner.page.get_by_text("Approved by", exact=False).first.wait_for()
    await owner.page.locator(".chip", has_text="Approved · v").wait_for()

    await owner.page.get_by_label("Menu of the request").click()
    async with owner.page.expect_popup() as opened:
        await owner.page.get_by_role("button", name="Sign-off sheet").click()
    sheet = await opened.value
    for words in (hashlib.sha256(b"The ledger is new. And tested.").hexdigest(), MODERATOR, PARTICIPANT):
        await sheet.get_by_text(words).first.wait_for()

    await owner.write(" Later.")
    await other.page.locator(".chip", has_text="(changed since)").wait_for()
    await owner.page.get_by_label("Versions").click()
    await owner.page.locator(".history .tag", has_text="approved").wait_for()


async def test_what_changed_in_the_same_moment_is_not_decided_on(house: House, sit: Sit) -> None:
    owner = await written(house, sit)
    await ask(owner, PARTICIPANT)
    voter = await sit("participant1", owner.page.url.removeprefix(house.url))
    await voter.page.get_by_label("Comment").fill("Good.")
    # What the page is told of requests does not arrive, so that it decides on what it has.
    await voter.page.evaluate("""() => {
      const take = MessageEvent.prototype
      const { get } = Object.getOwnPropertyDescriptor(take, 'data')
      Object.defineProperty(take, 'data', { get () {
        const data = get.call(this)
        return typeof data === 'string' && data.includes('approval:updated') ? '[]' : data
      } })
    }""")
    await owner.write(" Changed.")
    await owner.page.get_by_text("the content has changed").wait_for()
    await voter.page.get_by_role("button", name="Approve", exact=True).click()
    await voter.page.get_by_text("Nothing was decided.").wait_for()
    await voter.page.get_by_role("button", name="Show what changed").click()
    await voter.page.locator(".diff ins", has_text="Changed.").wait_for()
    await owner.page.get_by_text("0 of 1", exact=True).wait_for()
    await voter.page.get_by_role("button", name="I have seen what changed").click()
    await decide(voter)
    await owner.page.get_by_text(f"Approved by {PARTICIPANT}.").wait_for()


async def test_people_talk_about_a_request_and_hand_it_over(house: House, sit: Sit) -> None:
    owner = await written(house, sit)
    await ask(owner, PARTICIPANT, title=f"T {HOSTILE}")
    voter = await sit("participant1", owner.page.url.removeprefix(house.url))
    await voter.page.get_by_label("Begin a conversation").fill(f"Why? {HOSTILE}")
    await voter.page.keyboard.press("Enter")
    await owner.page.get_by_text("Why? <img").wait_for()
    await owner.page.get_by_label(f"Answer {PARTICIPANT}").fill("Because.")
    await owner.page.keyboard.press("Enter")
    await voter.page.get_by_text("Because.").wait_for()
    await voter.page.get_by_role("button", name="Resolve").click()
    await owner.page.get_by_text(f"{PARTICIPANT}: resolved by {PARTICIPANT}").wait_for()

    await voter.page.get_by_label("Menu of the request").click()
    await voter.page.get_by_role("button", name="Have somebody else decide").click()
    await voter.page.get_by_label("Who decides for you").select_option(label=MODERATOR)
    await voter.page.get_by_role("button", name="Hand it over").click()
    await owner.page.get_by_text(f"has {MODERATOR} decide").wait_for()
    other = await sit("moderator3", owner.page.url.removeprefix(house.url))
    await decide(other, "Request changes", HOSTILE)
    await owner.page.locator(".chip", has_text="Changes requested").wait_for()
    await owner.page.get_by_text(f"by {MODERATOR}").first.wait_for()
    for desk in (owner, voter, other):
        assert await desk.page.evaluate("window.hacked") is None
        assert await desk.page.locator("img[onerror]").count() == 0


async def test_a_request_is_taken_back_or_gone_without(house: House, sit: Sit) -> None:
    owner = await written(house, sit)
    page = owner.page
    await ask(owner, PARTICIPANT, title="First")
    await page.get_by_label("Menu of the request").click()
    await page.get_by_role("button", name="Take it back").click()
    await page.get_by_label("Why (if you like)").fill("Too early")
    await page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    await page.get_by_text("Cancelled: Too early.").wait_for()
    await page.get_by_role("link", name="All requests").click()
    await ask_again(owner)
    await page.get_by_label("Menu of the request").click()
    await page.get_by_role("button", name="Go without the rest").click()
    await page.get_by_label("Why").fill("It burns")
    await page.get_by_role("button", name="Go without them").click()
    await page.get_by_text("It burns").wait_for()
    await page.get_by_role("link", name="All requests").click()
    await page.locator(".request", has_text="Second").get_by_text("bypassed").wait_for()
    await page.locator(".request", has_text="First").get_by_text("taken back").wait_for()


async def ask_again(desk: Desk) -> None:
    await desk.page.get_by_role("button", name="Ask for approval").click()
    await desk.page.get_by_label("What is asked").fill("Second")
    await desk.page.get_by_label("Who decides").select_option(label="As the project has it")
    await desk.page.get_by_role("button", name="Ask", exact=True).click()
    await desk.page.get_by_role("heading", name="Second").wait_for()


async def test_a_link_opens_a_request_beside_its_document_or_alone(house: House, sit: Sit) -> None:
    owner = await written(house, sit)
    await ask(owner, PARTICIPANT)
    request = owner.page.url.rsplit("/", 1)[1]
    voter = await sit("participant1", f"/approvals/{request}")
    await voter.until("The ledger is new.")
    await voter.page.get_by_role("heading", name="Sign off").wait_for()
    body = {"project": house.project, "title": "Buy it?", "payload": {"cost": 12}}
    status, made = house.rest("POST", "approvals/", house.owner, body)
    assert status == 201
    await voter.open(f"/approvals/{made['id']}")
    await voter.page.get_by_text("What comes with it").click()
    await voter.page.get_by_text('"cost": 12').wait_for()
    await decide(voter)
    await voter.page.get_by_text(f"Approved by {PARTICIPANT}.").wait_for()
    project = {"project": house.project, "title": "Alone", "strategy": "merge", "content": "Words."}
    status, document = house.rest("POST", "documents/", house.owner, project)
    subject = {"project": house.project, "title": "Of the project", "subject": {"document": document["id"]}}
    status, made = house.rest("POST", "approvals/", house.owner, subject)
    assert status == 201
    await voter.open(f"/approvals/{made['id']}")
    await voter.until("Words.")
    await decide(voter)
    await voter.page.get_by_text(f"Approved by {PARTICIPANT}.").wait_for()


async def test_values_that_were_approved_and_changed_say_so(house: House, sit: Sit) -> None:
    document = {"project": house.project, "title": "Decisions", "strategy": "last_write_wins"}
    status, made = house.rest("POST", "documents/", house.owner, document)
    assert status == 201
    subject = {"project": house.project, "title": "Values", "subject": {"document": made["id"]}}
    status, asked = house.rest("POST", "approvals/", house.owner, subject)
    assert status == 201
    desk = await sit("participant1", f"/approvals/{asked['id']}")
    await decide(desk)
    await desk.page.locator(".chip", has_text="Approved").wait_for()
    await desk.page.get_by_label("Key").fill("database")
    await desk.page.get_by_label("Value", exact=True).fill("PostgreSQL")
    await desk.page.get_by_role("button", name="Set").click()
    await desk.page.locator(".chip", has_text="(changed since)").wait_for()


async def test_a_policy_of_the_project_is_followed_stage_by_stage(house: House, sit: Sit) -> None:
    stages = [
        {"name": "Peers", "who": {"users": [house.members["participant1"].username]}},
        {"name": "Security", "who": {"users": [house.members["moderator3"].username]}},
    ]
    policy = {"project": house.project, "name": "Design review", "rules": {"stages": stages}}
    status, made = house.rest("POST", "policies/", house.owner, policy)
    assert status == 201, made
    owner = await written(house, sit)
    await owner.page.get_by_label("Approvals").first.click()
    await owner.page.get_by_role("button", name="Ask for approval").click()
    await owner.page.get_by_label("Who decides").select_option(label="Design review")
    await owner.page.get_by_text("Peers").wait_for()
    await owner.page.get_by_role("button", name="Ask", exact=True).click()
    await owner.page.get_by_text("Begins when the stage before has approved.").wait_for()
    request = owner.page.url.removeprefix(house.url)
    last = await sit("moderator3", request)
    await last.page.get_by_text("It waits for Participant 1, not for you.").wait_for()
    await decide(await sit("participant1", request))
    await decide(last)
    await owner.page.locator(".chip", has_text="Approved · v").wait_for()


async def test_who_was_invited_to_a_session_alone_asks_people_in_it(house: House, sit: Sit) -> None:
    path = session(house)
    owner = await sit("owner0", path)
    await owner.start("Context and goals")
    invited, owns = house.members["participant9"], house.members["owner0"]
    house.rest("DELETE", f"projects/{house.project}/members/{invited.id}/", owns)
    _, invitation = house.rest("POST", f"{path[1:]}/invitations/", owns, {"role": "participant"})
    desk = await sit("participant9", "/inbox")
    await desk.open(f"/#invitation={invitation['token']}")
    await desk.page.get_by_role("button", name="Join the session").click()
    await desk.page.get_by_role("link", name="Context and goals").first.click()
    await desk.page.get_by_label("Approvals").first.click()
    await desk.page.get_by_role("button", name="Ask for approval").click()
    await desk.page.get_by_role("checkbox", name="Owner 0").check()
    await desk.page.get_by_role("button", name="Ask", exact=True).click()
    await desk.page.get_by_text("waiting for Owner 0").first.wait_for()
    assert [complaint for complaint in desk.complaints if "404" not in complaint] == []
    desk.complaints.clear()  # the project's members were asked for first
