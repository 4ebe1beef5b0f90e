"""Cursors as Yjs clients say and see them: nothing passes but a place in the text, and identity is the server's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collaboration.documents.awareness import COLORS, GONE, Place, client_of, color_of, read_place, state_of

ADA = "8c5a2f10-0000-4000-8000-000000000007"
DOCUMENT = "5b0f2c1e-0000-4000-8000-000000000001"
HERE = {"type": None, "tname": "content", "item": None, "assoc": 0}
THERE = {"item": {"client": 7, "clock": 3}, "assoc": -1}
LIMIT = 1_024


def entry(**changes: Any) -> str:
    cursor = {
        "user": ADA,
        "name": "Ada",
        "kind": "human",
        "connection": "c1",
        "document": DOCUMENT,
        "position": HERE,
        "selection": None,
        "status": None,
        "at": "2026-11-25T12:00:00.000Z",
    }
    return json.dumps(cursor | changes)


def shown(**changes: Any) -> Any:
    return json.loads(state_of(entry(**changes), DOCUMENT))


# --- what a client says ------------------------------------------------------------------------------------------


def test_a_cursor_between_two_places_is_read() -> None:
    state = {"cursor": {"anchor": HERE, "head": THERE}}
    assert read_place(json.dumps(state), LIMIT) == Place(THERE, {"anchor": HERE, "head": THERE})


@pytest.mark.parametrize(
    "cursor",
    [
        None,
        3,
        {},
        {"anchor": HERE},
        {"anchor": {}, "head": {}},
        {"anchor": HERE, "head": HERE | {"script": "x"}},
        {"anchor": HERE, "head": HERE | {"tname": "elsewhere"}},
        {"anchor": HERE, "head": HERE | {"assoc": "0"}},
        {"anchor": HERE, "head": HERE | {"assoc": 2**40}},
        {"anchor": HERE, "head": {"item": {"client": 7}}},
        {"anchor": HERE, "head": {"item": {"client": -1, "clock": 0}}},
        {"anchor": HERE, "head": {"item": {"client": 7, "clock": 2**31}}},
        {"anchor": HERE, "head": {"item": {"client": 7.5, "clock": 1}}},
        {"anchor": HERE, "head": {"item": [7, 1]}},
    ],
)
def test_what_is_no_place_in_the_text_is_no_cursor(cursor: Any) -> None:
    assert read_place(json.dumps({"cursor": cursor, "user": {"name": "Eve"}}), LIMIT) == Place({}, None)


def test_a_cursor_over_the_limit_is_none() -> None:
    state = json.dumps({"cursor": {"anchor": THERE, "head": THERE}})
    assert read_place(state, 40) == Place({}, None)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["anchor", "head", "item", "client", "tname"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["cursor", "user", "x"]), json_values))
def test_any_object_is_read_without_an_error(state: dict[str, Any]) -> None:
    read_place(json.dumps(state), LIMIT)


# --- what others see ---------------------------------------------------------------------------------------------


def test_others_see_who_it_is_and_where() -> None:
    state = shown(selection={"anchor": HERE, "head": THERE})
    assert state["cursor"] == {"anchor": HERE, "head": THERE}
    assert state["user"] == {
        "id": ADA,
        "name": "Ada",
        "kind": "human",
        "color": color_of(ADA),
        "colorLight": f"{color_of(ADA)}33",
    }


def test_a_position_alone_is_a_cursor_without_a_selection() -> None:
    assert shown(position=THERE)["cursor"] == {"anchor": THERE, "head": THERE}


def test_who_has_no_place_in_the_text_is_there_without_a_cursor() -> None:
    assert shown(position={})["cursor"] is None
    assert shown(position={"line": 3, "column": 7})["cursor"] is None


def test_who_is_gone_or_in_another_document_is_not_there() -> None:
    assert state_of(entry(position=None), DOCUMENT) == GONE
    assert state_of(entry(document="another"), DOCUMENT) == GONE
    assert state_of(entry(document=None), DOCUMENT) == GONE


def test_a_user_has_one_colour_and_a_connection_one_number_everywhere() -> None:
    assert color_of(ADA) == COLORS[0x8C5A2F10 % len(COLORS)]
    assert client_of("c1") == client_of("c1") != client_of("c2")
    assert 0 <= client_of("c1") < 2**32
