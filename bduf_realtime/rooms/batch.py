"""Commits many commands in one transaction with a handful of statements, whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec
from django.db import DataError, IntegrityError, connection
from django.utils import timezone

from bduf_realtime.rooms.events import (
    Appended,
    Author,
    CommandKey,
    IdConflict,
    NoSuchRoom,
    ack_frame,
    event_frame,
)
from bduf_realtime.rooms.transactions import write

Verdicts: TypeAlias = dict[Any, Exception]


class Guard(msgspec.Struct, frozen=True):
    """A right that must hold when the command commits: `check` judges many subjects at once, under the room lock.

    It returns the exception of every subject that is refused.
    """

    check: Callable[[Sequence[Any]], Verdicts]
    subject: Hashable


class NoEffect(Exception):
    """A guard's verdict on a command that is right and changes nothing: it is acked, and no event comes of it."""


class Also(msgspec.Struct, frozen=True):
    """What is written in the same transaction as the event: `write` gets many subjects at once, with their numbers."""

    write: Callable[[Sequence[tuple[Any, int]]], None]
    subject: Any


class Submission(msgspec.Struct, frozen=True):
    """A command on its way into a room's log. `data` and `ack_data` are encoded JSON objects.

    With `unless_known` it is refused with that, unless it is the resend of a command that took effect.
    """

    room: str
    type: str
    data: bytes
    by: Author
    key: CommandKey | None = None
    guard: Guard | None = None
    ack_data: bytes = b"{}"
    unless_known: Exception | None = None
    also: Also | None = None


class Committed(msgspec.Struct, frozen=True):
    """A command that is in the log: its event, its ack, and whether an earlier send had put it there."""

    event: Appended | None
    ack: bytes | None
    duplicate: bool = False


Outcome: TypeAlias = Committed | Exception

BROKEN = (IntegrityError, DataError, ValueError)


def commit(submissions: Sequence[Submission]) -> list[Outcome]:
    """Commits what may be committed, in order, and says for each what became of it.

    A command sent twice is judged by what became of the first: its resend has a transaction of its own.
    A row that breaks the whole statement (a resend racing on another instance, a value the database refuses) must
    not take the others with it: then each command gets its own transaction. That finds the answer which won the race.
    """
    return [outcome for stretch in _without_resends(submissions) for outcome in _commit_whole(stretch)]


def _commit_whole(submissions: Sequence[Submission]) -> list[Outcome]:
    try:
        return _commit(submissions)
    except BROKEN:
        outcomes: list[Outcome] = []
        for submission in submissions:
            try:
                outcomes += _commit([submission])
            except BROKEN as error:
                outcomes.append(error)
        return outcomes


def _without_resends(submissions: Sequence[Submission]) -> list[list[Submission]]:
    """Cuts a batch where a command comes a second time; mostly there is one stretch."""
    stretches: list[list[Submission]] = [[]]
    seen: set[tuple[str, str, str]] = set()
    for s in submissions:
        if s.key is not None:
            if (name := _name(s.key)) in seen:
                stretches.append([])
                seen.clear()
            seen.add(name)
        stretches[-1].append(s)
    return stretches


def _commit(submissions: Sequence[Submission]) -> list[Outcome]:
    moment = timezone.now()
    with write():
        rooms = lock_rooms(sorted({s.room for s in submissions}))
        answers = _answers([s.key for s in submissions if s.key is not None])
        # Not what was carried out before: guards may count on every subject they pass taking effect.
        refused = _judge([s for s in submissions if s.key is None or _name(s.key) not in answers])
        heads = {name: head for name, (_, _, head) in rooms.items()}
        outcomes: list[Outcome] = []
        events: list[tuple[Any, ...]] = []
        commands: list[tuple[Any, ...]] = []
        also: dict[Any, list[tuple[Any, int]]] = defaultdict(list)
        at = connection.ops.adapt_datetimefield_value(moment)
        for s in submissions:
            name = _name(s.key) if s.key else None
            if s.key and name in answers:
                # Judged first: a resend of what was done is answered even when the right is gone since.
                known, answer = answers[name]
                same = known == s.key.fingerprint
                outcomes.append(Committed(None, answer.encode(), duplicate=True) if same else IdConflict(s.key.id))
            elif (verdict := _verdict(s, refused, rooms)) is not None:
                idle = isinstance(verdict, NoEffect)
                ack = ack_frame(s.key.id, s.ack_data) if s.key and idle else None
                outcomes.append(Committed(None, ack) if idle else verdict)
            else:
                room_id, epoch, _ = rooms[s.room]
                heads[s.room] += 1
                appended = _numbered(s, epoch, heads[s.room], moment)
                ack = ack_frame(s.key.id, s.ack_data, appended) if s.key else None
                outcomes.append(Committed(appended, ack))
                events.append((room_id, appended.seq, s.type, at, appended.frame.decode()))
                if s.also is not None:
                    also[s.also.write].append((s.also.subject, appended.seq))
                if s.key and name and ack:
                    answers[name] = (s.key.fingerprint, ack.decode())
                    commands.append((*name, s.key.fingerprint, ack.decode(), at))
        insert_events(events)
        insert(
            "rooms_command",
            ("user", "instance", "key", "fingerprint", "answer", "at"),
            _COMMAND_TYPES,
            sorted(commands),  # resends racing in two batches wait for each other, and never crosswise
        )
        set_heads([(heads[name], room_id) for name, (room_id, _, head) in rooms.items() if heads[name] != head])
        for write_all, subjects in also.items():
            write_all(subjects)
    return outcomes


