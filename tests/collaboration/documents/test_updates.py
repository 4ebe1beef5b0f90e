"""Updates, walked from the first byte to the last."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collaboration.documents.contents import ANY, GC, SKIP, STRING
from collaboration.documents.limits import MAX_CLOCK, UPDATE_LIMITS, UpdateLimits, UpdateRefused
from collaboration.documents.updates import read_update
from tests.collaboration.documents.handwritten import CONVERSATION, YJS_BYTES, number, seconds, struct, text, update

GAP = bytes((SKIP, 1))


def refused(data: bytes, limits: UpdateLimits = UPDATE_LIMITS) -> str:
    with pytest.raises(UpdateRefused) as refusal:
        read_update(data, limits)
    return refusal.value.reason


def test_an_outline_tells_who_adds_what_and_beside_what() -> None:
    outline = read_update(CONVERSATION[5])
    (client, structs), *others = outline.clients.items()
    assert (client, structs.clock, structs.end, structs.starts, others) == (2**32 - 1, 6, 9, [6, 7, 8], [])
    assert structs.links == [(6, 1, 7, 7), (6, 1, 8, 7), (7, 1, 8, 7), (8, 1, 8, 7)]
    assert outline.deletes == {1: [(7, 8)]}
    assert (outline.structs, outline.jumps, structs.jumps) == (3, 1, [6])


def test_an_outline_tells_which_roots_hold_what() -> None:
    assert read_update(YJS_BYTES["string"]).roots == {"content": 1 << STRING}
    assert read_update(YJS_BYTES["any"]).roots == {"list": 1 << ANY}
    assert (read_update(YJS_BYTES["map"]).keyed, read_update(YJS_BYTES["any"]).keyed) == (True, False)
    assert (read_update(YJS_BYTES["nested"]).nested, read_update(YJS_BYTES["map"]).nested) == (True, False)


def test_the_length_of_a_text_is_counted_in_utf_16_units() -> None:
    structs = read_update(update((7, 10, [text("a😀é👩\u200d💻")]))).clients[7]
    assert (structs.end, structs.pairs) == (10 + 9, [12, 15, 18])


def test_a_gap_is_needed_from_the_document() -> None:
    structs = read_update(YJS_BYTES["skip"]).clients[7]
    assert (structs.end, structs.links) == (3, [(1, 7, 2, 0)])
    assert read_update(update((7, 0, [text("a"), GAP]))).clients[7].end == 1


def test_an_update_without_anything_is_read() -> None:
    assert (read_update(b"\0\0").clients, read_update(b"\0\0").deletes) == ({}, {})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\0\0",
        b"\xff" * 65_536,
        b"\xff" * 1_048_576,
        number(2**29) + b"\0",
        number(900) + b"\0" * 20,
        update((7, 0, [])),
        b"\x01" + number(2**31) + b"\x07\x00\x04",
        update((7, 0, [text("a")]), (7, 1, [text("b")])),
        update((2**53, 0, [text("a")])),
        update((7, 0, [bytes((0x80 | GC, 7, 0, 1))])),
        update((7, 0, [bytes((0x80 | SKIP, 7, 0, 1))])),
        update((7, 0, [struct(11, b"\x01")])),
        update((7, 0, [struct(0x10 | STRING, b"\x01a")])),
        update((7, 0, [struct(0x1F, b"\x01a")])),
        update((7, 0, [bytes((GC, 0))])),
        update((7, 0, [bytes((STRING, 2, 0, 0)) + b"\x01a"])),
        update((7, 0, [b"\x04\x01\x01\xff\x01a"])),
        update(deletes={7: []}),
        update(deletes={7: [(0, 0)]}),
        update(deletes={7: [(3, 1), (0, 1)]}),
        update(deletes={7: [(0, 2), (1, 1)]}),
        b"\0\x02" + b"\x07\x01\x00\x01" * 2,
        b"\0" + number(2**29),
        b"\0\x01\x07" + number(2**29) + b"\0\x01",
    ],
    ids=lambda data: f"{data[:8].hex()}-{len(data)}",
)
def test_bytes_that_are_no_update_are_refused(data: bytes) -> None:
    assert refused(data) == "encoding"


@pytest.mark.parametrize(
    "data",
    [
        update((7, MAX_CLOCK, [text("a")])),
        update((7, MAX_CLOCK - 1, [text("a")])),
        update((7, 0, [bytes((GC,)) + number(2**32 - 2)])),
        update((7, 0, [bytes((SKIP,)) + number(2**31), text("a")])),
        update((7, 0, [b"\x0a\x00", text("a")])),
        update((7, 0, [text("a", origin=(8, MAX_CLOCK - 1))])),
        update((7, 0, [text("a", right=(8, 2**32))])),
        update((7, 0, [struct(STRING, b"\x01a", parent=(8, 2**32))])),
        update(deletes={7: [(0, 2**31)]}),
        update(deletes={7: [(5, 2**32 - 1)]}),
    ],
    ids=lambda data: data.hex()[:24],
)
def test_a_clock_that_the_engine_could_not_count_is_refused(data: bytes) -> None:
    assert refused(data) == "clock"


def test_clocks_and_clients_may_be_as_large_as_they_may_be() -> None:
    outline = read_update(
        update((2**53 - 1, MAX_CLOCK - 2, [text("a", origin=(8, MAX_CLOCK - 2))]), deletes={7: [(0, 2**31 - 1)]})
    )
    assert outline.clients[2**53 - 1].end == MAX_CLOCK - 1


@pytest.mark.parametrize("beside", [(7, 3), (7, 4), (7, 900)])
def test_a_struct_beside_itself_or_its_future_is_refused(beside: tuple[int, int]) -> None:
    for struct_ in (text("a", origin=beside), text("a", right=beside), struct(STRING, b"\x01a", parent=beside)):
        assert refused(update((7, 3, [struct_]))) == "missing_deps"


def test_every_limit_holds_and_only_one_past_it_is_refused() -> None:
    letters = [text("a")] + [text("a", origin=(7, nth)) for nth in range(9)]
    anew = [text("a")] * 5
    for field, most, within, past in (
        ("size", len(update((7, 0, letters))), update((7, 0, letters)), update((7, 0, [*letters, GAP]))),
        ("structs", 10, update((7, 0, letters)), update((7, 0, [*letters, GAP]))),
        ("jumps", 5, update((7, 0, anew)), update((7, 0, anew), (8, 0, [text("b")]))),
        ("clients", 2, update((7, 0, anew), (8, 0, anew)), update((7, 0, anew), (8, 0, anew), (9, 0, anew))),
        ("delete_ranges", 2, update(deletes={7: [(0, 1), (2, 1)]}), update(deletes={7: [(0, 1), (2, 1)], 8: [(0, 1)]})),
        ("name", 7, update((7, 0, [text("a")])), update((7, 0, [struct(STRING, b"\x01a", parent="contents")]))),
    ):
        limits = replace(UPDATE_LIMITS, **{field: most})
        read_update(within, limits)
        assert refused(past, limits) == "size", field


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            update((7, 0, [struct(ANY, b"\x01" + b"\x75\x01" * 26_000 + b"\x7e")])), id="52 KB of nested arrays"
        ),
        pytest.param(b"\xff" * 65_536, id="64 KB of 0xff"),
        pytest.param(b"\xff" * 1_048_576, id="1 MB of 0xff"),
        pytest.param(number(1_000) + number(2**31) + b"\x07\x00" * 500_000, id="2^31 structs"),
    ],
)
def test_what_brings_the_engine_down_is_refused_at_once(data: bytes) -> None:
    def read() -> None:
        with pytest.raises(UpdateRefused):
            read_update(data)

    assert seconds(read) < 0.005


def test_the_walk_takes_time_in_proportion_to_the_update() -> None:
    def walk(structs: int) -> float:
        letters = [text("a")] + [text("a", origin=(7, nth)) for nth in range(structs - 1)]
        data = update((7, 0, letters))
        return seconds(lambda: read_update(data))

    assert walk(20_000) < 80 * walk(1_000)  # twenty times as much; four hundred times as long if it were quadratic
