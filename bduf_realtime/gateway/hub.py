"""Moves events of one process to its sockets, and to and from the other processes, each exactly once and in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from bduf_realtime.gateway import metrics
from bduf_realtime.gateway.channel import Arrival, RoomChannel, Sieve
from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.cursors import Cursors
from bduf_realtime.gateway.errors import Close, RealtimeError
from bduf_realtime.gateway.layer import Layer
from bduf_realtime.gateway.storage import call
from bduf_realtime.rooms import log
from bduf_realtime.rooms.events import Appended, NoSuchRoom

if TYPE_CHECKING:
    from bduf_realtime.gateway.doors import Joined
    from bduf_realtime.gateway.socket import Socket

logger = structlog.get_logger(__name__)

PENDING_EVENTS = 1_000


class PositionLost(Exception):
    """The log does not hold what a joiner missed, although it did a moment ago."""


class Hub:
    """One per process. Everything here runs on the event loop, except `committed_elsewhere`."""

    def __init__(self, instance: str, conf: Conf) -> None:
        self.instance = instance
        self._conf = conf
        self._loop = asyncio.get_running_loop()
        self._channels: dict[str, RoomChannel] = {}
        self.layer = Layer(instance, conf, self._receive, self._layer_found)
        self.cursors = Cursors(self._channels, self.layer, conf.cursor_tick_ms / 1000)
        self.watched: Callable[[str, str], bool] = lambda room, type_: False
        self.removing: Callable[[str, str], bool] = lambda room, type_: False
        self.on_watched: Callable[[RoomChannel], None] = lambda channel: None
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Begins to listen on the layer and to check positions."""
        log.listen(self.committed_elsewhere)
        self._spawn(self._check_positions(), "hub-positions")
        await self.layer.start()

    async def stop(self) -> None:
        log.unlisten(self.committed_elsewhere)
        await self.layer.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cursors.stop()

    # --- joining and leaving -----------------------------------------------------------------------------------

    async def open(self, name: str) -> RoomChannel:
        """Finds or opens a room and makes sure that its events reach this process; pair with `admit` or `release`."""
        channel = self._channels.get(name)
        is_new = channel is None
        if channel is None:
            channel = self._channels[name] = RoomChannel(name, self._conf.recent_events)
            metrics.rooms_open.set(len(self._channels))
        channel.joining += 1
        channel.empty_since = None
        if not channel.grouped:
            try:
                channel.grouped = await self.layer.join(name)
            except BaseException:
                self.release(channel)
                raise
        if is_new and not self.layer.alone:
            self._spawn(self.layer.tell_instances({"cursors_of": name}), "hub-cursors")
        return channel

    def release(self, channel: RoomChannel) -> None:
        """Ends a join, whether it succeeded or not."""
        channel.joining -= 1
        self._note_empty(channel)

    def settle(self, channel: RoomChannel, epoch: str, seq: int) -> None:
        """Takes the position a join has read: the first one starts the room, a foreign epoch restarts it."""
        if channel.epoch is not None and channel.epoch != epoch:
            self._restart(channel)
        if channel.epoch is None:
            channel.epoch, channel.position = epoch, seq
            channel.pending = {n: a for n, a in channel.pending.items() if n > seq and a.epoch == epoch}
            self._drain(channel)
        if channel.pending or seq > channel.position:
            self._repair_soon(channel)

    async def admit(
        self, channel: RoomChannel, consumer: Socket, joined: Joined, since: int | None, sieve: Sieve | None = None
    ) -> None:
        """Sends a joiner everything past `since`, or its join, then lets it live; nothing is skipped or sent twice.

        With a `sieve` it sees what that leaves of each frame.
        The join is acknowledged already: when this fails, the connection is closed and comes back for a snapshot.
        """
        after, epoch = joined.seq if since is None else since, joined.epoch
        try:
            while after < channel.position and channel.epoch == epoch and not consumer.outbox.closed:
                after = await self._replay(channel, consumer, after, epoch, sieve)
            if channel.epoch != epoch:
                raise PositionLost
        except (PositionLost, NoSuchRoom, RealtimeError):
            consumer.close(Close.POSITION_LOST, "room.position_lost", retry_ms=500)
        if consumer.closing is not None or consumer.outbox.closed:
            return
        channel.members[consumer.id] = consumer
        channel.entered[consumer.id] = joined.seq
        if sieve is not None:
            channel.sieves[consumer.id] = sieve
        if after > channel.position:
            channel.skip[consumer.id] = after
            self._repair_soon(channel)
        if channel.watched_at > joined.seq:  # rights may have changed since the joiner's were looked at
            self.on_watched(channel)
        self.cursors.welcome(channel, consumer)

    async def _replay(self, channel: RoomChannel, consumer: Socket, after: int, epoch: str, sieve: Sieve | None) -> int:
        """Sends a joiner the next stretch past `after` at the pace it reads, and returns the last number sent."""
        if channel.recent and channel.recent[0][0] <= after + 1:
            stretch = [(seq, frame) for seq, frame in channel.recent if seq > after]
        else:
            page = await call(log.read, channel.name, after=after, limit=self._conf.replay_page)
            if not page.events or page.events[0][0] != after + 1 or page.position.epoch != epoch:
                raise PositionLost
            stretch = [(seq, raw.decode()) for seq, raw in page.events]
        for _, frame in stretch:
            if consumer.outbox.crowded:
                await consumer.outbox.drained()
            consumer.outbox.put(frame if sieve is None else sieve(frame))
        return stretch[-1][0]

    def leave(self, consumer: Socket, name: str) -> None:
        """Stops delivering a room to a connection."""
        channel = self._channels.get(name)
        if channel is None or channel.members.pop(consumer.id, None) is None:
            return
        channel.entered.pop(consumer.id, None)
        channel.skip.pop(consumer.id, None)
        channel.sieves.pop(consumer.id, None)
        self.cursors.leave(channel, consumer.id)
        self._note_empty(channel)

    def channel(self, name: str) -> RoomChannel | None:
        return self._channels.get(name)

    def channels(self, prefix: str) -> list[RoomChannel]:
        """The open rooms whose name begins so."""
        return [channel for name, channel in self._channels.items() if name.startswith(prefix)]

    def forget_empty(self, linger: float) -> None:
        """Closes rooms that nobody here has been in for `linger` seconds."""
        now = time.monotonic()
        for channel in [c for c in self._channels.values() if c.empty_since and now - c.empty_since > linger]:
            del self._channels[channel.name]
            self._answer_the_absent(channel)
            if channel.repair is not None:
                channel.repair.cancel()
            self._spawn(self._unsubscribe(channel.name), "hub-unsubscribe")
        metrics.rooms_open.set(len(self._channels))

    async def _unsubscribe(self, name: str) -> None:
        if name not in self._channels:
            await self.layer.leave(name)

    def _note_empty(self, channel: RoomChannel) -> None:
        if not channel.members and not channel.joining:
            channel.empty_since = time.monotonic()

    # --- numbered events ---------------------------------------------------------------------------------------

    def committed(self, appended: Appended, origin: Socket | None = None, ack: bytes | None = None) -> None:
        """Delivers what this process committed, the ack to its author in its place, and publishes it."""
        frame = appended.frame.decode()
        self._arrive(
            appended.room,
            Arrival(appended.epoch, appended.seq, appended.type, frame, origin, ack.decode() if ack else None),
        )
        self.layer.publish_event(appended, frame)

    def committed_elsewhere(self, appended: Appended) -> None:
        """Takes an event that a service committed in another thread."""
        with suppress(RuntimeError):  # the loop has ended: other processes find the event by position
            self._loop.call_soon_threadsafe(self.committed, appended)

    def _arrive(self, name: str, arrival: Arrival) -> None:
        channel = self._channels.get(name)
        if channel is None or channel.epoch != arrival.epoch:
            if arrival.ack is not None:
                arrival.origin.outbox.put(arrival.ack)
                arrival = msgspec.structs.replace(arrival, ack=None)
            if channel is None:
                return
            if channel.epoch is None:  # a join is about to say where the room stands
                self._hold(channel, arrival)
            else:
                self._repair_soon(channel)
        elif arrival.seq == channel.position + 1:
            self._deliver(channel, arrival)
            if channel.pending:
                self._drain(channel)
        elif arrival.seq > channel.position:
            self._hold(channel, arrival)
            self._repair_soon(channel)
        elif arrival.ack is not None:  # the event was here first; its author is owed the answer all the same
            arrival.origin.outbox.put(arrival.ack)

    def _hold(self, channel: RoomChannel, arrival: Arrival) -> None:
        channel.pending[arrival.seq] = arrival
        if len(channel.pending) > PENDING_EVENTS:
            # Acks must not be lost with the copies; the log has the rest.
            channel.pending = {n: a for n, a in channel.pending.items() if a.ack is not None}

    def _deliver(self, channel: RoomChannel, arrival: Arrival) -> None:
        seq, frame, origin = arrival.seq, arrival.frame, arrival.origin
        channel.position = seq
        channel.recent.append((seq, frame))
        if channel.skip or channel.sieves:
            self._deliver_singly(channel, arrival)
        else:
            for member in channel.members.values():
                member.outbox.put(frame if member is not origin or arrival.ack is None else arrival.ack)
        if arrival.ack is not None and origin.id not in channel.members:
            origin.outbox.put(arrival.ack)
        metrics.delivered("durable").inc(len(channel.members))
        if self.watched(channel.name, arrival.type):
            channel.watched_at = seq
            if self.removing(channel.name, arrival.type):
                channel.removed[msgspec.json.decode(frame, type=_Removal).data.user] = seq
            self.on_watched(channel)

    def _deliver_singly(self, channel: RoomChannel, arrival: Arrival) -> None:
        for key, member in channel.members.items():
            if member is arrival.origin and arrival.ack is not None:  # it is owed also where the event is known
                member.outbox.put(arrival.ack)
            elif channel.skip.get(key, 0) < arrival.seq:
                sieve = channel.sieves.get(key)
                member.outbox.put(arrival.frame if sieve is None else sieve(arrival.frame))
        channel.skip = {key: seq for key, seq in channel.skip.items() if seq > arrival.seq}

    def _drain(self, channel: RoomChannel) -> None:
        while (arrival := channel.pending.pop(channel.position + 1, None)) is not None:
            self._deliver(channel, arrival)
        for seq in [n for n in channel.pending if n <= channel.position]:
            del channel.pending[seq]

    # --- holes -------------------------------------------------------------------------------------------------

    def _repair_soon(self, channel: RoomChannel) -> None:
        if channel.repair is None:
            channel.repair = self._spawn(self._repair(channel), "hub-repair")

    async def _repair(self, channel: RoomChannel) -> None:
        """Reads from the log what did not arrive by itself within the patience given to stragglers."""
        try:
            while True:
                before = channel.position
                await asyncio.sleep(self._conf.gap_patience)
                if not self._behind(channel) and channel.position != before:
                    return
                if channel.epoch is None or self._channels.get(channel.name) is not channel:
                    return
                if not await self._read_hole(channel):
                    return
        except RealtimeError:
            logger.warning("gap_repair_postponed", room=channel.name)
        except NoSuchRoom:
            self._restart(channel)
        finally:
            channel.repair = None

    def _behind(self, channel: RoomChannel) -> bool:
        return bool(channel.pending) or any(seq > channel.position for seq in channel.skip.values())

    async def _read_hole(self, channel: RoomChannel) -> bool:
        """Delivers one page of the log past the room's position; true when another look is due."""
        page = await call(log.read, channel.name, after=channel.position, limit=self._conf.replay_page)
        if page.position.epoch != channel.epoch or page.position.floor > channel.position + 1:
            self._restart(channel)
            return False
        repaired = 0
        for seq, raw in page.events:
            if seq != channel.position + 1:
                continue  # it arrived while the page was read
            pending = channel.pending.pop(seq, None)
            if pending is None and self._author_waits(channel, seq, raw):
                return True
            kind = msgspec.json.decode(raw, type=_Outline).type
            self._deliver(channel, pending or Arrival(page.position.epoch, seq, kind, raw.decode()))
            repaired += pending is None
        if repaired:
            metrics.gaps_repaired.inc()
            metrics.events_repaired.inc(repaired)
        self._drain(channel)
        return channel.position < page.position.head or self._behind(channel)

    def _author_waits(self, channel: RoomChannel, seq: int, raw: bytes) -> bool:
        """Whether the event's author sits here and its ack, due in the event's place, is about to arrive.

        Commands are answered in order: an ack can only come for one that was sent before the event was seen here.
        """
        author = channel.members.get(msgspec.json.decode(raw, type=_Outline).by.connection)
        if author is None or author.in_flight == 0:
            return False
        if channel.awaited[0] != seq:
            channel.awaited = (seq, author.submitted)
        return author.submitted - author.in_flight < channel.awaited[1]

    def _restart(self, channel: RoomChannel) -> None:
        """The log is not the one these members know: they come back and take a snapshot."""
        logger.warning("room_restarted", room=channel.name, epoch=channel.epoch)
        members = list(channel.members.values())
        self._answer_the_absent(channel)
        channel.epoch, channel.position = None, 0
        channel.members, channel.skip, channel.sieves, channel.pending = {}, {}, {}, {}
        channel.entered, channel.removed = {}, {}
        channel.recent.clear()
        channel.awaited, channel.watched_at = (0, 0), 0
        self._note_empty(channel)
        for member in members:
            member.close(Close.POSITION_LOST, "room.restarted", retry_ms=200)

    def _answer_the_absent(self, channel: RoomChannel) -> None:
        """Gives out the acks that still wait for their turn, when it will not come any more.

        Members would see a number out of order: they send their command again and get the same ack.
        """
        for arrival in channel.pending.values():
            if arrival.ack is not None and arrival.origin.id not in channel.members:
                arrival.origin.outbox.put(arrival.ack)

    async def _check_positions(self) -> None:
        while True:
            await asyncio.sleep(self._conf.position_interval)
            await self.check_positions()

    async def check_positions(self) -> None:
        """Compares where this process stands with where the logs stand."""
        names = [c.name for c in self._channels.values() if c.epoch is not None and (c.members or c.pending)]
        if not names:
            return
        try:
            heads = await call(log.positions, names)
        except RealtimeError:
            return
        for name in names:
            channel = self._channels.get(name)
            if channel is None or channel.epoch is None:
                continue
            epoch, head = heads.get(name, ("", 0))
            if epoch != channel.epoch:
                self._restart(channel)
            elif head > channel.position:
                self._repair_soon(channel)

    # --- events without a number -------------------------------------------------------------------------------

    def signal(self, name: str, frame: bytes, to: list[str] | None, origin: Socket) -> None:
        """Delivers an ephemeral event to all others of a room, or to named users."""
        text = frame.decode()
        self._deliver_signal(name, text, to, origin)
        self.layer.publish_signal(name, text, to)

    def _deliver_signal(self, name: str, text: str, to: list[str] | None, origin: Any = None) -> None:
        channel = self._channels.get(name)
        if channel is None:
            return
        wanted = None if to is None else set(to)
        delivered = 0
        for member in channel.members.values():
            if member is origin or (wanted is not None and member.user_id not in wanted):
                continue
            if not member.outbox.congested:  # who is behind does not need what is gone in a moment
                member.outbox.put(text)
                delivered += 1
        metrics.delivered("signal").inc(delivered)

    def _receive(self, message: dict[str, Any]) -> None:
        """Takes what another process published to a room."""
        name = message["room"]
        for seq, type_, frame in message["events"]:
            if frame:
                self._arrive(name, Arrival(message["epoch"], seq, type_, frame))
            elif (channel := self._channels.get(name)) is not None and seq > channel.position:
                self._repair_soon(channel)
        for frame, to in message["signals"]:
            self._deliver_signal(name, frame, to)
        if message["cursors"]:
            self.cursors.moved_elsewhere(name, message["cursors"])

    async def _layer_found(self) -> None:
        for channel in list(self._channels.values()):
            channel.grouped = await self.layer.join(channel.name)
        await self.check_positions()

    def _spawn(self, coroutine: Any, name: str) -> asyncio.Task[Any]:
        task = self._loop.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _By(msgspec.Struct):
    connection: str = ""


class _Outline(msgspec.Struct):
    type: str
    by: _By


class _Removed(msgspec.Struct):
    user: str


class _Removal(msgspec.Struct):
    data: _Removed
