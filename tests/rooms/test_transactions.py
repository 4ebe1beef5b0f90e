"""The transaction every change runs in."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connection, connections

from bduf_realtime.rooms import log, models
from bduf_realtime.rooms.transactions import write
from tests.rooms.submissions import ADA, SAID, new_room, numbers

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_written_stays() -> None:
    with write():
        room = new_room()
    assert models.Room.objects.filter(name=room).exists()


def test_an_exception_undoes_what_was_written() -> None:
    with suppress(ZeroDivisionError), write():
        room = new_room()
        raise ZeroDivisionError
    assert not models.Room.objects.filter(name=room).exists()


def test_transactions_nest_and_the_inner_one_is_undone_alone() -> None:
    with write():
        kept = new_room()
        with suppress(ZeroDivisionError), write():
            lost = new_room()
            raise ZeroDivisionError
    assert models.Room.objects.filter(name=kept).exists()
    assert not models.Room.objects.filter(name=lost).exists()


def test_a_writer_that_fails_leaves_the_turn_to_the_next() -> None:
    room = new_room()
    with suppress(ZeroDivisionError), write():
        raise ZeroDivisionError

    def append() -> int:
        try:
            with write():
                return log.append(room=room, type=SAID, data={}, by=ADA).seq
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(append).result(timeout=30) == 1


def test_writers_of_one_room_wait_for_each_other_and_of_two_rooms_only_where_the_database_has_one_writer() -> None:
    same, other = new_room(), new_room()
    inside, leave = threading.Event(), threading.Event()

    def append(room: str, hold: bool = False) -> int:
        try:
            with write():
                seq = log.append(room=room, type=SAID, data={}, by=ADA).seq
                if hold:
                    inside.set()
                    assert leave.wait(timeout=30)
            return seq
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(append, same, True)
        assert inside.wait(timeout=30)
        second, elsewhere = pool.submit(append, same), pool.submit(append, other)
        try:
            if connection.vendor == "postgresql":
                assert elsewhere.result(timeout=30) == 1
            assert not second.done()
        finally:
            leave.set()
        assert [first.result(timeout=30), second.result(timeout=30), elsewhere.result(timeout=30)] == [1, 2, 1]
    assert numbers(same) == [1, 2]
