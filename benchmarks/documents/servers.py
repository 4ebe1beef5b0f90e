"""The two servers, each on the server's core, with its documents in SQLite."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import islice
from shutil import which
from typing import Protocol

from benchmarks.documents.typists import HOST, Address, Typist
from benchmarks.documents.updates import characters
from benchmarks.targets import UNLIMITED, Bench
from benchmarks.world import ROOT, create_world
from tests.servers import Deployment, ServerProcess, ServerUnavailable
from tests.servers.commands import run_manage
from tests.servers.process import remove_directory, temporary_directory

FOLDER = ROOT / "benchmarks" / "hocuspocus"
USERS = 220  # as many as there are clients in a crowd
# 200,000 keystrokes are more than a document may take as shipped.
ENV = UNLIMITED | {"BDUF_DOCUMENT_BYTES": str(64 << 20), "BDUF_RATE_REST": "1000000/min"}
NEVER = {"BDUF_COMPACTION_UPDATES": "1000000000", "BDUF_COMPACTION_BYTES": "1000000000"}
CLIENTS = 1_000_000_000  # Yjs draws 32 bits at random: nearly all take five bytes
CLOSE_TIMEOUT = 5.0
AHEAD = 100  # updates under way while a document is filled: what is too much for us is let go and asked for again


class Subject(Protocol):
    """A server under measurement."""

    name: str
    process: ServerProcess

    def documents(self, count: int) -> list[str]:
        """Starts some empty documents."""

    def typist(self, document: str, number: int) -> Typist:
        """Returns a client of a document, not yet connected."""

    async def store(self, document: str, updates: Iterable[bytes]) -> None:
        """Has updates in a document, each as if it had come by itself."""

    def states(self, document: str) -> Iterator[str]:
        """Brings a document into each of the states in which it may be stored, and names them."""


class Ours:
    """This server, with a user for every client."""

    name = "ours"

    def __init__(self, deployment: Deployment) -> None:
        self.process = deployment.servers[0]
        self._env = deployment.env
        self._world = create_world(deployment.env, users=USERS, rooms=1)

    def documents(self, count: int) -> list[str]:
        return [self._document(f"Text {number}") for number in range(count)]

    def typist(self, document: str, number: int) -> Typist:
        headers = {"Sec-WebSocket-Protocol": f"bduf.v1, bearer.{self._world.users[number].token}"}
        return Typist(Address(self.process.port, f"/ws/yjs/{document}", headers), CLIENTS + number)

    async def store(self, document: str, updates: Iterable[bytes]) -> None:
        await asyncio.to_thread(self._store, document, updates)

    def _store(self, document: str, updates: Iterable[bytes]) -> None:
        self.process.stop()
        command = [sys.executable, "-m", "benchmarks.documents.filling", document, self._world.users[0].id]
        lines = "\n".join(update.hex() for update in updates)
        subprocess.run(command, env=self._env, cwd=ROOT, input=lines, text=True, check=True)

    def states(self, document: str) -> Iterator[str]:
        self.process.env |= NEVER
        yield ", not compacted"
        run_manage("compact", document, env=self._env, timeout=120)
        yield ", compacted"

    def _document(self, title: str) -> str:
        connection = http.client.HTTPConnection(HOST, self.process.port, timeout=30)
        body = {"project": self._world.project, "title": title, "strategy": "merge"}
        headers = {"Authorization": f"Bearer {self._world.users[0].token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/documents/", json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 201:
            raise RuntimeError(f"no document: {answer.status} {text[:200]!r}")
        return str(json.loads(text)["id"])


class Hocuspocus:
    """Hocuspocus, which takes whatever token comes and starts the documents that are asked for."""

    name = "Hocuspocus"

    def __init__(self, process: ServerProcess) -> None:
        self.process = process
        self._made = 0

    def documents(self, count: int) -> list[str]:
        self._made += count
        # Names as long as our ids: they stand in every frame.
        return [f"document-{number:027}" for number in range(self._made - count, self._made)]

    def typist(self, document: str, number: int) -> Typist:
        return Typist(Address(self.process.port, "/", {}, name=document), CLIENTS + number)

    async def store(self, document: str, updates: Iterable[bytes]) -> None:
        await fill(self, document, updates)

    def states(self, document: str) -> Iterator[str]:
        yield ""


@contextmanager
def ours(bench: Bench) -> Iterator[Subject]:
    """Runs this server as shipped, but for its limits."""
    with ExitStack() as stack:
        with bench.on_server_core():
            deployment = stack.enter_context(Deployment(kind="uvicorn", database="sqlite", env=ENV))
        yield Ours(deployment)


@contextmanager
def hocuspocus(bench: Bench) -> Iterator[Subject]:
    """Runs Hocuspocus with its default settings."""
    install()
    with ExitStack() as stack:
        directory = temporary_directory()
        stack.callback(remove_directory, directory)
        command = ["node", str(FOLDER / "server.mjs"), "{port}", str(directory / "documents.sqlite")]
        server = ServerProcess(dict(os.environ), command=command, name="hocuspocus", ready_path="/")
        with bench.on_server_core():
            stack.enter_context(server)
        yield Hocuspocus(server)


def install() -> None:
    """Installs Hocuspocus on first use; compiling its SQLite takes a minute."""
    installed, wanted = FOLDER / "node_modules" / ".package-lock.json", FOLDER / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime:
        return
    print("npm ci in benchmarks/hocuspocus …", flush=True)
    try:
        subprocess.run(["npm", "ci"], cwd=FOLDER, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ServerUnavailable("Hocuspocus needs Node and npm") from None
    except subprocess.CalledProcessError as error:
        raise ServerUnavailable(f"npm ci failed: {error.stderr[-2000:]}") from None


def versions() -> dict[str, str]:
    """Says what of Node the figures belong to."""
    packages = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip() if which("node") else ""
    return {"node": f"{node or 'none'}, " + ", ".join(f"{name} {version}" for name, version in packages.items())}


def restart(bench: Bench, subject: Subject) -> None:
    """Stops a server, which stores what it has, and starts it with nothing loaded."""
    subject.process.stop()
    with bench.on_server_core():
        subject.process.start()


@asynccontextmanager
async def crowd(
    subject: Subject, documents: list[str], people: int, *, first: int = 0, at_once: int = 20
) -> AsyncIterator[list[Typist]]:
    """Spreads clients over documents, round robin, and lets `at_once` in at a time; yields them when all are in."""
    typists = [subject.typist(documents[n % len(documents)], first + n) for n in range(people)]
    limit = asyncio.Semaphore(at_once)

    async def enter(typist: Typist) -> None:
        async with limit:
            await typist.enter()

    try:
        await asyncio.gather(*map(enter, typists))
        yield typists
    finally:
        for typist in typists:
            typist.close()
        await asyncio.wait([typist.gone for typist in typists], timeout=CLOSE_TIMEOUT)


async def fill(subject: Subject, document: str, updates: Iterable[bytes]) -> None:
    """Writes into a document over the wire, some updates ahead of a client that reads along."""
    rest = iter(updates)
    async with crowd(subject, [document], 2) as [writer, reader]:
        while chunk := list(islice(rest, AHEAD)):
            for update in chunk:
                writer.send_update(update)
            behind = sum(map(characters, chunk))
            async with asyncio.timeout(60):
                while behind:
                    await asyncio.sleep(0.005)
                    behind -= sum(characters(reader.update_in(frame)) for _, frame in reader.arrivals)
                    reader.arrivals.clear()
