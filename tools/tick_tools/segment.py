"""Segments: finding the blocks of a file, what is damaged and where the log ends (FORMAT.md, Segment)."""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Union

from .crc32c import crc32c
from .errors import ForeignFileError, NewerVersionError

ALIGNMENT = 4096
HEADER_BYTES = 64
CELL_BYTES = 64
VERSION = 1
MAX_PAYLOAD = 1_048_512
MAX_MISSING_BLOCKS = 1 << 20
MAX_RECORD_NUMBER = 1 << 52

BLOCK_HAS_DEFINITIONS = 1
BLOCK_HAS_GAPS = 2
BLOCK_HAS_MARK = 8
BLOCK_CLOSED = 4

_MAGIC = b"TFB1"
_HEADER = struct.Struct("<4sHHQQQqqIIII")
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.([a-z0-9_-]{1,32})\.(\d{3,})\.tfs")
_PENDING = re.compile(r"[a-z0-9_-]{1,32}\.pending")


@dataclass(frozen=True)
class SegmentName:
    """What the name of a segment file says. The order of (journal, day, part) is the order of writing."""

    journal: str
    day: str
    part: int

    @classmethod
    def parse(cls, name: str) -> SegmentName | None:
        """Read `2024-08-08.main.000.tfs`; None for any other name."""
        match = _NAME.fullmatch(name)
        return cls(match[2], match[1], int(match[3])) if match else None

    @property
    def key(self) -> tuple[str, str, int]:
        """Sort key."""
        return (self.journal, self.day, self.part)


@dataclass(frozen=True)
class Block:
    """The header of a block and where it stands."""

    offset: int
    version: int
    flags: int
    segment_id: int
    number: int
    first_record: int
    min_ts_recv: int
    max_ts_recv: int
    record_count: int
    payload_length: int
    payload_crc: int

    @property
    def length(self) -> int:
        """Bytes of header and payload, without padding."""
        return HEADER_BYTES + self.payload_length

    @property
    def end(self) -> int:
        """Offset of the place for the next block."""
        return align(self.offset + self.length)

    @property
    def next_record(self) -> int:
        """Number of the first record behind the block."""
        return self.first_record + self.record_count


@dataclass(frozen=True)
class Damage:
    """Bytes that hold no whole block although whole blocks follow, or records are known to have been there."""

    offset: int
    length: int
    missing_blocks: int
    missing_records: int
    at_limit: bool = False
    """Whether nothing follows that counts: then the number of blocks is not known and said to be 1."""


@dataclass(frozen=True)
class Tail:
    """What lies behind the last whole block."""

    offset: int
    torn_bytes: int


@dataclass(frozen=True)
class Rewritten:
    """Blocks behind a limit, which the next part has again: nothing of them counts."""

    first: int
    last: int


Part = Union[Block, Damage, Tail, Rewritten]


