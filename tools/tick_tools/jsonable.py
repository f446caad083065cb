"""Records as JSON, with the names that `tickforge replay` prints.

Every 64-bit number and every decimal is text, so that no JSON reader rounds it.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import Any

from .records import (
    CAUSE_NAMES,
    CHECKSUM_NAMES,
    FLAG_NAMES,
    INTEGRITY_NAMES,
    KIND_NAMES,
    PRINT_NAMES,
    TEXT_REASONS,
    TRADE_KINDS,
    TYPE_NAMES,
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


def _name(names: dict[int, str], number: int) -> str:
    return names.get(number, str(number))


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def record_json(record: Record) -> dict[str, Any]:
    """Make a dict that `json.dumps` takes: times and ids as integer text, decimals as the venue prints them."""
    head: dict[str, Any] = {
        "type": record.type_name,
        "instrument": record.instrument,
        "ts_recv": str(record.ts_recv),
        "ts_event": _text(record.ts_event),
        "flags": [name for bit, name in FLAG_NAMES.items() if record.flags & bit],
        "connection": record.connection,
        "frame": record.frame_number,
    }
    return head | _payload(record)


def _payload(record: Record) -> dict[str, Any]:
    if isinstance(record, Trade):
        return _trade(record)
    if isinstance(record, Quote):
        return _quote(record)
    if isinstance(record, Book):
        return _book(record)
    if isinstance(record, Gap):
        return {
            "expected_id": _text(record.expected_id),
            "received_id": _text(record.received_id),
            "ts_last_good": _text(record.ts_last_good),
            "cause": _name(CAUSE_NAMES, record.cause),
            "record_type": _name(TYPE_NAMES, record.record_type) if record.record_type else None,
        }
    if isinstance(record, Drop):
        return {
            "count": str(record.count),
            "ts_first": _text(record.ts_first),
            "cause": _name(CAUSE_NAMES, record.cause),
        }
    return _description(record)


def _trade(trade: Trade) -> dict[str, Any]:
    return {
        "price": trade.price_text(trade.price),
        "size": trade.size_text(trade.size),
        "side": trade.side,
        "trade_id": trade.id_text if trade.id_text is not None else _text(trade.trade_id),
        "sequence": _text(trade.sequence),
        "ts_sent": _text(trade.ts_sent),
        "first_trade_id": _text(trade.first_trade_id),
        "last_trade_id": _text(trade.last_trade_id),
        "buyer_order_id": _text(trade.buyer_order_id),
        "seller_order_id": _text(trade.seller_order_id),
        "kind": TRADE_KINDS.get(trade.kind, str(trade.kind)),
    }


def _quote(quote: Quote) -> dict[str, Any]:
    return {
        "bid_price": quote.price_text(quote.bid_price),
        "bid_size": quote.size_text(quote.bid_size),
        "ask_price": quote.price_text(quote.ask_price),
        "ask_size": quote.size_text(quote.ask_size),
        "update_id": _text(quote.update_id),
        "sequence": _text(quote.sequence),
        "ts_sent": _text(quote.ts_sent),
    }


def _book(book: Book) -> dict[str, Any]:
    def texts(levels: list[Level]) -> list[list[str | None]]:
        return [[book.price_text(price), book.size_text(size)] for price, size in levels]

    return {
        "snapshot": book.snapshot,
        "last": book.last,
        "first_update_id": _text(book.first_update_id),
        "last_update_id": _text(book.last_update_id),
        "previous_update_id": _text(book.previous_update_id),
        "checksum": book.checksum,
        "sequence": _text(book.sequence),
        "ts_sent": _text(book.ts_sent),
        "bids": texts(book.bids),
        "asks": texts(book.asks),
    }


def _description(record: Record) -> dict[str, Any]:
    if isinstance(record, Instrument):
        return {
            "number": record.instrument_number,
            "venue": record.venue,
            "symbol": record.symbol,
            "base": record.base,
            "quote": record.quote,
            "adapter": record.adapter,
            "kind": _name(KIND_NAMES, record.kind),
            "price_exponent": record.price_exponent,
            "size_exponent": record.size_exponent,
            "price_print": _name(PRINT_NAMES, record.price_print),
            "size_print": _name(PRINT_NAMES, record.size_print),
            "tick_size": record.price_text(record.tick_size or None),
            "lot_size": record.size_text(record.lot_size or None),
            "integrity": _name(INTEGRITY_NAMES, record.integrity),
            "checksum_rule": _name(CHECKSUM_NAMES, record.checksum_rule),
            "book_depth": record.book_depth,
        }
    if isinstance(record, SegmentStart):
        return {
            "version": record.version,
            "journal": record.journal,
            "writer": record.writer,
            "part": record.part,
            "day": record.day,
            "segment_id": f"{record.segment_id:016x}",
        }
    if isinstance(record, Connection):
        return {
            "event": {1: "open", 2: "close"}.get(record.event, str(record.event)),
            "integrity": _name(INTEGRITY_NAMES, record.integrity),
            "close_code": record.close_code,
            "venue": record.venue,
            "url": record.url,
            "reason": record.reason,
        }
    if isinstance(record, Text):
        return {"reason": _name(TEXT_REASONS, record.reason), "sequence": _text(record.sequence)} | _content(record)
    return {"payload": record.payload.hex()} if isinstance(record, Unknown) else {}


def _content(record: Text) -> dict[str, Any]:
    """The bytes, and of a part of a frame its place. Bytes that are no text, or end within a character, as base64."""
    place = {"offset": record.offset, "total_length": record.total_length}
    found: dict[str, Any] = {} if record.total_length == len(record.data) else place
    if not record.binary:
        with suppress(UnicodeDecodeError):
            return found | {"text": record.data.decode("utf-8")}
    return found | {"base64": b64encode(record.data).decode("ascii")}
