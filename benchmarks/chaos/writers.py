"""Those who write in a text at the same time, each in a copy of its own, and a ledger of what can be counted on."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from bduf_realtime.client import Client
from benchmarks.world import Person
from tests.collaboration.documents.typist import Typist
from tests.node.editors import Editor

UPDATE = "collaboration:document:update"
UPDATED = "collaboration:document:updated"
PATIENCE = 60.0
BACKOFF = (0.1, 1.0)
STRIKES = 0.15  # of what a writer does
BREAKS = 0.03  # of what a Yjs client does, its network breaks after
READ_EVERY = 0.3
UNAVAILABLE = 503  # without its database, for a moment
TOKEN = re.compile(r"\[[^\[\]]+\]")


@dataclass
class Ledger:
    """One document: every token that was put into it, and what is known of it."""

    document: str
    put: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)  # acknowledged, or seen by another than its author
    struck: set[str] = field(default_factory=set)  # somebody began to take it away
    gone: set[str] = field(default_factory=set)  # and was acknowledged, or did for good
    wrong: list[str] = field(default_factory=list)

    def begin_to_strike(self, dice: random.Random) -> str | None:
        """Chooses a token to take away, and says so before it happens."""
        left = sorted(self.kept - self.struck)
        if not left:
            return None
        token = dice.choice(left)
        self.struck.add(token)
        return token

    def judge(self, text: str, must: set[str], gone: set[str], reader: str) -> None:
        """Compares a text with what must be there and what may not; and takes what is there as kept."""
        found = Counter(TOKEN.findall(text))
        if len(text) != sum(len(token) * times for token, times in found.items()):
            self.wrong.append(f"torn, says {reader}")
        self.wrong += [f"{token} {times} times, says {reader}" for token, times in found.items() if times > 1]
        self.wrong += [f"{token} lost, says {reader}" for token in sorted(must - self.struck - found.keys())]
        self.wrong += [f"{token} is back, says {reader}" for token in sorted(gone & found.keys())]
        self.wrong += [f"{token} from nowhere, says {reader}" for token in sorted(found.keys() - self.put)]
        self.kept |= found.keys()


class Writer:
    """Puts and strikes tokens at random places until told to be quiet."""

    def __init__(self, name: str, ledger: Ledger, dice: random.Random, rate: float) -> None:
        self.name = name
        self.ledger = ledger
        self.dice = dice
        self.rate = rate
        self.written: set[str] = set()
        self.taken: set[str] = set()

    async def write(self, quiet: asyncio.Event) -> None:
        number = 0
        while not quiet.is_set():
            await asyncio.sleep(self.dice.expovariate(self.rate))
            if self.dice.random() < STRIKES and (token := self.ledger.begin_to_strike(self.dice)):
                if await self.strike(token):
                    self.taken.add(token)
            else:
                number += 1
                token = f"[{self.name}.{number}]"
                self.ledger.put.add(token)
                await self.put(token)
                self.written.add(token)
            await self.stray()

    async def put(self, token: str) -> None:
        raise NotImplementedError

    async def strike(self, token: str) -> bool:
        """Takes a token away; tells whether it was in this writer's copy."""
        raise NotImplementedError

    async def stray(self) -> None:
        """Does what else a writer of this kind does now and then."""

    async def come_back(self) -> None:
        """Makes sure to be connected."""

    async def text(self) -> str:
        """This writer's copy."""
        raise NotImplementedError


