"""Real Yjs clients: the y-websocket provider as published, in a Node process that these tests drive."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from pathlib import Path
from typing import Any, Self

from tests.servers import MS, ServerUnavailable, eventually, reaper
from tests.servers.process import REAPER

HERE = Path(__file__).resolve().parent
PATIENCE = 20_000 * MS
LINE_BYTES = 2**26  # a whole document may be in one


def find_node() -> str:
    """Finds Node with its packages installed; raises ServerUnavailable."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules/y-websocket").is_dir():
        raise ServerUnavailable("no Yjs clients: install Node 20 with npm, then `npm ci --prefix tests/node`")
    return node


def place(server: str) -> str:
    """What the provider is given as the address of a server's documents."""
    return f"{server}/ws/yjs"


class Editors:
    """The Node process: `open` as many editors in it as needed; all end with it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._awaited: dict[int, asyncio.Future[Any]] = {}

    async def __aenter__(self) -> Self:
        command = [find_node(), str(HERE / "editor.mjs")]
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, limit=LINE_BYTES, start_new_session=True
        )
        REAPER.tell("watch", self._process.pid, 15)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()
        await self._process.wait()
        await self._reader
        REAPER.tell("forget", self._process.pid)

    def kill(self) -> None:
        """Ends the process without a word, as its machine's power cut would."""
        if self._process.returncode is None:
            reaper.kill_tree(self._process.pid)

    async def open(self, server: str, document: str, token: str, **options: Any) -> Editor:
        """Starts an editor, which connects by itself; `client` is its clientID, `backoff` in milliseconds."""
        editor = Editor(self, f"editor-{next(self._numbers)}")
        await editor.do("open", url=place(server), document=document, token=token, **options)
        return editor

    async def ask(self, **order: Any) -> Any:
        """Has an order carried out; returns the result, or raises ConnectionResetError when the process is gone."""
        if self._reader.done():
            raise ConnectionResetError("the editors' process has ended")
        number = next(self._numbers)
        answer = self._awaited[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps({'call': number, **order})}\n".encode())
        return await asyncio.wait_for(answer, PATIENCE)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line)
            answer = self._awaited.pop(said["call"])
            if answer.done():
                continue
            if "error" in said:
                answer.set_exception(AssertionError(said["error"]))
            else:
                answer.set_result(said["result"])
        for answer in self._awaited.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the editors' process has ended"))


class Editor:
    """One Yjs client with its own copy of a text."""

    def __init__(self, editors: Editors, name: str) -> None:
        self.editors = editors
        self._name = name

    async def do(self, what: str, **options: Any) -> Any:
        """Has the editor do something: a method of `Editor` in editor.mjs."""
        return await self.editors.ask(editor=self._name, do=what, **options)

    async def look(self) -> dict[str, Any]:
        """What this editor has: `text`, `client`, `others`; `connected`, `synced`; `denied` and `closes` so far."""
        return dict(await self.do("look"))

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """Waits until the editor has what is wanted, by name: values, or functions that tell whether it is it."""
        seen: dict[str, Any] = {}

        async def held() -> bool:
            seen.update(await self.look())
            return all(want(seen[name]) if callable(want) else seen[name] == want for name, want in wanted.items())

        try:
            await eventually(held, timeout=PATIENCE)
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE:g} s: {wanted}; {seen}") from None
        return seen

    async def synced(self) -> Self:
        await self.until(synced=True)
        return self

    async def text(self) -> str:
        return str((await self.look())["text"])

    async def type(self, words: str, at: int | None = None) -> None:
        """Inserts words, at the end unless told otherwise."""
        await self.do("type", words=words, **({} if at is None else {"at": at}))

    async def move(self, server: str) -> None:
        """Comes back, after a `cut`, on another server."""
        await self.do("connect", url=place(server))

    async def shut(self) -> tuple[int, str]:
        """Waits until the server has closed for good; returns the code and the reason."""
        seen = await self.until(tries=False, connected=False, closes=bool)
        code, reason = seen["closes"][-1]
        return code, reason

    async def refused(self, number: int = 1) -> str:
        """Waits until that many refusals have come, and returns the last."""
        return str((await self.until(denied=lambda denied: len(denied) >= number))["denied"][number - 1])
