from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
import writer

from tick_tools import FormatError, iter_records
from tick_tools.control import read_control
from tick_tools.index import derive_entries, lookup, read_index
from tick_tools.records import Gap, Trade
from tick_tools.segment import Segment
from tick_tools.verify import verify_segment


def offsets(directory: Path, start: int | None = None, end: int | None = None, **options: list[str]) -> list[int]:
    """Receive times of the trades, counted from T0."""
    low = None if start is None else writer.T0 + start
    high = None if end is None else writer.T0 + end
    return [record.ts_recv - writer.T0 for record in iter_records(directory, low, high, ["trade"], **options)]


def test_the_derived_index_is_the_written_one(tmp_path: Path) -> None:
    log = writer.simple_log(2)
    for ts in (9000, 3000, 4000, 12000, 11000):
        log.block(writer.trade(ts, 1), writer.trade(ts + 500, 1))
    path = log.save(tmp_path)
    with Segment(path) as segment:
        assert derive_entries(segment.walk()) == read_index(segment.index_path).entries
    assert verify_segment(path)["index"]["ok"] == 1


def test_the_lookup_finds_every_record_however_the_clock_was_set(tmp_path: Path) -> None:
    rng = random.Random(5)
    log = writer.Log().block(writer.segment_start(), writer.instrument(1))
    written = []
    clock = 0
    for _ in range(40):
        clock += rng.choice([10, 10, 10, 10, -35])
        times = [clock + rng.randrange(12) for _ in range(3)]
        written += times
        log.block(*(writer.trade(ts, 1) for ts in times))
    log.save(tmp_path)
    for _ in range(60):
        start, end = sorted((rng.randrange(-50, 300), rng.randrange(-50, 300)))
        assert offsets(tmp_path, start, end) == [ts for ts in written if start <= ts < end]
    assert offsets(tmp_path) == written


def test_the_lookup_leaves_out_blocks_that_cannot_match(tmp_path: Path) -> None:
    entries = read_index(writer.simple_log(20).save(tmp_path).with_suffix(".tfi")).entries
    found = lookup(entries, writer.T0 + 20_500, writer.T0 + 26_500)
    assert [entry.block_number for entry in found] == [5, 6]


def break_checksum(index: bytearray) -> None:
    index[64 * 2 + 60] ^= 1


def lie_about_a_time(index: bytearray) -> None:
    struct.pack_into("<q", index, 64 * 2 + 32, writer.T0 + 1)
    struct.pack_into("<I", index, 64 * 2 + 60, writer.crc32c(bytes(index[64 * 2 : 64 * 2 + 60])))


def lie_about_the_running_maximum(index: bytearray) -> None:
    struct.pack_into("<q", index, 64 * 4 + 40, writer.T0 + 10**12)
    struct.pack_into("<I", index, 64 * 4 + 60, writer.crc32c(bytes(index[64 * 4 : 64 * 4 + 60])))


def belong_to_another(index: bytearray) -> None:
    struct.pack_into("<Q", index, 8, 99)
    struct.pack_into("<I", index, 60, writer.crc32c(bytes(index[:60])))


def be_short(index: bytearray) -> None:
    del index[-64:]


def be_cut(index: bytearray) -> None:
    del index[-3:]


def be_of_a_later_version(index: bytearray) -> None:
    index[4] = 2
    struct.pack_into("<I", index, 60, writer.crc32c(bytes(index[:60])))


def be_garbage(index: bytearray) -> None:
    index[:] = b"x" * 300


WRONGS = [
    break_checksum,
    lie_about_a_time,
    lie_about_the_running_maximum,
    belong_to_another,
    be_short,
    be_cut,
    be_of_a_later_version,
    be_garbage,
]


@pytest.mark.parametrize("wrong", WRONGS, ids=lambda wrong: wrong.__name__)
def test_a_wrong_index_is_reported_and_never_believed(tmp_path: Path, wrong: object) -> None:
    path = writer.simple_log().save(tmp_path)
    index = bytearray(path.with_suffix(".tfi").read_bytes())
    wrong(index)  # type: ignore[operator]
    path.with_suffix(".tfi").write_bytes(index)
    assert verify_segment(path)["index"] == {"ok": 0, "missing": 0, "wrong": 1}
    assert offsets(tmp_path, 7000, 14000) == list(range(7000, 14000, 1000))


