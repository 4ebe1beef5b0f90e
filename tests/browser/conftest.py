"""A browser of the system's for all tests, and for each person a context of their own."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.people import Desk, make_people
from tests.live import Live
from tests.servers import Deployment, ServerUnavailable

# Without these Chromium asks its maker's servers at every start.
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
ROLES = ("owner", "participant", "participant", "moderator", "observer")

Sit = Callable[..., Awaitable[Desk]]


@pytest.fixture(scope="module")
def house() -> Iterator[Live]:
    """One server on SQLite, as a stranger runs it; a test may kill it and start it again."""
    with Deployment(env={"BDUF_SESSION_PARTICIPANT_TIMEOUT": "3"}) as deployment:
        yield Live(deployment)


@pytest.fixture(scope="module")
def names(house: Live) -> Iterator[str]:
    """User names of people with a password; `owner0`, `participant1`, … by role."""
    people = [(f"{role}{number}", f"{role.title()} {number}", role) for number, role in enumerate(ROLES)]
    make_people(house, people)
    return itertools.cycle(name for name, _, _ in people)


def find_chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (path := shutil.which(name)) is not None:
            return path
    raise ServerUnavailable("no browser: install Chromium (apt-get install chromium)")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def sit(house: Live, names: Iterator[str], browser: Browser) -> AsyncIterator[Sit]:
    """Gives somebody a browser; in the end no page may have complained."""
    desks: list[Desk] = []
    async with AsyncExitStack() as stack:

        async def sit(name: str = "", path: str = "/", **options: Any) -> Desk:
            context = await stack.enter_async_context(await browser.new_context(**options))
            desk = Desk(house, context, await context.new_page())
            desks.append(desk)
            if name:
                await desk.sign_in(name, path)
            return desk

        yield sit
    assert [complaint for desk in desks for complaint in desk.complaints] == []
