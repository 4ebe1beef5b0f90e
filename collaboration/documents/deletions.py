"""What of a text is deleted, as ranges of clocks. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

Range = tuple[int, int]  # from clock, to clock (exclusive)


class Deletions:
    """Ranges of clocks per client, in order and apart from each other; 8 bytes for each."""

    __slots__ = ("_ranges", "count")

    def __init__(self) -> None:
        self._ranges: dict[int, tuple[array[int], array[int]]] = {}
        self.count = 0

    def add(self, client: int, start: int, end: int) -> None:
        """Adds one range, and joins it to those that it touches."""
        starts, ends = self._ranges.setdefault(client, (array("I"), array("I")))
        first = bisect_left(ends, start)
        last = bisect_right(starts, end)
        if first < last:
            start, end = min(start, starts[first]), max(end, ends[last - 1])
        starts[first:last] = array("I", (start,))
        ends[first:last] = array("I", (end,))
        self.count += 1 - (last - first)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Every client, start and end."""
        for client, (starts, ends) in self._ranges.items():
            for start, end in zip(starts, ends, strict=True):
                yield client, start, end

    def gaps(self, client: int, start: int, end: int) -> Iterator[Range]:
        """What of a range is not deleted."""
        starts, ends = self._ranges.get(client, _NONE)
        at = bisect_right(ends, start)
        while start < end:
            begin = starts[at] if at < len(starts) else end
            if start < begin:
                yield start, min(begin, end)
            start = ends[at] if at < len(ends) else end
            at += 1


_NONE = array("I"), array("I")
