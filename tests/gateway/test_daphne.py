"""A close says why, on every server."""

from __future__ import annotations

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.live import Live

pytestmark = pytest.mark.live


async def test_a_close_carries_its_reason(live: Live) -> None:
    async with connect(f"{live.ws_url}/ws/", additional_headers={"Authorization": "Bearer nonsense"}) as socket:
        assert '"auth.invalid"' in str(await socket.recv())
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4401, "auth.invalid")
