"""A socket that speaks y-protocols by hand: whatever bytes it is told, and what comes back read strictly."""

from __future__ import annotations

import time
from typing import Any

from collaboration.documents.frames import (
    Awareness,
    Denied,
    Frame,
    QueryAwareness,
    StateVector,
    Update,
    read_frame,
    write_frame,
)
from tests.hostile.target import Target
from tests.hostile.wire import BINARY, CLOSE, PATIENCE, PING, PONG, Ended, Ending, Wire, frame
from tests.live import Live

NOTHING = b"\0"  # the state vector of an empty document


class YjsWire(Wire):
    """One connection to a document."""

    def __init__(self, port: int, document: str, token: str, **options: Any) -> None:
        super().__init__(port)
        protocols = ("bduf.v1", f"bearer.{token}")
        answer = self.shake(f"/ws/yjs/{document}", protocols=protocols, **options)
        assert answer.status == 101, answer
        assert answer.headers["sec-websocket-protocol"] == "bduf.v1"

    def give(self, given: Frame | bytes) -> None:
        """Sends a frame, or bytes that need not be one."""
        self.write(frame(given if isinstance(given, bytes) else write_frame(given), BINARY))

    def receive(self, timeout: float = PATIENCE) -> Any:
        """Returns the next frame; raises Ended, or TimeoutError."""
        deadline = time.monotonic() + timeout
        while (found := self._frame(deadline))[0] in (PING, PONG):
            pass
        opcode, fin, payload = found
        if opcode == CLOSE:
            self.write(frame(payload, CLOSE))
            raise Ended(Ending(int.from_bytes(payload[:2], "big"), payload[2:].decode()))
        assert (opcode, fin) == (BINARY, True)
        return read_frame(payload)

    def awaited(self, kind: type[Frame]) -> Any:
        """Returns the next frame of a kind."""
        while not isinstance(found := self.receive(), kind):
            pass
        return found

    def denied(self) -> str:
        """Waits for the next refusal, and returns its reason."""
        return str(self.awaited(Denied).reason)

    def closed_with(self) -> int:
        """Reads until the server ends the connection; returns the code."""
        return self.ending().code

    def synced(self) -> bytes:
        """Asks for all there is, which shows that the connection still serves; returns it."""
        self.give(StateVector(NOTHING))
        while not (isinstance(found := self.receive(), Update) and found.answer):
            if isinstance(found, QueryAwareness):
                self.give(Awareness({}))
        return found.update


def started(live: Live, content: str = "Hello") -> str:
    """Starts a text in the project; returns its id."""
    body = {"project": live.project, "title": "Notes", "strategy": "merge", "content": content}
    status, made = live.rest("POST", "documents/", live.owner, body)
    assert status == 201, made
    return str(made["id"])


def content(live: Live, document: str) -> str:
    status, content = live.rest("GET", f"documents/{document}/content/", live.owner)
    assert status == 200, content
    return str(content["content"])


def inside(target: Target, document: str, token: str = "", **options: Any) -> YjsWire:
    """Somebody's connection to a document, a new person's unless told otherwise."""
    return target.keep(YjsWire(target.port, document, token or target.person().token, **options))
