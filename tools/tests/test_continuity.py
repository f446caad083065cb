from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import writer
from writer import (
    LAST,
    NONE_U64,
    REST,
    SNAPSHOT,
    TOP,
    Log,
    book,
    connection,
    frame,
    gap,
    instrument,
    segment_start,
    text,
    trade,
)

from tick_tools.verify import verify_directory, verify_segment

SNAP = LAST | SNAPSHOT | REST


def verify(tmp_path: Path, *records: bytes, integrity: int = 1, opened: bool = True) -> dict[str, Any]:
    opening = [connection(1, integrity=3 if integrity == 3 else 0), connection(2)] if opened else []
    log = Log().block(segment_start(), instrument(1, integrity=integrity), *opening)
    for one in records:
        log.block(one)
    report = verify_segment(log.save(tmp_path))
    assert not [text for text in report["problems"] if not text.startswith("continuity")]
    return report


def result(report: dict[str, Any]) -> tuple[int, int]:
    return report["continuity"]["checked"], report["continuity"]["broken"]


def diff(
    first: int, last: int, previous: int = NONE_U64, *, conn: int = 1, flags: int = LAST, number: int = 1
) -> bytes:
    return book(1, (first, last, previous), [(100, 1)], flags=flags, at=frame(conn, last), number=number)


def snapshot(last: int, *, conn: int = 0, flags: int = SNAP) -> bytes:
    return book(1, (NONE_U64, last, NONE_U64), [(100, 1)], flags=flags, at=frame(conn, min(last, 999)))


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([diff(1, 5), diff(6, 9), diff(10, 10)], (2, 0)),
        ([diff(1, 5), snapshot(500, conn=1, flags=LAST | SNAPSHOT), diff(501, 502), diff(504, 505)], (2, 1)),
        ([diff(1, 5), snapshot(NONE_U64, conn=1, flags=LAST | SNAPSHOT), diff(90, 95), diff(96, 97)], (1, 0)),
        ([diff(1, 5), snapshot(300, conn=1, flags=LAST | SNAPSHOT | TOP), diff(6, 9)], (1, 0)),
        ([diff(1, 5), diff(7, 9)], (1, 1)),
        ([diff(1, 5), diff(5, 9)], (1, 1)),
        ([diff(1, 5), diff(6, 9, conn=2), diff(6, 9)], (1, 0)),
        ([diff(1, 5), gap(1, number=1, at=frame(1, 2)), diff(9, 9)], (0, 0)),
        ([diff(1, 5), gap(1, at=frame(1, 2)), diff(9, 9)], (0, 0)),
        ([diff(1, 5), gap(1), diff(9, 9)], (0, 0)),
        ([diff(1, 5), gap(1, at=frame(2, 2)), diff(9, 9)], (1, 1)),
        ([diff(1, 5), gap(1, number=1, cause=12), diff(9, 9)], (1, 1)),
        ([diff(1, 5), gap(1, number=1, cause=13), diff(6, 9)], (1, 0)),
        ([diff(1, 5), connection(1), diff(9, 9)], (0, 0)),
        ([diff(1, 5), diff(6, 9, flags=0), diff(6, 9), diff(10, 11)], (2, 0)),
    ],
    ids=[
        "good",
        "snapshot in the stream",
        "snapshot in the stream without an id",
        "best levels in the stream",
        "skip",
        "overlap",
        "two connections",
        "gap",
        "gap of connection",
        "gap of journal",
        "other's gap",
        "gap of a refused subscription",
        "gap of a silent subscription",
        "reopened",
        "split",
    ],
)
def test_range(tmp_path: Path, records: list[bytes], expected: tuple[int, int]) -> None:
    assert result(verify(tmp_path, *records)) == expected


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([snapshot(100, conn=1), diff(90, 95), diff(96, 103)], (2, 0)),
        ([snapshot(100, conn=1), diff(90, 100), diff(101, 103)], (2, 0)),
        ([snapshot(100, conn=1), diff(102, 103)], (0, 0)),
        ([snapshot(100), diff(90, 95), diff(96, 103)], (1, 0)),
        ([diff(90, 95), snapshot(100), diff(96, 103)], (2, 0)),
        ([diff(90, 95), diff(96, 103), snapshot(100)], (2, 0)),
        ([diff(90, 95), diff(96, 103), snapshot(97), diff(104, 105)], (3, 0)),
        ([diff(90, 95), snapshot(50), diff(96, 103)], (1, 0)),
        ([diff(90, 95), snapshot(93), snapshot(91), diff(96, 103)], (2, 0)),
        ([diff(90, 95), snapshot(120), snapshot(100), diff(96, 104), diff(105, 125)], (3, 0)),
        ([diff(90, 95), snapshot(100), diff(96, 98), diff(99, 104)], (3, 0)),
        ([diff(102, 103), snapshot(100)], (0, 0)),
        ([diff(90, 95), snapshot(100), gap(1, number=1), diff(300, 305)], (0, 0)),
        ([snapshot(100), connection(1), diff(300, 305)], (0, 0)),
        ([snapshot(100), gap(1, at=frame(1, 1)), diff(300, 305)], (0, 0)),
        ([diff(90, 95), gap(1, at=frame(1, 1)), snapshot(100), diff(99, 104)], (1, 0)),
        ([diff(90, 105), diff(90, 104, conn=2), snapshot(100)], (2, 0)),
        ([diff(90, 105), diff(90, 104, conn=2), snapshot(100, conn=2)], (1, 0)),
        ([diff(50, 60), snapshot(100)], (0, 0)),
        ([diff(102, 103), snapshot(100, conn=1, flags=LAST | SNAPSHOT)], (0, 0)),
    ],
    ids=[
        "straddled",
        "exact",
        "too late",
        "of no connection, before any update",
        "of no connection",
        "received before",
        "received before and after",
        "stale",
        "passed over",
        "replaced",
        "waits",
        "late before",
        "gap clears it",
        "reopened",
        "gap of connection",
        "after a gap of the connection",
        "every connection",
        "its own connection",
        "nothing yet",
        "only rest",
    ],
)
def test_snapshots_of_rule_range(tmp_path: Path, records: list[bytes], expected: tuple[int, int]) -> None:
    assert result(verify(tmp_path, *records)) == expected


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([diff(1, 5, 0), diff(8, 9, 5), diff(20, 30, 9)], (2, 0)),
        ([diff(1, 5, 0), diff(6, 9, 4)], (1, 1)),
        ([snapshot(100, conn=1), diff(90, 99, 80), diff(100, 110, 99)], (2, 0)),
        ([snapshot(100, conn=1), diff(90, 100, 80)], (1, 0)),
        ([snapshot(100, conn=1), diff(105, 110, 100)], (1, 0)),
        ([snapshot(100, conn=1), diff(105, 110, 98)], (1, 0)),
        ([snapshot(100, conn=1), diff(105, 110, 104)], (0, 0)),
        ([diff(90, 95, 80), diff(99, 110, 95), snapshot(100), diff(120, 130, 110)], (3, 0)),
        ([diff(90, 95, 80), snapshot(93, flags=LAST | SNAPSHOT), diff(99, 110, 95)], (1, 0)),
    ],
)
def test_rule_previous(tmp_path: Path, records: list[bytes], expected: tuple[int, int]) -> None:
    assert result(verify(tmp_path, *records, integrity=2)) == expected


