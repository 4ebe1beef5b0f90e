"""The kinds of notifications there are, and the channels in which each goes out. Pure.

The apps above add theirs when they start, as they add their kinds of rooms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from notifications.topics import matches_kind

IN_APP, EMAIL = "in_app", "email"
CHANNELS = frozenset({IN_APP, EMAIL})


class Kind(msgspec.Struct, frozen=True):
    """What a kind is called in people's preferences, and where it goes out unless they say otherwise."""

    title: str
    channels: frozenset[str] = frozenset({IN_APP})
    must_act: bool = False


known: dict[str, Kind] = {}


def channels_of(kind: str, wanted: Mapping[str, Iterable[str]], *, must_act: bool) -> frozenset[str]:
    """Where a notification goes out: the longest pattern of the user's that matches the kind says it.

    What one must act on is shown in any case.
    """
    patterns = [pattern for pattern in wanted if matches_kind(pattern, kind)]
    if patterns:
        channels = frozenset(wanted[max(patterns, key=lambda pattern: len(pattern.rstrip("*")))]) & CHANNELS
    else:
        channels = known.get(kind, Kind(kind)).channels
    return channels | {IN_APP} if must_act else channels
