"""A document whose rows were put back from a backup: nobody takes old numbers for new ones, nothing merges twice."""

from __future__ import annotations

import pytest

from tests.collaboration.documents.typist import Typist
from tests.collaboration.meeting import meeting
from tests.live import Live

pytestmark = pytest.mark.live
UPDATE = "collaboration:document:update"


async def test_who_comes_back_to_a_restored_document_gets_a_snapshot_and_merges_what_it_lost_once(
    cluster: Live,
) -> None:
    async with meeting(cluster) as session:
        made = await session.manage("document:create", title="Notes", strategy="merge", content="Hello.")
        document = str(made["data"]["id"])
        room = f"document:{document}"

        ada = await session.member()
        typist = Typist(7, (await ada.join(room))["state"]["update"])

        async def type_on(*words: str) -> None:
            for word in words:
                answer = await ada.ask(UPDATE, {"document": document, "update": typist.type(word)})
                assert answer["type"] == "ack", answer

        await type_on(" kept")
        backup = ada.position(room)
        await type_on(" lost", " lost too")
        old = ada.position(room)
        cluster.execute(
            f"DELETE FROM collaboration_documentupdate WHERE document_id = '{document}' AND seq > {backup[1]}",
            f"DELETE FROM rooms_event WHERE seq > {backup[1]}"
            f" AND room_id = (SELECT id FROM rooms_room WHERE name = '{room}')",
            f"UPDATE rooms_room SET head = {backup[1]} WHERE name = '{room}'",
        )
        cluster.deployment.manage("log_restored", "--room", room)
        assert await ada.shut() == 4510

        bob = await session.member(server=1)
        state = (await bob.join(room))["state"]
        other = Typist(8, state["update"])
        assert str(other) == "Hello. kept"
        for word in "abcd":
            answer = await bob.ask(UPDATE, {"document": document, "update": other.type(word, 0)})
        assert answer["seq"] > old[1]

        back = await session.member(ada.person)
        joined = await back.join(room, old)
        assert (joined["recovered"], joined["seq"]) == ("snapshot", answer["seq"])
        typist.take(joined["state"]["update"])
        assert str(typist) == "dcbaHello. kept lost lost too"
        again = await back.ask(UPDATE, {"document": document, "update": typist.lacked_by(joined["state"])})
        assert again["seq"] == answer["seq"] + 1
        twice = await back.ask(UPDATE, {"document": document, "update": typist.lacked_by(joined["state"])})
        assert (twice["type"], "seq" in twice) == ("ack", False)
        update = await bob.heard("collaboration:document:updated", room)
        other.take(update["data"]["update"])
        _, content = cluster.rest("GET", f"documents/{document}/content/", bob.person)
        assert str(other) == str(typist) == content["content"]
