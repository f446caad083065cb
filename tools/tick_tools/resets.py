"""When the state that is kept of connections and instruments starts anew (FORMAT.md, Continuity and Checksums)."""

from __future__ import annotations

from dataclasses import dataclass

from .records import CAUSES_WITHOUT_BREAK, COPY, Connection, Drop, Gap, Instrument, Record, SegmentStart

CONNECTION_OPEN = 1


@dataclass(frozen=True)
class Reset:
    """What starts anew: all that is of this connection and of this instrument; None stands for any.

    `kept` are connections that go on all the same: those that a new segment opens with a copy. With `ends`, the
    connection itself is another one from here on, or none.
    """

    connection: int | None = None
    instrument: str | None = None
    kept: frozenset[int] = frozenset()
    ends: bool = False

    def covers(self, connection: int, instrument: str) -> bool:
        """Whether the state of this instrument on this connection starts anew."""
        return self.instrument in (None, instrument) and self._concerns(connection)

    def covers_sequence(self, connection: int) -> bool:
        """Whether the connection's own sequence starts anew."""
        return self.instrument is None and self._concerns(connection)

    def _concerns(self, connection: int) -> bool:
        return self.connection in (None, connection) and connection not in self.kept


EVERYTHING = Reset()


class Resets:
    """Follows the records of one journal through all its segments."""

    def __init__(self) -> None:
        self._copied: set[int] | None = None

    def begin_segment(self) -> None:
        """Take the start of the next segment: until the copies end, nothing is decided."""
        self._copied = set()

    def end_copies(self) -> list[Reset]:
        """Let the connections end that the new segment does not open with a copy, if it holds any record."""
        if self._copied is None:
            return []
        kept, self._copied = frozenset(self._copied), None
        return [Reset(kept=kept, ends=True)]

    def on_record(self, record: Record) -> list[Reset]:
        """What starts anew before this record is looked at."""
        if self._copied is not None and _opens_segment(record):
            if isinstance(record, Connection) and record.event == CONNECTION_OPEN:
                self._copied.add(record.connection)
            return []
        found = self.end_copies()
        opens = isinstance(record, Connection) and record.event == CONNECTION_OPEN
        if isinstance(record, Connection) and not (opens and record.flags & COPY):
            found.append(Reset(connection=record.connection, ends=True))
        elif isinstance(record, Drop) or (isinstance(record, Gap) and record.cause not in CAUSES_WITHOUT_BREAK):
            found += _scope(record)
        return found


def _opens_segment(record: Record) -> bool:
    is_copy = isinstance(record, (Instrument, Connection)) and bool(record.flags & COPY)
    return is_copy or isinstance(record, SegmentStart)


def _scope(gap: Gap | Drop) -> list[Reset]:
    """Nothing is kept of an instrument without a definition, so nothing starts anew."""
    if gap.instrument_number and gap.instrument is None:
        return []
    return [Reset(gap.connection or None, gap.instrument)]
