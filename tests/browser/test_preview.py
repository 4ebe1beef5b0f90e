"""The preview follows the text, and makes anew only what changed in it."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Sit
from tests.browser.people import Desk
from tests.browser.teams import House

pytestmark = pytest.mark.live

MARK = "blocks => blocks.forEach((block, number) => { block.mark = number })"
MARKS = "blocks => blocks.map(block => block.mark ?? null)"
WHOLE = "article => [...article.children].map(block => block.innerHTML)"


async def at_work(house: House, sit: Sit, words: str) -> Desk:
    """Somebody in a document with this text, who sees its preview beside it."""
    desk = await sit("owner0", f"/sessions/{house.session(conflict_resolution='merge')}")
    await desk.start("Context and goals")
    # As if pasted: typing would continue lists by itself.
    await desk.text.click()
    await desk.page.keyboard.insert_text(words)
    return desk


async def test_who_only_reads_sees_what_others_write(house: House, sit: Sit) -> None:
    writer = await at_work(house, sit, "# Goals")
    reader = await sit("participant1", writer.page.url.removeprefix(house.url))
    await reader.page.get_by_label("Preview", exact=True).first.click()
    await reader.page.locator(".preview h1", has_text="Goals").wait_for()
    await writer.write(" of the ledger")
    await reader.page.locator(".preview h1", has_text="Goals of the ledger").wait_for()


@pytest.mark.parametrize(
    ("keys", "marks"),
    [
        (["Control+End", "!"], [0, 1, None]),
        (["Control+Home", "End", "!"], [None, 1, 2]),
        (["Control+Home", "Shift+ArrowDown", "Shift+ArrowDown", "Delete"], [1, 2]),
        (["Control+Home", "x", "Enter", "Enter"], [None, 0, 1, 2]),
        (["Control+a", "Delete"], []),
    ],
    ids=["the end", "the beginning", "less", "more", "nothing"],
)
async def test_an_edit_leaves_the_other_blocks_alone(house: House, sit: Sit, keys: list[str], marks: list[int]) -> None:
    desk = await at_work(house, sit, "One.\n\nTwo.\n\nThree.")
    blocks, preview = desk.page.locator(".preview > div"), desk.page.locator(".preview")
    await blocks.nth(2).wait_for()
    await blocks.evaluate_all(MARK)
    before = await preview.evaluate(WHOLE)
    await desk.text.click()
    for key in keys:
        await desk.page.keyboard.press(key)
    await desk.page.wait_for_function(
        f"before => ({WHOLE})(document.querySelector('.preview')).join() !== before", arg=",".join(before)
    )
    assert await blocks.evaluate_all(MARKS) == marks
    shown = await preview.evaluate(WHOLE)
    await desk.page.emulate_media(color_scheme="dark")  # all of it is made anew
    await desk.page.locator("html[data-theme=dark]").wait_for()
    assert await preview.evaluate(WHOLE) == shown


async def test_a_diagram_is_a_picture_and_stays_while_others_change(house: House, sit: Sit) -> None:
    desk = await at_work(house, sit, "```mermaid\ngraph LR; Shop-->Ledger\n```\n\n```mermaid\nnothing\n```\n\nText.")
    picture = desk.page.locator(".preview img.diagram")
    await picture.wait_for()
    await desk.page.get_by_text("This diagram cannot be drawn").wait_for()
    await picture.evaluate_all(MARK)
    await desk.write(" More.")
    await desk.page.locator(".preview p", has_text="Text. More.").wait_for()
    assert await picture.evaluate_all(MARKS) == [0]


async def test_characters_with_a_name_are_those_of_markdown(house: House, sit: Sit) -> None:
    words = "&copy; &semi; &NotEqualTilde; &notit; &nope; &lt;b&gt; &#x41;&#0;"
    desk = await at_work(house, sit, words)
    shown = desk.page.locator(".preview p")
    await shown.wait_for()
    assert await shown.text_content() == "© ; ≂̸ &notit; &nope; <b> A\ufffd"
