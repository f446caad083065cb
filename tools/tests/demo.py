"""A small recording with its exports, as the quickstart notebook expects them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import writer
from writer import LAST, REST, SNAPSHOT, Log

PRICES = [10000, 10010, 9990, 10020]


def log() -> Log:
    made = Log().block(writer.segment_start(), writer.instrument(1, prints=(0, 1), integrity=1), writer.connection(1))
    for i, price in enumerate(PRICES):
        ts = i * 600_000_000
        made.block(
            writer.trade(ts, price, 100 + i, trade_id=i, at=writer.frame(1, 3 * i + 1)),
            writer.quote(
                ts, (price - 1, 5), (price + 1, 6), at=writer.frame(1, 3 * i + 2), extension=(writer.NONE_I64, i, 0)
            ),
            writer.book(ts, (i, i, writer.NONE_U64), [(price, 1)], [(price + 1, 0)], at=writer.frame(1, 3 * i + 3)),
        )
    snapshot = LAST | REST | SNAPSHOT
    made.block(
        writer.book(2_000_000_000, (writer.NONE_U64, 0, writer.NONE_U64), [(1, 1)], flags=snapshot),
        writer.gap(2_100_000_000),
    )
    return made


def exports(directory: Path) -> None:
    """Write the exports from the log, in the Arrow types that `tickforge export` uses."""
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.parquet

    from tick_tools.frames import to_polars

    (directory / "export").mkdir()
    decimal = pa.decimal128(18, 5)

    def table(kind: str) -> Any:
        rows = to_polars(directory, kind)
        columns = {}
        for name in rows.columns:
            values = rows[name].to_list() if not name.startswith("ts_") else rows[name].dt.epoch("ns").to_list()
            if name.endswith(("price", "size")):
                columns[name] = pa.array(values, decimal)
            elif name.startswith("ts_"):
                columns[name] = pa.array(values, pa.timestamp("ns", "UTC"))
            elif name in ("instrument", "side"):
                columns[name] = pa.array(values, pa.string()).dictionary_encode()
            else:
                columns[name] = pa.array(values, pa.bool_() if name in ("snapshot", "last") else pa.uint64())
        return pa.table(columns)

    pyarrow.parquet.write_table(table("trade"), directory / "export" / "trades.parquet")
    pyarrow.feather.write_feather(table("quote"), directory / "export" / "quotes.arrow", compression="uncompressed")
    with pa.OSFile(str(directory / "export" / "book.arrow"), "wb") as sink:
        book = table("book")
        with pa.ipc.new_stream(sink, book.schema) as stream:
            stream.write_table(book)
