"""Records as JSON: every 64-bit number and every decimal as text, so that no JSON reader rounds it."""

from __future__ import annotations

from typing import Any

from .records import (
    CAUSE_NAMES,
    KIND_NAMES,
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
from .times import day_text


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def record_json(record: Record) -> dict[str, Any]:
    """Make a dict that `json.dumps` takes: times, ids and frame as integer text, decimals as the venue prints them."""
    head: dict[str, Any] = {
        "type": record.type_name,
        "instrument": record.instrument,
        "ts_recv": str(record.ts_recv),
        "ts_event": _text(record.ts_event),
        "frame": str(record.frame),
        "flags": record.flags,
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
            "cause": CAUSE_NAMES.get(record.cause, str(record.cause)),
            "record_type": TYPE_NAMES.get(record.record_type, str(record.record_type)) if record.record_type else None,
        }
    if isinstance(record, Drop):
        return {
            "count": str(record.count),
            "ts_first": _text(record.ts_first),
            "cause": CAUSE_NAMES.get(record.cause, str(record.cause)),
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
        "checksum": _text(book.checksum),
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
            "kind": KIND_NAMES.get(record.kind, str(record.kind)),
            "price_exponent": record.price_exponent,
            "size_exponent": record.size_exponent,
            "price_print": record.price_print,
            "size_print": record.size_print,
            "tick_size": record.price_text(record.tick_size or None),
            "lot_size": record.size_text(record.lot_size or None),
            "integrity": record.integrity,
            "checksum_rule": record.checksum_rule,
            "book_depth": record.book_depth,
        }
    if isinstance(record, SegmentStart):
        return {
            "version": record.version,
            "journal": record.journal,
            "writer": record.writer,
            "part": record.part,
            "day": day_text(record.day),
            "segment_id": str(record.segment_id),
        }
    if isinstance(record, Connection):
        return {
            "event": {1: "open", 2: "close"}.get(record.event, str(record.event)),
            "integrity": record.integrity,
            "close_code": record.close_code,
            "venue": record.venue,
            "url": record.url,
            "reason": record.reason,
        }
    if isinstance(record, Text):
        return {
            "reason": TEXT_REASONS.get(record.reason, str(record.reason)),
            "binary": record.binary,
            "offset": record.offset,
            "total_length": record.total_length,
            "sequence": _text(record.sequence),
            "data": record.data.hex() if record.binary else record.data.decode("utf-8", "backslashreplace"),
        }
    return {"payload": record.payload.hex()} if isinstance(record, Unknown) else {}
