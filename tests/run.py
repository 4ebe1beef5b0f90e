"""Runs the whole suite as `make test` does: everything on SQLite, then what touches the database on PostgreSQL."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from tests.servers import ServerUnavailable, postgres_server

ROOT = Path(__file__).resolve().parents[1]
ON_BOTH_DATABASES = ["tests/accounts", "tests/audit", "tests/rooms", "tests/gateway", "tests/collaboration"]
ON_BOTH_DATABASES += ["tests/test_authorization.py", "tests/test_contract.py"]
NOTHING_SELECTED = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="run the long fault and load tests too")
    parser.add_argument("--coverage", action="store_true", help="measure lines covered, server processes included")
    parser.add_argument("rest", nargs="*", help="passed to pytest, after --")
    options = parser.parse_args()
    started = time.monotonic()
    measured = ["--cov", "--cov-append", "--cov-report="] if options.coverage else []
    if options.coverage:
        run([sys.executable, "-m", "coverage", "erase"], {})
    marks = [] if options.long else ["-m", "not long"]
    codes = [pytest([*marks, *measured, *options.rest], {})]
    with ExitStack() as stack:
        try:
            postgres = stack.enter_context(postgres_server())
        except ServerUnavailable as missing:
            print(f"\nNot run on PostgreSQL: {missing}")
            codes.append(1 if os.environ.get("CI") else 0)
        else:
            print("\nOnce more on PostgreSQL, what touches the database:")
            only = ["-m", "not live and not long"]
            codes.append(pytest([*only, *measured, *ON_BOTH_DATABASES, *options.rest], {"DATABASE_URL": postgres.url}))
    if options.coverage:
        run([sys.executable, "-m", "coverage", "combine", "--append", "--quiet"], {})
        codes.append(run([sys.executable, "-m", "coverage", "report"], {}))
    print(f"\nThe tests took {time.monotonic() - started:.0f} s.")
    return max(codes)


def pytest(arguments: list[str], env: dict[str, str]) -> int:
    code = run([sys.executable, "-m", "pytest", "-q", *arguments], env)
    return 0 if code == NOTHING_SELECTED else code


def run(command: list[str], env: dict[str, str]) -> int:
    return subprocess.call(command, cwd=ROOT, env=os.environ | env)


if __name__ == "__main__":
    sys.exit(main())
