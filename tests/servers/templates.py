"""What databases of deployments begin as: made once by the process that needs it, copied by each deployment."""

import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.servers.commands import application_env, run_manage
from tests.servers.postgres import postgres_server
from tests.servers.process import temporary_directory

Embedded = Literal["sqlite", "postgres"]


@dataclass(frozen=True)
class Made:
    """The files of a database that nobody has open, and what `fill` told of its contents."""

    path: Path
    contents: Any


class Template:
    """A migrated database with what `fill` puts into it, made once for each kind of database: migrating takes seconds.

    `fill` gets the environment of a deployment, and is called anew where a setting begins with one of `rests_on`.
    """

    def __init__(self, fill: Callable[[Mapping[str, str]], Any] | None = None, rests_on: tuple[str, ...] = ()) -> None:
        self._fill = fill
        self._rests_on = rests_on
        self._made: dict[tuple[str, frozenset[tuple[str, str]]], Made] = {}
        self._making = threading.Lock()

    def made(self, kind: Embedded, overrides: Mapping[str, str]) -> Made:
        """Returns the template for deployments with these overrides."""
        counts = {name: value for name, value in overrides.items() if name.startswith(self._rests_on)}
        key = (kind, frozenset(counts.items()))
        with self._making:
            if key not in self._made:
                self._made[key] = self._make(kind, counts)
            return self._made[key]

    def _make(self, kind: Embedded, overrides: Mapping[str, str]) -> Made:
        directory = temporary_directory()
        with ExitStack() as stack:
            if kind == "sqlite":
                path = directory / "db.sqlite3"
                url = f"sqlite:///{path}"
            else:
                server = stack.enter_context(postgres_server(own=True))
                path, url = server.data, server.url
            env = application_env(directory=directory, database_url=url, overrides=overrides)
            run_manage("migrate", "--no-input", env=env)
            contents = self._fill(env) if self._fill else None
            if kind == "postgres":
                server.stop()
                path = shutil.copytree(path, directory / "data")
        return Made(path, contents)


MIGRATED = Template()
