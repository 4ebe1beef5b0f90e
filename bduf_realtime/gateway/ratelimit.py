"""Rate arithmetic: token buckets and the judgement of abuse. Pure: the clock is an argument."""

from __future__ import annotations

from bduf_realtime.gateway.conf import Conf

# Reading a document update takes up to 0.2 ms per KB of the loop: so many bytes more of one cost as much as one more.
BYTES_A_TOKEN = 8_192


class Bucket:
    """Holds `rate * burst` tokens and regains `rate` a second."""

    __slots__ = ("_at", "_capacity", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._capacity = max(rate * burst, 1.0)
        self._tokens = self._capacity
        self._at = now

    def take(self, now: float, cost: float = 1.0) -> float:
        """Takes `cost` tokens and returns 0, or takes none and returns the seconds until they are there.

        What costs more than the bucket holds takes a full one.
        """
        self._regain(now)
        cost = min(cost, self._capacity)
        if self._tokens >= cost:
            self._tokens -= cost
            return 0.0
        return (cost - self._tokens) / self._rate if self._rate > 0 else float("inf")

    def charge(self, now: float, cost: float) -> None:
        """Takes tokens that were spent elsewhere, into debt if need be, but never more than one burst of it."""
        self._regain(now)
        self._tokens = max(self._tokens - cost, -self._capacity)

    def full(self, now: float) -> bool:
        self._regain(now)
        return self._tokens >= self._capacity

    def _regain(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._rate)
            self._at = now


class Turns:
    """Tells commands that were refused when to come back: each at a time of its own, so that not all meet again."""

    LATEST = 10.0

    __slots__ = ("_next", "_pause")

    def __init__(self, rate: float) -> None:
        self._pause = 1.0 / rate if rate > 0 else self.LATEST
        self._next = 0.0

    def wait(self, now: float, at_least: float) -> float:
        """Gives the next turn away: the seconds until then, not much more than LATEST."""
        turn = max(self._next, now + min(at_least, self.LATEST))
        self._next = min(turn + self._pause, now + self.LATEST)
        return turn - now


class Abuse:
    """Counts successive one-second windows in which a client kept sending although it was told to wait."""

    __slots__ = ("_refused", "_window", "_windows", "tolerated")

    def __init__(self, tolerated: int = 5) -> None:
        self.tolerated = tolerated
        self._window = -1
        self._windows = 0
        self._refused = 0

    def refused(self, now: float) -> int:
        """Notes a refusal and returns how many windows in a row were abusive, this one included."""
        window = int(now)
        if window != self._window:
            abusive = self._refused > self.tolerated and window == self._window + 1
            self._windows = self._windows + 1 if abusive else 0
            self._window, self._refused = window, 0
        self._refused += 1
        return self._windows + (1 if self._refused > self.tolerated else 0)


class Malformed:
    """Remembers when the last malformed frames came."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: list[float] = []

    def count(self, now: float, period: float = 60.0) -> int:
        """Notes a malformed frame and returns how many came within `period` seconds."""
        self._times = [at for at in self._times if at > now - period]
        self._times.append(now)
        return len(self._times)


class UserBuckets:
    """One bucket per user, shared by the user's connections and kept across reconnects until it is full again.

    What is spent here is told to other instances, which charge it to their own bucket of the user.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, Bucket] = {}
        self._spent: dict[str, float] = {}

    def take(self, user: str, now: float) -> float:
        """Takes one token of the user's; returns 0, or the seconds to wait."""
        wait = self._bucket(user, now).take(now)
        if wait == 0.0:
            self._spent[user] = self._spent.get(user, 0.0) + 1.0
        return wait

    def spent(self) -> dict[str, float]:
        """What was taken here since the last call."""
        spent, self._spent = self._spent, {}
        return spent

    def charge(self, spent: dict[str, float], now: float) -> None:
        """Charges what users spent on another instance."""
        for user, cost in spent.items():
            self._bucket(user, now).charge(now, cost)

    def forget_idle(self, now: float) -> None:
        self._buckets = {user: bucket for user, bucket in self._buckets.items() if not bucket.full(now)}

    def __len__(self) -> int:
        return len(self._buckets)

    def _bucket(self, user: str, now: float) -> Bucket:
        bucket = self._buckets.get(user)
        if bucket is None:
            bucket = self._buckets[user] = Bucket(self._rate, self._burst, now)
        return bucket


class Limits:
    """Everything that limits what one connection sends; `users` are the buckets it shares with its user's others."""

    __slots__ = ("_abuse", "_buckets", "_complained", "_conf", "_malformed", "_turns", "_users")

    def __init__(self, conf: Conf, users: UserBuckets) -> None:
        self._conf = conf
        self._users = users
        self._buckets: dict[str, Bucket] = {}
        self._turns: dict[str, Turns] = {}
        self._complained: dict[str, float] = {}
        self._malformed = Malformed()
        self._abuse = Abuse()

    def take(self, rate: str | None, user: str, now: float, size: int = 0) -> tuple[str, float] | None:
        """Takes a token from every bucket a command falls under; or tells the empty one and the seconds to wait.

        `rate` names the command's own bucket, from which a document update takes more by its `size`. Cursor moves
        fall under theirs alone.
        """
        bucket, wait = rate or "connection", 0.0
        if rate is not None:
            wait = self._bucket(rate, now).take(now, 1.0 + (size // BYTES_A_TOKEN if rate == "document" else 0))
        if not wait and rate != "cursor":
            bucket, wait = "connection", self._bucket("connection", now).take(now)
            if not wait:
                bucket, wait = "user", self._users.take(user, now)
        if not wait:
            return None
        turns = self._turns.get(bucket)
        if turns is None:
            turns = self._turns[bucket] = Turns(self._rate(bucket))
        return bucket, turns.wait(now, wait)

    def worth_telling(self, bucket: str, now: float) -> bool:
        """Whether a command that expects no answer is told of its refusal: once a second."""
        if now - self._complained.get(bucket, float("-inf")) < 1.0:
            return False
        self._complained[bucket] = now
        return True

    def abused(self, rate: str | None, now: float) -> bool:
        """Notes a refusal; true when the client did not slow down for too long. Cursor moves are never abuse."""
        return rate != "cursor" and self._abuse.refused(now) >= self._conf.abuse_windows

    def malformed(self, now: float) -> bool:
        """Notes a malformed frame; true when that was one too many in a minute."""
        return self._malformed.count(now) >= self._conf.malformed_frames

    def _bucket(self, rate: str, now: float) -> Bucket:
        bucket = self._buckets.get(rate)
        if bucket is None:
            bucket = self._buckets[rate] = Bucket(self._rate(rate), self._conf.rate_burst, now)
        return bucket

    def _rate(self, bucket: str) -> float:
        conf = self._conf
        rate: float = getattr(conf, f"rate_{bucket}")
        return rate
