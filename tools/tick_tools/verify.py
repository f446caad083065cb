"""Verification of segments and directories: blocks, order, index, continuity and venues' checksums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .checksums import Checksums
from .continuity import Continuity
from .decode import Definitions, decode, split_records
from .errors import FormatError, NewerVersionError
from .index import Index, index_error, read_index
from .records import Drop, Gap, Record, SegmentStart
from .resets import EVERYTHING, Resets
from .segment import (
    BLOCK_HAS_DEFINITIONS,
    BLOCK_HAS_GAPS,
    Block,
    Damage,
    Segment,
    SegmentName,
    Tail,
    list_segments,
    require_directory,
)
from .times import day_text

DAY_NS = 86_400_000_000_000

_DEFINITION_TYPES = {1, 2, 3}
_GAP_TYPES = {7, 8}
_MAX_PROBLEMS = 100


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
        self.problems: list[str] = []
        self.journals: list[_Journal] = []

    def problem(self, text: str) -> None:
        self.problems.append(text)

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
            "problems": shown,
        }


class _Journal:
    """State that goes on from one segment of a journal to the next."""

    def __init__(self) -> None:
        self.resets = Resets()
        self.continuity = Continuity()
        self.checksums = Checksums()

    def reset(self) -> None:
        self.continuity.reset(EVERYTHING)
        self.checksums.reset(EVERYTHING)

    def on_record(self, record: Record) -> None:
        for reset in self.resets.on_record(record):
            self.continuity.reset(reset)
            self.checksums.reset(reset)
        self.continuity.on_record(record)
        self.checksums.on_record(record)


class _SegmentCheck:
    """One pass over one segment."""

    def __init__(self, segment: Segment, journal: _Journal, report: _Report) -> None:
        self.segment = segment
        self.journal = journal
        self.report = report
        self.definitions: Definitions = {}
        self.blocks: list[Block] = []
        self.damages: list[Damage] = []
        self.next_record: int | None = 0
        self.unknown: set[int] = set()

    def problem(self, text: str) -> None:
        self.report.problem(f"{self.segment.path.name}: {text}")

    def order_error(self, text: str) -> None:
        self.report.order_errors += 1
        self.problem(text)

    def run(self) -> None:
        for part in self.segment.walk():
            if isinstance(part, Block):
                self.block(part)
            elif isinstance(part, Damage):
                self.damage(part)
            else:
                self.tail(part)

    def damage(self, damage: Damage) -> None:
        self.damages.append(damage)
        self.report.corrupt_blocks += damage.missing_blocks
        self.report.missing_records += damage.missing_records
        self.next_record = None
        self.journal.reset()
        lost = f"{damage.missing_blocks} blocks with {damage.missing_records} records"
        self.problem(f"{lost} are damaged: {damage.length} bytes from {damage.offset} on")

    def tail(self, tail: Tail) -> None:
        self.report.torn_tail_bytes += tail.torn_bytes
        if tail.torn_bytes:
            self.journal.reset()
            self.problem(f"torn tail of {tail.torn_bytes} bytes from {tail.offset} on")

    def block(self, block: Block) -> None:
        self.blocks.append(block)
        self.report.blocks += 1
        if self.next_record is not None and block.first_record != self.next_record:
            self.order_error(f"block {block.number} begins with record {block.first_record}, not {self.next_record}")
        self.next_record = block.first_record + block.record_count
        times: list[int] = []
        flags = 0
        for number, cells in enumerate(split_records(self.segment.payload(block)), block.first_record):
            try:
                record = decode(cells, self.definitions)
            except FormatError as error:
                self.problem(f"record {number} in block {block.number}: {error}")
                continue
            times.append(record.ts_recv)
            if record.type in _DEFINITION_TYPES:
                flags |= BLOCK_HAS_DEFINITIONS
            elif record.type in _GAP_TYPES:
                flags |= BLOCK_HAS_GAPS
            self.record(record, number)
        self.report.records += block.record_count
        if len(times) < block.record_count:
            return
        if times and (min(times), max(times)) != (block.min_ts_recv, block.max_ts_recv):
            self.order_error(f"block {block.number}: min_ts_recv or max_ts_recv is not that of its records")
        if flags != block.flags & (BLOCK_HAS_DEFINITIONS | BLOCK_HAS_GAPS):
            self.problem(f"block {block.number}: flags {block.flags}, but its records say {flags}")

    def record(self, record: Record, number: int) -> None:
        if isinstance(record, SegmentStart):
            self.start(record, number)
        elif number == 0:
            self.problem("the first record is not a segment record")
        if isinstance(record, Gap):
            self.report.gaps += 1
        elif isinstance(record, Drop):
            self.report.dropped += record.count
        if record.instrument_number and record.definition is None and record.instrument_number not in self.unknown:
            self.unknown.add(record.instrument_number)
            self.problem(f"record {number}: instrument {record.instrument_number} is not defined before it")
        self.journal.on_record(record)

    def start(self, start: SegmentStart, number: int) -> None:
        if number:
            self.problem(f"record {number}: a segment record that is not the first")
        if start.segment_id != self.segment.segment_id:
            self.problem("the segment record names another segment id than the blocks")
        if start.day != start.ts_recv // DAY_NS:
            self.problem(f"the segment record says day {day_text(start.day)}, its ts_recv another")
        name = SegmentName.parse(self.segment.path.name)
        if name and (name.journal, name.day, name.part) != (start.journal, day_text(start.day), start.part):
            self.problem(f"the segment record says {day_text(start.day)}.{start.journal}.{start.part:03d}")

    def check_index(self, index: Index | None, error: str | None) -> None:
        if index is not None:
            error = index_error(index, self.segment.segment_id, self.blocks, self.damages)
        if error is None:
            self.report.index["ok"] += 1
        else:
            self.report.index["wrong"] += 1
            self.problem(f"index: {error}")


def _check(path: Path, journal: _Journal, report: _Report) -> None:
    report.segments += 1
    index: Index | None = None
    error: str | None = None
    index_path = path.with_suffix(".tfi")
    try:
        index = read_index(index_path)
    except FileNotFoundError:
        pass
    except FormatError as wrong:
        error = str(wrong)
    try:
        with Segment(path, index.segment_id if index else None) as segment:
            check = _SegmentCheck(segment, journal, report)
            check.run()
            if index is None and error is None:
                report.index["missing"] += 1
            else:
                check.check_index(index, error)
    except NewerVersionError as refused:
        journal.reset()
        report.problem(str(refused))


def verify_segment(path: Path | str) -> dict[str, Any]:
    """Verify one segment file on its own, as the first of its journal.

    Returns
    -------
    dict
        The counters of `verify_directory`.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    report = _Report()
    report.journals.append(_Journal())
    _check(Path(path), report.journals[0], report)
    return report.as_dict()


def verify_directory(directory: Path | str) -> dict[str, Any]:
    """Verify all segments of a directory, each journal in the order of day and part.

    Returns
    -------
    dict
        `segments, blocks, records, corruptBlocks, missingRecords, tornTailBytes, gaps` (gap records), `droppedRecords`,
        `continuity: {checked, broken}`, `checksums: {checked, passed, failed}`, `index: {ok, missing, wrong}`
        (segments), `orderErrors` (blocks whose record numbers do not follow, or whose times are not those of their
        records) and `problems` (texts, at most 100).
        Gaps, drops and a missing index are no problems: they are on record, or can be derived.

    Raises
    ------
    FileNotFoundError
        There is no such directory.
    FormatError
        It holds no segment.
    """
    report = _Report()
    journals: dict[str, _Journal] = {}
    for path in list_segments(require_directory(directory)):
        name = SegmentName.parse(path.name)
        assert name is not None
        if name.journal not in journals:
            journals[name.journal] = _Journal()
            report.journals.append(journals[name.journal])
        _check(path, journals[name.journal], report)
    return report.as_dict()
