"""Cursors of unmodified Yjs clients: shown to everybody as the server knows them, never as they say they are."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from tests.collaboration.desk import desk
from tests.collaboration.meeting import MOVE, MOVED
from tests.gateway.plain import PATIENCE, Plain
from tests.live import Live
from tests.node.editors import Editor
from tests.servers import MS, eventually

pytestmark = pytest.mark.live
COLOUR = "#"
SOON = 5_000 * MS


async def sees(editor: Editor, person: Any, at: Any) -> dict[str, Any]:
    """Waits until an editor shows somebody's cursor there, None for nowhere; returns what it shows of them."""
    shown: dict[str, Any] = {}

    def held(others: dict[str, Any]) -> bool:
        shown.clear()
        theirs = [state for state in others.values() if state["user"]["id"] == person.id]
        if len(theirs) == 1:
            shown.update(theirs[0])
        return shown.get("at") == at if shown else at is None

    await editor.until(others=held)
    return shown


async def absent(editor: Editor, person: Any) -> None:
    """Waits until an editor knows nothing of somebody."""
    await editor.until(others=lambda others: person.id not in [state["user"]["id"] for state in others.values()])


async def shown(plain: Plain, person: Any) -> dict[str, Any]:
    """Waits until a JSON client was shown somebody's cursor in a text; returns it."""
    await eventually(lambda: (last(plain, person) or {}).get("selection"), timeout=PATIENCE)
    return last(plain, person) or {}


def last(plain: Plain, person: Any) -> dict[str, Any] | None:
    """What a JSON client was shown last of somebody's cursor."""
    cursors = [cursor for frame in plain.of(MOVED) for cursor in frame["data"]["cursors"]]
    return next((cursor for cursor in reversed(cursors) if cursor["user"] == person.id), None)


async def test_editors_see_each_others_cursors_on_all_instances(cluster: Live) -> None:
    async with desk(cluster, content="Hello world") as page:
        people = cluster.people(2)
        ada, bob = [await page.editor(person, server=n) for n, person in enumerate(people)]
        await ada.do("cursor", anchor=6, head=11)
        await bob.do("cursor", anchor=2)
        await sees(bob, people[0], [6, 11])
        await sees(ada, people[1], [2, 2])
        await bob.type("Oh, ", at=0)
        await page.has("Oh, Hello world", ada)
        await sees(ada, people[1], [6, 6])
        await sees(bob, people[0], [10, 15])
        late = await page.editor(server=1)
        await sees(late, people[0], [10, 15])


