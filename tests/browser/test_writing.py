"""People write in one document, and neither the network nor the server takes anything from them."""

from __future__ import annotations

import time

import pytest

from tests.browser.conftest import Sit
from tests.browser.people import Desk
from tests.browser.teams import House
from tests.servers import eventually

pytestmark = pytest.mark.live

# By typing, or from the clipboard, this much takes a browser minutes, or a permission.
PASTE = """(content, text) => {
  const clipboardData = new DataTransfer()
  clipboardData.setData('text/plain', text)
  content.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
}"""


def session(house: House, **settings: object) -> str:
    """Opens a session as its owner; returns its path."""
    return f"/sessions/{house.session(conflict_resolution='merge', **settings)}"


async def two_at_work(house: House, sit: Sit) -> tuple[Desk, Desk]:
    """Two people in one new document."""
    path = session(house)
    one = await sit("owner0", path)
    await one.start("Context and goals")
    other = await sit("participant1", one.page.url.removeprefix(house.url))
    await other.text.wait_for()
    return one, other


async def test_two_people_edit_one_paragraph_and_see_each_other(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await one.write("The ledger")
    await other.until("The ledger")
    await other.write(" is new.")
    await one.until("The ledger is new.")
    await one.page.locator(".cm-ySelectionInfo", has_text="Participant 1").wait_for(state="attached")
    await other.page.locator(".cm-ySelectionInfo", has_text="Owner 0").wait_for(state="attached")
    assert await one.read() == await other.read() == "The ledger is new."


async def test_a_keystroke_is_soon_in_the_other_window(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await one.write("0")
    await other.until("0")
    times = []
    for number in range(20):
        begun = time.perf_counter()
        await one.page.keyboard.type(chr(97 + number))
        await other.page.wait_for_function(
            "letter => document.querySelector('.cm-content').textContent.includes(letter)",
            arg=chr(97 + number),
            polling="raf",
        )
        times.append((time.perf_counter() - begun) * 1_000)
    times.sort()
    print(f"\na keystroke in the other window: p50 {times[10]:.0f} ms, p95 {times[18]:.0f} ms")


async def test_what_is_typed_offline_is_kept_and_sent(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await one.write("Before. ")
    await other.until("Before.")
    await one.saved()
    await one.context.set_offline(True)
    await one.page.evaluate("dispatchEvent(new Event('offline'))")
    house.deployment.servers[0].kill()
    await one.write("Off")
    await one.page.get_by_text("Offline. 3 unsaved edits are kept in this browser.").wait_for()
    await one.write("line. ")
    await one.page.get_by_text("Offline. 9 unsaved edits are kept in this browser.").wait_for()
    house.deployment.servers[0].start()
    await one.context.set_offline(False)
    await other.hurry()
    await other.until("Before. Offline.")
    await one.saved()


async def test_a_server_that_is_killed_takes_nothing_along(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    for number in range(4):
        await one.write(f"[{number}]")
        await other.write(f"({number})", "Control+Home")
        if number == 1:
            house.deployment.servers[0].kill()
            house.deployment.servers[0].start()
    await one.hurry()
    await other.hurry()
    await one.saved()
    await other.saved()

    async def equal() -> bool:
        return await one.read() == await other.read()

    await eventually(equal, timeout=15)
    text = await one.read()
    assert all(text.count(f"[{number}]") == text.count(f"({number})") == 1 for number in range(4))


async def test_who_becomes_an_observer_while_typing_can_only_read(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await other.write("Mine. ")
    await one.until("Mine.")
    await one.page.get_by_label("Role of Participant 1").select_option("observer")
    await other.page.get_by_text("You may read here, not write.").wait_for()
    await other.locked()
    await one.write("Still mine.")
    await other.until("Still mine.")


async def test_what_is_refused_for_good_is_shown_and_can_be_discarded(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await other.write("Ours. ")
    await one.until("Ours.")
    await one.saved()
    await one.page.get_by_label("Write", exact=True).click()
    await one.text.click()
    await one.page.keyboard.press("Control+End")
    await one.text.evaluate(PASTE, "Mine, and too long for an edit.\n" * 33_000)
    await one.page.get_by_text("Nobody else sees it.").wait_for()
    await one.locked()
    async with one.page.expect_download() as download:
        await one.page.get_by_role("button", name="Download mine").click()
    assert (await download.value).suggested_filename.endswith("(mine).md")
    await other.write("And this. ")
    await one.page.get_by_role("button", name="Discard mine").click()
    await one.page.get_by_role("dialog").get_by_role("button", name="Discard mine").click()
    await one.until("Ours. And this.")
    assert await one.read() == "Ours. And this. "
    await one.write("Together.")
    await other.until("Together.")
    await one.saved()


async def test_what_waits_is_sent_even_when_its_document_is_left(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await one.write("Before. ")
    await other.until("Before.")
    house.deployment.servers[0].kill()
    await one.write("Then I left.")
    await one.page.get_by_text("kept in this browser").wait_for()
    await one.page.evaluate("history.pushState(null, '', '/'); dispatchEvent(new PopStateEvent('popstate'))")
    await one.text.wait_for(state="detached")
    house.deployment.servers[0].start()
    await one.hurry()
    await other.hurry()
    await other.until("Before. Then I left.")
    await one.saved()


async def test_a_document_that_was_put_back_gets_again_what_two_people_wrote_in_turns(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await one.write("Kept by one. ")
    await other.until("Kept by one.")
    await other.write("Kept by the other. ")
    await one.until("Kept by the other.")
    await one.saved()
    await other.saved()
    document = one.page.url.rpartition("/")[2]
    room = f"document:{document}"
    head = house.value(f"SELECT head FROM rooms_room WHERE name = '{room}'")
    for desk, reader, words in ((one, other, "First. "), (other, one, "Second. "), (one, other, "Third. ")):
        await desk.write(words)
        await reader.until(words.strip())
        await desk.saved()
    house.execute(
        f"DELETE FROM collaboration_documentupdate WHERE document_id = '{document.replace('-', '')}' AND seq > {head}",
        f"DELETE FROM rooms_event WHERE seq > {head} AND room_id = (SELECT id FROM rooms_room WHERE name = '{room}')",
        f"UPDATE rooms_room SET head = {head} WHERE name = '{room}'",
    )
    house.deployment.manage("log_restored", "--room", room)
    whole = "Kept by one. Kept by the other. First. Second. Third. "

    async def back() -> bool:
        return house.rest("GET", f"documents/{document}/content/", house.owner)[1]["content"] == whole

    await eventually(back, timeout=20)
    await one.saved()
    await other.saved()
    assert await one.read() == await other.read() == whole


async def test_a_version_is_restored_for_everybody(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await one.write("First draft.")
    await one.saved()
    await one.page.get_by_label("Versions").click()
    await one.page.get_by_label("Name").fill("Draft")
    await one.page.get_by_role("button", name="Keep this moment").click()
    await one.page.get_by_role("link", name="Draft").wait_for()
    await other.write(" And more.")
    await one.page.reload()
    await one.page.get_by_role("link", name="Draft").click()
    await one.page.locator("ins", has_text="more").wait_for()
    await one.page.get_by_role("button", name="Restore this version").click()
    await one.until("First draft.")

    async def restored() -> bool:
        return await other.read() == "First draft."

    await eventually(restored, timeout=15)


async def test_who_wrote_what_is_shown(house: House, sit: Sit) -> None:
    one, other = await two_at_work(house, sit)
    await one.write("By one. ")
    await other.until("By one.")
    await other.write("By the other.")
    await one.until("By the other.")
    await one.page.get_by_label("Who wrote what").click()
    await one.page.locator(".author[title='Owner 0']").wait_for()
    await one.page.locator(".author[title='Participant 1']").wait_for()
