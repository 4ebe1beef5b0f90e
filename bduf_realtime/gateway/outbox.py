"""What waits to be sent to one connection: bounded, batched, and honest about clients that do not read."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from bduf_realtime.gateway.conf import Conf

Send = Callable[[dict[str, Any]], Awaitable[None]]

Payload = str | bytes

# Bytes a second that a peer takes at least: so much longer may it take to read what is more than a window.
PACE = 131_072

# What a server raises for a peer that is gone: the consumer hears of it in its turn, as a disconnect.
GONE = (OSError, RuntimeError)


class Outbox:
    """Sends ordered frames and, beside them, a lane in which only each key's latest value waits.

    Ordered frames gather for at most `flush_interval` behind others and leave as one JSON array where the client takes
    batches.
    After every `outbox_ping_bytes` a ping with a nonce follows the data; its pong proves that the data before it was
    read, on servers that report no backpressure too. With `outbox_window` bytes unproven, sending stops: the lane
    keeps collapsing, ordered frames wait, and more than `outbox_frames` or `outbox_bytes` of them overflow.
    """

    __slots__ = (
        "_clock",
        "_conf",
        "_drained",
        "_lane",
        "_last_flush",
        "_loop",
        "_ordered",
        "_overflow",
        "_pings",
        "_scheduled",
        "_send",
        "_sending",
        "acked",
        "batch",
        "bytes_waiting",
        "closed",
        "frames_sent",
        "pinged",
        "sent",
        "stalled_since",
    )

    def __init__(self, send: Send, conf: Conf, overflow: Callable[[], None]) -> None:
        self._send = send
        self._conf = conf
        self._overflow = overflow
        self._loop = asyncio.get_running_loop()
        self._ordered: deque[Payload] = deque()
        self._lane: dict[str, dict[str, str]] | None = None
        self._pings: deque[tuple[str, int]] | None = None
        self._sending: asyncio.Task[None] | None = None
        self._scheduled: asyncio.Handle | None = None
        self._drained: asyncio.Event | None = None
        self._last_flush = 0.0
        self.batch = False
        self.bytes_waiting = 0
        self.sent = self.pinged = self.acked = 0
        self.frames_sent = 0
        self.stalled_since: float | None = None
        self.closed = False

    # --- putting ---------------------------------------------------------------------------------------------

    def put(self, frame: Payload) -> None:
        """Queues a frame that must arrive, after everything queued before it."""
        if self.closed:
            return
        self._ordered.append(frame)
        self.bytes_waiting += size_of(frame)
        if len(self._ordered) > 1 and (
            len(self._ordered) > self._conf.outbox_frames or self.bytes_waiting > self._conf.outbox_bytes
        ):
            self._overflow()
        elif self._scheduled is None and self._sending is None:
            self._schedule()

    def put_latest(self, lane: str, entries: dict[str, str]) -> None:
        """Queues values of which only the latest of each key in `lane` is of interest."""
        if self.closed:
            return
        if self._lane is None:
            self._lane = {}
        waiting = self._lane.get(lane)
        self._lane[lane] = entries if waiting is None else waiting | entries
        if self._scheduled is None and self._sending is None:
            self._schedule()

    # --- proof of arrival ------------------------------------------------------------------------------------

    def ping(self) -> str:
        """Sends a ping behind what was sent so far, and returns its nonce."""
        nonce = secrets.token_hex(6)
        if self._pings is None:
            self._pings = deque()
        self._pings.append((nonce, self.sent))
        self._write(self._asking(nonce))
        self.pinged = self.sent
        return nonce

    def _asking(self, nonce: str) -> Payload:
        """The frame that a client answers when it has read what came before."""
        return f'{{"type":"ping","id":"{nonce}"}}'

    def pong(self, nonce: str) -> bool:
        """Takes the answer to a ping; false for a nonce that was never sent."""
        if self._pings is None or all(nonce != sent for sent, _ in self._pings):
            return False
        while self._pings:
            sent, offset = self._pings.popleft()
            self.acked = max(self.acked, offset)
            if sent == nonce:
                break
        if not self._pings:
            self._pings = None
        if self.stalled_since is not None and not self.blocked:
            self.stalled_since = None
            self._schedule()
        return True

    @property
    def blocked(self) -> bool:
        return self.sent - self.acked >= self._conf.outbox_window

    @property
    def congested(self) -> bool:
        """Whether so much waits that the client's own commands had better wait too."""
        return self.bytes_waiting * 2 > self._conf.outbox_bytes or len(self._ordered) * 2 > self._conf.outbox_frames

    @property
    def crowded(self) -> bool:
        """Whether so much waits that a replay had better pause."""
        return self.bytes_waiting * 4 > self._conf.outbox_bytes or len(self._ordered) * 4 > self._conf.outbox_frames

    async def drained(self) -> None:
        """Waits until little enough waits that more of a replay fits."""
        while self.crowded:
            if self.closed:
                return
            if self._drained is None:
                self._drained = asyncio.Event()
            await self._drained.wait()

    # --- sending ---------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Sends what has gathered, unless the window is full or a send is under way."""
        self._scheduled = None
        if self.closed or self._sending is not None:
            return
        now = self._loop.time()
        if self._ordered:
            self._last_flush = now  # a lane has a clock of its own: cursors must not hold up the edit behind them
        while self._sending is None and not self.closed:
            if self.sent - self.pinged >= self._conf.outbox_ping_bytes:
                self.ping()
            elif not self._ordered and not self._lane:
                break
            elif self.blocked:
                if self.stalled_since is None:
                    self.stalled_since = now + self._allowance
                return
            else:
                self._write(self._next())
        if self._drained is not None:
            self._drained.set()
            self._drained = None

    def close(self) -> None:
        """Forgets what waits; nothing is sent any more."""
        self.closed = True
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        self._ordered.clear()
        self._lane = None
        self.bytes_waiting = 0
        if self._drained is not None:
            self._drained.set()

    async def finish(self, patience: float) -> bool:
        """Waits for a send that is under way; false if it was given up."""
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=patience)
        if self._sending is None:
            return True
        self._sending.cancel()
        return False

    def _schedule(self) -> None:
        if self._scheduled is None and not self.closed:
            due = self._last_flush + self._conf.flush_interval - self._loop.time()
            self._scheduled = self._loop.call_later(due, self.flush) if due > 0 else self._loop.call_soon(self.flush)

    def _next(self) -> Payload:
        """Takes the next text to send: the ordered frames up to one ping's worth, then the lane."""
        frames: list[Any] = []
        size = 0
        while self._ordered and (not frames or (self.batch and size < self._conf.outbox_ping_bytes)):
            frame = self._ordered.popleft()
            frames.append(frame)
            size += size_of(frame)
        self.bytes_waiting -= size
        if self._lane and (self.batch or not frames):
            lane = self._lane
            if self.batch:
                frames += [_combined(name, entries) for name, entries in lane.items()]
                self._lane = None
            else:
                name, entries = lane.popitem()
                frames.append(_combined(name, entries))
        self.frames_sent += len(frames)
        return frames[0] if len(frames) == 1 else f"[{','.join(frames)}]"

    @property
    def _allowance(self) -> float:
        usual = self._conf.outbox_window + self._conf.outbox_ping_bytes
        return max(0, self.sent - self.acked - usual) / PACE

    def _write(self, payload: Payload) -> None:
        self.sent += size_of(payload)
        kind = "text" if isinstance(payload, str) else "bytes"
        try:
            pending = started(self._send({"type": "websocket.send", kind: payload}))
        except GONE:
            self.close()
            return
        if pending is not None:
            # The server's own buffer is full; go on when it has room.
            self._sending = self._loop.create_task(self._finish(pending))
            self.stalled_since = self.stalled_since or self._loop.time() + self._allowance

    async def _finish(self, pending: Awaitable[None]) -> None:
        try:
            await pending
        except GONE:
            self.close()
        finally:
            self._sending = None
            self.stalled_since = None
        self.flush()


