"""Who may do what over REST: every route, for everybody there can be. The table is the rule.

A route that is in the code and not in the table fails, and so does one that is in the table alone.
"""

from __future__ import annotations

import copy
import json
import re
import uuid
from typing import Any

import pytest
from django.db import transaction

from bduf_realtime.gateway.models import Attendance, Connection, Instance
from collaboration.models import Participant
from tests.cast import CALLERS, Cast, read, troupe
from tests.people import Rest
from tests.routes import body, calls, filled, ids

ROUTES = """
                                                           anon strg obsr part mod  own  staff guest
POST   auth/token/                                         400  400  400  400  400  400  400   400
POST   auth/token/refresh/                                 400  400  400  400  400  400  400   400
POST   auth/sign-out/                                      401  204  204  204  204  204  204   204
POST   auth/page/                                          400  400  400  400  400  400  400   400
DELETE auth/page/                                          204  204  204  204  204  204  204   204
POST   auth/socket-token/                                  401  401  401  401  401  401  401   401
GET    me/                                                 401  200  200  200  200  200  200   200
GET    projects/                                           401  200  200  200  200  200  200   200
POST   projects/                                           401  201  201  201  201  201  201   403
GET    projects/<uuid:pk>/                                 401  404r 200  200  200  200  404r  404r
PATCH  projects/<uuid:pk>/                                 401  404r 403  403  403  200  404r  404r
GET    projects/<uuid:pk>/members/                         401  404r 200  200  200  200  404r  404r
POST   projects/<uuid:pk>/members/                         401  404r 403  403  201  201  404r  404r
DELETE projects/<uuid:pk>/members/<str:user>/              401  404r 403  403  204  204  404r  404r
GET    sessions/                                           401  200  200  200  200  200  200   200
POST   sessions/                                           401  404r 403  201  201  201  404r  404r
GET    sessions/<uuid:pk>/                                 401  404s 200  200  200  200  404s  200
PATCH  sessions/<uuid:pk>/                                 401  404s 403  403  403  200  404s  403
POST   sessions/<uuid:pk>/pause/                           401  404s 403  403  403  200  404s  403
POST   sessions/<uuid:pk>/resume/                          401  404s 403  403  403  200  404s  403
POST   sessions/<uuid:pk>/end/                             401  404s 403  403  403  200  404s  403
GET    sessions/<uuid:pk>/events/                          401  404s 200  200  200  200  404s  200
GET    sessions/<uuid:pk>/participants/                    401  404s 200  200  200  200  404s  200
PATCH  sessions/<uuid:pk>/participants/<uuid:user>/        401  404s 403  403  200  200  404s  403
DELETE sessions/<uuid:pk>/participants/<uuid:user>/        401  404s 403  403  204  204  404s  403
POST   sessions/<uuid:pk>/participants/<uuid:user>/admit/  401  404s 403  403  200  200  404s  403
POST   sessions/<uuid:pk>/participants/<uuid:user>/deny/   401  404s 403  403  200  200  404s  403
GET    sessions/<uuid:pk>/invitations/                     401  404s 403  403  200  200  404s  403
POST   sessions/<uuid:pk>/invitations/                     401  404s 403  403  201  201  404s  403
DELETE sessions/<uuid:pk>/invitations/<uuid:invitation>/   401  404s 403  403  204  204  404s  403
POST   invitations/accept/                                 200  200  200  200  200  200  200   200
GET    documents/                                          401  200  200  200  200  200  200   200
POST   documents/                                          401  404s 403  201  201  201  404s  201
GET    documents/<uuid:pk>/                                401  404d 200  200  200  200  404d  200
PATCH  documents/<uuid:pk>/                                401  404d 403  200  200  200  404d  200
DELETE documents/<uuid:pk>/                                401  404d 403  403  403  204  404d  403
GET    documents/<uuid:pk>/content/                        401  404d 200  200  200  200  404d  200
GET    documents/<uuid:pk>/attribution/                    401  404d 200  200  200  200  404d  200
PUT    documents/<uuid:pk>/content/                        401  404d 403  200  200  200  404d  200
PATCH  documents/<uuid:pk>/content/                        401  404d 403  200  200  200  404d  200
GET    documents/<uuid:pk>/export/                         401  404d 200  200  200  200  404d  200
GET    documents/<uuid:pk>/versions/                       401  404d 200  200  200  200  404d  200
POST   documents/<uuid:pk>/versions/                       401  404d 403  201  201  201  404d  201
GET    documents/<uuid:pk>/versions/<uuid:version>/        401  404d 200  200  200  200  404d  200
POST   documents/<uuid:pk>/versions/<uuid:version>/restore/ 401  404d 403  200  200  200  404d  200
GET    documents/<uuid:pk>/versions/<uuid:version>/diff/current/ 401  404d 200  200  200  200  404d  200
GET    documents/<uuid:pk>/versions/<uuid:version>/diff/<uuid:other>/ 401  404d 200  200  200  200  404d  200
GET    approvals/                                          401  200  200  200  200  200  200   200
POST   approvals/                                          401  404r 403  201  201  201  404r  404r
GET    approvals/<uuid:pk>/                                401  404a 200  200  200  200  404a  200
POST   approvals/<uuid:pk>/decide/                         401  404a 403n 200  200  200  404a  403n
POST   approvals/<uuid:pk>/comment/                        401  404a 200  200  200  200  404a  200
POST   approvals/<uuid:pk>/resolve/                        401  404a 403  200  200  200  404a  200
POST   approvals/<uuid:pk>/delegate/                       401  404a 403n 200  200  200  404a  403n
POST   approvals/<uuid:pk>/cancel/                         401  404a 403  403  200  200  404a  403
POST   approvals/<uuid:pk>/bypass/                         401  404a 403  403  403  200  404a  403
GET    approvals/<uuid:pk>/sheet/                           401  404a 200  200  200  200  404a  200
POST   approvals/link/                                     200  200  200  200  200  200  200   200
POST   approvals/link/decide/                              200  200  200  200  200  200  200   200
GET    policies/                                           401  200  200  200  200  200  200   200
POST   policies/                                           401  404r 403  403  403  201  404r  404r
GET    policies/<uuid:pk>/                                 401  404r 200  200  200  200  404r  404r
PATCH  policies/<uuid:pk>/                                 401  404r 403  403  403  200  404r  404r
DELETE policies/<uuid:pk>/                                 401  404r 403  403  403  204  404r  404r
GET    policies/<uuid:pk>/versions/                        401  404r 200  200  200  200  404r  404r
GET    notifications/                                      401  200  200  200  200  200  200   200
POST   notifications/read/                                 401  200  200  200  200  200  200   200
GET    notifications/unread/                               401  200  200  200  200  200  200   200
GET    notifications/preferences/                          401  200  200  200  200  200  200   200
PATCH  notifications/preferences/                          401  200  200  200  200  200  200   200
GET    audit/                                              401  403  403  403  403  403  200   403
GET    status/                                             401  403  403  403  403  403  200   403
GET    status/samples/                                     401  403  403  403  403  403  200   403
GET    connections/                                        401  403  403  403  403  403  200   403
GET    connections/<uuid:pk>/                              401  403  403  403  403  403  200   403
DELETE connections/<uuid:pk>/                              401  403  403  403  403  403  204   403
GET    asyncapi.json                                       200  200  200  200  200  200  200   200
GET    schema/                                             200  200  200  200  200  200  200   200
GET    docs/                                               200  200  200  200  200  200  200   200
"""
REFUSED = {
    "400": "msg.missing_field",
    "401": "auth.invalid",
    "403": "perm.denied",
    "404r": "room.not_found",
    "404s": "session.not_found",
    "404d": "doc.not_found",
    "404a": "approval.not_found",
    "403n": "approval.not_approver",
}


