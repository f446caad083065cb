"""Records of a time range, out of all segments of a directory."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from pathlib import Path

from .decode import Definitions, decode, split_records
from .errors import FormatError
from .index import Entry, Index, chain_error, derive_entries, lookup, read_index
from .records import CAUSE_CORRUPT_BLOCK, LAST, TYPE_NAMES, Gap, Record
from .segment import BLOCK_HAS_DEFINITIONS, Block, Segment, list_segments, require_directory

_DEFINITIONS = (1, 2, 3)
_TYPE_AT = 1
_GAP = 7


def entries_of(segment: Segment, index: Index | None) -> list[Entry]:
    """Entries for all whole blocks of a segment, from its index as far as that agrees with the blocks.

    Every entry is compared with the header of its block. When one is wrong all are derived anew; blocks behind the
    last entry are added.
    """
    if index is None or index.segment_id != segment.segment_id or chain_error(index.entries):
        return derive_entries(segment.blocks())
    last: Block | None = None
    for entry in index.entries:
        last = segment.header_at(entry.offset)
        if last is None or last.segment_id != segment.segment_id or not entry.describes(last):
            return derive_entries(segment.blocks())
    if any(isinstance(part, Block) for part in segment.walk(last)):
        return derive_entries(segment.blocks())
    return index.entries


def iter_segment(
    path: Path | str,
    start: int | None = None,
    end: int | None = None,
    types: Collection[str] | None = None,
    instruments: Collection[str] | None = None,
) -> Iterator[Record]:
    """Yield the records of one segment with `start <= ts_recv < end`, in the order of the log. See `iter_records`."""
    path = Path(path)
    try:
        index: Index | None = read_index(path.with_suffix(".tfi"))
    except (FileNotFoundError, FormatError):
        index = None
    wanted = None if types is None else {number for number, name in TYPE_NAMES.items() if name in types}
    with Segment(path, index.segment_id if index else None) as segment:
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

    The order within a segment is kept even where a clock was set back; equal times come in the order of journal,
    day and part.

    Parameters
    ----------
    directory
        Holds the segments.
    start, end
        ns since 1970 UTC; None leaves the side open.
    types
        Names of record types; None for all.
    instruments
        Names as `binance:BTCUSDT`; None for all. Gap records of a whole connection or journal pass, too.

    Yields
    ------
    Record
        With a gap record of cause 9 where blocks are damaged: it stands before the first record after the damage,
        and its ids are the number of the first missing record and of the first that came.

    Raises
    ------
    FileNotFoundError, FormatError
        No such directory, no segment in it, or a segment of a later version.
    """
    streams = [
        iter_segment(path, start, end, types, instruments) for path in list_segments(require_directory(directory))
    ]
    return heapq.merge(*streams, key=lambda record: record.ts_recv)


def _concerns_all(record: Record) -> bool:
    return isinstance(record, Gap) and record.instrument_number == 0


class _Reader:
    """Decodes blocks of one segment, of which all entries are known."""

    def __init__(self, segment: Segment, entries: list[Entry], wanted: set[int] | None) -> None:
        self.segment = segment
        self.entries = entries
        self.wanted = wanted
        self.definitions: Definitions = {}
        self.last_ts_recv: int | None = None

    def records(self, found: list[Entry]) -> Iterator[Record]:
        """The records of the found blocks, and what is damaged between or directly behind them."""
        if not found:
            return
        at = self.entries.index(found[0])
        for entry in self.entries[:at]:
            self._read_definitions(entry)
        selected = {entry.offset for entry in found}
        expected: int | None = None
        for entry in self.entries[at : self.entries.index(found[-1]) + 1]:
            if entry.offset not in selected:
                self._read_definitions(entry)
                expected = entry.first_record + entry.record_count
                continue
            block = self.segment.block_at(entry.offset)
            if block is None:
                expected = entry.first_record if expected is None else expected
                continue
            if expected is not None and expected != block.first_record:
                yield from self._damage(block.min_ts_recv, expected, block.first_record)
            yield from self._decode(block)
            expected = block.first_record + block.record_count
        last = found[-1]
        if expected is not None and expected < last.first_record + last.record_count:
            yield from self._damage(last.max_ts_recv, expected, None)

    def _decode(self, block: Block) -> Iterator[Record]:
        for cells in split_records(self.segment.payload(block)):
            kind = cells[_TYPE_AT]
            if self.wanted is None or kind in self.wanted or kind in _DEFINITIONS:
                record = decode(cells, self.definitions)
                if self.wanted is None or kind in self.wanted:
                    yield record
        self.last_ts_recv = block.max_ts_recv

    def _read_definitions(self, entry: Entry) -> None:
        if entry.flags & BLOCK_HAS_DEFINITIONS and (block := self.segment.block_at(entry.offset)):
            for cells in split_records(self.segment.payload(block)):
                if cells[_TYPE_AT] in _DEFINITIONS:
                    decode(cells, self.definitions)

    def _damage(self, ts_recv: int, expected: int, received: int | None) -> Iterator[Record]:
        if self.wanted is None or _GAP in self.wanted:
            head = (1, _GAP, LAST, 0, ts_recv, None, 0, None)
            yield Gap(*head, expected, received, self.last_ts_recv, CAUSE_CORRUPT_BLOCK, 0)
