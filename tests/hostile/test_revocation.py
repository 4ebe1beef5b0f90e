"""Rights that end while sockets are open: every instance closes them within two seconds, and lets nobody back in."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from bduf_realtime.gateway.errors import CODES
from benchmarks.world import Person
from tests.hostile.forgery import forged
from tests.hostile.target import Target
from tests.hostile.wire import Ended, Ending, Wire
from tests.live import Live
from tests.servers import MS, wait_until

pytestmark = pytest.mark.live

CLOSED_WITHIN = 2_000 * MS
SLACK = 2_000 * MS

# What ends a right, and the error and close code that its sockets see.
ENDINGS = {
    "disabled": ("services.user_disable(user=user)", "auth.invalid", 4423),
    "deleted": ("user.delete()", "auth.invalid", 4401),
    "new password": ("user.set_password('another password'); user.save()", "auth.revoked", 4401),
    "token taken back": ("services.token_revoke(claims=read_access_token(token))", "auth.revoked", 4401),
    "signed out everywhere": ("services.user_sign_out_everywhere(user=user)", "auth.revoked", 4401),
}
SCRIPT = """
import json, time
from bduf_realtime.accounts import services
from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.tokens import read_access_token
done = {{}}
for name, pk, token, code in {orders!r}:
    user = User.objects.get(pk=pk)
    exec(code)
    done[name] = time.time()
print(json.dumps(done))
"""


@dataclass
class Case:
    """One person whose right ended: when it did, and what became of a socket on each instance."""

    person: Person
    code: str
    close: int
    ended_at: float = 0.0
    endings: list[Ending] = field(default_factory=list)
    closed_at: list[float] = field(default_factory=list)


def moment(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def closings(targets: tuple[Target, Target], person: Person) -> list[dict[str, Any]]:
    """What both logs say about the end of a person's connections."""
    return [e for target in targets for e in target.events("connection_closed") if e["user"] == person.id]


def restless(wire: Wire, session: str) -> Ending:
    """Goes on joining, talking and leaving until the server ends the connection."""
    room = {"room": f"session:{session}"}
    commands = itertools.cycle(
        [
            ("room:join", room),
            ("collaboration:message:send", {"session": session, "body": "still here"}),
            ("collaboration:cursor:move", {"session": session, "position": {"at": 1}}),
            ("room:history", room),
            ("room:leave", room),
        ]
    )
    answers = []
    while True:
        type, data = next(commands)
        wire.send({"type": type, "id": "again", "data": data})
        try:
            answers.append(wire.receive())
        except Ended as ended:
            return Ending(ended.ending.code, ended.ending.reason, answers)
        time.sleep(0.1)  # well below every rate limit


@pytest.fixture(scope="module")
def cases(cluster: Live) -> Iterator[dict[str, Case]]:
    """Ends the rights of five people, each with a busy socket on both instances."""
    first, second = cluster.deployment.servers
    with Target(cluster, first) as one, Target(cluster, second) as other, ThreadPoolExecutor(16) as pool:
        session = cluster.session()
        cases = {name: Case(cluster.person(), code, close) for name, (_, code, close) in ENDINGS.items()}
        endings = {
            name: [pool.submit(restless, target.authenticated(case.person.token), session) for target in (one, other)]
            for name, case in cases.items()
        }
        orders = [(n, c.person.id, c.person.token, ENDINGS[n][0]) for n, c in cases.items()]
        done = json.loads(cluster.deployment.shell(SCRIPT.format(orders=orders)))
        for name, case in cases.items():
            case.ended_at = done[name]
            case.endings = [ending.result() for ending in endings[name]]
            wait_until(partial(lambda who: len(closings((one, other), who)) == 2, case.person))
            case.closed_at = [moment(event) for event in closings((one, other), case.person)]
        yield cases


@pytest.mark.parametrize("name", ENDINGS)
def test_live_sockets_close_on_every_instance(name: str, cases: dict[str, Case]) -> None:
    case = cases[name]
    for ending in case.endings:
        assert (ending.codes[-1], ending.code) == (case.code, case.close)
    for closed_at in case.closed_at:
        assert case.ended_at - 0.1 < closed_at < case.ended_at + CLOSED_WITHIN + SLACK


@pytest.mark.parametrize("name", ENDINGS)
def test_what_was_under_way_is_answered_properly_to_the_last(name: str, cases: dict[str, Case]) -> None:
    for ending in cases[name].endings:
        assert len(ending.messages) > 5
        assert set(ending.codes) <= CODES.keys() - {"internal", "storage.unavailable"}


@pytest.mark.parametrize("name", ENDINGS)
def test_the_token_opens_no_door_any_more(name: str, cases: dict[str, Case], pair: tuple[Target, Target]) -> None:
    case = cases[name]
    for target in pair:
        ending = target.accepted(token=case.person.token).ending()
        assert (ending.codes, ending.code) == ([case.code], case.close)
        answer = target.http("GET", "/api/v1/me/", [("Authorization", f"Bearer {case.person.token}")])
        assert (answer.status, json.loads(answer.body)["code"]) == (401, case.code)


@pytest.mark.parametrize("name", ["disabled", "deleted", "new password", "signed out everywhere"])
def test_a_refresh_token_of_before_yields_no_access_token(
    name: str, cases: dict[str, Case], pair: tuple[Target, Target]
) -> None:
    refresh = forged(cases[name].person.token, {"token_type": "refresh"})
    for target in pair:
        answer = target.http("POST", "/api/v1/auth/token/refresh/", body={"refresh": refresh})
        assert answer.status == 401, answer
        assert b"access" not in answer.body.replace(b"access token", b"")


def test_a_socket_cannot_swap_to_a_token_that_was_taken_back(pair: tuple[Target, Target]) -> None:
    one, other = pair
    person = one.person()
    held, spare = (forged(person.token, {"iat": time.time() + offset}) for offset in (0, 1))
    wire = one.authenticated(held)
    answer = other.http("POST", "/api/v1/auth/sign-out/", [("Authorization", f"Bearer {spare}")], {})
    assert answer.status == 204
    assert wire.ask("auth:refresh", {"token": spare})["code"] == "auth.revoked"
    assert wire.round_trip() > 0


def test_signing_out_closes_that_tokens_sockets_or_all_of_them(pair: tuple[Target, Target]) -> None:
    one, other = pair
    once, everywhere = one.person(), one.person()
    gone, kept = forged(once.token), forged(once.token)
    staying = [target.authenticated(kept) for target in pair]
    closing = [target.authenticated(token) for target in pair for token in (gone, forged(everywhere.token))]
    for target, token, body in ((one, gone, {}), (other, everywhere.token, {"everywhere": True})):
        answer = target.http("POST", "/api/v1/auth/sign-out/", [("Authorization", f"Bearer {token}")], body)
        assert answer.status == 204
    for wire in closing:
        ending = wire.ending()
        assert (ending.codes, ending.code) == (["auth.revoked"], 4401)
    newer = forged(everywhere.token, {"iat": time.time() + 1})
    for wire in (*staying, *(target.authenticated(newer) for target in pair)):
        assert wire.round_trip() > 0
