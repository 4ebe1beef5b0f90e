"""What breaks, how it comes back, and how long the clients felt it."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.chaos.run import Run
from tests.servers import MS, Deployment, ServerProcess
from tests.servers.application import Kind

OTHER: dict[Kind, Kind] = {"uvicorn": "daphne", "daphne": "uvicorn"}


@dataclass
class Felt:
    """One fault: how long each client that lost its connection was away, and with which codes they were let go."""

    seconds: float  # until everybody was connected and acknowledged again
    clients: int
    away: dict[int, float]
    codes: list[int]
    most_drops: int = 0  # of one client

    def __str__(self) -> str:
        away = f"{len(self.away)} of {self.clients} clients away for up to {max(self.away.values(), default=0):.2f} s"
        codes = [f"{count} x {code}" for code, count in Counter(self.codes).items()]
        return ", ".join([f"{self.seconds:.2f} s", away if self.away else "nobody dropped", *codes])


def felt(run: Run, fault: Callable[[], None]) -> Felt:
    """Lets something happen and waits until everybody is back at work."""
    started = time.monotonic()
    fault()
    run.all_back(time.monotonic())
    away = {record.number: up - started for record in run.living if (up := record.up_after(started)) is not None}
    drops = [[code for at, code in record.downs if at >= started] for record in run.living]
    codes = [code for dropped in drops for code in dropped]
    return Felt(time.monotonic() - started, len(run.living), away, codes, max(map(len, drops)))


class Breakable(Protocol):
    """A deployment under load, and the dice of its run."""

    deployment: Deployment
    dice: random.Random


def kill_server(run: Breakable, *, mixed: bool = False) -> None:
    """Kills a server's process group with SIGKILL at some moment and starts it again, `mixed`: as the other kind."""
    time.sleep(run.dice.uniform(0.0, 0.5))
    server = run.dice.choice(run.deployment.servers)
    server.kill()
    if mixed:
        server.kind = OTHER[server.kind]
    server.start()


def kill_redis(run: Breakable, *, seconds: float = 1.0) -> None:
    """Kills Redis and starts an empty one."""
    redis = run.deployment.redis
    assert redis is not None
    redis.kill()
    time.sleep(seconds)
    redis.start()


def pause_redis(run: Breakable, *, seconds: float = 10.0) -> None:
    """Freezes Redis: connections stay open and nothing answers."""
    redis = run.deployment.redis
    assert redis is not None
    redis.pause()
    time.sleep(seconds)
    redis.resume()


def stop_postgres(run: Breakable, *, seconds: float = 5.0) -> None:
    """Ends PostgreSQL as a power cut would, and starts it again: it replays its write-ahead log."""
    postgres = run.deployment.postgres
    assert postgres is not None
    postgres.stop_immediate()
    time.sleep(seconds)
    postgres.start()


def roll(server: ServerProcess) -> None:
    """Restarts a server as a deployment does: SIGTERM, wait, start."""
    server.terminate(timeout=40_000 * MS)
    server.start()
