"""Breaks things under load, again and again, and reports whether anything acknowledged was lost or doubled.

python -m benchmarks.chaos                                  # 50 x kill -9 of one of two servers
python -m benchmarks.chaos --database sqlite --kind daphne  # the same with one server on SQLite
python -m benchmarks.chaos --fault redis-kill --cycles 20
python -m benchmarks.chaos --documents 3                    # 50 faults of all kinds while texts are written
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chaos import faults
from benchmarks.chaos.report import markdown, summary
from benchmarks.chaos.run import ENV, Run
from benchmarks.chaos.writing import BREAKAGES, JSON, YJS, Writing
from benchmarks.chaos.writing import ENV as WRITING_ENV
from benchmarks.machine import environment
from benchmarks.world import create_world
from tests.servers import Deployment

RESULTS = Path(__file__).resolve().parents[1] / "results"
GRACE = 15.0  # of the settings as shipped
FAULTS = ("kill", "rolling", "redis-kill", "redis-pause", "postgres-stop")


def parser() -> argparse.ArgumentParser:
    """Describes the command line."""
    result = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--fault", choices=FAULTS, default="kill", help="what happens in every cycle (kill)")
    result.add_argument("--cycles", type=int, default=50, help="how often (50)")
    result.add_argument("--kind", choices=("uvicorn", "daphne", "mixed"), default="uvicorn", help="servers (uvicorn)")
    result.add_argument(
        "--database",
        choices=("postgres", "sqlite"),
        default="postgres",
        help="two servers and Redis, or one (postgres)",
    )
    result.add_argument("--clients", type=int, default=12, help="clients, over four processes (12)")
    result.add_argument("--sessions", type=int, default=2, help="sessions they share (2)")
    result.add_argument("--rate", type=float, default=10.0, help="messages a second of each client (10)")
    result.add_argument("--lanes", type=int, default=2, help="unacknowledged messages of each client at once (2)")
    result.add_argument("--documents", type=int, default=0, help="have texts written instead, so many (0)")
    result.add_argument("--seconds", type=float, help="how long a pause or an outage lasts (the fault's own)")
    result.add_argument("--seed", type=int, default=1, help="of every random choice (1)")
    result.add_argument("--json", type=Path, help="where the result goes (results/chaos-….json)")
    return result


def breakage(run: Run, options: argparse.Namespace) -> list[Callable[[], None]]:
    """What one cycle does, one after the other."""
    outage = {} if options.seconds is None else {"seconds": options.seconds}
    match options.fault:
        case "kill":
            return [partial(faults.kill_server, run, mixed=options.kind == "mixed")]
        case "rolling":
            return [partial(faults.roll, server) for server in run.deployment.servers]
        case "redis-kill":
            return [partial(faults.kill_redis, run, **outage)]
        case "redis-pause":
            return [partial(faults.pause_redis, run, **outage)]
        case _:
            return [partial(faults.stop_postgres, run, **outage)]


async def write(options: argparse.Namespace) -> dict[str, Any]:
    """Has texts written by everybody who can, while everything breaks in a random order; returns the figures."""
    with Deployment(servers=2, database="postgres", redis=True, env=WRITING_ENV) as deployment:
        world = create_world(deployment.env, users=options.documents * (JSON + YJS) + 1, rooms=1)
        given = {"documents": options.documents, "seed": options.seed}
        async with Writing(deployment, world.users, world.rooms[0], **given) as writing:
            for cycle in range(options.cycles):
                if cycle == options.cycles // 2:
                    await writing.lose_editors()
                seconds = await writing.breaks(writing.dice.choice(list(BREAKAGES)))
                print(
                    f"{writing.faults[-1]} {cycle + 1}/{options.cycles}: {seconds:.2f} s", file=sys.stderr, flush=True
                )
            verdict = await writing.conclude()
    return {**asdict(verdict), "faults": dict(Counter(verdict.faults)), "seed": options.seed}


def main() -> int:
    options = parser().parse_args()
    if options.documents:
        return report(asyncio.run(write(options)), options.json or RESULTS / "chaos-documents.json")
    if options.database == "sqlite" and options.fault not in ("kill", "rolling"):
        sys.exit(f"{options.fault} needs --database postgres")
    alone = options.database == "sqlite"
    kind = "uvicorn" if options.kind == "mixed" else options.kind
    with Deployment(
        servers=1 if alone else 2, kind=kind, database=options.database, redis=not alone, env=ENV
    ) as deployment:
        world = create_world(deployment.env, users=options.clients, rooms=options.sessions)
        felt = []
        with Run(
            deployment, world.users, world.rooms, seed=options.seed, rate=options.rate, lanes=options.lanes
        ) as run:
            run.warm_up()
            for cycle in range(options.cycles):
                if cycle == options.cycles // 2:
                    run.lose_one()
                for fault in breakage(run, options):
                    felt.append(faults.felt(run, fault))
                print(f"{options.fault} {cycle + 1}/{options.cycles}: {felt[-1]}", file=sys.stderr, flush=True)
            verdict = run.conclude(grace=GRACE)
        row = summary(options, felt, verdict, run)
    name = f"chaos-{options.fault}-{options.kind}-{options.database}.json"
    return report(row, options.json or RESULTS / name)


def report(row: dict[str, Any], path: Path) -> int:
    """Writes a result down and shows it; returns the exit code."""
    result = {"environment": environment(["python", "-m", "benchmarks.chaos", *sys.argv[1:]]), "result": row}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(markdown(result["environment"], row))
    return 1 if row["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
