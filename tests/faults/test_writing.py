"""Editors of every kind write in the same texts while servers, Redis and compaction die; nothing is lost or doubled."""

from __future__ import annotations

import pytest

from benchmarks.chaos.writers import Ledger
from benchmarks.chaos.writing import JSON, YJS, Writing
from tests.live import Live

SEED = 1
FAULTS = ("server killed", "compaction killed", "Redis killed", "server killed", "compaction")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[b][a]", []),
        ("[a]", ["[b] lost"]),
        ("[a][b][a]", ["[a] 2 times"]),
        ("[a][b][c]", ["[c] is back"]),
        ("[a][b][d]", ["[d] from nowhere"]),
        ("[a][b][[a]", ["torn", "[a] 2 times"]),
    ],
)
def test_a_text_with_something_wrong_is_found_out(text: str, wrong: list[str]) -> None:
    ledger = Ledger("", put={"[a]", "[b]", "[c]"}, kept={"[a]", "[b]", "[c]"}, struck={"[c]"}, gone={"[c]"})
    ledger.judge(text, ledger.kept, ledger.gone, "a test")
    assert ledger.wrong == [f"{what}, says a test" for what in wrong]


@pytest.mark.live
async def test_every_copy_is_the_same_and_every_acknowledged_edit_is_in_it_once(pair: Live) -> None:
    people = pair.people(1 + JSON + YJS)
    async with Writing(pair.deployment, people, pair.session(), seed=SEED) as writing:
        for number, fault in enumerate(FAULTS):
            await writing.breaks(fault)
            if number == 2:
                await writing.lose_editors()
        verdict = await writing.conclude()
    assert verdict.wrong == [], verdict
    assert min(verdict.kept, verdict.updates) > 100, verdict
    assert min(verdict.struck, verdict.readings) > 10, verdict
