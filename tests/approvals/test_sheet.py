"""Sign-off sheets: whatever people are called and write, it stays text on a sheet that is always the same."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from approvals.sheet import HEADERS, POLICY, Said, Sheet, html, markdown, one_line, visible

HOSTILE = [
    "<script>alert(1)</script>",
    "</td></tr></table><h1>Approved</h1>",
    '" onmouseover="alert(1)',
    "| approve | **Ann** |\n| --- | --- |",
    "# Approved\n\n- by the owner",
    "[here](javascript:alert(1)) ![x](https://tracker.example/x.png)",
    "<https://tracker.example> &lt;b&gt; &amp; &#60;",
    "```\n> a\n    code\n1. one\n1) two\n===\n---\n***",
    "\\* \\\\ `` ` ``",
    "Ann\u202eevorppa\u2066 \u0000\u0007\ud800",
    "a\r\nb\rc\u2028d\n\n\n    e  \n\tf",
    "$x^2$ ~~no~~ ==no== ^a^ ~b~ :smile: @ann www.x.example",
]


def sheet(text: str = "Plan", **fields: Any) -> Sheet:
    """A sheet on which everything is that text."""
    facts = [("Requested by", text), ("Session", None)]
    said = {"facts": facts, "policy": [text], "votes": [[text] * len(HEADERS)], "said": [Said(text, text)]}
    return Sheet(**{"title": text, "outcome": text, "description": text, "made": text, **said, **fields})


class Tags(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def shape(text: str) -> list[tuple[str, str]]:
    """What a Markdown text is made of; the words of people are text, softly or hard broken."""
    reader = MarkdownIt("commonmark", {"linkify": False}).enable(["table", "strikethrough"])
    found: list[tuple[str, str]] = []
    for token in reader.parse(text):
        found.append((token.type, token.tag))
        found += {(child.type, child.tag) for child in token.children or [] if child.type not in ("text", "hardbreak")}
    return found


EXPECTED = shape(markdown(sheet()))
texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \n\r|\\`*_[]()<>#-+=!~&:.123"), min_size=1)


def without_paragraphs(tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [token for token in tokens if "paragraph" not in token[0] and token != ("inline", "")]


@given(texts.filter(lambda text: one_line(text)))
@example(HOSTILE[4])
@example(HOSTILE[7])
def test_markdown_is_made_of_the_same_whatever_people_write(text: str) -> None:
    found = shape(markdown(sheet(text)))
    # A text of several paragraphs is several in its quotation, and that is all.
    assert without_paragraphs(found) == without_paragraphs(EXPECTED)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_words_are_shown_as_they_are_written(text: str) -> None:
    written = markdown(sheet(text))
    assert without_paragraphs(shape(written)) == without_paragraphs(EXPECTED)
    shown = Tags(MarkdownIt("commonmark").enable(["table"]).render(written)).text
    assert one_line(text) in shown
    page = Tags(html(sheet(text)))
    assert page.tags == Tags(html(sheet())).tags
    assert set(page.attributes) == {("lang", "en"), ("charset", "utf-8"), ("class", "outcome")}
    assert page.text.count(one_line(text)) >= 5 + len(HEADERS)
    assert visible(text) in page.text


@given(texts)
def test_a_page_has_the_same_tags_whatever_people_write(text: str) -> None:
    assert Tags(html(sheet(text))).tags == Tags(html(sheet())).tags


def test_nothing_that_turns_text_around_or_hides_comes_onto_a_sheet() -> None:
    for shown in (markdown(sheet(HOSTILE[9])), html(sheet(HOSTILE[9]))):
        assert not {"\u202e", "\u2066", "\0", "\a", "\ud800"} & set(shown)
        shown.encode()


def test_what_was_said_keeps_its_lines() -> None:
    written = markdown(sheet("Plan", said=[Said("Ann", "One\ntwo\n\nthree")]))
    assert "> One\\\n> two\n>\n> three\n" in written
    assert "<blockquote>One\ntwo\n\nthree</blockquote>" in html(
        sheet("Plan", said=[Said("Ann", "One\r\ntwo\n\nthree")])
    )


def test_what_is_not_there_is_left_out() -> None:
    bare = sheet("Plan", description="", votes=[], said=[])
    for shown in (markdown(bare), html(bare)):
        assert "Nobody has decided." in shown
        for absent in ("Session", "Description", "What was said", "Stage"):
            assert absent not in shown


def test_the_policy_of_the_page_allows_its_style_and_nothing_else() -> None:
    page = html(sheet())
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert POLICY.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "style=" not in page
    assert "@media print" in style


def test_a_sheet_is_read_from_top_to_bottom() -> None:
    written = markdown(msgspec.structs.replace(sheet(), title="Plan A", outcome="Approved by Ann."))
    assert written.startswith("# Sign\\-off sheet: Plan A\n".replace("\\-", "-"))
    assert "**Approved by Ann\\.**" in written
