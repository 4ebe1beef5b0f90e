"""Takes the pictures of the workspace that the documentation shows: `python -m tests.browser.screenshots`."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from tests.browser.conftest import ARGUMENTS, find_chromium
from tests.browser.people import Desk
from tests.servers import Deployment

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
TEXT = """# Context and goals

Payments are authorised by the **ledger**, and settled by the bank within a day.

- A payment that was accepted is never lost.
- Every booking can be traced to who asked for it.

## Parts

```mermaid
graph LR
  Shop --> Gateway --> Ledger
  Ledger --> Bank
```
"""


async def main() -> None:
    with Deployment() as deployment:
        demo = json.loads(deployment.manage("seed", "--json"))
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
            await picture_all(deployment, browser, demo)
            await browser.close()
    compress()


async def picture_all(deployment: Deployment, browser: Browser, demo: dict[str, Any]) -> None:
    ada, grace, stranger = [await desk_of(deployment, browser) for _ in range(3)]
    session = f"/sessions/{demo['session']}"
    await ada.sign_in("ada", session, demo["users"]["ada"])
    await ada.start("Context and goals")
    await ada.paste(TEXT)
    await ada.saved()
    document = ada.page.url.removeprefix(deployment.url)
    await ada.page.get_by_label("Versions").click()
    await ada.page.get_by_label("Name").fill("Before the review")
    await ada.page.get_by_role("button", name="Keep this moment").click()
    await ada.page.get_by_role("link", name="Before the review").wait_for()
    await grace.sign_in("grace", document, demo["users"]["grace"])
    await grace.write("within an hour.", "Control+End")
    await say(grace, "Is a day enough for refunds?")
    await ada.open(document)
    await say(ada, "An hour, says the bank. I put it in.")
    await grace.text.get_by_text("settled by the bank").click()

    async def nothing() -> None: ...

    async def share() -> None:
        await ada.page.get_by_role("button", name="Share").click()

    await pictures(stranger, "sign-in", "/", "Sign in", nothing)
    await pictures(ada, "home", "/", "Orchestrator design", nothing)
    await pictures(ada, "project", f"/projects/{demo['project']}", "Documents of the project", nothing)
    await pictures(ada, "session", document, "never lost", nothing)
    await pictures(ada, "versions", f"{document}/versions/latest", "SHA-256", nothing)
    await pictures(ada, "share", document, "never lost", share)
    request = deployment.shell("from approvals.models import Approval; print(Approval.objects.get().pk)").strip()
    await pictures(ada, "approval", f"/approvals/{request}", "Needs 2 more", nothing)
    await pictures(ada, "inbox", "/inbox", "Sign off", nothing)


async def desk_of(deployment: Deployment, browser: Browser) -> Desk:
    context = await browser.new_context(reduced_motion="reduce")
    return Desk(deployment, context, await context.new_page())


async def say(desk: Desk, words: str) -> None:
    await desk.page.get_by_label("Chat").click()
    await desk.page.get_by_label("Message", exact=True).fill(words)
    await desk.page.keyboard.press("Enter")
    await desk.page.locator(".message .body", has_text=words).wait_for()


async def pictures(desk: Desk, name: str, path: str, shows: str, then: Callable[[], Awaitable[None]]) -> None:
    """Takes a page in every size and colour scheme."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            await desk.page.set_viewport_size({"width": width, "height": height})
            await desk.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await desk.open(path)
            await desk.page.get_by_text(shows).first.wait_for()
            await then()
            await settle(desk.page)
            await desk.page.screenshot(path=IMAGES / f"workspace-{name}-{size}-{scheme}.png")


async def settle(page: Page) -> None:
    await page.wait_for_load_state("networkidle")
    await page.evaluate("document.fonts.ready")


def compress() -> None:
    if (pngquant := shutil.which("pngquant")) is None:
        sys.exit("The pictures are large: install pngquant, and call this again.")
    files = [str(path) for path in IMAGES.glob("workspace-*.png")]
    subprocess.run([pngquant, "--force", "--ext", ".png", "--speed", "1", "--strip", *files], check=True)


if __name__ == "__main__":
    asyncio.run(main())
