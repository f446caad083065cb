"""Cases of files, blocks, records and indexes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import writer
from cases import BLOCK, case, diff, seal, started
from writer import LAST, NONE_U64, SNAPSHOT, Log, book, connection, frame, gap, instrument, segment_start


def edited(name: str, edit: Callable[[Log], object], *, blocks: int = 5, index: bool = True) -> None:
    def build(path: Path) -> None:
        log = writer.simple_log(blocks)
        edit(log)
        log.save(path, index=index)

    case(name)(build)


def flip(offset: int, bit: int = 0) -> Callable[[Log], object]:
    def edit(log: Log) -> None:
        log.data[offset] ^= 1 << bit

    return edit


def cut(size: int) -> Callable[[Log], object]:
    return lambda log: log.data.__delitem__(slice(size, None))


def zero(block: int, blocks: int = 1) -> Callable[[Log], object]:
    def edit(log: Log) -> None:
        log.data[block * BLOCK : (block + blocks) * BLOCK] = bytes(blocks * BLOCK)

    return edit


def say(block: int, form: str, at: int, value: int) -> Callable[[Log], object]:
    """Write a number into a block, under right CRCs."""

    def edit(log: Log) -> None:
        struct.pack_into(form, log.data, block * BLOCK + at, value)
        seal(log, block * BLOCK)

    return edit


edited("good", lambda log: None)
edited("space set aside", lambda log: log.data.extend(bytes(1 << 16)))
for _at in (0, 4, 6, 8, 16, 24, 32, 40, 48, 52, 56, 60):
    edited(f"bit in header field at {_at}", flip(2 * BLOCK + _at))
for _at in (64, 65, 66, 72, 200, 383):
    edited(f"bit in payload at {_at}", flip(2 * BLOCK + _at, 3))
for _at in (384, 1000, 4095):
    edited(f"bit in padding at {_at}", flip(2 * BLOCK + _at))
    edited(f"bit in the last padding at {_at}", flip(4 * BLOCK + _at))
edited("bit in block 0", flip(100))
edited("bit in the last block", flip(4 * BLOCK + 100))
edited("bits in neighbours", lambda log: (flip(2 * BLOCK + 70)(log), flip(3 * BLOCK + 70)(log)))
edited("bits in two places", lambda log: (flip(BLOCK + 70)(log), flip(3 * BLOCK + 70)(log)))
for _size in (0, 1, 63, 64, 4096, 4097, *(4 * BLOCK + size for size in (1, 4, 63, 64, 65, 130, 383, 384, 385, 4095))):
    edited(f"cut at {_size}", cut(_size))
    edited(f"cut at {_size}, no index", cut(_size), index=False)
edited("zeroed middle", zero(2))
edited("two zeroed", zero(1, 2))
edited("zeroed block 0", zero(0))
edited("zeroed block 0 and 1", zero(0, 2))
edited("zeroed last", zero(4))
edited("all zero", zero(0, 5))
edited("removed block", lambda log: log.data.__delitem__(slice(2 * BLOCK, 3 * BLOCK)), index=False)
edited("removed block 0", lambda log: log.data.__delitem__(slice(0, BLOCK)), index=False)
edited("repeated block", lambda log: log.data.extend(log.data[BLOCK : 2 * BLOCK]))
edited("newer block 0", say(0, "<H", 4, 2))
edited("newer block in the middle", say(2, "<H", 4, 2))
edited("newer last block", say(4, "<H", 4, 2))
edited("version 0", say(2, "<H", 4, 0))
edited("other segment id in the middle", say(2, "<Q", 8, 99))
edited("other segment id at the end", say(4, "<Q", 8, 99))
edited("first number lies", say(2, "<Q", 24, 90))
edited("first number of block 0 lies", say(0, "<Q", 24, 4))
edited("min lies", say(2, "<q", 32, writer.T0))
edited("max lies", say(2, "<q", 40, writer.T0 + 10**10))
edited("both times lie", lambda log: (say(2, "<q", 32, writer.T0)(log), say(2, "<q", 40, writer.T0 + 10**10)(log)))
edited("count too small", say(2, "<I", 48, 4))
edited("count too large", say(2, "<I", 48, 9))
edited("count lies in the last block", say(4, "<I", 48, 9))
edited("record of no cells", say(2, "<B", 64 + 128, 0))
edited("record leaves the block", say(2, "<B", 64 + 4 * 64, 7))
edited("length no multiple of 64", say(4, "<I", 52, 5 * 64 - 7))
edited("empty payload", lambda log: (say(4, "<I", 48, 0)(log), say(4, "<I", 52, 0)(log)))
edited("block number too large", say(2, "<Q", 16, 7))
edited("last block number too large", say(4, "<Q", 16, 70))
edited("block number too small", say(2, "<Q", 16, 1))
edited("closed in order", say(4, "<H", 6, 4))
edited("flags lie", say(2, "<H", 6, 1))
edited("unknown record type", say(2, "<B", 65, 77))
edited("a mark without its flag", say(2, "<B", 65, 255))
edited("the flag of a mark without one", say(2, "<H", 6, 8))


@case("marks")
def _(path: Path) -> None:
    log = writer.simple_log(3)
    for ts in (20_000, 30_000):
        log.block(writer.mark(ts, 1, missing=2), writer.trade(ts, 10000))
    log.save(path)


@case("recycled blocks behind the end")
def _(path: Path) -> None:
    log, old = writer.simple_log(2), Log(segment_id=99)
    for _ in range(6):
        old.block(writer.trade(0, 1))
    log.data += old.data[len(log.data) :]
    log.save(path)


@case("recycled blocks behind a torn block 0")
def _(path: Path) -> None:
    log, old = writer.simple_log(1), Log(segment_id=99)
    for _ in range(4):
        old.block(writer.trade(0, 1))
    log.data[70] ^= 1
    log.data += old.data[BLOCK:]
    log.save(path)


@case("newer recycled blocks behind the end")
def _(path: Path) -> None:
    log, old = writer.simple_log(2), Log(segment_id=99)
    for _ in range(4):
        old.block(writer.trade(0, 1), version=2)
    log.data += old.data[len(log.data) :]
    log.save(path)


@case("blocks of several pages")
def _(path: Path) -> None:
    log = started()
    for first in range(3):
        log.block(*(writer.trade(first * 1000 + at, at) for at in range(150)))
    log.data[BLOCK + 5000] ^= 1
    log.save(path)


@case("times go back")
def _(path: Path) -> None:
    log = writer.simple_log(2)
    for ts in (9000, 3000, 4000, 12000):
        log.block(writer.trade(ts, 1), writer.trade(ts - 500, 1))
    log.save(path)


@case("no index")
def _(path: Path) -> None:
    writer.simple_log().save(path, index=False)


def reindexed(name: str, edit: Callable[[bytearray], object]) -> None:
    def build(path: Path) -> None:
        file = writer.simple_log().save(path).with_suffix(".tfi")
        index = bytearray(file.read_bytes())
        edit(index)
        file.write_bytes(index)

    case(f"index: {name}")(build)


def entry_says(entry: int, form: str, at: int, value: int) -> Callable[[bytearray], object]:
    def edit(index: bytearray) -> None:
        start = 64 * (entry + 1)
        struct.pack_into(form, index, start + at, value)
        struct.pack_into("<I", index, start + 60, writer.crc32c(bytes(index[start : start + 60])))

    return edit


reindexed("empty", lambda index: index.clear())
reindexed("header only", lambda index: index.__delitem__(slice(64, None)))
reindexed("one entry short", lambda index: index.__delitem__(slice(-64, None)))
reindexed("cut within an entry", lambda index: index.__delitem__(slice(-3, None)))
reindexed("garbage", lambda index: index.__setitem__(slice(None), b"x" * 300))
reindexed("crc of the header", lambda index: index.__setitem__(61, index[61] ^ 1))
reindexed("crc of an entry", lambda index: index.__setitem__(64 * 2 + 61, index[64 * 2 + 61] ^ 1))
reindexed("bit in an entry", lambda index: index.__setitem__(64 * 2 + 10, index[64 * 2 + 10] ^ 1))
reindexed("zeros behind", lambda index: index.extend(bytes(256)))
reindexed("a zeroed entry", lambda index: index.__setitem__(slice(128, 192), bytes(64)))
reindexed("an entry too many", lambda index: index.extend(index[-64:]))
reindexed("an entry twice", lambda index: index.__setitem__(slice(128, 192), index[64:128]))
reindexed("lying offset", entry_says(1, "<Q", 0, 8 * BLOCK))
reindexed("lying length", entry_says(1, "<I", 8, 64))
reindexed("lying count", entry_says(1, "<I", 12, 64))
reindexed("lying first record", entry_says(1, "<Q", 16, 64))
reindexed("lying minimum", entry_says(1, "<q", 24, writer.T0))
reindexed("lying maximum", entry_says(1, "<q", 32, writer.T0))
reindexed("lying running maximum", entry_says(1, "<q", 40, writer.T0))
reindexed("lying flags", entry_says(1, "<H", 48, 4))
reindexed("lying back steps", entry_says(1, "<I", 52, 4))
reindexed("lying block number", entry_says(1, "<I", 56, 4))
reindexed("of another segment", entry_says(-1, "<Q", 8, 99))
reindexed("newer", entry_says(-1, "<H", 4, 2))
reindexed("entries of 128 bytes", entry_says(-1, "<H", 6, 128))


@case("garbage file")
def _(path: Path) -> None:
    writer.simple_log().save(path)
    (path / "2024-08-08.main.001.tfs").write_bytes(b"hello " * 2000)


@case("two bytes of garbage")
def _(path: Path) -> None:
    (path / "2024-08-08.main.000.tfs").write_bytes(b"he")


@case("two bytes of a block")
def _(path: Path) -> None:
    (path / "2024-08-08.main.000.tfs").write_bytes(b"TF")


@case("zeros before garbage")
def _(path: Path) -> None:
    (path / "2024-08-08.main.000.tfs").write_bytes(bytes(BLOCK) + b"hello " * 2000)


@case("garbage before blocks")
def _(path: Path) -> None:
    log = writer.simple_log()
    log.data[:BLOCK] = b"hell" * (BLOCK // 4)
    log.save(path)


@case("empty file")
def _(path: Path) -> None:
    writer.simple_log().save(path)
    (path / "2024-08-08.main.001.tfs").write_bytes(b"")


@case("directory with the name of a segment")
def _(path: Path) -> None:
    writer.simple_log().save(path)
    (path / "2024-08-08.main.001.tfs").mkdir()


@case("only an empty file")
def _(path: Path) -> None:
    (path / "2024-08-08.main.000.tfs").write_bytes(b"")


@case("only a control page")
def _(path: Path) -> None:
    (path / "main.tfc").write_bytes(bytes(BLOCK))


@case("an empty directory")
def _(path: Path) -> None:
    pass


@case("other files beside")
def _(path: Path) -> None:
    writer.simple_log().save(path)
    for name in ("notes.txt", "2024-08-08.MAIN.000.tfs", "2024-08-08.main.0.tfs", "x.tfs", "2024-08-08.main.000.tfs~"):
        (path / name).write_bytes(b"hello")


@case("newer beside damaged and good")
def _(path: Path) -> None:
    Log(2).block(segment_start(segment_id=2), version=2).save(path, "2024-08-08.a.000", index=False)
    log = writer.simple_log()
    log.data[2 * BLOCK + 70] ^= 1
    log.save(path, "2024-08-08.b.000")
    writer.simple_log().save(path, "2024-08-08.c.000")


@case("the segment record names another file")
def _(path: Path) -> None:
    writer.simple_log().save(path, "2024-08-09.main.000")
    writer.simple_log().save(path, "2024-08-08.other.000")
    writer.simple_log().save(path, "2024-08-08.main.003")


@case("the segment record has another id")
def _(path: Path) -> None:
    Log().block(segment_start(segment_id=5), instrument(1)).block(writer.trade(1, 1)).save(path)


@case("no segment record")
def _(path: Path) -> None:
    Log().block(instrument(1)).block(writer.trade(1, 1)).save(path)


@case("two segment records")
def _(path: Path) -> None:
    Log().block(segment_start(), instrument(1), segment_start()).block(writer.trade(1, 1)).save(path)


@case("an instrument without definition")
def _(path: Path) -> None:
    started(writer.trade(1, 1, number=9), diff(1, 5, number=9), diff(9, 9, number=9)).save(path)


@case("levels leave the record")
def _(path: Path) -> None:
    lying = bytearray(diff(1, 5))
    struct.pack_into("<H", lying, 56, 40)
    started(bytes(lying), diff(6, 7)).save(path)


@case("strings leave the record")
def _(path: Path) -> None:
    lying = bytearray(instrument(2, "ETHUSDT"))
    lying[58] = 250
    started(bytes(lying), diff(1, 2), diff(3, 4)).save(path)


@case("a string that is no UTF-8")
def _(path: Path) -> None:
    lying = bytearray(instrument(2, "ETHUSDT"))
    lying[70] = 0xFF
    started(bytes(lying), diff(1, 2), diff(3, 4)).save(path)


def every_field() -> list[bytes]:
    """Records of all types: extensions present and absent, none values, every cause, kind, reason, rule and flag."""
    ids = (NONE_U64, NONE_U64, NONE_U64)
    found = [instrument(2, "ETHUSDT", exponents=(-8, 0), prints=(1, 1), integrity=2, rule=1, depth=500)]
    found.append(instrument(3, "é-USD", venue="coinbase", exponents=(0, -18), prints=(1, 0), integrity=3))
    for kind in range(5):
        lying = bytearray(instrument(10 + kind, f"X{kind}", integrity=kind % 4))
        lying[56] = kind
        struct.pack_into("<qq", lying, 40, kind * 125, kind * 10)
        found.append(bytes(lying))
    found.append(connection(3, integrity=3))
    found.append(connection(3, event=2))
    for kind in range(6):
        extension = struct.pack("<qQQQQB23x", writer.T0 - kind, 1, 1 << 63, 3, NONE_U64 - 1, kind)
        payload = struct.pack("<qqQQ", 6_183_765 + kind, 78_000, 1 << 60, NONE_U64) + extension
        flags = (LAST | writer.EXTENSION | writer.BUY, LAST | writer.EXTENSION | writer.SELL | 0x4000)[kind % 2]
        found.append(writer.record(4, payload, flags=flags, number=1 + kind % 3, frame=frame(65535, (1 << 48) - 1)))
    none = struct.pack("<qQQQQB23x", writer.NONE_I64, *[NONE_U64] * 4, 0)
    payload = struct.pack("<qqQQ", -5, 0, NONE_U64, NONE_U64) + none + bytes([5]) + b"a-\xc3\xa9f" + bytes(57)
    found.append(writer.record(4, payload, flags=LAST | writer.EXTENSION | 0x1000, number=2, frame=frame(1, 7)))
    found.append(writer.trade(1, (1 << 63) - 1, (1 << 63) - 1, flags=0, number=2, trade_id=0, sequence=0))
    empty = (writer.NONE_I64, writer.NONE_I64)
    found.append(writer.quote(1, empty, (5, 10), number=2))
    found.append(writer.quote(1, (5, 100), empty, number=1, extension=(writer.NONE_I64, NONE_U64, NONE_U64)))
    found.append(writer.quote(1, (5, 100), (6, 0), number=3, extension=(writer.T0, 7, 0)))
    found.append(book(1, ids, number=3, extension=(writer.T0, 9)))
    found.append(book(1, (1, 2, 0), [(1, 2), (3, 0)], [(4, 5)], number=1, flags=SNAPSHOT | 0x0C, checksum=0xFFFFFFFF))
    asks = [(at, at) for at in range(1, 30)]
    found.append(book(1, (1, 2, 0), [], asks, number=2, extension=(writer.NONE_I64, NONE_U64)))
    for cause in range(1, 14):
        found.append(gap(1, cause=cause, at=frame(cause % 3, cause), number=cause % 2))
        found.append(writer.record(8, struct.pack("<QqB", 1 << 40, writer.T0, cause), flags=LAST))
    for kind in range(10):
        payload = struct.pack("<QQqBB", NONE_U64, NONE_U64, writer.NONE_I64, 1, kind)
        found.append(writer.record(7, payload, flags=LAST))
    for reason in range(1, 5):
        payload = struct.pack("<BBHIIxxxxQ8x", reason, 0, 7, 3, 20, 5) + 'é{"a"}'.encode()
        found.append(writer.record(9, payload, flags=LAST * (reason % 2), frame=frame(1, reason)))
    binary = struct.pack("<BBHIIxxxxQ8x", 1, 1, 4, 0, 4, NONE_U64) + b"\x00\xff\x80a"
    found.append(writer.record(9, binary, flags=LAST))
    return found


@case("a text that is no UTF-8")
def _(path: Path) -> None:
    started(writer.text(1, b"\xff\x80a")).save(path)


case("every field")(lambda path: started(*every_field()).save(path))
