"""The TypeScript SDK's own live tests, against a running server of either kind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.live import Live
from tests.servers import ServerUnavailable

pytestmark = pytest.mark.live

SDK = Path(__file__).resolve().parents[1] / "frontend" / "sdk"
VITEST = SDK / "node_modules" / ".bin" / "vitest"


def test_the_sdk_keeps_its_promises_on_a_live_server(live: Live) -> None:
    if not VITEST.exists():
        raise ServerUnavailable("no SDK tests: `npm ci --prefix frontend/sdk`")
    env = {
        "SERVER_URL": live.url,
        "SERVER_TOKENS": f"{live.owner.token},{live.person().token}",
        "SERVER_PROJECT": str(live.project),
    }
    done = subprocess.run(
        [str(VITEST), "run"], cwd=SDK, env={**os.environ, **env}, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout[-3_000:]
    assert "8 passed" in done.stdout