async def test_who_somebody_is_comes_from_the_server_and_nothing_else_passes(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        person = live.person()
        forger, watcher = await page.editor(person), await page.editor()
        claimed = {
            "id": page.session.owner.person.id,
            "name": "The owner",
            "color": "url(javascript:1)",
            "kind": "agent",
        }
        await forger.do("state", state={"user": claimed, "secret": "x" * 500, "cursor": None})
        await forger.do("cursor", anchor=1, head=2)
        state = await sees(watcher, person, [1, 2])
        assert set(state) == {"user", "cursor", "at"}
        assert set(state["user"]) == {"id", "name", "color", "colorLight", "kind"}
        assert (state["user"]["id"], state["user"]["kind"]) == (person.id, "human")
        assert state["user"]["name"] != "The owner"
        assert state["user"]["color"].startswith(COLOUR)
        seen = await watcher.look()
        assert str((await forger.look())["client"]) not in seen["others"]


async def test_a_json_client_and_an_editor_see_each_others_cursors(cluster: Live) -> None:
    async with desk(cluster, content="Hello world") as page:
        person = cluster.person()
        editor, json = await page.editor(person), await page.reader(server=1)
        await editor.do("cursor", anchor=6, head=11)
        cursor = await shown(json, person)
        assert (cursor["document"], cursor["position"]) == (page.document, cursor["selection"]["head"])
        assert set(cursor["selection"]) == {"anchor", "head"}
        place = {"session": page.session.session, "document": page.document}
        # What the one sent is a position that the other can send in turn.
        moves = [
            ({"position": cursor["position"], "selection": cursor["selection"]}, [6, 11]),
            ({"position": cursor["selection"]["anchor"]}, [6, 6]),
        ]
        for move, at in moves:
            await json.tell(MOVE, place | move)
            await sees(editor, json.person, at)
        elsewhere = {"session": page.session.session, "position": {"x": 1}}
        await json.tell(MOVE, elsewhere)
        await sees(editor, json.person, None)


@pytest.mark.parametrize("going", ["cut", "disconnect", "close"])
async def test_a_cursor_goes_with_its_editor(going: str, cluster: Live) -> None:
    async with desk(cluster, content="Hello") as page:
        person = cluster.person()
        editor, json = await page.editor(person), await page.reader(server=1)
        watchers = [await page.editor(server=n) for n in (0, 1)]
        await editor.do("cursor", anchor=1)
        for watcher in watchers:
            await sees(watcher, person, [1, 1])
        await shown(json, person)
        await editor.do(going)
        for watcher in watchers:
            await absent(watcher, person)
        await eventually(lambda: (last(json, person) or {})["position"] is None, timeout=PATIENCE)


async def test_an_editor_that_takes_its_cursor_back_shows_none(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        person = live.person()
        editor, watcher = await page.editor(person), await page.editor()
        for state in ({"cursor": None}, None):
            await editor.do("state", state={})
            await editor.do("cursor", anchor=1)
            await sees(watcher, person, [1, 1])
            await editor.do("state", state=state)
            await sees(watcher, person, None)


async def test_nobody_is_shown_where_the_session_shows_no_cursors(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        person = live.person()
        editor, watcher = await page.editor(person), await page.editor()
        await editor.do("cursor", anchor=1)
        await sees(watcher, person, [1, 1])
        await page.session.update(enable_cursor_sharing=False)
        await sees(watcher, person, None)
        await editor.do("cursor", anchor=2)
        await editor.type("!")
        await page.has("Hello!", watcher)
        await sees(watcher, person, None)
        await page.session.update(enable_cursor_sharing=True)
        async with asyncio.timeout(SOON):  # a Yjs client says again where it is after 15 s
            await sees(watcher, person, [2, 2])
            await editor.do("cursor", anchor=3)
            await sees(watcher, person, [3, 3])


async def test_two_windows_of_one_person_are_two_cursors(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        person = live.person()
        windows = [await page.editor(person) for _ in range(2)]
        watcher = await page.editor()
        for n, window in enumerate(windows):
            await window.do("cursor", anchor=n)

        def both(others: dict[str, Any]) -> bool:
            return sorted(state["at"] for state in others.values() if state["at"]) == [[0, 0], [1, 1]]

        await watcher.until(others=both)


@pytest.mark.parametrize(
    "position",
    [7, "a", [], {"x": 1}, {"type": None, "tname": "y" * 600, "item": None, "assoc": 0}, {"item": {"client": -1}}],
)
async def test_a_cursor_that_is_no_place_in_a_text_is_none(position: Any, live: Live) -> None:
    async with desk(live, content="Hello") as page:
        person = live.person()
        editor, watcher = await page.editor(person), await page.editor()
        await editor.do("cursor", anchor=1)
        await sees(watcher, person, [1, 1])
        await editor.do("state", state={"cursor": {"anchor": position, "head": position}})
        await editor.type("!")
        await page.has("Hello!", watcher)
        await sees(watcher, person, None)
        assert (await editor.look())["connected"] is True


@pytest.mark.long
async def test_a_cursor_stays_for_as_long_as_its_editor(live: Live) -> None:
    async with desk(live, content="Hello") as page:
        person = live.person()
        editor, watcher = await page.editor(person), await page.editor()
        await editor.do("cursor", anchor=1)
        await sees(watcher, person, [1, 1])
        forgotten = time.monotonic() + 35  # a Yjs client forgets others of whom it heard nothing for 30 s

        async def stays() -> bool:
            await sees(watcher, person, [1, 1])
            return time.monotonic() > forgotten

        await eventually(stays, timeout=60)
