"""Two verifiers, written by different hands in different languages, must say the same of the same files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cases_blocks  # noqa: F401
import cases_lies  # noqa: F401
import cases_limits  # noqa: F401
import cases_parts  # noqa: F401
import cases_state  # noqa: F401
import native
import pytest
from cases import BLOCK, CASES

import verify_segment
from tick_tools import FormatError, Segment, iter_records, verify_directory
from tick_tools.jsonable import record_json

GOLDEN = sorted(path for path in (native.ROOT / "test" / "golden" / "v1").glob("*") if path.is_dir())

COUNTERS = [
    *("ok", "segments", "blocks", "records", "corruptBlocks", "tornTailBytes", "gaps", "continuity", "checksums"),
    *("orderErrors", "index"),
]

DIFFERENCES: dict[str, str] = {}
"""Where the native verifier and the document differ."""


def block_offsets(path: Path) -> list[int]:
    with Segment(path) as segment:
        return [block.offset for block in segment.blocks()]


def flip(data: bytearray, at: int) -> None:
    data[at] ^= 1


def wipe(data: bytearray, at: int) -> None:
    data[at : at + BLOCK] = bytes(BLOCK)


def cut(data: bytearray, at: int) -> None:
    del data[at:]


def golden_damages(golden: Path) -> Iterator[tuple[str, Path, Callable[[bytearray, int], None], int]]:
    """What is done to copies of a golden directory: name, file, edit and place."""
    for path in sorted(golden.glob("*.tfs")):
        for offset in block_offsets(path):
            yield f"{path.stem}, block at {offset}, header", path, flip, offset + 20
            yield f"{path.stem}, block at {offset}, payload", path, flip, offset + 64 + 9
            yield f"{path.stem}, block at {offset}, wiped", path, wipe, offset
            for length in (0, 1, 64, 200):
                yield f"{path.stem}, cut at {offset + length}", path, cut, offset + length
        yield f"{path.stem}, index cut", path.with_suffix(".tfi"), cut, path.with_suffix(".tfi").stat().st_size - 1
        yield f"{path.stem}, index lies", path.with_suffix(".tfi"), flip, 64 + 17
        yield f"{path.stem}, no index", path.with_suffix(".tfi"), cut, 0


def write_case(name: str, directory: Path) -> None:
    """Fill a directory: a case by its name, a golden directory, or a damaged copy of one."""
    if name in CASES:
        CASES[name](directory)
        return
    golden, _, what = name.removeprefix("golden ").partition(": ")
    source = next(path for path in GOLDEN if path.name == golden)
    shutil.copytree(source, directory, dirs_exist_ok=True)
    for damage, path, edit, at in golden_damages(source):
        if damage == what:
            data = bytearray(path.read_bytes())
            edit(data, at)
            (directory / path.name).write_bytes(data)


GOLDEN_NAMES = [
    name
    for golden in GOLDEN
    for name in (f"golden {golden.name}", *(f"golden {golden.name}: {damage[0]}" for damage in golden_damages(golden)))
]


def params(names: list[str], differences: dict[str, str]) -> list[Any]:
    assert set(differences) <= set(names), "a difference of no case"
    strict = {name: [pytest.mark.xfail(strict=True, reason=reason)] for name, reason in differences.items()}
    return [pytest.param(name, marks=strict.get(name, [])) for name in names]


@pytest.fixture(scope="module")
def built() -> None:
    if reason := native.lacking():
        pytest.skip(f"no second verifier: {reason}")


@pytest.fixture(scope="module")
def reports(built: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Each case's directory, and what the native verifier says of it."""
    root = tmp_path_factory.mktemp("agreement")
    names = [*CASES, *GOLDEN_NAMES]
    directories = []
    for at, name in enumerate(names):
        directories.append(root / str(at))
        directories[-1].mkdir()
        write_case(name, directories[-1])
    return dict(zip(names, zip(directories, native.verify_all(directories))))


def judgement(report: dict[str, Any]) -> dict[str, Any]:
    refused = [(Path(one["path"]).name, one["code"]) for one in report["unreadable"]]
    return {name: report[name] for name in COUNTERS} | {"unreadable": refused}


@pytest.mark.parametrize("name", params([*CASES, *GOLDEN_NAMES], DIFFERENCES))
def test_both_verifiers_give_the_same_report(name: str, reports: dict[str, tuple[Path, dict[str, Any]]]) -> None:
    directory, theirs = reports[name]
    if "error" in theirs:
        assert theirs["error"] in ("TF_FOREIGN_DIRECTORY", "TF_EMPTY_RANGE"), theirs
        with pytest.raises(FormatError, match="holds no segment"):
            verify_directory(directory)
        return
    ours = verify_directory(directory)
    assert judgement(ours) == judgement(theirs), [ours["problems"], ours["remarks"], theirs["problems"]]


