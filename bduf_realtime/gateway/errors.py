"""The one error family: what a client can cause, with a stable code, and the close codes of sockets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import msgspec


class Close(IntEnum):
    """Why a socket is closed. 44xx: something must change first; 45xx: come back with backoff."""

    NORMAL = 1000
    BAD_PROTOCOL = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    GONE = 4404
    UNSUPPORTED_VERSION = 4406
    SESSION_ENDED = 4410
    TOO_MANY_CONNECTIONS = 4412
    TOO_LARGE = 4413
    TOO_MANY_INVALID = 4422
    ACCOUNT_DISABLED = 4423
    INTERNAL = 4500
    DRAINING = 4503
    DATABASE_UNAVAILABLE = 4504
    OVER_CAPACITY = 4507
    HELLO_TIMEOUT = 4508
    HEARTBEAT_TIMEOUT = 4509
    POSITION_LOST = 4510
    SLOW_CONSUMER = 4511
    RATE_LIMITED = 4529


class Meaning(msgspec.Struct, frozen=True):
    """A code's documentation: what it says, its REST status, and whether the same request may succeed later."""

    text: str
    status: int = 400
    retryable: bool = False


CODES: dict[str, Meaning] = {
    "auth.invalid": Meaning("The credential is missing or not valid.", 401),
    "auth.expired": Meaning("The token has expired; refresh it.", 401),
    "auth.revoked": Meaning("The token was taken back; sign in again.", 401),
    "auth.identity_change": Meaning("A token may only be swapped for a newer one of the same user.", 403),
    "msg.bad_json": Meaning("The frame is not one JSON value in UTF-8 text."),
    "msg.bad_envelope": Meaning("The frame is not an object with type, id and data as the protocol says."),
    "msg.unknown_type": Meaning("No command has this type."),
    "msg.unknown_field": Meaning("The command has no such field."),
    "msg.missing_field": Meaning("The command needs this field."),
    "msg.bad_value": Meaning("The field's value is not one the command takes."),
    "msg.bad_number": Meaning("A number is not finite, not exact in JavaScript, or not allowed there."),
    "msg.bad_text": Meaning("A text holds a NUL character or a lone surrogate."),
    "msg.too_deep": Meaning("The frame is nested deeper than 32 levels."),
    "msg.duplicate_key": Meaning("An object has the same key twice."),
    "msg.id_conflict": Meaning("The id was used before for another command.", 409),
    "perm.denied": Meaning("Your role does not allow this.", 403),
    "room.not_found": Meaning("There is no such room, or you are not a member.", 404),
    "room.not_joined": Meaning("Join the room on this connection first.", 409),
    "session.not_found": Meaning("There is no such session, or you are not a member.", 404),
    "session.full": Meaning("The session has all the participants it allows.", 409, True),
    "session.paused": Meaning("The session is paused and read-only.", 409, True),
    "session.ended": Meaning("The session has ended.", 410),
    "session.join_pending": Meaning("A moderator has to let you in; wait, and join again when told.", 409, True),
    "session.last_owner": Meaning("A session keeps one owner; name another one first.", 409),
    "participant.not_found": Meaning("Nobody of that id takes part, or may.", 404),
    "invitation.invalid": Meaning("The invitation is not valid, or not any more; ask for another.", 404),
    "doc.not_found": Meaning("There is no such document, or you may not see it.", 404),
    "doc.conflict": Meaning("Somebody else has changed this meanwhile; details has what it is now.", 409),
    "doc.update_rejected": Meaning("The document cannot take this update; details.reason says why."),
    "doc.bad_state_vector": Meaning("That is no state vector of Yjs."),
    "doc.too_large": Meaning("The document would be larger than this server takes.", 413),
    "doc.read_only": Meaning("The document's session has ended; it can only be read.", 409),
    "cursor.disabled": Meaning("Cursor sharing is off in this session.", 403),
    "cursor.invalid": Meaning("The cursor's position or selection is not acceptable."),
    "approval.not_found": Meaning("There is no such request, or you may not see it.", 404),
    "approval.already_decided": Meaning(
        "The request is closed, or you have decided; details.state has what it is.", 409
    ),
    "approval.expired": Meaning("The request's time is up.", 410),
    "approval.stale": Meaning("That is not what is asked about any more; details.content_hash is.", 409),
    "approval.self_decision": Meaning(
        "Nobody decides on what they asked for or wrote; details.reason says which.", 403
    ),
    "approval.not_approver": Meaning("It is not for you to decide this now; details says who is asked.", 403),
    "rate.limited": Meaning("Too many commands; wait retry_after_ms.", 429, True),
    "quota.exceeded": Meaning("A limit of this server is reached.", 403),
    "storage.unavailable": Meaning("The database does not answer; send the same command again.", 503, True),
    "storage.busy": Meaning("The database is busy; send the same command again.", 503, True),
    "server.draining": Meaning("This server is stopping; connect again.", 503, True),
    "internal": Meaning("Something unexpected went wrong on the server.", 500, True),
}


class RealtimeError(Exception):
    """What a client is told: a code of CODES, a sentence, and details that hold no internals.

    `malformed` marks frames that count towards closing a socket that speaks no protocol.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        details: Mapping[str, Any] | None = None,
        retry_after_ms: int | None = None,
        close: Close | None = None,
    ) -> None:
        meaning = CODES[code]
        super().__init__(code)
        self.code = code
        self.message = message or meaning.text
        self.details = dict(details or {})
        self.retryable = meaning.retryable
        self.retry_after_ms = retry_after_ms
        self.status = meaning.status
        self.close = close

    @property
    def malformed(self) -> bool:
        return self.code.startswith("msg.") and self.code != "msg.id_conflict"


class ErrorFrame(msgspec.Struct, frozen=True):
    """The answer to a command that was refused; `id` is null when the frame had none."""

    type: str
    id: str | None
    code: str
    message: str
    retryable: bool
    retry_after_ms: int | None
    details: dict[str, Any]


def error_frame(error: RealtimeError, id_: str | None) -> bytes:
    """Encodes an error for the socket."""
    return msgspec.json.encode(
        ErrorFrame("error", id_, error.code, error.message, error.retryable, error.retry_after_ms, error.details)
    )


def close_reason(code: str, retry_ms: int | None = None) -> str:
    """What a close frame says: the code, and when to come back; never more than 123 bytes."""
    reason = code if retry_ms is None else f"{code};retry_ms={retry_ms}"
    return reason.encode()[:123].decode("ascii", "ignore")
