"""What a connection understands: frames, limits, barriers and answers, on sockets of this process."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway import consumer, doors, storage
from bduf_realtime.gateway import process as processes
from bduf_realtime.gateway.conf import Conf, conf
from bduf_realtime.rooms import batch
from bduf_realtime.rooms.models import Event
from collaboration import services
from tests.people import person
from tests.sockets import alive, code_of, connected

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sockets")]

Tune = Callable[..., Conf]


@pytest.fixture
def ada() -> User:
    return person("ada", name="Ada")


@pytest.fixture
def session(ada: User) -> str:
    return str(services.session_create(project=services.project_create(name="P", by=ada), by=ada).pk)


# --- malformed frames --------------------------------------------------------------------------------------------


async def test_a_malformed_frame_is_answered_and_the_fifth_in_a_minute_ends_it(ada: User) -> None:
    peer = await connected(ada)
    frames = ["{", '{"id":"1","type":"nothing"}', '{"id":"2","type":"room:join","data":{}}', '{"id":"3"}']
    for text, id_, code in zip(
        frames,
        (None, "1", "2", "3"),
        ("msg.bad_json", "msg.unknown_type", "msg.missing_field", "msg.bad_envelope"),
        strict=True,
    ):
        await peer.text(text)
        error = await peer.receive()
        assert (error["id"], error["code"]) == (id_, code)
    await alive(peer)
    await peer.communicator.send_to(bytes_data=b"binary")
    assert (await peer.receive())["code"] == "msg.bad_json"
    assert await peer.closed() == (4422, "msg.too_many_invalid")


async def test_a_frame_over_the_limit_ends_it(ada: User, tune: Tune) -> None:
    tune(message_bytes=1_000)
    peer = await connected(ada)
    await peer.text(json.dumps({"type": "ping", "id": "1", "data": {}}).ljust(1_000))
    assert (await peer.receive())["type"] == "pong"
    await peer.text('{"type":"ping","data":{"x":"' + "é" * 500 + '"}}')
    assert await peer.closed() == (4413, "msg.too_large")


# --- rates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "bucket", "type_"),
    [
        ("rate_connection", "connection", "room:leave"),
        ("rate_user", "user", "room:leave"),
        ("rate_join", "join", "room:leave"),
        ("rate_message", "message", "collaboration:message:send"),
        ("rate_cursor", "cursor", "collaboration:cursor:move"),
    ],
)
async def test_too_many_commands_are_told_when_to_come_back(
    ada: User, tune: Tune, setting: str, bucket: str, type_: str
) -> None:
    tune(**{setting: 0.01, "rate_burst": 100.0, "malformed_frames": 1_000})
    peer = await connected(ada)
    assert (await peer.ask(type_))["code"] == "msg.missing_field"
    error = await peer.ask(type_)
    assert (error["code"], error["retryable"]) == ("rate.limited", True)
    assert error["details"] == {"bucket": bucket, "type": type_}
    assert error["retry_after_ms"] > 1_000


async def test_commands_nobody_waits_for_are_refused_with_one_complaint_a_second(ada: User, tune: Tune) -> None:
    tune(rate_cursor=0.01, rate_burst=100.0)
    peer = await connected(ada)
    for _ in range(50):
        await peer.send("collaboration:cursor:move", {"session": str(ada.pk), "position": {}})
    await peer.send("ping", id="end")
    told = []
    while (message := await peer.receive()).get("id") != "end":
        told.append(message["code"])
    assert told[0] == "room.not_joined"
    assert 1 <= told.count("rate.limited") <= 5


async def test_who_keeps_sending_although_told_to_wait_is_sent_away(ada: User, tune: Tune) -> None:
    tune(rate_connection=0.01, rate_burst=100.0, abuse_windows=1)
    peer = await connected(ada)
    for _ in range(20):
        await peer.send("room:leave", {"room": "x"})
    code, reason = await peer.closed()
    assert (code, reason) == (4529, "rate.limited;retry_ms=5000")


# --- rooms -------------------------------------------------------------------------------------------------------


async def test_joining_leaving_and_reading_a_room(ada: User, session: str) -> None:
    peer, room = await connected(ada), f"session:{session}"
    joined = await peer.ask("room:join", {"room": room})
    assert (joined["type"], joined["data"]["recovered"], joined["data"]["role"]) == ("ack", "none", "owner")
    assert joined["data"]["state"]["session"]["id"] == session
    sent = await peer.ask("collaboration:message:send", {"session": session, "body": "hi"})
    assert (sent["room"], sent["epoch"], sent["seq"]) == (room, joined["data"]["epoch"], 2)
    history = (await peer.ask("room:history", {"room": room}))["data"]
    assert [event["seq"] for event in history["events"]] == [1, 2]
    assert (history["floor"], history["head"]) == (1, 2)
    since = {"epoch": joined["data"]["epoch"], "seq": 1}
    again = await peer.ask("room:join", {"room": room, "since": since})
    assert (again["data"]["recovered"], "state" in again["data"]) == ("full", False)
    assert (await peer.receive())["seq"] == 2
    assert (await peer.ask("room:leave", {"room": room}))["data"] == {"room": room}
    assert await code_of(peer, "room:leave", {"room": room}) == "room.not_joined"
    assert await code_of(peer, "collaboration:message:send", {"session": session, "body": "x"}) == "room.not_joined"


async def test_a_room_that_is_not_there_cannot_be_joined(ada: User) -> None:
    peer = await connected(ada)
    for room in ("nowhere", f"session:{ada.pk}", f"user:{ada.pk}".upper()):
        assert await code_of(peer, "room:join", {"room": room}) == "room.not_found"
        assert await code_of(peer, "room:history", {"room": room}) == "room.not_found"


async def test_a_connection_is_in_so_many_rooms_at_most(ada: User, session: str, tune: Tune) -> None:
    tune(max_rooms_per_connection=1)
    peer = await connected(ada)
    for _ in range(2):
        assert await code_of(peer, "room:join", {"room": f"session:{session}"}) == "ack"
    assert await code_of(peer, "room:join", {"room": f"user:{ada.pk}"}) == "quota.exceeded"


async def test_cursors_and_signals_reach_the_others_and_not_their_author(ada: User, session: str) -> None:
    peers = [await connected(ada) for _ in range(2)]
    for peer in peers:
        await peer.ask("room:join", {"room": f"session:{session}"})
    first, second = peers
    move = {"session": session, "position": {"at": 5}, "selection": {"to": 7}, "status": "typing"}
    assert (await first.ask("collaboration:cursor:move", move))["type"] == "ack"
    (cursor,) = (await second.expect("collaboration:cursor:moved"))["data"]["cursors"]
    assert (cursor["user"], cursor["position"], cursor["selection"]) == (str(ada.pk), {"at": 5}, {"to": 7})
    big = {"session": session, "position": {"at": "x" * 1_025}}
    assert await code_of(first, "collaboration:cursor:move", big) == "cursor.invalid"
    signal = {"session": session, "name": "typing", "payload": 1}
    assert await code_of(first, "collaboration:signal:send", signal | {"payload": "x" * 32_769}) == "msg.bad_value"
    assert await code_of(first, "collaboration:signal:send", signal | {"to": ["somebody else"]}) == "ack"
    assert await code_of(first, "collaboration:signal:send", signal) == "ack"
    received = await second.expect("collaboration:signal:sent")
    assert received["data"] == {"session": session, "name": "typing", "payload": 1}
    await first.send("ping", id="end")
    assert [message["type"] for message in [await first.receive()]] == ["pong"]


async def test_a_session_may_do_without_cursors(ada: User) -> None:
    def quiet() -> str:
        project = services.project_create(name="P", by=ada)
        return str(services.session_create(project=project, by=ada, settings={"enable_cursor_sharing": False}).pk)

    session = await storage.call(quiet)
    peer = await connected(ada)
    await peer.ask("room:join", {"room": f"session:{session}"})
    move = {"session": session, "position": {}}
    assert await code_of(peer, "collaboration:cursor:move", move) == "cursor.disabled"


# --- order, resends and failures ---------------------------------------------------------------------------------


async def test_commands_behind_a_join_wait_for_it_in_order(ada: User, session: str) -> None:
    peer = await connected(ada)
    await peer.send("room:join", {"room": f"session:{session}"}, "join")
    for number in range(3):
        await peer.send("collaboration:message:send", {"session": session, "body": "hi"}, str(number))
    await peer.send("room:leave", {"room": f"session:{session}"}, "leave")
    assert [(await peer.receive())["id"] for _ in range(5)] == ["join", "0", "1", "2", "leave"]


async def test_more_commands_than_may_wait_are_told_to_come_back(
    ada: User, session: str, tune: Tune, gate: threading.Event
) -> None:
    tune(inbound_backlog=2)
    peer = await connected(ada)
    blocked = [asyncio.create_task(storage.call(gate.wait)) for _ in range(conf.database_threads)]
    await peer.send("room:join", {"room": f"session:{session}"}, "join")
    for number in range(4):
        await peer.send("room:leave", {"room": f"session:{session}"}, str(number))
    refused = [await peer.receive() for _ in range(2)]
    assert {answer["code"] for answer in refused} == {"rate.limited"}
    assert {answer["details"]["bucket"] for answer in refused} == {"backlog"}
    gate.set()
    await asyncio.gather(*blocked)
    answers = [await peer.receive() for _ in range(3)]
    assert answers[0]["id"] == "join"
    assert len({answer["id"] for answer in [*answers, *refused]}) == 5


async def test_a_resend_is_answered_as_before_and_another_body_under_its_id_is_refused(ada: User, session: str) -> None:
    peer = await connected(ada)
    await peer.ask("room:join", {"room": f"session:{session}"})
    first = await peer.ask("collaboration:message:send", {"session": session, "body": "one"}, "same")
    again = await peer.ask("collaboration:message:send", {"body": "one", "session": session}, "same")
    other = await peer.ask("collaboration:message:send", {"session": session, "body": "two"}, "same")
    assert again == first
    assert other["code"] == "msg.id_conflict"
    assert await storage.call(Event.objects.filter(type="collaboration:message:sent").count) == 1
    await alive(peer)


async def test_a_full_journal_is_busy_and_a_vanished_session_is_not_found(ada: User, session: str) -> None:
    peer = await connected(ada)
    await peer.ask("room:join", {"room": f"session:{session}"})
    process = processes.current()
    assert process is not None
    process.journal._limit, limit = 0, process.journal._limit
    message = {"session": session, "body": "x"}
    busy = await peer.ask("collaboration:message:send", message)
    assert (busy["code"], busy["retry_after_ms"]) == ("storage.busy", 500)
    process.journal._limit = limit
    peer_grant = next(iter(process.connections.values()))
    peer_grant.rooms[f"session:{ada.pk}"] = peer_grant.rooms[f"session:{session}"]
    gone = await peer.ask("collaboration:message:send", {"session": str(ada.pk), "body": "x"})
    assert gone["code"] == "session.not_found"


async def test_a_commit_that_comes_too_late_is_told_so_and_still_reaches_the_room(
    ada: User, session: str, tune: Tune, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(database_deadline=0.3)

    def slow(submissions: Any) -> Any:
        gate.wait()
        return batch.commit(submissions)

    monkeypatch.setattr(processes, "commit", slow)
    author, witness = await connected(ada), await connected(ada)
    for peer in (author, witness):
        await peer.ask("room:join", {"room": f"session:{session}"})
    late = await author.ask("collaboration:message:send", {"session": session, "body": "late"}, "1")
    assert (late["code"], late["retryable"]) == ("storage.unavailable", True)
    gate.set()
    for peer in (witness, author):
        assert (await peer.expect("collaboration:message:sent"))["data"]["body"] == "late"


async def test_the_unexpected_is_told_by_reference_and_the_connection_lives(
    ada: User, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("a secret")

    peer, room = await connected(ada), f"session:{session}"
    await peer.ask("room:join", {"room": room})
    message = {"session": session, "body": "x"}
    monkeypatch.setattr(processes, "commit", broken)
    uncommitted = await peer.ask("collaboration:message:send", message)
    monkeypatch.setattr(services, "message_send", broken)
    at_once = await peer.ask("collaboration:message:send", message)
    monkeypatch.setattr(doors, "history", broken)
    barrier = await peer.ask("room:history", {"room": room})
    for error in (uncommitted, at_once, barrier):
        assert (error["code"], error["retryable"]) == ("internal", True)
        assert "secret" not in json.dumps(error)
    assert len(at_once["details"]["reference"]) == len(barrier["details"]["reference"]) == 8
    await alive(peer)


async def test_a_pong_that_answers_nothing_is_counted_and_never_answered(ada: User) -> None:
    peer = await connected(ada)
    await peer.send("pong", id="invented")
    await peer.send("pong")
    await alive(peer)


async def test_a_connection_that_fails_is_closed_by_reference_and_comes_back(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str) -> Any:
        raise ZeroDivisionError("a secret")

    peer = await connected(ada)
    monkeypatch.setattr(consumer, "read_envelope", broken)
    await peer.send("ping")
    code, reason = await peer.closed()
    assert code == 4500
    assert re.fullmatch(r"internal;retry_ms=1000;ref=[0-9a-f]{8}", reason)
