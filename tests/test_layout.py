"""The house rules that a program can check."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import call_command

from bduf_realtime.gateway.asyncapi import document
from bduf_realtime.gateway.conf import fields
from bduf_realtime.gateway.errors import CODES, Close
from bduf_realtime.gateway.handlers import Data
from bduf_realtime.routing import ClientConsumer

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bduf_realtime", "collaboration", "approvals", "notifications")
EVERYWHERE = (*PACKAGES, "tests", "benchmarks")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "managers", "common", "base", "misc", "core"}
LONGEST = 400

# Modules that are one thing, and easier to read in one piece than as a folder.
LONG_FILES = {
    "bduf_realtime/client.py": "the client is one file that can be copied into another project",
    "bduf_realtime/gateway/hub.py": "delivery, repair and positions share one room's state",
    "tests/test_client.py": "one scripted server, and every turn of the client against it",
    "tests/test_servers.py": "one test module per module",
}
# What may catch everything: the one place each where the unexpected becomes an answer, a log line or a retry.
CATCHES_ALL = {
    "bduf_realtime/gateway/consumer.py",
    "bduf_realtime/gateway/process.py",
    "bduf_realtime/gateway/socket.py",
    "bduf_realtime/gateway/storage.py",
}
# Said by a program of ours that is not the server, or a prefix of several.
NOT_KNOBS = {"BDUF_RATE_", "BDUF_RATE", "BDUF_"}
# Objects whose attributes may be picked by a name that is computed: settings and rows, never what handles a command.
PICKED_BY_NAME = {"conf", "settings", "entry"}


def files(*folders: str, suffix: str = ".py") -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob(f"*{suffix}")):
            if "migrations" not in path.parts and "node_modules" not in path.parts:
                yield path


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def calls(path: Path, function: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            yield node


def strings(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


# --- files -------------------------------------------------------------------------------------------------------


def test_no_file_or_folder_is_named_after_nothing() -> None:
    found = [name(path) for path in files(*EVERYWHERE) if FORBIDDEN_NAMES & {path.stem, *path.parent.parts[-3:]}]
    assert found == []


def test_a_file_is_as_long_as_one_can_take_in() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in files(*EVERYWHERE)}
    too_long = {path for path, length in lengths.items() if length > LONGEST}
    assert too_long - LONG_FILES.keys() == set(), "split it, or say above why not"


def test_the_exceptions_for_long_files_are_still_needed() -> None:
    needed = {path for path in LONG_FILES if len((ROOT / path).read_text().splitlines()) > LONGEST}
    assert needed == LONG_FILES.keys()


@pytest.mark.parametrize("folder", ["gateway", "rooms", "accounts", "audit"])
def test_every_module_with_content_says_what_it_is_for(folder: str) -> None:
    shown_by_their_class = {"apps", "urls", "admin", "__init__"}
    for path in files(f"bduf_realtime/{folder}"):
        if path.stem in shown_by_their_class or "commands" in path.parts:
            continue
        assert ast.get_docstring(tree(path)), name(path)


@pytest.mark.django_db
def test_models_match_their_migrations() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


# --- code --------------------------------------------------------------------------------------------------------


def test_nothing_is_dispatched_by_a_computed_attribute_name() -> None:
    for path in files(*PACKAGES):
        for call in calls(path, "getattr"):
            target, attribute = call.args[:2]
            if isinstance(attribute, ast.Constant):
                continue
            assert isinstance(target, ast.Name), f"{name(path)}:{call.lineno}"
            assert target.id in PICKED_BY_NAME, f"{name(path)}:{call.lineno}"


def test_the_unexpected_is_caught_in_few_places() -> None:
    catching = set()
    for path in files(*PACKAGES):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception")
            ):
                catching.add(name(path))
    assert catching <= CATCHES_ALL


def test_nobody_prints_but_commands_and_the_client_on_the_command_line() -> None:
    printing = {name(path) for path in files(*PACKAGES) if list(calls(path, "print"))}
    assert printing <= {"bduf_realtime/client.py"}


def test_nothing_is_left_for_later() -> None:
    later = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b")
    others = [path for path in files(*EVERYWHERE) if path != Path(__file__)]
    assert [name(path) for path in others if later.search(path.read_text())] == []


# --- commands and codes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", sorted(ClientConsumer.handlers))
def test_every_command_is_described_and_takes_a_strict_payload(type_: str) -> None:
    handler = ClientConsumer.handlers[type_]
    assert handler.summary.endswith("."), "a handler's docstring is documentation"
    assert issubclass(handler.shape, Data)
    assert inspect.getdoc(handler.shape)
    assert handler.shape.__struct_config__.frozen
    assert handler.shape.__struct_config__.forbid_unknown_fields


@cache
def raised_codes() -> set[str]:
    """Every code in the code, outside the catalogue itself; those of tokens are put together from their reason."""
    catalogue = ROOT / "bduf_realtime/gateway/errors.py"
    said = {text for path in files(*PACKAGES) if path != catalogue for text in strings(path)}
    tokens = ROOT / "bduf_realtime/accounts/tokens.py"
    reasons = {call.args[0].value for call in calls(tokens, "TokenRefused") if isinstance(call.args[0], ast.Constant)}
    return said | {f"auth.{reason}" for reason in reasons}


@pytest.mark.parametrize("code", CODES)
def test_every_error_code_is_documented_and_raised_somewhere(code: str) -> None:
    assert code in document()["x-error-codes"]
    assert code in raised_codes()


@pytest.mark.parametrize("code", sorted(set(Close) - {Close.NORMAL}), ids=lambda code: code.name)
def test_every_close_code_is_used_or_reserved_by_the_protocol(code: Close) -> None:
    reserved = {Close.GONE, Close.SESSION_ENDED}  # for deleted documents and ended sessions
    used = any(f"Close.{code.name}" in path.read_text() for path in files(*PACKAGES))
    assert used or code in reserved


# --- documents ---------------------------------------------------------------------------------------------------


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *files("docs", suffix=".md"), *files("deploy", suffix="")]


def test_documents_name_only_settings_that_exist() -> None:
    known = {field.variable for field in fields()} | NOT_KNOBS
    for path in documents():
        if path.is_file():
            named = set(re.findall(r"BDUF_[A-Z0-9_]*", path.read_text()))
            assert named <= known, name(path)


def test_every_variable_the_settings_read_is_in_the_configuration_table() -> None:
    read = set(re.findall(r'env\.\w+\("([A-Z_]+)"', (ROOT / "bduf_realtime/settings.py").read_text()))
    text = (ROOT / "docs/configuration.md").read_text()
    documented = set(re.findall(r"^\| `([A-Z_]+)` \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE))
    assert read == documented


def test_documents_link_to_files_that_exist() -> None:
    link = re.compile(r"\]\((?!https?:|mailto:|#|/)([^)#\s]+)")
    broken = [
        f"{name(path)}: {target}"
        for path in documents()
        if path.suffix == ".md"
        for target in link.findall(path.read_text())
        if not (path.parent / target).exists()
    ]
    assert broken == []
