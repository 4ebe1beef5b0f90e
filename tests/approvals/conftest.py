from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from approvals.services import requests
from bduf_realtime.gateway.conf import conf
from collaboration.services import versions
from tests.collaboration.conftest import quick_passwords, team

__all__ = ["quick_passwords", "team"]


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives the services other limits."""

    def change(**limits: Any) -> None:
        for module in (requests, versions):
            monkeypatch.setattr(module, "conf", msgspec.structs.replace(conf, **limits))

    return change
