"""People who write in documents on running servers."""

from __future__ import annotations

from typing import Any

from tests.collaboration.documents.typist import Typist
from tests.collaboration.meeting import Meeting
from tests.gateway.plain import Plain

DOCUMENT = "collaboration:document:"
UPDATE, UPDATED, SYNC = f"{DOCUMENT}update", f"{DOCUMENT}updated", f"{DOCUMENT}sync"


async def start(session: Meeting, strategy: str, **wanted: Any) -> str:
    """Starts a document in a session; returns its id."""
    ack = await session.manage("document:create", title="Notes", strategy=strategy, **wanted)
    return str(ack["data"]["id"])


async def inside(session: Meeting, document: str, *, server: int = 0, role: str = "") -> Plain:
    """Somebody in a session and in a document of it."""
    plain = await session.member(server=server, role=role)
    await plain.join(f"document:{document}")
    return plain


async def synced(plain: Plain, document: str) -> dict[str, Any]:
    answer = await plain.ask(SYNC, {"document": document})
    assert answer["type"] == "ack", answer
    return dict(answer["data"])


class Author:
    """Somebody who types into a document and takes what others type."""

    def __init__(self, plain: Plain, document: str, client: int, begin: str) -> None:
        self.plain = plain
        self.document = document
        self.typist = Typist(client, begin)
        self._taken = 0

    def read(self) -> str:
        """Takes what has come; returns the text."""
        updates = self.plain.of(UPDATED, f"document:{self.document}")
        for event in updates[self._taken :]:
            self.typist.take(event["data"]["update"])
        self._taken = len(updates)
        return str(self.typist)

    async def type(self, words: str, *, at_end: bool = False) -> None:
        """Writes words in the middle, or at the end, and waits until that is acknowledged."""
        self.read()
        update = self.typist.type(words, None if at_end else len(self.typist.text) // 2)
        answer = await self.plain.ask(UPDATE, {"document": self.document, "update": update})
        assert answer["type"] == "ack", answer


async def author(session: Meeting, document: str, client: int, *, server: int) -> Author:
    plain = await session.member(server=server)
    state = (await plain.join(f"document:{document}"))["state"]
    assert state["document"]["id"] == document
    return Author(plain, document, client, state["update"])
