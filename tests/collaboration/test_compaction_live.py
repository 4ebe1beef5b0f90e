"""Compaction beside running servers: they start it themselves, and it may be killed at any moment."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from collaboration.documents.texts import encoded, seed
from tests.collaboration.documents.handwritten import text, update
from tests.collaboration.documents.typist import Typist
from tests.collaboration.meeting import Meeting, meeting
from tests.live import PEOPLED, Live
from tests.servers import MS, Deployment, eventually

pytestmark = pytest.mark.live
UPDATE = "collaboration:document:update"
LETTERS = 5_000


@pytest.fixture(scope="module")
def busy() -> Iterator[Live]:
    """A server that takes snapshots often, and keeps no text in memory while it reads another."""
    with Deployment(
        env={"BDUF_COMPACTION_UPDATES": "10", "BDUF_DOCUMENT_CACHE_BYTES": "1"}, template=PEOPLED
    ) as deployment:
        yield Live(deployment)


async def start(session: Meeting) -> str:
    made = await session.manage("document:create", title="Notes", strategy="merge", content="Hello.")
    return str(made["data"]["id"])


def rows(live: Live, document: str) -> int:
    key = document.replace("-", "")
    return int(live.value(f"SELECT count(*) FROM collaboration_documentupdate WHERE document_id = '{key}'"))


def compact_or_die(live: Live, document: str, took: float) -> float:
    """Compacts, but is killed at some moment of the time that it takes; returns that time, as far as it is known."""
    command, started = [sys.executable, "manage.py", "compact", document], time.monotonic()
    with subprocess.Popen(command, env=live.deployment.env, cwd=live.deployment.root, stdout=subprocess.DEVNULL) as it:
        try:
            it.wait(random.uniform(0.4, 1.0) * took)
        except subprocess.TimeoutExpired:
            it.kill()
            return took * 1.1
    return time.monotonic() - started


async def test_a_server_takes_snapshots_while_people_type(busy: Live) -> None:
    async with meeting(busy) as session:
        document = await start(session)
        ada = await session.member()
        typist = Typist(7, (await ada.join(f"document:{document}"))["state"]["update"])
        for number in range(25):
            answer = await ada.ask(UPDATE, {"document": document, "update": typist.type(f" {number}")})
            assert answer["type"] == "ack", answer
        await eventually(lambda: rows(busy, document) < 10, timeout=30_000 * MS, what="a snapshot")
        assert (await ada.ask(UPDATE, {"document": document, "update": typist.type(" on")}))["type"] == "ack"
        bob = await session.member()
        state = (await bob.join(f"document:{document}"))["state"]
        assert str(Typist(8, state["update"])) == str(typist)


async def test_a_compaction_killed_at_any_moment_leaves_the_document_as_it_was(busy: Live) -> None:
    async with meeting(busy) as session:
        document, other = await start(session), await start(session)
        key, seqs = document.replace("-", ""), range(2, LETTERS + 2)
        letters = [update((7, 0, [text("a")]))]
        letters += [update((7, n, [text("a", origin=(7, n - 1))])) for n in range(1, LETTERS)]
        busy.execute(
            *[
                'INSERT INTO collaboration_documentupdate (document_id, seq, data, "user")'
                f" VALUES ('{key}', {seq}, x'{letter.hex()}', 'ada')"
                for seq, letter in zip(seqs, letters, strict=True)
            ],
            f"UPDATE rooms_room SET head = {seqs[-1]} WHERE name = 'document:{document}'",
        )

        def content() -> str:
            for each in (other, document):
                status, read = busy.rest("GET", f"documents/{each}/content/", session.owner.person)
                assert status == 200, read
            return str(read["content"])

        before, took = content(), 2_000 * MS
        for _ in range(5):
            took = compact_or_die(busy, document, took)
            assert content() == before
        busy.deployment.manage("compact", document)
        assert (content(), rows(busy, document)) == (before, 0)


async def test_a_text_that_two_instances_open_at_once_begins_once_before_and_after_its_snapshot(cluster: Live) -> None:
    async with meeting(cluster) as session:
        document = await start(session)
        room = f"document:{document}"

        async def opened() -> list[str]:
            people = [await session.member(server=server) for server in (0, 1, 0, 1)]
            joined = await asyncio.gather(*(plain.join(room) for plain in people))
            seeded = encoded(seed("Hello."))  # by a client that does not know that it is there
            answers = [await plain.ask(UPDATE, {"document": document, "update": seeded}) for plain in people]
            assert [(answer["type"], "seq" in answer) for answer in answers] == [("ack", False)] * 4
            return [str(Typist(7, each["state"]["update"])) for each in joined]

        assert await opened() == ["Hello."] * 4
        cluster.deployment.manage("compact", document)
        assert await opened() == ["Hello."] * 4
