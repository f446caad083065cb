"""From cells to records (FORMAT.md, Record)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .errors import FormatError
from .records import (
    CHECKSUM,
    EXTENSION,
    NONE_I64,
    NONE_U64,
    Book,
    Connection,
    Drop,
    Gap,
    Instrument,
    Level,
    Quote,
    Record,
    SegmentStart,
    Text,
    Trade,
    Unknown,
)
from .segment import CELL_BYTES

Definitions = dict[int, Instrument]

_HEAD = struct.Struct("<BBHIqqQ")
_TS_RECV = struct.Struct("<q")
_SEGMENT = struct.Struct("<HBBIi4xQ")
_INSTRUMENT = struct.Struct("<bbBBBBHqqBBBBBB")
_CONNECTION = struct.Struct("<BBHHHB")
_TRADE = struct.Struct("<qqQQ")
_TRADE_EXTENSION = struct.Struct("<qQQQQB")
_QUOTE = struct.Struct("<qqqq")
_QUOTE_EXTENSION = struct.Struct("<qQQ")
_BOOK = struct.Struct("<QQQHHI")
_BOOK_EXTENSION = struct.Struct("<qQ")
_LEVEL = struct.Struct("<qq")
_GAP = struct.Struct("<QQqBB")
_DROP = struct.Struct("<QqB")
_TEXT = struct.Struct("<BBHIIxxxxQ")
_ID_TEXT_BYTES = 63
_EXPONENTS = struct.Struct("<bb")
_MIN_EXPONENT = -18
_MAX_INSTRUMENT = 1 << 24

Head = tuple[int, int, int, int, int, "int | None", int, "Instrument | None"]


def _signed(value: int) -> int | None:
    return None if value == NONE_I64 else value


def _id(value: int) -> int | None:
    return None if value == NONE_U64 else value


def _utf8(data: memoryview) -> str:
    """Text that a defect of its writer left as no UTF-8 is shown as far as it is text; verify remarks on it."""
    return str(data, "utf-8", errors="replace")


def _strings(cells: memoryview, lengths: tuple[int, ...]) -> list[str]:
    found = []
    offset = 64
    for length in lengths:
        found.append(_utf8(cells[offset : offset + length]))
        offset += length
    return found


def _segment(head: Head, cells: memoryview) -> Record:
    version, journal_length, writer_length, part, day, segment_id = _SEGMENT.unpack_from(cells, 32)
    journal, writer = _strings(cells, (journal_length, writer_length))
    return SegmentStart(*head, version, journal, writer, part, day, segment_id)


def _instrument(head: Head, cells: memoryview) -> Record:
    fields = _INSTRUMENT.unpack_from(cells, 32)
    record = Instrument(*head, *fields[:10], *_strings(cells, fields[10:]))
    record.definition = record
    return record


def _connection(head: Head, cells: memoryview) -> Record:
    event, integrity, close_code, url_length, reason_length, venue_length = _CONNECTION.unpack_from(cells, 32)
    return Connection(*head, event, integrity, close_code, *_strings(cells, (venue_length, url_length, reason_length)))


def _trade(head: Head, cells: memoryview) -> Record:
    price, size, trade_id, sequence = _TRADE.unpack_from(cells, 32)
    record = Trade(*head, _signed(price), _signed(size), _id(trade_id), _id(sequence))
    if head[2] & EXTENSION:
        ts_sent, first, last, buyer, seller, record.kind = _TRADE_EXTENSION.unpack_from(cells, 64)
        record.ts_sent, record.first_trade_id, record.last_trade_id = _signed(ts_sent), _id(first), _id(last)
        record.buyer_order_id, record.seller_order_id = _id(buyer), _id(seller)
    if len(cells) >= 192:
        record.id_text = _utf8(cells[129 : 129 + cells[128]])
    return record


def _quote(head: Head, cells: memoryview) -> Record:
    bid_price, bid_size, ask_price, ask_size = _QUOTE.unpack_from(cells, 32)
    record = Quote(*head, _signed(bid_price), _signed(bid_size), _signed(ask_price), _signed(ask_size))
    if head[2] & EXTENSION:
        ts_sent, update_id, sequence = _QUOTE_EXTENSION.unpack_from(cells, 64)
        record.ts_sent, record.update_id, record.sequence = _signed(ts_sent), _id(update_id), _id(sequence)
    return record


def _book(head: Head, cells: memoryview) -> Record:
    first, last, previous, bid_count, ask_count, checksum = _BOOK.unpack_from(cells, 32)
    start = 128 if head[2] & EXTENSION else 64
    middle = start + 16 * bid_count
    end = middle + 16 * ask_count
    bids: list[Level] = list(_LEVEL.iter_unpack(cells[start:middle]))
    asks: list[Level] = list(_LEVEL.iter_unpack(cells[middle:end]))
    record = Book(*head, _id(first), _id(last), _id(previous), checksum if head[2] & CHECKSUM else None, bids, asks)
    if head[2] & EXTENSION:
        ts_sent, sequence = _BOOK_EXTENSION.unpack_from(cells, 64)
        record.ts_sent, record.sequence = _signed(ts_sent), _id(sequence)
    return record


def _gap(head: Head, cells: memoryview) -> Record:
    expected, received, ts_last_good, cause, record_type = _GAP.unpack_from(cells, 32)
    return Gap(*head, _id(expected), _id(received), _signed(ts_last_good), cause, record_type)


def _drop(head: Head, cells: memoryview) -> Record:
    count, ts_first, cause = _DROP.unpack_from(cells, 32)
    return Drop(*head, count, _signed(ts_first), cause)


def _text(head: Head, cells: memoryview) -> Record:
    reason, binary, length, offset, total_length, sequence = _TEXT.unpack_from(cells, 32)
    return Text(*head, reason, binary == 1, offset, total_length, _id(sequence), bytes(cells[64 : 64 + length]))


_DECODERS = {
    1: _segment,
    2: _instrument,
    3: _connection,
    4: _trade,
    5: _quote,
    6: _book,
    7: _gap,
    8: _drop,
    9: _text,
}


def decode(cells: memoryview, definitions: Definitions) -> Record:
    """Decode one record.

    Parameters
    ----------
    cells
        The cells of the record, no more.
    definitions
        The instruments of the segment by number; an instrument record adds itself.

    Raises
    ------
    FormatError
        The record counts more than its cells hold, or has exponents that no number can have.
    """
    if not counts_hold(cells):
        raise FormatError("a record counts more than its cells hold")
    count, kind, flags, number, ts_recv, ts_event, frame = _HEAD.unpack_from(cells)
    head: Head = (count, kind, flags, number, ts_recv, _signed(ts_event), frame, definitions.get(number))
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return Unknown(*head, bytes(cells[32:]))
    record = decoder(head, cells)
    if isinstance(record, Instrument):
        definitions[number] = record
    return record


def counts_hold(cells: memoryview) -> bool:
    """Whether the levels, strings, bytes of text and the extension of a record that is not decoded are all in it.

    A definition with a number or an exponent that there cannot be holds nothing either.
    """
    return _counted_end(cells) <= len(cells) and (type_of(cells) != 2 or _defines(cells))


def _defines(cells: memoryview) -> bool:
    number = _HEAD.unpack_from(cells)[3]
    exponents = _EXPONENTS.unpack_from(cells, 32)
    return 1 <= number <= _MAX_INSTRUMENT and all(_MIN_EXPONENT <= exponent <= 0 for exponent in exponents)


def _counted_end(cells: memoryview) -> int:
    kind = type_of(cells)
    if kind == 1:
        return 64 + cells[34] + cells[35]
    if kind == 2:
        return 64 + sum(cells[57:62])
    if kind == 3:
        return 64 + _u16(cells, 36) + _u16(cells, 38) + cells[40]
    if kind == 9:
        return 64 + _u16(cells, 34)
    start = 128 if kind in (4, 5, 6) and _u16(cells, 2) & EXTENSION else 64
    if kind == 6:
        return start + 16 * (_u16(cells, 56) + _u16(cells, 58))
    if kind == 4 and len(cells) >= 192:
        return 129 + cells[128] if cells[128] <= _ID_TEXT_BYTES else len(cells) + 1
    return start


def _u16(cells: memoryview, offset: int) -> int:
    return cells[offset] | cells[offset + 1] << 8


def type_of(cells: memoryview) -> int:
    """Type of a record that is not decoded."""
    return cells[1]


def ts_recv_of(cells: memoryview) -> int:
    """Receive time of a record that is not decoded."""
    ts_recv: int = _TS_RECV.unpack_from(cells, 8)[0]
    return ts_recv


def segment_id_of(cells: memoryview) -> int:
    """Segment id of a segment record that is not decoded."""
    segment_id: int = _SEGMENT.unpack_from(cells, 32)[5]
    return segment_id


def sound_records(payload: memoryview) -> list[memoryview] | None:
    """The cells of each record of a block's payload; None if they do not fill it, or count more than they hold.

    Nothing of such a block is handed out: a reader treats it like a damaged one.
    """
    records = list(split_records(payload))
    sound = sum(map(len, records)) == len(payload) and all(map(counts_hold, records))
    return records if sound else None


def split_records(payload: memoryview) -> Iterator[memoryview]:
    """The cells of each record of a block's payload, as far as records fill it."""
    offset = 0
    while offset < len(payload):
        end = offset + payload[offset] * CELL_BYTES
        if end == offset or end > len(payload):
            return
        yield payload[offset:end]
        offset = end
