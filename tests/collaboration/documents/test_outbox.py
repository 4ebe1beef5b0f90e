"""What is sent to a Yjs client: updates merged once for all, awareness, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from pycrdt import Doc, Text

from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.cursors import cursor_lane
from bduf_realtime.rooms.events import Author, encode, event_frame
from collaboration.documents.awareness import client_of
from collaboration.documents.frames import Awareness, Frame, QueryAwareness, StateVector, Update, read_frame
from collaboration.documents.outbox import YjsOutbox
from collaboration.documents.texts import encoded
from tests.gateway.peer import a_few_turns
from tests.servers import eventually

DOCUMENT = "5b0f2c1e-0000-4000-8000-000000000001"
LANE = cursor_lane("session:1")
HERE = {"tname": "content"}


class Reader:
    """A Yjs client's end of the socket."""

    def __init__(self, **settings: Any) -> None:
        self.frames: list[bytes] = []
        self.overflowed = 0
        self.outbox = YjsOutbox(self.send, Conf(**settings), self.overflow)
        self.outbox.document = DOCUMENT

    async def send(self, message: dict[str, Any]) -> None:
        self.frames.append(message["bytes"])

    def overflow(self) -> None:
        self.overflowed += 1

    def read(self) -> list[Frame]:
        return [read_frame(frame) for frame in self.frames]

    def text(self) -> str:
        doc: Doc = Doc()
        text = doc.get("content", type=Text)
        for frame in self.read():
            if isinstance(frame, Update):
                doc.apply_update(frame.update)
        return str(text)

    async def until(self, held: Callable[[], bool]) -> None:
        await eventually(held)


@pytest.fixture
async def reader() -> Reader:
    return Reader()


class Writer:
    """Somebody whose edits come as events."""

    def __init__(self) -> None:
        self.doc: Doc = Doc(client_id=7)
        self.content = self.doc.get("content", type=Text)
        self.seq = 0

    def type(self, words: str) -> str:
        before = self.doc.get_state()
        self.content += words
        self.seq += 1
        data = {"document": DOCUMENT, "update": encoded(self.doc.get_update(before))}
        return event("collaboration:document:updated", self.seq, data)


def event(type_: str, seq: int, data: dict[str, Any]) -> str:
    from datetime import UTC, datetime

    by = Author("ada", "Zoë", "human", "c1")
    return event_frame(type_, f"document:{DOCUMENT}", "e", seq, datetime.now(UTC), by, encode(data)).decode()


def cursor(connection: str, **changes: Any) -> dict[str, str]:
    entry = {
        "user": "8c5a2f10-0000-4000-8000-000000000007",
        "name": "Ada",
        "kind": "human",
        "connection": connection,
        "document": DOCUMENT,
    }
    return {connection: json.dumps(entry | {"position": HERE, "selection": None} | changes)}


def told(reader: Reader) -> dict[int, Any]:
    states: dict[int, Any] = {}
    for frame in reader.read():
        if isinstance(frame, Awareness):
            states |= {client: json.loads(state) for client, (_, state) in frame.states.items()}
    return states


# --- updates -----------------------------------------------------------------------------------------------------


async def test_an_update_leaves_as_the_protocols_update(reader: Reader) -> None:
    reader.outbox.put(Writer().type("Hello"))
    await reader.until(lambda: reader.text() == "Hello")
    assert len(reader.frames) == 1
    assert reader.outbox.bytes_waiting == 0


async def test_updates_that_gathered_leave_as_one_which_is_made_once_for_all() -> None:
    readers, writer = [Reader(), Reader()], Writer()
    for frame in [writer.type(word) for word in ("one ", "two ", "three")]:
        for reader in readers:
            reader.outbox.put(frame)
    for reader in readers:
        await reader.until(lambda reader=reader: reader.text() == "one two three")
        assert len(reader.frames) == 1
    assert readers[0].frames[0] is readers[1].frames[0]


