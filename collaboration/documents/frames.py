"""The frames of y-protocols, as y-websocket sends them: read without trust, and written. Pure.

One WebSocket message is one frame. What is inside a sync frame is still unread: see updates.py and guard.py.
Format: y-protocols 1.0, sync.js, awareness.js and auth.js; y-websocket numbers the kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collaboration.documents.reading import Unreadable, check_json, read_number, read_slice, read_text

SYNC, AWARENESS, AUTH, QUERY_AWARENESS = range(4)
_STEP1, _STEP2, _UPDATE = range(3)
_DENIED = 0
MAX_CLOCK = 2**31  # a clock of 2^53 would say for good that somebody is gone


class FrameRefused(Exception):
    """A frame that is not y-protocols', or larger than allowed; `reason` is `encoding`, `depth` or `size`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """How much one frame may hold."""

    size: int = 1_048_576 + 16  # bytes: a document update and what stands before it
    clients: int = 100  # an awareness frame tells about
    state: int = 4_096  # bytes of one client's awareness
    text: int = 1_024  # bytes of the reason why access is denied


DEFAULT_LIMITS = FrameLimits()


@dataclass(frozen=True, slots=True)
class StateVector:
    """Sync step 1: what the sender has; to be answered with what it lacks."""

    state_vector: bytes


@dataclass(frozen=True, slots=True)
class Update:
    """Sync step 2, the answer to a state vector, or an update by itself."""

    update: bytes
    answer: bool = False


@dataclass(frozen=True, slots=True)
class Awareness:
    """Who is where: clock and state per clientID, each to be read with `read_state`."""

    states: Mapping[int, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Denied:
    """Says why access is denied."""

    reason: str


@dataclass(frozen=True, slots=True)
class QueryAwareness:
    """Asks for everybody's awareness."""


Frame = StateVector | Update | Awareness | Denied | QueryAwareness


def read_frame(data: bytes, limits: FrameLimits = DEFAULT_LIMITS) -> Frame:
    """Reads one frame; raises FrameRefused."""
    if len(data) > limits.size:
        raise FrameRefused("size", f"A frame has up to {limits.size} bytes.")
    try:
        frame, at = _read(data, limits)
    except IndexError:
        raise FrameRefused("encoding", "The frame is cut short.") from None
    except Unreadable as error:
        raise FrameRefused(error.reason, str(error)) from None
    if at != len(data):
        raise FrameRefused("encoding", "Something follows the frame.")
    return frame


def _read(data: bytes, limits: FrameLimits) -> tuple[Frame, int]:
    kind, at = read_number(data, 0)
    if kind == SYNC:
        step, at = read_number(data, at)
        if step > _UPDATE:
            raise FrameRefused("encoding", "A sync frame is of an unknown kind.")
        payload, at = read_slice(data, at)
        return (StateVector(payload) if step == _STEP1 else Update(payload, answer=step == _STEP2)), at
    if kind == AWARENESS:
        payload, at = read_slice(data, at)
        return Awareness(read_awareness(payload, limits)), at
    if kind == AUTH:
        denied, at = read_number(data, at)
        reason, at = read_text(data, at)
        if denied != _DENIED or len(reason) > limits.text:
            raise FrameRefused("encoding", "An auth frame is of an unknown kind, or too long.")
        return Denied(reason), at
    if kind == QUERY_AWARENESS:
        return QueryAwareness(), at
    raise FrameRefused("encoding", "A frame is of an unknown kind.")


def read_awareness(data: bytes, limits: FrameLimits = DEFAULT_LIMITS) -> dict[int, tuple[int, str]]:
    """Reads what an awareness frame tells: per clientID its clock and its state, still unread; raises FrameRefused.

    Clients repeat what others said, thousands of states in a frame; to read them all would take 0.2 s.
    """
    states: dict[int, tuple[int, str]] = {}
    try:
        count, at = read_number(data, 0)
        if count > limits.clients:
            raise FrameRefused("size", f"An awareness frame tells about up to {limits.clients} clients.")
        for _ in range(count):
            client, at = read_number(data, at)
            clock, at = read_number(data, at)
            raw, at = read_slice(data, at)
            if len(raw) > limits.state:
                raise FrameRefused("size", f"A client's awareness has up to {limits.state} bytes.")
            if client in states or clock >= MAX_CLOCK:
                raise FrameRefused("encoding", "A client comes twice, or from the future.")
            states[client] = (clock, raw.decode())
    except (IndexError, UnicodeDecodeError):
        raise FrameRefused("encoding", "An awareness frame is cut short, or is not UTF-8.") from None
    except Unreadable as error:
        raise FrameRefused(error.reason, str(error)) from None
    if at != len(data):
        raise FrameRefused("encoding", "Something follows the awareness.")
    return states


def read_state(text: str) -> str:
    """Returns a client's state, which is a JSON object, or null where it left; raises FrameRefused."""
    try:
        check_json(text)
    except Unreadable as error:
        raise FrameRefused(error.reason, str(error)) from None
    if text != "null" and text[:1] != "{":
        raise FrameRefused("encoding", "A client's awareness is no object.")
    return text


def write_frame(frame: Frame) -> bytes:
    """Writes one frame."""
    match frame:
        case StateVector(payload):
            return bytes((SYNC, _STEP1)) + _counted(payload)
        case Update(payload, answer):
            return bytes((SYNC, _STEP2 if answer else _UPDATE)) + _counted(payload)
        case Awareness(states):
            return bytes((AWARENESS,)) + _counted(write_awareness(states))
        case Denied(reason):
            return bytes((AUTH, _DENIED)) + _counted(reason.encode())
        case QueryAwareness():
            return bytes((QUERY_AWARENESS,))


def write_awareness(states: Mapping[int, tuple[int, str]]) -> bytes:
    """Writes clock and JSON text per clientID as an awareness frame carries them."""
    parts = [write_number(len(states))]
    for client, (clock, text) in states.items():
        parts += (write_number(client), write_number(clock), _counted(text.encode()))
    return b"".join(parts)


def write_number(number: int) -> bytes:
    """Writes an unsigned number in groups of seven bits, the lowest first."""
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)


def _counted(payload: bytes) -> bytes:
    return write_number(len(payload)) + payload
