"""The sign-off sheet of a request, as Markdown and as a page to print; what people wrote stays text in both. Pure."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from html import escape
from itertools import pairwise

import msgspec

STYLE = """
:root { color-scheme: light; }
body { font: 11pt/1.45 system-ui, sans-serif; color: #111; background: #fff; max-width: 52rem; margin: 2rem auto; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; border-bottom: 1px solid #999; }
h1, h2, dd, li, p, blockquote, td:nth-child(6) { overflow-wrap: anywhere; }
p.outcome { font-size: 1.1rem; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.25rem; margin: 1rem 0; }
dt { color: #555; }
dd { margin: 0; }
table { border-collapse: collapse; width: 100%; font-size: .92em; }
th, td { border: 1px solid #999; padding: .3rem .5rem; text-align: left; vertical-align: top; }
td { overflow-wrap: break-word; max-width: 11rem; }
td:nth-child(6) { font-family: ui-monospace, monospace; font-size: .85em; }
blockquote { white-space: pre-wrap; border-left: 3px solid #999; margin: .25rem 0 1rem; padding-left: .75rem; }
tr, blockquote, li { break-inside: avoid; }
h2 { break-after: avoid; }
@page { margin: 18mm; }
@media print { body { max-width: none; margin: 0; } }
"""
# The page allows its own style by hash, and nothing else at all: saved or mailed, it still is what it was.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_JOINERS = {"\u200c", "\u200d"}  # invisible, but part of how words and emoji are written
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&:@$^=])")


class Said(msgspec.Struct, frozen=True):
    """A comment, or what was said with a vote: who, in what capacity and when, and the words."""

    heading: str
    body: str


class Sheet(msgspec.Struct, frozen=True):
    """All that stands on a sheet, in order; what has no value in `facts` is left out."""

    title: str
    outcome: str
    facts: Sequence[tuple[str, str | None]]
    description: str
    policy: Sequence[str]
    votes: Sequence[Sequence[str]]
    said: Sequence[Said]
    made: str


HEADERS = ("Stage", "Approver", "Decision", "When", "By which door", "Content (SHA-256)", "Counts")


def markdown(sheet: Sheet) -> str:
    """The sheet as CommonMark with tables."""
    lines = [f"# Sign-off sheet: {_md(sheet.title)}", "", f"**{_md(sheet.outcome)}**", ""]
    lines += [f"- {name}: {_md(value)}" for name, value in sheet.facts if value]
    if sheet.description:
        lines += ["", "## Description", "", *_quoted(sheet.description)]
    lines += ["", "## Policy", "", *(f"- {_md(rule)}" for rule in sheet.policy), "", "## Decisions", ""]
    if sheet.votes:
        lines += [_row(HEADERS), _row(["---"] * len(HEADERS)), *(_row(map(_md, vote)) for vote in sheet.votes)]
    else:
        lines += ["Nobody has decided."]
    if sheet.said:
        lines += ["", "## What was said"]
        for said in sheet.said:
            lines += ["", f"{_md(said.heading)}:", "", *_quoted(said.body)]
    return "\n".join([*lines, "", "---", "", _md(sheet.made), ""])


def html(sheet: Sheet) -> str:
    """The sheet as a page by itself."""
    facts = (f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in sheet.facts if value)
    parts = [
        f"<h1>Sign-off sheet: {_text(sheet.title)}</h1>",
        f'<p class="outcome">{_text(sheet.outcome)}</p>',
        f"<dl>{''.join(facts)}</dl>",
    ]
    if sheet.description:
        parts += ["<h2>Description</h2>", f"<blockquote>{_text(sheet.description, lines=True)}</blockquote>"]
    parts += ["<h2>Policy</h2>", f"<ul>{''.join(f'<li>{_text(rule)}</li>' for rule in sheet.policy)}</ul>"]
    parts.append("<h2>Decisions</h2>")
    if sheet.votes:
        rows = "".join(_cells("td", vote, _text) for vote in sheet.votes)
        parts.append(f"<table><thead>{_cells('th', HEADERS, str)}</thead><tbody>{rows}</tbody></table>")
    else:
        parts.append("<p>Nobody has decided.</p>")
    if sheet.said:
        parts.append("<h2>What was said</h2>")
        parts += [
            f"<p>{_text(said.heading)}:</p><blockquote>{_text(said.body, lines=True)}</blockquote>"
            for said in sheet.said
        ]
    head = f'<meta charset="utf-8"><title>{_text(sheet.title)}: sign-off sheet</title><style>{STYLE}</style>'
    body = "\n".join([*parts, f"<hr><p>{_text(sheet.made)}</p>"])
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _cells(tag: str, cells: Sequence[str], shown: Callable[[str], str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{shown(cell)}</{tag}>' for cell in cells)}</tr>"


def _text(text: str, *, lines: bool = False) -> str:
    return escape(visible(text) if lines else one_line(text))


def _row(cells: Sequence[str] | map[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _md(text: str) -> str:
    """A text on one line in which nothing means anything to Markdown."""
    return _SPECIAL.sub(r"\\\1", one_line(text))


def _quoted(text: str) -> list[str]:
    """A text of several lines as a quotation that keeps its lines."""
    lines = [_md(line) for line in visible(text).split("\n")]
    broken = (f"> {line}\\" if line and after else f"> {line}" for line, after in pairwise([*lines, ""]))
    return [line.rstrip() for line in broken]


def one_line(text: str) -> str:
    """A text without anything that breaks its line."""
    return " ".join(visible(text).split())


def visible(text: str) -> str:
    """A text with only what can be seen: nothing that turns it around, or hides in it."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c if c in "\n\t" or c in _JOINERS or _seen(c) else " " for c in text)


def _seen(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
