"""Which notifications a subscription, or a preference, is about. Pure."""

from __future__ import annotations

import re

_WORD = r"[a-z_]+"
PATTERN = re.compile(rf"\*|{_WORD}(\.{_WORD})*(\.\*)?")


def matches_kind(pattern: str, kind: str) -> bool:
    """Whether a pattern is about a kind: `*` about all, `a.b` about that one, `a.*` about what begins with `a.`."""
    if pattern.endswith("*"):
        return kind.startswith(pattern[:-1])
    return pattern == kind
