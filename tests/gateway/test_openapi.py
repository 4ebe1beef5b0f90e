"""What the OpenAPI document says of every call, and of refusals."""

from __future__ import annotations

from typing import Any

import pytest

from bduf_realtime.gateway.errors import CODES
from bduf_realtime.gateway.openapi import document

WITHOUT_A_TOKEN = {
    "post /api/v1/auth/token/",
    "post /api/v1/auth/token/refresh/",
    "post /api/v1/invitations/accept/",
    "post /api/v1/approvals/link/",
    "post /api/v1/approvals/link/decide/",
}
FOR_PAGES = ("/auth/socket-token/", "/auth/page/")  # which a token does not do
OPERATIONS = {
    f"{method} {path}": operation for path, item in document()["paths"].items() for method, operation in item.items()
}


def test_the_document_is_made_once() -> None:
    assert document() is document()


def test_every_error_code_is_in_it() -> None:
    assert {code: meaning["status"] for code, meaning in document()["x-error-codes"].items()} == {
        code: meaning.status for code, meaning in CODES.items()
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_call_says_what_it_is_for_how_it_is_refused_and_who_may_make_it(name: str) -> None:
    operation = OPERATIONS[name]
    assert operation["description"]
    for status in ("4XX", "5XX"):
        content = operation["responses"][status]["content"]
        assert content == {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    schemes = {scheme for way in operation.get("security", [{}]) for scheme in way}
    if name in WITHOUT_A_TOKEN:
        assert schemes == set()
    else:
        assert schemes == ({"cookieAuth"} if name.endswith(FOR_PAGES) else {"token", "cookieAuth"})


def test_every_list_has_the_same_pages() -> None:
    lists = [
        operation for operation in OPERATIONS.values() if "count" in properties(operation["responses"].get("200", {}))
    ]
    assert len(lists) == 13
    for operation in lists:
        parameters = {p["name"]: p["schema"] for p in operation["parameters"] if p["in"] == "query"}
        assert (parameters["limit"]["minimum"], parameters["limit"]["default"]) == (1, 50)
        assert (parameters["offset"]["minimum"], parameters["offset"]["default"]) == (0, 0)


def properties(response: dict[str, Any]) -> dict[str, Any]:
    """The fields of an answer."""
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = schema.get("properties", {})
    return found
