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

Head = tuple[int, int, int, int, int, "int | None", int, "Instrument | None"]


def _signed(value: int) -> int | None:
    return None if value == NONE_I64 else value


def _id(value: int) -> int | None:
    return None if value == NONE_U64 else value


def _strings(cells: memoryview, lengths: tuple[int, ...]) -> list[str]:
    found = []
    offset = 64
    for length in lengths:
        if offset + length > len(cells):
            raise FormatError("strings leave the record")
        found.append(str(cells[offset : offset + length], "utf-8"))
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
        record.id_text = str(cells[129 : 129 + cells[128]], "utf-8")
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
    if end > len(cells):
        raise FormatError("levels leave the record")
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
    if 64 + length > len(cells):
        raise FormatError("text leaves the record")
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
        A length or an extension in the record leaves its cells, or a string is no UTF-8.
    """
    count, kind, flags, number, ts_recv, ts_event, frame = _HEAD.unpack_from(cells)
    head: Head = (count, kind, flags, number, ts_recv, _signed(ts_event), frame, definitions.get(number))
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return Unknown(*head, bytes(cells[32:]))
    try:
        record = decoder(head, cells)
    except (struct.error, UnicodeDecodeError) as error:
        raise FormatError(str(error)) from None
    if isinstance(record, Instrument):
        definitions[number] = record
    return record


def split_records(payload: memoryview) -> Iterator[memoryview]:
    """The cells of each record of a block's payload."""
    offset = 0
    while offset < len(payload):
        end = offset + payload[offset] * CELL_BYTES
        yield payload[offset:end]
        offset = end


def decode_block(payload: memoryview, definitions: Definitions) -> Iterator[Record]:
    """Decode all records of a whole block, in order."""
    for cells in split_records(payload):
        yield decode(cells, definitions)
