"""Unmodified Yjs clients while servers and Redis die: what they wrote is there afterwards, once."""

from __future__ import annotations

import asyncio

import pytest

from tests.collaboration.desk import desk
from tests.gateway.plain import PATIENCE
from tests.live import Live
from tests.servers import eventually

pytestmark = pytest.mark.live

DRAINING, REFUSED = 4503, 1006


async def test_what_was_written_while_the_only_server_was_dead_is_there_afterwards(alone: Live) -> None:
    [server] = alone.deployment.servers
    async with desk(alone, content="Begin. ") as page:
        editors = [await page.editor(backoff=200) for _ in range(2)]
        await editors[0].type("Before. ")
        await page.has("Begin. Before. ", *editors)
        await editors[1].type("Just before. ")  # on its way, or not, when the server dies
        server.kill()
        for number, editor in enumerate(editors):
            await editor.until(connected=False)
            await editor.type(f"{number} meanwhile. ", at=0)
        await asyncio.to_thread(server.start)
        await editors[0].until(text=lambda text: all(words in text for words in ("0 mean", "1 mean", "Just")))
        text = await editors[0].text()
        assert len(text) == len("Begin. Before. Just before. 0 meanwhile. 1 meanwhile. ")
        await page.has(text, *editors, await page.editor())


async def test_who_writes_on_the_other_server_notices_no_death(pair: Live) -> None:
    first, _ = pair.deployment.servers
    async with desk(pair, content="Begin. ") as page:
        dropped, staying = [await page.editor(server=n, backoff=200) for n in (0, 1)]
        await asyncio.to_thread(first.kill)
        await dropped.type("Offline. ")
        await staying.type("Online. ")
        reader = await page.editor(server=1)
        await reader.until(text="Begin. Online. ")
        await asyncio.to_thread(first.start)
        await staying.until(text=lambda text: "Offline" in text)
        await page.has(await staying.text(), dropped, staying, reader)
        assert (await staying.look())["closes"] == []


async def test_a_restart_loses_nothing_of_what_is_typed_through_it(pair: Live) -> None:
    first, _ = pair.deployment.servers
    async with desk(pair) as page:
        editor, reader = [await page.editor(server=n, backoff=200) for n in (0, 1)]
        restart = asyncio.create_task(asyncio.to_thread(first.restart))
        words: list[str] = []

        async def typed_until_it_is_back() -> bool:
            words.append(f"[{len(words)}]")
            await editor.type(words[-1])
            return restart.done()

        await eventually(typed_until_it_is_back, timeout=PATIENCE)
        await restart
        await page.has("".join(words), editor, reader)
        codes = {code for code, _ in (await editor.look())["closes"]}
        assert first.kind == "daphne" or codes - {REFUSED} == {DRAINING}


async def test_edits_cross_between_servers_though_redis_is_gone_and_come_at_once_when_it_is_back(pair: Live) -> None:
    redis = pair.deployment.redis
    assert redis is not None
    async with desk(pair) as page:
        editors = [await page.editor(server=n) for n in (0, 1)]
        redis.kill()
        for number, editor in enumerate(editors):
            await editor.type(f"[{number}]")
        await editors[0].until(text=lambda text: len(text) == 6)
        await page.has(await editors[0].text(), *editors)
        await asyncio.to_thread(redis.start)
        await editors[1].type("!")
        await page.has(await editors[1].text(), *editors)
        assert [(await editor.look())["closes"] for editor in editors] == [[], []]
