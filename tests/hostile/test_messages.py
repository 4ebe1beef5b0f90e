"""Messages a client should never send: each gets one error that names its fault, and nothing of it reaches others."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import time
import uuid
from typing import Any

import pytest

from bduf_realtime import gateway
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.messages import RoomJoin
from bduf_realtime.gateway.reading import read_data
from tests.hostile.target import Target
from tests.hostile.wire import BINARY, Wire, frame

pytestmark = pytest.mark.live

SESSION = "00000000-0000-4000-8000-000000000001"
SAY, SIGNAL, MOVE = "collaboration:message:send", "collaboration:signal:send", "collaboration:cursor:move"


def said(body: str = '"hi"', more: str = "") -> str:
    """The text of a room message, with any JSON as body."""
    return f'{{"type":"{SAY}","id":"x","data":{{"session":"{SESSION}","body":{body}{more}}}}}'


def nested(depth: int) -> str:
    """A ping that is so many levels deep."""
    return '{"type":"ping","data":{"x":' + "[" * (depth - 2) + "]" * (depth - 2) + "}}"


REFUSED: dict[str, tuple[str, str]] = {
    # Not one JSON value (B7, B8)
    "nothing": ("", "msg.bad_json"),
    "a space": (" ", "msg.bad_json"),
    "two values": ('{"type":"ping"}{"type":"ping"}', "msg.bad_json"),
    "trailing text": ('{"type":"ping"} x', "msg.bad_json"),
    "a byte order mark": ('\ufeff{"type":"ping"}', "msg.bad_json"),
    "single quotes": ("{'type':'ping'}", "msg.bad_json"),
    "a comment": ('{"type":"ping"/**/}', "msg.bad_json"),
    "a trailing comma": ('{"type":"ping",}', "msg.bad_json"),
    "a bare key": ('{type:"ping"}', "msg.bad_json"),
    "cut off": ('{"type":"pi', "msg.bad_json"),
    "a raw newline in a string": ('{"type":"pi\nng"}', "msg.bad_json"),
    "a raw NUL in a string": ('{"type":"pi\0ng"}', "msg.bad_json"),
    "XML": ("<ping/>", "msg.bad_json"),
    "an undefined": (said("undefined"), "msg.bad_json"),
    # Another shape (B8)
    "a list": ("[]", "msg.bad_envelope"),
    "a list of messages": ('[{"type":"ping"}]', "msg.bad_envelope"),
    "a string": ('"ping"', "msg.bad_envelope"),
    "null": ("null", "msg.bad_envelope"),
    "true": ("true", "msg.bad_envelope"),
    "1": ("1", "msg.bad_envelope"),
    "an empty object": ("{}", "msg.bad_envelope"),
    "a number as type": ('{"type":1}', "msg.bad_envelope"),
    "a list as data": ('{"type":"ping","data":[]}', "msg.bad_envelope"),
    "null as data": ('{"type":"ping","data":null}', "msg.bad_envelope"),
    "an empty id": ('{"type":"ping","id":""}', "msg.bad_envelope"),
    "a list as id": ('{"type":"ping","id":["1"]}', "msg.bad_envelope"),
    "an id of 65 characters": (json.dumps({"type": "ping", "id": "x" * 65}), "msg.bad_envelope"),
    "an id of 10 KB": (json.dumps({"type": "ping", "id": "x" * 10_000}), "msg.bad_envelope"),
    # Numbers (B9)
    "NaN": (said("NaN"), "msg.bad_number"),
    "Infinity": (said("Infinity"), "msg.bad_number"),
    "-Infinity": (said("-Infinity"), "msg.bad_number"),
    "1e999": (said("1e999"), "msg.bad_number"),
    "-0": (said("-0"), "msg.bad_number"),
    "2^53": (said(str(2**53)), "msg.bad_number"),
    "-2^53": (said(str(-(2**53))), "msg.bad_number"),
    "an integer of 4,299 digits": (said("9" * 4_299), "msg.bad_number"),
    "an integer of 5,000 digits": (said("9" * 5_000), "msg.bad_number"),
    "a fraction of 5,000 digits": (said("9" * 5_000 + ".0"), "msg.bad_number"),
    "1 as id": ('{"type":"ping","id":1}', "msg.bad_number"),
    "1.0 as id": ('{"type":"ping","id":1.0}', "msg.bad_number"),
    "2^53+1 as id": ('{"type":"ping","id":9007199254740993}', "msg.bad_number"),
    "true as id": ('{"type":"ping","id":true}', "msg.bad_number"),
    "NaN as since": (
        f'{{"type":"room:join","data":{{"room":"session:{SESSION}","since":{{"epoch":"e","seq":NaN}}}}}}',
        "msg.bad_number",
    ),
    # Depth and width (B10)
    "33 levels": (nested(33), "msg.too_deep"),
    "2,000 levels": (nested(2_000), "msg.too_deep"),
    "30,000 levels": (nested(30_000), "msg.too_deep"),
    "30,000 levels never closed": ("[" * 30_000, "msg.too_deep"),
    "30,000 objects never closed": ('{"a":' * 12_000, "msg.too_deep"),
    "32 levels": (nested(32), "msg.unknown_field"),
    "4,000 fields": (json.dumps({"type": "ping", "data": {f"{n}": n for n in range(4_000)}}), "msg.unknown_field"),
    "a field name of 60 KB": (json.dumps({"type": "ping", "data": {"x" * 60_000: 1}}), "msg.unknown_field"),
    "a list of 10,000 receivers": (
        json.dumps({"type": SIGNAL, "data": {"session": SESSION, "name": "n", "to": ["x"] * 10_000}}),
        "msg.bad_value",
    ),
    # Keys twice (B12)
    "type twice": ('{"type":"ping","type":"admin"}', "msg.duplicate_key"),
    "id twice": ('{"type":"ping","id":"1","id":"2"}', "msg.duplicate_key"),
    "a field twice": (said(more=',"body":"ho"'), "msg.duplicate_key"),
    "a payload's key twice": (said(more=',"payload":{"a":[{"b":1,"b":2}]}'), "msg.duplicate_key"),
    "a key twice, once escaped": ('{"type":"ping","t\\u0079pe":"admin"}', "msg.duplicate_key"),
    # Fields (B15, B16)
    "no field": (f'{{"type":"{SAY}","id":"x"}}', "msg.missing_field"),
    "a missing field": (f'{{"type":"{SAY}","data":{{"session":"{SESSION}"}}}}', "msg.missing_field"),
    "a null field": (said("null"), "msg.bad_value"),
    "a list for a text": (said('["hi"]'), "msg.bad_value"),
    "a session by number": (f'{{"type":"{SAY}","data":{{"session":1,"body":"x"}}}}', "msg.bad_value"),
    "a session by path": (f'{{"type":"{SAY}","data":{{"session":"../admin","body":"x"}}}}', "msg.bad_value"),
    "a room of 10 KB": (json.dumps({"type": "room:join", "data": {"room": "x" * 10_000}}), "msg.bad_value"),
    **{
        f"{name} in the envelope": (json.dumps({"type": "ping", name: value}), "msg.unknown_field")
        for name, value in {"seq": 1, "epoch": "e", "room": "r", "by": {}, "user_id": "1", "role": "owner"}.items()
    },
    **{
        f"{name} in the data": (said(more=f',"{name}":{value}'), "msg.unknown_field")
        for name, value in {
            "user": '"someone"',
            "user_id": "1",
            "seq": "1",
            "role": '"owner"',
            "at": '"9999-12-31T23:59:59Z"',
            "server_time": "-1",
            "__proto__": "{}",
            "constructor": "{}",
            "__class__": '"x"',
        }.items()
    },
    # Types (B14)
    **{
        f"type {type[:30]!r}": (json.dumps({"type": type}), "msg.unknown_type")
        for type in [
            *["websocket.disconnect", "websocket.receive", "websocket.close", "websocket.send", "session.event"],
            *["received", "close", "tick", "dispatch", "_take", "_run", "__init__", "__class__", "handlers"],
            *["connected", "ack", "error", "server.draining", "collaboration:message:sent", "auth:expiring"],
            *["Ping", "ping ", " ping", "ping\n", "pi\u200bng", "", "*", "collaboration:*", "x" * 10_000],
        ]
    },
}


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_message_that_breaks_a_rule_is_told_which(text: str, code: str, target: Target) -> None:
    wire = target.authenticated()
    wire.send(text)
    answer = wire.expect("error")
    assert answer["code"] == code, answer
    assert not answer["retryable"]
    assert len(json.dumps(answer)) < 1_000  # never an echo of what was sent
    assert wire.round_trip() > 0


def test_bytes_are_refused_where_text_is_spoken(target: Target) -> None:
    for raw in (b"", b"\0\1\2\xff", b'{"type":"ping"}', b"x" * 100_000):
        wire = target.authenticated()
        wire.write(frame(raw, BINARY))
        assert wire.expect("error")["code"] == "msg.bad_json"
        assert wire.round_trip() > 0


def test_the_fifth_malformed_message_ends_the_socket(target: Target) -> None:
    for wrong in ("{", "[]", '{"type":"nonsense"}', '{"type":"ping","data":{"x":1}}'):
        wire = target.authenticated()
        for _ in range(4):
            wire.send(wrong)
        assert wire.round_trip() > 0
        wire.send(wrong)
        ending = wire.ending()
        assert (len(ending.codes), ending.code) == (1, 4422)


def test_a_command_that_is_merely_refused_ends_nothing(target: Target) -> None:
    session, wire = target.live.session(), target.authenticated()
    for number in range(10):
        assert wire.ask(SAY, {"session": session, "body": "x"}, f"{number}")["code"] == "room.not_joined"
    assert wire.round_trip() > 0


def test_an_endpoint_knows_only_its_own_commands(target: Target) -> None:
    for path in ("/ws/approvals/", "/ws/notifications/"):
        wire = target.authenticated(path=path)
        for type in (SAY, SIGNAL, MOVE):
            assert wire.ask(type, {"session": SESSION})["code"] == "msg.unknown_type"


def joined(target: Target) -> tuple[str, Wire, Wire]:
    """A session with two people in it."""
    session = target.live.session()
    wires = target.authenticated(), target.authenticated()
    for wire in wires:
        assert wire.ask("room:join", {"room": f"session:{session}"})["type"] == "ack"
    return session, *wires


def places(session: str, text: Any) -> list[dict[str, Any]]:
    """Commands that have the text in one of their string fields each."""
    since = {"epoch": text, "seq": 1}
    return [
        {"type": SAY, "data": {"session": session, "body": text}},
        {"type": SAY, "data": {"session": session, "body": "x", "payload": text}},
        {"type": SAY, "data": {"session": session, "body": "x", "payload": {"a": [{"b": text}]}}},
        {"type": SAY, "data": {"session": session, "body": "x", "payload": {text: 1}}},
        {"type": SIGNAL, "data": {"session": session, "name": text}},
        {"type": SIGNAL, "data": {"session": session, "name": "n", "payload": text}},
        {"type": SIGNAL, "data": {"session": session, "name": "n", "to": [text]}},
        {"type": MOVE, "data": {"session": session, "position": {"at": text}}},
        {"type": MOVE, "data": {"session": session, "position": None, "selection": {"at": text}}},
        {"type": MOVE, "data": {"session": session, "position": None, "status": text}},
        {"type": "room:join", "data": {"room": text}},
        {"type": "room:join", "data": {"room": f"session:{session}", "since": since}},
        {"type": "hello", "data": {"token": text}},
        {"type": "hello", "data": {"timezone": text, "capabilities": [text]}},
        {"type": "hello", "data": {"client": {"name": text, "version": text, "instance": text}}},
        {"type": "auth:refresh", "data": {"token": text}},
        {"type": "ping", "id": text},
        {"type": text},
        {"type": "ping", "data": {text: 1}},
    ]


@pytest.mark.parametrize("text", [r"\ud800", r"x\udc00\ud800", r"a\u0000b"])
def test_text_that_no_database_keeps_is_refused_in_every_field(text: str, target: Target) -> None:
    session, wire, watcher = joined(target)
    for number, place in enumerate(places(session, "@@")):
        if number % 4 == 3:  # five malformed messages would end the socket
            wire.close()
            wire = target.authenticated()
        wire.send(json.dumps(place).replace("@@", text))
        assert wire.expect("error")["code"] == "msg.bad_text", place
    assert watcher.ask(SAY, {"session": session, "body": "mine"})["type"] == "ack"
    history = watcher.ask("room:history", {"room": f"session:{session}"})["data"]["events"]
    assert [event["data"]["body"] for event in history if "body" in event["data"]] == ["mine"]


HOSTILE = [
    "\u202egnp.exe",
    "\ufeff\u200b\u2066",
    "e" + "\u0301" * 10_000,
    "\x7f\x80\x85\x9b31m\u2028\u2029",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0010ffff \uffff",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "__proto__ constructor __class__ $where",
    "{{7*7}} ${7*7} #{7*7} %s%n%x {0.__class__}",
    "'; DROP TABLE accounts_user; --",
    "../../../../etc/passwd\\..\\..",
    "=cmd|' /C calc'!A0",
    '\r\n{"event":"forged","level":"info"}\r\n',
    "\x1b[2J\x1b]0;owned\x07",
]


def test_text_that_means_something_elsewhere_is_passed_on_as_it_is(target: Target) -> None:
    session, wire, watcher = joined(target)
    for text in HOSTILE:
        short, payload = text[:80], {text[:60]: [text[:1_000], {"toString": text}]}
        ack = wire.ask(SAY, {"session": session, "body": text, "payload": payload})
        assert ack["type"] == "ack", ack
        sent = watcher.expect("collaboration:message:sent")
        assert (sent["seq"], sent["data"]["body"], sent["data"]["payload"]) == (ack["seq"], text, payload)
        stored = watcher.ask("room:history", {"room": f"session:{session}", "limit": 1})["data"]["events"][0]
        assert (stored["data"]["body"], stored["data"]["payload"]) == (text, payload)
        wire.ask(SIGNAL, {"session": session, "name": short, "payload": payload})
        signal = watcher.expect("collaboration:signal:sent")
        assert (signal["data"]["name"], signal["data"]["payload"]) == (short, payload)
        place = {"at": text[:100], text[:20]: 1}
        wire.ask(MOVE, {"session": session, "position": place, "status": text[:40]})
        cursor = watcher.expect("collaboration:cursor:moved")["data"]["cursors"][0]
        assert (cursor["position"], cursor["status"]) == (place, text[:40])


def test_no_text_of_a_client_starts_a_line_of_the_log(target: Target) -> None:
    for text in HOSTILE:
        short = text[:64]
        wire = target.authenticated()
        client = {"name": short, "version": short, "instance": short}
        assert wire.ask("hello", {"client": client, "timezone": short, "capabilities": [short]})["type"] == "ack"
        assert wire.ask(short, {}, short)["code"] == "msg.unknown_type"
        assert wire.ask("room:join", {"room": short})["code"] == "room.not_found"
        wire.close()
    lines = target.log.splitlines()
    assert all(line.startswith(("{", "127.0.0.1:")) for line in lines)
    assert not [line for line in lines if line.startswith('{"event":"forged"')]


def test_a_pongs_time_is_never_believed(target: Target) -> None:
    wire = target.authenticated()
    for moment in ("9999-12-31T23:59:59Z", -1, "yesterday", {"a": 1}, [], None):
        wire.send({"type": "pong", "data": {"server_time": moment}})
        wire.send({"type": "pong", "id": "never asked", "data": {"server_time": moment}})
    assert wire.round_trip() > 0


# Ids (B17)


def talking(target: Target, token: str, session: str, instance: str) -> Wire:
    """A socket of one client instance, in a session."""
    wire = target.authenticated(token)
    assert wire.ask("hello", {"client": {"instance": instance}})["type"] == "ack"
    assert wire.ask("room:join", {"room": f"session:{session}"})["type"] == "ack"
    return wire


def test_an_id_is_good_for_one_command_on_every_instance(pair: tuple[Target, Target]) -> None:
    session, instance, id = pair[0].live.session(), str(uuid.uuid4()), "x" * 64
    person, other = pair[0].person(), pair[0].person()
    here, there = (talking(target, person.token, session, instance) for target in pair)
    body = {"session": session, "body": "once"}
    first = here.ask(SAY, body, id)
    assert first["type"] == "ack"
    for wire in (here, there):
        again = wire.ask(SAY, body, id)
        assert {**again, "data": None} == {**first, "data": None}
        assert wire.ask(SAY, body | {"body": "twice"}, id)["code"] == "msg.id_conflict"
    somebody = talking(pair[1], other.token, session, instance)
    second = somebody.ask(SAY, body | {"body": "mine"}, id)
    assert (second["type"], second["seq"]) == ("ack", somebody.ask(SAY, body, "next")["seq"] - 1)
    history = here.ask("room:history", {"room": f"session:{session}"})["data"]["events"]
    assert [event["data"]["body"] for event in history if "body" in event["data"]] == ["once", "mine", "once"]


# Patterns (B19)


def patterns() -> dict[str, re.Pattern[str]]:
    """Every regular expression of the gateway."""
    found = {}
    for info in pkgutil.iter_modules(gateway.__path__):
        module = importlib.import_module(f"{gateway.__name__}.{info.name}")
        named = {f"{info.name}.{name}": value for name, value in vars(module).items()}
        found |= {name: value for name, value in named.items() if isinstance(value, re.Pattern)}
    return found


# These must match a whole, short text; they are never searched for.
WHOLE = {"doors._NAME", "auth._TOKEN_NAME"}


@pytest.mark.parametrize("name", patterns())
def test_no_text_of_64_kib_keeps_a_pattern_busy(name: str) -> None:
    pattern = patterns()[name]
    tried = [pattern.fullmatch] if name in WHOLE else [pattern.search, pattern.findall]
    seeds = ['"', "\\", '\\"', '"\\', '"id":', '"id":"', "eyJ", "eyJa.", "eyJa.eyJ", "-", ".", "token=", "Bearer "]
    seeds += ["a", "0a-", ":", "session:", "`", "[", "{", "\n", " ", "é"]
    for seed in seeds:
        for text in (seed * (65_536 // len(seed)), "a" + seed * (65_536 // len(seed)) + "!"):
            for match in tried:
                started = time.process_time()
                match(text)
                assert time.process_time() - started < 0.2, seed


def test_no_field_name_or_value_keeps_the_reader_busy() -> None:
    for seed in ("Object contains unknown field `", " - at `$", "` - at `$.", "`", "$", "\n"):
        text = seed * (60_000 // len(seed))
        for data in ({text: 1}, {"since": {text: 1}}, {"room": text}, {"room": 1, text: {text: text}}):
            started = time.process_time()
            with pytest.raises(RealtimeError) as refused:
                read_data(data, RoomJoin)
            assert time.process_time() - started < 0.2, seed
            assert len(str(refused.value.details) + refused.value.message) < 500
