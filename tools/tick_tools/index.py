"""The index of a segment: reading, deriving, comparing, and time lookup (FORMAT.md, Index)."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from .crc32c import crc32c
from .errors import FormatError, NewerVersionError
from .records import NONE_I64
from .segment import CELL_BYTES, VERSION, Block, Damage, Part, align

ENTRY_BYTES = 64

_MAGIC = b"TFX1"
_HEADER = struct.Struct("<4sHHQ44xI")
_ENTRY = struct.Struct("<QIIQqqqHxxIII")


@dataclass(frozen=True)
class Entry:
    """What the index says of one block."""

    offset: int
    length: int
    record_count: int
    first_record: int
    min_ts_recv: int
    max_ts_recv: int
    running_max_ts_recv: int
    flags: int
    back_steps: int
    block_number: int

    @property
    def is_lost(self) -> bool:
        """Whether it only keeps the place of a block that was lost when the index was derived."""
        return self.length == 0

    @property
    def end(self) -> int:
        """Offset of the place for the next block."""
        return align(self.offset + self.length)

    @property
    def next_record(self) -> int:
        """Number of the first record behind the block."""
        return self.first_record + self.record_count

    def leads_to(self, after: Entry) -> bool:
        """Whether the entry ends where the next one begins, in bytes and in records."""
        return (self.end, self.next_record) == (after.offset, after.first_record)

    def describes(self, block: Block) -> bool:
        """Whether the entry is right, but for its running fields: those speak of the blocks before, too."""
        return (
            self.offset,
            self.length,
            self.record_count,
            self.first_record,
            self.min_ts_recv,
            self.max_ts_recv,
            self.flags,
            self.block_number,
        ) == (
            block.offset,
            block.length,
            block.record_count,
            block.first_record,
            block.min_ts_recv,
            block.max_ts_recv,
            block.flags,
            block.number & 0xFFFFFFFF,
        )


@dataclass(frozen=True)
class Index:
    """An index file: the segment that it belongs to, and its entries."""

    segment_id: int
    entries: list[Entry]


def read_index(path: Path, limit: int | None = None) -> Index:
    """Read an index file, with a limit only the entries in front of it.

    Zero bytes behind the last entry are space set aside and no entries.

    Raises
    ------
    FileNotFoundError
        There is none.
    FormatError
        The header, or an entry, does not carry the right CRC, the file ends within an entry, or it cannot be read.
        So is what is no file: a FIFO would be waited for.
    NewerVersionError
        A later version of the format.
    """
    try:
        if path.exists() and not path.is_file():
            raise FormatError(f"{path}: no regular file")
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FormatError(f"{path}: {error.strerror}") from error
    if len(data) < ENTRY_BYTES or data[:4] != _MAGIC or crc32c(data[:60]) != _HEADER.unpack_from(data)[4]:
        raise FormatError(f"{path}: no index header")
    _, version, entry_bytes, segment_id, _ = _HEADER.unpack_from(data)
    if version > VERSION:
        raise NewerVersionError(f"{path}: format version {version}; this reader knows {VERSION}")
    if entry_bytes != ENTRY_BYTES:
        raise FormatError(f"{path}: entries of {entry_bytes} bytes")
    end = -(-len(data.rstrip(b"\0")) // ENTRY_BYTES) * ENTRY_BYTES
    entries: list[Entry] = []
    for offset in range(ENTRY_BYTES, end, ENTRY_BYTES):
        if limit is not None and (entries[-1].next_record if entries else 0) >= limit:
            break
        if offset + ENTRY_BYTES > len(data):
            raise FormatError(f"{path}: ends within an entry")
        if data[offset : offset + ENTRY_BYTES] == bytes(ENTRY_BYTES):
            raise FormatError(f"{path}: an empty entry at offset {offset}")
        fields = _ENTRY.unpack_from(data, offset)
        if crc32c(data[offset : offset + 60]) != fields[10]:
            raise FormatError(f"{path}: wrong CRC of the entry at offset {offset}")
        entries.append(Entry(*fields[:10]))
    return Index(segment_id, entries)


def derive_entries(parts: Iterable[Part]) -> list[Entry]:
    """The entries that the blocks of a segment give, entry i that of block i: a lost one keeps its place."""
    entries: list[Entry] = []
    for part in parts:
        if isinstance(part, Damage):
            for _ in range(0 if part.at_limit else part.missing_blocks):
                entries.append(_place_of_lost(entries[-1] if entries else None))
        elif isinstance(part, Block):
            entries.append(_describe(part, entries[-1] if entries else None))
    return entries


def _describe(block: Block, before: Entry | None) -> Entry:
    running, back_steps = _follow(before, block.record_count, block.min_ts_recv, block.max_ts_recv)
    return Entry(
        block.offset,
        block.length,
        block.record_count,
        block.first_record,
        block.min_ts_recv,
        block.max_ts_recv,
        running,
        block.flags,
        back_steps,
        block.number & 0xFFFFFFFF,
    )


def _place_of_lost(before: Entry | None) -> Entry:
    if before is None:
        return Entry(0, 0, 0, 0, NONE_I64, NONE_I64, NONE_I64, 0, 0, 0)
    running = before.running_max_ts_recv
    number = before.block_number + 1 & 0xFFFFFFFF
    return Entry(before.end, 0, 0, before.next_record, running, running, running, 0, before.back_steps, number)


def _follow(before: Entry | None, record_count: int, min_ts_recv: int, max_ts_recv: int) -> tuple[int, int]:
    """The running fields of an entry. A block without records leaves them as they are."""
    running, back_steps = (before.running_max_ts_recv, before.back_steps) if before else (NONE_I64, 0)
    if record_count == 0:
        return running, back_steps
    return max(running, max_ts_recv), back_steps + (min_ts_recv < running)


def chain_error(entries: list[Entry]) -> str | None:
    """What is wrong with the order or the running fields of the entries, None if nothing."""
    before = None
    for i, entry in enumerate(entries):
        if entry.block_number != i & 0xFFFFFFFF or (before and entry.offset < before.end):
            return f"entry {i} does not follow the one before"
        running = _follow(before, entry.record_count, entry.min_ts_recv, entry.max_ts_recv)
        if (entry.running_max_ts_recv, entry.back_steps) != running:
            return f"entry {i}: wrong running_max_ts_recv or back_steps"
        if entry.length % CELL_BYTES:
            return f"entry {i}: a block of {entry.length} bytes"
        if entry.is_lost and entry != _place_of_lost(before):
            return f"entry {i}: wrong place of a lost block"
        before = entry
    return None


def index_error(
    index: Index,
    segment_id: int | None,
    blocks: list[Block],
    unsound: Collection[int] = (),
    *,
    limited: bool = False,
) -> str | None:
    """Compare an index with the whole blocks of its segment.

    An entry may still describe a block that was damaged later, if that fits between those around it.

    Parameters
    ----------
    index, segment_id
        The index, and the id that it must name.
    blocks
        The whole blocks.
    unsound
        Numbers of those that contradict themselves, so that they may count as lost.
    limited
        Whether the index may say more than the blocks.

    Returns
    -------
    str or None
        What is wrong.
    """
    if segment_id is not None and index.segment_id != segment_id:
        return "belongs to another segment"
    count = blocks[-1].number + 1 if blocks else 0
    entries = index.entries[:count] if limited else index.entries
    if len(entries) != count:
        return f"{len(entries)} entries for {count} blocks"
    by_number = {block.number: block for block in blocks}
    before: Entry | None = None
    for i, entry in enumerate(entries):
        block = by_number.get(i)
        if block and not entry.describes(block) and not (entry.is_lost and i in unsound):
            return f"entry {i} contradicts block {i}"
        adjoins = before is None or before.is_lost or entry.is_lost or before.leads_to(entry)
        if not adjoins and not (i in by_number and i - 1 in by_number):
            return f"entries {i - 1} and {i} do not fit together"
        before = entry
    return chain_error(entries)


def lookup(entries: list[Entry], start: int | None, end: int | None) -> list[Entry]:
    """Find the blocks that can hold records with `start <= ts_recv < end`; None leaves a side open."""
    first = 0
    if start is not None:
        first = bisect_left(entries, start, key=lambda entry: entry.running_max_ts_recv)
    found = []
    for entry in entries[first:]:
        if end is not None and entry.min_ts_recv >= end:
            if entry.back_steps == entries[-1].back_steps:
                break
            continue
        if start is None or entry.max_ts_recv >= start:
            found.append(entry)
    return found
