"""This process's one subscription to the channel layer: a wake-up that may lose anything, never the truth."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import structlog
from channels.layers import InMemoryChannelLayer, get_channel_layer
from redis.exceptions import RedisError

from bduf_realtime.gateway import metrics
from bduf_realtime.gateway.conf import Conf
from bduf_realtime.rooms.events import Appended

logger = structlog.get_logger(__name__)

OPERATION_TIMEOUT = 3.0
WAITING_EVENTS = 1_000
WAITING_BYTES = 1_048_576
INSTANCES = "instances"
FAILURES = (OSError, TimeoutError, RedisError)


class Outgoing:
    """What waits to be published to the other processes of one room."""

    __slots__ = ("bytes", "cursors", "epoch", "events", "signals", "since")

    def __init__(self) -> None:
        self.since = time.perf_counter()
        self.epoch = ""
        self.events: list[tuple[int, str, str]] = []
        self.signals: list[tuple[str, list[str] | None]] = []
        self.cursors: dict[str, str] = {}
        self.bytes = 0


class Layer:
    """Publishes room by room with one message in flight, listens, and probes itself.

    The probe is there because the Redis layer's reconnect hooks never fire and it says nothing of what it lost:
    numbered messages sent to oneself tell whether the way is open.
    """

    def __init__(
        self,
        instance: str,
        conf: Conf,
        on_room: Callable[[dict[str, Any]], None],
        on_found: Callable[[], Awaitable[None]],
    ) -> None:
        self._instance = instance
        self._interval = conf.layer_probe_interval
        self._on_room = on_room
        self._on_found = on_found
        self._layer: Any = get_channel_layer()
        # An in-memory layer reaches no other process: its copies would only cost time.
        self.alone = isinstance(self._layer, InMemoryChannelLayer)
        self._channel = ""
        self._waiting: dict[str, Outgoing] = {}
        self._dirty: deque[str] = deque()
        self._publisher: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._probe_sent = self._probe_seen = 0
        self.up = True
        self.on_note: Callable[[dict[str, Any]], None] = lambda note: None

    async def start(self) -> None:
        metrics.layer_up.set(1)
        if self.alone:
            return
        await self._open_channel()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._listen(), name="layer"),
            loop.create_task(self._probe(), name="probe"),
        ]

    async def stop(self) -> None:
        for task in [*self._tasks, *([self._publisher] if self._publisher else [])]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def join(self, room: str) -> bool:
        """Asks for a room's messages; false if the layer does not take the wish now."""
        if self.alone or not self.up:
            return self.alone  # a layer that is found again is asked for every room
        return await self._attempt(self._layer.group_add(_group(room), self._channel))

    async def leave(self, room: str) -> None:
        if not self.alone and self._channel:
            await self._attempt(self._layer.group_discard(_group(room), self._channel))

    # --- publishing --------------------------------------------------------------------------------------------

    def publish_event(self, appended: Appended, frame: str) -> None:
        """Tells the room's other processes of a numbered event."""
        if (outgoing := self._outgoing(appended.room)) is None:
            return
        if outgoing.epoch != appended.epoch:
            outgoing.events.clear()  # of a log that is no more
            outgoing.epoch = appended.epoch
        outgoing.bytes += len(frame)
        if len(outgoing.events) >= WAITING_EVENTS or outgoing.bytes > WAITING_BYTES:
            # A bare number: whoever needs the rest reads the log. The highest one says it for all.
            bare = appended.seq
            if outgoing.events and not outgoing.events[-1][2]:
                bare = max(bare, outgoing.events.pop()[0])
            outgoing.events.append((bare, appended.type, ""))
        else:
            outgoing.events.append((appended.seq, appended.type, frame))

    def publish_signal(self, room: str, frame: str, to: list[str] | None) -> None:
        """Tells the room's other processes of an ephemeral event; dropped when too much waits."""
        if (outgoing := self._outgoing(room)) is not None and outgoing.bytes < WAITING_BYTES:
            outgoing.bytes += len(frame)
            outgoing.signals.append((frame, to))

    def publish_cursor(self, room: str, connection: str, entry: str) -> None:
        """Tells the room's other processes of a connection's latest cursor."""
        if (outgoing := self._outgoing(room)) is not None:
            outgoing.cursors[connection] = entry

    async def tell_instances(self, note: dict[str, Any]) -> None:
        """Sends a note to every other process; it may be lost."""
        if not self.alone and self.up:
            message = {**note, "type": "layer.note", "from": self._instance}
            await self._attempt(self._layer.group_send(INSTANCES, message))

    def _outgoing(self, room: str) -> Outgoing | None:
        if self.alone or not self.up:
            return None
        outgoing = self._waiting.get(room)
        if outgoing is None:
            outgoing = self._waiting[room] = Outgoing()
            self._dirty.append(room)
            if self._publisher is None:
                self._publisher = asyncio.get_running_loop().create_task(self._publish(), name="publish")
        return outgoing

    async def _publish(self) -> None:
        try:
            while self._dirty:
                room = self._dirty.popleft()
                outgoing = self._waiting.pop(room)
                if not self.up:
                    continue
                started = time.perf_counter()
                message = {
                    "type": "layer.room",
                    "from": self._instance,
                    "room": room,
                    "epoch": outgoing.epoch,
                    "events": outgoing.events,
                    "signals": outgoing.signals,
                    "cursors": outgoing.cursors,
                }
                await self._attempt(self._layer.group_send(_group(room), message))
                metrics.publish_seconds.observe(time.perf_counter() - started)
                metrics.stage("publish").observe(time.perf_counter() - outgoing.since)
        finally:
            self._publisher = None

    # --- listening and probing ---------------------------------------------------------------------------------

    async def _open_channel(self) -> None:
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT):
                self._channel = await self._layer.new_channel()
        except FAILURES as error:
            self._lost(type(error).__name__)

    async def _listen(self) -> None:
        while not self._channel:
            await asyncio.sleep(self._interval)
            await self._open_channel()
        await self._attempt(self._layer.group_add(INSTANCES, self._channel))
        while True:
            try:
                await self._take(await self._layer.receive(self._channel))
            except FAILURES as error:
                self._lost(type(error).__name__)
                await asyncio.sleep(self._interval)
            except (KeyError, TypeError, ValueError):  # another version's, or nobody's: the log has what it said
                logger.exception("layer_message_unreadable")

    async def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "layer.probe":
            await self._seen(message["n"])
        elif message["from"] != self._instance:
            handle = self._on_room if message["type"] == "layer.room" else self.on_note
            handle(message)

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            if not self._channel:
                continue
            if self._probe_seen < self._probe_sent:
                self._lost("probe_missing")
            self._probe_sent += 1
            with suppress(*FAILURES):
                async with asyncio.timeout(OPERATION_TIMEOUT):
                    await self._layer.send(self._channel, {"type": "layer.probe", "n": self._probe_sent})

    async def _seen(self, number: int) -> None:
        self._probe_seen = number
        if self.up or number < self._probe_sent:
            return
        self.up = True
        metrics.layer_up.set(1)
        logger.info("layer_found")
        await self._attempt(self._layer.group_add(INSTANCES, self._channel))
        await self._on_found()

    def _lost(self, why: str) -> None:
        if self.up:
            self.up = False
            metrics.layer_up.set(0)
            logger.warning("layer_lost", reason=why)

    async def _attempt(self, operation: Awaitable[Any]) -> bool:
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT):
                await operation
        except FAILURES as error:
            metrics.publish_failures.inc()
            self._lost(type(error).__name__)
            return False
        return True


def _group(room: str) -> str:
    """A group name the layer accepts; room names hold only ids, so two rooms never share one."""
    return "room." + re.sub(r"[^\w-]", ".", room)
