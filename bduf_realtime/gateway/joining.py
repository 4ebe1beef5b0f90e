"""How a connection enters a room: from the first look at its position to the first event it sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bduf_realtime.gateway import metrics
from bduf_realtime.gateway.doors import Joined, Wish

if TYPE_CHECKING:
    from bduf_realtime.gateway.socket import Socket


async def enter(
    socket: Socket, wish: Wish, greet: Callable[[Joined], None], sieve: Callable[[str], str] | None = None
) -> None:
    """Joins a room, has the connection greeted, and then lets it see everything past what it was greeted with.

    With a `sieve` it sees what that leaves of each frame, until it joins again or leaves.
    Raises what the room's kind refuses a visitor with.
    """
    room, since = wish.room, wish.since
    hub = socket.process.hub
    hub.leave(socket, room)
    channel = await hub.open(room)
    try:
        joined = await socket.process.join(wish)
        socket.rooms[room] = joined.grant
        hub.settle(channel, joined.epoch, joined.seq)
        if not joined.grant.cursors:
            hub.cursors.share(channel, False)
        greet(joined)
        metrics.recoveries.labels(joined.recovered).inc()
        full = joined.recovered == "full" and since is not None
        await hub.admit(channel, socket, joined, since.seq if full and since else None, sieve)
    except BaseException:
        if socket.rooms.pop(room, None) is not None:  # who could not join again is in the room no more
            socket.process.departed(socket, room)
        raise
    finally:
        hub.release(channel)
        if socket.closing is not None or socket.outbox.closed:
            socket.process.departed(socket, room)
