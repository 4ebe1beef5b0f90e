"""What one server process holds: its hub, journal and connections, and the clock that looks after them."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
import uuid
from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from bduf_realtime.accounts import tokens
from bduf_realtime.accounts.tokens import Identity
from bduf_realtime.gateway import auth, doors, metrics, presence, samples, storage, sweeps
from bduf_realtime.gateway.conf import Conf, conf
from bduf_realtime.gateway.doors import Joined, Wish
from bduf_realtime.gateway.errors import Close, RealtimeError
from bduf_realtime.gateway.health import readiness
from bduf_realtime.gateway.hub import Hub
from bduf_realtime.gateway.messages import Draining, notice_frame
from bduf_realtime.gateway.models import Connection
from bduf_realtime.gateway.presence import Departure
from bduf_realtime.gateway.ratelimit import UserBuckets
from bduf_realtime.gateway.rights import Rights
from bduf_realtime.rooms.batch import commit
from bduf_realtime.rooms.journal import Journal

if TYPE_CHECKING:
    from bduf_realtime.gateway.socket import Socket

logger = structlog.get_logger(__name__)

TICK = 0.5
# A database thread gives the interpreter up with every statement and row, and waits this long behind a busy event
# loop to get it back; at Python's 5 ms group commits ran at two thirds of the rate.
SWITCH_INTERVAL = 0.0005
# Periodic work is done in slices: a thread that builds a thousand rows at once holds up loop and journal alike.
REVOCATION_SLICE = 200
REPORT_SLICE = 100
ROOM_LINGER = 20.0
GOSSIP_SHARE = 0.1
DRAINED_PER_SECOND = 100


class Process:
    """One per event loop; made by the first call or connection, so that no server needs lifespan events."""

    def __init__(self, conf: Conf) -> None:
        self.id = str(uuid.uuid4())
        self.conf = conf
        self.hub = Hub(self.id, conf)
        self.journal = Journal(
            lambda batch: storage.call_journal(commit, batch),
            batch=conf.journal_batch,
            queue=conf.journal_queue,
            deadline=conf.database_deadline,
            observe=_observe_commit,
        )
        self.sign_in: storage.Gathered[str, Identity] = storage.Gathered(
            lambda raws: auth.authenticate_many(raws, conf.max_connections_per_user), batch=100
        )
        self.join: storage.Gathered[Wish, Joined] = storage.Gathered(doors.join_many, batch=32)
        self.connections: dict[str, Socket] = {}
        self.per_user: Counter[str] = Counter()
        self.users = UserBuckets(conf.rate_user, conf.rate_burst)
        self.handshakes = UserBuckets(conf.rate_handshake, conf.rate_burst)
        self.draining = False
        self._opened: list[Socket] = []
        self._closed: list[Socket] = []
        self._awaited: deque[tuple[float, Socket]] = deque()
        self._departures: list[Departure] = []
        self._reporting = asyncio.Lock()
        self._registered = False
        self._tasks: list[asyncio.Task[None]] = []
        self.rights = Rights(self.hub, self.departed, self.look_at_accounts)
        self.hub.layer.on_note = self._noted

    async def start(self) -> None:
        """Registers the process and starts its clocks; raises RealtimeError when the database is down."""
        # The modules stay for ever: collecting them again and again stops the loop for 100 ms each time.
        gc.collect()
        gc.freeze()
        sys.setswitchinterval(SWITCH_INTERVAL)
        await storage.call(presence.instance_start, self.id, self.conf.instance_lease)
        self._registered = True
        await self.hub.start()
        for clock in (self._tick, self._sample, self._renew, self._report, self._revoke, self._sweep):
            self._tasks.append(asyncio.create_task(self._forever(clock), name=f"clock{clock.__name__}"))

    async def stop(self) -> None:
        """Writes what is still to be written and gives up the lease."""
        await self.journal.flush()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self.rights.stop(), return_exceptions=True)
        await self.hub.stop()
        try:
            await self.write_report()
            await storage.call(presence.instance_end, self.id)
        except RealtimeError:
            logger.warning("lease_left_to_expire")

    # --- connections -------------------------------------------------------------------------------------------

    def opened(self, consumer: Socket) -> None:
        self.connections[consumer.id] = consumer
        metrics.connections_opened.inc()

    def authenticated(self, consumer: Socket) -> None:
        self.per_user[consumer.user_id] += 1
        self._opened.append(consumer)

    def closed(self, consumer: Socket) -> None:
        """Forgets a connection, here at once and in the database soon."""
        self.connections.pop(consumer.id, None)
        for room in consumer.rooms:
            self.hub.leave(consumer, room)
            self.departed(consumer, room)
        if consumer.user_id:
            self.per_user[consumer.user_id] -= 1
            if not self.per_user[consumer.user_id]:
                del self.per_user[consumer.user_id]
            self._closed.append(consumer)
        if consumer.state == Connection.State.RECONNECTING:
            self._awaited.append((time.monotonic() + self.conf.session_participant_timeout, consumer))

    def _no_longer_awaited(self, now: float) -> None:
        """Calls disconnected who came back here over another connection, or did not come back in time."""
        awaited: deque[tuple[float, Socket]] = deque()
        for until, consumer in self._awaited:
            if now < until and not self.per_user[consumer.user_id]:
                awaited.append((until, consumer))
            else:
                consumer.state = Connection.State.DISCONNECTED.value
                self._closed.append(consumer)
        self._awaited = awaited

    def departed(self, consumer: Socket, room: str) -> None:
        self._departures.append(Departure(room, consumer.user_id, consumer.id))

    # --- clocks ------------------------------------------------------------------------------------------------

    async def _forever(self, clock: Any) -> None:
        while True:
            try:
                await clock()
            except RealtimeError as error:
                logger.warning("clock_postponed", clock=clock.__name__, code=error.code)
                await asyncio.sleep(1.0)
            except Exception:
                logger.exception("clock_failed", clock=clock.__name__)
                await asyncio.sleep(1.0)

    async def _tick(self) -> None:
        """Looks after every connection: one timer for all instead of some for each."""
        due = time.monotonic() + TICK
        await asyncio.sleep(TICK)
        now = time.monotonic()
        metrics.loop_lag_seconds.set(max(0.0, now - due))
        storage.cut_stuck(now)
        outage = storage.outage_since
        states: dict[str, int] = dict.fromkeys(Connection.State.values, 0)
        for number, consumer in enumerate(list(self.connections.values())):
            if number % 500 == 499:
                await asyncio.sleep(0)
            states[consumer.state] += 1
            consumer.tick(now)
            if outage is not None and now - outage > self.conf.database_outage:
                consumer.close(Close.DATABASE_UNAVAILABLE, "storage.unavailable", retry_ms=_jitter(10_000))
        self._no_longer_awaited(now)
        states[Connection.State.RECONNECTING] += len(self._awaited)
        for state, count in states.items():
            metrics.connections.labels(state).set(count)
        metrics.journal_waiting.set(self.journal.waiting)
        self.hub.forget_empty(ROOM_LINGER)
        self.users.forget_idle(now)
        self.handshakes.forget_idle(now)
        await self._gossip()

    async def _sample(self) -> None:
        samples.recorder.take()
        await asyncio.sleep(samples.EVERY)

    async def _gossip(self) -> None:
        """Tells other instances who spends much here, so that a user's limit holds over all of them."""
        worth_telling = self.conf.rate_user * TICK * GOSSIP_SHARE
        spent = {user: cost for user, cost in self.users.spent().items() if cost >= worth_telling}
        if spent:
            await self.hub.layer.tell_instances({"spent": spent})

    def _noted(self, note: dict[str, Any]) -> None:
        if "spent" in note:
            self.users.charge(note["spent"], time.monotonic())
        elif "cursors_of" in note:
            self.hub.cursors.repeat(note["cursors_of"])

    async def _renew(self) -> None:
        if not await storage.call(presence.instance_renew, self.id, self.conf.instance_lease, self.draining):
            # Others have told the rooms that our people are gone: start over under a new name.
            logger.error("lease_lost")  # paused for longer than the lease, most likely
            for consumer in list(self.connections.values()):
                consumer.close(Close.INTERNAL, "lease.lost", retry_ms=_jitter(2_000))
            await storage.call(presence.instance_start, self.id, self.conf.instance_lease)
        await self._give_up_ghosts()
        await asyncio.sleep(self.conf.instance_renewal)

    async def _give_up_ghosts(self) -> None:
        """Gives up places that a join took after its connection or its deadline had gone."""
        places = await storage.call(presence.places, self.id, self.conf.database_deadline * 2)
        for place in places:
            consumer = self.connections.get(place.connection)
            if consumer is None or place.room not in consumer.rooms:
                self._departures.append(place)

    async def _report(self) -> None:
        await asyncio.sleep(self.conf.presence_flush)
        await self.write_report()

    async def write_report(self) -> None:
        """Writes opened, changed and closed connections, and gives up the places of those that left."""
        async with self._reporting:
            while self._departures:
                batch = self._departures[:100]
                await storage.call(presence.depart, batch)
                del self._departures[: len(batch)]
            opened = [c.row() for c in self._opened[:REPORT_SLICE]]
            changed = [c.row() for c in islice(filter(_outdated, self.connections.values()), REPORT_SLICE)]
            closed = [c.row() for c in self._closed[:REPORT_SLICE]]
            if rows := [*opened, *changed, *closed]:
                await storage.call(presence.report, rows)
                del self._opened[: len(opened)], self._closed[: len(closed)]

    async def _revoke(self) -> None:
        """Looks again at everybody's account and token, at polled rights, and at whom an operator wants cut off."""
        await self.rights.poll()
        for connection in await storage.call(presence.to_be_cut, self.id):
            if (cut := self.connections.get(connection)) is not None:
                cut.close(Close.FORBIDDEN, "disconnected")
        known = [c for c in self.connections.values() if c.identity is not None]
        slices = max(1, -(-len(known) // REVOCATION_SLICE))
        for number in range(slices):
            await asyncio.sleep(self.conf.revocation_interval / slices)
            chunk = known[number * REVOCATION_SLICE : (number + 1) * REVOCATION_SLICE]
            await self.look_at_accounts(chunk)

    async def look_at_accounts(self, consumers: Sequence[Socket]) -> None:
        """Closes those whose account or token has ended; raises RealtimeError."""
        refused = await storage.call(tokens.refusals, [c.identity for c in consumers if c.identity])
        for consumer in consumers:
            if consumer.identity is not None and (verdict := refused.get(consumer.identity.jti)) is not None:
                consumer.refuse_and_close(auth.refusal(verdict))

    async def _sweep(self) -> None:
        await asyncio.sleep(self.conf.sweep_interval)
        await storage.call(sweeps.run_due, of=sweeps.everywhere)
        if await storage.call(presence.elected, self.id):
            await storage.call(sweeps.run_due)

    # --- draining ----------------------------------------------------------------------------------------------

    async def shut_down(self) -> bool:
        """Lets every client go and gives up the lease; false if that took longer than a stop may take."""
        readiness.draining = True
        try:
            async with asyncio.timeout(self.conf.drain_timeout):
                await self.drain()
                await self.stop()
        except TimeoutError:
            return False
        finally:
            storage.close()
        return True

    async def drain(self) -> None:
        """Sends every client away at a time of its own, so that they do not come back all at once."""
        self.draining = True
        notice = notice_frame(Draining())
        consumers = list(self.connections.values())
        for consumer in consumers:
            consumer.outbox.put(notice)
        spread = min(self.conf.drain_spread, len(consumers) / DRAINED_PER_SECOND)
        waves = max(1, min(20, len(consumers) // 50))
        for wave in range(waves):
            for consumer in consumers[wave::waves]:
                _send_away(consumer, spread)
            await asyncio.sleep(spread / waves / 4 if wave + 1 < waves else 0)
        await self.journal.flush()
        until = time.monotonic() + self.conf.drain_timeout / 2
        while self.connections and time.monotonic() < until:
            for consumer in list(self.connections.values()):  # those too who were just coming in
                _send_away(consumer, spread)
            await asyncio.sleep(0.05)


def _send_away(consumer: Socket, spread: float) -> None:
    consumer.close(Close.DRAINING, "server.draining", retry_ms=_jitter(int(spread * 1000)))


def _jitter(limit_ms: int) -> int:
    return random.randint(100, max(200, limit_ms))  # noqa: S311 - spreads load, guards nothing


def _outdated(consumer: Socket) -> bool:
    return consumer.worth_reporting


def _observe_commit(size: int, seconds: float) -> None:
    metrics.commit_batch.observe(size)
    metrics.commit_seconds.observe(seconds)


_processes: dict[asyncio.AbstractEventLoop, asyncio.Task[Process]] = {}


async def running() -> Process:
    """The process of this event loop, started by whoever asks first; raises RealtimeError if it cannot start."""
    return await asyncio.shield(wake())


def wake() -> asyncio.Task[Process]:
    """Starts the process of this event loop if it has not started, or could not; does not wait for it."""
    loop = asyncio.get_running_loop()
    starting = _processes.get(loop)
    if starting is None or (starting.done() and (starting.cancelled() or starting.exception() is not None)):
        for ended in [known for known in _processes if known.is_closed()]:
            del _processes[ended]
        starting = _processes[loop] = loop.create_task(_started(), name="process")
        starting.add_done_callback(_note_failure)
    return starting


def _note_failure(starting: asyncio.Task[Process]) -> None:
    if not starting.cancelled() and (error := starting.exception()) is not None:
        logger.warning("start_postponed", reason=getattr(error, "code", type(error).__name__))


def waking(application: Any) -> Any:
    """Has a server that gets calls and no sockets run its clocks too: what is due is due all the same."""

    async def called(scope: Any, receive: Any, send: Any) -> None:
        if not readiness.draining:
            wake()
        await application(scope, receive, send)

    return called


def current() -> Process | None:
    """The process of this loop if it has started."""
    starting = _processes.get(asyncio.get_running_loop())
    return starting.result() if starting is not None and starting.done() and not starting.exception() else None


def cursors_in(room: str) -> dict[str, dict[str, Any]]:
    """The cursors of a room's connections as far as this server process knows them; from any thread."""
    found: dict[str, dict[str, Any]] = {}
    for starting in list(_processes.values()):
        if starting.done() and not starting.cancelled() and starting.exception() is None:
            channel = starting.result().hub.channel(room)
            for connection, entry in (dict(channel.cursors) if channel else {}).items():
                found[connection] = msgspec.json.decode(entry)
    return found


async def _started() -> Process:
    process = Process(conf)
    await process.start()
    _let_daphne_drain(process)
    return process


def _let_daphne_drain(process: Process) -> None:
    """Has daphne, if it is our server, wait for the drain when it stops; it would cut every socket without a word."""
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if reactor is not None and reactor.running:
        from twisted.internet.defer import Deferred

        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromFuture(asyncio.ensure_future(process.shut_down()))
        )
