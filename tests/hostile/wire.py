"""A WebSocket client made of bare bytes: it sends whatever it is told, and reads what comes back strictly."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from tests.servers import MS

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NO_CLOSE_FRAME = 1006
PATIENCE = 15_000 * MS

Header = tuple[str, str | bytes]


@dataclass(frozen=True)
class Answer:
    """A server's answer to a handshake or to any other HTTP request."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Ending:
    """How a connection ended: its close code (1006 without a close frame), and what was said before."""

    code: int
    reason: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def codes(self) -> list[str]:
        """The error codes among what was said."""
        return [message["code"] for message in self.messages if message["type"] == "error"]


class Ended(EOFError):
    """The server ended the connection while a message was awaited."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(f"{ending.code} {ending.reason}")
        self.ending = ending


def request(path: str, headers: Iterable[Header], *, line: str = "GET {path} HTTP/1.1") -> bytes:
    """The bytes of an HTTP request's head."""
    lines = [line.format(path=path).encode("latin-1")]
    for name, value in headers:
        lines.append(name.encode("latin-1") + b": " + (value if isinstance(value, bytes) else value.encode()))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def frame(
    payload: bytes,
    opcode: int = TEXT,
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """The bytes of one frame; `length` is what it claims to hold."""
    length = len(payload) if length is None else length
    mask = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if length < 126:
        head += bytes([mask | length])
    elif length < 1 << 16:
        head += struct.pack("!BH", mask | 126, length)
    else:
        head += struct.pack("!BQ", mask | 127, length)
    if not masked:
        return head + payload
    key = os.urandom(4)
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + key + mixed.to_bytes(len(payload), "big")


class Wire:
    """One TCP connection to a server, spoken by hand."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.port = port
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0))
        self.cut = False
        self.answered: Answer | None = None
        self._buffer = b""
        self._parts = b""

    # Writing

    def write(self, data: bytes) -> bool:
        """Sends bytes; false once the server has cut the connection."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.cut = True
        return not self.cut

    def send(self, message: Any) -> None:
        """Sends a message of the protocol; text goes as it is."""
        text = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
        self.write(frame(text.encode()))

    def ask(self, type: str, data: Any = None, id: str | None = None) -> dict[str, Any]:
        """Sends a command, under a new id unless given one, and returns its answer; passes over whatever else comes."""
        id = id or os.urandom(6).hex()
        self.send({"type": type, "id": id} | ({} if data is None else {"data": data}))
        return self.answer(id)

    # The handshake

    def shake(
        self,
        path: str = "/ws/",
        headers: Iterable[Header] = (),
        *,
        token: str | None = None,
        protocols: Iterable[str] = (),
        without: Iterable[str] = (),
        line: str = "GET {path} HTTP/1.1",
    ) -> Answer:
        """Sends an opening handshake and returns the answer; given headers come after the usual ones.

        `without` names usual headers to leave out.
        """
        usual: list[Header] = [
            ("Host", f"127.0.0.1:{self.port}"),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Key", base64.b64encode(os.urandom(16)).decode()),
            ("Sec-WebSocket-Version", "13"),
        ]
        if token is not None:
            usual.append(("Authorization", f"Bearer {token}"))
        if protocols:
            usual.append(("Sec-WebSocket-Protocol", ", ".join(protocols)))
        kept = [header for header in usual if header[0] not in set(without)]
        self.write(request(path, [*kept, *headers], line=line))
        self.answered = self.response()
        return self.answered

    def response(self) -> Answer:
        """Reads an HTTP answer, with its body unless it opens a socket; status 0 when the server just hung up."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._more():
                return Answer(0, {})
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        status = int(first.split()[1])
        body = b"" if status == 101 else self._body(headers)
        return Answer(status, headers, body)

    def _body(self, headers: dict[str, str]) -> bytes:
        """Reads the body as far as the server says; chunks stay undecoded."""
        chunked = "chunked" in headers.get("transfer-encoding", "")
        length = int(headers.get("content-length", 1 << 30))
        while len(self._buffer) < length and not (chunked and self._buffer.endswith(b"0\r\n\r\n")):
            if not self._more():
                break
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    # Reading

    def receive(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """Returns the next message; raises Ended, or TimeoutError."""
        deadline = time.monotonic() + timeout
        while True:
            opcode, fin, payload = self._frame(deadline)
            if opcode == CLOSE:
                self.write(frame(payload, CLOSE))
                code = int.from_bytes(payload[:2], "big") if payload else 1005
                raise Ended(Ending(code, payload[2:].decode()))
            if opcode in (TEXT, CONTINUATION):
                self._parts += payload
                if fin:
                    text, self._parts = self._parts.decode(), b""
                    message = json.loads(text)
                    assert isinstance(message, dict), f"not one message: {text[:200]}"
                    return message

    def answer(self, id: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Returns the next ack, error or pong with this id."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.receive(max(0.0, deadline - time.monotonic()))
            if message.get("id") == id and message["type"] in ("ack", "error", "pong"):
                return message

    def expect(self, type: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """Returns the next message of a type."""
        deadline = time.monotonic() + timeout
        while (message := self.receive(max(0.0, deadline - time.monotonic())))["type"] != type:
            pass
        return message

    def ending(self, timeout: float = PATIENCE) -> Ending:
        """Reads until the server ends the connection; raises TimeoutError when it does not."""
        deadline = time.monotonic() + timeout
        messages: list[dict[str, Any]] = []
        while True:
            try:
                messages.append(self.receive(max(0.0, deadline - time.monotonic())))
            except Ended as ended:
                return Ending(ended.ending.code, ended.ending.reason, messages)

    def round_trip(self, timeout: float = PATIENCE) -> float:
        """Sends a ping and returns the seconds until its pong."""
        started = time.monotonic()
        id = os.urandom(6).hex()
        self.send({"type": "ping", "id": id})
        assert self.answer(id, timeout)["type"] == "pong"
        return time.monotonic() - started

    def _frame(self, deadline: float) -> tuple[int, bool, bytes]:
        first, second = self._take(2, deadline)
        assert not first & 0x70, "a reserved bit is set"
        assert not second & 0x80, "a server's frames are not masked"
        length = second & 0x7F
        if length > 125:
            length = int.from_bytes(self._take(2 if length == 126 else 8, deadline), "big")
        return first & 0x0F, bool(first & 0x80), self._take(length, deadline)

    def _take(self, number: int, deadline: float) -> bytes:
        while len(self._buffer) < number:
            if not self._more(deadline):
                raise Ended(Ending(NO_CLOSE_FRAME, ""))
        taken, self._buffer = self._buffer[:number], self._buffer[number:]
        return taken

    def _more(self, deadline: float | None = None) -> bool:
        """Waits for bytes; false when there will be no more."""
        left = PATIENCE if deadline is None else deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server said nothing more")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        finally:
            self.socket.settimeout(PATIENCE)
        self._buffer += data
        return bool(data)

    # The end

    def hush(self) -> None:
        """Says that nothing more will be written, and goes on reading."""
        with contextlib.suppress(OSError):  # the server has cut the connection already
            self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Hangs up."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
