"""The Yjs clients are the same wherever they are installed from."""

from __future__ import annotations

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_every_package_is_pinned_by_what_it_holds_and_not_by_where_it_lies() -> None:
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert packages.pop("")["dependencies"] == wanted
    assert all(version[0].isdigit() for version in wanted.values())
    for package in packages.values():
        assert package["integrity"].startswith("sha512-")
        assert "resolved" not in package