async def test_what_is_no_update_says_nothing_to_a_yjs_client(reader: Reader) -> None:
    reader.outbox.put(event("collaboration:document:renamed", 1, {"document": {}}))
    reader.outbox.put('{"type":"connected","data":{}}')
    await a_few_turns()
    assert reader.frames == []


async def test_answers_keep_their_place_among_updates(reader: Reader) -> None:
    writer = Writer()
    reader.outbox.put(writer.type("a"))
    reader.outbox.answer(StateVector(b"\x00"))
    reader.outbox.put(writer.type("b"))
    await reader.until(lambda: len(reader.frames) == 3)
    assert [type(frame) for frame in reader.read()] == [Update, StateVector, Update]


async def test_a_long_answer_does_not_count_among_what_may_wait() -> None:
    reader = Reader(outbox_bytes=10_000)
    reader.outbox.answer(Update(bytes(100_000), answer=True))
    assert reader.outbox.answering
    reader.outbox.put(Writer().type("a"))
    await reader.until(lambda: len(reader.frames) == 2)
    assert reader.overflowed == 0
    assert not reader.outbox.answering


async def test_more_updates_than_may_wait_overflow() -> None:
    reader, writer = Reader(outbox_bytes=2_000), Writer()
    for _ in range(20):
        reader.outbox.put(writer.type("x" * 200))
    assert reader.overflowed > 0


async def test_a_question_follows_so_many_bytes_and_any_answer_to_it_opens_the_window() -> None:
    reader = Reader(outbox_ping_bytes=1_000, outbox_window=2_000)
    reader.outbox.answer(Update(bytes(3_000), answer=True))
    reader.outbox.put(Writer().type("late"))
    await reader.until(lambda: reader.outbox.stalled_since is not None)
    assert [type(frame) for frame in reader.read()] == [Update, QueryAwareness]
    question = reader.outbox.asked
    assert question is not None
    assert reader.outbox.pong(question)
    await reader.until(lambda: len(reader.frames) == 3)
    assert reader.outbox.asked is None


# --- awareness ---------------------------------------------------------------------------------------------------


async def test_cursors_in_the_document_are_shown_and_those_elsewhere_are_not(reader: Reader) -> None:
    reader.outbox.put_latest(LANE, cursor("c1") | cursor("c2", document="another"))
    await reader.until(lambda: set(told(reader)) == {client_of("c1")})
    assert told(reader)[client_of("c1")]["cursor"] == {"anchor": HERE, "head": HERE}


async def test_who_leaves_for_another_document_is_gone(reader: Reader) -> None:
    reader.outbox.put_latest(LANE, cursor("c1"))
    await reader.until(lambda: bool(told(reader)))
    reader.outbox.put_latest(LANE, cursor("c1", document="another"))
    await reader.until(lambda: told(reader) == {client_of("c1"): None})
    frames = len(reader.frames)
    reader.outbox.put_latest(LANE, cursor("c1", position=None))
    await a_few_turns()
    assert len(reader.frames) == frames


async def test_who_comes_and_goes_before_anything_was_sent_leaves_nothing_behind(reader: Reader) -> None:
    reader.outbox.put_latest(LANE, cursor("c1"))
    reader.outbox.put_latest(LANE, cursor("c1", position=None))
    await reader.until(lambda: told(reader) == {client_of("c1"): None})


async def test_each_time_a_cursor_is_shown_its_clock_is_higher(reader: Reader) -> None:
    clocks = []
    for number in range(3):
        reader.outbox.put_latest(LANE, cursor("c1")) if number == 0 else reader.outbox.show_again()
        await reader.until(lambda number=number: len(reader.frames) == number + 1)
        frame = reader.read()[-1]
        assert isinstance(frame, Awareness)
        clocks.append(frame.states[client_of("c1")][0])
        await asyncio.sleep(0)
    assert clocks == sorted(set(clocks))
