"""The usual steps of a case with two simulated processes and a network that does what it is told."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.gateway.model import CONF, Member, World


class Stage:
    """A world of two processes, one to look at and one elsewhere, and the steps of a case."""

    def __init__(self, **knobs: Any) -> None:
        self.world = World(seed=1, processes=2, conf=msgspec.structs.replace(CONF, **knobs))
        self.here, self.there = self.world.processes

    def joined(self, process: Any = None, since: tuple[str, int] | None = None) -> Member:
        member = self.world.connect(process or self.here)
        member.at = since
        self.world.act(lambda: member.join(with_position=since is not None), 0.1)
        return member

    def append(self, times: int = 1, *, by: Any = None, then: float = 0.0) -> None:
        """Appends by a process, or, without one, so that nobody hears of it."""
        self.world.act(lambda: self.world.database.now((by or self.world).append, times), then)

    def wait(self, seconds: float) -> None:
        self.world.act(lambda: None, seconds)

    def end(self) -> None:
        """Lets everybody catch up; nobody may have seen anything out of order."""
        self.world.heal()
        assert self.world.violations == []
        self.world.close()

    def seq(self, member: Member) -> int:
        assert self.world.violations == []
        assert member.at is not None
        return member.at[1]

    def channel(self, process: Any = None) -> Any:
        return (process or self.here).hub.channel(self.world.room)
