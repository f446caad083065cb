#!/usr/bin/env python3
"""Print the records of TickForge segments as JSON lines."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from pathlib import Path

from tick_tools import FormatError, NewerVersionError, iter_records, iter_segment, parse_time
from tick_tools.jsonable import record_json
from tick_tools.records import TYPE_NAMES

OK, USAGE, MISSING, NEWER = 0, 2, 4, 7

_EPILOG = """\
example:
  python tools/dump_records.py data --type trade,quote --instrument binance:BTCUSDT --from 2024-08-08T12:00Z --limit 9

Numbers of 64 bits (times in ns, ids) and decimals are text: a JSON number would be rounded by many readers.
Where blocks are damaged, a gap record of cause corrupt_block stands in their place.
exit codes: 0 ok, 2 wrong usage, 4 no such file or directory, or no segment in it, 7 a later format
"""


def _types(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in TYPE_NAMES.values():
            raise argparse.ArgumentTypeError(f"no type {name!r}: one of {', '.join(TYPE_NAMES.values())}")
    return names


def _time(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path, help="a segment (.tfs), or a directory of segments")
    parser.add_argument("--type", type=_types, metavar="T,T", help="only these types")
    parser.add_argument(
        "--instrument", type=lambda text: text.split(","), metavar="V:S,V:S", help="only these instruments"
    )
    parser.add_argument(
        "--from", dest="start", type=_time, metavar="TIME", help="first ts_recv (ISO 8601 or integer ns)"
    )
    parser.add_argument("--to", dest="end", type=_time, metavar="TIME", help="end of ts_recv, exclusive")
    parser.add_argument("--limit", type=int, help="stop after so many records")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.start is not None and options.end is not None and options.start > options.end:
        parser.error("--from is after --to")
    if not options.path.exists():
        print(f"dump_records: {options.path}: no such file or directory", file=sys.stderr)
        return MISSING
    read = iter_records if options.path.is_dir() else iter_segment
    try:
        records = read(options.path, options.start, options.end, options.type, options.instrument)
        for record in itertools.islice(records, options.limit):
            print(json.dumps(record_json(record), ensure_ascii=False))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except NewerVersionError as error:
        print(f"dump_records: {error}", file=sys.stderr)
        return NEWER
    except (FormatError, OSError) as error:
        print(f"dump_records: {error}", file=sys.stderr)
        return MISSING
    return OK


if __name__ == "__main__":
    sys.exit(main())
