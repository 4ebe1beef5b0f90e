"""People who ask each other for approval, in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from approvals import messages as wire
from approvals import services
from approvals.messages import ApprovalAnswer
from approvals.models import Approval
from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.gateway.reading import read_data
from collaboration.models import Document
from tests.collaboration.conftest import Team, events_of


def ask(team: Team, by: User | None = None, *, about: Document | None = None, **fields: Any) -> ApprovalAnswer:
    """Asks for approval in the team's project, as its participant unless told otherwise."""
    data = {"project": str(team.project.pk), "title": "Ship it", **fields}
    if about is not None:
        data["subject"] = {"document": str(about.pk)}
    return services.approval_request(message=read_data(data, wire.ApprovalRequest), by=by or team.participant)


def decide(asked: ApprovalAnswer, by: User, decision: Any = "approve", **given: Any) -> ApprovalAnswer:
    """Votes on what was asked, or on the content with the hash that is given."""
    given = {"content_hash": asked.content_hash, **given}
    return services.approval_decide(approval=UUID(asked.id), decision=decision, by=by, **given)


def stored(asked: ApprovalAnswer) -> Approval:
    """The request's row."""
    return Approval.objects.get(pk=asked.id)


def refused(function: Callable[..., Any], *arguments: Any, **given: Any) -> tuple[str, dict[str, Any]]:
    """The code by which something is refused, and its details."""
    with pytest.raises(RealtimeError) as error:
        function(*arguments, **given)
    return error.value.code, error.value.details


def told(team: Team, room: str = "") -> list[str]:
    """The approval events in the project's room, or another's, by their last words."""
    types = [event["type"] for event in events_of(room or f"project:{team.project.pk}")]
    return [type_.removeprefix("approval:") for type_ in types if type_.startswith("approval:")]
