"""What a Yjs client must not be able to do: break the document, speak as somebody else, or wear the server out."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from collaboration.documents.frames import (
    Awareness,
    Denied,
    Frame,
    QueryAwareness,
    StateVector,
    Update,
    write_frame,
)
from collaboration.documents.texts import decoded
from tests.collaboration.documents import handwritten
from tests.collaboration.documents.typist import Typist
from tests.hostile.conftest import CONNECTIONS_PER_USER, EXPIRY_GRACE, HEARTBEAT_TIMEOUT, TICK
from tests.hostile.forgery import forged
from tests.hostile.target import Target
from tests.hostile.wire import BINARY, PATIENCE, TEXT, Ended, frame
from tests.hostile.yjs import NOTHING, YjsWire, content, inside, started
from tests.live import Live
from tests.node.editors import Editors
from tests.servers import MS, eventually, wait_until

pytestmark = pytest.mark.live

MIB = 1 << 20
VICTIM, FORGER = 70, 80


@pytest.fixture
def brief(hurried: Live) -> Iterator[Target]:
    """The server whose patience with slow readers is short."""
    with Target(hurried, hurried.deployment.servers[0]) as target:
        yield target


# --- getting in --------------------------------------------------------------------------------------------------


def test_a_token_in_the_url_and_a_foreign_page_are_refused_before_anything(target: Target) -> None:
    token, path = target.person().token, f"/ws/yjs/{started(target.live)}"
    assert target.refusal(f"{path}?token={token}").status == 403
    assert (
        target.refusal(path, [("Origin", "https://evil.example")], protocols=("bduf.v1", f"bearer.{token}")).status
        == 403
    )
    assert target.refusal("/ws/yjs/notes", token=token).status == 403
    assert token not in target.log


def test_who_brings_no_token_is_told_so_and_waits_for_no_hello(target: Target) -> None:
    wire = target.wire()
    wire.shake(f"/ws/yjs/{started(target.live)}", protocols=("bduf.v1",))
    assert wire.ending().code == 4401


def test_a_user_has_only_so_many_connections_of_any_kind(strict: Target) -> None:
    person, document = strict.person(), started(strict.live)
    for _ in range(CONNECTIONS_PER_USER):
        inside(strict, document, person.token).synced()
    assert inside(strict, document, person.token).closed_with() == 4412


async def test_a_token_that_runs_out_ends_the_connection_and_with_a_new_one_it_goes_on(strict: Target) -> None:
    person, document = strict.person(), started(strict.live)
    expires_at = time.time() + 1_200 * MS
    async with Editors() as editors:
        editor = await editors.open(strict.live.ws_url, document, forged(person.token, {"exp": expires_at}))
        code, reason = await editor.shut()
        assert (code, reason.split(";")[0]) == (4401, "auth.expired")
        assert time.time() > expires_at + EXPIRY_GRACE - 0.1
        await editor.type(" Written offline.")
        await editor.do("connect", token=forged(person.token, {"iat": time.time()}))
        await eventually(lambda: content(strict.live, document) == "Hello Written offline.")


# --- frames ------------------------------------------------------------------------------------------------------

MALFORMED = {
    "empty": b"",
    "unknown kind": b"\x09",
    "unknown step": b"\x00\x03\x00",
    "cut short": write_frame(StateVector(NOTHING))[:-1],
    "followed by more": write_frame(StateVector(NOTHING)) + b"\0",
    "endless number": b"\xff" * 200_000,
    "more than there is": b"\x00\x02\xff\xff\xff\xff\x0f",
    "auth of another kind": b"\x02\x01\x00",
    "awareness that is no JSON": write_frame(Awareness({1: (1, '{"cursor":NaN}')})),
    "awareness of depth": write_frame(Awareness({1: (1, '{"a":' * 500 + "1" + "}" * 500)})),
    "awareness of the far future": write_frame(Awareness({1: (2**53, "{}")})),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_frames_that_are_none_are_told_and_the_fifth_ends_the_connection(kind: str, target: Target) -> None:
    document = started(target.live)
    wire = inside(target, document)
    for _ in range(4):
        wire.give(MALFORMED[kind])
    assert wire.denied().startswith("msg.")
    wire.synced()
    wire.give(MALFORMED[kind])
    assert wire.closed_with() == 4422
    assert content(target.live, document) == "Hello"


def test_an_awareness_that_says_too_much_is_let_go_and_the_connection_goes_on(target: Target) -> None:
    document = started(target.live)
    wire = inside(target, document)
    for clock in range(6):
        wire.give(Awareness({1: (clock, json.dumps({"avatar": "x" * 100_000}))}))
    assert wire.denied().startswith("cursor.invalid")
    wire.synced()


def test_text_is_not_what_this_endpoint_takes(target: Target) -> None:
    wire = inside(target, started(target.live))
    for _ in range(5):
        wire.write(frame(b'{"type":"ping","id":"1"}', TEXT))
    assert wire.closed_with() == 4422


def test_an_update_beyond_the_limit_ends_the_connection(target: Target) -> None:
    document = started(target.live)
    wire = inside(target, document)
    wire.give(Update(decoded(Typist(FORGER).type("x" * (MIB + 100)), "update")))
    assert wire.closed_with() == 4413
    assert content(target.live, document) == "Hello"


@pytest.mark.parametrize("vector", [b"\xff\xff\xff\xff\x0f", b"", b"\xff" * 500, b"\x01\x01"])
def test_a_state_vector_that_announces_too_much_is_refused_and_the_connection_goes_on(
    vector: bytes, target: Target
) -> None:
    wire = inside(target, started(target.live))
    wire.give(StateVector(vector))
    assert wire.denied().startswith("doc.bad_state_vector")
    wire.synced()


# --- updates -----------------------------------------------------------------------------------------------------

Text = handwritten.text
FORGERIES = {
    "encoding": [b"\xff" * 50, b"", b"\x01", handwritten.YJS_BYTES["string"][:-3]],
    "client_id": [handwritten.update((VICTIM, 3, [Text("x", origin=(VICTIM, 2))]))],
    "missing_deps": [],
    "schema": [handwritten.YJS_BYTES[name] for name in ("map", "types", "doc", "any")],
    "clock": [handwritten.update((FORGER, 2**31, [Text("x")]))],
}


@pytest.mark.parametrize(("reason", "number"), [(why, n) for why, all in FORGERIES.items() for n in range(len(all))])
def test_an_update_that_the_guard_refuses_changes_nothing(reason: str, number: int, target: Target) -> None:
    document = started(target.live, "")
    victim = inside(target, document)
    victim.give(Update(handwritten.update((VICTIM, 0, [Text("abc")]))))
    wait_until(lambda: content(target.live, document) == "abc")
    wire = inside(target, document)
    wire.give(Update(FORGERIES[reason][number]))
    assert wire.denied().startswith(f"doc.update_rejected ({reason})")
    assert content(target.live, document) == "abc"
    wire.synced()
    victim.give(Update(handwritten.update((VICTIM, 3, [Text("d", origin=(VICTIM, 2))]))))
    wait_until(lambda: content(target.live, document) == "abcd")


def test_an_update_that_builds_on_what_is_not_there_is_asked_for_with_all_it_lacks(target: Target) -> None:
    document = started(target.live, "")
    wire = inside(target, document)
    wire.awaited(StateVector)
    wire.give(Update(handwritten.update((FORGER, 3, [Text("d", origin=(FORGER, 2))]))))
    wire.awaited(StateVector)
    whole = handwritten.update((FORGER, 0, [Text("abcd")]))
    wire.give(Update(whole, answer=True))
    wait_until(lambda: content(target.live, document) == "abcd")


# --- awareness ---------------------------------------------------------------------------------------------------

HERE = json.dumps({"cursor": {"anchor": {"tname": "content"}, "head": {"tname": "content"}}})


def shown(wire: YjsWire, people: int = 1) -> dict[int, tuple[int, str]]:
    """Waits until so many others are shown."""
    states: dict[int, tuple[int, str]] = {}
    while len(states) < people:
        states |= wire.awaited(Awareness).states
    return states


def test_nobody_moves_or_removes_anothers_cursor_or_is_more_than_one(target: Target) -> None:
    document = started(target.live)
    victim, watcher, forger = (inside(target, document) for _ in range(3))
    for wire in (victim, watcher, forger):
        wire.synced()
    victim.give(Awareness({VICTIM: (1, HERE)}))
    [(client, (clock, state))] = shown(watcher).items()
    assert client != VICTIM
    shown(forger)
    # As y-websocket first, its own; then of everybody, under the names of all.
    forger.give(Awareness({FORGER: (1, HERE)}))
    [(forgers, _)] = shown(watcher).items()
    assert forgers not in (client, FORGER)
    everybody = {client: (clock + 10, "null"), VICTIM: (99, "null")} | dict.fromkeys(range(100, 150), (1, HERE))
    forger.give(Awareness(everybody))
    forger.give(Awareness({FORGER: (2, "null")}))
    assert set(watcher.awaited(Awareness).states) == {forgers}
    watcher.give(QueryAwareness())
    assert watcher.awaited(Awareness).states.keys() == {client}
    assert json.loads(state)["user"]["name"]


# --- wearing out -------------------------------------------------------------------------------------------------


def test_a_connection_that_says_nothing_is_asked_and_then_closed(strict: Target) -> None:
    document = started(strict.live)
    silent, answering = inside(strict, document), inside(strict, document)
    answering.awaited(QueryAwareness)
    began = time.monotonic()
    while time.monotonic() < began + HEARTBEAT_TIMEOUT + 2 * TICK:
        answering.give(Awareness({FORGER: (1, "{}")}))
        answering.awaited(QueryAwareness)
    silent.awaited(QueryAwareness)
    assert silent.closed_with() == 4509
    answering.synced()


async def paste_and_erase(live: Live, document: str) -> None:
    """Pastes and takes away again: the text stays small, and what there is to send to everybody does not."""
    async with Editors() as editors:
        tokens = [person.token for person in live.people(2)]
        writer, reader = [await (await editors.open(live.ws_url, document, token)).synced() for token in tokens]
        for _ in range(20):
            await writer.type("x" * 200_000)
            await reader.until(text="Hello" + "x" * 200_000)
            await writer.do("erase", at=5, length=200_000)
            await reader.until(text="Hello")


async def test_a_connection_that_never_reads_is_closed_and_nobody_waits_for_it(brief: Target) -> None:
    document = started(brief.live)
    before = brief.server.rss_bytes()
    stuck = inside(brief, document)
    stuck.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    await paste_and_erase(brief.live, document)

    def is_closed() -> bool:
        return any(event["code"] == 4511 for event in brief.events("connection_closed"))

    await eventually(is_closed, timeout=10_000 * MS)

    def is_small() -> bool:
        return brief.server.rss_bytes() - before < 100 * MIB

    # In time: what the writing itself takes, as much as that, comes and goes.
    await eventually(is_small, timeout=10_000 * MS, what="its memory is given back")


def test_a_flood_of_updates_is_taken_in_as_far_as_the_limit_goes_and_the_rest_is_asked_for(target: Target) -> None:
    document = started(target.live, "")
    wire, typist = inside(target, document), Typist(FORGER)
    wire.awaited(StateVector)
    updates = [Update(decoded(typist.type(f"{number} "), "update")) for number in range(1_000)]
    for update in updates:
        wire.give(update)

    def is_all_there() -> bool:
        with suppress(TimeoutError):
            if isinstance(found := wire.receive(100 * MS), StateVector):
                wire.give(Update(typist.doc.get_update(found.state_vector), answer=True))
        return content(target.live, document) == str(typist)

    wait_until(is_all_there, timeout=PATIENCE)
    wire.synced()


def test_asking_for_everything_again_and_again_is_limited(target: Target) -> None:
    document = started(target.live, "x" * 500_000)
    wire = inside(target, document)
    for _ in range(200):
        wire.give(StateVector(NOTHING))
    received = 0
    began = time.monotonic()
    while time.monotonic() < began + 2_000 * MS:
        try:
            received += isinstance(wire.receive(500 * MS), Update)
        except (TimeoutError, Ended):
            break
    assert received < 60


@pytest.mark.parametrize(
    "flood",
    [
        Denied("no"),
        Awareness(dict.fromkeys(range(1_000), (1, '{"a":[[1]]}'))),
        Awareness({FORGER: (1, "{}")}),
    ],
    ids=["refusals", "others' states", "one's own state"],
)
def test_whoever_floods_with_what_is_no_edit_is_closed_4529_and_nobody_waits(flood: Frame, target: Target) -> None:
    wire = inside(target, started(target.live))
    wire.awaited(StateVector)
    pieces = frame(write_frame(flood), BINARY) * 20

    def is_closed() -> bool:
        return not wire.write(pieces) or any(event["code"] == 4529 for event in target.events("connection_closed"))

    wait_until(is_closed, timeout=PATIENCE)
