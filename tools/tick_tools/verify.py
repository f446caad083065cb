"""Verification of segments and directories: blocks, order, index, continuity and venues' checksums."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from .checksums import Checksums
from .continuity import Continuity
from .decode import (
    Definitions,
    counts_hold,
    decode,
    segment_id_of,
    sound_records,
    split_records,
    ts_recv_of,
    type_of,
)
from .errors import FormatError, NewerVersionError
from .index import index_error, read_index
from .parts import Limit, limits_of
from .records import Connection, Drop, Gap, Instrument, Record, SegmentStart
from .resets import EVERYTHING, Reset, Resets
from .segment import (
    BLOCK_HAS_DEFINITIONS,
    BLOCK_HAS_GAPS,
    BLOCK_HAS_MARK,
    Block,
    Damage,
    Part,
    Rewritten,
    Segment,
    SegmentName,
    Tail,
    list_segments,
    require_directory,
)
from .times import day_text

NEWER_FORMAT = NewerVersionError.code
IO = "TF_IO"

DAY_NS = 86_400_000_000_000

_DEFINITION_TYPES = {1, 2, 3}
_GAP_TYPES = {7, 8}
_CONTENT_FLAGS = BLOCK_HAS_DEFINITIONS | BLOCK_HAS_GAPS | BLOCK_HAS_MARK
_MAX_PROBLEMS = 100
_MARK_TYPE = 255
_SEGMENT_TYPE = 1
_REPLACED = "\N{REPLACEMENT CHARACTER}"


class _Report:
    """The counters of one verification."""

    def __init__(self) -> None:
        self.segments = 0
        self.blocks = 0
        self.records = 0
        self.corrupt_blocks = 0
        self.missing_records = 0
        self.torn_tail_bytes = 0
        self.gaps = 0
        self.dropped = 0
        self.order_errors = 0
        self.index = {"ok": 0, "missing": 0, "wrong": 0}
        self.unreadable: list[dict[str, str]] = []
        self.problems: list[str] = []
        self.remarks: list[str] = []
        self.journals: list[_Journal] = []

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def refuse(self, path: Path, code: str, message: str) -> None:
        self.unreadable.append({"path": str(path), "code": code, "message": message})

    def as_dict(self) -> dict[str, Any]:
        checked = sum(journal.continuity.checked for journal in self.journals)
        broken = sum(journal.continuity.broken for journal in self.journals)
        sums = [journal.checksums for journal in self.journals]
        problems = list(self.problems)
        for journal in self.journals:
            problems += [f"continuity: {text}" for text in journal.continuity.breaks]
            problems += [f"checksum: {text}" for text in journal.checksums.failures]
        shown = problems[:_MAX_PROBLEMS]
        if len(problems) > len(shown):
            shown.append(f"and {len(problems) - len(shown)} more")
        return {
            "ok": not problems and not self.unreadable,
            "segments": self.segments,
            "blocks": self.blocks,
            "records": self.records,
            "corruptBlocks": self.corrupt_blocks,
            "missingRecords": self.missing_records,
            "tornTailBytes": self.torn_tail_bytes,
            "gaps": self.gaps,
            "droppedRecords": self.dropped,
            "continuity": {"checked": checked, "broken": broken},
            "checksums": {
                "checked": sum(one.checked for one in sums),
                "passed": sum(one.passed for one in sums),
                "failed": sum(one.failed for one in sums),
            },
            "index": self.index,
            "orderErrors": self.order_errors,
            "unreadable": self.unreadable,
            "problems": shown,
            "remarks": self.remarks,
        }


class _Journal:
    """State that goes on from one segment of a journal to the next."""

    def __init__(self) -> None:
        self.resets = Resets()
        self.continuity = Continuity()
        self.checksums = Checksums()

    def begin_segment(self) -> None:
        self.resets.begin_segment()

    def end_segment(self) -> None:
        self._start_anew(self.resets.end_copies())

    def damage(self) -> None:
        self._start_anew([EVERYTHING])
        self.checksums.damage()

    def on_record(self, record: Record) -> None:
        self._start_anew(self.resets.on_record(record))
        self.continuity.on_record(record)
        self.checksums.on_record(record)

    def _start_anew(self, resets: list[Reset]) -> None:
        for reset in resets:
            self.continuity.reset(reset)
            self.checksums.reset(reset)


class _SegmentCheck:
    """One pass over one segment."""

    def __init__(self, segment: Segment, journal: _Journal, report: _Report, next_part: int | None) -> None:
        self.segment = segment
        self.next_part = next_part
        self.journal = journal
        self.report = report
        self.definitions: Definitions = {}
        self.blocks: list[Block] = []
        self.unsound: set[int] = set()
        self.next_record: int | None = 0
        self.unknown: set[int] = set()

    def problem(self, text: str) -> None:
        self.report.problem(f"{self.segment.path.name}: {text}")

    def remark(self, text: str) -> None:
        self.report.remarks.append(f"{self.segment.path.name}: {text}")

    def order_error(self, text: str) -> None:
        self.report.order_errors += 1
        self.problem(text)

    def run(self, parts: list[Part]) -> None:
        self.journal.begin_segment()
        for part in parts:
            if isinstance(part, Block):
                self.block(part)
            elif isinstance(part, Damage):
                self.damage(part)
            elif isinstance(part, Rewritten):
                self.rewritten(part)
            else:
                self.tail(part)
        if self.blocks:
            self.journal.end_segment()

    def damage(self, damage: Damage) -> None:
        self.report.corrupt_blocks += damage.missing_blocks
        self.report.missing_records += damage.missing_records
        self.next_record = None
        self.journal.damage()
        lost = f"{damage.missing_blocks} blocks with {damage.missing_records} records"
        self.problem(f"{lost} are damaged: {damage.length} bytes from {damage.offset} on")

    def rewritten(self, rewritten: Rewritten) -> None:
        first, last = rewritten.first, rewritten.last
        which = f"block {first} is" if first == last else f"blocks {first} to {last} are"
        self.remark(f"{which} written again in part {self.next_part}")

    def tail(self, tail: Tail) -> None:
        self.report.torn_tail_bytes += tail.torn_bytes
        if tail.torn_bytes:
            self.problem(f"torn tail of {tail.torn_bytes} bytes from {tail.offset} on")

    def block(self, block: Block) -> None:
        self.blocks.append(block)
        self.report.blocks += 1
        if self.next_record is not None and block.first_record != self.next_record:
            self.order_error(f"block {block.number} begins with record {block.first_record}, not {self.next_record}")
        self.next_record = block.next_record
        self.report.records += block.record_count
        payload = self.segment.payload(block)
        for contradiction in _contradictions(block, list(split_records(payload))):
            self.order_error(f"block {block.number}: {contradiction}")
        records = sound_records(payload)
        if records is None:
            self.unsound.add(block.number)
            self.journal.damage()
            return
        for number, cells in enumerate(records, block.first_record):
            self.record(decode(cells, self.definitions), number)

    def record(self, record: Record, number: int) -> None:
        if isinstance(record, SegmentStart):
            self.start(record, number)
        if isinstance(record, (SegmentStart, Instrument, Connection)) and _has_bad_text(record):
            self.remark(f"record {number}: a string is no UTF-8")
        if isinstance(record, Gap):
            self.report.gaps += 1
        elif isinstance(record, Drop):
            self.report.dropped += record.count
        if record.instrument_number and record.definition is None and record.instrument_number not in self.unknown:
            self.unknown.add(record.instrument_number)
            self.remark(f"record {number}: instrument {record.instrument_number} is not defined before it")
        self.journal.on_record(record)

    def start(self, start: SegmentStart, number: int) -> None:
        if number:
            self.remark(f"record {number}: a segment record that is not the first")
        if start.day != start.ts_recv // DAY_NS:
            self.remark(f"the segment record says day {day_text(start.day)}, its ts_recv another")
        name = SegmentName.parse(self.segment.path.name)
        if name and (name.journal, name.day, name.part) != (start.journal, day_text(start.day), start.part):
            self.remark(f"the segment record says {day_text(start.day)}.{start.journal}.{start.part:03d}")

    def check_index(self, path: Path) -> None:
        """Look at the index last: what is wrong with it is a remark, since it can be derived."""
        counts = self.report.index
        limit = self.segment.limit
        error: str | None
        try:
            if limit is not None and not self.blocks:
                error = None
            else:
                index = read_index(path, limit)
                error = index_error(
                    index, self.segment.segment_id, self.blocks, self.unsound, limited=limit is not None
                )
        except FileNotFoundError:
            error = None
            if self.blocks:
                counts["missing"] += 1
                self.remark("its index is missing")
                return
        except (OSError, FormatError) as wrong:
            error = str(wrong)
        if error is None:
            counts["ok"] += 1
        else:
            counts["wrong"] += 1
            self.remark(f"index: {error}")


def _contradictions(block: Block, records: list[memoryview]) -> Iterator[str]:
    """What a whole block says that is not so, by a defect of its writer: each an order error."""
    filled = sum(map(len, records))
    if filled < block.payload_length:
        yield f"its records fill {filled} of {block.payload_length} bytes"
    if not all(map(type_of, records)):
        yield "a record of type 0"
    if not all(map(counts_hold, records)):
        yield "a record counts more than its cells hold"
    if len(records) != block.record_count:
        yield f"{block.record_count} records said, {len(records)} found"
    times = [ts_recv_of(cells) for cells in records]
    if times and (min(times), max(times)) != (block.min_ts_recv, block.max_ts_recv):
        yield "min_ts_recv or max_ts_recv is not that of its records"
    flags = reduce(or_, map(_flag_of, records), 0)
    if filled == block.payload_length and flags != block.flags & _CONTENT_FLAGS:
        yield f"flags {block.flags}, but its records say {flags}"
    if block.number == 0 and not (records and _starts_segment(records[0], block.segment_id)):
        yield "it does not open with a segment record of its own id"


def _starts_segment(cells: memoryview, segment_id: int) -> bool:
    return type_of(cells) == _SEGMENT_TYPE and segment_id_of(cells) == segment_id


def _has_bad_text(record: Record) -> bool:
    return any(_REPLACED in value for value in vars(record).values() if isinstance(value, str))


def _flag_of(cells: memoryview) -> int:
    if type_of(cells) in _DEFINITION_TYPES:
        return BLOCK_HAS_DEFINITIONS
    if type_of(cells) == _MARK_TYPE:
        return BLOCK_HAS_MARK
    return BLOCK_HAS_GAPS if type_of(cells) in _GAP_TYPES else 0


def _check(path: Path, limit: Limit | None, journal: _Journal, report: _Report) -> None:
    """Verify one segment. One that cannot be read counts for nothing, and what it held is missing like damage."""
    try:
        with Segment(path, limit.record if limit else None) as segment:
            parts = list(segment.walk())
            segment.refuse_foreign()
            check = _SegmentCheck(segment, journal, report, limit.part if limit else None)
            check.run(parts)
            check.check_index(segment.index_path)
            report.segments += 1
    except (FormatError, OSError) as refused:
        report.refuse(path, refused.code if isinstance(refused, FormatError) else IO, str(refused))
        journal.damage()


def verify_segment(path: Path | str) -> dict[str, Any]:
    """Verify one segment file on its own, as the first of its journal, up to the limit that the next part gives it.

    Returns
    -------
    dict
        The counters of `verify_directory`.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    report = _Report()
    report.journals.append(_Journal())
    limits = limits_of(list_segments(Path(path).parent))
    _check(Path(path), limits.get(Path(path)), report.journals[0], report)
    return report.as_dict()


