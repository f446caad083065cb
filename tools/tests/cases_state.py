"""Cases of what is kept from record to record: continuity, checksums, and where they start anew."""

from __future__ import annotations

import struct
from pathlib import Path
from zlib import crc32

import writer
from cases import BLOCK, case, diff, sequence, snapshot, started
from writer import COPY, LAST, NONE_U64, REST, SNAPSHOT, TOP, Log, book, connection, frame, gap, instrument, segment_start

NIGHT = 86_400 * 10**9
NO_IDS = (NONE_U64, NONE_U64, NONE_U64)
BIDS, ASKS = [(100, 5), (99, 7)], [(101, 6), (102, 8)]


def checked(at: int, sums: int | None, *, flags: int = LAST, number: int = 1, conn: int = 1) -> bytes:
    return book(1, NO_IDS, BIDS, ASKS, flags=flags, checksum=sums, at=frame(conn, at), number=number)


def kraken(bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> int:
    best = sorted(asks)[:10] + sorted(bids, reverse=True)[:10]
    return crc32("".join(f"{price}{size or ''}" for price, size in best).encode())


def chained(records: list[bytes]) -> list[bytes]:
    """Give updates the previous id of rule 2: the last id before, where the first id follows on that."""
    found: list[bytes] = []
    last: dict[int, int] = {}
    for one in records:
        if one[1] == 6 and not one[2] & SNAPSHOT:
            first, end = struct.unpack_from("<QQ", one, 32)
            conn = one[30]
            before = last.get(conn)
            previous = first - 3 if before is None or first != before + 1 else before
            one = one[:48] + struct.pack("<Q", max(0, previous)) + one[56:]
            last[conn] = end
        found.append(one)
    return found


# Continuity, rule by rule.
sequence("range: good", diff(1, 5), diff(6, 9), diff(10, 10))
sequence("range: skip", diff(1, 5), diff(7, 9), diff(10, 10))
sequence("range: overlap", diff(1, 5), diff(5, 9))
sequence("range: no first id", diff(1, 5), diff(NONE_U64, 9), diff(10, 11))
sequence("range: no last id", diff(1, 5), diff(6, NONE_U64), diff(6, 11))
sequence("range: last id at the top", diff(1, NONE_U64 - 1), diff(0, 9), diff(10, 11))
sequence("range: two connections", diff(1, 5), diff(6, 9, conn=2), diff(6, 9))
sequence("range: split", diff(1, 5), diff(6, 9, flags=0), diff(6, 9), diff(10, 11))
sequence("range: snapshot without rest", diff(1, 5), snapshot(9, conn=1, flags=LAST | SNAPSHOT), diff(6, 7))
sequence("range: update from rest", diff(1, 5), diff(7, 9, flags=LAST | REST))
sequence("gap of instrument and connection", diff(1, 5), gap(1, number=1, at=frame(1, 2)), diff(9, 9))
sequence("gap of instrument, other connection", diff(1, 5), gap(1, number=1, at=frame(2, 2)), diff(9, 9))
_BOTH, _BOTH_LATER = (diff(1, 5), diff(1, 5, conn=2)), (diff(9, 9), diff(9, 9, conn=2))
sequence("gap of instrument, no connection", *_BOTH, gap(1, number=1), *_BOTH_LATER)
sequence("gap of other instrument", instrument(2, "ETHUSDT"), diff(1, 5), gap(1, number=2), diff(9, 9))
sequence("gap of a refused subscription", diff(1, 5), gap(1, number=1, cause=12), diff(6, 9), diff(11, 12))
sequence("gap of a silent subscription", diff(1, 5), gap(1, number=1, cause=13), diff(6, 9), diff(11, 12))
sequence("gap of an unknown cause", diff(1, 5), gap(1, number=1, cause=14), diff(9, 9))
sequence("gap of unknown instrument", diff(1, 5), gap(1, number=7), diff(9, 9))
sequence("gap of connection", *_BOTH, gap(1, at=frame(1, 2)), *_BOTH_LATER)
sequence("gap of journal", *_BOTH, gap(1), *_BOTH_LATER)
sequence("gap of connection 0 with frame number", diff(1, 5), gap(1, at=frame(0, 7)), diff(9, 9))
sequence("open again", diff(1, 5), connection(1), diff(9, 9))
sequence("open of another connection", diff(1, 5), connection(3), diff(9, 9))
sequence("copy of an open in the middle", diff(1, 5), connection(1, flags=COPY), diff(9, 9))
sequence("close", diff(1, 5), connection(1, event=2), diff(9, 9))
sequence("a new number", diff(1, 5), instrument(2, exponents=(-3, -5), integrity=1), diff(7, 9, number=2))
sequence("a new number with no rule", diff(1, 5), instrument(2, integrity=0), diff(7, 9, number=2), diff(20, 21))
sequence("drop", diff(1, 5), writer.drop(2, 40), diff(9, 9))
_JOINS = {
    "straddled": [snapshot(100), diff(90, 95), diff(96, 103)],
    "straddled, known connection": [diff(80, 89), snapshot(100), diff(90, 95), diff(96, 103)],
    "exact": [diff(80, 89), snapshot(100), diff(90, 100), diff(101, 103)],
    "before": [diff(90, 95), diff(96, 103), snapshot(100)],
    "stale": [diff(90, 95), diff(96, 103), snapshot(50), diff(104, 105)],
    "stale, then good": [diff(90, 95), diff(96, 103), snapshot(50), snapshot(97), diff(104, 105)],
    "stale when joined": [diff(90, 95), diff(96, 103), snapshot(97), snapshot(92), diff(104, 105)],
    "again when joined": [diff(90, 95), diff(96, 103), snapshot(97), snapshot(103), diff(104, 105)],
    "ahead when joined": [diff(90, 95), snapshot(92), snapshot(110), diff(96, 109), diff(110, 112)],
    "waits": [diff(90, 95), snapshot(100), diff(96, 98), diff(99, 104)],
    "newer takes its place": [diff(90, 95), snapshot(100), snapshot(120), diff(96, 110), diff(111, 125)],
    "older takes its place": [diff(90, 95), snapshot(120), snapshot(100), diff(96, 110), diff(111, 125)],
    "stale while one waits": [diff(90, 95), snapshot(120), snapshot(50), diff(96, 110), diff(111, 125)],
    "gap while waiting": [diff(90, 95), snapshot(100), gap(1, number=1), diff(300, 305)],
    "gap of connection while waiting": [diff(90, 95), snapshot(100), gap(1, at=frame(1, 1)), diff(96, 105)],
    "after a gap": [diff(90, 95), gap(1, at=frame(1, 1)), snapshot(100), diff(99, 105)],
    "after a gap of the journal": [diff(90, 95), gap(1), snapshot(100), diff(99, 105)],
    "other gap": [instrument(9, "ETHUSDT"), diff(90, 95), gap(1, number=9), snapshot(100), diff(96, 105)],
    "after an open": [diff(90, 95), connection(1), snapshot(100), diff(99, 105)],
    "after a copied open": [diff(90, 95), connection(1, flags=COPY), snapshot(100), diff(96, 105)],
    "open while waiting": [diff(90, 95), snapshot(100), connection(1), diff(96, 105)],
    "every connection": [diff(90, 105), diff(90, 104, conn=2), snapshot(100)],
    "own connection": [diff(90, 105), diff(90, 104, conn=2), snapshot(100, conn=2)],
    "own connection, before": [snapshot(100, conn=1), diff(90, 103)],
    "own connection, too late": [snapshot(100, conn=1), diff(102, 103)],
    "unopened connection": [snapshot(100, conn=9), diff(102, 103)],
    "too late": [diff(102, 103), snapshot(100), diff(104, 105)],
    "too late, then good": [diff(102, 103), snapshot(100), snapshot(103), diff(104, 105)],
    "broken while waiting": [diff(90, 95), snapshot(100), diff(97, 99), diff(102, 105)],
    "broken after join": [diff(90, 95), snapshot(92), diff(97, 99), snapshot(98), diff(100, 105)],
    "split snapshot": [diff(90, 95), snapshot(92, flags=SNAPSHOT | REST), snapshot(92)],
    "snapshot without id": [diff(90, 95), snapshot(NONE_U64), diff(96, 97)],
    "equal to the last": [diff(90, 95), diff(96, 103), snapshot(103), diff(104, 105)],
    "equal to the last, joined": [diff(90, 95), snapshot(94), snapshot(95), diff(96, 105)],
    "zero": [diff(0, 0), snapshot(0), diff(1, 3)],
}
for _name, _records in _JOINS.items():
    sequence(f"range, snapshot: {_name}", *_records)
    sequence(f"previous, snapshot: {_name}", *chained(_records), integrity=2)


def whole(last: int, *, conn: int = 1, flags: int = LAST | SNAPSHOT) -> bytes:
    """A snapshot that came in the stream."""
    return snapshot(last, conn=conn, flags=flags)


_IN_BAND = {
    "first of all": [whole(100), diff(101, 103), diff(104, 105)],
    "first of all, then a skip": [whole(100), diff(103, 104), diff(105, 106)],
    "in mid-stream": [diff(1, 5), diff(6, 9), whole(500), diff(501, 502), diff(503, 504)],
    "in mid-stream, behind a skip": [diff(1, 5), whole(500), diff(503, 504), diff(505, 506)],
    "with the last update's id": [diff(1, 5), whole(5), diff(6, 9)],
    "older than the last update": [diff(1, 5), diff(6, 9), whole(5), diff(6, 9), diff(10, 11)],
    "without an id": [diff(1, 5), whole(NONE_U64), diff(90, 95), diff(96, 97)],
    "two": [whole(100), whole(200), diff(201, 205)],
    "twice the same": [diff(90, 100), whole(100), whole(100), diff(101, 105)],
    "during a gap": [diff(1, 5), gap(1, number=1, at=frame(1, 2)), whole(100), diff(101, 102)],
    "before a gap": [whole(100), gap(1, number=1, at=frame(1, 2)), diff(300, 301)],
    "of another connection": [diff(1, 5), whole(500, conn=2), diff(6, 9), diff(501, 502, conn=2)],
    "in parts": [diff(1, 5), whole(500, flags=SNAPSHOT), diff(6, 7, flags=0), whole(500), diff(501, 502)],
    "forgets a snapshot that waits": [diff(90, 95), snapshot(120), whole(100), diff(101, 125)],
    "then one of REST": [whole(100), diff(101, 103), snapshot(102), snapshot(103), diff(104, 105)],
    "then one of REST that is ahead": [whole(100), diff(101, 103), snapshot(110), diff(104, 112)],
    "then one of REST, before any update": [whole(100), snapshot(100), snapshot(90), diff(101, 105)],
    "of the best levels alone": [diff(1, 5), whole(300, flags=LAST | SNAPSHOT | TOP), diff(6, 9), diff(10, 11)],
    "of the best levels, while one waits": [
        *(diff(90, 95), snapshot(100), whole(97, flags=LAST | SNAPSHOT | TOP), diff(96, 105)),
    ],
    "behind an open": [diff(1, 5), connection(1), whole(100), diff(101, 102)],
}
for _name, _records in _IN_BAND.items():
    sequence(f"range, in band: {_name}", *_records)
    sequence(f"previous, in band: {_name}", *chained(_records), integrity=2)
    sequence(f"no rule, in band: {_name}", *_records, integrity=0)
sequence("previous, in band: good", whole(100), diff(105, 110, 100), diff(120, 130, 110), integrity=2)
sequence("previous, in band: skip", whole(100), diff(105, 110, 99), diff(120, 130, 110), integrity=2)
sequence("numbered connection, in band", whole(7), diff(NONE_U64, 8), whole(9), whole(11), integrity=3, numbered=1)
sequence("previous: good", diff(1, 5, 0), diff(8, 9, 5), diff(20, 30, 9), integrity=2)
sequence("previous: skip", diff(1, 5, 0), diff(6, 9, 4), diff(20, 30, 9), integrity=2)
sequence("previous: none", diff(1, 5, 0), diff(6, 9), diff(20, 30, 9), integrity=2)
sequence("previous: joins by first", diff(1, 2, 0), snapshot(100), diff(90, 99, 2), diff(100, 110, 99), integrity=2)
sequence("previous: joins by previous", diff(1, 2, 0), snapshot(100), diff(105, 110, 2), integrity=2)
sequence("previous: joins at equal", diff(1, 2, 0), snapshot(100), diff(105, 110, 100), integrity=2)
sequence("previous: too late", diff(105, 110, 104), snapshot(100), diff(111, 112, 110), integrity=2)
sequence("previous: snapshot at the last", diff(90, 95, 80), snapshot(95), diff(96, 99, 95), integrity=2)
sequence("previous: at the last, joined", diff(90, 95, 80), snapshot(92), snapshot(95), diff(96, 99, 95), integrity=2)
sequence(
    "previous: snapshot without rest",
    *(diff(1, 5, 0), snapshot(5, conn=1, flags=LAST | SNAPSHOT), diff(6, 9, 5)),
    integrity=2,
)


@case("range: a long history")
def _(path: Path) -> None:
    log = started()
    updates = [diff(at, at) for at in range(1, 2101)]
    for at in range(0, 2100, 300):
        log.block(*updates[at : at + 300])
    log.block(snapshot(100)).block(snapshot(2095)).save(path)


def numbered(name: str, *records: bytes, integrity: int = 3) -> None:
    sequence(f"sequence: {name}", *records, integrity=integrity, numbered=3)


def tick(at: int, *, conn: int = 1, frame_number: int | None = None) -> bytes:
    return writer.trade(1, 5, sequence=at, at=frame(conn, at if frame_number is None else frame_number))


numbered("good", tick(1), tick(2), tick(3))
numbered("skip", tick(1), tick(3), tick(4))
numbered("back", tick(3), tick(2), tick(3))
numbered("once a frame", tick(1), tick(1), tick(2))
numbered("same number in another frame", tick(1), tick(1, frame_number=9), tick(2))
numbered("two connections", tick(1), tick(7, conn=2), tick(2), tick(8, conn=2))
numbered("without a number", tick(1), tick(NONE_U64, frame_number=2), tick(2, frame_number=3))
numbered("gap of connection", tick(1), gap(1, at=frame(1, 1)), tick(5), tick(6))
numbered("gap of journal", tick(1), gap(1), tick(5), tick(7))
numbered("gap of instrument", tick(1), gap(1, number=1, at=frame(1, 1)), tick(5), tick(6))
numbered("gap of other connection", tick(1), gap(1, at=frame(2, 1)), tick(5), tick(6))
numbered("opened anew", tick(5), connection(1, integrity=3), tick(1), tick(2))
numbered("opened anew without numbers", tick(5), connection(1), tick(1), tick(9))
numbered("instrument says another rule", tick(5), tick(6), tick(8), integrity=0)
numbered("instrument not known", tick(5), writer.trade(1, 5, sequence=6, number=9, at=frame(1, 6)), tick(8))
numbered(
    "all types",
    tick(10),
    book(1, (NONE_U64, 11, NONE_U64), at=frame(1, 11)),
    writer.text(1, b"heartbeat", sequence=12, at=frame(1, 12)),
    writer.quote(1, (1, 1), (2, 1), at=frame(1, 13), extension=(0, 0, 13)),
    book(1, (NONE_U64, 14, NONE_U64), flags=SNAPSHOT, at=frame(1, 14)),
    book(1, (NONE_U64, 14, NONE_U64), flags=SNAPSHOT | LAST, at=frame(1, 14)),
    tick(15),
)
sequence("sequence: open record does not say so", tick(1), tick(5), integrity=3)
sequence("sequence: range book on a numbered connection", diff(1, 5), diff(6, 9), diff(10, 10), numbered=3)

# Checksums.
_SUM = kraken(BIDS, ASKS)
_SNAP = LAST | SNAPSHOT


def summed(name: str, *records: bytes) -> None:
    sequence(f"checksum: {name}", *records, integrity=0, rule=1)


summed("good", checked(1, _SUM, flags=_SNAP), checked(2, _SUM))
summed("wrong", checked(1, _SUM ^ 1, flags=_SNAP), checked(2, _SUM))
summed("before a snapshot", checked(1, 5), checked(2, _SUM, flags=_SNAP))
summed("without the flag", checked(1, None, flags=_SNAP), checked(2, None), checked(3, _SUM))
for _name, _lost in {
    "gap of instrument": gap(1, number=1),
    "gap of connection": gap(1, at=frame(1, 1)),
    "gap of other connection": gap(1, at=frame(2, 1)),
    "gap of instrument on other connection": gap(1, number=1, at=frame(2, 1)),
    "gap of journal": gap(1),
    "open": connection(1),
    "copied open": connection(1, flags=COPY),
    "close": connection(1, event=2),
}.items():
    summed(f"after {_name}", checked(1, _SUM, flags=_SNAP), _lost, checked(2, 7), checked(3, _SUM, flags=_SNAP))
_ZERO = book(1, NO_IDS, [(0, 5)], [(3, 4)], flags=_SNAP, checksum=crc32(b"345"), at=frame(1, 1))
summed("a zero has no digits", _ZERO)
summed("an empty book", book(1, NO_IDS, [], [], flags=_SNAP, checksum=0, at=frame(1, 1)))
summed("of rest", checked(1, _SUM, flags=_SNAP | REST), checked(2, _SUM), checked(3, _SUM + 1, flags=REST | LAST))
summed(
    "split",
    checked(1, None, flags=_SNAP),
    book(1, NO_IDS, BIDS, [], flags=SNAPSHOT, at=frame(1, 2)),
    book(1, NO_IDS, [], ASKS, flags=_SNAP, checksum=_SUM, at=frame(1, 2)),
    book(1, NO_IDS, [(100, 0)], [], flags=0, at=frame(1, 3)),
    book(1, NO_IDS, [], [(101, 0)], checksum=kraken(BIDS[1:], ASKS[1:]), at=frame(1, 3)),
)
summed("negative", book(1, NO_IDS, [(-5, 5)], [(3, 4)], flags=_SNAP, checksum=crc32(b"3455"), at=frame(1, 1)))
summed(
    "more digits",
    checked(1, _SUM, flags=_SNAP),
    instrument(2, exponents=(-3, -7), rule=1),
    book(
        1,
        NO_IDS,
        [(995, 9)],
        number=2,
        checksum=kraken([(1000, 500), (995, 9), (990, 700)], [(1010, 600), (1020, 800)]),
        at=frame(1, 2),
    ),
)


@case("checksum: depth")
def _(path: Path) -> None:
    bids = [(100 - at, 5) for at in range(12)]
    log = Log().block(segment_start(), instrument(1, rule=1, depth=10), connection(1))
    log.block(book(1, NO_IDS, bids, ASKS, flags=_SNAP, checksum=kraken(bids, ASKS), at=frame(1, 1)))
    removal = [(price, 0) for price, _ in bids[:4]]
    log.block(book(1, NO_IDS, removal, [], checksum=kraken(bids[4:10], ASKS), at=frame(1, 2))).save(path)


# Damage acts like a gap of the journal.
def damaged(name: str, block: int, *records: bytes, integrity: int = 1, rule: int = 0, numbered: int = 0) -> None:
    def build(path: Path) -> None:
        log = started(*records, integrity=integrity, rule=rule, numbered=numbered)
        log.data[block * BLOCK + 70] ^= 1
        log.save(path)

    case(f"damage: {name}")(build)


damaged("range", 2, diff(1, 5), diff(6, 9), diff(10, 12), diff(13, 14), diff(16, 17))
damaged("while a snapshot waits", 3, diff(1, 5), snapshot(9), diff(6, 8), diff(9, 14), diff(15, 17))
damaged("before a snapshot", 2, diff(1, 5), diff(6, 8), snapshot(20), diff(18, 24), diff(25, 27))
damaged("sequence", 2, tick(1), tick(2), tick(3), tick(5), integrity=3, numbered=3)
damaged("checksum", 2, checked(1, _SUM, flags=_SNAP), checked(2, _SUM), checked(3, 9), integrity=0, rule=1)
damaged("definitions", 0, diff(1, 5), diff(6, 9), diff(11, 12))
damaged("open", 1, connection(1, integrity=3), tick(1), tick(3))
_PARTS = (
    book(1, NO_IDS, BIDS, [], flags=SNAPSHOT, at=frame(1, 2)),
    book(1, NO_IDS, [], ASKS, flags=_SNAP, checksum=_SUM, at=frame(1, 2)),
)
damaged("in a split snapshot", 1, *_PARTS, checked(3, _SUM), integrity=0, rule=1)
damaged("between the parts of a snapshot", 2, _PARTS[0], gap(1), _PARTS[1], checked(3, _SUM), integrity=0, rule=1)
summed("gap between the parts of a snapshot", _PARTS[0], gap(1), _PARTS[1], checked(3, _SUM))


# From one segment to the next.
def on_day(day: int, record: bytes) -> bytes:
    return record[:8] + struct.pack("<q", writer.T0 + day * NIGHT) + record[16:]


def following(
    *records: bytes, day: int = 1, part: int = 0, segment_id: int = 2, journal: str = "main", blocks: bool = False
) -> tuple[str, Log]:
    start = segment_start(day * NIGHT, segment_id=segment_id, day=writer.DAY + day, part=part, journal=journal)
    moved = [on_day(day, one) for one in records]
    log = Log(segment_id).block(start) if blocks else Log(segment_id).block(start, *moved)
    for one in moved if blocks else ():
        log.block(one)
    return f"2024-08-{8 + day:02}.{journal}.{part:03}", log


_COPY_1 = [instrument(1, integrity=1, flags=COPY), connection(1, flags=COPY)]


def two(name: str, first: list[bytes], *second: bytes, numbered: int = 0, rule: int = 0, day: int = 1, part: int = 0,
        blocks: bool = False) -> None:  # fmt: skip
    def build(path: Path) -> None:
        started(*first, integrity=1, rule=rule, numbered=numbered).save(path)
        file, log = following(*second, day=day, part=part, blocks=blocks)
        log.save(path, file)

    case(f"next segment: {name}")(build)


two("copied and follows", [diff(1, 5)], *_COPY_1, diff(6, 9))
two("copied and breaks", [diff(1, 5)], *_COPY_1, diff(7, 9))
two("snapshot first", [diff(1, 5)], *_COPY_1, snapshot(7), diff(6, 9))
two("snapshot first, not copied", [diff(1, 5)], _COPY_1[0], connection(1), snapshot(7), diff(6, 9))
_NUMBERED_5 = connection(5, integrity=3, flags=COPY)
two("not known before, copied", [tick(1)], _COPY_1[0], _NUMBERED_5, tick(2, conn=5), tick(4, conn=5))
two("copied, blocks", [diff(1, 5)], *_COPY_1, diff(7, 9), blocks=True)
two("part of the same day", [diff(1, 5)], *_COPY_1, diff(7, 9), day=0, part=1)
two("not copied", [diff(1, 5)], _COPY_1[0], diff(70, 90))
two("opened, not copied", [diff(1, 5)], _COPY_1[0], connection(1), diff(70, 90))
two("one of two copied", [diff(1, 5), diff(1, 5, conn=2)], *_COPY_1, diff(7, 9), diff(7, 9, conn=2))
two("gap first", [diff(1, 5)], *_COPY_1, gap(1), diff(7, 9))
two("a snapshot waits over it", [diff(1, 5), snapshot(9)], *_COPY_1, diff(6, 8), diff(9, 11))
two("a snapshot waits, not copied", [diff(1, 5), snapshot(9)], _COPY_1[0], connection(1), diff(6, 8), diff(9, 11))
two("snapshot behind it", [diff(1, 5), diff(6, 9)], *_COPY_1, snapshot(7), diff(10, 11))
two("joined before it", [diff(1, 5), snapshot(3)], *_COPY_1, snapshot(4), diff(6, 8))
two("other instrument number", [diff(1, 5)], instrument(7, integrity=1, flags=COPY), _COPY_1[1], diff(7, 9, number=7))
two("a copy late", [diff(1, 5)], _COPY_1[0], writer.trade(1, 1), connection(1, flags=COPY), diff(7, 9))
two("sequence", [tick(1)], _COPY_1[0], connection(1, integrity=3, flags=COPY), tick(2), tick(4), numbered=3)
two("sequence ends", [tick(1)], _COPY_1[0], tick(5), tick(7), numbered=3)
two("checksum", [checked(1, _SUM, flags=_SNAP)], instrument(1, rule=1, flags=COPY), _COPY_1[1], checked(2, 4), rule=1)
two("checksum, not copied", [checked(1, _SUM, flags=_SNAP)], instrument(1, rule=1, flags=COPY), checked(2, 4), rule=1)


@case("next segment: torn tail before it")
def _(path: Path) -> None:
    log = started(diff(1, 5))
    log.data += b"torn"
    log.save(path)
    file, after = following(*_COPY_1, diff(7, 9))
    after.save(path, file)


@case("next segment: damaged block 0")
def _(path: Path) -> None:
    started(diff(1, 5)).save(path)
    file, after = following(*_COPY_1, diff(6, 9), diff(20, 21), blocks=True)
    after.data[70] ^= 1
    after.save(path, file)


@case("next segment: empty one between")
def _(path: Path) -> None:
    started(diff(1, 5)).save(path)
    (path / "2024-08-09.main.000.tfs").write_bytes(b"")
    file, after = following(*_COPY_1, diff(7, 9), day=2)
    after.save(path, file)


@case("next segment: garbage between")
def _(path: Path) -> None:
    started(diff(1, 5)).save(path)
    (path / "2024-08-09.main.000.tfs").write_bytes(b"hello " * 2000)
    file, after = following(*_COPY_1, diff(7, 9), day=2)
    after.save(path, file)


@case("next segment: newer one between")
def _(path: Path) -> None:
    started(diff(1, 5)).save(path)
    Log(2).block(segment_start(NIGHT, segment_id=2), version=2).save(path, "2024-08-09.main.000", index=False)
    file, after = following(*_COPY_1, diff(7, 9), day=2, segment_id=3)
    after.save(path, file)


@case("journals do not share state")
def _(path: Path) -> None:
    for at, journal in enumerate(("a", "b")):
        file, log = following(_COPY_1[0], connection(1), diff(1, 5), diff(6, 8), journal=journal, day=0, segment_id=at)
        log.save(path, file)


@case("parts past 999")
def _(path: Path) -> None:
    for part, first in ((999, 1), (1000, 6)):
        opened = connection(1, flags=0 if first == 1 else COPY)
        file, log = following(_COPY_1[0], opened, diff(first, first + 4), day=0, part=part, segment_id=part)
        log.save(path, file)
