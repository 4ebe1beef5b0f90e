"""What a member of a room may expect to see, checked frame by frame, and the world such members live in."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec
from channels.layers import channel_layers, get_channel_layer

from bduf_realtime.accounts.tokens import Identity
from bduf_realtime.gateway import doors
from bduf_realtime.gateway.conf import Conf
from bduf_realtime.gateway.doors import Entry, Grant, Joined, Since, View, Visitor
from bduf_realtime.gateway.errors import Close, RealtimeError, error_frame
from bduf_realtime.gateway.hub import Hub
from bduf_realtime.gateway.outbox import Outbox
from bduf_realtime.rooms import log, models
from bduf_realtime.rooms.batch import Committed, Outcome, Submission, commit
from bduf_realtime.rooms.events import Appended, Author, CommandKey, ack_frame, fingerprint
from bduf_realtime.rooms.journal import Journal
from bduf_realtime.rooms.transactions import write
from tests.gateway.simulation import Database, FaultyLayer, SkippedTime, Wire

SAID = "test:said"
CONF = Conf(
    flush_interval=0.005,
    outbox_frames=60,
    outbox_bytes=20_000,
    outbox_window=6_000,
    outbox_ping_bytes=1_500,
    gap_patience=0.05,
    position_interval=1.0,
    layer_probe_interval=0.5,
    replay_page=3,
    recent_events=4,
)


class OpenRoom:
    """A kind of room that lets everybody in."""

    grace = False
    watched: frozenset[str] = frozenset()
    removing: frozenset[str] = frozenset()

    def admit(self, key: str, visitor: Visitor) -> Entry:
        log.lock(f"test:{key}")
        return Entry(Grant("owner", frozenset({"read"})))

    def view(self, key: str, entry: Entry, with_state: bool) -> View:
        return View([])

    def depart(self, key: str, user: str, connection: str) -> None:
        """Nobody is told."""

    def grants(self, key: str, users: Any) -> dict[str, Grant]:
        return {}


class Member:
    """One connection of one client, and the protocol's promise to it: every number after its join, once, in order."""

    def __init__(self, world: World, process: SimulatedProcess) -> None:
        self.id = self.user_id = str(uuid.uuid4())
        self.world = world
        self.process = process
        self.submitted = self.in_flight = 0
        self.closing: tuple[int, str] | None = None
        self.wire = Wire(self._take, lambda nonce: self.outbox.pong(nonce))
        self.outbox = Outbox(self.wire.send, world.conf, lambda: self.close(Close.SLOW_CONSUMER, "slow_consumer"))
        self.outbox.batch = world.random.random() < 0.5
        self.barrier: asyncio.Task[None] | None = None
        self.answers: Counter[str] = Counter()
        self.asked: list[str] = []
        # As the client sees it:
        self.at: tuple[str, int] | None = None
        self.live = self.to_be_closed = False
        self.known = 0
        self.ephemeral: list[dict[str, Any]] = []
        self.since: dict[str, Since | None] = {}

    # --- as the server's consumer does it ----------------------------------------------------------------------

    def close(self, code: int, reason: str, retry_ms: int | None = None) -> None:
        if self.closing is None:
            self.closing = (int(code), reason)
            asyncio.get_running_loop().call_soon(self._finish)

    def _finish(self) -> None:
        self.outbox.flush()
        self.outbox.close()
        self.process.hub.leave(self, self.world.room)  # type: ignore[arg-type]
        if self.barrier is not None:
            self.barrier.cancel()

    def join(self, with_position: bool) -> None:
        """Asks to be let in, or in again, once what was asked before is answered."""
        id_ = self._ask("join")
        self.since[id_] = Since(*self.at) if with_position and self.at is not None else None
        self.barrier = self.world.spawn(self._join(id_))

    async def _join(self, id_: str) -> None:
        hub, room, since = self.process.hub, self.world.room, self.since[id_]
        hub.leave(self, room)  # type: ignore[arg-type]
        channel = await hub.open(room)
        try:
            visitor = Visitor(Identity.__new__(Identity), self.id, self.process.id)
            joined: Joined = await self.world.database.call(doors.join, room, visitor, since)
            hub.settle(channel, joined.epoch, joined.seq)
            data = {"epoch": joined.epoch, "seq": joined.seq, "recovered": joined.recovered}
            self.outbox.put(ack_frame(id_, msgspec.json.encode(data)).decode())
            full = joined.recovered == "full" and since is not None
            await hub.admit(channel, self, joined, since.seq if full and since else None)  # type: ignore[arg-type]
        except RealtimeError as error:
            self.outbox.put(error_frame(error, id_).decode())
        finally:
            hub.release(channel)
            self.barrier = None

    def leave(self) -> None:
        self.process.hub.leave(self, self.world.room)  # type: ignore[arg-type]
        self.outbox.put(ack_frame(self._ask("leave"), b"{}").decode())

    def say(self, resent: str | None = None) -> None:
        id_ = resent or self._ask("say")
        data = {"body": id_}
        key = CommandKey(self.id, self.id, id_, fingerprint(SAID, data))
        author = Author(self.user_id, "", "human", self.id)
        self.submitted += 1
        self.in_flight += 1

        def done(outcome: Outcome) -> None:
            self.in_flight -= 1
            if not isinstance(outcome, Committed):
                assert isinstance(outcome, RealtimeError), outcome
                self.outbox.put(error_frame(outcome, id_).decode())
            elif outcome.event is not None:
                self.process.hub.committed(outcome.event, self, outcome.ack)  # type: ignore[arg-type]
            elif outcome.ack is not None:
                self.outbox.put(outcome.ack.decode())

        self.process.journal.submit(Submission(self.world.room, SAID, msgspec.json.encode(data), author, key), done)

    @property
    def joining(self) -> bool:
        """Whether the client waits for the answer to a join."""
        return any(id_.startswith("join") and not self.answers[id_] for id_ in self.asked)

    @property
    def may_join(self) -> bool:
        """A join is a barrier: it waits for the commands before it."""
        return self.closing is None and self.barrier is None and self.in_flight == 0

    @property
    def may_speak(self) -> bool:
        return self.closing is None and self.barrier is None and self.process.hub_member(self)

    def _ask(self, what: str) -> str:
        self.asked.append(f"{what}-{len(self.asked)}")
        return self.asked[-1]

    # --- as the client sees it ---------------------------------------------------------------------------------

    def _take(self, frame: dict[str, Any]) -> None:
        kind, id_ = frame["type"], frame.get("id")
        if kind in ("ack", "error"):
            self.answers[id_] += 1
            self._expect(self.answers[id_] == 1, f"two answers: {frame}")
        if kind == "ack" and id_.startswith("join"):
            since, data = self.since[id_], frame["data"]
            full = data["recovered"] == "full"
            self._expect(not full or (since is not None and since.epoch == data["epoch"]), f"full of nothing: {frame}")
            self.at, self.live = (data["epoch"], since.seq if full and since else data["seq"]), True
            self.known, self.to_be_closed = self.at[1], False
        elif (kind == "ack" and id_.startswith("leave")) or (kind == "error" and id_.startswith("join")):
            self.live = self.to_be_closed = False
        elif kind == SAID or "seq" in frame:
            self._follow(frame)
        elif kind != "ack":
            self.ephemeral.append(frame)

    def _follow(self, frame: dict[str, Any]) -> None:
        place = (frame["epoch"], frame["seq"])
        if not self.live:
            told = frame["type"] == "ack" or self.to_be_closed
            self._expect(told, f"an event after the leave: {frame}")
            return
        assert self.at is not None
        if frame["type"] == "ack":
            if place[0] != self.at[0]:
                # If the log was renewed and the client is the first to hear of it, it is sent away next.
                self.to_be_closed = self.world.epochs.index(place[0]) > self.world.epochs.index(self.at[0])
                self.live = not self.to_be_closed
                return
            if place[1] <= self.known or (self.joining and place[1] != self.at[1] + 1):
                return  # what it had said before it joined again
        self._expect(place == (self.at[0], self.at[1] + 1), f"{place} after {self.at}")
        self.at = place
        logged = self.world.logged[place]
        if frame["type"] == "ack":
            self._expect(logged["data"]["body"] == frame["id"], f"the ack of another command: {frame}")
        else:
            self._expect(logged == frame, f"another event than was logged: {frame}")

    def _expect(self, held: bool, what: str) -> None:
        if not held:
            self.world.violations.append(f"{self.process.id}/{self.id[-4:]}: {what}")