ROUTE_TABLE = read(ROUTES)
__all__ = ["troupe"]


@pytest.fixture
def everybody(troupe: Cast, db: None) -> Cast:
    return copy.deepcopy(troupe)


def test_every_route_is_in_the_table_and_every_route_of_the_table_is_there() -> None:
    assert sorted(ROUTE_TABLE) == sorted(calls())


def answer(caller: Rest, call: str, holes: dict[str, Any], data: Any = None) -> tuple[int, Any]:
    """Makes a call, and leaves nothing of it behind."""
    method, path = call.split()
    path = filled(path, holes)
    with transaction.atomic():
        response = caller.client.generic(method, f"/api/v1/{path}", json.dumps(data or {}), "application/json")
        transaction.set_rollback(True)
    is_json = response["Content-Type"] == "application/json" if response.content else False
    return response.status_code, response.json() if is_json else None


@pytest.mark.parametrize("call", ROUTE_TABLE)
def test_a_route_answers_everybody_as_the_table_says(call: str, everybody: Cast, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    got = {}
    for caller in CALLERS:
        rest = Rest(everybody.people[caller])
        status, said = answer(rest, call, ids(everybody, call.split()[1]), body(everybody, call))
        known = [word for word, code in REFUSED.items() if (said or {}).get("code") == code and word[:3] == str(status)]
        got[caller] = known[0] if known else f"{status} {said['code']}" if status >= 400 else str(status)
    assert got == ROUTE_TABLE[call]


@pytest.mark.parametrize("call", [call for call in ROUTE_TABLE if "<" in call])
def test_what_is_anothers_is_answered_as_what_does_not_exist(call: str, everybody: Cast) -> None:
    path = call.split()[1]
    caller = Rest(everybody["staff" if path.startswith("connections/") else "owner"])
    foreign = {
        "pk": {"projects": everybody.foreign_project.pk, "sessions": everybody.foreign_session.pk}
        | {"documents": everybody.foreign_document.pk, "approvals": everybody.foreign_approval.id}
        | {"policies": everybody.foreign_policy.pk},
        "user": everybody["stranger"].pk,
        "invitation": everybody.foreign_invitation.pk,
        "version": everybody.foreign_version.pk,
        "other": everybody.foreign_version.pk,
    }
    for hole in re.findall(r":(\w+)>", path):
        theirs = foreign[hole] if hole != "pk" else foreign["pk"].get(path.partition("/")[0], everybody.project.pk)
        answers = [
            answer(caller, call, {**ids(everybody, path), hole: id_}, body(everybody, call))
            for id_ in (theirs, uuid.uuid4())
        ]
        assert answers[0] == answers[1]
        assert answers[0][0] == 404


PRIVATE = ("@private.example", "192.0.2.66", "Spy/1.0", "md5$")


@pytest.mark.parametrize("call", [call for call in ROUTE_TABLE if "200" in ROUTE_TABLE[call]["observer"]])
def test_nobody_is_told_what_is_private_to_others(call: str, everybody: Cast) -> None:
    for user in everybody.people.values():
        if user is not None:
            user.email, user.password = f"{user.username}@private.example", "md5$private"
            user.save()
    Participant.objects.update(present=True)
    Connection.objects.update(address="192.0.2.66", user_agent="Spy/1.0")
    room = f"session:{everybody.session.pk}"
    Attendance.objects.create(
        connection=everybody.connection.pk, instance=Instance.objects.get(), room=room, user=str(everybody["owner"].pk)
    )
    for caller in ("observer", "participant", "moderator", "guest"):
        user = everybody[caller]
        _, said = answer(Rest(user), call, ids(everybody, call.split()[1]), body(everybody, call))
        told = json.dumps(said).replace(f"{user.username}@private.example", "")  # one's own, to oneself
        assert not [word for word in PRIVATE if word in told]
