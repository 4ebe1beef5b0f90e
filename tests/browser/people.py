"""Somebody at a browser of their own, and what they do there."""

from __future__ import annotations

from typing import Any

from playwright.async_api import BrowserContext, Page

from tests.browser.teams import PASSWORD, House
from tests.servers import MS, Deployment

PATIENCE = 15_000 * MS


class Desk:
    """One person's browser: its cookies and its page."""

    def __init__(self, house: House | Deployment, context: BrowserContext, page: Page) -> None:
        self.house = house
        self.context = context
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE * 1_000)
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, kind: str, text: str) -> None:
        # What the network did is shown on the page; a test that cuts it knows.
        if kind in ("error", "warning") and "WebSocket connection" not in text and "net::ERR" not in text:
            self.complaints.append(text)

    async def open(self, path: str) -> None:
        await self.page.goto(f"{self.house.url}{path}")

    async def come_in(self, name: str, path: str = "/") -> None:
        """Opens a page as one of the team who has signed in some time before."""
        cookie = {"name": "sessionid", "value": self.house.members[name].cookie, "url": self.house.url}
        await self.context.add_cookies([cookie])
        await self.open(path)
        await self.page.locator(".connection.good").wait_for()

    async def sign_in(self, name: str, path: str = "/", password: str = PASSWORD) -> None:
        await self.open(path)
        await self.page.get_by_label("User name").fill(name)
        await self.page.get_by_label("Password").fill(password)
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.locator(".connection.good").wait_for()

    # --- a document ----------------------------------------------------------------------------------------------

    @property
    def text(self) -> Any:
        return self.page.get_by_label("Text of the document")

    async def locked(self) -> None:
        """Waits until the text takes no writing."""
        await self.text.and_(self.page.locator("[contenteditable=false]")).wait_for()

    async def start(self, title: str) -> None:
        """Starts a document in the session that is open, and is at its address then."""
        before = self.page.url
        await self.page.get_by_label("New document").first.click()
        await self.page.get_by_label("Title").fill(title)
        await self.page.get_by_role("button", name="Start writing").click()
        await self.page.wait_for_url(lambda url: "/documents/" in url and url != before)
        await self.page.get_by_role("heading", name=title, exact=True).first.wait_for()
        await self.text.wait_for()
        await self.page.locator(".sheets[aria-busy=true]").wait_for(state="detached")

    async def write(self, words: str, key: str = "Control+End") -> None:
        """Types at the end of the text, or where another key leads."""
        await self.text.click()
        await self.page.keyboard.press(key)
        await self.page.keyboard.type(words)

    async def paste(self, words: str) -> None:
        """Puts words in at the end as they are: an editor continues the lists that somebody types."""
        await self.text.click()
        await self.page.keyboard.press("Control+End")
        await self.page.keyboard.insert_text(words)

    async def read(self) -> str:
        """The text as this page has it, without the names of cursors."""
        return str(
            await self.text.evaluate(
                """content => [...content.querySelectorAll('.cm-line')].map(line => {
                  const copy = line.cloneNode(true)
                  copy.querySelectorAll('.cm-ySelectionCaret').forEach(caret => caret.remove())
                  return copy.textContent
                }).join('\\n')"""
            )
        )

    async def until(self, words: str) -> None:
        """Waits until words are in the text."""
        await self.text.get_by_text(words).first.wait_for()

    async def hurry(self) -> None:
        """Has the page try at once to connect again, whenever its next try would be."""
        await self.page.evaluate("dispatchEvent(new Event('online'))")

    async def saved(self) -> None:
        """Waits until the server has confirmed every edit."""
        await self.page.locator(".connection.good[data-unsaved='0']", has_text="Live").wait_for()