def verify_directory(directory: Path | str) -> dict[str, Any]:
    """Verify all segments of a directory, each journal in the order of day and part.

    Returns
    -------
    dict
        `ok` (no problem and nothing unreadable), `segments, blocks, records, corruptBlocks, missingRecords,
        tornTailBytes, gaps` (gap records), `droppedRecords`, `continuity: {checked, broken}`,
        `checksums: {checked, passed, failed}`, `index: {ok, missing, wrong}` (segments), `orderErrors`
        (contradictions of blocks), `unreadable` (files as `{path, code, message}`: of a later version, foreign, or
        refused by the system; the other counters leave them out), `problems` (texts, at most 100) and `remarks` (of
        indexes that must be derived anew, of blocks that the next part has again, of names, of instruments without
        definition, of strings that are no UTF-8).
        Gaps, drops and remarks are no problems: they are on record, or can be derived.

    Raises
    ------
    FileNotFoundError
        There is no such directory.
    FormatError
        It holds no segment.
    """
    report = _Report()
    journals: dict[str, _Journal] = {}
    paths = list_segments(require_directory(directory))
    limits = limits_of(paths)
    for path in paths:
        name = SegmentName.parse(path.name)
        assert name is not None
        if name.journal not in journals:
            journals[name.journal] = _Journal()
            report.journals.append(journals[name.journal])
        _check(path, limits.get(path), journals[name.journal], report)
    return report.as_dict()
