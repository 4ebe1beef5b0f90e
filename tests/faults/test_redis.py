"""Redis vanishes, hangs or forgets: sockets stay open, what is said arrives all the same, and signals come back."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from tests.faults.company import PATIENCE, Company, company, page
from tests.live import Live
from tests.servers import MS, RedisServer, ServerProcess, eventually

pytestmark = pytest.mark.live

# Without Redis other servers find what was said by asking the database once a second.
WITHOUT_REDIS = 5_000 * MS


def redis_of(live: Live) -> RedisServer:
    assert live.deployment.redis is not None
    return live.deployment.redis


async def talk_across(talkers: Company, times: int = 3) -> None:
    """Has both members say something, which the other hears in time."""
    for turn in range(times):
        speaker = turn % 2
        started = time.monotonic()
        await talkers.say(speaker)
        await talkers.hears(1 - speaker, talkers.said[-1])
        assert time.monotonic() - started < WITHOUT_REDIS


async def degraded(live: Live, expected: bool) -> None:
    """Waits until every server's metric says whether the layer is up."""
    for server in live.deployment.servers:

        async def says(server: ServerProcess = server) -> bool:
            return f"bduf_layer_up {0.0 if expected else 1.0}" in (await page(server, "/metrics"))[1]

        await eventually(says, timeout=PATIENCE, what=f"{server.name} degraded: {expected}")


async def test_redis_killed_and_restarted_empty_closes_no_socket_and_loses_nothing(pair: Live) -> None:
    redis = redis_of(pair)
    async with company(pair) as talkers:
        await talkers.signals_cross()
        redis.kill()
        await talk_across(talkers, times=4)
        redis.start()
        await talkers.signals_cross()
        await talk_across(talkers, times=2)
        await talkers.is_complete()
        assert talkers.dropped == 0


async def test_a_redis_that_hangs_delays_nobody_for_long(pair: Live) -> None:
    redis = redis_of(pair)
    async with company(pair) as talkers:
        await talkers.signals_cross()
        redis.pause()
        await talk_across(talkers)
        await degraded(pair, True)
        async with company(pair) as newcomers:
            await talk_across(newcomers, times=2)
            redis.resume()
            await newcomers.signals_cross()
        await talkers.signals_cross()
        await degraded(pair, False)
        await talkers.is_complete()
        assert talkers.dropped == 0


@pytest.mark.parametrize(
    ("harm", "remedy"),
    [
        ([["FLUSHALL"]], []),
        ([["CLIENT", "KILL", "TYPE", "pubsub"], ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]], []),
        ([["CLIENT", "PAUSE", "1000", "ALL"]], []),
        ([["CONFIG", "SET", "maxmemory", "1mb"]], [["CONFIG", "SET", "maxmemory", "0"]]),
        (
            [
                ["CONFIG", "SET", "requirepass", "changed"],
                ["CLIENT", "KILL", "TYPE", "pubsub"],
                ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"],
            ],
            [["CONFIG", "SET", "requirepass", ""]],
        ),
    ],
    ids=["forgets everything", "drops its clients", "pauses its clients", "is full", "changes its password"],
)
async def test_a_redis_in_trouble_closes_no_socket_and_heals(
    pair: Live, harm: list[list[str]], remedy: list[list[str]]
) -> None:
    async with company(pair) as talkers:
        await talkers.signals_cross()
        with Redis.from_url(redis_of(pair).url) as admin:
            try:
                for command in harm:
                    admin.execute_command(*command)
                await talk_across(talkers)
            finally:
                for command in remedy:
                    admin.execute_command(*command)
        await talkers.signals_cross()
        await talkers.is_complete()
        assert talkers.dropped == 0


async def test_servers_started_without_redis_serve_and_find_it_later(pair: Live) -> None:
    redis = redis_of(pair)
    redis.kill()
    server = pair.deployment.servers[1]
    server.restart()
    async with company(pair) as talkers:
        await talk_across(talkers)
        redis.start()
        await talkers.signals_cross()
        await talkers.is_complete()
        assert talkers.dropped == 0
