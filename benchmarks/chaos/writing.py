"""One run of writers: texts on two servers, clients of every kind in them, faults in between, and the verdict."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Any, Self

from benchmarks.chaos import faults
from benchmarks.chaos.log import rows
from benchmarks.chaos.writers import UPDATED, JsonWriter, Ledger, RestReader, Writer, YjsWriter, call
from benchmarks.world import Person
from collaboration.documents.texts import encoded, seed
from tests.collaboration.documents.typist import Typist
from tests.node.editors import Editors
from tests.servers import MS, Deployment, eventually

# Snapshots are taken all the time, and nobody waits long for a connection that is gone.
ENV = {"BDUF_COMPACTION_UPDATES": "30"}
JSON, YJS = 2, 4  # writers of a text
SETTLED = 60_000 * MS
BEGIN = ("[begin.1]", "[begin.2]")


@dataclass
class Verdict:
    """How much was written, and everything that should not be."""

    put: int = 0
    kept: int = 0
    struck: int = 0
    updates: int = 0  # in the logs
    readings: int = 0  # over REST, each compared with what had been acknowledged
    copies: int = 0  # compared: the writers', REST's, a replay of the log, and what is stored
    wrong: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class Writing:
    """Texts and their writers on a deployment with two servers and `ENV`."""

    def __init__(
        self,
        deployment: Deployment,
        people: Sequence[Person],
        session: str,
        *,
        documents: int = 1,
        seed: int = 1,
        rate: float = 5.0,
    ) -> None:
        self.deployment = deployment
        self.dice = random.Random(seed)
        self.faults: list[str] = []
        self._people = list(people)
        self._session = session
        self._documents = documents
        self._seed = seed
        self._rate = rate
        self._quiet = asyncio.Event()
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self.ledgers: list[Ledger] = []
        self.writers: list[Writer] = []
        self.readers: list[RestReader] = []

    async def __aenter__(self) -> Self:
        try:
            self.homes = [await self._stack.enter_async_context(Editors()) for _ in range(2)]
            for number in range(self._documents):
                await self._begin(number)
        except BaseException:
            await self._stack.aclose()
            raise
        self._tasks = [asyncio.create_task(writer.write(self._quiet)) for writer in self.writers]
        self._tasks += [asyncio.create_task(reader.read(self._quiet)) for reader in self.readers]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    async def _begin(self, number: int) -> None:
        """Creates a text over REST, and has everybody come in."""
        text = {"title": f"Text {number}", "strategy": "merge", "content": "".join(BEGIN), "session": self._session}
        url = f"{self.deployment.url}/api/v1/documents/"
        made = await asyncio.to_thread(call, url, self._people[0], text)
        ledger = Ledger(made["id"], put=set(BEGIN), kept=set(BEGIN))
        self.ledgers.append(ledger)
        for place in range(JSON + YJS):
            self.writers.append(await self._writer(ledger, number, place))
        urls = [server.url for server in self.deployment.servers]
        self.readers.append(RestReader(ledger, urls, self._people[0]))

    async def _writer(self, ledger: Ledger, number: int, place: int) -> Writer:
        """Has somebody come in, every other one on the other server."""
        person, name = self._people.pop(), f"{number}-{place}"
        given = (name, ledger, random.Random(f"{self._seed}/{name}"), self._rate)
        first, second = self.deployment.servers
        urls = [server.ws_url for server in ((first, second) if place % 2 else (second, first))]
        if place < YJS:
            editor = await self.homes[place // 2 % 2].open(urls[0], ledger.document, person.token)
            return YjsWriter(*given, editor=await editor.synced(), servers=urls)
        writer = JsonWriter(
            *given, urls=[f"{url}/ws/" for url in urls], person=person, client=1_000 + len(self.writers)
        )
        await self._stack.enter_async_context(writer.client)
        await writer.begin()
        return writer

    # --- what breaks ---------------------------------------------------------------------------------------------

    async def breaks(self, name: str) -> float:
        """Lets something happen, and waits until everybody's writing goes on; returns the seconds that it took."""
        self.faults.append(name)
        started = time.monotonic()
        await asyncio.to_thread(BREAKAGES[name], self)
        await self._writing_goes_on()
        return time.monotonic() - started

    async def lose_editors(self) -> None:
        """Kills a process of Yjs clients: what the others have not seen of it may be gone."""
        home = self.homes[1]
        lost = [writer for writer in self.writers if isinstance(writer, YjsWriter) and writer.editor.editors is home]
        home.kill()
        for writer in lost:
            with suppress(ConnectionResetError):
                await asyncio.wait_for(self._tasks.pop(self.writers.index(writer)), SETTLED)
            self.writers.remove(writer)
        self.faults.append("Yjs clients killed")

    async def _writing_goes_on(self) -> None:
        """Waits until something new of everybody's, in every text, is seen by others."""
        before = {writer.name: set(writer.written) for writer in self.writers}

        def all_have() -> bool:
            self._check_tasks()
            return all(writer.written & writer.ledger.kept - before[writer.name] for writer in self.writers)

        await eventually(all_have, timeout=SETTLED, what="everybody's writing is seen")

    # --- the end -------------------------------------------------------------------------------------------------

    async def conclude(self) -> Verdict:
        """Ends all writing, waits until every copy is the same, and judges."""
        self._quiet.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks), SETTLED)
        verdict = Verdict(faults=self.faults)
        for writer in self.writers:
            await writer.come_back()
            writer.ledger.kept |= writer.written
            writer.ledger.gone |= writer.taken
        for number, ledger in enumerate(self.ledgers):
            writers = [writer for writer in self.writers if writer.ledger is ledger]
            text = await self._settled(self.readers[number], writers)
            ledger.judge(text, ledger.kept, ledger.gone, "everybody at the end")
            verdict.updates += self._compare(ledger, text)
            verdict.copies += len(writers) + len(self.deployment.servers) + 2
            verdict.put += len(ledger.put)
            verdict.kept += len(ledger.kept)
            verdict.struck += len(ledger.gone)
            verdict.readings += self.readers[number].readings
            verdict.wrong += ledger.wrong
        return verdict

    async def _settled(self, reader: RestReader, writers: Sequence[Writer]) -> str:
        """Waits until all copies of a text, and what REST says on every server, are the same; returns it."""
        texts: list[str] = []

        async def are_equal() -> bool:
            texts[:] = [await writer.text() for writer in writers]
            texts.extend([await reader.text(server) for server in reader.servers])
            return len(set(texts)) == 1

        try:
            await eventually(are_equal, timeout=SETTLED)
        except TimeoutError:
            lengths = ", ".join(str(len(text)) for text in texts)
            raise AssertionError(f"the copies differ: {lengths} characters (seed {self._seed})") from None
        return texts[0]

    def _compare(self, ledger: Ledger, text: str) -> int:
        """Makes the text of its log alone, and of what a server would load; returns the number of updates logged."""
        events = self._rows(
            "SELECT e.seq, e.frame FROM rooms_event e JOIN rooms_room r ON r.id = e.room_id "
            f"WHERE r.name = 'document:{ledger.document}' ORDER BY e.seq"
        )
        if [seq for seq, _ in events] != list(range(1, len(events) + 1)):
            ledger.wrong.append("the log has holes")
        frames = [json.loads(frame) for _, frame in events]
        logged = [frame["data"]["update"] for frame in frames if frame["type"] == UPDATED]
        of = f"JOIN collaboration_document d ON d.id = w.document_id WHERE d.id = '{ledger.document}' AND w.seq"
        # In one statement, since compaction may be at it.
        stored = self._rows(
            f"SELECT w.data, w.seq FROM collaboration_documentsnapshot w {of} = d.compacted_seq UNION ALL "
            f"SELECT w.data, w.seq FROM collaboration_documentupdate w {of} > d.compacted_seq ORDER BY seq"
        )
        copies = {
            "a replay of the log": [encoded(seed("".join(BEGIN))), *logged],
            "what is stored": [encoded(bytes(data)) for data, _ in stored],
        }
        for name, updates in copies.items():
            replay = Typist(client=2)
            for update in updates:
                replay.take(update)
            if str(replay) != text:
                ledger.wrong.append(f"{name} has {len(str(replay))} characters, the text {len(text)}")
        return len(logged)

    def _rows(self, statement: str) -> list[Any]:
        return rows(self.deployment.env["DATABASE_URL"], statement)

    def _check_tasks(self) -> None:
        for task in self._tasks:
            if task.done():
                task.result()


def kill_compaction(run: Writing) -> None:
    """Begins to take snapshots, and kills what takes them at some moment."""
    command = [sys.executable, "manage.py", "compact", "--all"]
    with subprocess.Popen(command, env=run.deployment.env, cwd=run.deployment.root) as process:
        try:
            process.wait(run.dice.uniform(0.3, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()


BREAKAGES: dict[str, Callable[[Writing], object]] = {
    "server killed": partial(faults.kill_server, mixed=True),
    "Redis killed": partial(faults.kill_redis, seconds=0.5),
    "PostgreSQL stopped": partial(faults.stop_postgres, seconds=1.0),
    "compaction": lambda run: run.deployment.manage("compact", "--all"),
    "compaction killed": kill_compaction,
}
