"""A text in a session, and people who write in it with Yjs clients."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.world import Person
from tests.collaboration.meeting import Meeting, meeting
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.node.editors import Editor, Editors
from tests.servers import eventually

UPDATED = "collaboration:document:updated"


class Desk:
    """A session with one text, which merges; `editor` opens it in a real Yjs client."""

    def __init__(self, session: Meeting, editors: Editors, document: str) -> None:
        self.session = session
        self.live = session.live
        self.document = document
        self.room = f"document:{document}"
        self._editors = editors

    async def open(self, person: Person | None = None, *, server: int = 0, **options: Any) -> Editor:
        """Somebody's editor, a new person's unless told otherwise, that has only begun to connect."""
        url = self.live.deployment.servers[server].ws_url
        token = (person or self.live.person()).token
        return await self._editors.open(url, **{"document": self.document, "token": token, **options})

    async def editor(self, person: Person | None = None, *, role: str = "", **options: Any) -> Editor:
        """Somebody's editor, in which everything is there; with a role of their own in the session if one is given."""
        person = person or self.live.person()
        if role:
            await self.session.manage("participant:role", user=person.id, role=role)
        return await (await self.open(person, **options)).synced()

    async def reader(self, *, server: int = 0) -> Plain:
        """Somebody with a JSON client, in the session and in the document."""
        plain = await self.session.member(server=server)
        await plain.join(self.room)
        return plain

    def content(self) -> str:
        """The text as REST has it."""
        status, content = self.live.rest("GET", f"documents/{self.document}/content/", self.session.owner.person)
        assert status == 200, content
        return str(content["content"])

    async def has(self, text: str, *editors: Editor) -> None:
        """Waits until REST and all these editors have this text."""
        await eventually(lambda: self.content() == text, timeout=PATIENCE, what=text)
        for editor in editors:
            await editor.until(text=text)


@asynccontextmanager
async def desk(live: Live, *, content: str = "", strategy: str = "merge", **settings: Any) -> AsyncIterator[Desk]:
    """Opens a session and starts a text in it."""
    async with Editors() as editors, meeting(live, **settings) as session:
        given = {"content": content} if content else {}
        ack = await session.manage("document:create", title="Notes", strategy=strategy, **given)
        yield Desk(session, editors, str(ack["data"]["id"]))
