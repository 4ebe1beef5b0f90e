"""The table of commands: a client's `type` is looked up here, and nowhere else."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

import msgspec

F = TypeVar("F", bound=Callable[..., Any])


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every command's payload derives from: unknown fields are refused."""


class Nothing(Data, frozen=True):
    """No fields."""


class Handler(msgspec.Struct, frozen=True):
    """How one type of command is read, limited and run.

    A coroutine is a barrier: it starts when the connection's earlier commands are done, and later ones wait for it.
    A plain function runs at once, and may return a Submission for the journal. `rate` names its own bucket.
    """

    shape: type[Data]
    type: str
    run: Callable[..., Any]
    barrier: bool
    rate: str | None
    answers: Any
    summary: str


def handles(type_: str, *, rate: str | None = None) -> Callable[[F], F]:
    """Makes a consumer's method the handler of a type; its `message` annotation is the payload's struct."""

    def mark(method: F) -> F:
        method._handles = (type_, rate)  # type: ignore[attr-defined]
        return method

    return mark


def table(consumer: type) -> dict[str, Handler]:
    """Collects the handlers of a consumer class and its bases; raises TypeError when two claim one type."""
    found: dict[str, Handler] = {}
    for name, method in inspect.getmembers(consumer, callable):
        if (marked := getattr(method, "_handles", None)) is None:
            continue
        type_, rate = marked
        hints = get_type_hints(method)
        if type_ in found:
            raise TypeError(f"{name}: another handler takes {type_} already.")
        found[type_] = Handler(
            hints["message"],
            type_,
            method,
            inspect.iscoroutinefunction(method),
            rate,
            hints.get("return"),
            (inspect.getdoc(method) or "").partition("\n")[0],
        )
    return found
