"""Who may do what on a socket: every command, for everybody there can be. The table is the rule.

A command that is in the code and not in the table fails, and so does one that is in the table alone.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from bduf_realtime.routing import ClientConsumer
from tests.cast import Cast, cast, read
from tests.sockets import Peer, code_of, connected, token_of

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
COMMAND_TABLE = read(COMMANDS)


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
