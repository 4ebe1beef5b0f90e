"""People on running servers who ask each other for approval."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from benchmarks.world import Person
from tests.gateway.plain import Plain
from tests.live import Live


class Desk:
    """Who asks, and those who decide, each in the project's room."""

    def __init__(self, live: Live, stack: AsyncExitStack) -> None:
        self.live = live
        self.room = f"project:{live.project}"
        self._stack = stack

    async def sit(self, person: Person | None = None, *, server: int = 0) -> Plain:
        """Somebody's connection, a new person's unless told otherwise, in the project's room."""
        plain = await self._stack.enter_async_context(Plain(self.live, person or self.live.person(), server=server))
        await plain.join(self.room)
        return plain

    async def ask(self, by: Plain, approvers: list[Plain], **fields: Any) -> dict[str, Any]:
        """Asks people for approval; returns what the ack says of the request."""
        named = {"approvers": [plain.person.id for plain in approvers]} if approvers else {}
        data = {"project": self.live.project, "title": "Ship it", **named, **fields}
        ack = await by.ask("approval:request", data)
        assert ack["type"] == "ack", ack
        return dict(ack["data"]["approval"])

    def document(self, text: str = "One.") -> str:
        """Starts a text of the project's; returns its id."""
        body = {"project": self.live.project, "title": "Notes", "strategy": "merge", "content": text}
        status, made = self.live.rest("POST", "documents/", self.live.owner, body)
        assert status == 201, made
        return str(made["id"])

    def write(self, document: str, text: str) -> str:
        """Makes a text a document's; returns the hash of it."""
        status, edited = self.live.rest("PUT", f"documents/{document}/content/", self.live.owner, {"content": text})
        assert status == 200, edited
        return str(edited["content_hash"])

    def shown(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A request as REST has it now."""
        status, shown = self.live.rest("GET", f"approvals/{asked['id']}/", self.live.owner)
        assert status == 200, shown
        return dict(shown)


def vote(asked: dict[str, Any], decision: str = "approve", **given: Any) -> dict[str, Any]:
    """The data of a decision on what was asked."""
    return {"approval": asked["id"], "decision": decision, "content_hash": asked["content_hash"], **given}


@asynccontextmanager
async def desk(live: Live) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        yield Desk(live, stack)
