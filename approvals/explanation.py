"""Why a request is where it is, in one line of plain English. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from approvals.states import Decision, Outcome, StageState, State

NAMED = 3  # of many people; the others are counted
NAME = 60  # characters of one
VOTES: dict[Decision, str] = {
    "approve": "approval",
    "reject": "rejection",
    "request_changes": "request for changes",
    "abstain": "abstention",
}


class Stale(msgspec.Struct, frozen=True):
    """A vote that counts no more, for the content changed by the event with the number `since`."""

    name: str
    decision: Decision
    since: int


def explain(
    *,
    state: State,
    outcome: Outcome,
    names: Mapping[str, str],
    stale: Sequence[Stale] = (),
    changed_seq: int | None = None,
    open_threads: int = 0,
    reason: str = "",
) -> str:
    """Says what a request waits for, or how it ended.

    `names` are those of the seats, `stale` the votes that whoever cast them has not cast again, `changed_seq` the event
    by which the content was found changed since anybody looked, `open_threads` the conversations that keep it from
    being approved, `reason` what was said when it was cancelled or bypassed.
    """
    if state != "pending":
        return _ended(state, outcome, names, reason)
    clauses = [
        "all have approved" if outcome.threads_open else _needs(outcome, names),
        *(f"{_short(vote.name)}'s {VOTES[vote.decision]} is stale since event {vote.since}" for vote in stale[:NAMED]),
    ]
    if len(stale) > NAMED:
        clauses.append(f"{_are(len(stale) - NAMED, 'other vote')} stale")
    if changed_seq is not None:
        clauses.append(f"the content has changed at event {changed_seq}")
    if open_threads:
        clauses.append(f"{_are(open_threads, 'conversation')} open")
    return sentence("; ".join(clauses))


def _needs(outcome: Outcome, names: Mapping[str, str]) -> str:
    stage = outcome.stages[outcome.stage]
    waiting = [names.get(seat, seat) for seat in stage.waiting]
    whom = f"waiting for {listed(waiting)}" if waiting else "nobody is left to decide"
    return f"needs {counted(stage.missing, 'more approval')}{_where(outcome, stage, 'from')} ({whom})"


def _ended(state: State, outcome: Outcome, names: Mapping[str, str], reason: str) -> str:
    stage = outcome.stages[outcome.stage]
    said = f": {reason}" if reason else ""
    if state == "approved":
        people = dict.fromkeys(seat for each in outcome.stages for seat in each.approved)
        return sentence(f"approved by {listed([names.get(seat, seat) for seat in people])}")
    if state in ("rejected", "changes_requested") and (stage.against or stage.state == "rejected"):
        word = "rejected" if state == "rejected" else "changes were requested"
        by = f"by {listed([names.get(seat, seat) for seat in stage.against])}" if stage.against else "by abstention"
        return sentence(f"{word} {by}{_where(outcome, stage, 'for')}")
    if state in ("rejected", "expired"):
        word = "expired" if state == "expired" else "rejected, for its time was up"
        return sentence(f"{word}; it needed {counted(stage.missing, 'more approval')}{_where(outcome, stage, 'from')}")
    return sentence(f"{'cancelled' if state == 'cancelled' else 'approved without a vote'}{said}")


def _where(outcome: Outcome, stage: StageState, word: str) -> str:
    if stage.name:
        return f" {word} {_short(stage.name)}"
    return f" in stage {outcome.stage + 1} of {len(outcome.stages)}" if len(outcome.stages) > 1 else ""


def listed(names: Sequence[str], most: int = NAMED, word: str = "and") -> str:
    """Names as a sentence has them, the first few of many."""
    shown = [_short(name) for name in names[:most]]
    if len(names) > most:
        shown.append(counted(len(names) - most, "other"))
    return f" {word} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown) or "nobody"


def _short(name: str) -> str:
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _are(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"


def sentence(text: str) -> str:
    """A text with a capital letter and a full stop."""
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
