"""axe-core finds nothing serious on the main pages, in both colour schemes and on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Sit
from tests.browser.people import Desk
from tests.browser.test_writing import session
from tests.live import Live
from tests.servers import ServerUnavailable

pytestmark = pytest.mark.live

AXE = Path(__file__).resolve().parents[1] / "node" / "node_modules" / "axe-core" / "axe.min.js"
LOOKS: list[dict[str, Any]] = [
    {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
]


async def check(desk: Desk, where: str) -> None:
    if not AXE.is_file():
        raise ServerUnavailable("no axe-core: `npm ci --prefix tests/node`")
    await desk.page.evaluate(AXE.read_text())
    found = await desk.page.evaluate("axe.run({ resultTypes: ['violations'] })")
    serious = [
        f"{violation['id']}: {[node['html'][:160] for node in violation['nodes'][:3]]}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
    assert serious == [], where


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "phone"])
async def test_nothing_serious_is_found(house: Live, sit: Sit, look: dict[str, Any]) -> None:
    desk = await sit(**look)
    await desk.open("/")
    await desk.page.get_by_label("User name").wait_for()
    await check(desk, "sign-in")
    await desk.sign_in("owner0")
    await desk.page.get_by_role("heading", name="Projects").wait_for()
    await check(desk, "projects")
    await desk.page.locator("a.item").first.click()
    await desk.page.get_by_role("heading", name="Sessions").wait_for()
    await check(desk, "project")
    await desk.open(session(house))
    await desk.page.get_by_text("No documents yet").wait_for()
    await check(desk, "empty session")
    if look["viewport"]["width"] < 700:
        return
    await desk.start("Checked")
    await desk.write("# Title\n\nWords and `code`.\n")
    await desk.page.locator(".preview h1").wait_for()
    await check(desk, "document")
    await desk.page.get_by_label("Versions").click()
    await desk.page.get_by_role("heading", name="Versions").wait_for()
    await check(desk, "versions")
