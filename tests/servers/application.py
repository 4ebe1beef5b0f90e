"""Starts the application itself, as operators do, on uvicorn or daphne, with its database and Redis."""

import http.client
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from tests.servers import reaper
from tests.servers.commands import ROOT, application_env, run_manage
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.process import (
    MS,
    Launched,
    ServerFailed,
    free_port,
    remove_directory,
    temporary_directory,
)
from tests.servers.redis import RedisServer, redis_server
from tests.servers.templates import MIGRATED, Template

# A document update may have 1 MiB, and daphne closes the socket without a word above its limit.
DAPHNE_MESSAGE_BYTES = str(1280 * 1024)

Kind = Literal["uvicorn", "daphne"]
COMMANDS: dict[Kind, list[str]] = {
    "uvicorn": [sys.executable, "manage.py", "serve", "--host", "127.0.0.1", "--port", "{port}"],
    "daphne": [
        *[sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", "{port}"],
        *["--websocket-max-message-size", DAPHNE_MESSAGE_BYTES],
        *["--websocket-max-frame-size", DAPHNE_MESSAGE_BYTES],
        "bduf_realtime.asgi:application",
    ],
}


class ServerProcess(Launched):
    """The application in one process, ready when `ready_path` answers 200.

    `command` replaces the one of `kind`, which may change between two starts; `{port}` in it becomes the port.
    """

    def __init__(
        self,
        env: Mapping[str, str],
        *,
        kind: Kind = "uvicorn",
        name: str = "",
        port: int | None = None,
        command: Sequence[str] | None = None,
        directory: Path | None = None,
        ready_path: str = "/readyz",
        root: Path = ROOT,
    ) -> None:
        self.port = port or free_port()
        self.name = name or f"{kind}-{self.port}"
        super().__init__(directory=directory)
        self.env = dict(env)
        self.kind = kind
        self.root = root
        self.ready_path = ready_path
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self._command = command
        self._answer = "no answer"

    def command(self) -> list[str]:
        return [word.replace("{port}", str(self.port)) for word in self._command or COMMANDS[self.kind]]

    def options(self) -> dict[str, Any]:
        return {"env": self.env, "cwd": self.root}

    def is_ready(self) -> bool:
        # http.client, which no proxy variable leads astray.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", self.ready_path)
            response = connection.getresponse()
            self._answer = f"{response.status} {response.read(500).decode(errors='replace')}"
            return response.status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def rss_bytes(self) -> int:
        """Returns the resident memory of the process and all it started, in bytes."""
        pages = 0
        for pid in reaper.members(self.pid):
            try:
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except (FileNotFoundError, ProcessLookupError):
                if pid == self.pid:
                    raise
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _failure(self, what: str) -> ServerFailed:
        return super()._failure(f"{what} ({self.ready_path}: {self._answer})")


class Deployment:
    """A database, a Redis if wanted, and any number of server processes that share them.

    `database` is "sqlite", "postgres" (a cluster of its own, to be killed at will), a running PostgresServer
    (which gets a new database) or a URL. `redis` is True for one of its own, a running RedisServer, or a URL.
    The first two databases begin as a copy of `template`, with `contents` what that tells of itself; the others, and
    any of another application than ours, are migrated.
    """

    def __init__(
        self,
        *,
        servers: int = 1,
        kind: Kind = "uvicorn",
        database: Literal["sqlite", "postgres"] | PostgresServer | str = "sqlite",
        redis: RedisServer | str | bool = False,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
        root: Path = ROOT,
        template: Template = MIGRATED,
    ) -> None:
        self.kind = kind
        self.root = root
        self.contents: Any = None
        self.servers: list[ServerProcess] = []
        self.postgres: PostgresServer | None = None
        self.redis: RedisServer | None = None
        self._command = command
        with ExitStack() as stack:
            self.directory = temporary_directory()
            stack.callback(remove_directory, self.directory)
            self._overrides = dict(env or {})
            template_data = None
            if root == ROOT and (database == "sqlite" or database == "postgres"):
                made = template.made(database, self._overrides)
                template_data, self.contents = made.path, made.contents
            self._environment = partial(
                application_env,
                directory=self.directory,
                database_url=self._database(database, template_data, stack),
                redis_url=self._redis(redis, stack),
            )
            ports = [free_port() for _ in range(servers)]
            self.env = self._environment(ports=ports, overrides=self._overrides)
            if template_data is None:
                self.manage("migrate", "--no-input")
            stack.callback(self._stop_servers)
            for port in ports:
                self.add_server(port=port)
            self._stack = stack.pop_all()

    def add_server(
        self, *, kind: Kind | None = None, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> ServerProcess:
        """Starts one more server process on the same database and Redis, with `env` of its own."""
        port = port or free_port()
        ports = {port, *(server.port for server in self.servers)}
        server = ServerProcess(
            self._environment(ports=sorted(ports), overrides=self._overrides | dict(env or {})),
            kind=kind or self.kind,
            port=port,
            command=self._command,
            directory=self.directory,
            root=self.root,
        )
        self.servers.append(server)
        server.start()
        return server

    @property
    def url(self) -> str:
        """The first server's http:// address."""
        return self.servers[0].url

    @property
    def ws_url(self) -> str:
        """The first server's ws:// address."""
        return self.servers[0].ws_url

    def manage(self, *arguments: str, input: str | None = None, timeout: float = 60_000 * MS) -> str:
        """Runs a management command in this environment and returns its stdout; raises CommandFailed."""
        return run_manage(*arguments, env=self.env, input=input, timeout=timeout, root=self.root)

    def shell(self, code: str) -> str:
        """Runs Python with Django set up and the models imported, and returns what it printed."""
        return self.manage("shell", "--verbosity", "0", "--command", code)

    def close(self) -> None:
        """Ends everything this deployment started and removes its data."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for server in self.servers:
                error.add_note(server.log_tail())
        self.close()

    def _database(self, wanted: PostgresServer | str, template: Path | None, stack: ExitStack) -> str:
        if wanted == "sqlite":
            path = self.directory / "db.sqlite3"
            if template is not None:
                shutil.copyfile(template, path)
            return f"sqlite:///{path}"
        if wanted == "postgres":
            self.postgres = stack.enter_context(postgres_server(own=True, data=template))
            return self.postgres.url
        if isinstance(wanted, PostgresServer):
            self.postgres = wanted
            url = wanted.create_database("bduf")
            stack.callback(wanted.drop_database, url)
            return url
        return wanted

    def _redis(self, wanted: RedisServer | str | bool, stack: ExitStack) -> str | None:
        if wanted is True:
            wanted = stack.enter_context(redis_server(own=True))
        if isinstance(wanted, RedisServer):
            self.redis = wanted
            return wanted.url
        return wanted or None

    def _stop_servers(self) -> None:
        """Ends all servers at once, so that their drains overlap, and kills those that take too long."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(partial(ServerProcess.stop, timeout=5_000 * MS), self.servers))
