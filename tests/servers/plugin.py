"""The pytest side: fixtures, and what a server that cannot be had means to whom."""

import os
from collections.abc import Generator, Iterator

import pytest

from tests.servers.postgres import PostgresServer, find_postgres, postgres_server
from tests.servers.process import ServerUnavailable
from tests.servers.redis import RedisServer, find_redis, redis_server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("servers").addoption(
        "--require-servers",
        action="store_true",
        default=os.environ.get("CI", "").lower() in ("true", "1", "yes"),
        help="fail, instead of skip, where a Redis or PostgreSQL cannot be had (implied by CI=true)",
    )


def pytest_report_header() -> str:
    redis = os.environ.get("TEST_REDIS_URL") or find_redis()
    postgres = os.environ.get("TEST_DATABASE_URL") or find_postgres()
    return f"servers: redis={redis} postgres={postgres}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Counts the tests a missing server left out, whatever the verbosity."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.getreports("skipped"):
        for name, reason in report.user_properties:
            if name == "server_unavailable":
                reasons[str(reason)] = reasons.get(str(reason), 0) + 1
    for reason, count in reasons.items():
        terminalreporter.write_line(f"{count} skipped: {reason}", yellow=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    yield from _skip_or_fail(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    yield from _skip_or_fail(item)


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis shared by all tests, which must leave it running."""
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL shared by all tests, which must leave it running; each makes its own database in it."""
    with postgres_server() as server:
        yield server


def _skip_or_fail(item: pytest.Item) -> Generator[None]:
    try:
        yield
    except ServerUnavailable as unavailable:
        if item.config.getoption("require_servers"):
            raise
        item.user_properties.append(("server_unavailable", str(unavailable)))
        pytest.skip(str(unavailable))
