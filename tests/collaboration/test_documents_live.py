"""Documents on running servers: everybody ends up with the same, and rights reach those who are in a document."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.collaboration.authors import DOCUMENT, SYNC, UPDATE, UPDATED, Author, author, inside, start, synced
from tests.collaboration.documents.typist import Typist
from tests.collaboration.meeting import meeting
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live
SOON = 2.0  # seconds in which a right that changed has reached every instance


# --- writing -----------------------------------------------------------------------------------------------------


async def test_two_who_type_on_two_instances_end_up_with_the_same_text(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "merge", content="The middle")
        writers = [await author(session, document, 100 + n, server=n) for n in (0, 1)]

        async def typing(one: Author, mark: str) -> None:
            for number in range(15):
                await one.type(f"{mark}{number}")

        await asyncio.gather(typing(writers[0], "a"), typing(writers[1], "b"))
        await eventually(lambda: len({w.read() for w in writers}) == 1, timeout=PATIENCE)
        text = writers[0].read()
        assert len(text) == len("The middle") + 2 * sum(len(f"a{n}") for n in range(15))
        for n, plain in enumerate((writers[1].plain, session.owner)):
            fresh = Typist(200 + n, (await synced(plain, document))["update"])
            assert str(fresh) == text
        status, content = cluster.rest("GET", f"documents/{document}/content/", session.owner.person)
        assert (status, content["content"], content["seq"]) == (200, text, 31)


async def test_a_text_begins_once_however_many_open_it(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "merge", content="Once")
        people = [await session.member(server=n % 2) for n in range(4)]
        states = await asyncio.gather(*(plain.join(f"document:{document}") for plain in people))
        one = Typist(100)
        for joined in states:
            one.take(joined["state"]["update"])
        assert str(one) == "Once"


async def test_a_client_that_comes_back_gets_what_it_lacks(live: Live) -> None:
    async with meeting(live) as session:
        document = await start(session, "merge", content="x" * 5_000)
        ada, bob = [await author(session, document, 100 + n, server=0) for n in (0, 1)]
        position = bob.plain.position(f"document:{document}")
        bob.plain.drop()
        await ada.type("news")
        back = await session.connect(bob.plain.person)
        answer = await back.ask(SYNC, {"document": document, "state_vector": bob.typist.state_vector})
        assert len(answer["data"]["update"]) < 200
        bob.typist.take(answer["data"]["update"])
        assert str(bob.typist) == str(ada.typist)
        joined = await back.join(f"document:{document}", position)
        assert joined["recovered"] == "full"
        assert "state" not in joined
        await back.heard(UPDATED, f"document:{document}")


async def test_a_large_document_is_read_over_rest_and_followed_on_the_socket(live: Live) -> None:
    async with meeting(live) as session:
        place = {"session": session.session, "title": "Large"}
        body = place | {"strategy": "merge", "content": "x" * 1_500_000}
        status, made = live.rest("POST", "documents/", session.owner.person, body)
        assert status == 201
        plain, document = await session.member(), made["id"]
        state = (await plain.join(f"document:{document}"))["state"]
        assert (state["large"], "update" in state) == (True, False)
        assert (await synced(plain, document))["large"] is True
        path = f"documents/{document}/content/?yjs=true"
        status, content = live.rest("GET", path, plain.person)
        reader = Typist(100, content["update"])
        assert (status, str(reader)) == (200, content["content"])
        update = reader.type("news")
        assert (await plain.ask(UPDATE, {"document": document, "update": update}))["type"] == "ack"
        rest = await plain.ask(SYNC, {"document": document, "state_vector": content["state_vector"]})
        assert len(rest["data"]["update"]) < 200
        body = place | {"strategy": "reject", "content": {str(n): "x" * 30_000 for n in range(40)}}
        _, keyed = live.rest("POST", "documents/", session.owner.person, body)
        state = (await plain.join(f"document:{keyed['id']}"))["state"]
        assert (state["large"], "fields" in state) == (True, False)
        changes = {"changes": [{"key": str(n), "value": 1} for n in range(40)], "base": 1}
        edit = {"document": keyed["id"], **changes}
        assert await plain.code(UPDATE, edit) == "ack"
        assert (await plain.ask(UPDATE, edit))["code"] == "doc.conflict"


async def test_the_last_writer_wins_and_everybody_knows_who_that_was(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "last_write_wins")
        room = f"document:{document}"
        people = [await inside(session, document, server=n % 2) for n in range(4)]

        async def write(plain: Plain, mark: int) -> None:
            for number in range(10):
                change = {"key": "k", "value": [mark, number]}
                answer = await plain.ask(UPDATE, {"document": document, "changes": [change]})
                assert answer["type"] == "ack", answer

        await asyncio.gather(*(write(plain, n) for n, plain in enumerate(people)))
        for plain in people:
            await plain.sees(room, 41)
        states = [(await synced(plain, document))["fields"] for plain in people]
        assert all(state == states[0] for state in states)
        assert states[0]["k"]["seq"] == 41
        assert states[0]["k"]["value"][1] == 9


async def test_of_two_who_change_a_key_at_once_exactly_one_wins(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "reject", content={"k": "start"})
        people = [await inside(session, document, server=n) for n in (0, 1)]
        base = 1
        for round in range(8):
            answers = await asyncio.gather(
                *(
                    plain.ask(
                        UPDATE, {"document": document, "changes": [{"key": "k", "value": [round, n]}], "base": base}
                    )
                    for n, plain in enumerate(people)
                )
            )
            [won] = [n for n, answer in enumerate(answers) if answer["type"] == "ack"]
            base = answers[won]["seq"]
            refusal = answers[1 - won]
            assert refusal["code"] == "doc.conflict"
            assert refusal["details"] == {"fields": {"k": {"value": [round, won], "seq": base}}}
        assert base == 9


async def test_an_edit_sent_again_anywhere_is_done_once(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "last_write_wins")
        here = await inside(session, document)
        there = await session.connect(here.person, server=1, instance=here.instance)
        data = {"document": document, "changes": [{"key": "k", "value": 1}]}
        first = await here.ask(UPDATE, data, id="1")
        assert first["seq"] == 2
        assert await there.ask(UPDATE, data, id="1") == first
        assert await there.code(UPDATE, data) == "room.not_joined"


# --- rights ------------------------------------------------------------------------------------------------------


async def test_observers_read_and_do_not_write(live: Live) -> None:
    async with meeting(live) as session:
        document = await start(session, "merge", content="Hello")
        observer = await inside(session, document, role="observer")
        update = Typist(100).type("a")
        assert await observer.code(UPDATE, {"document": document, "update": update}) == "perm.denied"
        assert str(Typist(101, (await synced(observer, document))["update"])) == "Hello"


async def test_a_paused_session_and_one_that_is_over_are_read_and_not_written(live: Live) -> None:
    async with meeting(live) as session:
        document = await start(session, "last_write_wins", content={"k": 1})
        writer, listed = await inside(session, document), await session.watcher()
        edit = {"document": document, "changes": [{"key": "k", "value": 2}]}
        await session.manage("session:pause")
        assert await writer.code(UPDATE, edit) == "session.paused"
        assert (await synced(writer, document))["fields"]["k"]["value"] == 1
        await session.manage("session:end")
        await listed.heard("collaboration:session:ended")
        assert await writer.code(UPDATE, edit) == "doc.read_only"
        joined = await listed.join(f"document:{document}")
        assert joined["state"]["fields"] == {"k": {"value": 1, "seq": 1}}
        assert joined["permissions"] == ["read"]


async def test_who_is_removed_while_writing_writes_no_more_and_is_shown_out(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "last_write_wins")
        # One is in the session too; of the other, only the document's room can know.
        both, only = await inside(session, document, server=1), await session.connect(server=1)
        await only.join(f"document:{document}")
        edit = {"document": document, "changes": [{"key": "k", "value": 1}]}
        for plain in (both, only):
            assert await plain.code(UPDATE, edit) == "ack"
        await session.manage("participant:remove", user=both.person.id)
        assert cluster.rest("DELETE", f"projects/{cluster.project}/members/{only.person.id}/", cluster.owner) == (
            204,
            None,
        )
        began = time.monotonic()
        await only.tell(UPDATE, edit)
        assert [await plain.shut() for plain in (both, only)] == [4403, 4403]
        assert time.monotonic() - began < SOON
        assert (await synced(session.owner, document))["fields"]["k"]["seq"] == 3
        cluster.role(only.person, "participant")


async def test_a_lowered_role_counts_for_the_next_edit(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "last_write_wins")
        plain = await inside(session, document, server=1)
        await session.role(plain, "observer")
        edit = {"document": document, "changes": [{"key": "k", "value": 1}]}
        assert await plain.code(UPDATE, edit) == "perm.denied"
        assert (await synced(plain, document))["fields"] == {}


async def test_who_has_to_wait_for_the_session_waits_for_its_documents_too(live: Live) -> None:
    async with meeting(live, require_approval=True) as session:
        document = await start(session, "merge")
        plain = await session.connect()
        for type, data in (("room:join", {"room": f"document:{document}"}), (SYNC, {"document": document})):
            assert await plain.code(type, data) == "session.join_pending"


# --- the thing itself --------------------------------------------------------------------------------------------


async def test_a_deleted_document_shows_everybody_out_and_closes_who_was_in_nothing_else(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "merge")
        room = f"document:{document}"
        member, only = await inside(session, document, server=1), await session.connect(server=1)
        await only.join(room)
        await session.owner.join(room)
        ack = await session.owner.ask(f"{DOCUMENT}delete", {"document": document})
        assert ack["type"] == "ack"
        for plain in (member, only):
            assert (await plain.heard(f"{DOCUMENT}deleted", room))["data"] == {"document": document}
        assert await only.shut() == 4404
        assert only.closed == (4404, "doc.not_found")
        await member.heard(f"{DOCUMENT}deleted", session.room)
        assert await member.code(SYNC, {"document": document}) == "doc.not_found"
        await eventually(
            lambda: member.closed is None and session.owner.closed is None, timeout=PATIENCE, what="others go on"
        )
        assert await member.code("room:leave", {"room": room}) == "room.not_joined"
        assert await session.owner.code("room:join", {"room": room}) == "doc.not_found"


async def test_what_rest_changes_is_seen_on_sockets(live: Live) -> None:
    async with meeting(live) as session:
        watcher = await session.watcher()
        status, made = live.rest("POST", "documents/", live.owner, {"project": live.project, "title": "Plan"})
        assert status == 201
        created = await watcher.heard(f"{DOCUMENT}created", session.project_room)
        assert created["data"]["document"] == {name: made[name] for name in created["data"]["document"]}
        await watcher.join(f"document:{made['id']}")
        live.rest("PATCH", f"documents/{made['id']}/", live.owner, {"title": "The plan"})
        renamed = await watcher.heard(f"{DOCUMENT}renamed", f"document:{made['id']}")
        assert renamed["data"]["document"]["title"] == "The plan"
        live.rest("DELETE", f"documents/{made['id']}/", live.owner)
        await watcher.heard(f"{DOCUMENT}deleted", session.project_room)


async def test_a_bad_state_vector_is_refused_and_the_socket_lives(live: Live) -> None:
    async with meeting(live) as session:
        document = await start(session, "merge")
        for vector, code in (("/////w8=", "doc.bad_state_vector"), ("?", "msg.bad_value")):
            answer = await session.owner.code(SYNC, {"document": document, "state_vector": vector})
            assert answer == code
        forged = await session.owner.ask(UPDATE, {"document": document, "update": "////////"})
        assert (forged["code"], forged["details"]["reason"]) == ("doc.update_rejected", "encoding")
