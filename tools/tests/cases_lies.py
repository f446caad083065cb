"""Cases of whole blocks that contradict themselves, of blocks without records, and of indexes with lost blocks."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection
from pathlib import Path

import writer
from cases import BLOCK, case, diff, seal, started
from cases_blocks import edited, say
from writer import LAST, NONE_I64, Log, book, connection, drop, gap, instrument, segment_start

Entries = list[bytearray]


def lying(one: bytes, form: str, at: int, value: int) -> bytes:
    data = bytearray(one)
    struct.pack_into(form, data, at, value)
    return bytes(data)


def with_id(length: int, room: int) -> bytes:
    return writer.record(4, bytes(96) + bytes([length]) + b"a" * room, flags=LAST, number=1)


_LEVELS = lying(diff(6, 9), "<H", 56, 40)
_LIES = {
    "levels": _LEVELS,
    "strings of an instrument": lying(instrument(2, "ETHUSDT"), "<B", 58, 250),
    "strings of a connection": lying(connection(3), "<H", 36, 400),
    "strings of a segment": lying(segment_start(), "<B", 35, 200),
    "exponent of an instrument": lying(instrument(2, "ETHUSDT"), "<b", 32, -19),
    "exponent above zero": lying(instrument(2, "ETHUSDT"), "<b", 33, 1),
    "number of an instrument": lying(instrument(2, "ETHUSDT"), "<I", 4, (1 << 24) + 1),
    "number 0 of an instrument": lying(instrument(2, "ETHUSDT"), "<I", 4, 0),
    "text": lying(writer.text(1, b"abc"), "<H", 34, 65),
    "id text": with_id(64, 63),
    "id text in four cells": with_id(100, 127),
    "id text that fits": with_id(63, 63),
    "extension of a trade": writer.trade(1, 1, flags=writer.EXTENSION),
    "extension of a quote": lying(writer.quote(1, (1, 1), (2, 2)), "<H", 2, LAST | writer.EXTENSION),
    "extension of a book": lying(book(1, (1, 2, 3)), "<H", 2, LAST | writer.EXTENSION),
    "extension of a text": lying(writer.text(1, b""), "<H", 2, LAST | writer.EXTENSION),
    "type 0": lying(writer.trade(1, 1), "<B", 1, 0),
    "no cells": lying(writer.trade(1, 1), "<B", 0, 0),
    "too many cells": lying(writer.trade(1, 1), "<B", 0, 255),
}


def lie(name: str, *blocks: list[bytes], damaged: int = 0) -> None:
    def build(path: Path) -> None:
        log = started(diff(1, 5))
        for records in blocks:
            log.block(*records)
        if damaged:
            log.data[damaged * BLOCK + 70] ^= 1
        log.save(path)

    case(f"lie: {name}")(build)


for _name, _lie in _LIES.items():
    lie(_name, [diff(6, 9), gap(1), drop(1, 5), _lie, diff(10, 12)], [diff(20, 25)], [diff(26, 29)])
    lie(f"{_name}, twice", [_lie, _lie], [diff(13, 25)])
    lie(f"{_name}, last", [_lie, diff(6, 9)])
_SOL = instrument(4, "SOLUSDT", integrity=1)
lie("a definition beside it", [_SOL, _LEVELS], [diff(1, 2, number=4)], [diff(9, 9, number=4)])
_LATER = [diff(12, 13)], [diff(15, 16)]
lie("before damage", [diff(6, 9), _LEVELS], [diff(10, 11)], *_LATER, damaged=3)
lie("behind damage", [diff(6, 9)], [_LEVELS, diff(10, 11)], *_LATER, damaged=2)
edited("no cells in block 0", say(0, "<B", 64, 0))
edited("no cells in the last block", say(4, "<B", 64, 0))
edited("no cells, and the number behind lies", lambda log: (say(2, "<B", 64, 0)(log), say(3, "<Q", 24, 90)(log)))
edited("the segment record leaves block 0", say(0, "<B", 64 + 34, 200))
edited("the segment record is of type 0", say(0, "<B", 65, 0))
_ALL = [("<I", 48, 9), ("<H", 6, 3), ("<q", 32, 4), ("<Q", 24, 90), ("<B", 65, 0)]
edited("everything lies", lambda log: [say(2, *one)(log) for one in _ALL])
edited("length above the limit", say(2, "<I", 52, 1 << 21))
for _first in (1 << 52, (1 << 52) + 1, 1 << 63):
    edited(f"first record {_first}", say(2, "<Q", 24, _first))
    edited(f"first record {_first} in the last block", say(4, "<Q", 24, _first))
for _more in (0, 1):
    _far = (1 << 20) + _more
    edited(f"2^20 + {_more} numbers missing", say(2, "<Q", 16, 2 + _far))
    edited(f"2^20 + {_more} numbers missing before the last", say(4, "<Q", 16, 4 + _far))
    edited(f"begins at 2^20 + {_more}", lambda log, far=_far: [say(at, "<Q", 16, at + far)(log) for at in range(5)])  # type: ignore[misc]


def without_records(name: str, *, flags: int = 4, ts: int = 10_000, blocks: int = 3, more: bool = False) -> None:
    """A block without records behind others; its index is as it has to be."""

    def build(path: Path) -> None:
        log = writer.simple_log(blocks) if blocks else Log()
        log.empty_block(ts, flags=flags)
        if more:
            log.block(writer.trade(8000, 1)).block(writer.trade(12_000, 1))
        log.save(path)

    case(f"no records: {name}")(build)


without_records("closing")
without_records("closing, then more", more=True)
without_records("time too early", ts=4)
without_records("time too late", ts=10**9, more=True)
without_records("no flag", flags=0)
without_records("flags lie", flags=3)
without_records("block 0", blocks=0, more=True)


# Indexes that keep the place of lost blocks.
def sealed(entry: bytes | bytearray) -> bytearray:
    return bytearray(entry[:60]) + struct.pack("<I", writer.crc32c(bytes(entry[:60])))


def place_of_lost(entries: Entries, at: int) -> bytearray:
    end, records, running = 0, 0, NONE_I64
    if at:
        offset, length, count, first = struct.unpack_from("<QIIQ", entries[at - 1])
        end, records = -(-(offset + length) // BLOCK) * BLOCK, first + count
        running = struct.unpack_from("<q", entries[at - 1], 40)[0]
    return sealed(struct.pack("<QIIQqqqHxxII", end, 0, 0, records, running, running, running, 0, 0, at))


def flip(log: Log, at: int) -> None:
    log.data[at * BLOCK + 70] ^= 1


def flip_header(log: Log, at: int) -> None:
    log.data[at * BLOCK + 10] ^= 1


def contradict(log: Log, at: int) -> None:
    log.data[at * BLOCK + 64] = 0
    seal(log, at * BLOCK)


def lost(
    name: str,
    blocks: Collection[int],
    damage: Callable[[Log, int], None] = flip,
    *,
    described: Collection[int] = (),
    says: tuple[int, str, int, int] | None = None,
) -> None:
    """Damage blocks; the index keeps their places, or still describes them. Then one entry may say something else."""

    def build(path: Path) -> None:
        log = writer.simple_log(6)
        entries = [bytearray(entry) for entry in log.entries]
        for at in blocks:
            damage(log, at)
            if at not in described:
                entries[at] = place_of_lost(entries, at)
        if says:
            entry, form, at, value = says
            struct.pack_into(form, entries[entry], at, value)
            entries[entry] = sealed(entries[entry])
        log.entries = [bytes(entry) for entry in entries]
        log.save(path)

    case(f"index of lost blocks: {name}")(build)


for _damage in (flip, flip_header, contradict):
    for _blocks in ([2], [2, 3], [1, 3], [0], [0, 1]):
        lost(f"{_damage.__name__} {_blocks}", _blocks, _damage)
lost("the first is described", [2, 3], described=[2])
lost("the second is described", [2, 3], described=[3])
_FIELDS = {
    "offset": ("<Q", 0, 8 * BLOCK),
    "length": ("<I", 8, 100),
    "count": ("<I", 12, 9),
    "first record": ("<Q", 16, 1),
    "minimum": ("<q", 24, 1),
    "running maximum": ("<q", 40, 1),
    "flags": ("<H", 48, 1),
    "number": ("<I", 56, 9),
}
for _field, _says in _FIELDS.items():
    lost(f"{_field} lies", [2], says=(2, *_says))
    lost(f"{_field} of a described one lies", [2], described=[2], says=(2, *_says))
lost("another length", [2], described=[2], says=(2, "<I", 8, 128))
lost("a length of two pages", [2], described=[2], says=(2, "<I", 8, 4160))
lost("a whole one has no length", [], says=(2, "<I", 8, 0))
lost("block 0 is at time 0", [0], says=(0, "<q", 40, 0))


@case("index of lost blocks: removed from the file")
def _(path: Path) -> None:
    log = writer.simple_log(6)
    entries = [bytearray(entry) for entry in log.entries]
    entries[2] = place_of_lost(entries, 2)
    del log.data[2 * BLOCK : 3 * BLOCK]
    for at in (3, 4, 5):
        struct.pack_into("<Q", entries[at], 0, (at - 1) * BLOCK)
        entries[at] = sealed(entries[at])
    log.entries = [bytes(entry) for entry in entries]
    log.save(path)
