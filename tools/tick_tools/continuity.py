"""What proves that no book update is missing (FORMAT.md, Continuity)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from .records import REST, TOP, Book, Connection, Quote, Record, Text, Trade
from .resets import CONNECTION_OPEN, Reset

RANGE = 1
PREVIOUS = 2
CONNECTION_SEQUENCE = 3

_UPDATE_RULES = (RANGE, PREVIOUS)
_HISTORY = 2048

Update = tuple["int | None", int, "int | None"]
"""First, last and previous update id of one event."""


@dataclass
class _Stream:
    """The updates of one instrument on one connection since the state began."""

    history: deque[Update] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    last_id: int | None = None
    """Of the update before, or of the snapshot of the stream that began the chain."""
    waiting: int | None = None
    joined: bool = False
    rule: int = 0
    carried: bool = False
    """Whether the connection has carried an update of the instrument, before the state began or after."""


class Continuity:
    """Follows the records of one journal, segment by segment, and counts comparisons and what does not follow."""

    def __init__(self) -> None:
        self.checked = 0
        self.broken = 0
        self.breaks: list[str] = []
        self._streams: dict[tuple[int, str], _Stream] = {}
        self._sequences: dict[int, tuple[int, int]] = {}
        self._numbered: set[int] = set()

    def reset(self, reset: Reset) -> None:
        """Start the state anew that the reset covers."""
        for key in [key for key in self._streams if reset.covers(*key)]:
            if reset.ends:
                del self._streams[key]
            else:
                self._streams[key] = _Stream(rule=self._streams[key].rule, carried=self._streams[key].carried)
        for connection in [connection for connection in self._sequences if reset.covers_sequence(connection)]:
            del self._sequences[connection]
        if reset.ends:
            self._numbered = {connection for connection in self._numbered if not reset.covers_sequence(connection)}

    def on_record(self, record: Record) -> None:
        """Take the next record of the journal."""
        if isinstance(record, Connection):
            if record.event == CONNECTION_OPEN:
                self._on_open(record)
            return
        if record.connection in self._numbered:
            self._on_sequence(record)
        if isinstance(record, Book) and record.last and record.definition:
            self._on_book(record, record.definition.name, record.definition.integrity)

    def _on_open(self, opened: Connection) -> None:
        if opened.integrity == CONNECTION_SEQUENCE:
            self._numbered.add(opened.connection)
        else:
            self._numbered.discard(opened.connection)

    def _on_sequence(self, record: Record) -> None:
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
        if book.flags & TOP:
            return
        if book.snapshot and not book.flags & REST:
            self._begin(book, name, rule)
        elif book.last_update_id is None:
            return
        elif not book.snapshot:
            self._on_update(book, name, rule, book.last_update_id)
        elif rule in _UPDATE_RULES:
            self._on_snapshot(book, name, rule, book.last_update_id)

    def _begin(self, book: Book, name: str, rule: int) -> None:
        """Start the chain anew with a snapshot of the stream, which needs no join."""
        before = self._stream(book, name, rule)
        stream = _Stream(rule=rule, carried=before.carried, last_id=book.last_update_id, joined=True)
        self._streams[(book.connection, name)] = stream

    def _on_update(self, book: Book, name: str, rule: int, last_id: int) -> None:
        stream = self._stream(book, name, rule)
        update = (book.first_update_id, last_id, book.previous_update_id)
        before = stream.last_id
        if before is not None and rule in _UPDATE_RULES:
            good = book.first_update_id == before + 1 if rule == RANGE else book.previous_update_id == before
            self._compare(good, book, f"update {update} after {before}")
            if not good:
                stream.joined, stream.waiting = False, None
                stream.history.clear()
        stream.history.append(update)
        stream.last_id = last_id
        stream.carried = True
        if stream.waiting is not None and rule in _UPDATE_RULES and _reaches(update, stream.waiting, rule):
            self._join(stream, update, stream.waiting, rule)

    def _on_snapshot(self, book: Book, name: str, rule: int, snapshot: int) -> None:
        if book.connection:
            concerned = [self._stream(book, name, rule)]
        else:
            concerned = [stream for key, stream in self._streams.items() if key[1] == name and stream.carried]
        for stream in concerned:
            if stream.joined and stream.last_id is not None and snapshot < stream.last_id:
                continue
            update = next((update for update in stream.history if _reaches(update, snapshot, rule)), None)
            if update is None:
                stream.waiting = snapshot
            else:
                self._join(stream, update, snapshot, rule)

    def _stream(self, book: Book, name: str, rule: int) -> _Stream:
        """Find the updates that a record belongs to; those of another rule are forgotten."""
        key = (book.connection, name)
        stream = self._streams.get(key)
        if stream is None or stream.rule != rule:
            stream = self._streams[key] = _Stream(rule=rule, carried=stream is not None and stream.carried)
        return stream

    def _join(self, stream: _Stream, update: Update, snapshot: int, rule: int) -> None:
        """Count a join that succeeds. One that does not was asked for too early, and is no break."""
        stream.waiting = None
        if _joins(update, snapshot, rule):
            stream.joined = True
            self.checked += 1

    def _compare(self, good: bool, record: Record, what: str) -> None:
        self.checked += 1
        if not good:
            self.broken += 1
            self.breaks.append(
                f"{record.instrument or 'connection'} on connection {record.connection} at {record.ts_recv}: {what}"
            )


def _reaches(update: Update, snapshot: int, rule: int) -> bool:
    return update[1] > snapshot if rule == RANGE else update[1] >= snapshot


def _joins(update: Update, snapshot: int, rule: int) -> bool:
    first, _, previous = update
    if rule == RANGE:
        return first is not None and first <= snapshot + 1
    return (first is not None and first <= snapshot) or (previous is not None and previous <= snapshot)
