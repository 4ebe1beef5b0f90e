"""Timers: work that is due by the clock, done by one elected instance or by `manage.py sweep`, safe to do twice."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import structlog

from bduf_realtime.accounts.services import page_sessions_trim, revoked_tokens_trim
from bduf_realtime.gateway import presence
from bduf_realtime.gateway.conf import conf
from bduf_realtime.rooms import log

logger = structlog.get_logger(__name__)


class Sweep(msgspec.Struct):
    """One kind of due work: how often to look, and the function that does it and says how much it did.

    `at_once` does it for `manage.py sweep`, where `run` only sets about it.
    """

    name: str
    every: float
    run: Callable[[], int]
    at_once: Callable[[], int] | None = None
    due: float = 0.0


sweeps: list[Sweep] = [
    Sweep("instances", 1.0, presence.reap),
    Sweep("log", 60.0, lambda: log.trim(keep=conf.log_retention_events, younger_than=conf.log_retention)),
    Sweep("commands", 60.0, lambda: log.forget_commands(older_than=conf.idempotency_retention)),
    Sweep("connections", 60.0, lambda: presence.forget_closed(600)),
    Sweep("tokens", 300.0, revoked_tokens_trim),
    Sweep("page_sessions", 300.0, page_sessions_trim),
]


# What every instance does for itself, elected or not: counting what its own metrics show.
everywhere: list[Sweep] = []


def run_due(now: float | None = None, of: list[Sweep] | None = None) -> dict[str, int]:
    """Runs every sweep whose time has come, the elected instance's unless told `of` others; returns what each did."""
    now = time.monotonic() if now is None else now
    done: dict[str, int] = {}
    for sweep in sweeps if of is None else of:
        if now >= sweep.due:
            sweep.due = now + sweep.every
            if count := sweep.run():
                done[sweep.name] = count
    return done


def run_all() -> dict[str, int]:
    """Runs every sweep once."""
    return {sweep.name: (sweep.at_once or sweep.run)() for sweep in sweeps}
