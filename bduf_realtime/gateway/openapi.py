"""OpenAPI 3.1 of the REST side: what serializers do not say, from the structs that answers are made of."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator

from bduf_realtime.gateway.errors import CODES

REF = "#/components/schemas/{name}"
_shapes: dict[str, type[msgspec.Struct]] = {}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer <access token>`."""

    target_class = "bduf_realtime.accounts.rest.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class PageScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The session cookie of a page."""

    target_class = "bduf_realtime.accounts.rest.PageAuthentication"


class Refusal(msgspec.Struct, frozen=True):
    """What every refused call is answered with; `code` is one of `x-error-codes`."""

    code: str
    message: str
    details: dict[str, Any]


def shape(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """An answer made of a struct."""
    _shapes[struct.__name__] = struct
    return {"$ref": REF.format(name=struct.__name__)}


def page_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """A page of a list of structs."""
    link = {"type": ["string", "null"], "format": "uri"}
    return {
        "type": "object",
        "required": ["count", "next", "previous", "results"],
        "properties": {
            "count": {"type": "integer"},
            "next": link,
            "previous": link,
            "results": {"type": "array", "items": shape(struct)},
        },
    }


@cache
def document() -> dict[str, Any]:
    """The whole document; made once, for it takes the time of a hundred calls and anybody may ask for it."""
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return made


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Adds the structs' schemas, and to every operation the refusals it may answer with."""
    refusal = {"description": "Refused.", "content": {"application/json": {"schema": shape(Refusal)}}}
    _, schemas = msgspec.json.schema_components(list(_shapes.values()), ref_template=REF)
    result["components"]["schemas"] = dict(sorted({**result["components"]["schemas"], **schemas}.items()))
    for path in result["paths"].values():
        for operation in path.values():
            for status in ("4XX", "5XX"):
                operation["responses"].setdefault(status, refusal)
    result["x-error-codes"] = {
        code: {"message": m.text, "status": m.status, "retryable": m.retryable} for code, m in CODES.items()
    }
    return result
