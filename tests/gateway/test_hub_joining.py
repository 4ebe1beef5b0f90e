"""The hub, case by case: what joiners get, and what becomes of members when a log begins another life."""

from __future__ import annotations

from typing import Any

import pytest

from bduf_realtime.gateway.errors import Close
from bduf_realtime.rooms import log, models
from bduf_realtime.rooms.events import Appended
from tests.gateway.model import World
from tests.gateway.stage import Stage

pytestmark = pytest.mark.usefixtures("simulated")


# --- joining -----------------------------------------------------------------------------------------------------


def test_a_joiner_gets_what_it_missed_from_memory_without_asking_the_log(stage: Stage) -> None:
    first = stage.joined()
    assert first.at is not None
    stage.append(4, by=stage.here, then=0.1)
    reads: list[Any] = []
    stage.world.database.watch = lambda function: reads.append(function)
    late = stage.joined(since=(first.at[0], 1))
    assert stage.seq(late) == 4
    assert log.read not in reads


def test_a_joiner_gets_what_it_missed_from_the_log_in_pages(stage: Stage) -> None:
    epoch = stage.world.position()[0]
    stage.append(20)
    late = stage.joined(since=(epoch, 3))
    assert stage.seq(late) == 20
    stage.append(by=stage.here, then=0.1)
    assert stage.seq(late) == 21


def test_events_that_come_during_a_replay_follow_it(stage: Stage) -> None:
    epoch = stage.world.position()[0]
    stage.joined()
    stage.append(30, then=1.5)
    late = stage.world.connect(stage.here)
    late.at = (epoch, 0)
    stage.world.act(lambda: late.join(with_position=True), 0.0)
    for _ in range(15):
        stage.append(by=stage.here, then=0.005)
    stage.wait(0.2)
    assert stage.seq(late) == 45


def test_events_that_came_while_the_first_join_was_under_way_follow_it_at_once(stage: Stage) -> None:
    first = stage.world.connect(stage.here)
    stage.world.database.hold("join")
    stage.world.act(lambda: first.join(with_position=False), 0.1)
    stage.append(3, by=stage.there, then=0.1)
    stage.world.act(stage.world.database.let_go, 0.02)
    assert (stage.seq(first), first.known) == (3, 0)


def test_who_joins_again_from_further_back_sees_everything_from_there(stage: Stage) -> None:
    stage.joined()
    stage.append(5)
    member = stage.world.connect(stage.here)
    stage.world.act(lambda: member.join(with_position=False), 0.02)
    assert member.known == 5
    member.at = (stage.world.position()[0], 0)
    stage.world.act(lambda: member.join(with_position=True), 0.3)
    assert (stage.seq(member), member.known) == (5, 0)


def test_a_joiner_ahead_of_its_process_sees_nothing_twice(stage: Stage) -> None:
    early = stage.joined()
    stage.append(5)
    late = stage.joined()
    assert late.known == 5
    stage.wait(0.2)
    assert (stage.seq(early), stage.seq(late)) == (5, 5)


def test_a_joiner_who_knows_more_than_its_process_is_caught_up_with_the_rest_at_once(stage: Stage) -> None:
    stage.joined()
    stage.append(5)
    late = stage.joined(since=(stage.world.position()[0], 0))
    stage.wait(0.1)
    assert stage.seq(late) == 5


def test_joining_again_without_anything_new_brings_nothing_again(stage: Stage) -> None:
    member = stage.joined()
    stage.append(4, by=stage.here, then=0.1)
    for _ in range(3):
        stage.world.act(lambda: member.join(with_position=True), 0.1)
    assert (stage.seq(member), member.known) == (4, 4)


def test_an_ack_that_waited_behind_a_hole_is_given_to_an_author_who_joined_again_meanwhile(stage: Stage) -> None:
    author = stage.joined()
    stage.append(1)
    stage.world.act(author.say, 0.02)
    stage.append(1)
    stage.world.act(lambda: author.join(with_position=False), 0.3)
    assert stage.seq(author) == author.known == 3
    assert author.answers == {"join-0": 1, "say-1": 1, "join-2": 1}


def test_an_ack_that_waited_behind_a_hole_is_given_to_an_author_who_left_meanwhile(stage: Stage) -> None:
    author = stage.joined()
    stage.append(1)
    stage.world.act(author.say, 0.02)
    stage.world.database.down = True
    stage.world.act(author.leave, 0.5)
    assert author.answers["say-1"] == 0
    stage.world.database.down = False
    stage.wait(1.5)
    assert author.answers == {"join-0": 1, "say-1": 1, "leave-2": 1}


def test_an_ack_that_waited_behind_a_hole_is_given_out_before_the_room_is_forgotten(stage: Stage) -> None:
    author = stage.joined()
    stage.append(1)
    stage.world.act(author.say, 0.02)
    stage.world.act(author.leave, 0.0)
    stage.world.act(lambda: stage.here.hub.forget_empty(linger=-1.0), 0.1)
    assert (stage.channel(), author.answers) == (None, {"join-0": 1, "say-1": 1, "leave-2": 1})


