"""Rights that change while people are in a room: asked for again after every event that may have changed them.

And by the clock, where what changes them is no event of the room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from bduf_realtime.gateway import doors, storage
from bduf_realtime.gateway.channel import RoomChannel
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.doors import Grant, Over
from bduf_realtime.gateway.errors import Close, RealtimeError
from bduf_realtime.gateway.hub import Hub

if TYPE_CHECKING:
    from bduf_realtime.gateway.socket import Socket


POLLED_AT_ONCE = 200  # rooms: a thread that builds more rows at once holds up the event loop


class InDoubt(Exception):
    """What members of a room may do has just changed, and is being looked up: a command has to wait for it.

    So whoever has been told of a change may count on it with the next command.
    """


class Rights:
    """What the members of this process's rooms may do; `departed` is told of those who are shown out.

    `look_at_accounts` closes those whose account has ended: they are told that, not that they were removed.
    """

    def __init__(
        self,
        hub: Hub,
        departed: Callable[[Socket, str], None],
        look_at_accounts: Callable[[Sequence[Socket]], Awaitable[None]],
    ) -> None:
        self._hub = hub
        self._departed = departed
        self._look_at_accounts = look_at_accounts
        self._tasks: set[asyncio.Task[None]] = set()
        hub.watched = lambda room, type_: type_ in doors.kinds[room.partition(":")[0]].watched
        hub.removing = lambda room, type_: type_ in doors.kinds[room.partition(":")[0]].removing
        hub.on_watched = self._judge_again

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _judge_again(self, channel: RoomChannel) -> None:
        channel.doubts += 1
        if channel.doubts == 1:
            task = channel.judging = asyncio.create_task(self._refresh(channel), name="grants")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def judged(self, room: str) -> None:
        """Waits until it is known again what a room's members may do; raises storage.unavailable."""
        channel = self._hub.channel(room)
        if channel is not None and channel.doubts and channel.judging is not None:
            await asyncio.wait({channel.judging}, timeout=conf.database_deadline)
            if not channel.judging.done():
                raise RealtimeError("storage.unavailable", retry_after_ms=1_000)

    async def _refresh(self, channel: RoomChannel) -> None:
        """Asks what the room's members may do now, and shows those out who may nothing any more.

        One look at a time, so that an older one never overrules a newer one.
        """
        kind, key = doors.split(channel.name)
        try:
            while doubts := channel.doubts:
                # These and no others: a connection that comes meanwhile, of the same user too, may know better.
                members = list(channel.members.values())
                try:
                    users = {member.user_id for member in members}
                    grants: dict[str, Grant] = await storage.call(kind.grants, key, users)
                    granted = {m: None if channel.was_removed(m) else grants.get(m.user_id) for m in members}
                    if gone := [member for member, grant in granted.items() if grant is None]:
                        await self._look_at_accounts(gone)
                except RealtimeError:
                    await asyncio.sleep(1.0)
                    continue
                for member in members:
                    if channel.members.get(member.id) is member:
                        self._apply(member, channel.name, granted[member])
                self._hub.cursors.share(channel, all(grant.cursors for grant in grants.values()))
                channel.doubts -= doubts
            if not channel.joining:  # who still comes in may have joined before a removal
                channel.removed.clear()
        finally:
            channel.doubts = 0

    async def poll(self) -> None:
        """Asks again what the members of rooms may do whose kind is polled; raises RealtimeError."""
        for prefix, kind in doors.kinds.items():
            if not isinstance(kind, doors.PolledKind):
                continue
            channels = [c for c in self._hub.channels(f"{prefix}:") if c.members]
            for start in range(0, len(channels), POLLED_AT_ONCE):
                await self._look(kind, channels[start : start + POLLED_AT_ONCE])

    async def _look(self, kind: doors.PolledKind, channels: list[RoomChannel]) -> None:
        before = [(c, doors.split(c.name)[1], c.watched_at, list(c.members.values())) for c in channels]
        wanted = {key: {member.user_id for member in members} for _, key, _, members in before}
        grants = await storage.call(kind.grants_many, wanted)
        if gone := [m for _, key, _, members in before for m in members if m.user_id not in grants.get(key, {})]:
            await self._look_at_accounts(gone)
        for channel, key, watched_at, members in before:
            if channel.doubts or channel.watched_at != watched_at:
                continue  # somebody else looks, or has looked, and knows better
            for member in members:
                if channel.members.get(member.id) is member:
                    self._apply(member, channel.name, grants.get(key, {}).get(member.user_id))

    def _apply(self, member: Socket, room: str, grant: Grant | None) -> None:
        if grant is None:
            member.close(Close.FORBIDDEN, "room.removed")
        elif grant.over:
            self._turn_out(member, room, grant.over)
        else:
            member.rooms[room] = grant

    def _turn_out(self, member: Socket, room: str, over: Over) -> None:
        """Takes a connection out of a room that is over, and ends it where it was for that, or in nothing else.

        The one that ended the room goes on: it is about to do something else.
        """
        del member.rooms[room]
        self._hub.leave(member, room)
        self._departed(member, room)
        nothing_else = all(other == f"user:{member.user_id}" for other in member.rooms)
        if room == member.home or (nothing_else and room not in member.rooms_ended):
            member.close(over.close, over.reason)
