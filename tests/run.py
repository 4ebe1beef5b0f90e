"""Runs the whole suite as `make test` does, in two lanes side by side.

One lane has tests that start servers, and waits most of the time. The other has those of one process: on SQLite, then
once more on PostgreSQL what touches the database; and, to end at the same time as the first, those of faults and those
in a browser. What it says is shown when it is done.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from tests.servers import ServerUnavailable, postgres_server

ROOT = Path(__file__).resolve().parents[1]
ON_BOTH_DATABASES = ["tests/accounts", "tests/audit", "tests/rooms", "tests/gateway", "tests/collaboration"]
ON_BOTH_DATABASES += ["tests/test_authorization.py", "tests/test_contract.py"]
LATE = ("tests/faults", "tests/browser")
NOTHING_SELECTED = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="run the long fault and load tests too")
    parser.add_argument("--coverage", action="store_true", help="measure lines covered, server processes included")
    parser.add_argument("rest", nargs="*", help="passed to pytest, after --")
    options = parser.parse_args()
    started = time.monotonic()
    if options.coverage:
        run([sys.executable, "-m", "coverage", "erase"])
    with tempfile.TemporaryFile("w+") as said, ThreadPoolExecutor(1) as lane:
        print("Tests with servers; the others run beside them, and are shown when they are done:", flush=True)
        beside = lane.submit(second_lane, options, said)
        code = pytest([*marked("live", options), *(f"--ignore={late}" for late in LATE)], options)
        codes = [code, beside.result()]
        said.seek(0)
        print(said.read(), end="", flush=True)
    if options.coverage:
        run([sys.executable, "-m", "coverage", "combine", "--quiet"])
        codes.append(run([sys.executable, "-m", "coverage", "report"]))
    print(f"\nThe tests took {time.monotonic() - started:.0f} s.")
    return max(codes)


def second_lane(options: argparse.Namespace, said: IO[str]) -> int:
    """Runs the tests that start no servers on both databases, then those of faults, and writes what they say."""

    def say(text: str) -> None:
        print(text, file=said, flush=True)

    code = in_one_process(options, said, say)
    say("\nTests of faults, and in a browser:")
    return max(code, pytest([*marked("live", options), *LATE], options, output=said))


def in_one_process(options: argparse.Namespace, said: IO[str], say: Callable[[str], None]) -> int:
    say("\nTests of one process, on SQLite:")
    code = pytest(marked("not live", options), options, output=said)
    with ExitStack() as stack:
        try:
            postgres = stack.enter_context(postgres_server())
        except ServerUnavailable as missing:
            say(f"\nNot run on PostgreSQL: {missing}")
            return max(code, 1 if os.environ.get("CI") else 0)
        say("\nOnce more on PostgreSQL, what touches the database:")
        only = ["-m", "database and not live and not long", *ON_BOTH_DATABASES]
        return max(code, pytest(only, options, {"DATABASE_URL": postgres.url}, output=said))


def marked(lane: str, options: argparse.Namespace) -> list[str]:
    return ["-m", lane if options.long else f"{lane} and not long"]


def pytest(
    arguments: list[str], options: argparse.Namespace, env: Mapping[str, str] | None = None, output: Any = None
) -> int:
    command = [sys.executable, "-m", "pytest", "-q", *arguments, *options.rest]
    if options.coverage:
        command += ["--cov", "--cov-report="]
        env = {**(env or {}), "COVERAGE_FILE": f".coverage.{time.monotonic_ns()}"}  # of each run its own
    code = run(command, env, output)
    return 0 if code == NOTHING_SELECTED else code


def run(command: list[str], env: Mapping[str, str] | None = None, output: Any = None) -> int:
    return subprocess.call(command, cwd=ROOT, env={**os.environ, **(env or {})}, stdout=output, stderr=output)


if __name__ == "__main__":
    sys.exit(main())
