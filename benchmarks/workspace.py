"""Measures the workspace in a browser: how soon a page can be used, and how soon a keystroke is in the other window.

python -m benchmarks.workspace
python -m benchmarks.workspace --kind daphne --views 0 --keys 1000
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from benchmarks.machine import environment
from tests.browser.conftest import ARGUMENTS, find_chromium
from tests.browser.people import PATIENCE, Desk
from tests.browser.teams import houses_of
from tests.servers import Deployment

TITLE = "Context and goals"
TEXT = f"Typed here: \n\n# {TITLE}\n\n" + "\n\n".join(
    f"## Goal {number}\n\nThe *ledger* keeps **every** entry, see [ADR {number}](https://example.org/{number}):\n\n"
    "- entries are appended, never changed\n- a balance is a sum of entries\n\n```python\nbalance = sum(entries)\n```"
    for number in range(1, 51)
)
PAUSES = (0.06, 0.18)  # seconds between two keystrokes of somebody who types fast, at least and at most

# Every page keeps clocks that another page's can be compared with: milliseconds since 1970.
CLOCKS = """
window.clocks = { keys: [], sent: [], came: [], seen: [] }
const now = () => Date.now()
addEventListener('keydown', event => clocks.keys.push(now() - (performance.now() - event.timeStamp)), true)
window.WebSocket = class extends WebSocket {
  constructor (...given) {
    super(...given)
    this.addEventListener('message', ({ data }) => {
      if (data.includes('"collaboration:document:updated"')) clocks.came.push(now())
    })
  }
  send (data) {
    if (data.includes('"collaboration:document:update"')) clocks.sent.push(now())
    super.send(data)
  }
}
"""
# The frame after a change is painted: only then it counts as seen.
WATCH = """
content => {
  const length = () => {
    const line = content.querySelector('.cm-line')
    const carets = [...line.querySelectorAll('.cm-ySelectionCaret')]
    return carets.reduce((rest, caret) => rest - caret.textContent.length, line.textContent.length)
  }
  let known = length()
  new MutationObserver(() => {
    const more = length() - known
    known += more
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = () => { for (let each = 0; each < more; each++) clocks.seen.push(Date.now()) }
      port2.postMessage(null)
    })
  }).observe(content, { childList: true, characterData: true, subtree: true })
}
"""
# Checked in every frame; `performance.now()` counts from the start of the navigation.
SHOWN = "selector => document.querySelector(selector) !== null && performance.now()"
TYPED = "() => document.querySelector('.cm-line')?.textContent.includes('~') && performance.now()"


def spread(times: Sequence[float]) -> str:
    """The median and the 95th percentile, in milliseconds."""
    ordered = sorted(times)
    return f"{ordered[len(ordered) // 2]:.0f} | {ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]:.0f}"


def row(kind: str, what: str, times: Sequence[float], bar: str = "-") -> None:
    print(f"| {kind} | {what} | {len(times)} | {spread(times)} | {bar} | {os.getloadavg()[0]:.1f} |", flush=True)


def synced(directory: Path, number: int) -> list[float]:
    """How long the disk takes to keep 4 KiB, as it does for every commit, so many times; milliseconds."""
    times = []
    with (directory / "synced").open("wb", buffering=0) as file:
        for _ in range(number):
            file.write(bytes(4096))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1_000)
            time.sleep(0.02)
    return times


class House:
    """A server with two people in one session, and a text that they write in."""

    def __init__(self, deployment: Deployment, browser: Browser) -> None:
        self.live = next(houses_of(deployment, 1))
        self.browser = browser
        session = self.live.session(conflict_resolution="merge")
        body = {"session": session, "title": TITLE, "strategy": "merge", "content": TEXT}
        status, made = self.live.rest("POST", "documents/", self.live.owner, body)
        assert status == 201, made
        self.path = f"/sessions/{session}/documents/{made['id']}"

    async def desk(self, **options: Any) -> Desk:
        """A browser with nothing in its cache."""
        context = await self.browser.new_context(viewport={"width": 1440, "height": 900}, **options)
        await context.add_init_script(CLOCKS)
        return Desk(self.live, context, await context.new_page())

    async def shown(self, desk: Desk, path: str, selector: str) -> float:
        """Opens a page; returns the milliseconds after which something was there."""
        await desk.page.goto(f"{self.live.url}{path}", wait_until="commit")
        found = await desk.page.wait_for_function(SHOWN, arg=selector, polling="raf", timeout=PATIENCE * 1_000)
        return float(await found.json_value())

    async def views(self, kind: str, number: int) -> None:
        """Opens each page so often, each time as if for the first time."""
        ada = await self.desk()
        await ada.come_in("owner0")
        cookies = await ada.context.storage_state()
        await ada.context.close()
        times: dict[str, list[float]] = {"sign-in page": [], "home": [], "text accepts a keystroke": [], "preview": []}
        for _ in range(number):
            stranger, home, session = await self.desk(), *[await self.desk(storage_state=cookies) for _ in range(2)]
            times["sign-in page"].append(await self.shown(stranger, "/", "input[name=username]"))
            times["home"].append(await self.shown(home, "/", "a[href^='/projects/']"))
            await self.shown(session, self.path, ".cm-content[contenteditable=true] .cm-line:nth-child(20)")
            await session.text.focus()
            await session.page.keyboard.type("~")
            typed = await session.page.wait_for_function(TYPED, polling="raf")
            times["text accepts a keystroke"].append(float(await typed.json_value()))
            await session.page.keyboard.press("Backspace")
            await session.page.locator(".preview h2").first.wait_for()
            times["preview"].append(float(await session.page.evaluate("performance.now()")))
            await session.saved()
            for desk in (stranger, home, session):
                await desk.context.close()
        for what, taken in times.items():
            row(kind, what, taken, "1,500")

    async def keystrokes(self, kind: str, number: int) -> None:
        """Has somebody type, and looks when each letter is sent, comes to the other window, and is seen there."""
        ada, bob = await self.desk(), await self.desk()
        await ada.come_in("owner0", self.path)
        await bob.come_in("participant1", self.path)
        await ada.write(" ", "Control+Home")
        await bob.page.locator(".cm-ySelectionInfo").wait_for(state="attached")
        await ada.saved()
        await bob.text.evaluate(WATCH)
        for desk in (ada, bob):
            await desk.page.evaluate("for (const list of Object.values(clocks)) list.length = 0")
        loop, pace = asyncio.get_running_loop(), random.Random(1)
        due = loop.time()
        for _ in range(number):
            await asyncio.sleep(due - loop.time())
            await ada.page.keyboard.press(pace.choice("abcdefghijklmnopqrstuvwxyz"))
            due += pace.uniform(*PAUSES)
        await bob.page.wait_for_function("number => clocks.seen.length >= number", arg=number)
        typed, told = await ada.page.evaluate("clocks"), await bob.page.evaluate("clocks")
        # Each stage counts from the first of the stage before it: what was typed meanwhile goes along.
        begun: list[float] = typed["keys"]
        sent = [min(at for at in typed["sent"] if at >= key - 1) for key in begun]
        came = [min(at for at in told["came"] if at >= after) for after in sent]
        seen: list[float] = told["seen"][:number]
        row(kind, "keystroke seen in the other window", [b - a for a, b in zip(begun, seen, strict=True)], "p95 < 50")
        row(kind, "… keystroke to its sending", [b - a for a, b in zip(begun, sent, strict=True)])
        row(kind, "… sending to its coming", [b - a for a, b in zip(sent, came, strict=True)])
        row(kind, "… coming to its being seen", [b - a for a, b in zip(came, seen, strict=True)])
        for desk in (ada, bob):
            await desk.context.close()


async def measure(kinds: Sequence[Any], views: int, keys: int) -> None:
    """Prints a table of every figure, for each kind of server."""
    print("| server | what | n | p50 ms | p95 ms | bar | load |\n|---|---|---|---|---|---|---|")
    async with async_playwright() as playwright:
        for kind in kinds:
            browser = await playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
            with Deployment(kind=kind) as deployment:
                house = House(deployment, browser)
                if views:
                    await house.views(kind, views)
                if keys:
                    row(kind, "the disk keeps 4 KiB", synced(deployment.directory, 100))
                    await house.keystrokes(kind, keys)
            await browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=["uvicorn", "daphne"], help="only this server")
    parser.add_argument("--views", type=int, default=10, help="how often each page is opened")
    parser.add_argument("--keys", type=int, default=200, help="how many keystrokes are typed")
    options = parser.parse_args()
    for name, value in environment(["python", "-m", "benchmarks.workspace", *sys.argv[1:]]).items():
        print(f"- {name}: {value}")
    asyncio.run(measure([options.kind] if options.kind else ["uvicorn", "daphne"], options.views, options.keys))


if __name__ == "__main__":
    main()
