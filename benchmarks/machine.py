"""Cores, processor time and memory of process trees, and the environment a result belongs to."""

from __future__ import annotations

import os
import platform
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.servers.reaper import members

PACKAGES = ["django", "channels", "channels-redis", "daphne", "uvicorn", "uvloop", "websockets", "redis"]
OPEN_FILES = 65_536
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Cores:
    """Which core the server has, which one the load has, and which the stores (Redis, PostgreSQL) may use."""

    server: set[int]
    load: list[int]
    stores: set[int]

    @classmethod
    def plan(cls, workers: int = 1) -> Cores | None:
        """Gives the server the first core and the load the next ones; None where nothing can be pinned."""
        if not hasattr(os, "sched_setaffinity"):
            return None
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return None
        load = cores[1 : 1 + workers]
        return cls({cores[0]}, load, set(cores[1 + workers :]) or set(load))


@contextmanager
def pinned(cores: set[int] | None) -> Iterator[None]:
    """Starts whatever is started inside on these cores; children inherit them."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_files() -> None:
    """Raises the soft limit of open files as far as it goes; children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def cpu_seconds(leader: int) -> float:
    """Returns the processor time a process tree has used, from /proc/<pid>/stat."""
    total = 0
    for pid in members(leader):
        try:
            values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(values[11]) + int(values[12])
    return total / TICKS


def core_seconds(cores: set[int]) -> float:
    """Returns the time these cores were used or stolen, by anybody, from /proc/stat; interrupts are left out."""
    total = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
            user, nice, system, _idle, _iowait, _irq, _softirq, steal = map(int, values[:8])
            total += user + nice + system + steal
    return total / TICKS


def rss_bytes(leader: int) -> int:
    """Returns the resident memory of a process tree, from /proc/<pid>/statm."""
    total = 0
    for pid in members(leader):
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
        except OSError:
            continue
    return total


@dataclass
class Usage:
    """A server's resident memory during one phase."""

    rss_start: int = 0
    rss_peak: int = 0
    rss_end: int = 0
    samples: list[int] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Flattens it for tables and JSON, in MiB."""
        mib = 1 << 20
        return {
            "rss_start_mib": round(self.rss_start / mib, 1),
            "rss_peak_mib": round(self.rss_peak / mib, 1),
            "rss_end_mib": round(self.rss_end / mib, 1),
        }


@contextmanager
def watched(leader: int, every: float = 0.1) -> Iterator[Usage]:
    """Samples a process tree's memory until the block ends."""
    usage = Usage(rss_start=rss_bytes(leader))
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(every):
            usage.samples.append(rss_bytes(leader))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield usage
    finally:
        stop.set()
        thread.join()
        usage.rss_end = rss_bytes(leader)
        usage.rss_peak = max([usage.rss_start, usage.rss_end, *usage.samples])


def environment(command: list[str]) -> dict[str, str]:
    """Describes the machine, the versions and the command, so that a figure can be placed."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(command),
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * PAGE / (1 << 30):.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
