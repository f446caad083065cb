"""Records of a time range, out of all segments of a directory."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from pathlib import Path

from .decode import Definitions, decode, sound_records, type_of
from .errors import FormatError
from .index import Entry, Index, chain_error, derive_entries, lookup, read_index
from .parts import limits_of
from .records import CAUSE_CORRUPT_BLOCK, LAST, TYPE_NAMES, Drop, Gap, Record
from .segment import BLOCK_HAS_DEFINITIONS, Block, Segment, SegmentName, list_segments, require_directory

_DEFINITIONS = (1, 2, 3)
_GAP = 7


def entries_of(segment: Segment, index: Index | None) -> list[Entry]:
    """Entries for all whole blocks of a segment, from its index as far as that agrees with the blocks.

    Every entry is compared with the header of its block. When one is wrong or missing all are derived anew.
    """
    if index is None or index.segment_id != segment.segment_id or chain_error(index.entries) or not index.entries:
        return derive_entries(segment.walk())
    last: Block | None = None
    for entry in index.entries:
        if entry.is_lost:
            continue
        last = segment.header_at(entry.offset)
        if last is None or last.segment_id != segment.segment_id or not entry.describes(last):
            return derive_entries(segment.walk())
    ends = segment.limit is not None and last is not None and last.next_record >= segment.limit
    if last is None or last.number + 1 != len(index.entries) or not (ends or not segment.has_block_behind(last)):
        return derive_entries(segment.walk())
    return index.entries


def iter_segment(
    path: Path | str,
    start: int | None = None,
    end: int | None = None,
    types: Collection[str] | None = None,
    instruments: Collection[str] | None = None,
) -> Iterator[Record]:
    """Yield the records of one segment with `start <= ts_recv < end`, in the order of the log. See `iter_records`.

    Where the next part of its day says that it writes this one's end again, it ends there.
    """
    path = Path(path)
    limit = limits_of(list_segments(path.parent)).get(path)
    yield from _iter_part(path, limit.record if limit else None, start, end, types, instruments)


def _iter_part(
    path: Path,
    limit: int | None,
    start: int | None,
    end: int | None,
    types: Collection[str] | None,
    instruments: Collection[str] | None,
) -> Iterator[Record]:
    try:
        index: Index | None = read_index(path.with_suffix(".tfi"), limit)
    except (FileNotFoundError, FormatError):
        index = None
    wanted = {number for number, name in TYPE_NAMES.items() if types is None or name in types}
    with Segment(path, limit) as segment:
        segment.refuse_foreign()
        entries = entries_of(segment, index)
        for record in _Reader(segment, entries, wanted).records(lookup(entries, start, end)):
            if (start is None or record.ts_recv >= start) and (end is None or record.ts_recv < end):
                if instruments is None or record.instrument in instruments or _concerns_all(record):
                    yield record


def iter_records(
    directory: Path | str,
    start: int | None = None,
    end: int | None = None,
    types: Collection[str] | None = None,
    instruments: Collection[str] | None = None,
) -> Iterator[Record]:
    """Yield the records of a directory with `start <= ts_recv < end`, the segments merged by ts_recv.

    The order within a segment is kept even where a clock was set back; equal times come in the order of day, journal
    and part.

    Parameters
    ----------
    directory
        Holds the segments.
    start, end
        ns since 1970 UTC; None leaves the side open.
    types
        Names of record types; None for all that this reader knows.
    instruments
        Names as `binance:BTCUSDT`; None for all. Gap and drop records of a whole connection or journal pass, too.

    Yields
    ------
    Record
        With a gap record of cause 9 where blocks are damaged, or contradict themselves so that nothing of them can
        be handed out: it stands before the first record after the damage, and its ids are the number of the first
        missing record and of the first that came.

    Raises
    ------
    FileNotFoundError, FormatError
        No such directory, no segment in it, or a segment of a later version.
    """
    paths = list_segments(require_directory(directory))
    limits = {path: limit.record for path, limit in limits_of(paths).items()}
    streams = [
        _iter_part(path, limits.get(path), start, end, types, instruments) for path in sorted(paths, key=_replay_order)
    ]
    return heapq.merge(*streams, key=lambda record: record.ts_recv)


def _replay_order(path: Path) -> tuple[str, str, int]:
    name = SegmentName.parse(path.name)
    assert name is not None
    return (name.day, name.journal, name.part)


def _concerns_all(record: Record) -> bool:
    return isinstance(record, (Gap, Drop)) and record.instrument_number == 0


class _Reader:
    """Decodes blocks of one segment, of which all entries are known."""

    def __init__(self, segment: Segment, entries: list[Entry], wanted: set[int]) -> None:
        self.segment = segment
        self.entries = entries
        self.wanted = wanted
        self.definitions: Definitions = {}

    def records(self, found: list[Entry]) -> Iterator[Record]:
        """The records of the found blocks, and a gap record for each damage before one of them."""
        if not found:
            return
        at = self.entries.index(found[0])
        for entry in self.entries[:at]:
            self._read_definitions(entry)
        selected = {entry.block_number for entry in found}
        before = self._last_readable(self.entries[:at])
        unsound: Block | None = None
        for entry in self.entries[at : self.entries.index(found[-1]) + 1]:
            block, records = self._read(entry)
            if block is None:
                continue
            if records is None:
                unsound = block
                continue
            if entry.block_number in selected:
                if (block.number, block.offset) != ((before.number + 1, before.end) if before else (0, 0)):
                    yield from self._damage(before, block.first_record, block.min_ts_recv)
                yield from self._decode(records)
            else:
                self._define(records)
            before, unsound = block, None
        if found[-1] != self.entries[-1]:
            return
        last, limit = unsound or before, self.segment.limit
        if last and limit is not None and last.next_record < limit:
            yield from self._damage(before, limit, last.max_ts_recv)
        elif unsound:
            yield from self._damage(before, unsound.next_record, unsound.max_ts_recv)

    def _read(self, entry: Entry) -> tuple[Block | None, list[memoryview] | None]:
        """The block of an entry and its records, None for one that is damaged. An unsound one has no records."""
        block = self.segment.block_at(entry.offset) if not entry.is_lost else None
        return block, sound_records(self.segment.payload(block)) if block else None

    def _last_readable(self, entries: list[Entry]) -> Block | None:
        for entry in reversed(entries):
            block, records = self._read(entry)
            if records is not None:
                return block
        return None

    def _decode(self, records: list[memoryview]) -> Iterator[Record]:
        for cells in records:
            kind = type_of(cells)
            if kind in self.wanted or kind in _DEFINITIONS:
                record = decode(cells, self.definitions)
                if kind in self.wanted:
                    yield record

    def _read_definitions(self, entry: Entry) -> None:
        if entry.flags & BLOCK_HAS_DEFINITIONS:
            self._define(self._read(entry)[1] or [])

    def _define(self, records: list[memoryview]) -> None:
        for cells in records:
            if type_of(cells) in _DEFINITIONS:
                decode(cells, self.definitions)

    def _damage(self, before: Block | None, received: int, ts_recv: int) -> Iterator[Record]:
        if _GAP in self.wanted:
            expected, last_good = (before.next_record, before.max_ts_recv) if before else (0, None)
            head = (1, _GAP, LAST, 0, ts_recv, None, 0, None)
            yield Gap(*head, expected, received, last_good, CAUSE_CORRUPT_BLOCK, 0)
