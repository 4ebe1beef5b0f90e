"""What one client did and saw, as lines of an append-only file that are on disk before what they announce."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Sent = tuple[int, int]  # lane and number of a message within its client


class Journal:
    """Appends `[kind, monotonic time, …]` lines; `sent` ones reach the disk before the message leaves."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, kind: str, *values: Any) -> None:
        line = json.dumps([kind, round(time.monotonic(), 4), *values], separators=(",", ":"))
        os.write(self._file, f"{line}\n".encode())
        if kind == "sent":
            os.fsync(self._file)

    def close(self) -> None:
        os.fsync(self._file)
        os.close(self._file)


@dataclass
class Record:
    """A journal as it reads afterwards; times are monotonic seconds of this machine."""

    number: int
    joined: list[int] = field(default_factory=list)  # positions that joins without `since` answered
    sent: dict[str, float] = field(default_factory=dict)  # message -> time, in the order of sending
    acked: dict[str, tuple[float, int]] = field(default_factory=dict)  # message -> time, seq
    confirmed: float = 0.0  # when the latest acknowledged message was sent
    refused: dict[str, str] = field(default_factory=dict)  # message -> why its ask ended without an ack
    seen: list[tuple[float, int]] = field(default_factory=list)  # time and seq of every event, in order
    connection: str = ""  # the latest one's id, in hexadecimal
    ups: list[float] = field(default_factory=list)
    downs: list[tuple[float, int]] = field(default_factory=list)  # time and close code
    snapshots: int = 0
    lost_rooms: list[str] = field(default_factory=list)
    ephemeral: list[tuple[float, int, int]] = field(default_factory=list)  # time, cursors and signals received so far
    quiet: bool = False
    stats: dict[str, int] = field(default_factory=dict)  # of a client that was ended properly

    @property
    def connected(self) -> bool:
        """Whether the client was connected when it last said something about it."""
        return len(self.ups) > len(self.downs)

    @property
    def receives(self) -> bool:
        """Whether cursors and signals of others have come since the client was last back."""
        since = [counts for at, *counts in self.ephemeral if at > self.ups[-1]]
        return len(since) > 1 and all(last > first for first, last in zip(since[0], since[-1], strict=True))

    @property
    def head(self) -> int:
        """The highest number seen, as an event, an ack or the position of a join."""
        return max([0, *self.joined, *(seq for _, seq in self.seen), *(seq for _, seq in self.acked.values())])

    def up_after(self, moment: float) -> float | None:
        """When the client was connected again after its first drop past `moment`; None without a drop or a return."""
        dropped = next((at for at, _ in self.downs if at >= moment), None)
        return None if dropped is None else next((at for at in self.ups if at >= dropped), None)

    def take(self, line: str) -> None:
        """Adds one line."""
        kind, at, *values = json.loads(line)
        match kind:
            case "seen":
                self.seen.append((at, values[0]))
            case "sent":
                self.sent[values[0]] = at
            case "acked":
                self.acked[values[0]] = (at, values[1])
                self.confirmed = max(self.confirmed, self.sent[values[0]])
            case "refused":
                self.refused[values[0]] = values[1]
            case "up":
                self.ups.append(at)
                self.connection = values[0].replace("-", "")
            case "down":
                self.downs.append((at, values[0]))
            case "joined":
                self.joined.append(values[0])
            case "ephemeral":
                self.ephemeral.append((at, *values))
            case "snapshot":
                self.snapshots += 1
            case "left":
                self.lost_rooms.append(values[0])
            case "quiet":
                self.quiet = True
            case "end":
                self.stats = values[0]
            case _:
                raise ValueError(f"unknown journal line {line!r}")


class Reader:
    """Follows a journal while it is written."""

    def __init__(self, path: Path, number: int) -> None:
        self._path = path
        self._offset = 0
        self.record = Record(number)

    def read(self) -> Record:
        """Takes in the whole lines that are new, and returns everything so far."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                whole = file.read().rpartition(b"\n")[0]
            if whole:
                self._offset += len(whole) + 1
                for line in whole.decode().split("\n"):
                    self.record.take(line)
        return self.record
