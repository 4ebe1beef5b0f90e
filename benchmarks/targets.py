"""The servers that are measured, each started on its core: ours, the stock baseline, trivial ones."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from benchmarks.fleet import Fleet
from benchmarks.machine import Cores, pinned
from benchmarks.members import Seat
from benchmarks.world import create_world
from tests.servers import (
    Deployment,
    PostgresServer,
    RedisServer,
    ServerProcess,
    postgres_server,
    redis_server,
)

Kind = Literal["uvicorn", "daphne"]

# Every limit that a benchmark would run into from one address, out of the way; timeouts stay as shipped.
UNLIMITED = {
    "BDUF_RATE_CONNECTION": "1000000",
    "BDUF_RATE_USER": "1000000",
    "BDUF_RATE_MESSAGE": "1000000",
    "BDUF_RATE_DOCUMENT": "1000000",
    "BDUF_RATE_SIGNAL": "1000000",
    "BDUF_RATE_JOIN": "1000000",
    "BDUF_RATE_CURSOR": "1000000",
    "BDUF_RATE_HANDSHAKE": "1000000",
    "BDUF_MAX_CONNECTIONS": "100000",
    "BDUF_MAX_CONNECTIONS_PER_USER": "100000",
    "BDUF_ACCESS_TOKEN_LIFETIME": "86400",
}


@dataclass
class Target:
    """One running server and how a fleet talks to it; `seats` are ready to join."""

    name: str
    port: int
    pid: int
    dialect: str
    path: str
    seats: list[Seat] = field(default_factory=list)

    def fleet(self, bench: Bench, seats: list[Seat] | None = None, *, padding: int = 0) -> Fleet:
        """Returns the load generator for this server, not yet connected."""
        return Fleet(
            "127.0.0.1",
            self.port,
            self.path,
            self.dialect,
            self.seats if seats is None else seats,
            cores=bench.cores.load if bench.cores else None,
            workers=bench.workers,
            server_pid=self.pid,
            server_cores=frozenset(bench.cores.server if bench.cores else ()),
            padding=padding,
            again=bench.again,
        )


class Bench:
    """What the scenarios of one run share: cores, durations, a Redis and a PostgreSQL started when needed."""

    def __init__(self, *, seconds: float = 3.0, workers: int = 1, again: int = 2) -> None:
        self.seconds = seconds
        self.workers = workers
        self.again = again
        self.cores = Cores.plan(workers)
        self._stack = ExitStack()
        self._redis: RedisServer | None = None
        self._postgres: PostgresServer | None = None

    @property
    def redis(self) -> RedisServer:
        """The Redis of this run."""
        if self._redis is None:
            with pinned(self.cores.stores if self.cores else None):
                self._redis = self._stack.enter_context(redis_server(own=True))
        return self._redis

    @property
    def postgres(self) -> PostgresServer:
        """The PostgreSQL of this run, durable as in production."""
        if self._postgres is None:
            with pinned(self.cores.stores if self.cores else None):
                self._postgres = self._stack.enter_context(postgres_server(own=True))
        return self._postgres

    def on_server_core(self) -> AbstractContextManager[None]:
        """Starts what is started inside on the server's core."""
        return pinned(self.cores.server if self.cores else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def seats_in_rooms(rooms: list[str], members: int, tokens: list[str] | None = None) -> list[Seat]:
    """Spreads `members` over rooms, round robin, one token each."""
    return [Seat(rooms[i % len(rooms)], tokens[i] if tokens else "") for i in range(members)]


@contextmanager
def echo_target(bench: Bench, kind: str, *, gather: float, members: int, rooms: int) -> Iterator[Target]:
    """Runs a trivial fan-out server; `gather` seconds of messages become one frame."""
    command = [sys.executable, "-m", "benchmarks.echo_server", "--kind", kind, "--port", "{port}"]
    with ExitStack() as stack:
        with bench.on_server_core():
            server = stack.enter_context(_process([*command, "--gather", str(gather)], {}))
        name = f"echo {kind}" + (f" batched {gather * 1000:g} ms" if gather else "")
        seats = seats_in_rooms([f"r{number}" for number in range(rooms)], members)
        yield Target(name, server.port, server.pid, "stock", "/{room}", seats)


@contextmanager
def stock_target(bench: Bench, kind: Kind, layer: str, *, members: int, rooms: int) -> Iterator[Target]:
    """Runs the stock Django Channels baseline on a server and a channel layer."""
    application = "benchmarks.stock_channels.asgi:application"
    command = {
        "uvicorn": ["-m", "uvicorn", "--port", "{port}", "--log-level", "warning", application],
        "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "-v", "0", application],
    }[kind]
    env = {"STOCK_LAYER": layer, "DJANGO_SETTINGS_MODULE": "benchmarks.stock_channels.settings"}
    if layer != "memory":
        env["REDIS_URL"] = bench.redis.url
    with ExitStack() as stack:
        with bench.on_server_core():
            server = stack.enter_context(_process([sys.executable, *command], env))
        seats = seats_in_rooms([f"r{number}" for number in range(rooms)], members)
        yield Target(f"stock {kind} {layer}", server.port, server.pid, "stock", "/ws/room/{room}/", seats)


@contextmanager
def our_target(
    bench: Bench,
    kind: Kind,
    *,
    members: int,
    rooms: int,
    redis: bool = False,
    database: Literal["sqlite", "postgres"] = "sqlite",
    env: dict[str, str] | None = None,
) -> Iterator[Target]:
    """Runs this server with one user per member, all members of one project, and a session per room."""
    with ExitStack() as stack:
        store = bench.postgres if database == "postgres" else "sqlite"
        layer = bench.redis if redis else False
        with bench.on_server_core():
            deployment = stack.enter_context(
                Deployment(kind=kind, database=store, redis=layer, env=UNLIMITED | (env or {}))
            )
        world = create_world(deployment.env, users=members, rooms=rooms)
        server = deployment.servers[0]
        seats = seats_in_rooms(world.rooms, members, [user.token for user in world.users])
        name = f"ours {kind} {'redis' if redis else 'memory'} {database}"
        yield Target(name, server.port, server.pid, "realtime", "/ws/", seats)


def _process(command: list[str], env: dict[str, str]) -> ServerProcess:
    return ServerProcess(dict(os.environ) | env, command=command, name="baseline", ready_path="/")
