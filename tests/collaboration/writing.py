"""Documents of a team, and what is written in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bduf_realtime.accounts.models import User
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.batch import Committed, commit
from collaboration import messages as wire
from collaboration import selectors, services
from collaboration.models import Document
from tests.collaboration.conftest import Team

TEXT = "The quick fox\njumps.\n"


def create(team: Team, strategy: str = "merge", content: Any = TEXT) -> Document:
    """Starts a document in the team's session."""
    return services.document_create(
        session=team.session.pk, by=team.owner, title="Notes", strategy=strategy, content=content
    )


def put(document: Document, content: Any, by: User, base: int | None = None) -> None:
    """Makes a content a document's."""
    services.document_edit(document=document.pk, edit=wire.DocumentEdit(content=content, base=base), by=by)


def typed(document: Document, update: str, by: User) -> None:
    """Has somebody on a socket edit a text."""
    message = wire.DocumentUpdate(document.pk, update=update)
    [outcome] = commit([services.document_update(message=message, by=services.author_of(by))])
    assert isinstance(outcome, Committed), outcome


def content(document: Document) -> Any:
    """What is in a document now."""
    return selectors.content_of(selectors.document_content(Document.objects.get(pk=document.pk)))


def refusal(function: Callable[..., Any], *arguments: Any) -> str:
    """The code by which something is refused."""
    with pytest.raises(RealtimeError) as error:
        function(*arguments)
    return error.value.code
