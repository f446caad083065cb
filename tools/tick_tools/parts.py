"""Parts of a day of which a later one takes over from the one before (FORMAT.md, Parts)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .decode import decode, sound_records
from .errors import FormatError
from .records import CAUSE_WRITE_ERROR, COPY, Gap, Record, SegmentStart
from .segment import Segment, SegmentName


@dataclass(frozen=True)
class Limit:
    """Where a part ends: its blocks from this record on are written again in the part of that number."""

    record: int
    part: int


def limits_of(paths: Iterable[Path]) -> dict[Path, Limit]:
    """Find the parts that another one ends, among segment files in the order of `list_segments`."""
    found: dict[Path, Limit] = {}
    before: tuple[SegmentName, Path] | None = None
    for path in paths:
        name = SegmentName.parse(path.name)
        assert name is not None
        if before and (before[0].journal, before[0].day) == (name.journal, name.day):
            record = limit_of_part_before(path)
            if record is not None:
                found[before[1]] = Limit(record, name.part)
        before = name, path
    return found


def limit_of_part_before(path: Path) -> int | None:
    """The record from which on a segment writes the part before it again; None when it does not."""
    try:
        with Segment(path) as segment:
            first = _first_behind_opening(segment)
    except (FormatError, OSError):
        return None
    is_notice = isinstance(first, Gap) and first.cause == CAUSE_WRITE_ERROR
    if not is_notice or first.instrument_number or first.frame:
        return None
    assert isinstance(first, Gap)
    return first.expected_id


def _first_behind_opening(segment: Segment) -> Record | None:
    """The first record that is no segment record and no copy, if all blocks up to it are whole and sound."""
    offset = number = 0
    while (block := segment.block_at(offset)) and block.number == number:
        records = sound_records(segment.payload(block))
        if not records:
            return None
        for cells in records:
            record = decode(cells, {})
            if not isinstance(record, SegmentStart) and not record.flags & COPY:
                return record
        offset, number = block.end, number + 1
    return None