def test_a_missing_index_is_derived_and_is_no_problem(tmp_path: Path) -> None:
    path = writer.simple_log().save(tmp_path, index=False)
    report = verify_segment(path)
    assert (report["index"]["missing"], report["problems"]) == (1, [])
    assert offsets(tmp_path, 7000, 9000) == [7000, 8000]


def test_an_index_with_entries_of_blocks_that_are_gone_is_wrong(tmp_path: Path) -> None:
    log = writer.simple_log()
    del log.data[-4096:]
    path = log.save(tmp_path)
    assert verify_segment(path)["index"]["wrong"] == 1
    assert offsets(tmp_path)[-1] == 10_000


@pytest.mark.parametrize("at", [10, 100], ids=["header", "payload"])
@pytest.mark.parametrize("index", [True, False], ids=["with index", "without index"])
def test_damage_shows_as_a_gap_record_in_its_place(tmp_path: Path, at: int, index: bool) -> None:
    log = writer.simple_log()
    log.data[2 * 4096 + at] ^= 1
    log.save(tmp_path, index=index)
    assert offsets(tmp_path) == [ts * 1000 for ts in (1, 2, 3, 4, 5, 11, 12, 13, 14, 15)]
    records = [record for record in iter_records(tmp_path) if record.type_name in ("trade", "gap")]
    gap = records[5]
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.expected_id, gap.received_id) == (9, 7, 12)
    assert (gap.ts_last_good, gap.ts_recv) == (writer.T0 + 5000, writer.T0 + 11000)


def damage_gaps(log: writer.Log, directory: Path) -> list[tuple[int | None, int | None, int | None]]:
    log.save(directory)
    gaps = [record for record in iter_records(directory, types=["gap"]) if isinstance(record, Gap)]
    return [(gap.expected_id, gap.received_id, gap.ts_last_good) for gap in gaps]


def test_neighbouring_damage_is_one_gap_and_that_of_block_0_has_nothing_good_before_it(tmp_path: Path) -> None:
    log = writer.simple_log(5)
    log.data[2 * 4096 + 70] ^= 1
    log.data[3 * 4096 + 70] ^= 1
    assert damage_gaps(log, tmp_path) == [(7, 17, writer.T0 + 5000)]
    log = writer.simple_log(3)
    log.data[70] ^= 1
    assert damage_gaps(log, tmp_path) == [(0, 2, None)]


def test_nothing_is_handed_out_of_a_block_that_contradicts_itself(tmp_path: Path) -> None:
    lying = bytearray(writer.trade(8000, 1))
    lying[0] = 3
    log = writer.simple_log(2).block(writer.trade(7000, 1), bytes(lying))
    assert damage_gaps(log, tmp_path) == [(7, 9, writer.T0 + 5000)], "the last block"
    assert offsets(tmp_path)[-1] == 5000
    log.block(writer.trade(9000, 1))
    assert damage_gaps(log, tmp_path) == [(7, 9, writer.T0 + 5000)]
    assert offsets(tmp_path)[-2:] == [5000, 9000]
    log.data[3 * 4096 + 70] ^= 1
    log.block(writer.trade(9500, 1))
    assert damage_gaps(log, tmp_path) == [(7, 10, writer.T0 + 5000)], "joined with the damage behind it"


def test_a_type_that_is_not_known_is_skipped(tmp_path: Path) -> None:
    writer.simple_log(2).block(writer.record(77, b"later"), writer.trade(8000, 1)).save(tmp_path)
    assert {record.type for record in iter_records(tmp_path)} == {1, 2, 4}


def test_a_derived_index_keeps_the_places_of_lost_blocks(tmp_path: Path) -> None:
    log = writer.simple_log(6)
    for block in (0, 2, 3):
        log.data[block * 4096 + 70] ^= 1
    path = log.save(tmp_path, index=False)
    with Segment(path) as segment:
        entries = derive_entries(segment.walk())
    found = [(one.block_number, one.offset, one.length, one.first_record, one.running_max_ts_recv) for one in entries]
    assert found[0] == (0, 0, 0, 0, writer.NONE_I64)
    assert found[2:4] == [(number, 2 * 4096, 0, 7, writer.T0 + 5000) for number in (2, 3)]
    assert [one.length for one in entries] == [0, 384, 0, 0, 384, 384]
    assert offsets(tmp_path, 11_000) == list(range(16_000, 26_000, 1000))


