"""Several processes' hubs in one event loop whose time is skipped, not waited for: runs with one seed are alike."""

from __future__ import annotations

import asyncio
import json
import selectors
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, TypeVar

import msgspec
from django.db import connections

from bduf_realtime.gateway.errors import RealtimeError

T = TypeVar("T")


class SkippedTime(asyncio.SelectorEventLoop):
    """A loop that jumps to its next timer when nothing else is to be done."""

    database: Database

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        return self._now

    def skip(self, seconds: float) -> None:
        self._now += seconds


class _Skipping(selectors.DefaultSelector):
    def __init__(self, loop: SkippedTime) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout != 0:
            assert timeout is not None, "nothing will ever happen again"
            self._loop.skip(timeout)
        return ready


class Database:
    """The real database, each call at one moment of the skipped time, with delays before and after.

    `down` refuses calls before they do anything; `forgetful` does what was asked and then says that it failed.
    What a function did or read stays on its way back while it is held by name.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self.down = False
        self.forgetful = False
        self.watch: Callable[[Any], None] = lambda function: None
        self._held: set[str] = set()
        self._let_go = asyncio.Event()
        self.delay = 0.005
        self._thread = ThreadPoolExecutor(1)

    async def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        await asyncio.sleep(self.random.uniform(0, self.delay))
        if self.down:
            raise RealtimeError("storage.unavailable")
        self.watch(function)
        try:
            result = self.now(function, *args, **kwargs)
        finally:
            await asyncio.sleep(self.random.uniform(0, self.delay))
            if function.__name__ in self._held:
                await self._let_go.wait()
        if self.forgetful:
            raise RealtimeError("storage.unavailable")
        return result

    def hold(self, name: str) -> None:
        self._held.add(name)
        self._let_go.clear()

    def let_go(self) -> None:
        self._held.clear()
        self._let_go.set()

    def now(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Runs it in the database's thread while everything else stands still."""
        return self._thread.submit(function, *args, **kwargs).result()

    def close(self) -> None:
        self.now(connections.close_all)
        self._thread.shutdown()


async def database_of_the_loop(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Stands where the hub calls the database, whichever world's hub it is."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippedTime)
    return await loop.database.call(function, *args, **kwargs)


class FaultyLayer:
    """A channel layer that loses, doubles, delays and reorders what it carries, as its seed says."""

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)
        self.loss = self.doubling = 0.0
        self.delay = 0.001
        self.down = False
        self._numbers = 0
        self._queues: dict[str, asyncio.Queue[bytes]] = {}
        self._groups: dict[str, set[str]] = defaultdict(set)

    async def new_channel(self) -> str:
        await self._operate()
        self._numbers += 1
        self._queues[name := f"channel{self._numbers}"] = asyncio.Queue()
        return name

    async def group_add(self, group: str, channel: str) -> None:
        await self._operate()
        self._groups[group].add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._operate()
        self._groups[group].discard(channel)

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self._operate()
        self._carry(channel, msgspec.msgpack.encode(message))

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._operate()
        encoded = msgspec.msgpack.encode(message)
        for channel in sorted(self._groups[group]):
            self._carry(channel, encoded)

    def members_of_rooms(self) -> set[str]:
        return {
            channel for group, channels in self._groups.items() if group.startswith("room.") for channel in channels
        }

    async def receive(self, channel: str) -> dict[str, Any]:
        return dict(msgspec.msgpack.decode(await self._queues[channel].get()))

    async def _operate(self) -> None:
        await asyncio.sleep(self.random.uniform(0, self.delay))
        if self.down:
            raise ConnectionError("the layer is down")

    def _carry(self, channel: str, message: bytes) -> None:
        copies = (self.random.random() >= self.loss) + (self.random.random() < self.doubling)
        for _ in range(copies):
            after = self.random.uniform(0, self.delay * 5)
            asyncio.get_running_loop().call_later(after, self._queues[channel].put_nowait, message)


class Wire:
    """The way to one client: what a real outbox sends, taken apart, and the pongs that come back."""

    def __init__(self, take: Callable[[dict[str, Any]], None], pong: Callable[[str], Any]) -> None:
        self._take = take
        self._pong = pong
        self.reading = True
        self._unanswered: list[str] = []

    async def send(self, message: dict[str, Any]) -> None:
        read = json.loads(message["text"])
        for frame in read if isinstance(read, list) else [read]:
            if frame["type"] == "ping":
                self._unanswered.append(frame["id"])
                asyncio.get_running_loop().call_later(0.01, self.answer)
            else:
                self._take(frame)

    def answer(self) -> None:
        """Sends the pongs that are due, unless the client does not read now."""
        while self.reading and self._unanswered:
            self._pong(self._unanswered.pop(0))
