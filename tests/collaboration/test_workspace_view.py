"""The workspace's page: the same at each of its addresses, with what it loads kept for ever by browsers."""

from __future__ import annotations

import gzip
import re
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import Client

from collaboration.views.workspace import BUILT, ENTRY

pytestmark = pytest.mark.django_db

SESSION, DOCUMENT, VERSION = (uuid.uuid4() for _ in range(3))
ADDRESSES = (
    "/",
    f"/projects/{SESSION}",
    f"/sessions/{SESSION}",
    f"/sessions/{SESSION}/documents/{DOCUMENT}",
    f"/sessions/{SESSION}/documents/{DOCUMENT}/versions/{VERSION}",
    f"/documents/{DOCUMENT}/versions/latest",
    "/approvals/link/",
    f"/approvals/{SESSION}",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_of_the_workspace_has_its_page(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert '<div id="app"></div>' in answer.content.decode()
    assert answer["Cache-Control"] == "no-cache"


def test_other_addresses_have_it_too_to_say_that_nothing_is_there(client: Client) -> None:
    for address in ("/nothing", "/sessions/", "/projects/<script>"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert '<div id="app"></div>' in answer.content.decode()
    assert client.get("/api/v1/nothing/")["Content-Type"] == "application/json"
    assert client.post("/").status_code == 405


def test_it_knows_of_the_demo_where_there_is_one(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    assert "data-demo" not in client.get("/").content.decode()
    (tmp_path / "demo.json").touch()
    assert 'data-demo="yes"' in client.get("/").content.decode()


def test_what_it_loads_is_there_and_kept_by_browsers(client: Client) -> None:
    page = client.get("/").content.decode()
    loaded = re.findall(r'(?:src|href)="(/static/workspace/[^"]+)"', page)
    assert {name.rpartition(".")[2] for name in loaded} == {"js", "css"}
    for name in loaded:
        answer = client.get(name)
        assert answer.status_code == 200
        assert "immutable" in answer["Cache-Control"]
        answer.close()


@pytest.mark.parametrize(
    ("follow", "kilobytes"),
    [(("imports",), 45), (("imports", "dynamicImports"), 250)],
    ids=["signing in", "a session, with its preview"],
)
def test_what_the_first_view_loads_is_small(follow: tuple[str, ...], kilobytes: int) -> None:
    chunks: dict[str, Any] = msgspec.json.decode((BUILT / "manifest.json").read_bytes())
    names, files = [ENTRY], set()
    for name in names:
        chunk = chunks[name]
        files |= {chunk["file"], *chunk.get("css", [])}
        others = {other for kind in follow for other in chunk.get(kind, [])} - set(names)
        names += [other for other in others if not other.startswith("node_modules/")]  # diagrams come when there is one
    sizes = {file: len(gzip.compress((BUILT / file).read_bytes())) for file in files}
    assert sum(sizes.values()) <= kilobytes * 1024, sizes
