"""What structs hold: every kind, as Yjs writes it, and cut anywhere."""

from __future__ import annotations

import pytest

from collaboration.documents.contents import (
    ANY,
    BINARY,
    DELETED,
    DOC,
    EMBED,
    FORMAT,
    GC,
    JSON,
    STRING,
    TYPE,
)
from collaboration.documents.limits import UPDATE_LIMITS, UpdateRefused
from collaboration.documents.reading import MAX_VALUES
from collaboration.documents.updates import read_update
from tests.collaboration.documents.handwritten import YJS_BYTES, counted, number, struct, update


@pytest.mark.parametrize(
    ("name", "kinds", "clocks"),
    [
        ("string", {STRING}, 8),
        ("format", {STRING, FORMAT}, 8),
        ("embed", {EMBED}, 1),
        ("deleted", {STRING, DELETED}, 3),
        ("binary", {BINARY}, 1),
        ("any", {ANY}, 16),
        ("types", {TYPE}, 7),
        ("nested", {TYPE, ANY}, 2),
        ("doc", {DOC}, 1),
        ("gc", {GC, DELETED}, 4),
        ("map", {DELETED, ANY}, 2),
        ("json", {JSON}, 3),
        ("skip", {STRING}, 3),
    ],
)
def test_what_yjs_writes_is_read_whatever_it_holds(name: str, kinds: set[int], clocks: int) -> None:
    outline = read_update(YJS_BYTES[name])
    assert outline.kinds == sum(1 << kind for kind in kinds)
    assert outline.clients[7].end == clocks


@pytest.mark.parametrize("name", YJS_BYTES)
def test_what_yjs_writes_is_refused_when_it_is_cut_anywhere_or_followed_by_anything(name: str) -> None:
    whole = YJS_BYTES[name]
    for wrong in (*(whole[:end] for end in range(len(whole))), whole + b"\x00"):
        with pytest.raises(UpdateRefused):
            read_update(wrong)


@pytest.mark.parametrize(
    ("kind", "content", "reason"),
    [
        (STRING, counted(b"\xff"), "encoding"),
        (STRING, counted(b"\xed\xa0\x80"), "encoding"),
        (STRING, b"\x00", "encoding"),
        (DELETED, b"\x00", "encoding"),
        (DELETED, number(2**31), "clock"),
        (DELETED, number(2**32 - 10), "clock"),
        (JSON, number(2**29), "encoding"),
        (JSON, b"\x01" + counted("{"), "encoding"),
        (JSON, number(MAX_VALUES + 1) + counted("0") * (MAX_VALUES + 1), "size"),
        (BINARY, number(2**30), "encoding"),
        (EMBED, counted('"\\ud800"'), "encoding"),
        (EMBED, counted("1e999"), "encoding"),
        (EMBED, counted("[" * 65 + "]" * 65), "depth"),
        (EMBED, counted('"' + "x" * UPDATE_LIMITS.value + '"'), "size"),
        (FORMAT, counted("k" * (UPDATE_LIMITS.name + 1)) + counted("null"), "size"),
        (FORMAT, counted("bold") + counted("yes"), "encoding"),
        (TYPE, b"\x07", "encoding"),
        (TYPE, b"\x80\x01", "encoding"),
        (ANY, number(2**29), "encoding"),
        (ANY, b"\x01\x00", "encoding"),
        (ANY, b"\x01" + b"\x75\x01" * 65 + b"\x7e", "depth"),
        (DOC, counted("guid") + b"\x00", "encoding"),
    ],
)
def test_content_that_an_engine_would_choke_on_is_refused(kind: int, content: bytes, reason: str) -> None:
    with pytest.raises(UpdateRefused) as refused:
        read_update(update((7, 0, [struct(kind, content)])))
    assert refused.value.reason == reason


def test_content_that_is_no_text_is_walked_up_to_a_limit() -> None:
    piece = counted(bytes(UPDATE_LIMITS.foreign // 2 - 4))
    assert read_update(update((7, 0, [struct(BINARY, piece)] * 2))).structs == 2
    with pytest.raises(UpdateRefused) as refused:
        read_update(update((7, 0, [struct(BINARY, piece)] * 3)))
    assert refused.value.reason == "size"
