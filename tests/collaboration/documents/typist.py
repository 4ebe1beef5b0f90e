"""A Yjs client as tests use it: types into its own copy of a text, and tells what is new."""

from __future__ import annotations

from collections.abc import Mapping

from pycrdt import Doc, Text

from collaboration.documents.texts import decoded, encoded


class Typist:
    """One client's copy of a text."""

    def __init__(self, client: int, begin: str = "") -> None:
        self.doc: Doc[Text] = Doc(client_id=client)
        self.text = self.doc.get("content", type=Text)
        if begin:
            self.take(begin)

    def type(self, words: str, at: int | None = None) -> str:
        """Inserts words, at the end unless told otherwise; returns the update in base64."""
        before = self.doc.get_state()
        self.text.insert(len(self.text) if at is None else at, words)
        return encoded(self.doc.get_update(before))

    def erase(self, start: int, stop: int) -> str:
        """Deletes what stands between two places; returns the update in base64."""
        before = self.doc.get_state()
        del self.text[start:stop]
        return encoded(self.doc.get_update(before))

    def take(self, update: str) -> None:
        self.doc.apply_update(decoded(update, "update"))

    def lacked_by(self, state: Mapping[str, str]) -> str:
        """What somebody lacks who has told their state vector; in base64."""
        return encoded(self.doc.get_update(decoded(state["state_vector"], "state_vector")))

    @property
    def whole(self) -> str:
        return encoded(self.doc.get_update())

    @property
    def state_vector(self) -> str:
        return encoded(self.doc.get_state())

    def __str__(self) -> str:
        return str(self.text)
