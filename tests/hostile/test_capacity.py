"""Caps on connections: of one user on all instances, and of one instance."""

from __future__ import annotations

import pytest

from tests.hostile.conftest import CONNECTIONS, CONNECTIONS_PER_USER
from tests.hostile.target import Target
from tests.hostile.wire import Ended, Ending
from tests.servers import eventually

pytestmark = pytest.mark.live

PER_USER_OUT_OF_THE_BOX = 50


def refused(target: Target, token: str) -> Ending | None:
    """Opens a socket and returns how it was refused; None, and it is closed again, if it was let in."""
    wire = target.accepted(token=token, protocols=["bduf.v1"])
    # Without it a browser would hide the close code.
    assert wire.answered is not None
    assert wire.answered.headers["sec-websocket-protocol"] == "bduf.v1"
    try:
        first = wire.receive()
    except Ended as ended:
        return ended.ending
    if first["type"] == "connected":
        wire.close()
        return None
    ending = wire.ending()
    return Ending(ending.code, ending.reason, [first, *ending.messages])


async def test_a_user_has_so_many_connections_and_no_more(strict: Target) -> None:
    person = strict.person()
    wires = [strict.authenticated(person.token) for _ in range(CONNECTIONS_PER_USER)]
    for _ in range(2):
        ending = strict.accepted(token=person.token).ending()
        assert (ending.codes, ending.code) == (["quota.exceeded"], 4412)
    assert all(wire.round_trip() > 0 for wire in wires)
    assert strict.authenticated(strict.person().token).round_trip() > 0
    wires[0].close()
    await eventually(lambda: refused(strict, person.token) is None, what="a place that was given up is free again")


async def test_a_users_connections_are_counted_over_all_instances(pair: tuple[Target, Target]) -> None:
    person = pair[0].person()
    for number in range(PER_USER_OUT_OF_THE_BOX):
        pair[number % 2].authenticated(person.token)
    for target in pair:
        # Instances learn of each other's connections a moment later.
        await eventually(lambda: refused(target, person.token) is not None)  # noqa: B023 - called at once
        ending = refused(target, person.token)
        assert ending is not None
        assert (ending.codes, ending.code) == (["quota.exceeded"], 4412)


async def test_a_full_instance_sends_newcomers_elsewhere(strict: Target) -> None:
    wires = []
    ending = None
    while ending is None:
        assert len(wires) < CONNECTIONS
        person = strict.person()
        if (ending := refused(strict, person.token)) is None:
            wires.append(strict.authenticated(person.token))
    assert len(wires) >= CONNECTIONS - 5  # the bystander, and what has not quite closed yet
    assert (ending.code, ending.messages) == (4507, [])
    if strict.kind == "uvicorn":  # daphne sends no reasons
        assert ending.reason == "quota.exceeded;retry_ms=2000"
    assert all(wire.round_trip() > 0 for wire in wires)
    wires.pop().close()
    person = strict.person()
    await eventually(lambda: refused(strict, person.token) is None, what="a place that was given up is free again")
