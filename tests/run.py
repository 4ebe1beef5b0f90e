"""Runs the whole suite as `make test` does, in three lanes side by side.

One lane has tests that start servers, and one those of faults and those in a browser: these wait most of the time. The
third has those of one process: on SQLite, then once more on PostgreSQL what touches the database. What the others say
is shown when they are done, and at the very end every test that failed, in a line each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

from tests.servers import ServerUnavailable, postgres_server

ROOT = Path(__file__).resolve().parents[1]
ON_BOTH_DATABASES = ["tests/accounts", "tests/audit", "tests/rooms", "tests/gateway", "tests/collaboration"]
ON_BOTH_DATABASES += ["tests/approvals", "tests/notifications", "tests/test_authorization.py"]
ON_BOTH_DATABASES += ["tests/test_command_authorization.py", "tests/test_contract.py"]
APART = ("tests/faults", "tests/browser")
NOTHING_SELECTED = 5
failures: list[str] = []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="run the long fault and load tests too")
    parser.add_argument("--coverage", action="store_true", help="measure lines covered, server processes included")
    parser.add_argument("rest", nargs="*", help="passed to pytest, after --")
    options = parser.parse_args()
    started = time.monotonic()
    if options.coverage:
        run([sys.executable, "-m", "coverage", "erase"])
    print("Tests with servers; the others run beside them, and are shown when they are done:", flush=True)
    with ThreadPoolExecutor(2) as lanes:
        others = [lanes.submit(heard, lane, options) for lane in (in_one_process, with_faults_or_a_browser)]
        codes = [pytest([*marked("live", options), *(f"--ignore={apart}" for apart in APART)], options)]
        for other in others:
            code, said = other.result()
            codes.append(code)
            print(said, end="", flush=True)
    if options.coverage:
        run([sys.executable, "-m", "coverage", "combine", "--quiet"])
        codes.append(run([sys.executable, "-m", "coverage", "report"]))
    if failures:
        print("\nFailed:", *failures, sep="\n  ")
    print(f"\nThe tests took {time.monotonic() - started:.0f} s.")
    return max(codes)


def heard(lane: Callable[[argparse.Namespace, IO[str]], int], options: argparse.Namespace) -> tuple[int, str]:
    """Runs a lane; returns its code, and what it said."""
    with tempfile.TemporaryFile("w+") as said:
        code = lane(options, said)
        said.seek(0)
        return code, said.read()


def with_faults_or_a_browser(options: argparse.Namespace, said: IO[str]) -> int:
    """Runs the tests of faults, and those in a browser."""
    print("\nTests of faults, and in a browser:", file=said, flush=True)
    return pytest([*marked("live", options), *APART], options, output=said)


def in_one_process(options: argparse.Namespace, said: IO[str]) -> int:
    """Runs the tests that start no servers, on both databases."""
    print("\nTests of one process, on SQLite:", file=said, flush=True)
    code = pytest(marked("not live", options), options, output=said)
    with ExitStack() as stack:
        try:
            postgres = stack.enter_context(postgres_server())
        except ServerUnavailable as missing:
            print(f"\nNot run on PostgreSQL: {missing}", file=said, flush=True)
            return max(code, 1 if os.environ.get("CI") else 0)
        print("\nOnce more on PostgreSQL, what touches the database:", file=said, flush=True)
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
    # What compiles is kept: pytest rewrites every test, and each lane would do so anew.
    env = {"PYTHONDONTWRITEBYTECODE": "", **(env or {})}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = run([*command, f"--junit-xml={report}"], env, output)
        failures.extend(failed_in(report) if report.exists() else [f"pytest ended with {code}, without a report"])
    return 0 if code == NOTHING_SELECTED else code


def failed_in(report: Path) -> Iterator[str]:
    """The tests that failed by a report of pytest's, with the first line of why."""
    for case in ElementTree.parse(report).iter("testcase"):
        for why in [*case.findall("failure"), *case.findall("error")]:
            reason = (why.get("message") or "").partition("\n")[0]
            yield f"{case.get('classname')}::{case.get('name')}: {reason[:200]}"


def run(command: list[str], env: Mapping[str, str] | None = None, output: Any = None) -> int:
    return subprocess.call(command, cwd=ROOT, env={**os.environ, **(env or {})}, stdout=output, stderr=output)


if __name__ == "__main__":
    sys.exit(main())