def test_a_verifier_that_hangs_is_stopped_and_named(
    built: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "_BATCH", "setInterval(() => {}, 1000)")
    monkeypatch.setattr(native, "_SECONDS", 0.3)
    with pytest.raises(AssertionError, match=f"no answer within 0.3 s, or a crash, at {re.escape(str(tmp_path))}"):
        native.verify_all([tmp_path])


def test_golden_directories_are_there() -> None:
    if not GOLDEN:
        pytest.skip("no golden directory in test/golden/v1")
    assert all(any(path.glob("*.tfs")) for path in GOLDEN)


EXITS = {
    "good": 0,
    "no index": 0,
    "bit in the last block": 8,
    "newer beside damaged and good": 7,
    "garbage file": 8,
    "an empty directory": 4,
}


@pytest.fixture(scope="module")
def exits(built: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Each case's directory, and what the native command does with it."""
    root = tmp_path_factory.mktemp("exits")
    for at, name in enumerate(EXITS):
        (root / str(at)).mkdir()
        write_case(name, root / str(at))
    done = native.run_all([["verify", "--json", str(root / str(at))] for at in range(len(EXITS))])
    return {name: (root / str(at), one) for at, (name, one) in enumerate(zip(EXITS, done))}


@pytest.mark.parametrize("name", list(EXITS))
def test_both_commands_leave_with_the_same_code_and_report(
    name: str, exits: dict[str, tuple[Path, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    directory, theirs = exits[name]
    assert verify_segment.main(["--json", str(directory)]) == EXITS[name]
    ours = capsys.readouterr().out
    assert theirs.returncode == EXITS[name]
    assert bool(ours) == bool(theirs.stdout)
    if ours:
        assert judgement(json.loads(ours)) == judgement(json.loads(theirs.stdout))


ONLY_OURS = {
    "instrument": {"venue", "symbol"},
    "connection": {"integrity", "reason"},
    "book": {"last"},
}
"""What the native program does not print, or prints in another field (`venue:symbol`, the flags)."""

BY_VALUE = {"tick_size", "lot_size"}
"""The document names no print rule for these: the numbers are compared, not their texts."""

REPLAYED = [
    *("every field", "times go back", "blocks of several pages", "journals do not share state", "bits in neighbours"),
    *("zeroed block 0", "bit in the last block", "record leaves the block", "an instrument without definition"),
    *("a text that is no UTF-8", "a string that is no UTF-8", "unknown record type", "count too small"),
    *("count too large", "first number lies", "block number too large", "recycled blocks behind a torn block 0"),
    *("lie: levels", "lie: before damage", "lie: behind damage", "lie: levels, last", "no cells in block 0"),
    *("no records: closing, then more", "index of lost blocks: flip [2, 3]", "last block number too large"),
    *("index of lost blocks: removed from the file", *(f"golden {golden.name}" for golden in GOLDEN)),
    *[name for name in GOLDEN_NAMES if name.startswith("golden venues: ") and name.endswith("payload")][:1],
    *[name for name in CASES if name.startswith("parts: ")],
]

REPLAY_DIFFERENCES: dict[str, str] = {}
"""Where the native reader and the document differ."""


@pytest.fixture(scope="module")
def replays(built: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, list[dict[str, Any]]]]:
    """Each case's directory, and the records that the native program prints."""
    root = tmp_path_factory.mktemp("replay")
    for at, name in enumerate(REPLAYED):
        (root / str(at)).mkdir()
        write_case(name, root / str(at))
    done = native.run_all([["replay", str(root / str(at))] for at in range(len(REPLAYED))])
    found = {}
    for at, (name, one) in enumerate(zip(REPLAYED, done)):
        assert one.returncode == 0, one.stderr
        found[name] = (root / str(at), [json.loads(line) for line in one.stdout.splitlines()])
    return found


def differing(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Fields that differ. One that is left out says the same as null, or as nothing."""
    found = {}
    for name in {*ours, *theirs}:
        one, other = ours.get(name), theirs.get(name)
        if name in BY_VALUE and one is not None and other is not None:
            one, other = Decimal(one), Decimal(other)
        if one != other and not (name not in theirs and (not one or name in ONLY_OURS.get(ours["type"], ()))):
            found[name] = (one, other)
    return found


@pytest.mark.parametrize("name", params(REPLAYED, REPLAY_DIFFERENCES))
def test_both_readers_give_the_same_records(name: str, replays: dict[str, tuple[Path, list[dict[str, Any]]]]) -> None:
    directory, theirs = replays[name]
    ours = [record_json(record) for record in iter_records(directory)]
    for number, (one, other) in enumerate(zip_longest(ours, theirs)):
        assert one is not None and other is not None, (number, one, other)  # noqa: PT018
        assert not differing(one, other), (number, one, other)
    assert ours, "nothing was compared"
