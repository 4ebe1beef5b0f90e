"""What documents cost that are there already: to keep open, to join in a crowd, to load from nothing."""

from __future__ import annotations

import asyncio
import statistics
import time

from benchmarks.documents.servers import Subject, crowd, fill, restart
from benchmarks.documents.updates import characters, keystrokes, paragraphs
from benchmarks.machine import cpu_seconds, rss_bytes
from benchmarks.tables import Row
from benchmarks.targets import Bench

OPEN, PARAGRAPHS = 200, 100  # of 1,000 characters
JOINERS, LARGE = 150, 1_000
KEYSTROKES, LOADS = 200_000, 3
SETTLE = 3.0


async def memory(bench: Bench, subject: Subject) -> list[Row]:
    """Opens many documents after a restart, one client each, and divides the growth by their number."""
    documents = subject.documents(OPEN + 1)
    for document in documents:
        await fill(subject, document, paragraphs(PARAGRAPHS))
    restart(bench, subject)
    async with crowd(subject, documents[:1], 1):  # imports and pools do not count
        await asyncio.sleep(SETTLE)
        before = rss_bytes(subject.process.pid)
        async with crowd(subject, documents[1:], OPEN) as typists:
            await asyncio.sleep(SETTLE)
            after = rss_bytes(subject.process.pid)
            _check(typists[-1].content, PARAGRAPHS * 1_000)
    row = Row(target=subject.name, phase=f"{OPEN} documents of {PARAGRAPHS} KB open", connections=OPEN)
    row["kib_per_document"] = round((after - before) / OPEN / 1024, 1)
    return [row]


async def joining(bench: Bench, subject: Subject) -> list[Row]:
    """Lets many clients join a large document at once that one of them has open."""
    [document] = subject.documents(1)
    await fill(subject, document, paragraphs(LARGE))
    restart(bench, subject)
    times = []
    async with crowd(subject, [document], 1):
        for _ in range(LOADS):
            server, started = cpu_seconds(subject.process.pid), time.perf_counter()
            async with crowd(subject, [document], JOINERS, first=1, at_once=JOINERS) as typists:
                times.append(time.perf_counter() - started)
                server = (cpu_seconds(subject.process.pid) - server) / times[-1]
                for content in {typist.content for typist in typists}:
                    _check(content, LARGE * 1_000)
    row = Row(target=subject.name, phase=f"{JOINERS} join a document of 1 MB", connections=JOINERS)
    return [row | {"seconds_to_open": round(statistics.median(times), 3), "server_cpu": round(server, 2)}]


async def loading(bench: Bench, subject: Subject) -> list[Row]:
    """Restarts the server, and lets one client in: how long until it has the document."""
    [document] = subject.documents(1)
    await subject.store(document, keystrokes(KEYSTROKES))
    rows = []
    for state in subject.states(document):
        times = []
        for _ in range(LOADS):
            restart(bench, subject)
            started = time.perf_counter()
            async with crowd(subject, [document], 1) as [typist]:
                times.append(time.perf_counter() - started)
                _check(typist.content, KEYSTROKES)
        row = Row(target=subject.name, phase=f"load {KEYSTROKES:,} updates{state}")
        rows.append(row | {"seconds_to_open": round(statistics.median(times), 3)})
    return rows


def _check(content: bytes, expected: int) -> None:
    if (found := characters(content)) != expected:
        raise RuntimeError(f"a document came with {found:,} characters instead of {expected:,}")
