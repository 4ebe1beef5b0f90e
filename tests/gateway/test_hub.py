"""The hub, case by case: what members see when events are lost, late, doubled, or have no number at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bduf_realtime.gateway import metrics
from bduf_realtime.rooms.events import Appended
from tests.gateway.stage import Stage

pytestmark = pytest.mark.usefixtures("simulated")


def counted(counter: Any) -> Callable[[], float]:
    """How much a metric has grown since."""
    before = counter._value.get()
    return lambda: counter._value.get() - before


# --- the ordinary way --------------------------------------------------------------------------------------------


def test_an_event_reaches_the_members_of_every_process_and_its_author_gets_the_ack_in_its_place(stage: Stage) -> None:
    author, neighbour, far = stage.joined(), stage.joined(), stage.joined(stage.there)
    stage.world.act(lambda: [author.say() for _ in range(3)], 0.2)
    assert [stage.seq(member) for member in (author, neighbour, far)] == [3, 3, 3]
    assert author.answers == {"join-0": 1, "say-1": 1, "say-2": 1, "say-3": 1}


def test_events_of_a_service_reach_everybody_too(stage: Stage) -> None:
    near, far = stage.joined(), stage.joined(stage.there)
    stage.append(3, by=stage.here, then=0.2)
    assert [stage.seq(near), stage.seq(far)] == [3, 3]


def test_a_room_without_members_here_takes_no_notice_of_events(stage: Stage) -> None:
    stage.append(3, by=stage.here, then=0.2)
    assert stage.channel() is None


def test_who_has_left_sees_nothing_more(stage: Stage) -> None:
    gone, stays = stage.joined(), stage.joined()
    stage.world.act(gone.leave, 0.0)
    stage.append(2, by=stage.here, then=0.2)
    assert (stage.seq(gone), stage.seq(stays)) == (0, 2)


# --- holes -------------------------------------------------------------------------------------------------------


def test_events_that_overtake_each_other_are_delivered_in_order_without_asking_the_log(stage: Stage) -> None:
    far, repaired = stage.joined(stage.there), counted(metrics.events_repaired)
    stage.world.layer.delay = 0.003
    for _ in range(20):
        stage.append(by=stage.here, then=0.002)
    stage.wait(0.2)
    assert (stage.seq(far), repaired()) == (20, 0)


def test_events_that_come_twice_are_delivered_once(stage: Stage) -> None:
    far = stage.joined(stage.there)
    stage.world.layer.doubling = 1.0
    for _ in range(5):
        stage.append(by=stage.here, then=0.01)
    assert stage.seq(far) == 5


def test_a_lost_event_is_read_from_the_log_soon_after_the_next_one_has_come(stage: Stage) -> None:
    far, gaps, repaired = stage.joined(stage.there), counted(metrics.gaps_repaired), counted(metrics.events_repaired)
    stage.append(2)
    stage.append(by=stage.here, then=0.03)
    assert stage.seq(far) == 0
    stage.wait(0.07)
    assert (stage.seq(far), gaps(), repaired()) == (3, 1, 2)


def test_the_last_event_when_lost_is_found_by_the_next_look_at_the_positions(stage: Stage) -> None:
    far = stage.joined(stage.there)
    stage.append(3, then=1.3)
    assert stage.seq(far) == 3


def test_a_hole_of_many_pages_is_filled_page_by_page(stage: Stage) -> None:
    far = stage.joined(stage.there)
    stage.append(20, then=2.5)
    assert stage.seq(far) == 20


def test_a_hole_is_filled_when_the_database_is_back(stage: Stage) -> None:
    far = stage.joined(stage.there)
    stage.append(1)
    stage.world.database.down = True
    stage.append(1, by=stage.here, then=3.0)
    assert stage.seq(far) == 0
    stage.world.database.down = False
    stage.wait(1.3)
    assert stage.seq(far) == 2


def test_when_the_layer_is_found_again_rooms_are_joined_again_and_what_was_missed_is_read() -> None:
    stage = Stage(position_interval=3_600.0)
    far = stage.joined(stage.there)
    stage.world.layer.down = True
    stage.append(3, by=stage.here, then=1.5)
    late = stage.joined()
    assert (stage.seq(far), stage.channel().grouped) == (0, False)
    stage.world.layer.down = False
    stage.wait(1.5)
    assert (stage.seq(far), stage.channel().grouped) == (3, True)
    stage.append(1, by=stage.there, then=0.1)
    assert (stage.seq(far), stage.seq(late)) == (4, 4)
    stage.end()


def test_an_ack_waits_for_the_events_before_it(stage: Stage) -> None:
    author = stage.joined()
    stage.append(2)
    stage.world.act(author.say, 0.02)
    assert author.answers["say-1"] == 0
    stage.wait(0.2)
    assert (stage.seq(author), author.answers["say-1"]) == (3, 1)


def test_more_events_than_may_wait_behind_a_hole_lose_their_copies_but_no_ack(stage: Stage) -> None:
    author = stage.joined()
    stage.append(1)
    stage.world.act(lambda: [author.say() for _ in range(5)], 0.02)
    stage.append(10, by=stage.here)
    assert len(stage.channel().pending) <= 7
    stage.wait(1.5)
    assert stage.seq(author) == 16
    assert all(author.answers[id_] == 1 for id_ in author.asked)


def test_the_hole_before_a_pending_ack_is_filled_while_its_author_goes_on_sending(stage: Stage) -> None:
    """An author who is never idle must not keep the room waiting for an ack that is here already."""
    author, other = stage.joined(), stage.joined()
    stage.append(1)
    stage.world.database.delay = 0.02  # a commit takes longer than the author is silent
    for _ in range(150):  # between two commits the journal pauses
        stage.world.act(author.say, 0.004)
    assert author.in_flight > 0
    assert min(stage.seq(author), stage.seq(other)) > 40


def test_a_commit_that_was_taken_for_failed_reaches_its_author_as_an_event(stage: Stage) -> None:
    """Its ack never comes, however long the author, who goes on sending, seems to wait for one."""
    author, other = stage.joined(), stage.joined()
    stage.world.database.forgetful = True
    stage.world.act(author.say, 0.05)
    stage.world.database.forgetful = False
    assert author.answers == {"join-0": 1, "say-1": 1}
    stage.world.database.delay = 0.02  # a commit takes longer than the author is silent
    for _ in range(150):  # between two commits the journal pauses
        stage.world.act(author.say, 0.004)
    assert author.in_flight > 0
    assert min(stage.seq(author), stage.seq(other)) > 40


def test_an_event_whose_ack_is_on_its_way_is_not_given_to_its_author_as_an_event(stage: Stage) -> None:
    author, other = stage.joined(), stage.joined()
    stage.world.database.hold("_commit_and_note")
    stage.world.act(author.say, 0.02)
    stage.append(by=stage.there, then=0.3)
    assert (stage.seq(author), stage.seq(other), author.answers["say-1"]) == (0, 0, 0)
    stage.world.act(stage.world.database.let_go, 0.2)
    assert (stage.seq(author), stage.seq(other), author.answers["say-1"]) == (2, 2, 1)


def test_an_answer_is_given_even_if_its_event_was_here_before(stage: Stage) -> None:
    author = stage.joined()
    stage.append(by=stage.here, then=0.1)
    event = Appended(stage.world.room, stage.world.position()[0], 1, "test:said", b"{}")
    stage.world.act(lambda: stage.here.hub.committed(event, author, b'{"type":"ack","id":"x","data":{}}'), 0.1)
    assert (stage.seq(author), author.answers["x"]) == (1, 1)


# --- what has no number -------------------------------------------------------------------------------------------


def test_a_cursor_of_somebody_who_left_is_forgotten_on_every_process(stage: Stage) -> None:
    mover, near, far = stage.joined(), stage.joined(), stage.joined(stage.there)
    stage.world.act(lambda: stage.here.hub.cursors.move(stage.world.room, mover.id, b'{"at":1}'), 0.2)
    assert [list(stage.channel(process).cursors) for process in (stage.here, stage.there)] == [[mover.id]] * 2
    assert [len(member.ephemeral) for member in (mover, near, far)] == [0, 1, 1]
    stage.world.act(mover.leave, 0.2)
    assert [stage.channel(process).cursors for process in (stage.here, stage.there)] == [{}, {}]
    assert stage.joined(stage.there).ephemeral == []


def test_a_joiner_is_shown_the_cursors_that_are_there(stage: Stage) -> None:
    mover = stage.joined()
    stage.joined(stage.there)
    stage.world.act(lambda: stage.here.hub.cursors.move(stage.world.room, mover.id, b'{"at":1}'), 0.2)
    for process in (stage.here, stage.there):
        [frame] = stage.joined(process).ephemeral
        assert frame["data"]["cursors"] == [{"at": 1}]


def test_a_signal_goes_to_all_others_or_to_those_it_names_on_every_process(stage: Stage) -> None:
    sender, near, far = stage.joined(), stage.joined(), stage.joined(stage.there)
    signal = stage.here.hub.signal
    stage.world.act(lambda: signal(stage.world.room, b'{"type":"s","n":1}', None, sender), 0.1)
    stage.world.act(lambda: signal(stage.world.room, b'{"type":"s","n":2}', [far.user_id], sender), 0.1)
    assert [[frame["n"] for frame in member.ephemeral] for member in (sender, near, far)] == [[], [1], [1, 2]]


def test_a_member_who_is_far_behind_is_spared_the_signals(stage: Stage) -> None:
    sender, behind = stage.joined(), stage.joined()
    behind.wire.reading = False
    stage.world.body = "x" * 300
    stage.append(35, by=stage.here, then=0.1)
    assert behind.outbox.congested
    stage.world.act(lambda: stage.here.hub.signal(stage.world.room, b'{"type":"s","n":1}', None, sender), 0.1)
    behind.wire.reading = True
    stage.world.act(behind.wire.answer, 0.5)
    assert (stage.seq(behind), behind.ephemeral) == (35, [])
