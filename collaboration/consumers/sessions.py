"""The commands of sessions, participants, messages and signals."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from bduf_realtime.gateway.answering import Answered, Request
from bduf_realtime.gateway.conf import conf
from bduf_realtime.gateway.consumer import RealtimeConsumer
from bduf_realtime.gateway.doors import Grant
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.handlers import handles
from bduf_realtime.rooms.batch import Submission
from bduf_realtime.rooms.commands import Effect
from bduf_realtime.rooms.events import encode, timestamp
from collaboration import messages as wire
from collaboration import selectors, services
from collaboration.messages import ParticipantAnswer, SessionAnswer
from collaboration.rooms import SessionTerms

# Signals that set up voice or video; any other name is free.
_CALL = re.compile(r"(voice|video|webrtc)(?![a-z0-9])", re.I)


class SessionConsumer(RealtimeConsumer):
    """A session's life, those who take part, messages and signals."""

    # --- sessions ------------------------------------------------------------------------------------------------

    @handles("collaboration:session:create", rate="manage")
    async def session_create(self, message: wire.SessionCreate, request: Request) -> Answered[SessionAnswer]:
        """Opens a session in a project; whoever does owns it."""
        settings: dict[str, Any] = msgspec.to_builtins(message.settings)
        return await self._manage(
            request,
            lambda by: _opened(
                services.session_create(
                    project=selectors.project_known(message.project, by),
                    name=message.name,
                    settings=settings,
                    tags=message.tags,
                    by=by,
                    door="socket",
                    connection=self.id,
                )
            ),
        )

    @handles("collaboration:session:update", rate="manage")
    async def session_update(self, message: wire.SessionUpdate, request: Request) -> Answered[SessionAnswer]:
        """Changes a session's name, settings or tags."""
        settings: dict[str, Any] = msgspec.to_builtins(message.settings)
        changes = {"name": message.name, "settings": settings, "tags": message.tags}
        return await self._session(request, services.session_update, message.session, **changes)

    @handles("collaboration:session:pause", rate="manage")
    async def session_pause(self, message: wire.SessionPause, request: Request) -> Answered[SessionAnswer]:
        """Makes a session read-only for everybody until it is resumed."""
        return await self._session(request, services.session_pause, message.session, reason=message.reason)

    @handles("collaboration:session:resume", rate="manage")
    async def session_resume(self, message: wire.SessionResume, request: Request) -> Answered[SessionAnswer]:
        """Makes a paused session writable again."""
        return await self._session(request, services.session_resume, message.session, reason=message.reason)

    @handles("collaboration:session:end", rate="manage")
    async def session_end(self, message: wire.SessionEnd, request: Request) -> Answered[SessionAnswer]:
        """Ends a session for good; everybody in it is shown out."""
        room = f"session:{message.session}"
        self.rooms_ended.add(room)  # before it is over, which may be noticed sooner than the end of this call
        try:
            return await self._session(request, services.session_end, message.session, reason=message.reason)
        except RealtimeError:
            self.rooms_ended.discard(room)
            raise

    # --- participants --------------------------------------------------------------------------------------------

    @handles("collaboration:participant:admit", rate="manage")
    async def participant_admit(self, message: wire.ParticipantAdmit, request: Request) -> Answered[ParticipantAnswer]:
        """Lets somebody into a session who waits, or who was turned away or removed."""
        return await self._participant(request, services.participant_admit, message)

    @handles("collaboration:participant:deny", rate="manage")
    async def participant_deny(self, message: wire.ParticipantDeny, request: Request) -> Answered[ParticipantAnswer]:
        """Turns somebody away who waits to be let in."""
        return await self._participant(request, services.participant_deny, message, reason=message.reason)

    @handles("collaboration:participant:remove", rate="manage")
    async def participant_remove(
        self, message: wire.ParticipantRemove, request: Request
    ) -> Answered[ParticipantAnswer]:
        """Shows somebody out of a session, on all connections at once."""
        return await self._participant(request, services.participant_remove, message, reason=message.reason)

    @handles("collaboration:participant:role", rate="manage")
    async def participant_role(self, message: wire.ParticipantRole, request: Request) -> Answered[ParticipantAnswer]:
        """Gives somebody another role in a session, with effect at once."""
        return await self._participant(request, services.participant_role, message, role=message.role)

    async def _session(
        self, request: Request, service: Callable[..., Any], session: UUID, **changes: Any
    ) -> Answered[SessionAnswer]:
        def change(by: Any) -> Effect:
            changed = service(session=session, by=by, door="socket", connection=self.id, **changes)
            return Effect(SessionAnswer(str(session), selectors.session_info(changed)), f"session:{session}")

        return await self._manage(request, change)

    async def _participant(
        self, request: Request, service: Callable[..., Any], message: Any, **changes: Any
    ) -> Answered[ParticipantAnswer]:
        session, user = message.session, message.user

        def change(by: Any) -> Effect:
            info = service(session=session, user=user, by=by, door="socket", connection=self.id, **changes)
            return Effect(ParticipantAnswer(str(session), str(user), info), f"session:{session}")

        return await self._manage(request, change)

    async def _manage(self, request: Request, change: Callable[[Any], Effect]) -> Answered[Any]:
        """Has a service called for this connection's user."""
        user = self.user_id
        return await self.carry_out(request, lambda: change(selectors.account(user)))

    # --- messages and signals ------------------------------------------------------------------------------------

    @handles("collaboration:message:send", rate="message")
    def message_send(self, message: wire.MessageSend, request: Request) -> Submission:
        """Says something durable to a session."""
        bounded(message.payload, conf.payload_bytes, "payload")
        joined = f"session:{message.session}" in self.rooms
        return services.message_send(message=message, by=self.author, joined=joined)

    @handles("project:broadcast", rate="message")
    def project_broadcast(self, message: wire.ProjectBroadcast, request: Request) -> Submission:
        """Says something durable to all of a project's members; for moderators and owners."""
        bounded(message.payload, conf.payload_bytes, "payload")
        return services.project_broadcast(message=message, by=self.author)

    @handles("collaboration:signal:send", rate="signal")
    def signal_send(self, message: wire.SignalSend, request: Request) -> None:
        """Tells a session, or some of its users, something ephemeral."""
        refuse_calls(message.name, self.session_grant(message.session).terms)
        bounded(message.payload, conf.payload_bytes, "payload")
        room = f"session:{message.session}"
        data = wire.SignalSent(str(message.session), message.name, message.payload, message.to)
        frame = wire.Signal("collaboration:signal:sent", room, timestamp(datetime.now(UTC)), self.author, data)
        self.process.hub.signal(room, encode(frame), message.to, self)

    def session_grant(self, session: UUID) -> Grant:
        """What this connection may do in a session it has joined; raises room.not_joined."""
        return self.grant(f"session:{session}")


def refuse_calls(name: str, terms: SessionTerms) -> None:
    """Raises perm.denied for a signal that sets up a call of a kind which is off in the session."""
    call = _CALL.match(name)
    if call is None:
        return
    kind = call[1].lower()
    allowed = {"voice": terms.voice, "video": terms.video}.get(kind, terms.voice or terms.video)
    if not allowed:
        setting = "enable_video_chat" if kind == "video" else "enable_voice_chat"
        raise RealtimeError("perm.denied", f"Turn {setting} on first.", details={"setting": setting})


def bounded(value: Any, limit: int, field: str) -> None:
    """Raises msg.bad_value for a free-form value whose JSON is over `limit` bytes."""
    if value is not None and len(msgspec.json.encode(value)) > limit:
        raise RealtimeError(
            "msg.bad_value", f"{field} is over {limit} bytes.", details={"field": field, "limit": limit}
        )


def _opened(session: Any) -> Effect:
    return Effect(SessionAnswer(str(session.pk), selectors.session_info(session)), f"project:{session.project_id}")
