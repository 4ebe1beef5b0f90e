"""Tokens that run out on a live socket, and the swapping of tokens in place, honest and not."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from tests.hostile.conftest import EXPIRING_NOTICE, EXPIRY_GRACE, TICK
from tests.hostile.forgery import claims_of, forged
from tests.hostile.target import Target
from tests.hostile.wire import Wire
from tests.servers import MS

pytestmark = pytest.mark.live

LIFE = 1_200 * MS
SLACK = 3_000 * MS


def refused_as_expired(wire: Wire, room: str) -> float:
    """Asks until the server says that the token has expired; returns when it did."""
    while True:
        answer = wire.ask("room:history", {"room": room})
        if answer["type"] == "error":
            assert answer["code"] == "auth.expired"
            return time.time()


def test_a_token_that_runs_out_is_announced_then_refused_then_ends_the_socket(strict: Target) -> None:
    person = strict.person()
    room = f"project:{strict.live.project}"
    expires_at = time.time() + LIFE
    wire = strict.authenticated(forged(person.token, {"exp": expires_at}))
    notice = wire.expect("auth:expiring")
    assert time.time() >= expires_at - EXPIRING_NOTICE - 0.1
    assert abs(datetime.fromisoformat(notice["data"]["token_expires_at"]).timestamp() - expires_at) < 1
    assert refused_as_expired(wire, room) >= expires_at - 0.1
    assert wire.round_trip() > 0  # a ping is still answered, nothing else is
    for type, data in (
        ("room:join", {"room": room}),
        ("hello", {}),
        ("collaboration:message:send", {"session": strict.live.project, "body": "late"}),
    ):
        assert wire.ask(type, data)["code"] == "auth.expired"
    ending = wire.ending()
    assert (ending.codes, ending.code) == (["auth.expired"], 4401)
    assert expires_at + EXPIRY_GRACE - 0.1 < time.time() < expires_at + EXPIRY_GRACE + TICK + SLACK


def test_a_token_swapped_in_the_grace_period_keeps_the_socket(strict: Target) -> None:
    person = strict.person()
    room = f"project:{strict.live.project}"
    wire = strict.authenticated(forged(person.token, {"exp": time.time() + LIFE / 2}))
    refused_as_expired(wire, room)
    fresh = forged(person.token, {"iat": time.time()})
    answer = wire.ask("auth:refresh", {"token": fresh})
    assert answer["type"] == "ack"
    until = datetime.fromisoformat(answer["data"]["token_expires_at"]).timestamp()
    assert abs(until - claims_of(fresh)["exp"]) < 1
    assert wire.ask("room:join", {"room": room})["type"] == "ack"


def test_only_a_newer_token_of_the_same_user_is_taken(target: Target) -> None:
    person, other = target.person(), target.person()
    now = time.time()
    held = forged(person.token, {"iat": now})
    wrong = {
        "auth.identity_change": [other.token, forged(person.token, {"iat": now - 60})],
        "auth.invalid": ["nonsense", forged(person.token, key=b"another"), forged(person.token, {"exp": "x"})],
        "auth.expired": [forged(person.token, {"exp": now - 1})],
        "msg.bad_value": ["", 7, None, ["x"], "x" * 8_193],
    }
    for code, tokens in wrong.items():
        for token in tokens:
            wire = target.authenticated(held)
            assert wire.ask("auth:refresh", {"token": token})["code"] == code
            assert wire.ask("room:join", {"room": f"user:{person.id}"})["type"] == "ack"
            assert wire.ask("room:join", {"room": f"user:{other.id}"})["code"] == "room.not_found"
            wire.close()


def test_the_third_wrong_swap_ends_the_socket(target: Target) -> None:
    person, other = target.person(), target.person()
    wire = target.authenticated(person.token)
    for _ in range(2):
        assert wire.ask("auth:refresh", {"token": other.token})["code"] == "auth.identity_change"
        assert wire.round_trip() > 0
    wire.send({"type": "auth:refresh", "id": "third", "data": {"token": other.token}})
    ending = wire.ending()
    assert (ending.codes, ending.code) == (["auth.identity_change"], 4401)
    assert [message["id"] for message in ending.messages] == ["third"]


def test_a_right_swap_may_be_made_any_number_of_times(target: Target) -> None:
    person = target.person()
    wire = target.authenticated(person.token)
    for _ in range(5):
        token = forged(person.token, {"iat": time.time()})
        assert wire.ask("auth:refresh", {"token": token})["type"] == "ack"
