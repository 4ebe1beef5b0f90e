"""Runs the whole suite as `make test` does, in parts of which three run side by side, the longest first.

What the first says is shown as it comes, and what the others say when they are done; at the very end every test that
failed, in a line each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple
from xml.etree import ElementTree

from tests.servers import ServerUnavailable, postgres_server

ROOT = Path(__file__).resolve().parents[1]
ON_BOTH_DATABASES = ["tests/accounts", "tests/audit", "tests/rooms", "tests/gateway", "tests/collaboration"]
ON_BOTH_DATABASES += ["tests/approvals", "tests/notifications", "tests/test_authorization.py"]
ON_BOTH_DATABASES += ["tests/test_command_authorization.py", "tests/test_contract.py"]
LANES = 3


class Part(NamedTuple):
    """Tests that one pytest runs: all that have a marker, or those in some places."""

    title: str
    marker: str
    places: Sequence[str] = ()
    database: Literal["sqlite", "postgres"] = "sqlite"


APART = [
    Part("Tests in a browser", "live", ["tests/browser"]),
    Part("Tests with hostile clients", "live", ["tests/hostile"]),
    Part("Tests of faults", "live", ["tests/faults"]),
]
PARTS = [
    Part("Tests with servers", "live", [f"--ignore={place}" for part in APART for place in part.places]),
    Part("Tests of one process, on SQLite", "not live"),
    Part("Once more on PostgreSQL, what touches the database", "database and not live", ON_BOTH_DATABASES, "postgres"),
    *APART,
]
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
    print("The first tests; others run beside them, and are shown when they are done:", flush=True)
    with ThreadPoolExecutor(LANES) as lanes:
        first = lanes.submit(part_run, PARTS[0], options)
        others = [lanes.submit(part_heard, part, options) for part in PARTS[1:]]
        codes = [first.result()]
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


def part_heard(part: Part, options: argparse.Namespace) -> tuple[int, str]:
    """Runs a part; returns its code, and what it said."""
    with tempfile.TemporaryFile("w+") as output:
        code = part_run(part, options, output)
        output.seek(0)
        return code, output.read()


def part_run(part: Part, options: argparse.Namespace, output: IO[str] | None = None) -> int:
    """Runs a part, with its database if it wants one; returns its code."""
    print(f"\n{part.title}:", file=output, flush=True)
    marker = part.marker if options.long and part.database == "sqlite" else f"{part.marker} and not long"
    with ExitStack() as stack:
        env = {}
        if part.database == "postgres":
            try:
                env["DATABASE_URL"] = stack.enter_context(postgres_server()).url
            except ServerUnavailable as missing:
                print(f"Not run: {missing}", file=output, flush=True)
                return 1 if os.environ.get("CI") else 0
        return pytest(["-m", marker, *part.places], options, env, output)


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
