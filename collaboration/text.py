"""Names as people may show them to each other: nothing invisible, nothing that turns text around. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from bduf_realtime.gateway.errors import RealtimeError

MAX_NAME = 200
MAX_TAG = 50
MAX_TAGS = 20
# Invisible, but part of how words and emoji are written.
_JOINERS = {"\u200c", "\u200d"}
_MARKS_IN_A_ROW = 4


def plain_name(text: str, field: str, limit: int = MAX_NAME) -> str:
    """Returns a name on one line without control, formatting and piled-up combining characters.

    Raises msg.bad_value when it is longer than `limit` characters, or when nothing is left of it.
    """
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif (category not in ("Cf", "Cs", "Co") or character in _JOINERS) and marks <= _MARKS_IN_A_ROW:
            kept.append(character)
    name = unicodedata.normalize("NFC", " ".join("".join(kept).split()))
    if len(name) > limit:
        raise RealtimeError("msg.bad_value", f"{field} has up to {limit} characters.", details={"field": field})
    if text and not name:
        raise RealtimeError("msg.bad_value", f"{field} has nothing in it to see.", details={"field": field})
    return name


def plain_tags(tags: Sequence[str]) -> list[str]:
    """Returns tags without repetitions, in the order given; raises msg.bad_value for too many, or one that is wrong."""
    if len(tags) > MAX_TAGS:
        raise RealtimeError("msg.bad_value", f"There may be {MAX_TAGS} tags.", details={"field": "tags"})
    return list(dict.fromkeys(plain_name(tag, "tags", MAX_TAG) for tag in tags if tag))
