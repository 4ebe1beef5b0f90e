"""People of the tests that run in this process, and their REST calls."""

from __future__ import annotations

import itertools
import json
from typing import Any

from rest_framework.test import APIClient

from bduf_realtime.accounts.models import User
from bduf_realtime.accounts.tokens import Identity, PreciseAccessToken, identify, read_access_token

_numbers = itertools.count(1)


def person(username: str = "", **fields: Any) -> User:
    """Creates a user with a name nobody else has."""
    return User.objects.create_user(username or f"person{next(_numbers)}", **fields)


def identity_of(user: User) -> Identity:
    """The user as a connection with a fresh token knows it."""
    return identify(read_access_token(str(PreciseAccessToken.for_user(user))))


def refusal(answer: tuple[int, Any]) -> tuple[int, str]:
    """A refused call's status and code, whose answer has the one shape there is."""
    status, body = answer
    assert set(body) == {"code", "message", "details"}
    return status, body["code"]


class Rest:
    """REST as one caller: nobody, somebody with an access token, or the bearer of the given text."""

    def __init__(self, user: User | None = None, *, token: str = "", **options: Any) -> None:
        self.client = APIClient(**options)
        if user is not None:
            token = str(PreciseAccessToken.for_user(user))
        if token:
            self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    def get(self, path: str, **query: Any) -> tuple[int, Any]:
        return self._answer(self.client.get(f"/api/v1/{path}", query))

    def post(self, path: str, body: Any = None) -> tuple[int, Any]:
        text = None if body is None else json.dumps(body)
        return self._answer(self.client.post(f"/api/v1/{path}", text, content_type="application/json"))

    def patch(self, path: str, body: Any = None) -> tuple[int, Any]:
        return self._answer(
            self.client.patch(
                f"/api/v1/{path}", json.dumps({} if body is None else body), content_type="application/json"
            )
        )

    def delete(self, path: str) -> tuple[int, Any]:
        return self._answer(self.client.delete(f"/api/v1/{path}"))

    def _answer(self, response: Any) -> tuple[int, Any]:
        return response.status_code, response.json() if response.content else None
