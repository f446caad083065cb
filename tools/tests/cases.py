"""Directories of segments, good ones and ones damaged on purpose, over which two verifiers must agree."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import writer
from writer import LAST, NONE_U64, REST, SNAPSHOT, Log, book, connection, frame, instrument, segment_start

BLOCK = 4096

Case = Callable[[Path], object]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    """Add a case that writes its files into an empty directory."""

    def add(build: Case) -> Case:
        assert name not in CASES, name
        CASES[name] = build
        return build

    return add


def diff(
    first: int, last: int, previous: int = NONE_U64, *, conn: int = 1, flags: int = LAST, number: int = 1, ts: int = 1
) -> bytes:
    return book(ts, (first, last, previous), [(100, 1)], flags=flags, at=frame(conn, last), number=number)


def snapshot(last: int, *, conn: int = 0, flags: int = LAST | SNAPSHOT | REST, number: int = 1) -> bytes:
    return book(1, (NONE_U64, last, NONE_U64), [(100, 1)], flags=flags, at=frame(conn, last), number=number)


def seal(log: Log, offset: int) -> None:
    """Make the CRCs of a block right again, so that what it says is believed."""
    length = struct.unpack_from("<I", log.data, offset + 52)[0]
    struct.pack_into("<I", log.data, offset + 56, writer.crc32c(bytes(log.data[offset + 64 : offset + 64 + length])))
    struct.pack_into("<I", log.data, offset + 60, writer.crc32c(bytes(log.data[offset : offset + 60])))


def started(*records: bytes, integrity: int = 1, rule: int = 0, numbered: int = 0) -> Log:
    """A log whose block 0 opens connections 1 and 2 and defines instrument 1; each record has a block of its own."""
    define = instrument(1, integrity=integrity, rule=rule)
    log = Log().block(segment_start(), define, connection(1, integrity=numbered), connection(2, integrity=numbered))
    for one in records:
        log.block(one)
    return log


def sequence(name: str, *records: bytes, integrity: int = 1, rule: int = 0, numbered: int = 0) -> None:
    case(name)(lambda path: started(*records, integrity=integrity, rule=rule, numbered=numbered).save(path))