class JsonWriter(Writer):
    """The Python client: every edit is acknowledged, and sent again until it is."""

    def __init__(self, *args: Any, urls: list[str], person: Person, client: int) -> None:
        super().__init__(*args)
        self.typist = Typist(client)
        self.room = f"document:{self.ledger.document}"
        self.client = Client(
            urls, person.token, name="chaos", ask_timeout=PATIENCE, backoff=BACKOFF, on_event=self._take
        )

    async def begin(self) -> None:
        self.typist.take((await self.client.join(self.room)).data["state"]["update"])

    def _take(self, event: dict[str, Any]) -> None:
        if event["type"] == UPDATED and event["room"] == self.room:
            self.typist.take(event["data"]["update"])
        elif event["type"] == "client:snapshot":
            self.typist.take(event["data"]["state"]["update"])
        elif event["type"] == "client:left":
            self.ledger.wrong.append(f"{self.name} was put out: {event['data']}")

    async def put(self, token: str) -> None:
        text = str(self.typist)
        await self._send(self.typist.type(token, text.find("]", int(self.dice.random() * len(text))) + 1))
        self.ledger.kept.add(token)

    async def strike(self, token: str) -> bool:
        at = str(self.typist).find(token)
        if at >= 0:
            await self._send(self.typist.erase(at, at + len(token)))
            self.ledger.gone.add(token)
        return at >= 0

    async def _send(self, update: str) -> None:
        await self.client.ask(UPDATE, {"document": self.ledger.document, "update": update})

    async def text(self) -> str:
        return str(self.typist)


class YjsWriter(Writer):
    """An unmodified Yjs client, whose network breaks now and then and which may come back on another server."""

    def __init__(self, *args: Any, editor: Editor, servers: list[str]) -> None:
        super().__init__(*args)
        self.editor = editor
        self.servers = servers
        self._away = 0

    async def put(self, token: str) -> None:
        await self.editor.do("put", words=token, share=self.dice.random())

    async def strike(self, token: str) -> bool:
        return bool(await self.editor.do("strike", words=token))

    async def stray(self) -> None:
        if self._away:
            self._away -= 1
            if not self._away:
                await self.editor.move(self.dice.choice(self.servers))
        elif self.dice.random() < BREAKS:
            await self.editor.do("cut")
            self._away = self.dice.randint(1, 10)
        else:
            await self.editor.do("cursor", anchor=0)

    async def come_back(self) -> None:
        if self._away:
            await self.editor.move(self.servers[0])

    async def text(self) -> str:
        return await self.editor.text()


class RestReader:
    """Reads over REST, from the servers in turn, the text or a new version of it.

    What was acknowledged before has to be in it.
    """

    def __init__(self, ledger: Ledger, servers: list[str], person: Person) -> None:
        self.ledger = ledger
        self.servers = servers
        self.person = person
        self.readings = self.versions = 0

    async def read(self, quiet: asyncio.Event) -> None:
        for server, read in zip(itertools.cycle(self.servers), itertools.cycle(READINGS)):
            if quiet.is_set():
                return
            await asyncio.sleep(READ_EVERY)
            must, gone = set(self.ledger.kept), set(self.ledger.gone)
            try:
                text = await read(self, server)
            except HTTPError as error:
                if error.code != UNAVAILABLE:
                    self.ledger.wrong.append(f"REST answers {error.code}")
            except (OSError, HTTPException):  # killed, or starting
                pass
            else:
                self.ledger.judge(text, must, gone, f"REST on {server}")
                self.readings += 1

    async def text(self, server: str) -> str:
        return str((await self._call(server, "content/"))["content"])

    async def version(self, server: str) -> str:
        """Has a version made, and returns the text that is in it."""
        self.versions += 1
        made = await self._call(server, "versions/", {"title": f"Version {self.versions}"})
        return str((await self._call(server, f"versions/{made['id']}/"))["content"])

    async def _call(self, server: str, path: str, body: Any = None) -> Any:
        url = f"{server}/api/v1/documents/{self.ledger.document}/{path}"
        return await asyncio.to_thread(call, url, self.person, body)


READINGS = (RestReader.text, RestReader.version, RestReader.text)


def call(url: str, person: Person, body: Any = None) -> Any:
    """Makes a REST call, a POST where there is a body; returns the answer."""
    headers = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=15) as response:
        return json.load(response)
