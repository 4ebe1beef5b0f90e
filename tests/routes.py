"""Every call that REST takes, from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from bduf_realtime.gateway.views import no_such_call
from tests.cast import Cast


def routes() -> Iterator[tuple[str, Any]]:
    """Every route below /api/v1/, with its view."""

    def walk(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, path)
            elif isinstance(pattern, URLPattern) and path.startswith("api/v1/"):
                yield path.removeprefix("api/v1/"), pattern.callback

    return walk(get_resolver().url_patterns, "")


def calls() -> list[str]:
    """Every route with each of its methods."""
    found = []
    for path, view in routes():
        if (shape := getattr(view, "view_class", None) or getattr(view, "cls", None)) is not None:
            assert issubclass(shape, APIView), f"{path} answers in a shape of its own"
            methods = [m.upper() for m in shape.http_method_names if hasattr(shape, m)]
            found += [f"{method} {path}" for method in methods if method not in ("HEAD", "OPTIONS")]
        else:
            assert view is no_such_call, path
    return found


def ids(cast: Cast, path: str) -> dict[str, Any]:
    """What stands in a path's holes, by the hole's name."""
    own = {"projects": cast.project.pk, "sessions": cast.session.pk, "connections": cast.connection.pk}
    own |= {"documents": cast.document.pk, "approvals": cast.approval.id, "policies": cast.policy.pk}
    holes = {"user": cast.target.pk, "invitation": cast.invitation.pk, "version": cast.version.pk}
    return {"pk": own.get(path.partition("/")[0]), "other": cast.version.pk, **holes}


def body(cast: Cast, call: str) -> Any:
    """A body that would do."""
    return {
        "POST projects/": {"name": "New"},
        "PATCH projects/<uuid:pk>/": {"name": "New"},
        "POST projects/<uuid:pk>/members/": {"user": "stranger"},
        "POST sessions/": {"project": str(cast.project.pk)},
        "PATCH sessions/<uuid:pk>/": {"name": "New"},
        "PATCH sessions/<uuid:pk>/participants/<uuid:user>/": {"role": "observer"},
        "POST documents/": {"session": str(cast.session.pk), "title": "New"},
        "PATCH documents/<uuid:pk>/": {"title": "New"},
        "PUT documents/<uuid:pk>/content/": {"content": {"a": 2}},
        "PATCH documents/<uuid:pk>/content/": {"changes": [{"key": "a", "value": 2}]},
        "POST documents/<uuid:pk>/versions/": {"title": "New"},
        "POST approvals/": {"project": str(cast.project.pk), "title": "Ship it"},
        "POST approvals/<uuid:pk>/decide/": {"decision": "approve", "content_hash": cast.approval.content_hash},
        "POST approvals/<uuid:pk>/comment/": {"body": "Why?"},
        "POST approvals/<uuid:pk>/resolve/": {"comment": str(cast.comment)},
        "POST approvals/<uuid:pk>/delegate/": {"to": "observer"},
        "POST approvals/<uuid:pk>/bypass/": {"reason": "The site is down."},
        "POST approvals/link/": {"token": cast.link},
        "POST approvals/link/decide/": {
            "token": cast.link,
            "decision": "approve",
            "content_hash": cast.approval.content_hash,
        },
        "POST policies/": {
            "project": str(cast.project.pk),
            "name": "New",
            "rules": {"stages": [{"who": {"role": "owner"}}]},
        },
        "PATCH policies/<uuid:pk>/": {"name": "New"},
        "POST notifications/read/": {"all": True},
        "POST invitations/accept/": {"token": cast.secret, "name": "Gus"},
    }.get(call, {})


def filled(path: str, holes: dict[str, Any]) -> str:
    """A path with what stands in its holes."""
    return re.sub(r"<\w+:(\w+)>", lambda hole: str(holes[hole[1]]), path)


def documented(call: str) -> str:
    """A call as OpenAPI names it."""
    method, path = call.split()
    path = re.sub(r"<\w+:(\w+)>", r"{\1}", path).replace("{pk}", "{id}")
    return f"{method} /api/v1/{path}"
