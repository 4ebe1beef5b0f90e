"""How a connection answers its commands: each exactly once, and durable ones only after their commit."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
import structlog

from bduf_realtime.gateway import metrics
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.socket import Socket
from bduf_realtime.gateway.storage import call
from bduf_realtime.rooms.batch import Committed, Outcome, Submission
from bduf_realtime.rooms.commands import Effect, carry_out
from bduf_realtime.rooms.events import CommandKey, IdConflict, NoSuchRoom, ack_frame, encode, fingerprint
from bduf_realtime.rooms.journal import JournalFull, JournalLate

logger = structlog.get_logger(__name__)


class Request(msgspec.Struct, frozen=True):
    """A command as its handler sees it beside the payload."""

    type: str
    id: str | None
    data: dict[str, Any]
    received: float


A = TypeVar("A")


class Answered(Generic[A]):
    """What a handler returns when it has queued its own ack, which holds an `A`."""


ANSWERED: Answered[Any] = Answered()


class Answering(Socket):
    """A connection that owes answers; what it reads, and in which order it runs that, comes on top."""

    def malformed_frame(self, error: RealtimeError, id_: str | None, now: float) -> None:
        """Refuses a frame that counts towards closing the connection."""
        raise NotImplementedError

    def go_on(self) -> None:
        """Runs commands that waited for an earlier one, as far as the order allows."""
        raise NotImplementedError

    def answer(self, request: Request, result: Any) -> None:
        """Acknowledges a command that is done, unless that has been done already."""
        if request.id is not None and result is not ANSWERED:
            self.outbox.put(ack_frame(request.id, encode({} if result is None else result)).decode())

    def refuse(self, request: Request, error: RealtimeError) -> None:
        """Answers a command with what is wrong with it."""
        if error.malformed:
            self.malformed_frame(error, request.id, time.monotonic())
        else:
            self.refuse_and_close(error, request.id)

    def _key(self, request: Request) -> CommandKey | None:
        """What makes a resend of a durable command recognisable."""
        if request.id is None:
            return None
        return CommandKey(self.user_id, self.client_instance, request.id, fingerprint(request.type, request.data))

    async def carry_out(self, request: Request, change: Callable[[], Effect]) -> Answered[Any]:
        """Has something changed in a transaction of its own; its ack takes its event's place in the room."""
        # Not to be undone by the end of the connection: what was committed is told to the rooms at once.
        task = asyncio.create_task(self._carry_out(request, change), name=request.type)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(task)
        return ANSWERED

    async def _carry_out(self, request: Request, change: Callable[[], Effect]) -> None:
        self.submitted += 1
        self.in_flight += 1
        try:
            committed, events = await call(carry_out, self._key(request), change)
        except IdConflict as error:
            raise RealtimeError("msg.id_conflict") from error
        except NoSuchRoom as error:
            raise RealtimeError("room.not_found") from error
        finally:
            self.in_flight -= 1
        for event in events:
            mine = event is committed.event
            self.process.hub.committed(event, self if mine else None, committed.ack if mine else None)
        if committed.event is None and committed.ack is not None:
            self.outbox.put(committed.ack.decode())

    def submit(self, request: Request, submission: Submission) -> None:
        """Hands a durable command to the journal; its ack comes after the commit."""
        if (key := self._key(request)) is not None:
            submission = msgspec.structs.replace(submission, key=key)
        metrics.stage("receive").observe(time.monotonic() - request.received)
        self.submitted += 1
        self.in_flight += 1
        late = False

        def done(outcome: Outcome) -> None:
            nonlocal late
            if late:
                # It was answered: for its author too, what took effect after all is an event like any other.
                if isinstance(outcome, Committed) and outcome.event is not None:
                    self.process.hub.committed(outcome.event)
                return
            late = isinstance(outcome, JournalLate)
            self.in_flight -= 1
            self._committed(request, outcome)
            self.go_on()

        self.process.journal.submit(submission, done)

    def _committed(self, request: Request, outcome: Outcome) -> None:
        if isinstance(outcome, Committed):
            metrics.stage("commit").observe(time.monotonic() - request.received)
            if outcome.event is not None:
                self.process.hub.committed(outcome.event, self, outcome.ack)
            elif outcome.ack is not None:
                self.outbox.put(outcome.ack.decode())
            metrics.stage("deliver").observe(time.monotonic() - request.received)
        elif isinstance(outcome, RealtimeError):
            self.refuse(request, outcome)
        elif isinstance(outcome, IdConflict):
            self.refuse(request, RealtimeError("msg.id_conflict"))
        elif isinstance(outcome, NoSuchRoom):
            self.refuse(request, RealtimeError("room.not_found"))
        elif isinstance(outcome, JournalFull):
            self.refuse(request, RealtimeError("storage.busy", retry_after_ms=500))
        elif isinstance(outcome, JournalLate):
            self.refuse(request, RealtimeError("storage.unavailable", retry_after_ms=1_000))
        else:
            logger.error("commit_failed", type=request.type, exc_info=outcome)
            self.refuse(request, RealtimeError("internal"))

    def unexpected(self, type_: str) -> RealtimeError:
        """Logs the exception at hand, and returns what the client is told of it: where to find it."""
        reference = uuid.uuid4().hex[:8]
        logger.exception("command_failed", connection=self.id, type=type_, reference=reference)
        return RealtimeError("internal", details={"reference": reference})
