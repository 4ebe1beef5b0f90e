"""The documents generated from the code: fresh in the repository, and found stale when they are."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bduf_realtime.gateway.conf import fields
from bduf_realtime.gateway.generated import GeneratedDocument

COMMANDS = ["asyncapi", "configuration", "openapi"]


def run(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def elsewhere(settings: Any, tmp_path: Path) -> Path:
    """A repository of its own."""
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    return tmp_path / "docs"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_committed_document_is_fresh(command: str) -> None:
    assert run(command, "--check").endswith("is up to date")


# Not openapi, which is written by the same code and takes a second to put together.
@pytest.mark.parametrize("command", ["asyncapi", "configuration"])
def test_a_missing_or_changed_document_fails_the_check_until_it_is_written(command: str, elsewhere: Path) -> None:
    with pytest.raises(CommandError, match="out of date; run `make docs`"):
        run(command, "--check")
    assert run(command).startswith("wrote docs/")
    assert run(command, "--check").endswith("is up to date")
    (written,) = elsewhere.iterdir()
    written.write_text(written.read_text() + "\n")
    with pytest.raises(CommandError, match="out of date"):
        run(command, "--check")


def test_the_configuration_lists_every_setting(elsewhere: Path) -> None:
    run("configuration")
    text = (elsewhere / "configuration.md").read_text()
    for field in fields():
        assert f"| `{field.variable}` | {field.type} | `{field.default}` |" in text


def test_the_contract_is_written_as_json(elsewhere: Path) -> None:
    run("asyncapi")
    assert json.loads((elsewhere / "asyncapi.json").read_text())["asyncapi"] == "3.0.0"


def test_a_document_must_say_what_is_in_it(elsewhere: Path) -> None:
    class Empty(GeneratedDocument):
        path = "docs/empty.md"

    with pytest.raises(NotImplementedError):
        call_command(Empty())
