"""Cases of split books at damage and at gaps, and of definitions that change the rules."""

from __future__ import annotations

from pathlib import Path

import writer
from cases import BLOCK, case, diff, sequence, started
from cases_state import ASKS, BIDS, NO_IDS, checked, following, kraken
from writer import COPY, LAST, REST, SNAPSHOT, book, connection, frame, gap, instrument

_SUM = kraken(BIDS, ASKS)
_WHOLE_2, _WHOLE_3 = (checked(at, _SUM, flags=LAST | SNAPSHOT) for at in (2, 3))
_WRONG = checked(4, 4)
_PARTS = (
    book(1, NO_IDS, BIDS, [], flags=SNAPSHOT, at=frame(1, 2)),
    book(1, NO_IDS, [], ASKS, flags=SNAPSHOT | LAST, checksum=_SUM, at=frame(1, 2)),
)


def data(number: int, conn: int = 1) -> bytes:
    return writer.trade(1, 1, at=frame(conn, number))


def behind(name: str, *records: bytes, block: int = 1) -> None:
    """Damage a block behind the definitions; what is wrong in the last record is seen only if it is checked."""

    def build(path: Path) -> None:
        log = started(*records, integrity=0, rule=1)
        log.data[block * BLOCK + 70] ^= 1
        log.save(path)

    case(f"behind damage: {name}")(build)


behind("a whole snapshot", data(1), _WHOLE_2, _WRONG)
behind("two whole snapshots", data(1), _WHOLE_2, _WHOLE_3, _WRONG)
behind("an update, then a whole snapshot", data(1), checked(2, None), _WHOLE_3, _WRONG)
behind("an earlier frame, then a whole snapshot", data(1), data(2), _WHOLE_3, _WRONG)
behind("an earlier frame, then two parts", data(0), data(1), *_PARTS, _WRONG)
behind("data of the same frame", data(1), data(3), _WHOLE_3, _WRONG)
behind("data of another connection", data(1), data(7, 2), _WHOLE_3, _WRONG)
behind("a definition, then a snapshot", data(1), instrument(7, "X"), _WHOLE_3, _WRONG)
behind("a gap, then a snapshot", data(1), gap(1), _WHOLE_3, _WRONG)
behind("a gap of the connection, then a snapshot", data(1), gap(1, at=frame(1, 1)), _WHOLE_2, _WRONG)
behind("both parts", data(1), *_PARTS, _WRONG)
behind("two of three parts", book(1, NO_IDS, BIDS[:1], [], flags=SNAPSHOT, at=frame(1, 2)), *_PARTS, _WRONG)
behind("the first part is before it", _PARTS[0], data(9), _PARTS[1], _WRONG, block=2)
behind("the last part is lost", *_PARTS, checked(4, _SUM), checked(5, _SUM, flags=LAST | SNAPSHOT), _WRONG, block=2)
behind("opened anew", data(1), connection(1), _WHOLE_2, _WRONG)
behind("the open is lost", connection(1), _WHOLE_2, _WRONG)

for _name, _between in {
    "journal": gap(1),
    "connection": gap(1, at=frame(1, 1)),
    "instrument": gap(1, number=1),
    "instrument on the connection": gap(1, number=1, at=frame(1, 2)),
    "other connection": gap(1, at=frame(2, 1)),
    "copied open": connection(1, flags=COPY),
    "open": connection(1),
}.items():
    sequence(f"parts, {_name}: between", _PARTS[0], _between, _PARTS[1], _WRONG, integrity=0, rule=1)
    sequence(f"parts, {_name}: before", data(1), _between, *_PARTS, _WRONG, integrity=0, rule=1)
    sequence(f"parts, {_name}: a whole one", _PARTS[0], _between, _WHOLE_2, _WHOLE_3, _WRONG, integrity=0, rule=1)


def snapshot_part(last: int, flags: int, conn: int) -> bytes:
    return book(
        1, (writer.NONE_U64, last, writer.NONE_U64), [(100, 1)], flags=SNAPSHOT | REST | flags, at=frame(conn, 1)
    )


for _conn in (0, 1):
    _first, _last = snapshot_part(9, 0, _conn), snapshot_part(9, LAST, _conn)

    @case(f"behind damage: the last part of a joining snapshot on connection {_conn}")
    def _(path: Path, first: bytes = _first, last: bytes = _last) -> None:
        log = started(diff(1, 5), first, last, diff(6, 12), diff(13, 14))
        log.data[2 * BLOCK + 70] ^= 1
        log.save(path)


sequence("gap between parts of an update", diff(1, 5), diff(6, 9, flags=0), gap(1), diff(6, 9), diff(11, 12))


def unreadable_between(name: str, *records: bytes) -> None:
    def build(path: Path) -> None:
        started(checked(1, _SUM, flags=LAST | SNAPSHOT), integrity=0, rule=1).save(path)
        (path / "2024-08-09.main.000.tfs").write_bytes(b"hello " * 2000)
        file, after = following(instrument(1, rule=1, flags=COPY), *records, day=2)
        after.save(path, file)

    case(f"behind an unreadable segment: {name}")(build)


unreadable_between("copied", connection(1, flags=COPY), _WHOLE_2, _WRONG)
unreadable_between("opened", connection(1), _WHOLE_2, _WRONG)

# Definitions that change the rule: the state goes on, and each record follows the rule of its own definition.
_NONE, _RANGE, _PREVIOUS = (instrument(2 + rule, integrity=rule) for rule in range(3))
_OTHER = diff(6, 9, number=2)
sequence("rule: off", diff(1, 5), _NONE, diff(7, 9, number=2), diff(20, 21, number=2))
sequence("rule: off and on", diff(1, 5), _NONE, _OTHER, _RANGE, diff(10, 12, number=3), diff(13, 14, number=3))
sequence("rule: defined and not used", diff(1, 5), _NONE, diff(7, 9), diff(10, 11))
sequence("rule: to previous", diff(1, 5), _PREVIOUS, diff(20, 25, 5, number=4), diff(30, 31, 25, number=4))
sequence("rule: from previous", diff(1, 5, 0), _RANGE, diff(7, 25, 5, number=3), diff(26, 27, number=3), integrity=2)
_SUMS = instrument(2, rule=0), instrument(3, rule=1)
_SNAP_1 = checked(1, _SUM, flags=LAST | SNAPSHOT)
sequence("rule: checksum off", _SNAP_1, _SUMS[0], checked(2, 5, number=2), integrity=0, rule=1)
sequence("rule: checksum on", _SNAP_1, _SUMS[1], checked(2, 5, number=3), integrity=0)
sequence(
    "rule: checksum off and on",
    *(_SNAP_1, _SUMS[0], checked(2, 5, number=2), _SUMS[1], checked(3, _SUM, number=3)),
    integrity=0,
    rule=1,
)
