"""What one process holds: its connections' clocks, limits and rows, its lease, and how it lets go."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from bduf_realtime.accounts import services as accounts
from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.tokens import PreciseAccessToken
from bduf_realtime.gateway import doors, presence, storage, sweeps
from bduf_realtime.gateway import process as processes
from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.models import Attendance, Connection, Instance
from bduf_realtime.gateway.process import Process
from bduf_realtime.rooms import log
from collaboration import services
from collaboration.models import Session
from tests.people import person
from tests.servers import MS, eventually
from tests.sockets import Peer, connected, token_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sockets")]

Tune = Callable[..., Conf]


@pytest.fixture(autouse=True)
def quick_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "TICK", 20 * MS)


@pytest.fixture
def ada() -> User:
    return person("ada")


@pytest.fixture
def session(ada: User) -> Session:
    return services.session_create(project=services.project_create(name="P", by=ada), by=ada)


def this_process() -> Process:
    process = processes.current()
    assert process is not None
    return process


async def rows(**fields: Any) -> list[Connection]:
    return await storage.call(lambda: list(Connection.objects.filter(**fields).order_by("connected_at")))


# --- one process per loop ----------------------------------------------------------------------------------------


async def test_whoever_asks_first_starts_the_process_and_the_others_share_it() -> None:
    assert processes.current() is None
    first, second = await asyncio.gather(processes.running(), processes.running())
    assert first is second is processes.current()
    assert await storage.call(Instance.objects.filter(pk=first.id).exists)


async def test_a_process_that_could_not_start_is_started_again_by_the_next(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: Any) -> None:
        raise OperationalError("no route to host")

    monkeypatch.setattr(presence, "instance_start", unreachable)
    peer = Peer(token_of(ada))
    assert await peer.open()
    assert await peer.closed() == (4504, "storage.unavailable;retry_ms=2000")
    assert processes.current() is None
    monkeypatch.undo()
    await connected(ada)


async def test_a_process_that_stops_leaves_no_lease_behind(ada: User) -> None:
    peer = await connected(ada)
    await peer.leave()
    await this_process().stop()
    assert not await storage.call(Instance.objects.exists)
    assert not await rows()


# --- limits ------------------------------------------------------------------------------------------------------


async def test_a_full_process_takes_nobody_in(ada: User, tune: Tune) -> None:
    tune(max_connections=1)
    inside, peer = await connected(ada), Peer(token_of(ada))
    assert await peer.open()
    assert await peer.closed() == (4507, "quota.exceeded;retry_ms=2000")
    assert (await inside.ask("ping"))["type"] == "pong"


async def test_a_user_has_so_many_connections_and_others_have_their_own(ada: User, tune: Tune) -> None:
    tune(max_connections_per_user=2)
    first, second = [await connected(ada) for _ in range(2)]
    third, other = Peer(token_of(ada)), await connected(await storage.call(person))
    assert await third.open()
    assert (await third.receive())["code"] == "quota.exceeded"
    assert (await third.closed())[0] == 4412
    await first.leave()
    await eventually(lambda: rows(closed_at__isnull=False))
    fourth = await connected(ada)
    for peer in (second, fourth, other):
        assert (await peer.ask("ping"))["type"] == "pong"


async def test_too_many_handshakes_of_one_address_are_refused(ada: User, tune: Tune) -> None:
    tune(rate_handshake=0.01, rate_burst=100.0)
    inside = await connected(ada)
    assert not await Peer(token_of(ada)).open()
    assert (await inside.ask("ping"))["type"] == "pong"


# --- the clock ---------------------------------------------------------------------------------------------------


async def test_who_does_not_say_hello_is_sent_away(tune: Tune) -> None:
    tune(hello_timeout=50 * MS)
    peer = Peer()
    assert await peer.open()
    assert await peer.closed() == (4508, "auth.hello_timeout;retry_ms=1000")


async def test_who_is_silent_is_asked_and_then_given_up(ada: User, tune: Tune) -> None:
    tune(heartbeat_interval=20 * MS, heartbeat_timeout=400 * MS)
    peer = await connected(ada)
    ping = await peer.expect("ping")
    await peer.send("pong", id=ping["id"])
    (consumer,) = this_process().connections.values()
    await eventually(lambda: consumer._round_trip is not None)
    assert (await peer.closed()) == (4509, "heartbeat_timeout;retry_ms=1000")


async def test_who_sends_no_command_is_idle_until_the_next(ada: User, tune: Tune) -> None:
    tune(idle_after=100 * MS)
    peer = await connected(ada)
    (consumer,) = this_process().connections.values()
    await eventually(lambda: consumer.state == "idle")
    await eventually(lambda: rows(state="idle"))
    await peer.ask("room:leave", {"room": "x"})
    await eventually(lambda: consumer.state == "authenticated")


async def test_an_expired_token_ends_the_connection_after_its_grace(ada: User, tune: Tune) -> None:
    tune(token_expiry_grace=0.0)
    token = PreciseAccessToken.for_user(ada)
    token["exp"] = timezone.now().timestamp() + 1
    peer = Peer(str(token))
    assert await peer.open()
    notice = await peer.expect("auth:expiring")
    assert notice["data"]["token_expires_at"].endswith("Z")
    assert (await peer.closed())[0] == 4401
    assert (await peer.expect("error"))["code"] == "auth.expired"


async def test_a_long_outage_of_the_database_ends_connections(ada: User, tune: Tune) -> None:
    tune(database_outage=0.0, presence_flush=600.0, revocation_interval=600.0, sweep_interval=600.0)
    peer = await connected(ada)
    (consumer,) = this_process().connections.values()

    def sent_away() -> bool:
        storage.outage_since = time.monotonic() - 1  # until the next call that succeeds
        return consumer.closing is not None

    await eventually(sent_away)
    code, reason = await peer.closed()
    assert (code, reason.partition("=")[0]) == (4504, "storage.unavailable;retry_ms")
    storage.outage_since = None


async def test_a_clock_that_fails_goes_on(
    tune: Tune, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tune(sweep_interval=10 * MS)
    ran: list[int] = []

    def due(**of: Any) -> dict[str, int]:
        ran.append(len(ran))
        if len(ran) < 3:
            raise OperationalError("database is locked") if len(ran) == 1 else ZeroDivisionError
        return {}

    monkeypatch.setattr(sweeps, "run_due", due)
    await processes.running()
    await eventually(lambda: len(ran) > 3, timeout=10_000 * MS)
    logged = [record.msg["event"] for record in caplog.records if isinstance(record.msg, dict)]
    assert [event for event in logged if event.startswith("clock")] == ["clock_postponed", "clock_failed"]


# --- rights that change ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code", "close"),
    [
        (lambda user: (user.set_password("second"), user.save()), "auth.revoked", 4401),
        (lambda user: accounts.user_sign_out_everywhere(user=user), "auth.revoked", 4401),
        (lambda user: accounts.user_disable(user=user), "auth.invalid", 4423),
        (lambda user: user.delete(), "auth.invalid", 4401),
    ],
    ids=["password", "sign-out", "disabled", "deleted"],
)
async def test_who_loses_the_right_to_be_here_is_told_and_sent_away(
    ada: User, tune: Tune, change: Any, code: str, close: int
) -> None:
    tune(revocation_interval=20 * MS)
    peer, bystander = await connected(ada), await connected(await storage.call(person))
    await storage.call(change, ada)
    assert (await peer.closed())[0] == close
    assert (await peer.expect("error"))["code"] == code
    assert (await bystander.ask("ping"))["type"] == "pong"


async def test_a_deleted_user_stops_no_report_of_the_others(ada: User, tune: Tune) -> None:
    tune(revocation_interval=20 * MS, presence_flush=20 * MS)
    peer = await connected(ada)
    await eventually(lambda: rows(user=ada))
    await storage.call(ada.delete)
    assert (await peer.closed())[0] == 4401
    grace = await storage.call(person)
    later = await connected(grace)
    await eventually(lambda: rows(user=grace, closed_at=None), timeout=5_000 * MS)
    await later.leave()
    await eventually(lambda: rows(user=grace, closed_at__isnull=False), timeout=5_000 * MS)


async def test_a_removed_member_is_shown_out_and_a_lowered_role_is_noted(ada: User, session: Session) -> None:
    grace, alan = await storage.call(person), await storage.call(person)
    project, room = session.project, f"project:{session.project_id}"
    for user in (grace, alan):
        await storage.call(services.project_member_set, project=project, user=user, role="participant", by=ada)
    gone, lowered = await connected(grace), await connected(alan)
    for peer in (gone, lowered):
        await peer.ask("room:join", {"room": room})
    await storage.call(services.project_member_set, project=project, user=alan, role="observer", by=ada)
    consumer = next(c for c in this_process().connections.values() if c.user_id == str(alan.pk))
    await eventually(lambda: consumer.rooms[room].role == "observer")
    await storage.call(services.project_member_remove, project=project, user=grace, by=ada)
    assert await gone.closed() == (4403, "room.removed")
    assert (await lowered.expect("project:member:removed"))["data"]["user"] == str(grace.pk)


async def test_grants_are_asked_for_again_when_the_database_did_not_answer(
    ada: User, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    grace = await storage.call(person)
    add = {"project": session.project, "user": grace, "by": ada}
    await storage.call(services.project_member_set, **add, role="participant")
    peer = await connected(grace)
    await peer.ask("room:join", {"room": f"session:{session.pk}"})
    kind, failures = doors.kinds["session"], [OperationalError("database is locked")]
    answer = kind.grants

    def grants(key: str, users: Any) -> Any:
        if failures:
            raise failures.pop()
        return answer(key, users)

    monkeypatch.setattr(kind, "grants", grants)
    await storage.call(services.project_member_remove, **add)
    assert (await peer.closed())[0] == 4403
    assert not failures


# --- rows, places and the lease ----------------------------------------------------------------------------------


async def test_connections_have_rows_while_they_live_and_afterwards(ada: User, session: Session, tune: Tune) -> None:
    tune(presence_flush=20 * MS)
    peer, room = await connected(ada), f"session:{session.pk}"
    await peer.ask("room:join", {"room": room})
    await eventually(lambda: rows(state="authenticated", closed_at=None))
    assert await storage.call(Attendance.objects.filter(room=room).count) == 1
    await peer.leave(1001)
    await eventually(lambda: rows(close_code=1001, closed_at__isnull=False))
    await eventually(lambda: storage.call(lambda: not Attendance.objects.exists()))
    (row,) = await rows()
    assert (row.messages_in, row.address, row.state) == (1, "127.0.0.1", "reconnecting")


async def test_a_place_whose_connection_is_gone_is_given_up(ada: User, session: Session, tune: Tune) -> None:
    tune(instance_renewal=20 * MS, database_deadline=0.0, presence_flush=20 * MS)
    process, room = await processes.running(), f"session:{session.pk}"
    ghost = str(uuid.uuid4())
    await storage.call(presence.attend, room=room, user=str(ada.pk), connection=ghost, instance=process.id)
    await eventually(lambda: storage.call(lambda: not Attendance.objects.exists()))


async def test_a_process_taken_for_dead_starts_over(ada: User, tune: Tune) -> None:
    tune(instance_renewal=50 * MS)
    peer = await connected(ada)
    process = this_process()
    await storage.call(presence.instance_end, process.id)
    code, reason = await peer.closed()
    assert (code, reason.partition(";")[0]) == (4500, "lease.lost")
    await eventually(lambda: storage.call(Instance.objects.filter(pk=process.id).exists))
    await connected(ada)


async def test_the_elected_process_runs_the_timers(ada: User, session: Session, tune: Tune) -> None:
    tune(sweep_interval=20 * MS)
    dead = str(uuid.uuid4())
    await storage.call(presence.instance_start, dead, -1.0)
    for sweep in sweeps.sweeps:
        sweep.due = 0.0
    await processes.running()
    await eventually(lambda: storage.call(lambda: not Instance.objects.filter(pk=dead).exists()))


async def test_what_a_user_spent_elsewhere_counts_here(ada: User, tune: Tune) -> None:
    tune(rate_user=5.0, rate_burst=1.0)
    peer = await connected(ada)
    this_process().hub.layer.on_note({"spent": {str(ada.pk): 1_000.0}})
    this_process().hub.layer.on_note({"something": "newer"})
    assert (await peer.ask("room:leave", {"room": "x"}))["details"]["bucket"] == "user"


# --- draining ----------------------------------------------------------------------------------------------------


async def test_a_drain_tells_everybody_and_sends_each_away_at_a_time_of_its_own(ada: User, tune: Tune) -> None:
    tune(drain_spread=1.0)
    peers = [await connected(ada) for _ in range(3)]
    process = this_process()
    await asyncio.wait_for(process.drain(), 10_000 * MS)
    for peer in peers:
        code, reason = await peer.closed()
        text, _, retry = reason.partition(";retry_ms=")
        assert (code, text) == (4503, "server.draining")
        assert 100 <= int(retry) <= 1_000
        assert (await peer.expect("server.draining"))["data"] == {}
    late = Peer(token_of(ada))
    assert await late.open()
    assert await late.closed() == (4503, "server.draining;retry_ms=2000")
    assert not process.connections


async def test_what_was_sent_before_the_drain_is_committed(
    ada: User, session: Session, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = processes.commit

    def slow(submissions: Any) -> Any:
        gate.wait()
        return commit(submissions)

    monkeypatch.setattr(processes, "commit", slow)
    peer, room = await connected(ada), f"session:{session.pk}"
    await peer.ask("room:join", {"room": room})
    await peer.send("collaboration:message:send", {"session": str(session.pk), "body": "last words"}, "last")
    (consumer,) = this_process().connections.values()
    await eventually(lambda: consumer.in_flight)
    drain = asyncio.create_task(this_process().drain())
    assert (await peer.closed())[0] == 4503
    gate.set()
    await drain
    assert (await storage.call(log.position, room)).head == 2


async def test_a_call_starts_the_clocks_of_a_server_that_has_no_sockets_and_waits_for_nothing(sockets: None) -> None:
    called: list[str] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        called.append(scope["path"])
        assert processes.current() is None

    await processes.waking(page)({"type": "http", "path": "/"}, None, None)
    assert called == ["/"]
    await eventually(lambda: processes.current() is not None, timeout=10_000 * MS)


async def test_a_start_that_fails_is_noted_and_tried_again_with_the_next_call(
    sockets: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: Any) -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(presence, "instance_start", fail)
        with pytest.raises(RealtimeError, match="unavailable"):
            await processes.wake()
    await asyncio.sleep(0)
    assert "start_postponed" in [record.msg["event"] for record in caplog.records if isinstance(record.msg, dict)]
    assert (await processes.running()).id
