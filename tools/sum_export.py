#!/usr/bin/env python3
"""Say what polars and pyarrow read in an exported file: rows, exact sums, first and last times."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

OK, USAGE, MISSING = 0, 2, 4

_EPILOG = """\
example:
  python tools/sum_export.py trades.parquet quotes.arrow

Prints one JSON document: a list with an object a file. Decimals and times are texts, so that nothing is rounded.
exit codes: 0 ok, 2 wrong usage, 4 no such file, or polars and pyarrow are not installed
"""

TIMES = ("ts_recv", "ts_event", "ts_sent")
SUMS = ("price", "size", "bid_price", "bid_size", "ask_price", "ask_size", "trade_id", "update_id", "last_update_id")


def by_pyarrow(path: Path) -> dict[str, Any]:
    """Read a file with pyarrow.

    Parameters
    ----------
    path
        An Arrow IPC file, or a Parquet file if its name ends so.

    Returns
    -------
    dict
        `rows`, and of each column that the file has the sum, or the least and largest time in ns.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    table.validate(full=True)
    found: dict[str, Any] = {"rows": table.num_rows}
    for name in (name for name in TIMES if name in table.column_names):
        times = pc.min_max(table[name].cast(pa.int64()))
        found[name] = [str(times["min"]), str(times["max"])]
    for name in (name for name in SUMS if name in table.column_names):
        column = table[name]
        wide = column if pa.types.is_decimal(column.type) else column.cast(pa.decimal128(38, 0))
        found[name] = str(pc.sum(wide))
    return found


def by_polars(path: Path) -> dict[str, Any]:
    """Read a file with polars. The parameters and the result are those of `by_pyarrow`."""
    import polars as pl

    frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_ipc(path)
    found: dict[str, Any] = {"rows": frame.height}
    for name in (name for name in TIMES if name in frame.columns):
        times = frame[name].cast(pl.Int64)
        found[name] = [str(times.min()), str(times.max())]
    for name in (name for name in SUMS if name in frame.columns):
        column = frame[name]
        wide = column if column.dtype.base_type() == pl.Decimal else column.cast(pl.Decimal(38, 0))
        found[name] = str(wide.sum() if wide.null_count() < len(wide) else None)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    files: list[Path] = parser.parse_args(arguments).files
    for path in files:
        if not path.is_file():
            print(f"sum_export: there is no file {path}", file=sys.stderr)
            return MISSING
    try:
        found = [{"file": str(path), "pyarrow": by_pyarrow(path), "polars": by_polars(path)} for path in files]
    except ImportError as error:
        print(f"sum_export: {error}; install polars and pyarrow", file=sys.stderr)
        return MISSING
    json.dump(found, sys.stdout, indent=2)
    print()
    return OK


if __name__ == "__main__":
    sys.exit(main())
