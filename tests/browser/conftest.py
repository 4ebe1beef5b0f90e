"""One server and one browser of the system's for all tests; for each test a team, and for each person a context."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.people import Desk
from tests.browser.teams import House, houses_of
from tests.servers import Deployment, ServerUnavailable

# The first two are drawn for every window's address bar, which nobody sees, and take longer than a page of ours does.
# Only the last list of these counts, so that it must have Playwright's own, too.
UNWANTED = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup"),
    *("AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *(
        "DestroyProfileOnBrowserClose",
        "HttpsFirstBalancedModeAutoEnable",
        "HttpsUpgrades",
        "LensOverlay",
        "MediaRouter",
    ),
    *("NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch"),
    "ThirdPartyStoragePartitioning",
)
# Without those in the middle Chromium asks its maker's servers at every start.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    f"--disable-features={','.join(UNWANTED)}",
)
FOLDER = Path(__file__).parent

Sit = Callable[..., Awaitable[Desk]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Has all tests of this folder run in one event loop: the browser is bound to it."""
    for item in items:
        if FOLDER in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def teams_of(request: pytest.FixtureRequest, deployment: Deployment) -> Iterator[House]:
    """Makes as many teams as tests want one where a fixture is asked for."""
    tests = [item for item in request.session.items if request.node in item.listchain()]
    return houses_of(deployment, sum("house" in item.fixturenames for item in tests))


@pytest.fixture(scope="session")
def houses(request: pytest.FixtureRequest) -> Iterator[Iterator[House]]:
    """One server on SQLite, as a stranger runs it."""
    with Deployment(env={"BDUF_SESSION_PARTICIPANT_TIMEOUT": "3"}) as deployment:
        yield teams_of(request, deployment)


@pytest.fixture
def house(houses: Iterator[House]) -> House:
    """The server as a team of this test's own knows it; a test may kill it and start it again."""
    house = next(houses)
    if not house.deployment.servers[0].running:  # killed by a test that failed
        house.deployment.servers[0].start()
    return house


def find_chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (path := shutil.which(name)) is not None:
            return path
    raise ServerUnavailable("no browser: install Chromium (apt-get install chromium)")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def launch() -> AsyncIterator[Callable[[], Awaitable[Browser]]]:
    """Gives the browser that runs, or a new one if it has died."""
    async with async_playwright() as playwright:
        browser: Browser | None = None

        async def launch() -> Browser:
            nonlocal browser
            if browser is None or not browser.is_connected():
                browser = await playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
            return browser

        yield launch
        if browser is not None:
            await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def sit(house: House, launch: Callable[[], Awaitable[Browser]]) -> AsyncIterator[Sit]:
    """Gives somebody a page, signed in if there is a name; in the end none may have complained."""
    browser = await launch()
    desks: list[Desk] = []
    async with AsyncExitStack() as stack:

        async def sit(name: str = "", path: str = "/", **options: Any) -> Desk:
            context = await stack.enter_async_context(await browser.new_context(**options))
            desk = Desk(house, context, await context.new_page())
            desks.append(desk)
            if name:
                await desk.come_in(name, path)
            return desk

        yield sit
    assert [complaint for desk in desks for complaint in desk.complaints] == []
