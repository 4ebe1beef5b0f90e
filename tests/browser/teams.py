"""Teams: a project each, and people in it who have a password, and a page that is signed in already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from benchmarks.world import Person, World, access_token
from tests.live import Live
from tests.servers import Deployment

PASSWORD = "tower-7-bridge"
# So many that the page has them searched; the first owns the project.
ROLES = ("owner", "participant", "participant", "moderator", "observer", *["participant"] * 5)


@dataclass(frozen=True)
class Member(Person):
    """Somebody by whose cookie a page is signed in."""

    cookie: str


class House(Live):
    """A running server as one team knows it: `owner0`, `participant1`, … by role."""

    def __init__(self, deployment: Deployment, project: str, members: list[Member]) -> None:
        super().__init__(deployment, World(project, [], list(members)))
        self.members = {
            f"{role}{number}": member for number, (role, member) in enumerate(zip(ROLES, members, strict=True))
        }


def houses_of(deployment: Deployment, number: int) -> Iterator[House]:
    """Makes teams on a running server, all by one call; none knows of another."""
    made = deployment.shell(f"from tests.browser.teams import fill_database; fill_database({number})")
    return (House(deployment, project, [Member(**one) for one in members]) for project, members in json.loads(made))


def fill_database(teams: int) -> None:
    """Makes teams, in a process of the server's, and prints them as JSON."""
    from django.contrib.auth.hashers import make_password
    from django.db import transaction

    from bduf_realtime.accounts.models import User
    from collaboration.models import Membership
    from collaboration.services import project_create

    made = []
    password = make_password(PASSWORD)  # the same for all: it takes long, as it should
    with transaction.atomic():
        for team in range(teams):
            people = User.objects.bulk_create(
                User(username=f"{role}{number}-{team}", name=f"{role.title()} {number}", password=password)
                for number, role in enumerate(ROLES)
            )
            project = project_create(by=people[0], name="Benchmark")
            Membership.objects.bulk_create(
                Membership(project=project, user=user, role=role)
                for user, role in zip(people[1:], ROLES[1:], strict=True)
            )
            members = [Member(str(user.pk), user.username, access_token(user), page_cookie(user)) for user in people]
            made.append((str(project.pk), [asdict(member) for member in members]))
    print(json.dumps(made))


def page_cookie(user: object) -> str:
    """Begins a page's login session, and returns what its cookie says."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)