def test_a_torn_tail_is_no_damage_and_gives_no_gap(tmp_path: Path) -> None:
    log = writer.simple_log(3)
    log.data[2 * 4096 + 70] ^= 1
    assert damage_gaps(log, tmp_path) == []


def test_segments_are_merged_by_receive_time_and_equal_times_keep_their_order(tmp_path: Path) -> None:
    for part, times in enumerate([(10, 20, 30, 40), (5, 20, 35)]):
        log = writer.Log(segment_id=part).block(writer.segment_start(part=part, segment_id=part), writer.instrument(1))
        log.block(*(writer.trade(ts, part) for ts in times)).save(tmp_path, f"2024-08-08.main.00{part}")
    trades = [record for record in iter_records(tmp_path, types=["trade"]) if isinstance(record, Trade)]
    found = [(trade.ts_recv - writer.T0, trade.price) for trade in trades]
    assert found == [(5, 1), (10, 0), (20, 0), (20, 1), (30, 0), (35, 1), (40, 0)]


def test_definitions_before_the_range_and_later_ones_are_used(tmp_path: Path) -> None:
    log = writer.simple_log(6)
    log.block(writer.instrument(2, exponents=(-4, -5), ts=30_000))
    log.block(writer.trade(31_000, 1, number=2), writer.trade(32_000, 1, number=1))
    log.save(tmp_path)
    texts = [record.price_text(1) for record in iter_records(tmp_path, writer.T0 + 31_000, types=["trade"])]
    assert texts == ["0.0001", "0.01"]


def test_instruments_filter_by_name_over_all_definitions_and_let_common_gaps_pass(tmp_path: Path) -> None:
    log = writer.Log().block(
        writer.segment_start(), writer.instrument(1), writer.instrument(2, "ETHUSDT"), writer.instrument(3)
    )
    log.block(
        writer.trade(1, 1, number=1),
        writer.trade(2, 1, number=2),
        writer.gap(3),
        writer.gap(4, number=2),
        writer.trade(5, 1, number=3),
    )
    log.save(tmp_path)
    found = [
        record.ts_recv - writer.T0
        for record in iter_records(tmp_path, types=["trade", "gap"], instruments=["binance:BTCUSDT"])
    ]
    assert found == [1, 3, 5]


def test_a_directory_without_segments_is_told_from_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="holds no segment"):
        iter_records(tmp_path)
    with pytest.raises(FileNotFoundError):
        iter_records(tmp_path / "none")


def test_an_iteration_may_be_left_early(tmp_path: Path) -> None:
    writer.simple_log().save(tmp_path)
    records = iter_records(tmp_path)
    assert next(iter(records)).type_name == "segment"
    del records


def control_page(lock: int) -> bytes:
    fields = (b"TFC1", 1, lock, 77, 1, writer.DAY, 2, writer.ID, 8192, 12, writer.T0, 30, 20, 10, writer.T0 - 1, 2)
    return struct.pack("<4sHxxQIIiIQQQqQQQqQ", *fields).ljust(4096, b"\0")


def test_the_control_page_is_read_when_it_is_consistent(tmp_path: Path) -> None:
    path = tmp_path / "main.tfc"
    path.write_bytes(control_page(4))
    page = read_control(path)
    assert (page.process_id, page.state, page.day, page.part, page.segment_id) == (77, 1, writer.DAY, 2, writer.ID)
    assert (page.file_offset, page.record_count, page.last_ts_recv, page.blocks) == (8192, 12, writer.T0, 2)
    assert (page.appended, page.written, page.durable, page.ts_started) == (30, 20, 10, writer.T0 - 1)


def test_a_control_page_that_stays_odd_or_is_foreign_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "main.tfc"
    for page in (control_page(5), bytes(4096), b"short"):
        path.write_bytes(page)
        with pytest.raises(FormatError):
            read_control(path, attempts=3)
