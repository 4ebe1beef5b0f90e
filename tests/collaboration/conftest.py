from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.conf import conf
from bduf_realtime.rooms import log
from collaboration import roles, services
from collaboration.models import Project, Session
from collaboration.services import invitations, projects, sessions
from tests.people import person


@dataclass
class Team:
    """A project with one session and somebody in each role, the session's creator being the project's owner."""

    project: Project
    session: Session
    owner: User
    moderator: User
    participant: User
    observer: User
    stranger: User

    def __getitem__(self, role: str) -> User:
        return vars(self)[role]


@pytest.fixture
def team(db: None) -> Team:
    owner, people = person("owner"), {role: person(role) for role in roles.ROLES[1:]}
    project = services.project_create(name="Orchestrator", by=owner)
    for role, user in people.items():
        services.project_member_set(project=project, user=user, role=role, by=owner)
    session = services.session_create(project=project, by=owner, name="Kick-off")
    return Team(project, session, owner, stranger=person("stranger"), **people)


def events_of(room: str) -> list[dict[str, Any]]:
    """All events of a room's log, decoded."""
    return [json.loads(frame) for _, frame in log.read(room, after=0, limit=1_000).events]


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the services other limits."""

    def change(**limits: Any) -> None:
        tuned = msgspec.structs.replace(conf, **limits)
        for module in (projects, sessions, invitations):
            monkeypatch.setattr(module, "conf", tuned)

    return change