def test_a_sequence_counts_each_frame_once_whatever_records_it_gave(tmp_path: Path) -> None:
    records = [
        trade(1, 5, sequence=10, at=frame(1, 1)),
        trade(1, 5, sequence=10, at=frame(1, 1)),
        book(1, (NONE_U64, 11, NONE_U64), at=frame(1, 2)),
        text(1, b"heartbeat", sequence=12, at=frame(1, 3)),
        writer.quote(1, (1, 1), (2, 1), at=frame(1, 4), extension=(0, 0, 13)),
    ]
    assert result(verify(tmp_path, *records, integrity=3)) == (3, 0)
    skipped = trade(1, 5, sequence=15, at=frame(1, 5))
    assert result(verify(tmp_path, *records, skipped, integrity=3)) == (4, 1)
    assert result(verify(tmp_path, *records, gap(1, at=frame(1, 5)), skipped, integrity=3)) == (3, 0)


def test_a_connection_that_is_not_numbered_has_no_sequence(tmp_path: Path) -> None:
    records = [trade(1, 5, sequence=10, at=frame(1, 1)), trade(1, 5, sequence=20, at=frame(1, 2))]
    assert result(verify(tmp_path, *records, integrity=1)) == (0, 0)


def test_a_new_definition_of_an_instrument_continues_its_state(tmp_path: Path) -> None:
    records = [diff(1, 5), instrument(2, exponents=(-3, -5), integrity=1), diff(7, 9, number=2)]
    assert result(verify(tmp_path, *records)) == (1, 1)


def test_damage_is_a_gap_of_everything(tmp_path: Path) -> None:
    log = Log().block(segment_start(), instrument(1, integrity=1), connection(1))
    for one in (diff(1, 5), diff(6, 9), diff(10, 12), diff(13, 14)):
        log.block(one)
    log.data[2 * 4096 + 70] ^= 1
    report = verify_segment(log.save(tmp_path))
    assert (report["corruptBlocks"], result(report)) == (1, (1, 0))


def two_days(tmp_path: Path, *second: bytes) -> dict[str, Any]:
    Log(1).block(segment_start(segment_id=1), instrument(1, integrity=1), connection(1), diff(1, 5)).save(tmp_path)
    day = 86_400 * 10**9
    records = [bytes(one[:8]) + (writer.T0 + day).to_bytes(8, "little") + bytes(one[16:]) for one in second]
    start = segment_start(day, segment_id=2, day=writer.DAY + 1)
    Log(2).block(start, *records).save(tmp_path, "2024-08-09.main.000")
    return verify_directory(tmp_path)


def test_a_connection_copied_into_the_next_segment_goes_on(tmp_path: Path) -> None:
    copies = [instrument(1, integrity=1, flags=writer.COPY), connection(1, flags=writer.COPY)]
    assert result(two_days(tmp_path, *copies, diff(6, 9))) == (1, 0)
    assert result(two_days(tmp_path, *copies, diff(7, 9))) == (1, 1)


def test_a_connection_not_copied_has_ended(tmp_path: Path) -> None:
    copies = [instrument(1, integrity=1, flags=writer.COPY)]
    report = two_days(tmp_path, *copies, diff(70, 90))
    assert (result(report), report["segments"], report["problems"]) == ((0, 0), 2, [])


def test_journals_do_not_share_state(tmp_path: Path) -> None:
    for name in ("a", "b"):
        log = Log(1).block(segment_start(segment_id=1, journal=name), instrument(1, integrity=1), connection(1))
        log.block(diff(1, 5)).block(diff(6, 8)).save(tmp_path, f"2024-08-08.{name}.000")
    assert result(verify_directory(tmp_path)) == (2, 0)


def test_gaps_and_drops_are_counted_and_are_no_problems(tmp_path: Path) -> None:
    report = verify(tmp_path, gap(1), writer.drop(2, 40), gap(3))
    assert (report["gaps"], report["droppedRecords"], report["problems"]) == (2, 40, [])