def _name(key: CommandKey) -> tuple[str, str, str]:
    return key.user, key.instance, key.id


def _verdict(s: Submission, refused: dict[tuple[Any, Any], Exception], rooms: Container[str]) -> Exception | None:
    """What keeps a command that is not a resend from the log, if anything does."""
    verdict = refused.get((s.guard.check, s.guard.subject)) if s.guard else None
    if verdict is not None and not isinstance(verdict, NoEffect):
        return verdict
    return (NoSuchRoom(s.room) if s.room not in rooms else s.unless_known) or verdict


def _numbered(s: Submission, epoch: str, seq: int, at: datetime) -> Appended:
    frame = event_frame(s.type, s.room, epoch, seq, at, s.by, s.data)
    return Appended(s.room, epoch, seq, s.type, frame, s.by.connection)


def _judge(submissions: Sequence[Submission]) -> dict[tuple[Any, Any], Exception]:
    subjects: dict[Any, dict[Hashable, None]] = defaultdict(dict)
    for s in submissions:
        if s.guard:
            subjects[s.guard.check][s.guard.subject] = None
    return {(check, subject): error for check, of in subjects.items() for subject, error in check(list(of)).items()}


# --- the statements; PostgreSQL takes arrays, SQLite takes rows as JSON ------------------------------------------
#
# One statement for all rows, because Python gives the interpreter up for every row that SQLite steps through: with
# `executemany` a batch of 100 commands waited 200 times behind a busy event loop.

_EVENT_TYPES = ("bigint", "bigint", "text", "timestamptz", "text")
_COMMAND_TYPES = ("text", "text", "text", "text", "text", "timestamptz")


def lock_rooms(names: list[str]) -> dict[str, tuple[int, str, int]]:
    """Locks the rooms there are of those names, and returns the id, epoch and head of each."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # In the order in which everybody locks rooms: batches that share some wait instead of deadlocking.
            cursor.execute(
                "SELECT name, id, epoch, head FROM rooms_room WHERE name = ANY(%s) ORDER BY name FOR UPDATE",
                [names],
            )
        else:
            cursor.execute(
                "SELECT name, id, epoch, head FROM rooms_room WHERE name IN (SELECT value FROM json_each(%s))",
                [_json(names)],
            )
        return {name: (room_id, epoch, head) for name, room_id, epoch, head in cursor.fetchall()}


def _answers(keys: list[CommandKey]) -> dict[tuple[str, str, str], tuple[str, str]]:
    if not keys:
        return {}
    names = list({(key.user, key.instance, key.id) for key in keys})
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                'SELECT c."user", c.instance, c.key, c.fingerprint, c.answer FROM rooms_command c'
                " JOIN unnest(%s::text[], %s::text[], %s::text[]) AS k(u, i, n)"
                ' ON c."user" = k.u AND c.instance = k.i AND c.key = k.n',
                [list(column) for column in zip(*names, strict=True)],
            )
        else:
            marks = ",".join(["(%s,%s,%s)"] * len(names))
            cursor.execute(
                'SELECT "user", instance, key, fingerprint, answer FROM rooms_command'  # noqa: S608
                f' WHERE ("user", instance, key) IN (VALUES {marks})',
                [value for name in names for value in name],
            )
        return {(user, instance, key): (print_, answer) for user, instance, key, print_, answer in cursor.fetchall()}


def insert(
    table: str, columns: Sequence[str], types: Sequence[str], rows: list[tuple[Any, ...]], conflict: str = ""
) -> None:
    """Inserts rows with one statement, of names and types of our own; `conflict` is its ON CONFLICT clause."""
    if not rows:
        return
    into = _into(table, columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            arrays = ", ".join(f"%s::{type_}[]" for type_ in types)
            cursor.execute(
                f"{into} SELECT * FROM unnest({arrays}) {conflict}",  # noqa: S608 - names and types are our own
                [list(c) for c in zip(*rows, strict=True)],
            )
        else:
            values = ", ".join(f"json_extract(value, '$[{number}]')" for number in range(len(columns)))
            source = "json_each(%s) WHERE true"  # without it ON CONFLICT would be read as a join's ON
            cursor.execute(f"{into} SELECT {values} FROM {source} {conflict}", [_json(rows)])  # noqa: S608 - as above


def _into(table: str, columns: Sequence[str]) -> str:
    quoted = ", ".join('"' + column + '"' for column in columns)
    return f"INSERT INTO {table} ({quoted})"


def insert_events(events: list[tuple[Any, ...]]) -> None:
    """Puts numbered events into logs: room id, number, type, time as the database takes it, frame."""
    insert("rooms_event", ("room_id", "seq", "type", "at", "frame"), _EVENT_TYPES, events)


def set_heads(heads: list[tuple[int, int]]) -> None:
    """Moves the heads of locked rooms: pairs of the new head and the room's id."""
    if not heads:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "UPDATE rooms_room SET head = v.head FROM unnest(%s::bigint[], %s::bigint[]) AS v(head, id)"
                " WHERE rooms_room.id = v.id",
                [list(column) for column in zip(*heads, strict=True)],
            )
        else:
            cursor.execute(
                "UPDATE rooms_room SET head = json_extract(v.value, '$[0]') FROM json_each(%s) AS v"
                " WHERE rooms_room.id = json_extract(v.value, '$[1]')",
                [_json(heads)],
            )


def _json(rows: Any) -> str:
    return msgspec.json.encode(rows).decode()
