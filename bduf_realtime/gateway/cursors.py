"""Cursors of a process's rooms: the latest of each connection, told in one frame a tick, never stored."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from bduf_realtime.gateway import metrics
from bduf_realtime.gateway.layer import Layer

if TYPE_CHECKING:
    from bduf_realtime.gateway.channel import RoomChannel
    from bduf_realtime.gateway.socket import Socket


class Cursors:
    """Part of the hub: moves cursors between the members of its rooms, and to and from other processes."""

    def __init__(self, channels: Mapping[str, RoomChannel], layer: Layer, tick: float) -> None:
        self._channels = channels
        self._layer = layer
        self._tick = tick
        self._moved: set[RoomChannel] = set()
        self._flushing: asyncio.TimerHandle | None = None

    def stop(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()

    def move(self, name: str, connection: str, entry: bytes) -> None:
        """Keeps a connection's latest cursor for the room's next tick."""
        text = entry.decode()
        self._take(name, {connection: text})
        self._layer.publish_cursor(name, connection, text)

    def moved_elsewhere(self, name: str, entries: dict[str, str]) -> None:
        """Takes cursors of connections on another process; an empty one is of a connection that left."""
        if (channel := self._channels.get(name)) is not None:
            for key in [key for key, entry in entries.items() if not entry]:
                self._forget(channel, key)
                del entries[key]
        if entries:
            self._take(name, entries)

    def leave(self, channel: RoomChannel, connection: str) -> None:
        """Takes the cursor of a connection away that leaves the room here."""
        if self._forget(channel, connection):
            self._layer.publish_cursor(channel.name, connection, "")

    def welcome(self, channel: RoomChannel, joiner: Socket) -> None:
        """Shows a joiner the cursors of the others."""
        others = {key: entry for key, entry in channel.cursors.items() if key != joiner.id}
        if others and not channel.hidden:
            joiner.outbox.put_latest(cursor_lane(channel.name), others)

    def repeat(self, name: str) -> None:
        """Publishes where the cursors of local members are, for a process that has just opened the room."""
        channel = self._channels.get(name)
        if channel is None:
            return
        for connection in channel.members.keys() & channel.cursors.keys():
            self._layer.publish_cursor(name, connection, channel.cursors[connection])

    def share(self, channel: RoomChannel, shared: bool) -> None:
        """Shows a room's cursors, or has the members take every one away."""
        if shared and channel.hidden:
            channel.hidden = False
            self._tell(channel, dict(channel.cursors))
        elif not shared and not channel.hidden:
            self._tell(channel, {connection: _gone(entry) for connection, entry in channel.cursors.items()})
            channel.hidden = True
        if not shared:
            # Those of other processes may still be on their way, and go when their own process says so.
            for connection in channel.members.keys() & channel.cursors.keys():
                del channel.cursors[connection]
                self._layer.publish_cursor(channel.name, connection, "")

    def _take(self, name: str, entries: dict[str, str]) -> None:
        channel = self._channels.get(name)
        if channel is None:
            return
        channel.cursors |= entries
        if not channel.hidden:
            self._tell(channel, entries)

    def _forget(self, channel: RoomChannel, connection: str) -> bool:
        """Forgets a connection's cursor and has the members told, by one without a position; false if it had none."""
        entry = channel.cursors.pop(connection, None)
        if entry is None:
            return False
        if not channel.hidden:
            self._tell(channel, {connection: _gone(entry)})
        return True

    def _tell(self, channel: RoomChannel, entries: dict[str, str]) -> None:
        channel.cursors_moved |= entries
        self._moved.add(channel)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(self._tick, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        moved, self._moved = self._moved, set()
        for channel in moved:
            entries, channel.cursors_moved = channel.cursors_moved, {}
            lane = cursor_lane(channel.name)
            for key, member in channel.members.items():
                if key not in entries:
                    member.outbox.put_latest(lane, entries)
                elif len(entries) > 1:
                    member.outbox.put_latest(lane, {k: entry for k, entry in entries.items() if k != key})
            metrics.delivered("cursor").inc(len(channel.members))


def _gone(entry: str) -> str:
    return msgspec.json.encode(msgspec.json.decode(entry) | {"position": None, "selection": None}).decode()


def cursor_lane(room: str) -> str:
    """The start of a combined cursor frame, which also names its lane in an outbox."""
    return f'{{"type":"collaboration:cursor:moved","room":"{room}","data":{{"cursors":['
