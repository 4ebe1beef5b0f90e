"""A process of clients that write, move and watch until they are told to stop: `python -m benchmarks.chaos.members`."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bduf_realtime.client import Client, ConnectionClosedError, RequestError
from benchmarks.chaos.journal import Journal

SIGNAL_EVERY = 0.25
CURSOR_EVERY = 0.1
EPHEMERAL_EVERY = 0.5


@dataclass(frozen=True)
class Seat:
    """One client: who it is, where it goes, how it speaks, and where its journal lies."""

    number: int
    user: str
    token: str
    session: str
    urls: list[str]
    journal: str
    auth: Literal["header", "subprotocol", "hello"] = "header"
    capabilities: tuple[str, ...] = ("batch",)
    origin: str | None = None
    rate: float = 10.0
    lanes: int = 1
    patience: float = 60.0
    backoff: tuple[float, float] = (0.2, 10.0)
    seed: int = 0

    @property
    def room(self) -> str:
        return f"session:{self.session}"

    def message(self, lane: int, number: int) -> str:
        """The text that only this message has."""
        return f"{self.number}.{lane}.{number}"


class Member:
    """Lives on one seat: every lane sends one message after the other, each only once the one before is settled."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.journal = Journal(Path(seat.journal))
        self.cursors = self.signals = 0
        self.client = Client(
            seat.urls,
            seat.token,
            name="chaos",
            instance=f"chaos-{seat.number}",
            auth=seat.auth,
            origin=seat.origin,
            capabilities=seat.capabilities,
            ask_timeout=seat.patience,
            backoff=seat.backoff,
            on_event=self._event,
            on_state=self._state,
        )

    async def live(self, quiet: asyncio.Event, end: asyncio.Event) -> None:
        """Connects, joins, writes until `quiet`, watches until `end`."""
        async with self.client:
            answer = await self.client.join(self.seat.room)
            self.journal.write("joined", answer.data["seq"])
            chatter = [asyncio.create_task(self._move()), asyncio.create_task(self._report())]
            await asyncio.gather(*(self._write(lane, quiet) for lane in range(self.seat.lanes)), quiet.wait())
            self.journal.write("quiet")
            await end.wait()
            for task in chatter:
                task.cancel()
            self.journal.write("end", dataclasses.asdict(self.client.stats))
        self.journal.close()

    async def _write(self, lane: int, quiet: asyncio.Event) -> None:
        dice = random.Random(f"{self.seat.seed}/{self.seat.number}/{lane}")
        number = 0
        while not quiet.is_set():
            await asyncio.sleep(dice.expovariate(self.seat.rate / self.seat.lanes))
            number += 1
            text = self.seat.message(lane, number)
            self.journal.write("sent", text)
            try:
                ack = await self.client.ask("collaboration:message:send", {"session": self.seat.session, "body": text})
            except (RequestError, ConnectionClosedError, TimeoutError) as error:
                self.journal.write("refused", text, f"{type(error).__name__}: {error}")
                if self.client.closed is not None:
                    return
            else:
                self.journal.write("acked", text, ack.seq)

    async def _move(self) -> None:
        signal = {"session": self.seat.session, "name": "typing", "payload": {}}
        turn = 0
        while True:
            await asyncio.sleep(CURSOR_EVERY)
            turn += 1
            self.client.tell("collaboration:cursor:move", {"session": self.seat.session, "position": {"at": turn}})
            if turn % round(SIGNAL_EVERY / CURSOR_EVERY) == 0:
                self.client.tell("collaboration:signal:send", signal)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(EPHEMERAL_EVERY)
            self.journal.write("ephemeral", self.cursors, self.signals)

    def _event(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "collaboration:cursor:moved":
                self.cursors += 1
            case "collaboration:signal:sent":
                self.signals += 1
            case "client:snapshot":
                self.journal.write("snapshot", event["data"]["seq"])
            case "client:left":
                self.journal.write("left", event["data"]["code"])
            case _ if "seq" in event:
                self.journal.write("seen", event["seq"], event["type"])

    def _state(self, state: str) -> None:
        if state == "connected":
            self.journal.write("up", self.client.info["connection"])
        elif state == "reconnecting" or (state == "closed" and self.client.closed != (1000, "")):
            self.journal.write("down", *self.client.last_close)


async def _main() -> None:
    seats = [Seat(**seat) for seat in json.loads(sys.stdin.readline())]
    quiet, end = asyncio.Event(), asyncio.Event()
    members = asyncio.gather(*(Member(seat).live(quiet, end) for seat in seats))
    loop = asyncio.get_running_loop()
    # An end of the file is an order too: the one who gives them is gone.
    orders = {"quiet\n": quiet.set, "end\n": end.set, "": members.cancel}
    while not end.is_set() and (line := await loop.run_in_executor(None, sys.stdin.readline)) in orders:
        orders[line]()
        if not line:
            return
    await members


if __name__ == "__main__":
    asyncio.run(_main())
