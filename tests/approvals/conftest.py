from __future__ import annotations

from tests.collaboration.conftest import quick_passwords, team

__all__ = ["quick_passwords", "team"]
