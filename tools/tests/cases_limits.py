"""Cases of parts that write the end of the one before again (FORMAT.md, Parts)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import writer
from cases import BLOCK, case, diff
from cases_state import ASKS, BIDS, checked, kraken
from writer import COPY, LAST, NONE_U64, SNAPSHOT, Log, connection, drop, instrument, segment_start

NAMES = [f"2024-08-08.main.{part:03d}" for part in range(3)]
SECOND_ID = 0x99


def notice(expected: int = NONE_U64, *, cause: int = 11, number: int = 0, at: int = 0) -> bytes:
    payload = struct.pack("<QQqBB", expected, NONE_U64, writer.T0, cause, 0)
    return writer.record(7, payload, ts=1, flags=LAST, number=number, frame=at)


def opening(part: int, *behind: bytes, integrity: int = 1, rule: int = 0, copies: int = COPY) -> Log:
    """A part whose block 0 has the definitions of the one before, and what follows them."""
    own = segment_start(part=part, segment_id=SECOND_ID + part) if part else segment_start()
    log = Log(SECOND_ID + part) if part else Log()
    copy = copies if part else 0
    define = instrument(1, integrity=integrity, rule=rule, flags=copy)
    return log.block(own, define, connection(1, flags=copy), connection(2, flags=copy), *behind)


OPENING = 4
"""Records of block 0 of part 0."""


def first_part(updates: int = 5, **rules: int) -> Log:
    """Part 0: block n holds the update that ends at 10 * n."""
    log = opening(0, **rules)
    for at in range(1, updates + 1):
        log.block(diff(10 * at - 9, 10 * at, ts=at))
    return log


def second_part(limit: int, first: int, last: int = 8, **rules: int) -> Log:
    """Part 1: from update `first` on, behind the record that says where part 0 ends."""
    log = opening(1, notice(limit), **rules)
    for at in range(first, last + 1):
        log.block(diff(10 * at - 9, 10 * at, ts=at))
    return log


def parts(name: str, *logs: Log, edit: Callable[[Path], object] = lambda path: None) -> None:
    def build(path: Path) -> None:
        for part, log in zip(NAMES, logs):
            log.save(path, part)
        edit(path)

    case(f"parts: {name}")(build)


def change(part: int, at: int, suffix: str = ".tfs") -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        file = path / f"{NAMES[part]}{suffix}"
        data = bytearray(file.read_bytes())
        data[at] ^= 1
        file.write_bytes(data)

    return edit


def cut(part: int, length: int, suffix: str = ".tfs") -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        file = path / f"{NAMES[part]}{suffix}"
        file.write_bytes(file.read_bytes()[:length])

    return edit


def beside(log: Log, name: str) -> Callable[[Path], object]:
    return lambda path: log.save(path, name)


def without_index(part: int, then: Callable[[Path], object] = lambda path: None) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        (path / f"{NAMES[part]}.tfi").unlink()
        then(path)

    return edit


_LIMIT = OPENING + 3
"""Blocks 0 to 3 count."""

parts("blocks 4 and 5 are written again", first_part(), second_part(_LIMIT, 4))
parts("nothing of part 0 counts", first_part(), second_part(0, 1))
parts("all of part 0 counts", first_part(3), second_part(_LIMIT, 4))
parts("block 5 alone is written again", first_part(), second_part(_LIMIT + 1, 5))
parts("a limit within a block", first_part(), second_part(2, 1))
parts("no limit is named", first_part(), second_part(NONE_U64, 6))
parts("an update is missing", first_part(), second_part(_LIMIT, 5))
parts("another cause", first_part(), opening(1, notice(_LIMIT, cause=6)))
parts("of an instrument", first_part(), opening(1, notice(_LIMIT, number=1)))
parts("of a connection", first_part(), opening(1, notice(_LIMIT, at=1 << 48)))
parts("the second gap record", first_part(), opening(1, notice(cause=6), notice(_LIMIT)))
parts("behind a definition that is no copy", first_part(), opening(1, notice(_LIMIT), copies=0))
parts("the copies fill a block", first_part(), opening(1).block(notice(_LIMIT)).block(diff(31, 40)))
parts("chain", first_part(), second_part(_LIMIT, 4, 7), opening(2, notice(OPENING + 2)).block(diff(41, 50)))
parts("chain, nothing of part 1", first_part(), second_part(_LIMIT, 4), opening(2, notice(0)).block(diff(31, 40)))
for _name, _file in {"day": "2024-08-09.main.001", "journal": "2024-08-08.other.001"}.items():
    parts(f"another {_name}'s part", first_part(), edit=beside(second_part(3, 4), _file))
parts("part 1 is missing", first_part(), edit=beside(second_part(_LIMIT, 4), NAMES[2]))
parts("no index", first_part(), second_part(_LIMIT, 4), edit=without_index(0))
parts("the index ends before", first_part(), second_part(_LIMIT, 4), edit=cut(0, 64 * 3, ".tfi"))
parts("the index ends at the limit", first_part(), second_part(_LIMIT, 4), edit=cut(0, 64 * 5, ".tfi"))
parts("the index is torn behind", first_part(), second_part(_LIMIT, 4), edit=cut(0, 64 * 5 + 9, ".tfi"))
parts("the index lies behind", first_part(), second_part(_LIMIT, 4), edit=change(0, 64 * 5 + 17, ".tfi"))
parts("the index lies before", first_part(), second_part(_LIMIT, 4), edit=change(0, 64 * 4 + 17, ".tfi"))
parts("nothing counts, and the index lies", first_part(), second_part(0, 1), edit=change(0, 20, ".tfi"))
for _at, _where in ((1, "before"), (3, "right before"), (4, "right behind"), (5, "behind")):
    for _by in (70, 10):
        parts(f"damage {_where}, byte {_by}", first_part(), second_part(_LIMIT, 4), edit=change(0, _at * BLOCK + _by))
        parts(
            f"damage {_where}, byte {_by}, no index",
            first_part(),
            second_part(_LIMIT, 4),
            edit=without_index(0, change(0, _at * BLOCK + _by)),
        )
for _length in (0, 200, BLOCK, 3 * BLOCK, 3 * BLOCK + 80, 4 * BLOCK, 4 * BLOCK + 80, 5 * BLOCK):
    parts(f"cut at {_length}", first_part(), second_part(_LIMIT, 4), edit=cut(0, _length))
parts("block 0 of part 1 is damaged", first_part(), second_part(_LIMIT, 4), edit=change(1, 70))
parts("closed, then written again", first_part().empty_block(5, flags=4), second_part(_LIMIT, 4))
parts("producers", first_part().block(diff(51, 60), flags=0x300), second_part(_LIMIT + 2, 6))

_SUM = kraken(BIDS, ASKS)


def summed(part: int, *records: bytes) -> Log:
    log = opening(part, *([notice(OPENING + 1)] if part else []), integrity=0, rule=1)
    for one in records:
        log.block(one)
    return log


_BOOK = checked(1, _SUM, flags=LAST | SNAPSHOT)
parts("a book goes on", summed(0, _BOOK, checked(2, _SUM)), summed(1, checked(2, _SUM), checked(3, _SUM)))
parts("a book goes on wrongly", summed(0, _BOOK, checked(2, _SUM)), summed(1, checked(2, 4)))


# Drop records: what they count is missing.
for _name, _drop in {"journal": {}, "connection": {"at": 1 << 48}, "instrument": {"number": 1}}.items():
    for _conn in (1, 2):

        def _build(path: Path, one: bytes = drop(3, 7, **_drop), conn: int = _conn) -> None:
            log = opening(0).block(diff(1, 10, conn=conn)).block(one).block(diff(91, 99, conn=conn))
            log.save(path)

        case(f"a drop of the {_name}, updates of connection {_conn}")(_build)
