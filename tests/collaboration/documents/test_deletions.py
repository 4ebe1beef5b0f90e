"""What is deleted: ranges that join, and what a range lacks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collaboration.documents.deletions import Deletions

RANGES = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 40), st.integers(1, 12)), max_size=30)


def runs(clocks: set[int]) -> list[tuple[int, int]]:
    starts = [clock for clock in sorted(clocks) if clock - 1 not in clocks]
    ends = [clock + 1 for clock in sorted(clocks) if clock + 1 not in clocks]
    return list(zip(starts, ends, strict=True))


@given(RANGES, st.integers(0, 50), st.integers(0, 15))
def test_ranges_are_what_single_clocks_would_be(added: list[tuple[int, int, int]], start: int, length: int) -> None:
    deletions, clocks = Deletions(), {1: set[int](), 2: set[int]()}
    for client, first, count in added:
        deletions.add(client, first, first + count)
        clocks[client] |= set(range(first, first + count))
    assert deletions.count == sum(len(runs(of)) for of in clocks.values())
    for client, deleted in clocks.items():
        assert list(deletions.gaps(client, start, start + length)) == runs({*range(start, start + length)} - deleted)


def test_of_a_client_that_deleted_nothing_everything_is_there() -> None:
    assert list(Deletions().gaps(7, 3, 5)) == [(3, 5)]
