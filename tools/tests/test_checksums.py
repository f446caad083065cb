from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest
import writer
from writer import LAST, NONE_U64, SNAPSHOT, Levels, Log, book, connection, gap, instrument, segment_start

from tick_tools.verify import verify_segment

NO_IDS = (NONE_U64, NONE_U64, NONE_U64)
BIDS = [(100_000 - 10 * i, 500 + i) for i in range(12)]
ASKS = [(100_010 + 10 * i, 700 + i) for i in range(12)]


def checksum(bids: Levels, asks: Levels) -> int:
    best = sorted(asks)[:10] + sorted(bids, reverse=True)[:10]
    return crc32("".join(str(price) + str(size) for price, size in best).encode())


def event(
    bids: Levels, asks: Levels, value: int | None = None, *, flags: int = LAST, number: int = 1, frame: int = 1
) -> bytes:
    return book(1, NO_IDS, bids, asks, flags=flags, checksum=value, number=number, at=writer.frame(1, frame))


def snapshot(value: int | None = None) -> bytes:
    return event(BIDS, ASKS, value, flags=LAST | SNAPSHOT)


def counts(tmp_path: Path, *records: bytes, depth: int = 0) -> tuple[int, int]:
    define = instrument(1, "XBT/USD", venue="kraken", exponents=(-1, -8), rule=1, depth=depth)
    log = Log().block(segment_start(), define, connection(1), *records)
    found = verify_segment(log.save(tmp_path))["checksums"]
    assert found["checked"] == found["passed"] + found["failed"]
    return found["passed"], found["failed"]


def test_snapshots_and_updates_are_checked_on_the_book_that_they_leave(tmp_path: Path) -> None:
    changed = [*BIDS[1:], (100_005, 9)]
    good = event([(100_000, 0), (100_005, 9)], [], checksum(changed, ASKS), frame=2)
    assert counts(tmp_path, snapshot(checksum(BIDS, ASKS)), good) == (2, 0)
    assert counts(tmp_path, snapshot(checksum(BIDS, ASKS)), event([(100_005, 9)], [], 12345, frame=2)) == (1, 1)


def test_events_without_the_flag_change_the_book_and_are_not_checked(tmp_path: Path) -> None:
    silent = event([(100_000, 0)], [], frame=2)
    assert counts(tmp_path, snapshot(), silent, event([], [], checksum(BIDS[1:], ASKS), frame=3)) == (1, 0)


def test_nothing_is_checked_before_a_snapshot_or_after_a_gap(tmp_path: Path) -> None:
    assert counts(tmp_path, event(BIDS, ASKS, 1)) == (0, 0)
    for lost in (gap(1), gap(1, number=1), gap(1, at=writer.frame(1, 4)), connection(1)):
        assert counts(tmp_path, snapshot(), lost, event([], [], 1, frame=2)) == (0, 0)
    assert counts(tmp_path, snapshot(), gap(1, at=writer.frame(2, 4)), event([], [], 1, frame=2)) == (0, 1)


@pytest.mark.parametrize(("depth", "remains"), [(10, False), (0, True)])
def test_the_book_is_cut_to_its_depth(tmp_path: Path, depth: int, remains: bool) -> None:
    removal = event([(price, 0) for price, _ in BIDS[:4]], [], frame=2)
    left = BIDS[4:12] if remains else BIDS[4:10]
    asks = ASKS if remains else ASKS[:10]
    assert counts(tmp_path, snapshot(), removal, event([], [], checksum(left, asks), frame=3), depth=depth) == (1, 0)


def test_a_split_snapshot_is_one_book_and_is_checked_at_its_last_part(tmp_path: Path) -> None:
    parts = [
        event(BIDS[:5], [], flags=SNAPSHOT, frame=7),
        event(BIDS[5:], [], flags=SNAPSHOT, frame=7),
        event([], ASKS, checksum(BIDS, ASKS), flags=SNAPSHOT | LAST, frame=7),
    ]
    assert counts(tmp_path, snapshot(), *parts) == (1, 0)


def test_what_is_left_of_a_snapshot_behind_damage_is_no_snapshot(tmp_path: Path) -> None:
    part = event([], ASKS, checksum(BIDS, ASKS), flags=SNAPSHOT | LAST, frame=7)
    whole = event(BIDS, ASKS, checksum(BIDS, ASKS), flags=SNAPSHOT | LAST, frame=8)
    define = instrument(1, "XBT/USD", venue="kraken", exponents=(-1, -8), rule=1)
    log = Log().block(segment_start(), define, connection(1))
    log.block(event(BIDS, [], flags=SNAPSHOT, frame=7)).block(part).block(whole)
    log.data[4096 + 70] ^= 1
    assert verify_segment(log.save(tmp_path))["checksums"] == {"checked": 1, "passed": 1, "failed": 0}


def test_a_second_snapshot_replaces_the_book(tmp_path: Path) -> None:
    assert counts(
        tmp_path, snapshot(), event(BIDS[:2], ASKS[:1], checksum(BIDS[:2], ASKS[:1]), flags=SNAPSHOT | LAST, frame=8)
    ) == (1, 0)


def test_a_new_definition_brings_the_book_to_its_digits(tmp_path: Path) -> None:
    finer = instrument(2, "XBT/USD", venue="kraken", exponents=(-2, -8), rule=1)
    bids = [(price * 10, size) for price, size in BIDS]
    asks = [(price * 10, size) for price, size in ASKS]
    update = event([(1_000_001, 3)], [], checksum([*bids, (1_000_001, 3)], asks), number=2, frame=2)
    assert counts(tmp_path, snapshot(), finer, update) == (1, 0)


def test_other_instruments_have_no_checksum(tmp_path: Path) -> None:
    other = instrument(3, "ETH/USD", venue="kraken", rule=0)
    assert counts(tmp_path, other, event(BIDS, ASKS, 1, flags=LAST | SNAPSHOT, number=3)) == (0, 0)
