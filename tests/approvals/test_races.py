"""A vote and an edit of what it is about: whichever holds the document first, no vote counts for what is no more."""

from __future__ import annotations

import threading

import pytest

from approvals.models import Vote
from bduf_realtime.gateway.errors import RealtimeError
from bduf_realtime.rooms.transactions import write
from tests.approvals.asking import ask, decide, stored
from tests.collaboration.conftest import Team
from tests.collaboration.writing import content, create, put
from tests.races import at_once


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["edit", "vote"])
def test_what_holds_the_document_first_is_done_first(team: Team, first: str) -> None:
    document = create(team, content="One.")
    asked = ask(team, about=document, approvers=["owner"])
    held, over = threading.Event(), threading.Event()

    def vote() -> str:
        try:
            return decide(asked, team.owner).state
        except RealtimeError as error:
            return error.code

    def edit() -> str:
        put(document, "Two.", team.participant)
        return "edited"

    leads, follows = (edit, vote) if first == "edit" else (vote, edit)

    def lead() -> str:
        with write():
            done = leads()
            held.set()
            over.wait(timeout=0.3)  # time in which the other would be done, if it did not wait
            assert not over.is_set()
        return done

    def follow() -> str:
        held.wait(timeout=30)
        done = follows()
        over.set()
        return done

    outcomes = set(at_once(lead, follow))
    assert outcomes == {"edited", "approval.stale" if first == "edit" else "approved"}
    assert content(document) == "Two."
    counted = [vote.content_hash for vote in Vote.objects.all()]
    assert counted == ([] if first == "edit" else [stored(asked).content_hash])