class SimulatedProcess:
    """One server process: its hub, its journal."""

    def __init__(self, world: World, number: int) -> None:
        self.id = f"process{number}"
        self.world = world
        self.hub = Hub(self.id, world.conf)
        self.journal = Journal(self._commit, batch=8, queue=10_000, deadline=3_600.0)

    async def start(self) -> None:
        await self.hub.start()
        log.unlisten(self.hub.committed_elsewhere)  # all processes are one here: each hears only of its own

    async def _commit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        return await self.world.database.call(self._commit_and_note, submissions)

    def _commit_and_note(self, submissions: Sequence[Submission]) -> list[Outcome]:
        outcomes = commit(submissions)
        for outcome in outcomes:
            if isinstance(outcome, Committed) and outcome.event is not None:
                self.world.note(outcome.event)
        return outcomes

    def append(self, times: int = 1) -> None:
        """Has a service of this process append, in a thread of its own."""
        log.listen(self.hub.committed_elsewhere)
        try:
            self.world.append(times)
        finally:
            log.unlisten(self.hub.committed_elsewhere)

    def hub_member(self, member: Member) -> bool:
        channel = self.hub.channel(self.world.room)
        return channel is not None and member.id in channel.members


class World:
    """The processes of a deployment around one room, the network between them, and what has been logged."""

    def __init__(self, seed: int, processes: int, conf: Conf = CONF) -> None:
        self.conf = conf
        self.loop = SkippedTime()
        self.random = Random(seed)
        self.room = f"test:{uuid.uuid4()}"
        self.database = self.loop.database = Database(self.random)
        self.database.now(log.create, self.room)
        channel_layers.backends.pop("default", None)
        self.layer: FaultyLayer = get_channel_layer()
        self.layer.random = self.random
        self.logged: dict[tuple[str, int], dict[str, Any]] = {}
        self.body = ""
        self.epochs = [self.position()[0]]
        self.violations: list[str] = []
        self.members: list[Member] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.loop.set_exception_handler(lambda loop, context: self.violations.append(repr(context)))
        self.processes: list[SimulatedProcess] = []
        self.run(self._start(processes))

    async def _start(self, processes: int) -> None:
        self.processes += [SimulatedProcess(self, number) for number in range(processes)]
        for process in self.processes:
            await process.start()

    def run(self, coroutine: Any) -> Any:
        return self.loop.run_until_complete(coroutine)

    def act(self, action: Callable[[], Any], then: float) -> None:
        """Does something in the loop, and lets so many seconds pass."""

        async def acted() -> None:
            action()
            await asyncio.sleep(then)

        self.run(acted())

    def spawn(self, coroutine: Any) -> asyncio.Task[None]:
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def connect(self, process: SimulatedProcess) -> Member:
        self.act(lambda: self.members.append(Member(self, process)), 0.0)
        return self.members[-1]

    def note(self, appended: Appended) -> None:
        self.logged[appended.epoch, appended.seq] = json.loads(appended.frame)

    def append(self, times: int = 1) -> None:
        for _ in range(times):
            with write():
                self.note(log.append(room=self.room, type=SAID, data={"body": self.body}, by=Author("", "", "service")))

    def renew_epoch(self) -> None:
        self.epochs.append(self.database.now(log.renew_epoch, self.room))

    def position(self) -> tuple[str, int]:
        return self.database.now(lambda: models.Room.objects.values_list("epoch", "head").get(name=self.room))

    def heal(self) -> None:
        """Ends all faults and waits until everybody had the time to catch up."""
        self.database.down = self.database.forgetful = self.layer.down = False
        self.layer.loss = self.layer.doubling = 0.0
        for member in self.members:
            member.wire.reading = True
            member.wire.answer()
        self.act(lambda: None, 8.0)

    def close(self) -> None:
        self.run(self._stop())
        self.database.now(self._remove_what_was_written)
        self.database.close()
        self.loop.close()
        channel_layers.backends.pop("default", None)

    def _remove_what_was_written(self) -> None:
        models.Room.objects.filter(name=self.room).delete()
        models.Command.objects.filter(user__in=[member.id for member in self.members]).delete()

    async def _stop(self) -> None:
        for member in self.members:
            member.close(Close.NORMAL, "over")
        await asyncio.sleep(0.1)
        for process in self.processes:
            await process.hub.stop()