def test_a_long_replay_keeps_the_pace_of_its_reader(stage: Stage) -> None:
    """Far more than an outbox holds, to a client that reads slowly, closes nobody."""
    epoch = stage.world.position()[0]
    stage.append(200)
    reader = stage.world.connect(stage.here)
    reader.at, reader.wire.reading = (epoch, 0), False
    stage.world.act(lambda: reader.join(with_position=True), 1.0)
    stopped = stage.seq(reader)
    assert 0 < stopped < 200
    reader.wire.reading = True
    stage.world.act(reader.wire.answer, 3.0)
    assert (stage.seq(reader), reader.closing) == (200, None)


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_replay_of_a_few_large_events_keeps_the_pace_too(stage: Stage, in_memory: bool) -> None:
    stage.world.body = "x" * 7_000
    epoch = stage.world.position()[0]
    if in_memory:
        stage.joined()
    stage.append(4, by=stage.here, then=0.5)
    reader = stage.joined(since=(epoch, 0))
    stage.wait(1.0)
    assert (stage.seq(reader), reader.closing) == (4, None)


def test_a_database_that_fails_during_a_replay_ends_the_connection_and_answers_the_join_once(stage: Stage) -> None:
    epoch = stage.world.position()[0]
    stage.append(20)
    stage.joined()
    late = stage.world.connect(stage.here)
    late.at = (epoch, 0)
    stage.world.database.hold("join")
    stage.world.act(lambda: late.join(with_position=True), 0.1)
    stage.world.database.down = True
    stage.world.act(stage.world.database.let_go, 0.2)
    assert late.answers == {"join-0": 1}
    assert late.closing == (Close.POSITION_LOST, "room.position_lost")
    assert late.id not in stage.channel().members


def test_a_trim_between_the_answer_and_the_replay_ends_the_connection(stage: Stage) -> None:
    epoch = stage.world.position()[0]
    stage.append(20)
    stage.joined()
    late = stage.world.connect(stage.here)
    late.at = (epoch, 0)
    stage.world.database.hold("join")
    stage.world.act(lambda: late.join(with_position=True), 0.1)
    stage.world.database.now(log.trim, keep=5, younger_than=-60)
    stage.world.act(stage.world.database.let_go, 0.2)
    assert late.answers == {"join-0": 1}
    assert (late.at, late.closing) == ((epoch, 0), (Close.POSITION_LOST, "room.position_lost"))


def test_a_join_that_is_cut_short_leaves_nothing_behind(stage: Stage) -> None:
    member = stage.world.connect(stage.here)
    stage.world.layer.delay = 1.0
    stage.world.act(lambda: member.join(with_position=False), 0.0)
    assert stage.channel().joining == 1
    stage.world.act(lambda: member.close(Close.NORMAL, "bye"), 0.1)
    assert (stage.channel().joining, stage.channel().members) == (0, {})
    stage.world.act(lambda: stage.here.hub.forget_empty(linger=-1.0), 2.0)
    assert stage.channel() is None


# --- other lives of a log ----------------------------------------------------------------------------------------


def test_members_of_a_log_that_was_renewed_are_sent_away_and_come_back_to_the_new_one(stage: Stage) -> None:
    members = [stage.joined(), stage.joined(stage.there)]
    stage.append(3, by=stage.here, then=0.1)
    old = members[0].at
    stage.world.renew_epoch()
    stage.wait(1.3)
    assert [member.closing for member in members] == [(Close.POSITION_LOST, "room.restarted")] * 2
    back = stage.joined(since=old)
    assert back.at == stage.world.position()


def test_members_of_a_room_that_was_deleted_are_sent_away(stage: Stage) -> None:
    member = stage.joined()
    stage.world.database.now(models.Room.objects.filter(name=stage.world.room).delete)
    stage.wait(1.3)
    assert member.closing == (Close.POSITION_LOST, "room.restarted")
    stage.world.database.now(log.create, stage.world.room)


def test_a_trim_past_what_a_process_has_delivered_sends_its_members_away(stage: Stage) -> None:
    far = stage.joined(stage.there)
    stage.append(20)
    stage.world.database.now(log.trim, keep=5, younger_than=-60)
    stage.wait(1.3)
    assert far.closing == (Close.POSITION_LOST, "room.restarted")


def test_a_room_whose_members_were_sent_away_is_forgotten_in_time(stage: Stage) -> None:
    stage.joined()
    stage.world.renew_epoch()
    stage.append(3, by=stage.there, then=1.3)
    stage.world.act(lambda: stage.here.hub.forget_empty(linger=-1.0), 0.1)
    assert stage.channel() is None


def test_an_event_of_a_newer_life_is_not_taken_for_one_of_the_life_that_a_join_has_read(stage: Stage) -> None:
    member = stage.world.connect(stage.here)
    stage.world.database.hold("join")
    stage.world.act(lambda: member.join(with_position=False), 0.1)
    stage.world.renew_epoch()
    stage.append(2, by=stage.there, then=0.1)
    assert len(stage.channel().pending) == 2
    stage.world.act(stage.world.database.let_go, 0.01)
    assert stage.seq(member) == 0
    stage.wait(1.3)
    assert member.closing == (Close.POSITION_LOST, "room.restarted")


