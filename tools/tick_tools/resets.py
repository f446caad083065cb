"""When the state that is kept of connections and instruments starts anew (FORMAT.md, Continuity and Checksums)."""

from __future__ import annotations

from dataclasses import dataclass

from .records import COPY, Connection, Gap, Record, SegmentStart

CONNECTION_OPEN = 1


@dataclass(frozen=True)
class Reset:
    """What starts anew: one connection, one instrument, or (neither) everything of the journal."""

    connection: int | None = None
    instrument: str | None = None

    def covers(self, connection: int, instrument: str) -> bool:
        """Whether the state of this instrument on this connection is lost."""
        return self.connection in (None, connection) and self.instrument in (None, instrument)


EVERYTHING = Reset()


class Resets:
    """Follows the records of one journal through all its segments.

    A segment begins with copies of the open connections. Those go on; any other connection of the segment before is
    no longer open, since its recorder ended.
    """

    def __init__(self) -> None:
        self._known: set[int] = set()
        self._copied: set[int] | None = None

    def on_record(self, record: Record) -> list[Reset]:
        """What starts anew before this record is looked at."""
        found: list[Reset] = []
        if isinstance(record, SegmentStart):
            self._copied = set()
        elif self._copied is not None and not record.flags & COPY:
            found += [Reset(connection=number) for number in self._known - self._copied]
            self._known, self._copied = self._copied, None
        if isinstance(record, Connection) and record.event == CONNECTION_OPEN:
            if self._copied is not None and record.flags & COPY:
                self._copied.add(record.connection)
            else:
                found.append(Reset(connection=record.connection))
        elif isinstance(record, Gap):
            found.append(_scope(record))
        if record.frame:
            self._known.add(record.connection)
        return found


def _scope(gap: Gap) -> Reset:
    if gap.instrument_number:
        return Reset(instrument=gap.instrument) if gap.instrument else EVERYTHING
    return Reset(connection=gap.connection) if gap.frame else EVERYTHING
