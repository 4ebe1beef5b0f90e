"""Random messages of every type, whole and broken: each answer is one the protocol knows, and the server lives."""

from __future__ import annotations

import json
import time
import types
import typing
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bduf_realtime.gateway.errors import CODES, Close
from bduf_realtime.gateway.handlers import Handler
from bduf_realtime.routing import ClientConsumer
from tests.hostile.target import Target
from tests.hostile.wire import BINARY, CONTINUATION, TEXT, Ended, Ending, Wire, frame

pytestmark = pytest.mark.live

FUZZED = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
PROPER = set(Close) - {Close.INTERNAL, Close.DATABASE_UNAVAILABLE}
LONG = settings(FUZZED, max_examples=10_000, derandomize=False)

# --- what is sent -------------------------------------------------------------------------------------------------

ROOMS = ["session", "project", "user", "document", "", "session:session"]
odd_text = st.sampled_from(["", "\0", "\ud800", "__proto__", "'; --", "<b>", "\u202e", "é" * 100, "x" * 200])
text = st.one_of(odd_text, st.text(max_size=30))
numbers = st.one_of(
    st.integers(-3, 3), st.integers(), st.floats(), st.sampled_from([2**53, -(2**53), 10**400, 1e308, -0.0, True])
)
scalars = st.one_of(st.none(), st.booleans(), numbers, text)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=12
)


class Known(str):
    """Stands for something that exists, and is replaced by it when the message is sent."""


SESSION, PROJECT, TOKEN = Known("@session"), Known("@project"), Known("@token")
ids = st.one_of(st.sampled_from([SESSION, SESSION, PROJECT]), st.uuids().map(str), values)
rooms = st.one_of(
    st.sampled_from([f"session:{SESSION}", f"project:{PROJECT}"]),
    st.builds("{}:{}".format, st.sampled_from(ROOMS), st.one_of(st.uuids(), text)),
)


def proper(hint: Any, name: str) -> st.SearchStrategy[Any]:
    """Values that a field of this type may well accept."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return proper(inner[0], name)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([proper(kind, name) for kind in inner])
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin is list:
        return st.lists(proper(inner[0], name), max_size=4)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return payloads(hint)
    if hint is UUID:
        return ids
    if name == "room":
        return rooms
    if name == "token":
        return st.sampled_from([TOKEN, "x"])
    known = {str: text, int: st.integers(-1, 10), float: numbers, bool: st.booleans(), type(None): st.none()}
    return known.get(hint, values)


def payloads(shape: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Any]]:
    """Payloads of a command: mostly right, sometimes with a field too few, too many, or of another type."""
    hints = typing.get_type_hints(shape, include_extras=True)
    right = {name: proper(hint, name) for name, hint in hints.items()}
    needed = {field.name for field in msgspec.structs.fields(shape) if field.required}
    whole = st.fixed_dictionaries(
        {name: right[name] for name in needed}, optional={name: right[name] for name in right.keys() - needed}
    )
    loose = st.fixed_dictionaries({}, optional={name: st.one_of(right[name], values) for name in right})
    more = st.builds(lambda payload, extra: payload | extra, whole, st.dictionaries(text, values, max_size=1))
    return st.one_of(whole, whole, loose, more)


def commands(handler: Handler) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(handler.type), "data": payloads(handler.shape)})


junk = st.one_of(
    st.fixed_dictionaries({"type": text}, optional={"data": values}),
    st.fixed_dictionaries({}, optional={"type": values, "data": values, "seq": values}),
)
messages = st.one_of([*map(commands, ClientConsumer.handlers.values()), junk])


PIECES = ['"', "\\", "{", "}", "[", ",", ":", "1e9", "\\u", "\0", "é"]


@st.composite
def mutilations(draw: st.DrawFn, whole: st.SearchStrategy[Any]) -> str:
    """A message's text with pieces cut out, doubled, or replaced."""
    raw = json.dumps(draw(whole))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(raw)))
        end = draw(st.integers(start, min(len(raw), start + 20)))
        piece = draw(st.sampled_from(["", raw[start:end] * 2, *PIECES]))
        raw = raw[:start] + piece + raw[end:]
    return raw


frames = st.lists(
    st.builds(
        frame,
        st.binary(max_size=200) | messages.map(lambda message: json.dumps(message).encode()),
        st.sampled_from([TEXT, TEXT, TEXT, CONTINUATION, BINARY, *range(16)]),
        fin=st.sampled_from([True, True, False]),
        rsv=st.sampled_from([0] * 10 + [1, 2, 4, 7]),
        masked=st.sampled_from([True] * 10 + [False]),
        length=st.sampled_from([None] * 10 + [0, 125, 126, 65_536, 1 << 20, 1 << 63]),
    )
    | st.binary(max_size=50),
    max_size=6,
)

