from __future__ import annotations

import os
import random
import struct
from pathlib import Path

import pytest
import writer

from tick_tools.control import read_control
from tick_tools.crc32c import crc32c
from tick_tools.errors import FormatError, NewerVersionError
from tick_tools.index import read_index
from tick_tools.segment import Block, Damage, Segment, Tail, list_segments
from tick_tools.verify import verify_segment


def parts(path: Path) -> list[Block | Damage | Tail]:
    with Segment(path) as segment:
        return list(segment.walk())


def numbers(path: Path) -> list[int]:
    return [part.number for part in parts(path) if isinstance(part, Block)]


def test_crc32c_gives_the_check_value_and_agrees_with_the_definition_at_every_length() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    data = random.Random(1).randbytes(70_000)
    for length in [*range(140), 4032, 65_472, 65_537]:
        assert crc32c(data[:length]) == writer.crc32c(data[:length])
    assert crc32c(data[100:], crc32c(data[:100])) == writer.crc32c(data)
    longer = data + data
    assert crc32c(longer) == writer.crc32c(longer)


def test_an_index_or_a_control_page_that_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    path = writer.simple_log().save(tmp_path)
    index = path.with_suffix(".tfi")
    index.unlink()
    os.mkfifo(index)
    os.mkfifo(tmp_path / "main.tfc")
    with pytest.raises(FormatError, match="no regular file"):
        read_index(index)
    with pytest.raises(FileNotFoundError):
        read_control(tmp_path / "main.tfc")
    report = verify_segment(path)
    assert (report["problems"], report["index"]["wrong"]) == ([], 1)


def test_a_good_segment_is_read_to_its_last_block(tmp_path: Path) -> None:
    path = writer.simple_log().save(tmp_path)
    assert numbers(path) == [0, 1, 2, 3]
    report = verify_segment(path)
    assert report["problems"] == []
    assert (report["blocks"], report["records"], report["index"]) == (4, 17, {"ok": 1, "missing": 0, "wrong": 0})


@pytest.mark.parametrize("cut", [1, 63, 64, 65, 100, 383, 384, 4095])
def test_a_tail_torn_at_any_byte_ends_the_log_before_it(tmp_path: Path, cut: int) -> None:
    log = writer.simple_log()
    start = len(log.data) - 4096
    whole = cut >= 64 + 5 * 64
    log.data = log.data[: start + cut]
    path = log.save(tmp_path, index=False)
    assert numbers(path) == ([0, 1, 2, 3] if whole else [0, 1, 2])
    used = len(bytes(log.data[start:]).rstrip(b"\0"))
    assert verify_segment(path)["tornTailBytes"] == (0 if whole else used)


