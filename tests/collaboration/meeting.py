"""A session as those in it see it: its owner, its members, and somebody who watches the project's room."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from benchmarks.world import Person
from tests.gateway.plain import Plain
from tests.live import Live

SESSION = "collaboration:session:"
PARTICIPANT = "collaboration:participant:"
SEND = "collaboration:message:send"
SENT = "collaboration:message:sent"
SIGNAL = "collaboration:signal:send"
SIGNALLED = "collaboration:signal:sent"
MOVE = "collaboration:cursor:move"
MOVED = "collaboration:cursor:moved"


class Meeting:
    """A session with its owner, and with those who have come in since."""

    def __init__(self, live: Live, owner: Plain, session: str, stack: AsyncExitStack) -> None:
        self.live = live
        self.owner = owner
        self.session = session
        self.room = f"session:{session}"
        self.project_room = f"project:{live.project}"
        self._stack = stack

    async def connect(self, person: Any = None, *, server: int = 0, **options: Any) -> Plain:
        """Somebody's connection, a new person's unless told otherwise, that has joined nothing."""
        plain = Plain(self.live, person or self.live.person(), server=server, **options)
        return await self._stack.enter_async_context(plain)

    async def member(self, person: Any = None, role: str = "", *, server: int = 0) -> Plain:
        """Somebody in the session, with a role of their own if one is given."""
        plain = await self.connect(person, server=server)
        if role:
            await self.role(plain, role)
        await plain.join(self.room)
        return plain

    async def members(self, number: int, servers: Sequence[int] = (0,)) -> list[Plain]:
        """That many new people in the session, on these servers in turn."""
        return [await self.member(server=servers[n % len(servers)]) for n in range(number)]

    async def watcher(self) -> Plain:
        """Somebody in the project's room who has nothing to do with the session."""
        plain = await self.connect()
        await plain.join(self.project_room)
        return plain

    async def manage(self, command: str, by: Plain | None = None, **data: Any) -> dict[str, Any]:
        """Carries out a session command that has to succeed, the owner's unless told otherwise; returns the ack."""
        answer = await (by or self.owner).ask(f"collaboration:{command}", {"session": self.session, **data})
        assert answer["type"] == "ack", answer
        return answer

    async def update(self, by: Plain | None = None, **settings: Any) -> dict[str, Any]:
        return await self.manage("session:update", by, settings=settings)

    async def role(self, whom: Plain, role: str, by: Plain | None = None) -> dict[str, Any]:
        return await self.manage("participant:role", by, user=whom.person.id, role=role)

    async def refused(self, by: Plain, command: str, **data: Any) -> str:
        """The code by which a command about this session is refused; `ack` when it is not."""
        return await by.code(f"collaboration:{command}", {"session": self.session, **data})

    async def knock(self, by: Plain, **since: Any) -> str:
        """Tries to join; returns the code of the refusal, or `ack`."""
        return await by.code("room:join", {"room": self.room, **since})

    async def log(self, room: str = "") -> list[dict[str, Any]]:
        """The last 500 events of the session's log, or another's, as a member reads it."""
        answer = await self.owner.ask("room:history", {"room": room or self.room, "limit": 500})
        assert answer["type"] == "ack", answer
        return list(answer["data"]["events"])

    def guest(self, name: str = "Passer-by") -> Person:
        """Somebody without an account, who has accepted an invitation."""
        status, invitation = self.rest("POST", "invitations/", body={})
        assert status == 201, invitation
        status, accepted = self.live.rest(
            "POST", "invitations/accept/", None, {"token": invitation["token"], "name": name}
        )
        assert status == 200, accepted
        return Person(accepted["user"]["id"], "", accepted["access"])

    def rest(self, method: str, path: str, by: Plain | None = None, body: Any = None) -> tuple[int, Any]:
        """A REST call about this session."""
        return self.live.rest(method, f"sessions/{self.session}/{path}", (by or self.owner).person, body)


@asynccontextmanager
async def meeting(live: Live, *, server: int = 0, **settings: Any) -> AsyncIterator[Meeting]:
    """Opens a session over a socket; its owner is in it."""
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(Plain(live, live.person(), server=server))
        opened = await owner.ask(f"{SESSION}create", {"project": live.project, "settings": settings})
        assert opened["type"] == "ack", opened
        meeting = Meeting(live, owner, opened["data"]["id"], stack)
        await owner.join(meeting.room)
        yield meeting
