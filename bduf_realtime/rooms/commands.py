"""Commands that change more than a log: a service's own transaction, remembered and answered like the journal's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from django.db import IntegrityError, connection
from django.utils import timezone

from bduf_realtime.rooms import log
from bduf_realtime.rooms.batch import Committed
from bduf_realtime.rooms.events import Appended, CommandKey, IdConflict, ack_frame, encode
from bduf_realtime.rooms.models import Command
from bduf_realtime.rooms.transactions import write


class Effect(msgspec.Struct, frozen=True):
    """What a service did: the ack's data, and the room whose first event of it the ack stands for."""

    answer: Any
    room: str = ""


def carry_out(key: CommandKey | None, run: Callable[[], Effect]) -> tuple[Committed, list[Appended]]:
    """Runs a service's change in one transaction with the memory of its answer, and returns all events it appended.

    A resend runs nothing and gets the first answer, on any instance. Raises IdConflict, and whatever `run` raises.
    """
    try:
        return _carry_out(key, run)
    except IntegrityError:
        if key is None:
            raise
        # The journal has just answered a command of the same id, most likely: then that answer is there now.
        return _carry_out(key, run)


def _carry_out(key: CommandKey | None, run: Callable[[], Effect]) -> tuple[Committed, list[Appended]]:
    with log.keeping() as events, write():
        if key is not None:
            named = {"user": key.user, "instance": key.instance, "key": key.id}
            _wait_for_the_same(key)
            if (known := Command.objects.filter(**named).first()) is not None:
                if known.fingerprint != key.fingerprint:
                    raise IdConflict(key.id)
                return Committed(None, known.answer.encode(), duplicate=True), []
        effect = run()
        # The first: those after it say what follows from the change, which its author has to hear like everybody.
        event = next((e for e in events if e.room == effect.room), None)
        ack = None
        if key is not None:
            ack = ack_frame(key.id, encode(effect.answer), event)
            Command.objects.create(**named, fingerprint=key.fingerprint, answer=ack.decode(), at=timezone.now())
    return Committed(event, ack), events


def _wait_for_the_same(key: CommandKey) -> None:
    """Lets one at a time carry out commands of the same id, so that the second finds the answer of the first.

    Not by the row of the answer, written first: the journal writes such rows while it holds rooms, and the two would
    wait for each other until the database notices, a second later.
    """
    if connection.vendor == "postgresql":  # on SQLite there is one writer anyway
        with connection.cursor() as cursor:
            name = f"{key.user}/{key.instance}/{key.id}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
