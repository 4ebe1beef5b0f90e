"""Requests are counted when they are made and when they end, and links when they are used or refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from approvals import services
from approvals.models import Approval
from bduf_realtime.gateway.errors import RealtimeError
from tests.approvals.asking import ask, decide, stored
from tests.collaboration.conftest import Team

pytestmark = pytest.mark.django_db

Capture = Callable[..., AbstractContextManager[Any]]
NAMES: dict[str, tuple[str, dict[str, str]]] = {
    "requested": ("bduf_approvals_requested_total", {}),
    "approved": ("bduf_approvals_closed_total", {"outcome": "approved"}),
    "cancelled": ("bduf_approvals_closed_total", {"outcome": "cancelled"}),
    "decisions": ("bduf_approval_decision_seconds_count", {}),
    "within an hour": ("bduf_approval_decision_seconds_bucket", {"le": "3600.0"}),
    "within a day": ("bduf_approval_decision_seconds_bucket", {"le": "86400.0"}),
    "used": ("bduf_decision_links_total", {"outcome": "used"}),
    "invalid": ("bduf_decision_links_total", {"outcome": "auth.invalid"}),
    "stale": ("bduf_decision_links_total", {"outcome": "approval.stale"}),
    "used before": ("bduf_decision_links_total", {"outcome": "approval.already_decided"}),
}


def counts() -> dict[str, float]:
    return {name: REGISTRY.get_sample_value(*of) or 0.0 for name, of in NAMES.items()}


def added(since: dict[str, float]) -> dict[str, float]:
    return {name: number - since[name] for name, number in counts().items() if number != since[name]}


def test_requests_are_counted_by_outcome_and_decisions_by_how_long_they_took(
    team: Team, django_capture_on_commit_callbacks: Capture
) -> None:
    before = counts()
    with django_capture_on_commit_callbacks(execute=True):
        first, second = ask(team), ask(team)
        ask(team)
        Approval.objects.filter(pk=first.id).update(created_at=stored(first).created_at - timedelta(hours=2))
        decide(first, team.owner)
        services.approval_cancel(approval=UUID(second.id), by=team.participant)
    once = dict.fromkeys(("approved", "cancelled", "decisions", "within a day"), 1.0)
    assert added(before) == {"requested": 3.0, **once}
    services.approvals_count()
    assert REGISTRY.get_sample_value("bduf_approvals_open") == 1.0


def test_links_are_counted_when_used_and_by_code_when_refused(
    team: Team, django_capture_on_commit_callbacks: Capture
) -> None:
    asked = ask(team)
    token = services.link_create(approval=stored(asked), user=team.owner).partition("#")[2]
    before = counts()

    def use(content_hash: str) -> None:
        services.link_decide(link=services.link_read(token=token), decision="approve", content_hash=content_hash)

    with django_capture_on_commit_callbacks(execute=True):
        for content_hash in ("0" * 64, asked.content_hash, asked.content_hash):
            try:
                use(content_hash)
            except RealtimeError:
                continue
        with pytest.raises(RealtimeError):
            services.link_read(token="made up")
    said = added(before)
    assert {name: said[name] for name in ("used", "invalid", "stale", "used before")} == dict.fromkeys(
        ("used", "invalid", "stale", "used before"), 1.0
    )