# --- what comes back ----------------------------------------------------------------------------------------------


class Talker:
    """Says one thing after the other, on a new socket whenever the server has had enough of the last one."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.person = target.person()
        self.session = target.live.session()
        self.wire: Wire | None = None
        self.count = 0

    def known(self, raw: str) -> str:
        """The text with what stands for something replaced by it."""
        for name, real in ((SESSION, self.session), (PROJECT, self.target.live.project), (TOKEN, self.person.token)):
            raw = raw.replace(name, real)
        return raw

    def say(self, raw: bytes, id: str | None = None) -> list[dict[str, Any]]:
        """Sends one frame's bytes and returns all that comes until it must have been dealt with, or the end.

        That is when a ping behind it is answered, and, given its id, when it has an answer too.
        """
        if self.wire is None:
            self.wire = self.target.authenticated(self.person.token)
            assert self.wire.ask("room:join", {"room": f"session:{self.session}"}, "join")["type"] == "ack"
        self.wire.write(raw)
        heard: list[dict[str, Any]] = []
        try:
            while not self._asked(heard):
                pass
            while id is not None and not answers(heard, id):
                heard.append(self.wire.receive())
        except Ended as ended:
            self._hang_up(ended.ending)
        return heard

    def _hang_up(self, ending: Ending) -> None:
        assert self.wire is not None
        assert ending.code in PROPER
        self.wire.close()
        self.wire = None

    def _asked(self, heard: list[dict[str, Any]]) -> bool:
        """Sends a ping and gathers what comes before its answer; false, after a pause, when it was one too many."""
        assert self.wire is not None
        self.count += 1
        id = f"after {self.count}"
        self.wire.send({"type": "ping", "id": id})
        while (message := self.wire.receive()).get("id") != id:
            heard.append(message)
        if message["type"] == "error":
            assert message["code"] == "rate.limited"
            time.sleep(message["retry_after_ms"] / 1000)
        return bool(message["type"] == "pong")


@pytest.fixture
def talker(target: Target) -> Talker:
    return Talker(target)


def answers(heard: list[dict[str, Any]], id: str) -> list[dict[str, Any]]:
    """The answers to a message with this id; one that could not be read may be answered without."""
    return [m for m in heard if m["type"] in ("ack", "pong", "error") and m.get("id") in (id, None)]


def assert_known(heard: list[dict[str, Any]]) -> None:
    """Every error is one of the protocol's, complete, and no accident of the server."""
    for message in heard:
        if message["type"] == "error":
            assert message.keys() == {"type", "id", "code", "message", "retryable", "retry_after_ms", "details"}
            assert message["code"] in CODES.keys() - {"internal", "storage.unavailable"}, message
            assert message["retryable"] == CODES[message["code"]].retryable


def a_message_has_one_answer(talker: Talker, message: dict[str, Any]) -> None:
    id = f"message {talker.count}"
    raw = talker.known(json.dumps(message | {"id": id}))
    heard = talker.say(frame(raw.encode()), None if message.get("type") == "pong" else id)
    assert_known(heard)
    if message.get("type") != "pong" and talker.wire is not None:
        assert len(answers(heard, id)) == 1, heard


def a_broken_message_has_proper_answers(talker: Talker, raw: str) -> None:
    assert_known(talker.say(frame(talker.known(raw).encode())))


def random_bytes_end_in_peace(target: Target, raw: list[bytes]) -> None:
    wire = target.authenticated()
    for data in raw:
        wire.write(data)
    wire.hush()
    assert_known(wire.ending().messages)
    wire.close()


@FUZZED
@given(message=messages)
def test_every_message_with_an_id_has_exactly_one_answer(talker: Talker, message: dict[str, Any]) -> None:
    a_message_has_one_answer(talker, message)


@FUZZED
@given(raw=mutilations(messages | values))
def test_a_mutilated_message_is_answered_as_the_protocol_says(talker: Talker, raw: str) -> None:
    a_broken_message_has_proper_answers(talker, raw)


@FUZZED
@given(raw=frames)
def test_random_frames_are_let_go_of(target: Target, raw: list[bytes]) -> None:
    random_bytes_end_in_peace(target, raw)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@LONG
@given(message=messages)
def test_every_message_with_an_id_has_exactly_one_answer_for_long(talker: Talker, message: dict[str, Any]) -> None:
    a_message_has_one_answer(talker, message)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@LONG
@given(raw=mutilations(messages | values))
def test_a_mutilated_message_is_answered_as_the_protocol_says_for_long(talker: Talker, raw: str) -> None:
    a_broken_message_has_proper_answers(talker, raw)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@LONG
@given(raw=frames)
def test_random_frames_are_let_go_of_for_long(target: Target, raw: list[bytes]) -> None:
    random_bytes_end_in_peace(target, raw)
