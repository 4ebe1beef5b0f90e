"""Versions on running servers: restored while others type, made by the clock once, seen by everybody at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.collaboration.authors import DOCUMENT, UPDATED, Author, author, inside, start, synced
from tests.collaboration.documents.typist import Typist
from tests.collaboration.meeting import Meeting, meeting
from tests.gateway.plain import PATIENCE
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live
CREATED, RESTORED = f"{DOCUMENT}version:created", f"{DOCUMENT}version:restored"


async def named(session: Meeting, document: str, title: str = "First") -> dict[str, Any]:
    """Has the session's owner name a version; returns what is told of it."""
    ack = await session.owner.ask(f"{DOCUMENT}version:create", {"document": document, "title": title})
    assert ack["type"] == "ack", ack
    return dict(ack["data"]["version"])


async def kept(live: Live, session: Meeting, document: str) -> list[str]:
    """The texts of all versions, as REST tells them."""
    status, page = live.rest("GET", f"documents/{document}/versions/?limit=500", session.owner.person)
    assert status == 200, page
    paths = [f"documents/{document}/versions/{version['id']}/" for version in page["results"]]
    return [live.rest("GET", path, session.owner.person)[1]["content"] for path in paths]


async def test_a_text_is_restored_while_two_type_on_two_instances_and_nothing_is_lost(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "merge", content="The beginning.\n")
        room = f"document:{document}"
        version = await named(session, document)
        authors = [await author(session, document, 100 + n, server=n) for n in (0, 1)]
        await session.owner.join(room)
        words = [[f"<{mark}{number}>" for number in range(20)] for mark in "ab"]

        async def typing(one: Author, its_words: list[str]) -> None:
            for word in its_words:
                await one.type(word, at_end=True)

        async def restoring() -> None:
            for number in range(3):
                await authors[0].plain.heard(UPDATED, room, number * 5 + 3)
                ack = await session.owner.ask(
                    f"{DOCUMENT}version:restore", {"document": document, "version": version["id"]}
                )
                assert (ack["type"], ack["data"]["version"]["id"]) == ("ack", version["id"])

        await asyncio.gather(typing(authors[0], words[0]), typing(authors[1], words[1]), restoring())
        head = session.owner.position(room)[1]
        for plain in (session.owner, *(one.plain for one in authors)):
            await eventually(lambda p=plain: p.position(room)[1] >= head, timeout=PATIENCE)
        await eventually(lambda: len({one.read() for one in authors}) == 1, timeout=PATIENCE, what="all have the same")
        text = authors[0].read()
        assert str(Typist(200, (await synced(session.owner, document))["update"])) == text
        assert text.startswith("The beginning.\n")
        texts = [text, *await kept(cluster, session, document)]
        assert [word for of in words for word in of if not any(word in text for text in texts)] == []
        assert len(authors[0].plain.of(RESTORED, room)) == 3


async def test_who_restores_hears_the_edit_that_does_so_like_everybody(live: Live) -> None:
    async with meeting(live) as session:
        document = await start(session, "last_write_wins", content={"a": 1})
        room = f"document:{document}"
        other = await inside(session, document)
        await session.owner.join(room)
        version = await named(session, document)
        assert (await other.heard(CREATED, room))["data"] == {"document": document, "version": version}
        edit = {"document": document, "changes": [{"key": "a", "value": 2}, {"key": "b", "value": 3}]}
        assert await other.code(f"{DOCUMENT}update", edit) == "ack"
        ack = await session.owner.ask(
            f"{DOCUMENT}version:restore", {"document": document, "version": version["id"]}, id="restore"
        )
        for plain in (session.owner, other):
            event = await plain.heard(UPDATED, room, 2 if plain is session.owner else 1)
            assert event["data"]["changes"] == [{"key": "a", "value": 1}, {"key": "b", "value": None}]
            assert event["seq"] == ack["seq"] + 2  # behind the version of what was there
        assert (await other.heard(RESTORED, room))["seq"] == ack["seq"]
        again = await session.owner.ask(
            f"{DOCUMENT}version:restore", {"document": document, "version": version["id"]}, id="restore"
        )
        assert again == ack
        assert (await synced(other, document))["seq"] == ack["seq"] + 2


async def test_an_edited_document_becomes_one_version_by_the_clock(cluster: Live) -> None:
    async with meeting(cluster, auto_save_interval=1_000) as session:
        document = await start(session, "merge", content="Begun. ")
        room = f"document:{document}"
        one = await author(session, document, 100, server=1)
        await one.type("Edited. ", at_end=True)
        made = (await one.plain.heard(CREATED, room))["data"]["version"]
        assert (made["automatic"], made["created_by"], made["seq"]) == (True, one.plain.person.id, 2)
        await one.type("Again. ", at_end=True)
        await one.plain.heard(CREATED, room, 2)
        assert await kept(cluster, session, document) == ["Begun. Edited. Again. ", "Begun. Edited. "]


async def test_an_edit_over_rest_is_merged_with_what_was_typed_meanwhile_and_seen_at_once(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session, "merge", content="The quick fox\njumps.\n")
        one = await author(session, document, 100, server=1)
        path = f"documents/{document}/content/"
        _, read = cluster.rest("GET", path, session.owner.person)
        await one.type("Really!\n", at_end=True)
        body = {"content": read["content"].replace("quick", "slow"), "base": read["seq"]}
        status, edited = cluster.rest("PUT", path, session.owner.person, body)
        assert status == 200, edited
        await one.plain.heard(UPDATED, f"document:{document}")
        assert one.read() == "The slow fox\njumps.\nReally!\n"
        _, now = cluster.rest("GET", path, session.owner.person)
        assert (now["content"], now["content_hash"]) == (one.read(), edited["content_hash"])


def lines(number: int) -> str:
    return "".join(f"Line {n} of a long design, with words.\n" for n in range(number))


async def test_a_text_that_is_replaced_by_much_reaches_those_who_look_on(live: Live) -> None:
    async with meeting(live) as session:
        document = await start(session, "merge", content="Small.")
        room = f"document:{document}"
        one = await author(session, document, 100, server=0)
        path = f"documents/{document}/content/"
        assert live.rest("PUT", path, session.owner.person, {"content": lines(15_000)})[0] == 200
        await eventually(lambda: one.read() == lines(15_000), timeout=PATIENCE, what="all of it came")
        assert one.plain.closed is None
        events = one.plain.of(UPDATED, room)
        assert max(len(event["data"]["update"]) for event in events) < 100_000
        # More than waits for one connection: who could not read it as fast comes back for the rest.
        assert live.rest("PUT", path, session.owner.person, {"content": lines(45_000)})[0] == 200
        await eventually(lambda: one.read() == lines(45_000) or one.plain.closed, timeout=PATIENCE)
        if one.plain.closed:
            assert one.plain.closed[0] == 4511
            back = await session.connect(one.plain.person)
            assert (await back.join(room, one.plain.position(room)))["recovered"] == "full"
            one = Author(back, document, 101, one.typist.whole)
        await eventually(lambda: one.read() == lines(45_000), timeout=PATIENCE, what="the rest came")
