"""Lean Yjs clients: they know how to sync and to type, keep what comes in as it came, and hold no document."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from benchmarks.documents.updates import NOTHING, SENTENCE, typed
from benchmarks.websocket import WebSocketClient
from collaboration.documents.frames import write_number
from collaboration.documents.guard import read_state_vector
from collaboration.documents.reading import read_number, read_slice

HOST = "127.0.0.1"
SYNC, AUTH = 0, 2
STEP1, STEP2, UPDATE = range(3)
AUTHENTICATED = 2
PROVIDER_VERSION = b"4.7.0"
ENTER_TIMEOUT = 120.0


@dataclass(frozen=True)
class Address:
    """Where a document is, and how its frames begin: with nothing for y-websocket, with its name for Hocuspocus."""

    port: int
    path: str
    headers: dict[str, str]
    name: str = ""

    @property
    def prefix(self) -> bytes:
        return _counted(self.name.encode()) if self.name else b""


class Typist(WebSocketClient):
    """One client in one document."""

    def __init__(self, address: Address, client: int) -> None:
        super().__init__(f"{HOST}:{address.port}", address.path, address.headers)
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._port = address.port
        self.client = client
        self.clock = 0
        self.content = b""  # what was in the document, as an update
        self.arrivals: list[tuple[int, bytes]] = []  # when, and the frame
        self.synced: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._prefix = address.prefix
        self._update = self._prefix + bytes((SYNC, UPDATE))

    async def enter(self) -> None:
        """Connects and syncs."""
        async with asyncio.timeout(ENTER_TIMEOUT):
            await asyncio.get_running_loop().create_connection(lambda: self, HOST, self._port)
            await self.ready
            self.content = await self.synced

    def type(self) -> None:
        """Types the next character of the sentence behind those before."""
        self.clock += 1
        self.send_update(self._typed(self.clock - 1))

    def _typed(self, known: int) -> bytes:
        """Returns what it typed past a clock."""
        text = (SENTENCE * (self.clock // len(SENTENCE) + 1))[known : self.clock]
        return typed(self.client, known, text) if text else NOTHING

    def send_update(self, update: bytes) -> None:
        self.send_binary(self._update + _counted(update))

    def update_in(self, frame: bytes) -> bytes:
        """Returns the update of a frame among the arrivals."""
        return read_slice(frame, len(self._update))[0]

    def opened(self) -> None:
        if self._prefix:  # Hocuspocus wants a token, whatever it is, and the version of the client's library
            self._send(AUTH, b"\x00" + _counted(b"token") + _counted(PROVIDER_VERSION))
        else:
            self._ask()

    def binary_received(self, payload: bytes) -> None:
        if payload.startswith(self._update):
            self.arrivals.append((time.perf_counter_ns(), payload))
            return
        kind, at = read_number(payload, len(self._prefix))
        step = payload[at] if at < len(payload) else -1
        if kind == SYNC and step == STEP1:
            known = read_state_vector(read_slice(payload, at + 1)[0]).get(self.client, 0)
            self._send(SYNC, bytes((STEP2,)) + _counted(self._typed(known)))
        elif kind == SYNC and step == STEP2 and not self.synced.done():
            self.synced.set_result(read_slice(payload, at + 1)[0])
        elif kind == AUTH and step == AUTHENTICATED:
            self._ask()

    def text_received(self, payload: bytes) -> None:
        raise ConnectionError(f"a text frame: {payload[:200].decode(errors='replace')}")

    def closed(self) -> None:
        if not self.gone.done():
            self.gone.set_result(None)
        if not self.synced.done():
            self.synced.set_exception(ConnectionError(f"closed with {self.close_code} {self.close_reason}"))
            self.synced.exception()  # read once, so that a caller who gave up leaves no warning

    def _ask(self) -> None:
        self._send(SYNC, bytes((STEP1,)) + _counted(b"\x00"))

    def _send(self, kind: int, rest: bytes) -> None:
        self.send_binary(self._prefix + bytes((kind,)) + rest)


def _counted(raw: bytes) -> bytes:
    return write_number(len(raw)) + raw
