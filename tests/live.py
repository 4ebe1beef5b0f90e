"""Running servers as tests use them: people, sessions, REST calls and sockets, all from outside."""

from __future__ import annotations

import itertools
import json
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg

from bduf_realtime.client import Client
from benchmarks.world import Person, World, create_world
from tests.servers import Deployment, Template

PEOPLE = 120


def peopled(env: Mapping[str, str]) -> World:
    return create_world(env, users=PEOPLE, rooms=1)


# The tokens of its people are signed and addressed by these settings.
PEOPLED = Template(peopled, rests_on=("SECRET_KEY", "BDUF_JWT_"))


class Live:
    """A deployment with a pool of people who share one project; each test takes people and a session of its own."""

    def __init__(self, deployment: Deployment, world: World | None = None) -> None:
        self.deployment = deployment
        world = world or deployment.contents or peopled(deployment.env)
        self.project = world.project
        self.owner = world.users[0]
        self._people = itertools.cycle(world.users[1:])

    @property
    def url(self) -> str:
        return self.deployment.url

    @property
    def ws_url(self) -> str:
        return self.deployment.ws_url

    def person(self) -> Person:
        """Somebody of the project (role participant) whom no other current test uses."""
        return next(self._people)

    def people(self, number: int) -> list[Person]:
        return [self.person() for _ in range(number)]

    def session(self, owner: Person | None = None, **settings: Any) -> str:
        """Opens a session and returns its id."""
        body = {"project": self.project, "name": "Test", "settings": settings}
        status, answer = self.rest("POST", "sessions/", owner or self.owner, body)
        assert status == 201, answer
        return str(answer["id"])

    def role(self, person: Person, role: str) -> None:
        """Gives a person a role in the project."""
        status, answer = self.rest(
            "POST", f"projects/{self.project}/members/", self.owner, {"user": person.id, "role": role}
        )
        assert status == 201, answer

    def rest(
        self, method: str, path: str, person: Person | None = None, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        """Calls REST below /api/v1/; returns the status and the decoded answer."""
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", method=method)
        if person is not None:
            request.add_header("Authorization", f"Bearer {person.token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=15) as response:
                raw, status = response.read(), response.status
        except urllib.error.HTTPError as error:
            raw, status = error.read(), error.code
        try:
            return status, json.loads(raw) if raw else None
        except ValueError:
            return status, raw.decode("utf-8", "replace")

    def metrics(self) -> dict[str, float]:
        """What /metrics of the first server says, by series."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=15) as response:
            lines = response.read().decode().splitlines()
        return {name: float(value) for name, value in (li.rsplit(" ", 1) for li in lines if li[0] != "#")}

    def execute(self, *statements: str) -> None:
        """Runs SQL in the deployment's database, in one transaction, behind the servers' back."""
        url = self.deployment.env["DATABASE_URL"]
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=15)) as database, database:
                for statement in statements:
                    database.execute(statement)
        else:
            with psycopg.connect(url) as postgres:
                for statement in statements:
                    postgres.execute(statement.encode())

    def value(self, query: str) -> Any:
        """The first value of the first row that a query finds in the deployment's database."""
        url = self.deployment.env["DATABASE_URL"]
        if url.startswith("sqlite"):
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=15)) as database:
                row = database.execute(query).fetchone()
        else:
            with psycopg.connect(url) as postgres:
                row = postgres.execute(query.encode()).fetchone()
        return row[0] if row else None

    def client(self, person: Person, path: str = "/ws/", *, server: int = 0, **options: Any) -> Client:
        """A client of one of this deployment's servers, to be entered with `async with`."""
        return Client(f"{self.deployment.servers[server].ws_url}{path}", person.token, **options)