def test_a_flipped_bit_in_the_last_block_makes_it_a_torn_tail(tmp_path: Path) -> None:
    for bit in (0, 8 * 20, 8 * 63, 8 * 70, 8 * 300):
        log = writer.simple_log()
        log.data[3 * 4096 + bit // 8] ^= 1 << bit % 8
        path = log.save(tmp_path, index=False)
        assert numbers(path) == [0, 1, 2]
        assert verify_segment(path)["tornTailBytes"] > 0


def test_a_bit_flipped_in_the_middle_is_damage_and_what_follows_is_read(tmp_path: Path) -> None:
    for offset in (0, 17, 50, 61, 64, 200):
        log = writer.simple_log()
        log.data[2 * 4096 + offset] ^= 4
        path = log.save(tmp_path)
        assert [type(part) for part in parts(path)] == [Block, Block, Damage, Block, Tail]
        assert parts(path)[2] == Damage(2 * 4096, 4096, 1, 5)
        report = verify_segment(path)
        assert (report["corruptBlocks"], report["missingRecords"], report["tornTailBytes"]) == (1, 5, 0)
        assert report["index"]["ok"] == 1, "an entry of a damaged block contradicts nothing"


def test_missing_blocks_are_counted_by_their_numbers(tmp_path: Path) -> None:
    log = writer.simple_log(6)
    del log.data[2 * 4096 : 4 * 4096]
    path = log.save(tmp_path, index=False)
    assert parts(path)[2] == Damage(2 * 4096, 0, 2, 10)
    assert verify_segment(path)["corruptBlocks"] == 2


def test_a_damaged_first_block_leaves_the_others_readable(tmp_path: Path) -> None:
    log = writer.simple_log()
    log.data[5] ^= 255
    log.data[60] ^= 1
    assert numbers(log.save(tmp_path)) == [1, 2, 3]


def test_zero_bytes_do_not_end_the_log(tmp_path: Path) -> None:
    log = writer.simple_log()
    log.data[4096 : 2 * 4096] = bytes(4096)
    path = log.save(tmp_path, index=False)
    assert numbers(path) == [0, 2, 3]


def test_space_set_aside_is_no_torn_tail(tmp_path: Path) -> None:
    log = writer.simple_log()
    log.data += bytes(1 << 20)
    report = verify_segment(log.save(tmp_path))
    assert (report["tornTailBytes"], report["problems"]) == (0, [])


def test_recycled_blocks_behind_the_end_are_not_read(tmp_path: Path) -> None:
    log = writer.simple_log()
    old = writer.Log(segment_id=99)
    for _ in range(8):
        old.block(writer.trade(0, 1))
    log.data += old.data[len(log.data) :]
    path = log.save(tmp_path, index=False)
    assert numbers(path) == [0, 1, 2, 3]
    assert verify_segment(path)["corruptBlocks"] == 0


def test_the_first_whole_block_tells_the_segment_id_when_block_0_is_damaged(tmp_path: Path) -> None:
    log = writer.simple_log(3)
    old = writer.Log(segment_id=99)
    for _ in range(5):
        old.block(writer.trade(0, 1))
    log.data[70] ^= 1
    log.data += old.data[3 * 4096 :]
    assert numbers(log.save(tmp_path)) == [1, 2]


def test_an_older_block_of_the_same_segment_is_not_read_again(tmp_path: Path) -> None:
    log = writer.simple_log()
    log.data += log.data[4096 : 2 * 4096]
    assert numbers(log.save(tmp_path, index=False)) == [0, 1, 2, 3]


@pytest.mark.parametrize("cells", [0, 3])
def test_records_that_do_not_fill_the_payload_are_order_errors_and_what_follows_is_read(
    tmp_path: Path, cells: int
) -> None:
    log = writer.simple_log(2)
    broken = bytearray(writer.trade(9000, 1))
    broken[0] = cells
    log.block(writer.trade(8000, 1), bytes(broken)).block(writer.trade(9500, 1))
    path = log.save(tmp_path, index=False)
    assert numbers(path) == [0, 1, 2, 3]
    report = verify_segment(path)
    assert (report["orderErrors"], report["corruptBlocks"], report["tornTailBytes"]) == (3, 0, 0)


def test_a_kind_of_contradiction_counts_once_a_block(tmp_path: Path) -> None:
    lying = bytearray(writer.text(9000, b"abc"))
    lying[34] = 65
    log = writer.simple_log(2).block(bytes(lying), bytes(lying)).block(writer.trade(9500, 1))
    report = verify_segment(log.save(tmp_path))
    assert (report["orderErrors"], report["problems"], report["index"]["ok"]) == (
        1,
        ["2024-08-08.main.000.tfs: block 2: a record counts more than its cells hold"],
        1,
    )


@pytest.mark.parametrize(("more", "blocks"), [(0, 3), (1, 4)])
def test_a_block_whose_number_is_too_far_ahead_is_not_of_the_log(tmp_path: Path, more: int, blocks: int) -> None:
    log = writer.simple_log(2)
    log.blocks += (1 << 20) + more
    log.block(writer.trade(9000, 1))
    log.blocks = 2
    log.block(writer.trade(9500, 1)).block(writer.trade(9600, 1))
    assert len(numbers(log.save(tmp_path, index=False))) == blocks


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    log = writer.Log().block(writer.segment_start(), version=2)
    path = log.save(tmp_path, index=False)
    with pytest.raises(NewerVersionError, match="version 2"):
        Segment(path)
    report = verify_segment(path)
    assert [(one["path"], one["code"]) for one in report["unreadable"]] == [(str(path), "TF_NEWER_FORMAT")]
    assert (report["ok"], report["segments"]) == (False, 0)


def test_a_newer_block_in_the_middle_refuses_the_whole_segment(tmp_path: Path) -> None:
    log = writer.simple_log().block(writer.trade(50_000, 1), version=2)
    report = verify_segment(log.save(tmp_path))
    assert (report["unreadable"][0]["code"], report["blocks"]) == ("TF_NEWER_FORMAT", 0)


def test_an_empty_file_and_a_foreign_file_hold_no_block(tmp_path: Path) -> None:
    empty, foreign = tmp_path / "2024-08-08.main.000.tfs", tmp_path / "2024-08-08.main.001.tfs"
    empty.write_bytes(b"")
    foreign.write_bytes(b"hello " * 2000)
    assert numbers(empty) == numbers(foreign) == []
    assert verify_segment(empty)["ok"]
    assert verify_segment(foreign)["unreadable"][0]["code"] == "TF_FOREIGN_DIRECTORY"


def test_a_block_whose_numbers_or_times_lie_is_an_order_error(tmp_path: Path) -> None:
    log = writer.simple_log(2)
    log.records += 3
    log.block(writer.trade(9000, 1))
    assert verify_segment(log.save(tmp_path))["orderErrors"] == 1
    log = writer.simple_log(2)
    head = bytearray(log.data[4096 : 4096 + 60])
    struct.pack_into("<q", head, 40, writer.T0 + 10**9)
    log.data[4096 : 4096 + 64] = head + struct.pack("<I", writer.crc32c(bytes(head)))
    assert verify_segment(log.save(tmp_path, index=False))["orderErrors"] == 1


def test_segments_are_listed_by_journal_day_and_part_and_other_files_are_not(tmp_path: Path) -> None:
    names = ["2024-08-08.b.000", "2024-08-09.a.000", "2024-08-08.a.010", "2024-08-08.a.002"]
    for name in names:
        (tmp_path / f"{name}.tfs").touch()
    for other in ["2024-08-08.a.000.tfi", "a.tfc", "2024-08-08.A.000.tfs", "notes.txt"]:
        (tmp_path / other).touch()
    found = [path.stem for path in list_segments(tmp_path)]
    assert found == ["2024-08-08.a.002", "2024-08-08.a.010", "2024-08-09.a.000", "2024-08-08.b.000"]


def test_segments_that_an_import_is_about_to_add_are_not_listed(tmp_path: Path) -> None:
    path = writer.simple_log().save(tmp_path)
    assert list_segments(tmp_path) == [path]
    (tmp_path / "import.pending").write_text(f"{path.name}\n")
    assert list_segments(tmp_path) == []


def test_an_index_that_is_no_regular_file_is_wrong(tmp_path: Path) -> None:
    path = writer.simple_log().save(tmp_path)
    index = path.with_suffix(".tfi")
    index.unlink()
    index.mkdir()
    assert verify_segment(path)["index"] == {"ok": 0, "missing": 0, "wrong": 1}
