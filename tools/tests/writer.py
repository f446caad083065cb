"""A second writer of the format for the tests, made from docs/FORMAT.md and sharing no code with tick_tools."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

NONE_I64 = -(1 << 63)
NONE_U64 = (1 << 64) - 1
T0 = 1_723_075_200_000_000_000  # 2024-08-08T00:00:00Z
DAY = 19943
ID = 0x1122334455667788

SNAPSHOT, TOP, LAST, BUY, SELL, EXTENSION, REST = 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800
COPY, CHECKSUM = 0x2000, 0x8000


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _table_entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 * (value & 1))
    return value


TABLE = [_table_entry(value) for value in range(256)]


def cells(data: bytes) -> bytes:
    return data + bytes(-len(data) % 64)


def record(
    kind: int, payload: bytes, *, ts: int = 0, flags: int = 0, number: int = 0, event: int = NONE_I64, frame: int = 0
) -> bytes:
    body = cells(bytes(32) + payload)
    return struct.pack("<BBHIqqQ", len(body) // 64, kind, flags, number, T0 + ts, event, frame) + body[32:]


def frame(connection: int, number: int) -> int:
    return connection << 48 | number


def segment_start(ts: int = 0, *, segment_id: int = ID, journal: str = "main", part: int = 0, day: int = DAY) -> bytes:
    text = (journal + "a test").encode()
    head = struct.pack("<HBBIi4xQ8x", 1, len(journal), 6, part, day, segment_id)
    return record(1, head + text, ts=ts, flags=LAST)


def instrument(
    number: int,
    symbol: str = "BTCUSDT",
    *,
    venue: str = "binance",
    exponents: tuple[int, int] = (-2, -5),
    prints: tuple[int, int] = (0, 0),
    integrity: int = 0,
    rule: int = 0,
    depth: int = 0,
    flags: int = 0,
    ts: int = 0,
) -> bytes:
    texts = [venue.encode(), symbol.encode(), b"BTC", b"USDT", b"adapter@1"]
    head = struct.pack("<bbBBBBHqq", *exponents, *prints, integrity, rule, depth, 1, 1)
    head += struct.pack("<BBBBBB2x", 1, *(len(text) for text in texts))
    return record(2, head + b"".join(texts), ts=ts, flags=LAST | flags, number=number)


def connection(number: int, *, event: int = 1, integrity: int = 0, flags: int = 0, ts: int = 0) -> bytes:
    head = struct.pack("<BBHHHB23x", event, integrity, 0, 10, 4, 7)
    return record(3, head + b"binance" + b"wss://a/ws" + b"none", ts=ts, flags=LAST | flags, frame=frame(number, 0))


def trade(
    ts: int,
    price: int,
    size: int = 1,
    *,
    number: int = 1,
    flags: int = BUY,
    sequence: int = NONE_U64,
    trade_id: int = NONE_U64,
    at: int = 0,
) -> bytes:
    return record(
        4,
        struct.pack("<qqQQ", price, size, trade_id, sequence),
        ts=ts,
        flags=LAST | flags,
        number=number,
        frame=at,
        event=T0 + ts - 5,
    )


def quote(
    ts: int,
    bid: tuple[int, int],
    ask: tuple[int, int],
    *,
    number: int = 1,
    at: int = 0,
    extension: tuple[int, int, int] | None = None,
) -> bytes:
    payload = struct.pack("<qqqq", *bid, *ask)
    flags = LAST
    if extension:
        flags |= EXTENSION
        payload += struct.pack("<qQQ", *extension)
    return record(5, payload, ts=ts, flags=flags, number=number, frame=at)


Levels = list[tuple[int, int]]


def book(
    ts: int,
    ids: tuple[int, int, int],
    bids: Levels | None = None,
    asks: Levels | None = None,
    *,
    number: int = 1,
    flags: int = LAST,
    checksum: int | None = None,
    at: int = 1 << 48,
    extension: tuple[int, int] | None = None,
) -> bytes:
    bids, asks = bids or [], asks or []
    if checksum is not None:
        flags |= CHECKSUM
    payload = struct.pack("<QQQHHI", *ids, len(bids), len(asks), checksum or 0)
    if extension:
        flags |= EXTENSION
        payload += cells(struct.pack("<qQ", *extension))
    payload += b"".join(struct.pack("<qq", *level) for level in bids + asks)
    return record(6, payload, ts=ts, flags=flags, number=number, frame=at)


def gap(ts: int, *, number: int = 0, at: int = 0, cause: int = 1) -> bytes:
    return record(7, struct.pack("<QQqBB", 7, 9, T0 + ts - 1, cause, 0), ts=ts, flags=LAST, number=number, frame=at)


def drop(ts: int, count: int, *, number: int = 0, at: int = 0) -> bytes:
    return record(8, struct.pack("<QqB", count, T0, 5), ts=ts, flags=LAST, number=number, frame=at)


def text(ts: int, data: bytes, *, sequence: int = NONE_U64, at: int = 0) -> bytes:
    head = struct.pack("<BBHIIxxxxQ8x", 3, 0, len(data), 0, len(data), sequence)
    return record(9, head + data, ts=ts, flags=LAST, frame=at)


def mark(ts: int, last_instrument: int, *, missing: int = 0) -> bytes:
    return record(255, struct.pack("<QI20x", missing, last_instrument), ts=ts, flags=LAST | COPY)


def split(payload: bytes) -> list[bytes]:
    found, offset = [], 0
    while offset < len(payload):
        end = offset + payload[offset] * 64
        found.append(payload[offset:end])
        offset = end
    return found


@dataclass
class Log:
    """Collects blocks; `save` writes a segment and its index."""

    segment_id: int = ID
    data: bytearray = field(default_factory=bytearray)
    entries: list[bytes] = field(default_factory=list)
    records: int = 0
    blocks: int = 0
    running: int | None = None
    back_steps: int = 0

    def block(self, *records: bytes, version: int = 1, flags: int = 0) -> Log:
        payload = b"".join(records)
        times = [struct.unpack_from("<q", one, 8)[0] for one in records]
        kinds = {one[1] for one in records}
        flags |= bool(kinds & {1, 2, 3}) | bool(kinds & {7, 8}) << 1 | bool(kinds & {255}) << 3
        low, high = min(times), max(times)
        offset = len(self.data)
        head = struct.pack(
            "<4sHHQQQqqII",
            b"TFB1",
            version,
            flags,
            self.segment_id,
            self.blocks,
            self.records,
            low,
            high,
            len(records),
            len(payload),
        )
        head += struct.pack("<I", crc32c(payload))
        self.data += head + struct.pack("<I", crc32c(head)) + payload
        self.data += bytes(-len(self.data) % 4096)
        if self.running is not None and low < self.running:
            self.back_steps += 1
        self.running = high if self.running is None else max(self.running, high)
        entry = struct.pack(
            "<QIIQqqqHxxII",
            offset,
            64 + len(payload),
            len(records),
            self.records,
            low,
            high,
            self.running,
            flags,
            self.back_steps,
            self.blocks,
        )
        self.entries.append(entry + struct.pack("<I", crc32c(entry)))
        self.blocks += 1
        self.records += len(records)
        return self

    def empty_block(self, ts: int, *, flags: int) -> Log:
        """A block without records; its entry leaves the running fields as they are."""
        offset, time = len(self.data), T0 + ts
        fields = (b"TFB1", 1, flags, self.segment_id, self.blocks, self.records, time, time, 0, 0, crc32c(b""))
        head = struct.pack("<4sHHQQQqqIII", *fields)
        self.data += head + struct.pack("<I", crc32c(head)) + bytes(4096 - 64)
        running = NONE_I64 if self.running is None else self.running
        numbers = (offset, 64, 0, self.records, time, time, running, flags, self.back_steps, self.blocks)
        entry = struct.pack("<QIIQqqqHxxII", *numbers)
        self.entries.append(entry + struct.pack("<I", crc32c(entry)))
        self.blocks += 1
        return self

    def index(self) -> bytes:
        head = struct.pack("<4sHHQ44x", b"TFX1", 1, 64, self.segment_id)
        return head + struct.pack("<I", crc32c(head)) + b"".join(self.entries)

    def save(self, directory: Path, name: str = "2024-08-08.main.000", index: bool = True) -> Path:
        path = directory / f"{name}.tfs"
        path.write_bytes(self.data)
        if index:
            path.with_suffix(".tfi").write_bytes(self.index())
        return path


def simple_log(blocks: int = 4, per_block: int = 5) -> Log:
    """Block 0 explains the segment, the others hold trades a microsecond apart, priced 100.00, 100.01 ..."""
    log = Log().block(segment_start(), instrument(1))
    for b in range(blocks - 1):
        log.block(*(trade((b * per_block + i + 1) * 1000, 10000 + b * per_block + i) for i in range(per_block)))
    return log
