"""Clients in several processes write, move and watch while servers are killed, and their journals match the log."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from benchmarks.chaos import faults
from benchmarks.chaos.check import Verdict
from benchmarks.chaos.faults import Felt
from benchmarks.chaos.run import Run
from tests.faults.company import BACKOFF
from tests.faults.conftest import GRACE
from tests.live import Live
from tests.servers import MS

pytestmark = pytest.mark.live

CLIENTS = 8
DRAINING = 4503
GHOSTS_GONE = 45_000 * MS


def run(live: Live, breakages: list[Callable[[Run], None]], seed: int, *, lose_one: bool = True) -> list[Felt]:
    """Breaks one thing after the other under load, and checks all that was promised."""
    sessions = [live.session(), live.session()]
    with Run(live.deployment, live.people(CLIENTS), sessions, seed=seed, lanes=2, backoff=BACKOFF) as clients:
        clients.warm_up()
        felt = []
        for number, breakage in enumerate(breakages):
            if lose_one and number == 1:
                clients.lose_one()
            felt.append(faults.felt(clients, partial(breakage, clients)))
        verdict = clients.conclude(grace=GRACE, absent_after=GHOSTS_GONE)
        assert not verdict.wrong, f"{verdict} (seed {seed})"
        assert enough(verdict), verdict
        assert verdict.explained["gaps"] == verdict.explained["duplicates"] == 0
    return felt


def enough(verdict: Verdict) -> bool:
    """Whether so much went on that the rest means something."""
    return verdict.acked >= 10 * CLIENTS and verdict.seen >= 2 * verdict.acked


def test_nothing_is_lost_or_doubled_while_the_only_server_is_killed_and_comes_back(alone: Live) -> None:
    kill = partial(faults.kill_server, mixed=True)  # uvicorn and daphne take turns
    felt = run(alone, [kill, kill], seed=1)
    assert all(len(each.away) == each.clients for each in felt)


def test_nothing_is_lost_or_doubled_while_one_of_two_servers_is_killed(pair: Live) -> None:
    run(pair, [faults.kill_server, faults.kill_server], seed=2)


def test_a_rolling_restart_costs_each_client_one_reconnect_and_nothing_else(pair: Live) -> None:
    rolls: list[Callable[[Run], None]] = [
        lambda _, server=server: faults.roll(server) for server in pair.deployment.servers
    ]
    for each in run(pair, rolls, seed=3, lose_one=False):
        assert each.most_drops <= 1
        assert set(each.codes) <= {DRAINING}


LONG: dict[str, list[Callable[[Run], None]]] = {
    "servers killed": [partial(faults.kill_server, mixed=True)] * 20,
    "Redis killed": [faults.kill_redis] * 10,
    "Redis hangs": [faults.pause_redis] * 3,
    "PostgreSQL stopped": [faults.stop_postgres] * 5,
}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", LONG)
def test_nothing_is_lost_or_doubled_for_a_long_time_while_two_servers_have_trouble(pair: Live, what: str) -> None:
    felt = run(pair, LONG[what], seed=4)
    if what != "servers killed":
        assert not any(each.codes for each in felt)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_for_a_long_time_while_the_only_server_is_killed(alone: Live) -> None:
    run(alone, [partial(faults.kill_server, mixed=True)] * 20, seed=5)
