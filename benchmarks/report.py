"""What a load phase measured: counts, latencies, losses and duplicates, mergeable across worker processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

# A mark hides in every message: send time (ns), sender, number; of fixed width, found by bytes.split.
EVENT, ACK = b"~e", b"~a"
MARK_BYTES = 26
DISTURBED = 0.08  # a figure whose server lost more of its core to others says little


def mark(at: int, sender: int, number: int) -> str:
    """Encodes one mark, without its prefix, as 26 hex digits."""
    return f"{at:016x}{sender:04x}{number:06x}"


@dataclass
class Arrivals:
    """Raw receipts of one member: (time in ns, the frame split at its marks; the first piece is none)."""

    events: list[tuple[int, list[bytes]]] = field(default_factory=list)
    acks: list[tuple[int, list[bytes]]] = field(default_factory=list)


@dataclass
class Report:
    """The outcome of one phase; latencies are histograms of whole microseconds."""

    seconds: float = 0.0
    sent: int = 0
    deliveries: int = 0
    expected: int = 0
    received: int = 0
    missing: int = 0
    duplicates: int = 0
    acks: int = 0
    stalls: int = 0
    lag_ms: float = 0.0
    load_cpu: float = 0.0
    server_cpu: float = 0.0
    others_cpu: float = 0.0  # of the server's core, by processes that are not the server
    frames: int = 0
    bytes: int = 0
    delivery_us: Counter[int] = field(default_factory=Counter)
    ack_us: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    closes: Counter[str] = field(default_factory=Counter)

    def merge(self, other: Report) -> None:
        """Adds another worker's report of the same phase."""
        for item in fields(self):
            mine, theirs = getattr(self, item.name), getattr(other, item.name)
            if item.name in ("seconds", "lag_ms", "load_cpu", "server_cpu", "others_cpu"):
                setattr(self, item.name, max(mine, theirs))
            else:
                setattr(self, item.name, mine + theirs)

    @property
    def rate(self) -> float:
        """Deliveries per second inside the measured window."""
        return self.deliveries / self.seconds if self.seconds else 0.0

    @property
    def ack_rate(self) -> float:
        """Acknowledged commands per second inside the measured window."""
        return self.acks / self.seconds if self.seconds else 0.0

    @property
    def delivered(self) -> float:
        """Fraction of the expected deliveries that arrived, late ones included."""
        return 1 - self.missing / self.expected if self.expected else 1.0

    @property
    def disturbed(self) -> bool:
        """Whether others took so much of the server's core that the figures say little."""
        return self.others_cpu > DISTURBED

    def row(self) -> dict[str, Any]:
        """Flattens the report for tables and JSON."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        delivery, acks = plain.pop("delivery_us"), plain.pop("ack_us")
        plain |= {f"delivery_{name}": value for name, value in quantiles(delivery).items()}
        plain |= {f"ack_{name}": value for name, value in quantiles(acks).items()}
        plain |= {"deliveries_per_s": round(self.rate), "acks_per_s": round(self.ack_rate)}
        plain |= {"errors": dict(self.errors), "closes": dict(self.closes)}
        plain["disturbed"] = self.disturbed
        plain["failures"] = dict(self.errors + self.closes)
        plain["seconds"] = round(self.seconds, 3)
        plain["load_cpu"] = round(self.load_cpu, 2)
        plain["server_cpu"] = round(self.server_cpu, 2)
        plain["others_cpu"] = round(max(0.0, self.others_cpu), 2)
        return plain


def quantiles(histogram: Counter[int]) -> dict[str, float | None]:
    """Returns p50, p99, p999 and max of a histogram of microseconds, in milliseconds."""
    names = {"p50_ms": 0.50, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}
    total = histogram.total()
    if not total:
        return dict.fromkeys(names)
    result: dict[str, float | None] = {}
    values = sorted(histogram.items())
    for name, fraction in names.items():
        wanted, seen = fraction * total, 0
        for micros, count in values:
            seen += count
            if seen >= wanted:
                result[name] = round(micros / 1000, 2)
                break
    return result


@dataclass(frozen=True)
class Window:
    """The measured part of a phase, in nanoseconds of the shared monotonic clock."""

    start: int
    end: int
    first_number: int

    @property
    def seconds(self) -> float:
        return (self.end - self.start) / 1e9


def tally(
    report: Report,
    window: Window,
    members: Iterable[Arrivals],
    sent: list[int],
    *,
    own: dict[int, int] | None = None,
) -> None:
    """Adds one room's receipts to a report.

    `sent` holds each message as sender << 24 | number; `own` maps the position of a member to its sender
    number when members do not get their own messages back, and is None when they do.
    """
    everything = set(sent)
    by_sender: dict[int, set[int]] = {}
    if own is not None:
        for code in sent:
            by_sender.setdefault(code >> 24, set()).add(code)
    low_bits = 0xFFFFFF
    for position, arrivals in enumerate(members):
        codes: list[int] = []
        for now, pieces in arrivals.events:
            inside = window.start <= now < window.end
            for piece in pieces[1:]:
                code = int(piece[16:MARK_BYTES], 16)
                if code & low_bits < window.first_number:
                    continue  # a straggler of the phase before
                codes.append(code)
                at = int(piece[:16], 16)
                if inside:
                    report.deliveries += 1
                if window.start <= at < window.end:
                    report.delivery_us[(now - at) // 1000] += 1
        unique = set(codes)
        wanted = everything if own is None else everything - by_sender.get(own[position], set())
        report.expected += len(wanted)
        report.received += len(unique)
        report.missing += len(wanted - unique)
        report.duplicates += len(codes) - len(unique)
        for now, pieces in arrivals.acks:
            inside = window.start <= now < window.end
            for piece in pieces[1:]:
                if int(piece[20:MARK_BYTES], 16) < window.first_number:
                    continue
                at = int(piece[:16], 16)
                if inside:
                    report.acks += 1
                if window.start <= at < window.end:
                    report.ack_us[(now - at) // 1000] += 1
