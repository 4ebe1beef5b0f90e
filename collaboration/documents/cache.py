"""Texts that this process has loaded: kept while there is room, and read on from where they stand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from uuid import UUID

from bduf_realtime.gateway.conf import conf
from collaboration.documents import stored
from collaboration.documents.texts import MergedText

ENTRY = 4_096  # bytes that an empty text takes


class Loaded(NamedTuple):
    """A text, and the number of the last event in it."""

    text: MergedText
    seq: int


class Wanted(NamedTuple):
    """Where a document's log stands: its life, its newest number, and the one up to which updates may be gone."""

    epoch: str
    head: int
    compacted: int


class _Entry(stored.StoredText):
    __slots__ = ("lock", "weight")

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.weight = 0


class TextCache:
    """Keeps the texts used last, by document and by the epoch of its log. For database threads only."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[UUID, str], _Entry] = OrderedDict()
        self._bytes = 0

    @contextmanager
    def text(self, document: UUID, epoch: str) -> Iterator[Loaded]:
        """A text as it is now; nobody else reads or loads it meanwhile. Raises SnapshotMissing."""
        entry = self._entry(document, epoch)
        with entry.lock:
            entry.read_on(document)
            try:
                yield Loaded(entry.text, entry.seq)
            finally:  # what is told of a text may be kept with it
                self._weigh((document, epoch), entry)

    def texts(self, wanted: Mapping[UUID, Wanted]) -> dict[UUID, MergedText]:
        """Many texts as they are now, in two queries at most, for somebody who holds the locks of their rooms.

        Nothing is read of those that stand where their log does. Raises SnapshotMissing.
        """
        entries = {document: self._entry(document, of.epoch) for document, of in wanted.items()}
        behind = {document for document, entry in entries.items() if entry.seq < wanted[document].compacted}
        snapshots = stored.proven(behind) if behind else {}
        if behind - snapshots.keys():
            raise stored.SnapshotMissing(", ".join(map(str, behind - snapshots.keys())))
        for document, snapshot in snapshots.items():
            with entries[document].lock:
                entries[document].restore(snapshot)
        rows = stored.later_of_many({d: entry.seq for d, entry in entries.items() if entry.seq < wanted[d].head})
        for document, later in rows.items():
            with entries[document].lock:
                entries[document].take(later)
                entries[document].seq = max(entries[document].seq, wanted[document].head)
                self._weigh((document, wanted[document].epoch), entries[document])
        return {document: entry.text for document, entry in entries.items()}

    def add(self, document: UUID, epoch: str, head: int, rows: Sequence[stored.Row]) -> None:
        """Adds what was just committed behind number `head`; to a text that stands elsewhere nothing is added."""
        with self._lock:
            entry = self._entries.get((document, epoch))
        if entry is None:
            return
        with entry.lock:
            if entry.seq == head:
                entry.take(rows)
                self._weigh((document, epoch), entry)

    @property
    def bytes(self) -> int:
        """How much the texts take, about."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, document: UUID) -> bool:
        with self._lock:
            return any(known == document for known, _ in self._entries)

    def _entry(self, document: UUID, epoch: str) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault((document, epoch), _Entry())
            self._entries.move_to_end((document, epoch))
            return entry

    def _weigh(self, name: tuple[UUID, str], entry: _Entry) -> None:
        """Notes what a text takes, and forgets those not used for longest where that is too much."""
        with self._lock:
            if self._entries.get(name) is not entry:
                return
            self._bytes -= entry.weight
            entry.weight = ENTRY + entry.text.weight
            self._bytes += entry.weight
            while self._bytes > self._limit and len(self._entries) > 1:
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= oldest.weight


texts = TextCache(conf.document_cache_bytes)
