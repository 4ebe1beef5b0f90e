"""What waits to be sent to a Yjs client: the frames that the hub delivers to everybody, turned into y-protocols'."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec
from pycrdt import merge_updates

from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.outbox import Outbox, Payload, Send, size_of
from collaboration.documents.awareness import GONE, client_of, state_of
from collaboration.documents.frames import Awareness, Frame, QueryAwareness, Update, write_frame

UPDATED = '{"type":"collaboration:document:updated"'
MERGED_BYTES = 65_536


class _Data(msgspec.Struct):
    update: bytes


class _Updated(msgspec.Struct):
    data: _Data


class YjsOutbox(Outbox):
    """Sends updates and awareness; any other event says nothing to a Yjs client.

    Updates that gathered leave as one. Members of a room gather the same ones, so that they are merged once for all.
    Frames of `answer` are not counted among the bytes that may wait: the consumer gives one at a time.
    """

    def __init__(self, send: Send, conf: Conf, overflow: Callable[[], None]) -> None:
        super().__init__(send, conf, overflow)
        self.document = ""
        self._shown: dict[str, dict[str, str]] = {}
        self._clock = 0

    def put(self, frame: Payload) -> None:
        if isinstance(frame, str) and frame.startswith(UPDATED):
            super().put(frame)

    def answer(self, frame: Frame | bytes) -> None:
        """Queues a frame for this client alone, written already where it is long."""
        if not self.closed:
            self._ordered.append(frame if isinstance(frame, bytes) else write_frame(frame))
            if self._scheduled is None and self._sending is None:
                self._schedule()

    @property
    def answering(self) -> bool:
        """Whether a long answer still waits."""
        return any(isinstance(frame, bytes) and len(frame) > MERGED_BYTES for frame in self._ordered)

    @property
    def asked(self) -> str | None:
        """The oldest question that the client has not answered."""
        return self._pings[0][0] if self._pings else None

    def _asking(self, nonce: str) -> Payload:
        return write_frame(QueryAwareness())

    def _next(self) -> Payload:
        self.frames_sent += 1
        first = self._ordered[0] if self._ordered else None
        if first is None:
            return self._awareness()
        if isinstance(first, bytes):
            self._ordered.popleft()
            return first
        frames: list[str] = []
        size = 0
        while self._ordered and isinstance(frame := self._ordered[0], str):
            if frames and size + len(frame) > MERGED_BYTES:
                break
            frames.append(frame)
            size += len(frame)
            self.bytes_waiting -= size_of(frame)
            self._ordered.popleft()
        return _small(tuple(frames)) if size <= MERGED_BYTES else _large(tuple(frames))

    # --- awareness -----------------------------------------------------------------------------------------------

    def put_latest(self, lane: str, entries: dict[str, str]) -> None:
        """Queues the cursors that are in this document, and the end of those that were."""
        shown = self._shown.setdefault(lane, {})
        news: dict[str, str] = {}
        for connection, entry in entries.items():
            if state_of(entry, self.document) != GONE:
                shown[connection] = news[connection] = entry
            elif shown.pop(connection, None) is not None:
                news[connection] = entry
        if news:
            super().put_latest(lane, news)

    def show_again(self) -> None:
        """Queues everybody's cursor: Yjs clients forget who was not heard of for half a minute."""
        for lane, entries in self._shown.items():
            self.put_latest(lane, dict(entries))

    def _awareness(self) -> bytes:
        lanes, self._lane = self._lane or {}, None
        states: dict[int, tuple[int, str]] = {}
        for entries in lanes.values():
            for connection, entry in entries.items():
                self._clock += 1
                states[client_of(connection)] = (self._clock, state_of(entry, self.document))
        return write_frame(Awareness(states))


def _merged(frames: tuple[str, ...]) -> bytes:
    updates = [msgspec.json.decode(frame, type=_Updated).data.update for frame in frames]
    return write_frame(Update(merge_updates(*updates) if len(updates) > 1 else updates[0]))


_small = lru_cache(maxsize=128)(_merged)
_large = lru_cache(maxsize=4)(_merged)
