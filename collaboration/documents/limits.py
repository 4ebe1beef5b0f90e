"""What an update is refused for, and how much it may hold. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CLOCK = 2**31  # pycrdt subtracts clocks as signed 32-bit numbers


class UpdateRefused(Exception):
    """An update that must not reach the engine.

    `reason` is `encoding`, `depth`, `clock`, `size`, `client_id`, `missing_deps` or `schema`; `missing` names, for
    `missing_deps`, the clock per client up to which the document would have to know more.
    """

    def __init__(self, reason: str, message: str, missing: dict[int, int] | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.missing = missing or {}


@dataclass(frozen=True, slots=True)
class UpdateLimits:
    """How much one update may hold; by default the walk takes less than 0.1 s."""

    size: int = 1_048_576  # bytes
    structs: int = 20_000
    clients: int = 1_000
    # Who reconnects sends every deletion there ever was; those that are known cost nothing. New ones cut the text in
    # pieces: 10,000 in one of 1 MB take the engine 0.7 s.
    delete_ranges: int = 50_000
    # Structs that do not continue the one before them. The engine looks for the place of each among its rivals:
    # 4,000 made to be the worst take 0.2 s, 16,000 take 4.8 s.
    jumps: int = 5_000
    work: float = 1.0  # seconds that the engine may take at worst, as `guard.engine_seconds` reckons
    value: int = 65_536  # characters of one embedded or formatting value
    values: int = 262_144  # bytes of all of them
    name: int = 255  # characters of the name of a root, key, attribute or element
    foreign: int = 65_536  # bytes of content that is not a text's: walked, to say what is wrong with it


UPDATE_LIMITS = UpdateLimits()

# For what was judged before: the document as the engine saved it.
SNAPSHOT_LIMITS = UpdateLimits(
    size=2**30,
    structs=2**30,
    clients=2**30,
    delete_ranges=2**30,
    jumps=2**30,
    work=float("inf"),
    value=2**30,
    values=2**30,
    name=2**30,
)
