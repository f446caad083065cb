"""Records as polars data frames, in the main columns of TickForge's own exports. Needs polars; nothing else here does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .query import iter_records
from .records import Book, Quote, Record, Trade

if TYPE_CHECKING:
    import polars as pl

Row = tuple[Any, ...]

_DECIMALS = {"price", "size", "bid_price", "bid_size", "ask_price", "ask_size"}
_TIMES = {"ts_recv", "ts_event", "ts_sent"}
_CATEGORIES = {"instrument", "side"}
_IDS = {"trade_id", "sequence", "update_id", "first_update_id", "last_update_id", "previous_update_id", "frame"}
_BOOLEANS = {"snapshot", "last"}

COLUMNS = {
    "trade": "ts_recv ts_event instrument price size side trade_id sequence flags frame ts_sent".split(),
    "quote": (
        "ts_recv ts_event instrument bid_price bid_size ask_price ask_size update_id sequence flags frame ts_sent"
    ).split(),
    "book": (
        "ts_recv ts_event instrument side price size snapshot first_update_id last_update_id previous_update_id "
        "last record flags frame ts_sent"
    ).split(),
}


def _trade_rows(record: Record, number: int) -> Iterable[Row]:
    assert isinstance(record, Trade)
    r = record
    price, size = r.price_decimal(r.price), r.size_decimal(r.size)
    yield (
        r.ts_recv,
        r.ts_event,
        r.instrument,
        price,
        size,
        r.side,
        r.trade_id,
        r.sequence,
        r.flags,
        r.frame,
        r.ts_sent,
    )


def _quote_rows(record: Record, number: int) -> Iterable[Row]:
    assert isinstance(record, Quote)
    r = record
    bid = (r.price_decimal(r.bid_price), r.size_decimal(r.bid_size))
    ask = (r.price_decimal(r.ask_price), r.size_decimal(r.ask_size))
    yield (r.ts_recv, r.ts_event, r.instrument, *bid, *ask, r.update_id, r.sequence, r.flags, r.frame, r.ts_sent)


def _book_rows(record: Record, number: int) -> Iterable[Row]:
    assert isinstance(record, Book)
    r = record
    ids = (r.first_update_id, r.last_update_id, r.previous_update_id)
    for side, levels in (("bid", r.bids), ("ask", r.asks)):
        for price, size in levels:
            level = (r.price_decimal(price), r.size_decimal(size))
            yield (
                r.ts_recv,
                r.ts_event,
                r.instrument,
                side,
                *level,
                r.snapshot,
                *ids,
                r.last,
                number,
                r.flags,
                r.frame,
                r.ts_sent,
            )


_ROWS: dict[str, Callable[[Record, int], Iterable[Row]]] = {
    "trade": _trade_rows,
    "quote": _quote_rows,
    "book": _book_rows,
}


def to_polars(
    directory: Path | str,
    record_type: str,
    start: int | None = None,
    end: int | None = None,
    instruments: Collection[str] | None = None,
) -> pl.DataFrame:
    """Read one type of record of a time range into a data frame.

    Parameters
    ----------
    directory
        Holds the segments.
    record_type
        `trade`, `quote` or `book` (a row a level, `record` counts the book records from 0).
    start, end, instruments
        As of `iter_records`.

    Returns
    -------
    polars.DataFrame
        Times as ns UTC; prices and sizes as decimals, with as many digits as the finest definition needs.

    Raises
    ------
    ValueError
        No such type.
    """
    if record_type not in _ROWS:
        raise ValueError(f"no columns for {record_type!r}: one of {', '.join(_ROWS)}")
    rows: list[Row] = []
    for number, record in enumerate(iter_records(directory, start, end, [record_type], instruments)):
        rows.extend(_ROWS[record_type](record, number))
    import polars as pl

    names = COLUMNS[record_type]
    columns = list(zip(*rows)) if rows else [()] * len(names)
    return pl.DataFrame([_series(name, values) for name, values in zip(names, columns)])


def _series(name: str, values: Iterable[Any]) -> pl.Series:
    import polars as pl

    values = list(values)
    if name in _DECIMALS:
        scale = max((-int(value.as_tuple().exponent) for value in values if isinstance(value, Decimal)), default=0)
        return pl.Series(name, values, dtype=pl.Decimal(38, max(scale, 0)))
    if name in _TIMES:
        return pl.Series(name, values, dtype=pl.Datetime("ns", "UTC"))
    if name in _CATEGORIES:
        return pl.Series(name, values, dtype=pl.Categorical)
    if name in _BOOLEANS:
        return pl.Series(name, values, dtype=pl.Boolean)
    return pl.Series(name, values, dtype=pl.UInt64 if name in _IDS else pl.UInt32)
