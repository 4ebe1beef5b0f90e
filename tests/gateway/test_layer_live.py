"""The channel layer on a real Redis that is killed, hangs, cuts its connections, or is not there yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from channels.layers import channel_layers
from redis.asyncio import Redis

from bduf_realtime.gateway import layer as layers
from tests.gateway.side import ROOM, Side, publish, started
from tests.servers import MS, RedisServer, eventually, redis_server

pytestmark = pytest.mark.live
LONG = 20_000 * MS


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server(own=True) as server:
        yield server


@pytest.fixture
async def pair(redis: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Side]]:
    """Two processes' layers on one Redis, each with connections of its own, both in the room."""
    monkeypatch.setattr(layers, "OPERATION_TIMEOUT", 1_000 * MS)
    on_redis(redis, settings)
    sides = []
    for name in ("one", "other"):
        channel_layers.backends.clear()
        sides.append(Side(name))
    async with started(*sides):
        for side in sides:
            assert await side.layer.join(ROOM)
        await hears(*sides)
        yield sides


def on_redis(redis: RedisServer, settings: Any) -> None:
    hosts = [{"address": redis.url, "socket_connect_timeout": 2, "socket_timeout": 10}]
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}


async def hears(one: Side, other: Side) -> None:
    """Each side publishes until the other has heard of it."""
    for speaker, listener in ((one, other), (other, one)):
        last = len(listener.rooms)

        def heard(speaker: Side = speaker, listener: Side = listener, last: int = last) -> bool:
            publish(speaker, 1)
            return len(listener.rooms) > last

        await eventually(heard, timeout=LONG)


async def test_two_processes_hear_each_other_through_redis_in_order(pair: list[Side]) -> None:
    one, other = pair
    heard = len(other.events())
    publish(one, *range(10, 500))
    one.layer.publish_signal(ROOM, "signal é ☂", ["u1"])
    one.layer.publish_cursor(ROOM, "c1", "cursor")
    await one.layer.tell_instances({"spent": {"u1": 2.5}})
    await eventually(lambda: len(other.events()) >= heard + 490 and bool(other.notes), timeout=LONG)
    assert other.events()[-490:] == list(range(10, 500))
    assert [signal for message in other.rooms for signal in message["signals"]] == [["signal é ☂", ["u1"]]]
    assert [message["cursors"] for message in other.rooms if message["cursors"]] == [{"c1": "cursor"}]
    assert other.notes[0]["spent"] == {"u1": 2.5}
    assert 499 not in one.events()


async def test_who_has_left_a_room_hears_no_more_of_it(pair: list[Side]) -> None:
    one, other = pair
    await other.layer.leave(ROOM)
    heard = len(other.rooms)
    publish(one, 7)
    await one.layer.tell_instances({"spent": {}})
    await eventually(lambda: bool(other.notes), timeout=LONG)
    assert len(other.rooms) == heard


async def test_a_redis_that_was_killed_is_found_again_when_it_is_back_empty(
    pair: list[Side], redis: RedisServer
) -> None:
    redis.kill()
    await lost(pair)
    for side in pair:
        publish(side, *range(100))
        assert side.layer._waiting == {}
    redis.start()
    await found(pair)
    await hears(*pair)


async def test_a_redis_that_hangs_is_given_up_and_found_again_when_it_goes_on(
    pair: list[Side], redis: RedisServer
) -> None:
    redis.pause()
    try:
        await lost(pair)
        assert not await asyncio.wait_for(pair[0].layer.join("session:1"), 5)
    finally:
        redis.resume()
    await found(pair)
    await hears(*pair)


async def test_connections_that_redis_cuts_are_made_again(pair: list[Side], redis: RedisServer) -> None:
    client = Redis.from_url(redis.url)
    for kind in ("pubsub", "normal"):
        await client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    await client.aclose()
    await hears(*pair)


async def test_a_process_that_starts_before_redis_finds_it(
    redis: RedisServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "OPERATION_TIMEOUT", 1_000 * MS)
    on_redis(redis, settings)
    redis.kill()
    sides = []
    for name in ("one", "other"):
        channel_layers.backends.clear()
        sides.append(Side(name))
    async with started(*sides):
        assert [side.layer.up for side in sides] == [False, False]
        redis.start()
        await found(sides)
        await hears(*sides)


async def lost(sides: list[Side]) -> None:
    await eventually(lambda: not any(side.layer.up for side in sides), timeout=LONG)


async def found(sides: list[Side]) -> None:
    await eventually(lambda: all(side.layer.up and side.found for side in sides), timeout=LONG)
