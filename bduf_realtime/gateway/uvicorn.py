"""What uvicorn leaves out: an end for peers that do not read, and a short way for frames that are whole and plain."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import apply_mask  # type: ignore[attr-defined]
from websockets.protocol import State

CUT_AFTER = 5.0
READ_AHEAD = 16  # messages that may wait for the application before reading pauses
PLAIN_BYTES = 65_536
# With so many received at once there is more, which libuv would read up to 32 times before others have a turn: seconds
# of the smallest frames.
MUCH = 65_536
TEXT, BINARY, MASKED = 0x81, 0x82, 0x80  # the first two with FIN


class Protocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol: frames are cheap, and a peer that does not read costs no memory for long.

    websockets reads and writes each frame through a generator and several objects. Nearly all frames are whole in what
    was received, in one piece and of no control: those are read and written here, and the parser gets all others.
    """

    _head = b""  # the beginning of a frame's head
    _owed = 0  # bytes of a frame that the parser has begun to read
    _cutting: asyncio.TimerHandle | None = None

    # --- frames --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            super().data_received(data)
            if self.conn.handshake_exc is not None:  # uvicorn would leave it unsent, and the connection open
                self.transport.write(b"".join(self.conn.data_to_send()))
                self.transport.close()
            return
        at = self._owed
        if self._head:
            data = self._head + data
        begun, end = 0, len(data)  # what lies between `begun` and `at` is for the parser, all at once
        while end - at >= 2:
            first, length = data[at], data[at + 1]
            start = at + (6 if length & MASKED else 2)
            plain = length & MASKED and first in (BINARY, TEXT)
            length &= 0x7F
            if length > 125:
                wide = 2 if length == 126 else 8
                length = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
                start += wide
            if start > end:
                break
            stop = start + length
            if plain and stop <= end:
                if begun < at:
                    super().data_received(data[begun:at])
                    begun = at
                if self._took(first, data[start - 4 : start], data[start:stop]):
                    begun = stop
            at = stop
        if begun < at:
            super().data_received(data[begun:at])
        self._owed = max(0, at - end)
        self._head = data[at:]
        if end >= MUCH and not self.read_paused:
            self.transport.pause_reading()
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        if not self.read_paused and not self.transport.is_closing() and not self.transport.is_reading():
            self.transport.resume_reading()

    def _took(self, first: int, mask: bytes, payload: bytes) -> bool:
        """Hands a message to the application; false where it is for the parser to read, or to refuse."""
        if self.close_sent:
            return True  # nobody is there to hear it
        # `frames` holds the pieces so far of a message in several.
        if self.frames or self.conn.state is not State.OPEN or len(payload) > PLAIN_BYTES:
            return False
        data = apply_mask(payload, mask)
        message: dict[str, Any] = {"type": "websocket.receive"}
        if first == BINARY:
            message["bytes"] = data
        else:
            try:
                message["text"] = data.decode()
            except UnicodeDecodeError:
                return False
        self.queue.put_nowait(message)  # type: ignore[arg-type]
        # uvicorn pauses with every message, and goes on when the application has it: two system calls for each.
        if not self.read_paused and self.queue.qsize() > READ_AHEAD:
            self.read_paused = True
            self.transport.pause_reading()
        return True

    async def send(self, message: Any) -> None:
        if (
            message["type"] != "websocket.send"
            or not self.handshake_complete
            or self.close_sent
            or self.disconnected
            or not self.writable.is_set()
            or self.conn.state is not State.OPEN
        ):
            await super().send(message)
            return
        payload, first = message.get("bytes"), BINARY
        if payload is None:
            payload, first = message["text"].encode(), TEXT
        size = len(payload)
        if size < 126:
            self.transport.write(bytes((first, size)) + payload)
        elif size < 65_536:
            self.transport.write(struct.pack("!BBH", first, 126, size) + payload)
        else:
            self.transport.writelines((struct.pack("!BBQ", first, 127, size), payload))

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # a pong less: else pings of a peer that does not read would pile up pongs

    # --- the end -------------------------------------------------------------------------------------------------

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        if not self.disconnected:
            self._cutting = self.loop.call_later(CUT_AFTER, self._cut)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._cutting is not None:
            self._cutting.cancel()

    def _cut(self) -> None:
        # uvicorn waits for ever, and the kernel for many minutes, for a peer to take what was written before the end.
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
