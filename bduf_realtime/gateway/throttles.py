"""How often somebody may call; apart from the rest of REST, for the framework imports it first."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle


class CallThrottle(SimpleRateThrottle):
    """Counts calls per user, or per address where there is none."""

    scope = "rest"

    def get_cache_key(self, request: Request, view: object) -> str:
        who = request.user.pk if request.user and request.user.is_authenticated else self.get_ident(request)
        return f"rest-{who}"
