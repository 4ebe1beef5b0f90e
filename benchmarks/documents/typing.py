"""Many clients type in documents: how many updates a second, until p99 of the delivery is too late."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Sequence

from benchmarks.documents.servers import Subject, crowd
from benchmarks.documents.typists import Typist
from benchmarks.documents.updates import Reader
from benchmarks.machine import core_seconds, cpu_seconds
from benchmarks.report import Report, Window, quantiles
from benchmarks.tables import Row
from benchmarks.targets import Bench

LATE = 100.0  # ms, for p99 of the delivery
FIRST, STEP, HALVINGS = 400.0, 1.6, 3
WARM = 0.5
QUIET, DRAIN = 1.5, 20.0  # without a receipt for so long a phase is over, and after so long anyway


async def measure(bench: Bench, subject: Subject, people: int, count: int) -> list[Row]:
    """Offers more until it is too much, then looks between the two: the best that held, and the least that did not."""
    phase = f"{people} typing in {count}"
    held: Row | None = None
    failed: Row | None = None
    low, high, rate, halvings = 0.0, 0.0, FIRST, HALVINGS
    while halvings:
        row, holds = await _attempt(bench, subject, people, count, rate)
        row["phase"] = f"{phase}, {'held' if holds else 'too much'}"
        print(f"  {subject.name}, {phase}: {rate:,.0f}/s, p99 {row['delivery_p99_ms']} ms, missing {row['missing']}")
        if holds:
            low, held = rate, row
        else:
            high, failed = rate, row
        halvings -= bool(high)
        rate = (low + high) / 2 if high else rate * STEP
    return [row for row in (held, failed) if row]


async def _attempt(bench: Bench, subject: Subject, people: int, count: int, rate: float) -> tuple[Row, bool]:
    """Tries one rate with fresh documents, again if it failed while others disturbed it."""
    for again in reversed(range(bench.again + 1)):
        async with crowd(subject, subject.documents(count), people) as typists:
            report = await _offer(bench, subject, typists, count, rate)
        p99 = quantiles(report.delivery_us)["p99_ms"]
        holds = p99 is not None and p99 <= LATE and not report.missing
        if holds or not report.disturbed or not again:
            break
        await asyncio.sleep(3.0)
    row = Row(target=subject.name, updates_per_s=round(rate)) | report.row()
    return row | {"server_us_per_update": round(report.server_cpu / rate * 1e6)}, holds


async def _offer(bench: Bench, subject: Subject, typists: list[Typist], count: int, rate: float) -> Report:
    """Types `rate` characters a second in all, whatever the server does.

    Latencies count from the moment a character was due, so a late generator cannot hide a slow server.
    """
    due: dict[int, list[int]] = {typist.client: [] for typist in typists}
    cores = bench.cores.server if bench.cores else set()
    pid = subject.process.pid
    gc.collect()
    began = time.process_time(), cpu_seconds(pid), core_seconds(cores)
    started = time.perf_counter_ns()
    end = started + int((WARM + bench.seconds) * 1e9)
    sent = lag = 0
    while (now := time.perf_counter_ns()) < end:
        at = started + int(sent * 1e9 / rate)
        lag = max(lag, now - at)
        while at <= now:
            typist = typists[sent % len(typists)]
            due[typist.client].append(at)
            typist.type()
            sent += 1
            at = started + int(sent * 1e9 / rate)
        await asyncio.sleep(0.001)
    elapsed = (time.perf_counter_ns() - started) / 1e9
    load, server, core = (
        (now - then) / elapsed
        for now, then in zip((time.process_time(), cpu_seconds(pid), core_seconds(cores)), began, strict=True)
    )
    await _drained(typists)
    window = Window(started + int(WARM * 1e9), end, 0)
    report = Report(seconds=window.seconds, sent=sent, lag_ms=lag / 1e6, load_cpu=load, server_cpu=server)
    report.others_cpu = core - server if cores else 0.0
    for nth in range(count):
        _tally(report, window, typists[nth::count], due)
    for typist in typists:
        if typist.close_code is not None:
            report.closes[f"{typist.close_code} {typist.close_reason.partition(';')[0]}".strip()] += 1
    return report


async def _drained(typists: list[Typist]) -> None:
    deadline = time.perf_counter() + DRAIN
    seen, since = -1, time.perf_counter()
    while time.perf_counter() < deadline and time.perf_counter() - since < QUIET:
        if (arrived := sum(len(typist.arrivals) for typist in typists)) != seen:
            seen, since = arrived, time.perf_counter()
        await asyncio.sleep(0.05)


def _tally(report: Report, window: Window, members: Sequence[Typist], due: dict[int, list[int]]) -> None:
    """Adds what the members of one document got from each other."""
    reader = Reader()
    typed = sum(member.clock for member in members)
    for member in members:
        seen: dict[int, set[int]] = {other.client: set() for other in members}
        times = 0
        for now, frame in member.arrivals:
            for client, start, stop in reader.spans(member.update_in(frame)):
                if client == member.client:
                    continue
                seen[client].update(range(start, stop))
                times += stop - start
                if window.start <= now < window.end:
                    report.deliveries += stop - start
                for at in due[client][start:stop]:
                    if window.start <= at < window.end:
                        report.delivery_us[(now - at) // 1000] += 1
        received = sum(map(len, seen.values()))
        report.frames += len(member.arrivals)
        report.expected += typed - member.clock
        report.received += received
        report.missing += typed - member.clock - received
        report.duplicates += times - received
