"""The index of a segment: reading, deriving, comparing, and time lookup (FORMAT.md, Index)."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .crc32c import crc32c
from .errors import FormatError, NewerVersionError
from .segment import VERSION, Block, Damage

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


def read_index(path: Path) -> Index:
    """Read an index file.

    Zero bytes behind the last entry are space set aside and no entries.

    Raises
    ------
    FileNotFoundError
        There is none.
    FormatError
        The header, or an entry, does not carry the right CRC, or the file ends within an entry.
    NewerVersionError
        A later version of the format.
    """
    data = path.read_bytes()
    if len(data) < ENTRY_BYTES or data[:4] != _MAGIC or crc32c(data[:60]) != _HEADER.unpack_from(data)[4]:
        raise FormatError(f"{path}: no index header")
    _, version, entry_bytes, segment_id, _ = _HEADER.unpack_from(data)
    if version > VERSION:
        raise NewerVersionError(f"{path}: format version {version}; this reader knows {VERSION}")
    if entry_bytes != ENTRY_BYTES:
        raise FormatError(f"{path}: entries of {entry_bytes} bytes")
    end = -(-len(data.rstrip(b"\0")) // ENTRY_BYTES) * ENTRY_BYTES
    if end > len(data):
        raise FormatError(f"{path}: ends within an entry")
    entries = []
    for offset in range(ENTRY_BYTES, end, ENTRY_BYTES):
        if data[offset : offset + ENTRY_BYTES] == bytes(ENTRY_BYTES):
            raise FormatError(f"{path}: an empty entry at offset {offset}")
        fields = _ENTRY.unpack_from(data, offset)
        if crc32c(data[offset : offset + 60]) != fields[10]:
            raise FormatError(f"{path}: wrong CRC of the entry at offset {offset}")
        entries.append(Entry(*fields[:10]))
    return Index(segment_id, entries)


def derive_entries(blocks: Iterable[Block]) -> list[Entry]:
    """The entries that the blocks give."""
    entries: list[Entry] = []
    for block in blocks:
        running, back_steps = _follow(entries[-1] if entries else None, block.min_ts_recv, block.max_ts_recv)
        entries.append(
            Entry(
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
        )
    return entries


def _follow(before: Entry | None, min_ts_recv: int, max_ts_recv: int) -> tuple[int, int]:
    if before is None:
        return max_ts_recv, 0
    stepped_back = min_ts_recv < before.running_max_ts_recv
    return max(before.running_max_ts_recv, max_ts_recv), before.back_steps + stepped_back


def chain_error(entries: list[Entry]) -> str | None:
    """What is wrong with the order or the running fields of the entries, None if nothing."""
    before = None
    for i, entry in enumerate(entries):
        if before and (entry.block_number <= before.block_number or entry.offset <= before.offset):
            return f"entry {i} does not follow the one before"
        if (entry.running_max_ts_recv, entry.back_steps) != _follow(before, entry.min_ts_recv, entry.max_ts_recv):
            return f"entry {i}: wrong running_max_ts_recv or back_steps"
        before = entry
    return None


def index_error(index: Index, segment_id: int | None, blocks: list[Block], damages: list[Damage]) -> str | None:
    """Compare an index with the whole blocks of its segment.

    Entries of blocks that are damaged now contradict nothing: the writer made them when the blocks were whole.

    Returns
    -------
    str or None
        What is wrong.
    """
    if segment_id is not None and index.segment_id != segment_id:
        return "belongs to another segment"
    by_offset = {block.offset: block for block in blocks}
    described = 0
    for i, entry in enumerate(index.entries):
        block = by_offset.get(entry.offset)
        if block:
            if not entry.describes(block):
                return f"entry {i} contradicts block {block.number}"
            described += 1
        elif not any(damage.offset <= entry.offset < damage.offset + damage.length for damage in damages):
            return f"entry {i}: no block at offset {entry.offset}"
    if described < len(blocks):
        return f"describes {described} of {len(blocks)} blocks"
    return chain_error(index.entries)


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
