from datetime import UTC, datetime
from typing import Any

import pytest

from bduf_realtime.audit.chain import GENESIS, derive_key, entry_hash
from bduf_realtime.audit.examination import Head, Row, common, examine, merged, without
from tests.audit.conftest import told

KEY = derive_key("a secret")
OLD_KEY = derive_key("an older secret")


def row(seq: int, previous: str, *, chain: str = "server", key: Any = KEY, **columns: Any) -> Row:
    made = Row(
        seq=seq,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        actor_id="1",
        actor_name="Ada",
        actor_kind="human",
        acts_for="",
        door="socket",
        action="a:b",
        target="",
        details={},
        previous_hash=previous,
        hash="",
    )._replace(**columns)
    content = {**made._asdict(), "chain": chain}
    content.pop("hash")
    content.pop("previous_hash")
    return made._replace(hash=entry_hash(key, previous, content))


def rows_of(length: int, **columns: Any) -> list[Row]:
    rows: list[Row] = []
    for seq in range(1, length + 1):
        rows.append(row(seq, rows[-1].hash if rows else GENESIS, **columns))
    return rows


def renumbered(rows: list[Row]) -> list[Row]:
    return [row._replace(seq=seq) for seq, row in enumerate(rows, 1)]


def examined(rows: list[Row], head: Row | None = None, sealed: bool = True) -> list[tuple[str, int, int]]:
    head = head or rows[-1]
    last = max(row.seq for row in rows) if rows else 0
    return told(examine(Head("server", head.seq, head.hash, sealed), rows, [KEY, OLD_KEY], last))


def test_an_untouched_chain_has_nothing_to_tell() -> None:
    assert examined(rows_of(50)) == []
    assert examine(Head("server", 0, GENESIS, True), [], [KEY], 0) == []


def test_entries_made_under_an_older_secret_still_count() -> None:
    old = rows_of(5, key=OLD_KEY)
    assert examined([*old, row(6, old[-1].hash)]) == []


def test_entries_of_another_chain_count_for_nothing() -> None:
    assert examined(rows_of(3, chain="elsewhere")) == [("edited", 1, 3)]


@pytest.mark.parametrize("seq", [1, 2, 25, 49, 50])
def test_a_row_removed_and_the_rest_renumbered_is_a_deletion(seq: int) -> None:
    rows = rows_of(50)
    kept = renumbered([row for row in rows if row.seq != seq])
    if seq == 50:
        assert examined(kept, rows[-1]) == [("cut tail", 50, 50)]
    else:
        assert examined(kept, rows[-1]) == [("deleted", seq, seq), ("reordered", seq, 49)]


@pytest.mark.parametrize("count", [2, 8, 9, 30])
def test_many_rows_removed_and_the_rest_renumbered_are_a_deletion(count: int) -> None:
    rows = rows_of(50)
    kept = renumbered([row for row in rows if not 10 <= row.seq < 10 + count])
    assert examined(kept, rows[-1]) == [("deleted", 10, 9 + count), ("reordered", 10, 50 - count)]


@pytest.mark.parametrize("seq", [1, 2, 25, 49, 50])
@pytest.mark.parametrize("count", [1, 5])
def test_rows_put_in_and_the_rest_renumbered_are_an_insertion(seq: int, count: int) -> None:
    rows = rows_of(50)
    alien = [row(seq, GENESIS, key=derive_key("guess"), target=str(number)) for number in range(count)]
    found = examined(renumbered([*rows[: seq - 1], *alien, *rows[seq - 1 :]]), rows[-1])
    assert found == [("inserted", seq, seq + count - 1), ("reordered", seq + count, 50 + count)]


def test_a_second_row_with_one_seq_is_an_insertion() -> None:
    rows = rows_of(20)
    alien = row(7, GENESIS, key=derive_key("guess"))
    assert examined([*rows[:6], alien, *rows[6:]]) == [("inserted", 7, 7)]
    assert examined([*rows[:7], alien, *rows[7:]]) == [("inserted", 7, 7)]


@pytest.mark.parametrize(("first", "second"), [(3, 4), (1, 2), (19, 20), (1, 20), (5, 15)])
def test_two_swapped_rows_are_both_named(first: int, second: int) -> None:
    rows = rows_of(20)
    rows[first - 1], rows[second - 1] = rows[second - 1], rows[first - 1]
    found = examined(renumbered(rows), rows_of(20)[-1])
    assert found == [("reordered", first, first), ("reordered", second, second)]


def test_rows_turned_round_are_all_named() -> None:
    rows = rows_of(30)
    found = examined(renumbered([*rows[:10], *reversed(rows[10:20]), *rows[20:]]), rows[-1])
    assert {kind for kind, _, _ in found} == {"reordered"}
    assert [seq for _, first, last in found for seq in range(first, last + 1)] == list(range(11, 21))


def test_a_row_moved_out_of_reach_is_named_with_the_seq_it_had() -> None:
    rows = rows_of(20)
    moved = rows.pop(6)._replace(seq=10_000)
    findings = examine(Head("server", 20, rows[-1].hash, True), [*rows, moved], [KEY], 10_000)
    assert told(findings) == [("reordered", 10_000, 10_000)]
    assert findings[0].detail == "recorded as 7"


def test_a_gap_left_by_the_cut_tail_of_a_chain_that_grew_on_is_a_deletion() -> None:
    rows = rows_of(20)
    assert examined(rows[:10] + rows[15:]) == [("deleted", 11, 15)]


def test_an_older_head_is_forged_though_its_seal_holds() -> None:
    rows = rows_of(20)
    assert examined(rows, rows[9]) == [("forged head", 10, 10)]


def test_rows_of_another_copy_of_the_trail_are_noticed_where_they_meet() -> None:
    rows, others = rows_of(20), rows_of(20, target="other")
    assert examined([*rows[:10], *others[10:]]) == [("inserted", 11, 11)]
    assert examined(others, rows[-1]) == [("forged head", 20, 20)]


def test_a_long_edited_stretch_is_one_finding() -> None:
    rows = [row._replace(target="x") if 100 <= row.seq < 900 else row for row in rows_of(1000)]
    assert examined(rows) == [("edited", 100, 899)]


def test_a_chain_without_rows_was_cut_from_the_first() -> None:
    assert examined([], rows_of(5)[-1]) == [("cut tail", 1, 5)]


def test_a_seq_that_is_no_number_is_noticed() -> None:
    rows = rows_of(5)
    assert examined(
        [
            *rows[:2],
            *rows[3:],
        ]
    ) == [("deleted", 3, 3)]
    found = examine(Head("server", 5, rows[-1].hash, True), [*rows[:2], *rows[3:], rows[2]._replace(seq="x")], [KEY], 5)
    assert told(found) == [("reordered", 6, 6)]


def test_spans_are_taken_apart_exactly() -> None:
    assert merged([(5, 6), (1, 2), (3, 3), (9, 8)]) == [(1, 3), (5, 6)]
    assert without([(1, 10), (20, 30)], [(1, 1), (4, 5), (10, 22)]) == [(2, 3), (6, 9), (23, 30)]
    assert without([(1, 3)], []) == [(1, 3)]
    assert without([(1, 3), (5, 6)], [(0, 9)]) == []
    assert common([(1, 10)], [(0, 2), (5, 20)]) == [(1, 2), (5, 10)]