def test_what_a_process_has_waiting_for_others_is_forgotten_with_the_life_it_belongs_to(stage: Stage) -> None:
    far = stage.joined(stage.there)
    stage.world.layer.delay = 0.05
    stage.append(4, by=stage.here)
    stage.world.renew_epoch()
    stage.append(1, by=stage.here, then=0.5)
    new = stage.joined(stage.there)
    stage.append(4, by=stage.here, then=1.5)
    assert far.closing is not None
    assert (new.at, new.closing) == (stage.world.position(), None)


def test_a_replay_never_goes_on_in_another_life(stage: Stage) -> None:
    epoch = stage.world.position()[0]
    stage.append(20)
    stage.joined()
    late = stage.world.connect(stage.here)
    late.at = (epoch, 3)
    stage.world.database.hold("join")
    stage.world.act(lambda: late.join(with_position=True), 0.1)
    stage.world.renew_epoch()
    stage.append(10)
    stage.world.act(stage.world.database.let_go, 0.2)
    assert (late.at, late.closing) == ((epoch, 3), (Close.POSITION_LOST, "room.position_lost"))


def test_a_joiner_whose_room_is_renewed_during_its_replay_is_sent_away(stage: Stage) -> None:
    epoch = stage.world.position()[0]
    stage.append(6)
    stage.joined()
    late = stage.world.connect(stage.here)
    late.at = (epoch, 3)
    stage.world.database.hold("read")
    stage.world.act(lambda: late.join(with_position=True), 0.1)
    stage.world.renew_epoch()
    stage.world.run(stage.here.hub.check_positions())
    stage.world.act(stage.world.database.let_go, 0.2)
    assert (late.at, late.closing) == ((epoch, 6), (Close.POSITION_LOST, "room.position_lost"))


def test_events_kept_in_memory_are_forgotten_with_the_life_they_belong_to(stage: Stage) -> None:
    stage.joined()
    stage.append(4, by=stage.here, then=0.1)
    stage.world.renew_epoch()
    stage.append(6)
    stage.joined()
    late = stage.joined(since=(stage.world.position()[0], 6))
    assert stage.seq(late) == 10


# --- rooms that nobody is in --------------------------------------------------------------------------------------


def test_an_empty_room_is_kept_for_a_while_and_then_forgotten(stage: Stage) -> None:
    member = stage.joined()
    stage.world.act(member.leave, 0.0)
    stage.world.act(lambda: stage.here.hub.forget_empty(linger=60.0), 0.0)
    assert stage.channel() is not None
    stage.world.act(lambda: stage.here.hub.forget_empty(linger=-1.0), 0.1)
    assert stage.channel() is None
    assert not stage.world.layer.members_of_rooms()


def test_a_room_with_members_is_never_forgotten(stage: Stage) -> None:
    stage.joined()
    stage.world.act(lambda: stage.here.hub.forget_empty(linger=-1.0), 0.1)
    assert stage.channel() is not None


def test_who_joins_while_a_room_is_being_forgotten_hears_of_everything(stage: Stage) -> None:
    first = stage.joined()
    stage.world.act(first.leave, 0.0)
    stage.world.layer.delay = 0.01
    stage.world.act(lambda: stage.here.hub.forget_empty(linger=-1.0), 0.0)
    second = stage.joined()
    stage.append(3, by=stage.there, then=0.3)
    assert stage.seq(second) == 3


def test_an_event_that_is_committed_when_the_loop_has_ended_harms_nobody(stage: Stage) -> None:
    other = World(seed=2, processes=1)
    other.close()
    stage.joined()
    stage.append(1, by=stage.here, then=0.1)
    other.processes[0].hub.committed_elsewhere(Appended(stage.world.room, "", 1, "test:said", b"{}"))


# --- rights --------------------------------------------------------------------------------------------------------


def test_rights_that_may_have_changed_during_a_join_are_looked_at_again_with_the_joiner_in(stage: Stage) -> None:
    first, judged = stage.joined(), list[set[str]]()
    stage.here.hub.watched = lambda room, type_: True
    stage.here.hub.on_watched = lambda channel: judged.append(set(channel.members))
    late = stage.world.connect(stage.here)
    stage.world.database.hold("join")
    stage.world.act(lambda: late.join(with_position=False), 0.1)
    stage.append(1, by=stage.here, then=0.1)
    assert judged == [{first.id}]
    stage.world.act(stage.world.database.let_go, 0.1)
    assert judged == [{first.id}, {first.id, late.id}]
    assert stage.joined().at == late.at
    assert len(judged) == 2


def test_who_comes_back_with_a_position_is_in_since_the_join_and_not_since_the_position(stage: Stage) -> None:
    stage.joined()
    stage.append(2, by=stage.here, then=0.1)
    epoch, head = stage.channel().epoch, stage.channel().position
    back = stage.joined(since=(epoch, head - 2))  # a removal that it reads of now was before it came in
    assert stage.channel().entered[back.id] == head
    stage.world.act(back.leave, 0.1)
    assert back.id not in stage.channel().entered
