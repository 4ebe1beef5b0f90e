"""Good updates with faults: whatever the guard lets through, the engine takes, keeps, and gives back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SEED = 20_260_720


def mutate(seed: int, count: int, case: Path, timeout: float) -> dict[str, int]:
    """Runs the mutations in a process of their own, which may die of them; returns how many got each verdict."""
    command = [sys.executable, "-m", "tests.collaboration.documents.mutations"]
    command += ["--seed", str(seed), "--count", str(count), "--case", str(case)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        pytest.fail(f"Nothing ended within {timeout} s; seed, number, document and update: {case.read_text()}")
    if done.returncode:
        # -11 is SIGSEGV.
        pytest.fail(
            f"exit {done.returncode}; {done.stderr[-2_000:]}\nseed, number, document and update: {case.read_text()}"
        )
    verdicts: dict[str, int] = json.loads(done.stdout)
    return verdicts


def test_twenty_thousand_mutations_harm_nothing(tmp_path: Path) -> None:
    verdicts = mutate(SEED, 20_000, tmp_path / "case", timeout=100)
    assert sum(verdicts.values()) == 20_000
    assert set(verdicts) >= {"accepted", "encoding", "clock", "client_id", "missing_deps", "schema"}
    assert verdicts["accepted"] > 2_000


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(1, 6))
def test_two_hundred_thousand_mutations_harm_nothing(seed: int, tmp_path: Path) -> None:
    assert sum(mutate(seed, 200_000, tmp_path / "case", timeout=580).values()) == 200_000
