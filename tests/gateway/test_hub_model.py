"""The hub's promise, with a network that loses, doubles and reorders: every number once, in order, or told."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as Settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bduf_realtime.rooms import log
from tests.gateway.model import World

moments = st.sampled_from([0.0, 0.001, 0.005, 0.02, 0.06, 0.3])
numbers = st.integers(0, 99)


class Rooms(RuleBasedStateMachine):
    """One room, up to three processes, any number of connections, and everything that can go wrong between them."""

    world: World

    @initialize(seed=st.integers(0, 2**32 - 1), processes=st.integers(1, 3), before=st.integers(0, 9))
    def begin(self, seed: int, processes: int, before: int) -> None:
        self.world = World(seed, processes)
        self.world.database.now(self.world.append, before)

    # --- connections -------------------------------------------------------------------------------------------

    @rule(process=numbers, pause=moments)
    def connect(self, process: int, pause: float) -> None:
        member = self.world.connect(self.world.processes[process % len(self.world.processes)])
        self.world.act(lambda: member.join(with_position=False), pause)

    @precondition(lambda self: any(member.may_join for member in self.world.members))
    @rule(member=numbers, with_position=st.booleans(), pause=moments)
    def join_again(self, member: int, with_position: bool, pause: float) -> None:
        ready = [member for member in self.world.members if member.may_join]
        self.world.act(lambda: ready[member % len(ready)].join(with_position), pause)

    @precondition(lambda self: any(member.closing and member.at for member in self.world.members))
    @rule(member=numbers, process=numbers, pause=moments)
    def come_back(self, member: int, process: int, pause: float) -> None:
        gone = [member for member in self.world.members if member.closing and member.at]
        back = self.world.connect(self.world.processes[process % len(self.world.processes)])
        back.at = gone[member % len(gone)].at
        self.world.act(lambda: back.join(with_position=True), pause)

    @precondition(lambda self: any(member.may_join for member in self.world.members))
    @rule(member=numbers, pause=moments)
    def leave(self, member: int, pause: float) -> None:
        ready = [member for member in self.world.members if member.may_join]
        self.world.act(ready[member % len(ready)].leave, pause)

    @precondition(lambda self: any(member.closing is None for member in self.world.members))
    @rule(member=numbers, pause=moments)
    def disconnect(self, member: int, pause: float) -> None:
        here = [member for member in self.world.members if member.closing is None]
        self.world.act(lambda: here[member % len(here)].close(1000, "bye"), pause)

    @precondition(lambda self: any(member.closing is None for member in self.world.members))
    @rule(member=numbers)
    def stop_or_start_reading(self, member: int) -> None:
        here = [member for member in self.world.members if member.closing is None]
        wire = here[member % len(here)].wire
        wire.reading = not wire.reading
        self.world.act(wire.answer, 0.0)

    # --- events ------------------------------------------------------------------------------------------------

    @precondition(lambda self: any(member.may_speak for member in self.world.members))
    @rule(member=numbers, times=st.integers(1, 12), pause=moments)
    def say(self, member: int, times: int, pause: float) -> None:
        here = [member for member in self.world.members if member.may_speak]
        self.world.act(lambda: [here[member % len(here)].say() for _ in range(times)], pause)

    @rule(process=numbers, times=st.integers(1, 12), pause=moments)
    def append(self, process: int, times: int, pause: float) -> None:
        writer = self.world.processes[process % len(self.world.processes)]
        self.world.act(lambda: self.world.database.now(writer.append, times), pause)

    @rule(pause=moments)
    def append_and_die(self, pause: float) -> None:
        """A process commits and is killed before it can tell anybody."""
        self.world.act(lambda: self.world.database.now(self.world.append), pause)

    # --- faults ------------------------------------------------------------------------------------------------

    @rule(
        loss=st.sampled_from([0.0, 0.3, 1.0]),
        doubling=st.sampled_from([0.0, 0.3]),
        delay=st.sampled_from([0.001, 0.05]),
    )
    def disturb_the_layer(self, loss: float, doubling: float, delay: float) -> None:
        self.world.layer.loss, self.world.layer.doubling, self.world.layer.delay = loss, doubling, delay

    @rule(pause=moments)
    def break_or_mend_the_layer(self, pause: float) -> None:
        self.world.layer.down = not self.world.layer.down
        self.world.act(lambda: None, pause)

    @rule(down=st.booleans(), forgetful=st.booleans(), delay=st.sampled_from([0.005, 0.1]))
    def disturb_the_database(self, down: bool, forgetful: bool, delay: float) -> None:
        self.world.database.down, self.world.database.forgetful = down, forgetful and not down
        self.world.database.delay = delay

    @rule(keep=st.integers(0, 5))
    def trim(self, keep: int) -> None:
        self.world.database.now(log.trim, keep=keep, younger_than=-3600)

    @rule()
    def renew_epoch(self) -> None:
        self.world.renew_epoch()

    @rule(process=numbers)
    def check_positions(self, process: int) -> None:
        self.world.run(self.world.processes[process % len(self.world.processes)].hub.check_positions())

    @rule(process=numbers, pause=moments)
    def forget_empty_rooms(self, process: int, pause: float) -> None:
        chosen = self.world.processes[process % len(self.world.processes)].hub
        self.world.act(lambda: chosen.forget_empty(linger=-1.0), pause)

    @rule(seconds=st.sampled_from([0.1, 1.5]))
    def let_time_pass(self, seconds: float) -> None:
        self.world.act(lambda: None, seconds)

    # --- what always holds -------------------------------------------------------------------------------------

    @invariant()
    def nobody_saw_anything_out_of_order(self) -> None:
        if hasattr(self, "world"):
            assert self.world.violations == []

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.heal()
            assert self.world.violations == []
            where = self.world.position()
            for member in self.world.members:
                if member.closing is not None:
                    continue
                unanswered = [id_ for id_ in member.asked if not member.answers[id_]]
                assert unanswered == [], f"{member.process.id}/{member.id[-4:]}"
                assert not member.to_be_closed
                if member.live:
                    assert member.at == where, f"{member.process.id}/{member.id[-4:]}"
            for process in self.world.processes:
                channel = process.hub.channel(self.world.room)
                if channel is not None and channel.epoch is not None:
                    assert (channel.joining, channel.pending, channel.skip) == (0, {}, {})
        finally:
            self.world.close()


@pytest.mark.usefixtures("simulated")
def test_every_member_sees_every_number_once_and_in_order_whatever_goes_wrong() -> None:
    run_state_machine_as_test(
        Rooms,
        settings=Settings(
            max_examples=80,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.usefixtures("simulated")
def test_every_member_sees_every_number_once_and_in_order_for_a_long_time() -> None:
    run_state_machine_as_test(
        Rooms,
        settings=Settings(
            max_examples=2_000, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
