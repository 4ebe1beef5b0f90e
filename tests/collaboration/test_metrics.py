"""Edits are counted when they are committed, and refusals by why they were refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from prometheus_client import REGISTRY

from bduf_realtime.gateway.errors import RealtimeError
from collaboration import services, status
from collaboration.documents.texts import decoded
from tests.collaboration.conftest import Team
from tests.collaboration.documents.typist import Typist
from tests.collaboration.test_edits import create, edit, results

pytestmark = pytest.mark.django_db


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"bduf_document{name}", labels) or 0.0


def counts() -> dict[str, float]:
    named = {name: value("_updates_total", strategy=name) for name in ("merge", "last_write_wins", "reject")}
    reasons = ("encoding", "client_id", "missing_deps", "conflict", "too_large")
    named |= {reason: value("_refusals_total", reason=reason) for reason in reasons}
    return named | {"bytes": value("_update_bytes_total")}


def test_edits_are_counted_by_strategy_and_refusals_by_reason(
    team: Team, django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[Any]]
) -> None:
    text, last, reject = (create(team, strategy) for strategy in ("merge", "last_write_wins", "reject"))
    ada, eve = Typist(7), Typist(7)
    update, forged = ada.type("a"), (eve.type("x"), eve.type("y"))[1]
    before = counts()
    with django_capture_on_commit_callbacks(execute=True):
        results(
            edit(text, team.owner, update=update),
            edit(text, team.moderator, update=forged),
            edit(text, team.owner, update=(Typist(8).type("a"), ada.type("b"), ada.type("c"))[2]),
            edit(last, team.owner, changes={"a": 1}),
            edit(last, team.observer, changes={"a": 1}),
            edit(reject, team.owner, changes={"a": 1}, base=1),
            edit(reject, team.owner, changes={"a": 1}, base=1),
        )
        with pytest.raises(RealtimeError):
            edit(text, team.owner, update="////")
    added = {name: number - before[name] for name, number in counts().items()}
    assert added == {
        **{"merge": 1, "last_write_wins": 1, "reject": 1, "encoding": 1, "client_id": 1, "missing_deps": 1},
        **{"conflict": 1, "too_large": 0, "bytes": len(decoded(update, "")) + 4},
    }


def test_the_gauges_say_what_the_status_says(team: Team) -> None:
    services.document_create(session=team.session.pk, by=team.owner, title="T", strategy="merge", content="Hello")
    assert status.count_for_metrics() == status.count_compaction() == 0
    counted = status.document_metrics()
    assert value("s", strategy="merge") == counted.by_strategy["merge"] == 1
    assert value("_bytes") == counted.bytes
    assert value("_versions_due") == counted.versions_due
    assert value("_cache_texts") == counted.cached_texts
    assert value("_cache_bytes") == counted.cached_bytes
    assert value("_updates_not_compacted") == status.compaction_metrics().updates == 1
    assert value("_texts_due") == value("_snapshot_age_seconds") == 0
