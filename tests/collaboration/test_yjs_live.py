"""Unmodified Yjs clients on running servers: they write with everybody else, and have the same rights."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest

from tests.collaboration.desk import UPDATED, Desk, desk
from tests.collaboration.documents.typist import Typist
from tests.collaboration.meeting import PARTICIPANT
from tests.gateway.plain import PATIENCE
from tests.hostile.forgery import forged
from tests.live import Live
from tests.node.editors import Editor
from tests.servers import eventually

pytestmark = pytest.mark.live
UPDATE = "collaboration:document:update"


async def read_with(desk: Desk, text: str) -> None:
    """Waits until somebody who comes only now reads this."""
    await desk.has(text, await desk.editor())


async def equal(editors: list[Editor]) -> str:
    """Waits until all these editors have the same text, and returns it."""
    texts: set[str] = set()

    async def held() -> bool:
        texts.clear()
        texts.update(await asyncio.gather(*(editor.text() for editor in editors)))
        return len(texts) == 1

    await eventually(held, timeout=PATIENCE, what="all editors have the same text")
    return texts.pop()


# --- writing -----------------------------------------------------------------------------------------------------


async def test_an_editor_gets_what_is_there_and_what_it_writes_is_kept(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        ada, bob = await page.editor(), await page.editor()
        assert await ada.text() == "Hello"
        await ada.type(" world")
        await bob.until(text="Hello world")
        await bob.do("erase", at=0, length=5)
        await bob.type("Goodbye", at=0)
        await page.has("Goodbye world", ada)
        await ada.do("format", at=0, length=7, attributes={"bold": True})
        await read_with(page, "Goodbye world")


async def test_what_one_client_types_faster_than_a_person_goes_together(live: Live) -> None:
    async with desk(live, content="") as page:
        editor, json = await page.editor(), await page.reader()
        await json.join(page.room)
        await asyncio.gather(*(editor.type("x") for _ in range(60)))
        await page.has("x" * 60, editor)
        await json.heard(UPDATED, page.room)
        assert len(json.of(UPDATED, page.room)) < 30


async def test_yjs_clients_json_clients_and_rest_have_one_text_on_all_instances(cluster: Live) -> None:
    async with desk(cluster, content="Begin.") as page:
        editors = [await page.editor(server=n) for n in (0, 1)]
        json = await page.reader(server=1)
        state = (await json.ask("collaboration:document:sync", {"document": page.document}))["data"]["update"]
        typist = Typist(100, state)

        async def by_hand(number: int) -> None:
            for word in range(10):
                await editors[number].type(f"[{number}.{word}]", at=3)

        async def by_program() -> None:
            for word in range(10):
                edit = {"document": page.document, "update": typist.type(f"[json.{word}]")}
                answer = await json.ask(UPDATE, edit)
                assert answer["type"] == "ack", answer

        await asyncio.gather(by_hand(0), by_hand(1), by_program())
        words = [f"[{by}.{word}]" for by in ("0", "1", "json") for word in range(10)]
        await editors[0].until(text=lambda text: all(word in text for word in words))
        text = await equal(editors)
        assert len(text) == len("Begin.") + len("".join(words))
        await read_with(page, text)

        def program_has_all() -> bool:
            for event in json.of(UPDATED, page.room):
                typist.take(event["data"]["update"])
            return str(typist) == text

        await eventually(program_has_all, timeout=PATIENCE)


async def test_an_edit_is_numbered_and_shown_as_its_authors_own(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        json, author = await page.reader(), live.person()
        editor = await page.editor(author)
        typist = Typist(100, (await json.join(page.room))["state"]["update"])
        await editor.type("!")
        event = await json.heard(UPDATED, page.room)
        assert (event["seq"], event["by"]["user"], event["by"]["kind"]) == (2, author.id, "human")
        typist.take(event["data"]["update"])
        assert str(typist) == page.content() == "Hello!"  # what is shown is committed


async def test_who_was_away_and_wrote_meanwhile_loses_nothing_and_doubles_nothing(cluster: Live) -> None:
    async with desk(cluster, content="-") as page:
        ada, bob = await page.editor(), await page.editor(server=1)
        for editor, words, at in ((ada, "Ada", 0), (bob, "Bob", 1)):
            await editor.do("cut")
            await editor.until(connected=False)
            for number in range(3):
                await editor.type(f"{words}{number}", at=at)
        assert page.content() == "-"
        for editor in (ada, bob):
            await editor.do("connect")
            await editor.synced()
        text = "Ada2Ada1Ada0-Bob2Bob1Bob0"
        await page.has(text, ada, bob)
        await bob.do("disconnect")
        await ada.type("?")
        await bob.do("connect")
        await page.has(f"{text}?", bob)


async def test_a_version_that_is_restored_comes_to_everybody_and_they_write_on(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        ada, bob = await page.editor(), await page.editor()
        await ada.type(" world")
        await page.has("Hello world", bob)
        versions, owner = f"documents/{page.document}/versions/", page.session.owner.person
        status, version = live.rest("POST", versions, owner, {"title": "Greeting"})
        assert status == 201
        await bob.do("erase", at=0, length=11)
        await bob.type("Goodbye")
        await page.has("Goodbye", ada)
        assert live.rest("POST", f"{versions}{version['id']}/restore/", owner)[0] == 200
        await page.has("Hello world", ada, bob)
        await ada.type("!")
        await page.has("Hello world!", bob)


async def test_a_large_paste_and_a_large_document_pass(live: Live) -> None:
    async with desk(live) as page:
        ada, bob = await page.editor(), await page.editor()
        paste = "All work and no play. " * 20_000
        await ada.type(paste)
        await page.has(paste, bob)
        await ada.type(paste)
        await page.has(paste * 2, bob, await page.editor())


async def test_what_a_text_cannot_hold_is_refused_and_nobody_else_is_disturbed(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        editor, other = await page.editor(), await page.editor()
        await editor.do("nest")
        assert (await editor.refused()).startswith("doc.update_rejected (schema)")
        await other.type("!")
        await page.has("Hello!", editor, other)


# --- rights ------------------------------------------------------------------------------------------------------


async def refused(page: Desk, editor: Editor, code: str, text: str) -> None:
    """Checks that what an editor writes is refused by that code, reaches nobody, and costs it nothing."""
    reader, denials = await page.editor(), len((await editor.look())["denied"])
    await editor.type("not this")
    assert (await editor.refused(denials + 1)).startswith(code)
    assert (page.content(), await reader.text()) == (text, text)
    assert (await editor.look())["connected"] is True


async def test_observers_read_along_and_do_not_write(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        observer, writer = await page.editor(role="observer"), await page.editor()
        await refused(page, observer, "perm.denied", "Hello")
        await writer.type("!", at=0)
        await observer.until(text="!Hellonot this")


async def test_a_paused_session_and_one_that_is_over_are_read_and_not_written(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        editor = await page.editor()
        await page.session.manage("session:pause")
        await refused(page, editor, "session.paused", "Hello")
        assert await (await page.editor()).text() == "Hello"
        await page.session.manage("session:resume")
        # Nothing that was written meanwhile is lost to its author.
        await editor.do("disconnect")
        await editor.do("connect")
        await page.has("Hellonot this", editor)
        await page.session.manage("session:end")
        later = await page.editor()
        await later.type("too late")
        assert (await later.refused()).startswith("doc.read_only")
        assert page.content() == "Hellonot this"


async def test_a_role_that_changes_counts_for_the_next_edit(cluster: Live) -> None:
    async with desk(cluster, content="Hello") as page:
        person = cluster.person()
        editor = await page.editor(person, server=1)
        await page.session.manage("participant:role", user=person.id, role="observer")
        await refused(page, editor, "perm.denied", "Hello")


async def test_a_document_that_one_cannot_know_is_not_there(live: Live) -> None:
    async with desk(live) as page, desk(live, allow_anonymous=True) as other:
        for editor in (await page.open(document=str(uuid4())), await page.open(token=other.session.guest().token)):
            code, reason = await editor.shut()
            assert (code, reason.split(";")[0]) == (4404, "doc.not_found")
            assert (await editor.refused()).startswith("doc.not_found")


async def test_who_waits_to_be_let_in_waits_for_the_text_too(live: Live) -> None:
    async with desk(live, require_approval=True, content="Hello") as page:
        editor = await page.open()
        assert (await editor.shut())[0] == 4403
        assert (await editor.refused()).startswith("session.join_pending")
        assert await editor.text() == ""


@pytest.mark.parametrize("strategy", ["last_write_wins", "reject"])
async def test_what_is_no_text_is_not_edited_as_one(strategy: str, live: Live) -> None:
    async with desk(live, strategy=strategy) as page:
        assert (await (await page.open()).shut())[0] == 4400


async def test_who_does_not_say_who_they_are_reads_nothing(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        expired = forged(live.person().token, {"exp": time.time() - 60})
        for token, reason in (("nonsense", "auth.invalid"), (expired, "auth.expired")):
            editor = await page.open(token=token)
            code, said = await editor.shut()
            assert (code, said.split(";")[0]) == (4401, reason)
            assert (await editor.refused()).startswith(reason)
            assert await editor.text() == ""


async def test_a_deleted_document_shows_its_editors_out(cluster: Live) -> None:
    async with desk(cluster) as page:
        editors = [await page.editor(server=n) for n in (0, 1)]
        assert await page.session.owner.code("collaboration:document:delete", {"document": page.document}) == "ack"
        for editor in editors:
            assert (await editor.shut())[0] == 4404


async def test_who_is_removed_while_writing_is_shown_out(cluster: Live) -> None:
    async with desk(cluster) as page:
        person = cluster.person()
        editor = await page.editor(person, server=1)
        await editor.type("Hello")
        await page.has("Hello", editor)
        await page.session.manage("participant:remove", user=person.id)
        assert (await editor.shut())[0] == 4403
        await editor.type("not this")
        assert page.content() == "Hello"


# --- the session -------------------------------------------------------------------------------------------------


def told(page: Desk, what: str, person: Any) -> bool:
    events = page.session.owner.of(f"{PARTICIPANT}{what}", page.session.room)
    return any(event["data"]["user"] == person.id for event in events)


async def test_who_edits_a_sessions_text_is_in_the_session_and_leaves_with_the_last_connection(hurried: Live) -> None:
    async with desk(hurried) as page:
        person = hurried.person()
        one, two = await page.editor(person), await page.editor(person)
        await eventually(lambda: told(page, "joined", person), timeout=PATIENCE)
        status, people = page.session.rest("GET", "participants/")
        assert status == 200
        assert person.id in str(people)
        await one.do("disconnect")
        await two.type("Still here.")
        await page.has("Still here.")
        assert not told(page, "left", person)
        await two.do("cut")
        await eventually(lambda: told(page, "left", person), timeout=PATIENCE)
        assert len(page.session.owner.of(f"{PARTICIPANT}joined", page.session.room)) == 1


async def test_a_projects_text_is_edited_without_a_session(live: Live) -> None:
    async with desk(live) as page:
        body = {"project": live.project, "title": "Plan", "strategy": "merge", "content": "The plan"}
        status, made = live.rest("POST", "documents/", live.owner, body)
        assert status == 201
        ada, bob = [await page.editor(document=made["id"]) for _ in range(2)]
        await ada.type(" is this.")
        await bob.until(text="The plan is this.")