def align(offset: int) -> int:
    """Round up to the next multiple of 4096."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def list_segments(directory: Path | str) -> list[Path]:
    """All segment files of a directory, by journal, day and part, but for those that an import is about to add."""
    files = [path for path in Path(directory).iterdir() if path.is_file()]
    pending = {name for path in files if _PENDING.fullmatch(path.name) for name in path.read_text().split("\n")}
    found = [(name.key, path) for path in files if (name := SegmentName.parse(path.name)) and path.name not in pending]
    return [path for _, path in sorted(found)]


class Segment:
    """One mapped segment file. Use as a context manager.

    The size is taken once, when the file is opened: what a recorder appends later is seen by the next `Segment`.

    Parameters
    ----------
    path
        The `.tfs` file.
    limit
        Only blocks that begin before this record count (FORMAT.md, Parts); None for all.

    Raises
    ------
    NewerVersionError
        The first block is of a later version of the format.
    """

    def __init__(self, path: Path | str, limit: int | None = None) -> None:
        self.path = Path(path)
        self.limit = limit
        with self.path.open("rb") as file:
            self.size = file.seek(0, 2)
            self._map = mmap.mmap(file.fileno(), self.size, access=mmap.ACCESS_READ) if self.size else None
        self.data = memoryview(self._map) if self._map is not None else memoryview(b"")
        first = self._next(0, 0, None)
        self.segment_id = first.segment_id if first else None

    def __enter__(self) -> Segment:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Unmap the file, or leave that to the last view of it that a caller still holds."""
        self.data.release()
        if self._map is not None:
            with suppress(BufferError):
                self._map.close()

    def refuse_foreign(self) -> None:
        """Refuse a file in which no block stands and none began: not a torn one, and no space set aside.

        Raises
        ------
        ForeignFileError
            It is such a file.
        """
        beginning = bytes(self.data[:4])
        if self.segment_id is None and any(beginning) and not _MAGIC.startswith(beginning):
            raise ForeignFileError(f"{self.path}: no segment of TickForge")

    @property
    def index_path(self) -> Path:
        """Where the index of this segment is, if there is one."""
        return self.path.with_suffix(".tfi")

    def header_at(self, offset: int) -> Block | None:
        """Read the header of a block, without looking at its payload.

        Returns
        -------
        Block or None
            None when no good header stands there or its payload would leave the file.

        Raises
        ------
        NewerVersionError
            A good header of a later version of the format.
        """
        if offset + HEADER_BYTES > self.size or self.data[offset : offset + 4] != _MAGIC:
            return None
        header = self.data[offset : offset + HEADER_BYTES]
        fields = _HEADER.unpack(header)
        if crc32c(header[:60]) != fields[11]:
            return None
        block = Block(offset, *fields[1:11])
        if block.version > VERSION:
            raise NewerVersionError(f"{self.path}: format version {block.version}; this reader knows {VERSION}")
        if block.version != VERSION or block.payload_length % CELL_BYTES or block.payload_length > MAX_PAYLOAD:
            return None
        if block.first_record > MAX_RECORD_NUMBER:
            return None
        return block if offset + block.length <= self.size else None

    def payload(self, block: Block) -> memoryview:
        """The records of a block."""
        start = block.offset + HEADER_BYTES
        return self.data[start : start + block.payload_length]

    def block_at(self, offset: int) -> Block | None:
        """The whole block of this segment at `offset`, of any number."""
        block = self._whole_at(offset)
        return block if block and block.segment_id == self.segment_id else None

    def _whole_at(self, offset: int) -> Block | None:
        block = self.header_at(offset)
        if block is None:
            return None
        return block if crc32c(self.payload(block)) == block.payload_crc else None

    def walk(self) -> Iterator[Part]:
        """Yield every whole block in order, each damage between them, and the tail at the end.

        With a limit, nothing behind it is a block, a damage or a tail: one `Rewritten` tells of all of it.

        Raises
        ------
        NewerVersionError
            A block of this segment is of a later version.
        """
        offset = number = record = 0
        while True:
            block = self._next(offset, number, self.segment_id)
            if self.limit is not None and (block is None or block.first_record >= self.limit):
                yield from self._end_at_limit(offset, record, block)
                return
            if block is None:
                yield Tail(offset, self._torn_bytes(offset))
                return
            if block.offset != offset or block.number != number:
                missing = max(0, block.first_record - record)
                yield Damage(offset, block.offset - offset, block.number - number, missing)
            yield block
            offset, number, record = block.end, block.number + 1, block.next_record

    def _end_at_limit(self, offset: int, record: int, behind: Block | None) -> Iterator[Part]:
        assert self.limit is not None
        if record < self.limit:
            yield Damage(offset, behind.offset - offset if behind else 0, 1, self.limit - record, at_limit=True)
        if behind is None:
            return
        last = behind
        while block := self._next(last.end, last.number + 1, self.segment_id):
            last = block
        yield Rewritten(behind.number, last.number)

    def has_block_behind(self, block: Block) -> bool:
        """Whether the log goes on behind this block."""
        return self._next(block.end, block.number + 1, self.segment_id) is not None

    def blocks(self) -> Iterator[Block]:
        """Only the whole blocks of `walk`."""
        return (part for part in self.walk() if isinstance(part, Block))

    def _next(self, offset: int, number: int, segment_id: int | None) -> Block | None:
        while offset + HEADER_BYTES <= self.size:
            if self.data[offset : offset + 4] == _MAGIC:
                try:
                    block = self._whole_at(offset)
                except NewerVersionError:
                    if offset == 0 or _HEADER.unpack_from(self.data, offset)[3] == segment_id:
                        raise
                    block = None
                if block and 0 <= block.number - number <= MAX_MISSING_BLOCKS:
                    if segment_id in (None, block.segment_id):
                        return block
            offset += ALIGNMENT
        return None

    def _torn_bytes(self, offset: int) -> int:
        end = self.size
        while end > offset:
            start = max(offset, end - (1 << 20))
            used = len(bytes(self.data[start:end]).rstrip(b"\0"))
            if used:
                return start + used - offset
            end = start
        return 0


def require_directory(path: Path | str) -> Path:
    """Return the path of an existing directory that holds segments.

    Raises
    ------
    FileNotFoundError
        There is no such directory.
    ForeignFileError
        The directory holds no segment.
    """
    directory = Path(path)
    if not directory.is_dir():
        raise FileNotFoundError(f"{directory}: no such directory")
    if not list_segments(directory):
        raise ForeignFileError(f"{directory}: holds no segment (*.tfs)")
    return directory
