"""After a backup was put back: every log, or one, gets another epoch."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from bduf_realtime.rooms import log
from bduf_realtime.rooms.management.commands import log_restored
from bduf_realtime.rooms.transactions import write
from tests.rooms.submissions import ADA, SAID, new_room

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("log_restored", *arguments, stdout=out)
    return out.getvalue()


def test_every_log_begins_another_life_at_the_number_where_the_backup_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_restored, "SLICE", 2)
    rooms = [new_room() for _ in range(5)]
    with write():
        log.append(room=rooms[0], type=SAID, data={}, by=ADA)
    before = log.positions(rooms)
    assert "Renewed: 5." in run()
    after = {room: log.position(room) for room in rooms}
    assert not {epoch for epoch, _ in before.values()} & {where.epoch for where in after.values()}
    assert [(where.head, where.floor) for where in after.values()] == [(1, 2), *[(0, 1)] * 4]


def test_one_log_may_be_renewed_alone() -> None:
    one, other = new_room(), new_room()
    before = log.positions([one, other])
    run("--room", one)
    after = log.positions([one, other])
    assert (after[one] != before[one], after[other] == before[other]) == (True, True)


def test_a_room_that_is_not_there_is_said_not_to_be() -> None:
    with pytest.raises(CommandError, match="There is no room session:nowhere"):
        run("--room", "session:nowhere")
