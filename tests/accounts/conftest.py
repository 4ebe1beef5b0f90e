from __future__ import annotations

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def no_earlier_attempts() -> None:
    """Forgets the sign-ins that other tests' throttles counted."""
    cache.clear()