def size_of(payload: Payload) -> int:
    """Returns the bytes of a frame."""
    return len(payload) if isinstance(payload, bytes) or payload.isascii() else len(payload.encode())


def _combined(lane: str, entries: dict[str, str]) -> str:
    return f"{lane}{','.join(entries.values())}]}}}}"


class _Started:
    """A coroutine that has run to its first suspension, to be awaited for the rest."""

    __slots__ = ("_coroutine", "_yielded")

    def __init__(self, coroutine: Coroutine[Any, Any, None], yielded: Any) -> None:
        self._coroutine = coroutine
        self._yielded = yielded

    def __await__(self) -> Generator[Any, Any, None]:
        yielded = self._yielded
        while True:
            error = value = None
            try:
                value = yield yielded
            except BaseException as thrown:  # noqa: BLE001 - a cancellation belongs to the coroutine
                error = thrown
            try:
                yielded = self._coroutine.send(value) if error is None else self._coroutine.throw(error)
            except StopIteration:
                return


def started(awaitable: Awaitable[None]) -> Awaitable[None] | None:
    """Runs a send at once, without a task; returns what is left of it, or None when it is done.

    Nearly every send completes without suspending, and a task for each costs more than the send itself.
    """
    coroutine: Any = awaitable
    try:
        yielded = coroutine.send(None)
    except StopIteration:
        return None
    return _Started(coroutine, yielded)
