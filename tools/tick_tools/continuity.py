"""What proves that no book update is missing (FORMAT.md, Continuity)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from .records import REST, Book, Connection, Quote, Record, Text, Trade
from .resets import CONNECTION_OPEN, Reset

RANGE = 1
PREVIOUS = 2
CONNECTION_SEQUENCE = 3

_HISTORY = 4096

Update = tuple["int | None", int, "int | None"]
"""First, last and previous update id of one event."""


@dataclass
class _Stream:
    """The updates of one instrument on one connection since the last gap."""

    last_id: int | None = None
    history: deque[Update] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    snapshot: int | None = None


class Continuity:
    """Follows the records of one journal, segment by segment, and counts comparisons and failures."""

    def __init__(self) -> None:
        self.checked = 0
        self.broken = 0
        self.breaks: list[str] = []
        self._streams: dict[tuple[int, str], _Stream] = {}
        self._sequences: dict[int, tuple[int, int]] = {}
        self._numbered: dict[int, bool] = {}
        self._snapshots: dict[str, tuple[int, int]] = {}
        self._began: dict[int, int] = {}
        self._clock = 0

    def reset(self, reset: Reset) -> None:
        """Start the state anew that the reset covers."""
        for key in [key for key in self._streams if reset.covers(*key)]:
            del self._streams[key]
        if reset.connection is not None:
            self._began[reset.connection] = self._clock
            self._sequences.pop(reset.connection, None)
            self._numbered.pop(reset.connection, None)
        elif reset.instrument is not None:
            self._snapshots.pop(reset.instrument, None)
        else:
            self._sequences.clear()
            self._snapshots.clear()

    def on_record(self, record: Record) -> None:
        """Take the next record of the journal."""
        self._clock += 1
        if isinstance(record, Connection):
            if record.event == CONNECTION_OPEN:
                self._numbered[record.connection] = record.integrity == CONNECTION_SEQUENCE
            return
        self._on_sequence(record)
        if isinstance(record, Book) and record.last and record.definition:
            self._on_book(record, record.definition.name, record.definition.integrity)

    def _on_sequence(self, record: Record) -> None:
        integrity = record.definition.integrity if record.definition else 0
        if not self._numbered.get(record.connection, integrity == CONNECTION_SEQUENCE):
            return
        if isinstance(record, Book):
            sequence = record.last_update_id
        elif isinstance(record, (Trade, Quote, Text)):
            sequence = record.sequence
        else:
            return
        before = self._sequences.get(record.connection)
        if sequence is None or (before and before[0] == record.frame):
            return
        if before:
            self._compare(sequence == before[1] + 1, record, f"sequence {sequence} after {before[1]}")
        self._sequences[record.connection] = (record.frame, sequence)

    def _on_book(self, book: Book, name: str, rule: int) -> None:
        if rule not in (RANGE, PREVIOUS) or book.last_update_id is None:
            return
        if book.snapshot:
            self._on_snapshot(book, name, rule)
            return
        key = (book.connection, name)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream()
            known = self._snapshots.get(name)
            if known and known[1] > self._began.get(book.connection, 0):
                stream.snapshot = known[0]
        update = (book.first_update_id, book.last_update_id, book.previous_update_id)
        if stream.last_id is not None:
            if rule == RANGE:
                good = book.first_update_id == stream.last_id + 1
            else:
                good = book.previous_update_id == stream.last_id
            self._compare(good, book, f"update {update} after {stream.last_id}")
        stream.last_id = book.last_update_id
        stream.history.append(update)
        if stream.snapshot is not None and _reaches(update, stream.snapshot, rule):
            self._join(update, stream.snapshot, rule, book)
            stream.snapshot = None

    def _on_snapshot(self, book: Book, name: str, rule: int) -> None:
        last_id = book.last_update_id
        if last_id is None or (rule == RANGE and not book.flags & REST):
            return
        if book.flags & REST:
            self._snapshots[name] = (last_id, self._clock)
            streams = [stream for key, stream in self._streams.items() if key[1] == name]
        else:
            streams = [self._streams.setdefault((book.connection, name), _Stream())]
        for stream in streams:
            update = next((update for update in stream.history if _reaches(update, last_id, rule)), None)
            stream.snapshot = last_id if update is None else None
            if update:
                self._join(update, last_id, rule, book)

    def _join(self, update: Update, snapshot: int, rule: int, record: Record) -> None:
        first, _, previous = update
        if rule == RANGE:
            good = first is not None and first <= snapshot + 1
        else:
            good = (first is not None and first <= snapshot) or previous == snapshot
        self._compare(good, record, f"snapshot {snapshot} does not join update {update}")

    def _compare(self, good: bool, record: Record, what: str) -> None:
        self.checked += 1
        if not good:
            self.broken += 1
            self.breaks.append(
                f"{record.instrument or 'connection'} on connection {record.connection} at {record.ts_recv}: {what}"
            )


def _reaches(update: Update, snapshot: int, rule: int) -> bool:
    return update[1] > snapshot if rule == RANGE else update[1] >= snapshot
