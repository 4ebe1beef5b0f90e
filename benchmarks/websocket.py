"""A WebSocket endpoint on asyncio.Protocol with little enough around the callback to count events.

RFC 6455 framing only: no extensions are offered, so servers never compress. Text frames reach `text_received`
as bytes, not decoded; whoever wants JSON decodes it. Binary ones reach `binary_received`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import random
import struct
from typing import cast

ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN = 0x80
ABNORMAL_CLOSURE = 1006
HANDSHAKE_BYTES = 65_536


class HandshakeError(ConnectionError):
    """The server answered the upgrade request with something other than 101."""


class FramingError(ConnectionError):
    """The peer broke RFC 6455."""


def accept_key(key: bytes) -> bytes:
    """Returns the Sec-WebSocket-Accept value that answers a Sec-WebSocket-Key (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + ACCEPT_GUID).digest())


def masked(payload: bytes, key: bytes) -> bytes:
    """Applies a 4-byte mask to a payload; applying it twice gives the payload back."""
    length = len(payload)
    keys = (key * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(keys, "little")).to_bytes(length, "little")


def frame(opcode: int, payload: bytes, *, mask: bool) -> bytes:
    """Encodes one unfragmented frame, masked as a client must or plain as a server must."""
    length = len(payload)
    flag = 0x80 if mask else 0
    if length < 126:
        head = bytes((FIN | opcode, flag | length))
    elif length < 65_536:
        head = struct.pack("!BBH", FIN | opcode, flag | 126, length)
    else:
        head = struct.pack("!BBQ", FIN | opcode, flag | 127, length)
    if not mask:
        return head + payload
    key = random.getrandbits(32).to_bytes(4, "big")
    return head + key + masked(payload, key)


class WebSocketEndpoint(asyncio.Protocol):
    """What both sides of a WebSocket share: frame parsing, ping answers and the closing handshake."""

    masks = True

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.open = False
        self.close_code: int | None = None
        self.close_reason = ""
        self.bytes_received = 0
        self._tail = b""
        self._fragments: list[bytes] = []
        self._fragments_text = False

    def text_received(self, payload: bytes) -> None:
        """Takes one whole text message, as UTF-8 bytes."""
        raise NotImplementedError

    def binary_received(self, payload: bytes) -> None:
        """Takes one whole binary message; most endpoints expect none."""

    def opened(self) -> None:
        """Called once, when the opening handshake is over."""

    def closed(self) -> None:
        """Called once, when the connection is gone; `close_code` says how (1006: without a close frame)."""

    def handshake(self, head: bytes) -> None:
        """Takes the peer's half of the opening handshake, up to and including the blank line."""
        raise NotImplementedError

    def send_text(self, payload: bytes) -> None:
        """Sends one text message; ignored on a connection that is gone."""
        self._write(TEXT, payload)

    def send_binary(self, payload: bytes) -> None:
        """Sends one binary message; ignored on a connection that is gone."""
        self._write(BINARY, payload)

    def close(self, code: int = 1000) -> None:
        """Starts the closing handshake; the peer drops the connection."""
        self._write(CLOSE, struct.pack("!H", code))

    def abort(self) -> None:
        """Drops the TCP connection without a word, as a network cut does."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by shape only

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self.transport = None
        if self.close_code is None:
            self.close_code = ABNORMAL_CLOSURE
        self.closed()

    def data_received(self, data: bytes) -> None:
        self.bytes_received += len(data)
        if self._tail:
            data = self._tail + data
            self._tail = b""
        if not self.open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > HANDSHAKE_BYTES:
                    raise HandshakeError("the opening handshake is endless")
                self._tail = data
                return
            self.handshake(data[: end + 4])
            data = data[end + 4 :]
            if not self.open:
                return
            self.opened()
        position, end = 0, len(data)
        while end - position >= 2:
            first, length = data[position], data[position + 1]
            start = position + 2
            mask = length & 0x80
            length &= 0x7F
            if length == 126:
                start += 2
                length = int.from_bytes(data[position + 2 : start], "big")
            elif length == 127:
                start += 8
                length = int.from_bytes(data[position + 2 : start], "big")
            if mask:
                start += 4
            # A truncated length reads as a smaller one, but `start` is already past `end` then.
            if end < start + length:
                break
            payload = data[start : start + length]
            if mask:
                payload = masked(payload, data[start - 4 : start])
            position = start + length
            if first == FIN | TEXT:
                self.text_received(payload)
            elif first == FIN | BINARY:
                self.binary_received(payload)
            else:
                self._other(first, payload)
        self._tail = data[position:]

    def _other(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if opcode == PING:
            self._write(PONG, payload)
        elif opcode == CLOSE:
            if self.close_code is None:
                self.close_code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
                self.close_reason = payload[2:].decode(errors="replace")
            self._write(CLOSE, payload[:2])
            if self.transport is not None:
                self.transport.close()
        elif opcode in (CONTINUATION, TEXT, BINARY):
            if opcode != CONTINUATION:
                self._fragments, self._fragments_text = [], opcode == TEXT
            self._fragments.append(payload)
            if first & FIN:
                whole, self._fragments = b"".join(self._fragments), []
                (self.text_received if self._fragments_text else self.binary_received)(whole)
        elif opcode != PONG:
            raise FramingError(f"frame with opcode {opcode}")

    def _write(self, opcode: int, payload: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(frame(opcode, payload, mask=self.masks))


class WebSocketClient(WebSocketEndpoint):
    """The client's side; `ready` resolves with the upgrade's answer, HandshakeError if it is a refusal."""

    def __init__(self, host: str, path: str, headers: dict[str, str]) -> None:
        super().__init__()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._key = base64.b64encode(os.urandom(16))
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {self._key.decode()}", "Sec-WebSocket-Version: 13"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._request = "\r\n".join([*lines, "", ""]).encode()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.write(self._request)

    def handshake(self, head: bytes) -> None:
        status, _, rest = head.partition(b"\r\n")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in rest.split(b"\r\n"))
        }
        if status.split(b" ")[1:2] != [b"101"]:
            self._fail(HandshakeError(status.decode(errors="replace")))
        elif headers.get(b"sec-websocket-accept") != accept_key(self._key):
            self._fail(HandshakeError("wrong Sec-WebSocket-Accept"))
        else:
            self.open = True
            if not self.ready.done():
                self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or HandshakeError("connection closed before it was answered"))
        super().connection_lost(exc)

    def _fail(self, error: Exception) -> None:
        if not self.ready.done():
            self.ready.set_exception(error)
            self.ready.exception()  # read once, so that a caller who gave up leaves no warning
        if self.transport is not None:
            self.transport.abort()


class WebSocketServer(WebSocketEndpoint):
    """The server's side, for the trivial servers the generator is measured against."""

    masks = False

    def __init__(self) -> None:
        super().__init__()
        self.path = ""

    def handshake(self, head: bytes) -> None:
        request, _, rest = head.partition(b"\r\n")
        self.path = request.split(b" ")[1].decode()
        key = b""
        for line in rest.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"sec-websocket-key":
                key = value.strip()
        assert self.transport is not None
        if not key:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()
            return
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key) + b"\r\n\r\n"
        )
        self.open = True
