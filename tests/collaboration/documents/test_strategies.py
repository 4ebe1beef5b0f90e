"""Keyed values: whatever the order, all end up with the same, and nobody overwrites what they missed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collaboration.documents.strategies import (
    Changes,
    Field,
    conflicts,
    growth,
    last_of_each,
    weight,
    write,
)

KEYS = st.sampled_from("abc")
VALUES = st.sampled_from(['"x"', "1", "null", '"é😀"', "[1,2]"])
CHANGES = st.dictionaries(KEYS, VALUES, min_size=1)
# Who has seen how many of the latest events when writing: 0 means everything.
EDITS = st.lists(st.tuples(CHANGES, st.integers(0, 5)), max_size=30)


def rejecting(edits: list[tuple[Changes, int]]) -> tuple[dict[str, Field], list[tuple[Changes, int, int]]]:
    """Runs edits by the rule of `reject`; returns the fields and the accepted edits with base and number."""
    fields: dict[str, Field] = {}
    accepted: list[tuple[Changes, int, int]] = []
    for changes, behind in edits:
        head = len(accepted)
        base = max(0, head - behind)
        if not conflicts(fields, changes, base):
            write(fields, changes, head + 1)
            accepted.append((changes, base, head + 1))
    return fields, accepted


@given(EDITS)
def test_whoever_takes_the_accepted_edits_in_order_has_what_the_server_has(edits: list[tuple[Changes, int]]) -> None:
    fields, accepted = rejecting(edits)
    client: dict[str, str] = {}
    for changes, _, _ in accepted:
        client |= changes
    assert client == {key: field.value for key, field in fields.items()}


@given(EDITS)
def test_no_accepted_edit_overwrites_what_its_author_had_not_seen(edits: list[tuple[Changes, int]]) -> None:
    _, accepted = rejecting(edits)
    for changes, base, seq in accepted:
        unseen = {key for others, _, number in accepted if base < number < seq for key in others}
        assert not unseen & changes.keys()


@given(EDITS)
def test_an_edit_whose_author_has_seen_everything_is_never_refused(edits: list[tuple[Changes, int]]) -> None:
    _, accepted = rejecting([(changes, 0) for changes, _ in edits])
    assert len(accepted) == len(edits)


@given(st.lists(CHANGES, max_size=20))
def test_of_several_edits_the_last_of_each_key_is_in_the_result_with_its_number(edits: list[Changes]) -> None:
    fields: dict[str, Field] = {}
    for seq, changes in enumerate(edits, 1):
        write(fields, changes, seq)
    for key, field in fields.items():
        seq, value = max((n, changes[key]) for n, changes in enumerate(edits, 1) if key in changes)
        assert field == Field(value, seq)


@given(st.lists(CHANGES, max_size=20))
def test_what_edits_add_up_to_is_what_the_document_weighs(edits: list[Changes]) -> None:
    fields: dict[str, Field] = {}
    size = 0
    for seq, changes in enumerate(edits, 1):
        size += growth(fields, changes)
        write(fields, changes, seq)
    assert size == sum(weight(key, field.value) for key, field in fields.items())


def test_a_conflict_tells_what_is_there_now_and_nothing_else() -> None:
    fields = {"a": Field("1", 3), "b": Field("2", 7)}
    assert conflicts(fields, {"a": "9", "b": "9", "c": "9"}, 3) == {"b": Field("2", 7)}
    assert conflicts(fields, {"a": "9"}, 3) == {}


def test_of_several_changes_of_one_key_in_an_edit_the_last_counts() -> None:
    assert last_of_each([("a", "1"), ("b", "2"), ("a", "3")]) == {"a": "3", "b": "2"}
