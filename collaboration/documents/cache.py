"""Texts that this process has loaded: kept while there is room, and read on from where they stand."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from bduf_realtime.gateway.conf import conf
from collaboration.documents.texts import MergedText
from collaboration.models import DocumentUpdate

# What a text takes beside the bytes of its updates: measured, the engine takes about twice as much.
WEIGHT, ENTRY = 3, 4_096


class Loaded(NamedTuple):
    """A text, and the number of the last event in it."""

    text: MergedText
    seq: int


class _Entry:
    __slots__ = ("lock", "seq", "text")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.text = MergedText()
        self.seq = 0

    def take(self, rows: Iterable[tuple[int, bytes | memoryview, str]]) -> None:
        for seq, data, user in rows:
            if seq > self.seq:  # not what another thread has read meanwhile
                self.text.take(bytes(data), user)
                self.seq = seq

    @property
    def weight(self) -> int:
        return self.text.bytes * WEIGHT + ENTRY


class TextCache:
    """Keeps the texts used last, by document and by the epoch of its log. For database threads only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[UUID, str], _Entry] = OrderedDict()
        self._weights: dict[tuple[UUID, str], int] = {}

    @contextmanager
    def text(self, document: UUID, epoch: str) -> Iterator[Loaded]:
        """A text as it is now; nobody else reads or loads it meanwhile."""
        entry = self._entry(document, epoch)
        with entry.lock:
            rows = DocumentUpdate.objects.filter(document=document, seq__gt=entry.seq).order_by("seq")
            entry.take(rows.values_list("seq", "data", "user"))
            yield Loaded(entry.text, entry.seq)
        self._weigh(document, epoch, entry)

    def texts(self, epochs: Mapping[UUID, str]) -> dict[UUID, MergedText]:
        """Many texts as they are now, in one query, for somebody who holds the locks of their rooms."""
        entries = {document: self._entry(document, epoch) for document, epoch in epochs.items()}
        if not entries:
            return {}
        news = Q()
        for document, entry in entries.items():
            news |= Q(document=document, seq__gt=entry.seq)
        found: dict[UUID, list[tuple[int, bytes | memoryview, str]]] = defaultdict(list)
        rows = DocumentUpdate.objects.filter(news).order_by("seq")
        for document, seq, data, user in rows.values_list("document", "seq", "data", "user"):
            found[document].append((seq, data, user))
        for document, entry in entries.items():
            with entry.lock:
                entry.take(found[document])
            self._weigh(document, epochs[document], entry)
        return {document: entry.text for document, entry in entries.items()}

    @property
    def bytes(self) -> int:
        """How much the texts take, about."""
        with self._lock:
            return sum(self._weights.values())

    def __contains__(self, document: UUID) -> bool:
        with self._lock:
            return any(known == document for known, _ in self._entries)

    def _entry(self, document: UUID, epoch: str) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault((document, epoch), _Entry())
            self._entries.move_to_end((document, epoch))
            return entry

    def _weigh(self, document: UUID, epoch: str, entry: _Entry) -> None:
        """Notes what a text takes, and forgets those not used for longest where that is too much."""
        with self._lock:
            if self._entries.get((document, epoch)) is entry:
                self._weights[document, epoch] = entry.weight
            while sum(self._weights.values()) > self._limit and len(self._entries) > 1:
                oldest, _ = self._entries.popitem(last=False)
                self._weights.pop(oldest, None)


texts = TextCache(conf.document_cache_bytes)
