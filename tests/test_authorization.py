"""Who may do what: every REST route and every socket command, for everybody there can be. The tables are the rule.

A route or a command that is in the code and not in its table fails, and so does one that is in the table alone.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from django.db import transaction

from bduf_realtime.gateway.models import Attendance, Connection, Instance
from bduf_realtime.routing import ClientConsumer
from collaboration.models import Participant
from tests.cast import CALLERS, Cast, cast
from tests.people import Rest
from tests.routes import body, calls, filled, ids
from tests.sockets import Peer, code_of, connected, token_of

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

# `ok`: it was done. Who may be in the session is, where the command takes that. Nobody without a token comes this far.
COMMANDS = """
                                        strg  staff obsr  guest part  mod   own
hello                                   ok    ok    ok    ok    ok    ok    ok
auth:refresh                            ok    ok    ok    ok    ok    ok    ok
ping                                    ok    ok    ok    ok    ok    ok    ok
pong                                    ok    ok    ok    ok    ok    ok    ok
room:join (session)                     room  room  ok    ok    ok    ok    ok
room:join (project)                     room  room  ok    room  ok    ok    ok
room:join (document)                    room  room  ok    ok    ok    ok    ok
room:join (another's own)               room  room  room  room  room  room  room
room:leave                              out   out   ok    ok    ok    ok    ok
room:history (session)                  room  room  ok    ok    ok    ok    ok
room:history (project)                  room  room  ok    room  ok    ok    ok
room:history (document)                 room  room  ok    ok    ok    ok    ok
project:broadcast                       room  room  perm  room  perm  ok    ok
collaboration:session:create            room  room  perm  room  ok    ok    ok
collaboration:session:update            sess  sess  perm  perm  perm  perm  ok
collaboration:session:pause             sess  sess  perm  perm  perm  perm  ok
collaboration:session:resume            sess  sess  perm  perm  perm  perm  ok
collaboration:session:end               sess  sess  perm  perm  perm  perm  ok
collaboration:participant:admit         sess  sess  perm  perm  perm  ok    ok
collaboration:participant:deny          sess  sess  perm  perm  perm  ok    ok
collaboration:participant:remove        sess  sess  perm  perm  perm  ok    ok
collaboration:participant:role          sess  sess  perm  perm  perm  ok    ok
collaboration:message:send              sess  sess  perm  ok    ok    ok    ok
collaboration:signal:send               out   out   ok    ok    ok    ok    ok
collaboration:document:create           sess  sess  perm  ok    ok    ok    ok
collaboration:document:create (project) room  room  perm  room  ok    ok    ok
collaboration:document:rename           doc   doc   perm  ok    ok    ok    ok
collaboration:document:update           doc   doc   perm  ok    ok    ok    ok
collaboration:document:version:create   doc   doc   perm  ok    ok    ok    ok
collaboration:document:version:restore  doc   doc   perm  ok    ok    ok    ok
collaboration:document:sync             doc   doc   ok    ok    ok    ok    ok
collaboration:document:attribution      doc   doc   ok    ok    ok    ok    ok
collaboration:document:delete           doc   doc   perm  perm  perm  perm  ok
collaboration:cursor:move               out   out   ok    ok    ok    ok    ok
notification:subscribe                  ok    ok    ok    ok    ok    ok    ok
notification:subscribe (session)        perm  perm  ok    ok    ok    ok    ok
notification:subscribe (project)        perm  perm  ok    perm  ok    ok    ok
notification:subscribe (another's own)  perm  perm  perm  perm  perm  perm  perm
notification:unsubscribe                ok    ok    ok    ok    ok    ok    ok
notification:read                       ok    ok    ok    ok    ok    ok    ok
notification:preferences                ok    ok    ok    ok    ok    ok    ok
approval:request                        sess  sess  perm  ok    ok    ok    ok
approval:request (project)              room  room  perm  room  ok    ok    ok
approval:decide                         appr  appr  not   not   ok    ok    ok
approval:comment                        appr  appr  ok    ok    ok    ok    ok
approval:resolve                        appr  appr  perm  ok    ok    ok    ok
approval:delegate                       appr  appr  not   not   ok    ok    ok
approval:cancel                         appr  appr  perm  perm  perm  ok    done
approval:bypass                         appr  appr  perm  perm  perm  perm  ok
"""
ANSWERS = {
    "ack": "ok",
    "pong": "ok",
    "perm.denied": "perm",
    "room.not_found": "room",
    "room.not_joined": "out",
    "session.not_found": "sess",
    "doc.not_found": "doc",
    "approval.not_found": "appr",
    "approval.not_approver": "not",
    "approval.already_decided": "done",
}
SHORT = {"anon": "anonymous", "strg": "stranger", "obsr": "observer", "part": "participant", "mod": "moderator"}
SHORT |= {"own": "owner", "staff": "staff", "guest": "guest"}


def read(table: str) -> dict[str, dict[str, str]]:
    """A table's rows: the cell of each caller, by the words that begin the row."""
    head, *rows = table.strip().splitlines()
    callers = [SHORT[name] for name in head.split()]
    cells = [row.split() for row in rows]
    return {" ".join(row[: -len(callers)]): dict(zip(callers, row[-len(callers) :], strict=True)) for row in cells}


ROUTE_TABLE, COMMAND_TABLE = read(ROUTES), read(COMMANDS)


# --- REST --------------------------------------------------------------------------------------------------------


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


@pytest.mark.django_db
@pytest.mark.parametrize("call", ROUTE_TABLE)
def test_a_route_answers_everybody_as_the_table_says(call: str, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    everybody = cast()
    got = {}
    for caller in CALLERS:
        rest = Rest(everybody.people[caller])
        status, said = answer(rest, call, ids(everybody, call.split()[1]), body(everybody, call))
        known = [word for word, code in REFUSED.items() if (said or {}).get("code") == code and word[:3] == str(status)]
        got[caller] = known[0] if known else f"{status} {said['code']}" if status >= 400 else str(status)
    assert got == ROUTE_TABLE[call]


@pytest.mark.django_db
@pytest.mark.parametrize("call", [call for call in ROUTE_TABLE if "<" in call])
def test_what_is_anothers_is_answered_as_what_does_not_exist(call: str) -> None:
    everybody = cast()
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


@pytest.mark.django_db
@pytest.mark.parametrize("call", [call for call in ROUTE_TABLE if "200" in ROUTE_TABLE[call]["observer"]])
def test_nobody_is_told_what_is_private_to_others(call: str) -> None:
    everybody = cast()
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


# --- sockets -----------------------------------------------------------------------------------------------------


def test_every_command_is_in_the_table_and_every_command_of_the_table_is_there() -> None:
    assert {row.partition(" ")[0] for row in COMMAND_TABLE} == set(ClientConsumer.handlers)


@pytest.fixture
def everybody(transactional_db: None) -> Cast:
    return cast()


def frame(cast: Cast, caller: str, row: str) -> tuple[str, dict[str, Any]]:
    """A command that would do, as its type and its data."""
    type_, _, variant = row.partition(" ")
    session, project, target = str(cast.session.pk), str(cast.project.pk), str(cast.target.pk)
    document = {"document": str(cast.document.pk)}
    rooms = {"(project)": f"project:{project}", "(document)": f"document:{cast.document.pk}"}
    rooms |= {"(another's own)": f"user:{target}"}
    room = {"room": rooms.get(variant, f"session:{session}")}
    person = {"session": session, "user": target}
    topics = {"topics": [rooms.get(variant, f"session:{session}")] if variant else []}
    place = {"project": project} if variant == "(project)" else {"session": session}
    approval = {"approval": cast.approval.id}
    return type_, {
        "hello": {},
        "auth:refresh": {"token": token_of(cast[caller])} if cast.people[caller] else {},
        "ping": {},
        "pong": {},
        "room:join": room,
        "room:leave": room,
        "room:history": room,
        "project:broadcast": {"project": project, "name": "news"},
        "collaboration:session:create": {"project": project},
        "collaboration:session:update": {"session": session, "name": "New"},
        "collaboration:participant:admit": person,
        "collaboration:participant:deny": person,
        "collaboration:participant:remove": person,
        "collaboration:participant:role": {**person, "role": "observer"},
        "collaboration:message:send": {"session": session, "body": "Hello"},
        "collaboration:signal:send": {"session": session, "name": "typing"},
        "notification:subscribe": topics,
        "notification:unsubscribe": {},
        "notification:read": {"all": True},
        "notification:preferences": {},
        "collaboration:cursor:move": {"session": session, "position": {}},
        "collaboration:document:create": place | {"title": "New"},
        "collaboration:document:rename": document | {"title": "New"},
        "collaboration:document:delete": document,
        "collaboration:document:sync": document,
        "collaboration:document:attribution": document,
        "collaboration:document:version:create": document | {"title": "New"},
        "collaboration:document:version:restore": document | {"version": str(cast.version.pk)},
        "approval:request": place | {"project": project, "title": "Ship it"},
        "approval:decide": approval | {"decision": "approve", "content_hash": cast.approval.content_hash},
        "approval:comment": approval | {"body": "Why?"},
        "approval:resolve": approval | {"comment": str(cast.comment)},
        "approval:delegate": approval | {"to": cast[caller].username if cast.people[caller] else ""},
        "approval:cancel": approval,
        "approval:bypass": approval | {"reason": "The site is down."},
        "collaboration:document:update": document | {"changes": [{"key": "a", "value": 2}]},
    }.get(type_, {"session": session})


@pytest.mark.usefixtures("sockets")
@pytest.mark.parametrize("row", COMMAND_TABLE)
async def test_a_command_is_answered_to_everybody_as_the_table_says(row: str, everybody: Cast) -> None:
    got = {}
    for caller in COMMAND_TABLE[row]:  # those who may do more come later, and change what they may change
        peer = await connected(everybody[caller])
        if not row.startswith("room:join"):
            await peer.ask("room:join", {"room": f"session:{everybody.session.pk}"})
            await peer.ask("room:join", {"room": f"document:{everybody.document.pk}"})
        type_, data = frame(everybody, caller, row)
        if type_ == "pong":  # has no answer; that the socket lives is one
            await peer.send(type_, data)
            type_ = "ping"
        code = await code_of(peer, type_, data)
        got[caller] = ANSWERS.get(code, code)
        await peer.leave()
    assert got == COMMAND_TABLE[row]


@pytest.mark.usefixtures("sockets")
async def test_nobody_may_do_anything_before_saying_who_it_is(everybody: Cast) -> None:
    for row in COMMAND_TABLE:
        peer = Peer()
        assert await peer.open()
        await peer.send(*frame(everybody, "anonymous", row), id="1")
        answer = await peer.receive()
        assert (answer["id"], answer["code"]) == ("1", "auth.invalid"), row
        assert await peer.closed() == ((4401, "auth.invalid") if row == "hello" else (4400, "auth.invalid"))


@pytest.mark.usefixtures("sockets")
async def test_a_room_of_anothers_is_answered_as_one_that_does_not_exist(everybody: Cast) -> None:
    peer = await connected(everybody["owner"])
    nobody = str(uuid.uuid4())
    theirs = {"session": str(everybody.foreign_session.pk), "project": str(everybody.foreign_project.pk)}
    theirs["approval"] = everybody.foreign_approval.id
    for row in COMMAND_TABLE:
        type_, data = frame(everybody, "owner", row)
        holes = [name for name in ("session", "project", "room", "approval") if name in data]
        for hole in holes:
            kind = data[hole].partition(":")[0] if hole == "room" else hole
            prefix = f"{kind}:" if hole == "room" else ""
            there, nowhere = theirs.get(kind, str(everybody["stranger"].pk)), nobody
            answers = [await peer.ask(type_, {**data, hole: f"{prefix}{id_}"}) for id_ in (there, nowhere)]
            said = [{name: a.get(name) for name in ("code", "message", "details")} for a in answers]
            assert said[0] == said[1], row
            nothing = ("room.not_found", "room.not_joined", "session.not_found", "approval.not_found")
            assert said[0]["code"] in nothing, row


@pytest.mark.usefixtures("sockets")
async def test_a_name_that_is_not_exactly_a_rooms_is_no_rooms(everybody: Cast) -> None:
    peer = await connected(everybody["owner"])
    session, own = str(everybody.session.pk), str(everybody["owner"].pk)
    names = [f"{kind}:{key}" for kind in ("session", "project", "user") for key in ("", "*", "?", "%", "[0-9a-f]*")]
    names += [f"session:{session}{end}" for end in (":", "*", "/", " ", "\n", ":x")]
    names += [f"session:{session.upper()}", f"session:{{{session}}}", f"session:{session.replace('-', '')}"]
    names += [
        f"Session:{session}",
        f" session:{session}",
        f"document:{session}",
        f"project:{session}",
        session,
        "*",
        ":",
    ]
    names += [f"user:{own.upper()}", f"user:{own}:*"]
    for name in names:
        for type_ in ("room:join", "room:history"):
            assert await code_of(peer, type_, {"room": name}) == "room.not_found", name
    assert await code_of(peer, "room:join", {"room": f"user:{own}"}) == "ack"
