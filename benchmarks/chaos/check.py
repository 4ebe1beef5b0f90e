"""Compares the clients' journals with the log: what was promised, and what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from benchmarks.chaos.journal import Record
from benchmarks.chaos.log import Log
from benchmarks.chaos.members import Seat

EXAMPLES = 5


@dataclass
class Verdict:
    """How much was checked, and everything that should not be, each with a few examples."""

    sent: int = 0
    acked: int = 0
    logged: int = 0
    seen: int = 0
    lost: list[str] = field(default_factory=list)  # acknowledged and not in the log
    misplaced: list[str] = field(default_factory=list)  # acknowledged with another number than it has
    doubled: list[str] = field(default_factory=list)  # in the log more than once
    unsent: list[str] = field(default_factory=list)  # in the log although nobody sent it
    unsettled: list[str] = field(default_factory=list)  # neither acknowledged in time nor refused for good
    holes: list[str] = field(default_factory=list)  # numbers that a log skips
    disordered: list[str] = field(default_factory=list)  # logged in another order than sent
    unseen: list[str] = field(default_factory=list)  # events that a member never got
    repeated: list[str] = field(default_factory=list)  # events that a member got twice or out of order
    explained: Counter[str] = field(default_factory=Counter)  # gaps, duplicates, retries that clients healed
    presence: list[str] = field(default_factory=list)  # `joined` and `left` that do not tell what happened

    @property
    def wrong(self) -> dict[str, list[str]]:
        """What should be empty and is not."""
        names = ("lost", "misplaced", "doubled", "unsent", "unsettled", "holes", "disordered", "unseen", "repeated")
        return {name: found for name in (*names, "presence") if (found := getattr(self, name))}

    def __str__(self) -> str:
        counts = f"{self.sent} sent, {self.acked} acknowledged, {self.logged} in the log, {self.seen} seen"
        wrong = [f"{len(v)} {name}: {', '.join(v[:EXAMPLES])}" for name, v in self.wrong.items()]
        return "; ".join([counts, *(wrong or ["nothing wrong"])])


def check(
    seats: Iterable[Seat], records: dict[int, Record], logs: dict[str, Log], *, gone: frozenset[int], grace: float
) -> Verdict:
    """Judges a run that has settled; `gone` are the members whose process was killed for good.

    `grace` is the time after which an absent participant has left: a `left` of a member who was never away that
    long is wrong.
    """
    verdict = Verdict()
    places = {room: _places(room, log, verdict) for room, log in logs.items()}
    sent_in: dict[str, set[str]] = {room: set() for room in logs}
    for seat in seats:
        record = records[seat.number]
        sent_in[seat.room] |= record.sent.keys()
        _check_acks(seat, record, places[seat.room], verdict, alive=seat.number not in gone)
        _check_order(seat, record, places[seat.room], verdict)
        if seat.number not in gone:
            _check_view(seat, record, logs[seat.room], verdict)
        _check_presence(seat, record, logs[seat.room], verdict, gone=seat.number in gone, grace=grace)
    for room, found in places.items():
        verdict.unsent += sorted(found.keys() - sent_in[room])
    return verdict


def _places(room: str, log: Log, verdict: Verdict) -> dict[str, int]:
    """The number of every message of a log, which is checked by itself on the way."""
    numbers = [seq for seq, _ in log.events]
    if numbers != list(range(1, log.head + 1)):
        verdict.holes.append(f"{room}: head {log.head}, {len(numbers)} events")
    times = Counter(text for _, text in log.messages)
    verdict.logged += len(times)
    verdict.doubled += [f"{text} x{count}" for text, count in times.items() if count > 1]
    return {text: seq for seq, text in reversed(log.messages)}


def _check_acks(seat: Seat, record: Record, places: dict[str, int], verdict: Verdict, *, alive: bool) -> None:
    verdict.sent += len(record.sent)
    verdict.acked += len(record.acked)
    for text, (_, seq) in record.acked.items():
        if text not in places:
            verdict.lost.append(text)
        elif places[text] != seq:
            verdict.misplaced.append(f"{text}: acknowledged as {seq}, logged as {places[text]}")
    if alive:
        verdict.unsettled += [
            f"{text} {record.refused.get(text, '')}" for text in record.sent.keys() - record.acked.keys()
        ]


def _check_order(seat: Seat, record: Record, places: dict[str, int], verdict: Verdict) -> None:
    """A lane sends one after the other; a client's lanes keep their order together too, unless something was resent."""
    logged = [text for text in record.sent if text in places]
    lanes = [[text for text in logged if text.startswith(seat.message(lane, 0)[:-1])] for lane in range(seat.lanes)]
    if not record.stats.get("retries", 1):
        lanes.append(logged)
    for lane in lanes:
        numbers = [places[text] for text in lane]
        if numbers != sorted(numbers):
            verdict.disordered.append(f"client {seat.number}: {numbers}")


def _check_view(seat: Seat, record: Record, log: Log, verdict: Verdict) -> None:
    """Every number past the join was seen once: as an event, or as the acknowledgement of an own command."""
    numbers = [seq for _, seq in record.seen]
    verdict.seen += len(numbers)
    expected = set(range(record.joined[0] + 1, log.head + 1)) if record.joined else set()
    acked = {seq for _, seq in record.acked.values()}
    verdict.unseen += [f"client {seat.number}: {seq}" for seq in sorted(expected - set(numbers) - acked)]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        verdict.repeated.append(f"client {seat.number}: {len(numbers) - len(set(numbers))} twice")
    if len(record.joined) != 1 or record.snapshots or record.lost_rooms or not record.connected:
        what = f"{len(record.joined)} joins, {record.snapshots} snapshots, left {record.lost_rooms}"
        verdict.unseen.append(f"client {seat.number}: {what}, {'on' if record.connected else 'off'}line")
    verdict.explained.update({name: record.stats.get(name, 0) for name in ("gaps", "duplicates", "retries")})


def _check_presence(seat: Seat, record: Record, log: Log, verdict: Verdict, *, gone: bool, grace: float) -> None:
    story = log.comings_and_goings(seat.user)
    expected = ["joined", "left"] * (len(story) // 2 + 1)
    ends_well = story[-1:] == (["left"] if gone else ["joined"])
    if story != expected[: len(story)] or not ends_well:
        verdict.presence.append(f"client {seat.number}: {' '.join(story)}")
    absences = [up - at for at, _ in record.downs if (up := record.up_after(at)) is not None]
    long = sum(absence >= grace for absence in absences)
    if story.count("left") > long + gone:
        verdict.presence.append(f"client {seat.number}: left {story.count('left')} times, was away {long} times")
