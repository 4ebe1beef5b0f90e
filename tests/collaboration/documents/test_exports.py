"""Documents as files."""

from __future__ import annotations

import pytest

from collaboration.documents.exports import file_name, markdown


def test_a_text_is_its_own_markdown() -> None:
    assert markdown("Title", "# As it is\n\ntext") == "# As it is\n\ntext"


def test_values_stand_under_their_keys_texts_as_they_are_and_others_as_json() -> None:
    assert markdown("Plan", {"Goals": "Be *quick*.\n", "two\nlines": {"é": [1, None]}, "code": ["```"]}) == (
        "# Plan\n\n"
        "## Goals\n\nBe *quick*.\n\n"
        '## two lines\n\n```json\n{\n  "é": [\n    1,\n    null\n  ]\n}\n```\n\n'
        '## code\n\n````json\n[\n  "```"\n]\n````\n'
    )


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Design 2", "Design 2.md"),
        ("../../etc/passwd", "etc passwd.md"),
        ('a"b\\c:d|e?', "a b c d e.md"),
        ("Größe 😀", "Größe 😀.md"),
        ("...", "document.md"),
        ("x" * 200, "x" * 100 + ".md"),
    ],
)
def test_a_files_name_is_one_that_every_file_system_takes(title: str, name: str) -> None:
    assert file_name(title, "md") == name
