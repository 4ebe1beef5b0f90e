"""A session with one member on each server, who talk while something breaks."""

from __future__ import annotations

import asyncio
import itertools
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from bduf_realtime.client import Ack, Client, RequestError
from tests.live import Live
from tests.servers import MS, ServerProcess, eventually

SEND = "collaboration:message:send"
SENT = "collaboration:message:sent"
SIGNAL = "collaboration:signal:send"
SIGNALLED = "collaboration:signal:sent"
PATIENCE = 30_000 * MS
BACKOFF = (0.1, 1.0)


class Company:
    """Members of one session; `members[n]` is a client of server n, and of the others when that one is gone."""

    def __init__(self, live: Live, session: str, members: list[Client]) -> None:
        self.live = live
        self.session = session
        self.room = f"session:{session}"
        self.members = members
        self._numbers = itertools.count(1)
        self.said: list[str] = []

    async def say(self, member: int = 0, **options: Any) -> Ack:
        """Says something new, resent until it is acknowledged."""
        text = f"{next(self._numbers)}"
        self.said.append(text)
        ack = await self.members[member].ask(SEND, {"session": self.session, "body": text}, **options)
        assert ack.seq is not None
        return ack

    async def refused(self, member: int = 0) -> RequestError:
        """Says something once, and returns the error that answers it."""
        text = f"refused {next(self._numbers)}"
        try:
            await self.members[member].ask(SEND, {"session": self.session, "body": text}, retry=False, timeout=PATIENCE)
        except RequestError as error:
            return error
        raise AssertionError("was not refused")

    async def hears(self, member: int, text: str, timeout: float = PATIENCE) -> None:  # noqa: ASYNC109
        """Waits until a member has been told of something said."""
        while (await self.members[member].expect(SENT, room=self.room, timeout=timeout))["data"]["body"] != text:
            pass

    async def signals_cross(self) -> None:
        """Waits until every member hears a signal of every other: the way between the servers is open."""
        for listener, speaker in itertools.permutations(range(len(self.members)), 2):
            await self._signal_crosses(speaker, listener)

    async def _signal_crosses(self, speaker: int, listener: int) -> None:
        name = f"signal-{next(self._numbers)}"
        signal = {"session": self.session, "name": name, "payload": {}}

        async def crossed() -> bool:
            self.members[speaker].tell(SIGNAL, signal)
            try:
                while True:
                    event = await self.members[listener].expect(SIGNALLED, timeout=200 * MS)
                    if event["data"]["name"] == name:
                        return True
            except TimeoutError:
                return False

        await eventually(crossed, timeout=PATIENCE, what="a signal crosses")

    async def log(self) -> list[str]:
        """All that was said, as the database has it."""
        history = await self.members[0].ask("room:history", {"room": self.room, "limit": 500}, timeout=PATIENCE)
        return [event["data"]["body"] for event in history.data["events"] if event["type"] == SENT]

    @property
    def dropped(self) -> int:
        """How many times members lost their connections."""
        return sum(member.stats.connections - 1 for member in self.members)

    async def is_complete(self) -> None:
        """Checks that all that was said is in the log once, and that every client is where the log is, unharmed."""
        log = [text for text in await self.log() if not text.startswith("refused")]
        assert sorted(log, key=int) == sorted(self.said, key=int)
        head = (await self.members[0].ask("room:history", {"room": self.room}, timeout=PATIENCE)).data["head"]
        for member in self.members:
            await eventually(lambda m=member: m.position(self.room).seq == head, timeout=PATIENCE, what="all is seen")
            assert (member.stats.gaps, member.stats.duplicates) == (0, 0)


async def page(server: ServerProcess, path: str) -> tuple[int, str]:
    """Gets a page of a server: the status and the text."""

    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"{server.url}{path}", timeout=15) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(get)


@asynccontextmanager
async def company(live: Live, servers: Sequence[ServerProcess] | None = None) -> AsyncIterator[Company]:
    """Opens a session with a member on each of these servers, or of all."""
    around = list(live.deployment.servers if servers is None else servers)
    session = live.session()
    async with AsyncExitStack() as stack:
        members = []
        for number in range(len(around)):
            urls = [f"{server.ws_url}/ws/" for server in [*around[number:], *around[:number]]]
            client = Client(urls, live.person().token, ask_timeout=PATIENCE, backoff=BACKOFF)
            members.append(await stack.enter_async_context(client))
            await client.join(f"session:{session}")
        yield Company(live, session, members)
