"""Fills a database with users, a project and sessions, mints tokens, and prints it all as JSON."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TOKEN_LIFETIME = timedelta(hours=12)
MAX_PARTICIPANTS = 10_000


@dataclass(frozen=True)
class Person:
    """One user who may join every room."""

    id: str
    username: str
    token: str


@dataclass(frozen=True)
class World:
    """One project with all users in it, and one session per room."""

    project: str
    rooms: list[str]
    users: list[Person]


def create_world(env: Mapping[str, str], *, users: int, rooms: int) -> World:
    """Creates a world in the database of this environment, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.world", "--users", str(users), "--rooms", str(rooms)],
        env=dict(env),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise RuntimeError(f"the world was not created:\n{done.stdout}\n{done.stderr}")
    made = json.loads(done.stdout.splitlines()[-1])
    return World(made["project"], made["rooms"], [Person(**user) for user in made["users"]])


def fill_database(users: int, rooms: int) -> tuple[Any, list[Any], list[Any]]:
    """Creates and returns the project, its sessions and its users; the one place that knows the models."""
    from bduf_realtime.accounts.models import User
    from collaboration import models, services

    people = User.objects.bulk_create(
        [User(username=f"bench{number}", name=f"Bench {number}", password="!") for number in range(users)],
        batch_size=500,
    )
    owner = people[0]
    project = services.project_create(by=owner, name="Benchmark")
    models.Membership.objects.bulk_create(
        [models.Membership(project=project, user=person, role="participant") for person in people[1:]],
        batch_size=500,
    )
    sessions = [
        services.session_create(
            by=owner,
            project=project,
            name=f"Room {number}",
            settings={"max_participants": MAX_PARTICIPANTS},
        )
        for number in range(rooms)
    ]
    return project, sessions, people


def access_token(user: Any) -> str:
    """Mints a token that outlives every run."""
    from rest_framework_simplejwt.tokens import AccessToken

    token = AccessToken.for_user(user)
    token.set_exp(lifetime=TOKEN_LIFETIME)
    return str(token)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--rooms", type=int, required=True)
    options = parser.parse_args()

    import django

    django.setup()
    project, sessions, people = fill_database(options.users, options.rooms)
    users = [Person(str(user.pk), user.username, access_token(user)) for user in people]
    print(json.dumps(asdict(World(str(project.pk), [str(session.pk) for session in sessions], users))))


if __name__ == "__main__":
    main()
