#!/usr/bin/env python3
"""Verify TickForge segments without TickForge."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tick_tools import FormatError, verify_directory, verify_segment
from tick_tools.verify import NEWER_FORMAT

OK, USAGE, MISSING, NEWER, PROBLEMS = 0, 2, 4, 7, 8

_EPILOG = """\
example:
  python tools/verify_segment.py data
  python tools/verify_segment.py --json data/2024-08-08.main.000.tfs

exit codes: 0 ok, 2 wrong usage, 4 no such file or directory, or no segment in it, 7 a segment of a later version,
8 problems found
"""


def _print_report(path: Path, report: dict[str, Any]) -> None:
    continuity, checksums, index = report["continuity"], report["checksums"], report["index"]
    print(f"{path}: {'ok' if report['ok'] else 'PROBLEMS'}")
    print("  {segments} segments, {blocks} blocks, {records} records, {gaps} gaps".format(**report))
    print(
        "  {corruptBlocks} corrupt blocks, {tornTailBytes} bytes of torn tail, {orderErrors} order errors".format(
            **report
        )
    )
    print(f"  continuity: {continuity['checked']} checked, {continuity['broken']} broken")
    print(f"  checksums: {checksums['passed']} passed, {checksums['failed']} failed")
    print(f"  index: {index['ok']} ok, {index['missing']} missing, {index['wrong']} wrong")
    for refused in report["unreadable"]:
        print("  - {path}: {message} ({code})".format(**refused))
    for problem in report["problems"]:
        print(f"  - {problem}")
    for remark in report["remarks"]:
        print(f"  remark: {remark}")


def _exit_code(reports: list[dict[str, Any]]) -> int:
    codes = {refused["code"] for report in reports for refused in report["unreadable"]}
    if NEWER_FORMAT in codes:
        return NEWER
    return OK if all(report["ok"] for report in reports) else PROBLEMS


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a segment (.tfs), or a directory of segments"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document (a list for several paths)")
    options = parser.parse_args(arguments)
    reports = []
    for path in options.paths:
        try:
            report = verify_directory(path) if path.is_dir() else verify_segment(path)
        except (OSError, FormatError) as error:
            print(f"verify_segment: {error}", file=sys.stderr)
            return MISSING
        reports.append(report)
        if not options.json:
            _print_report(path, report)
    if options.json:
        print(json.dumps(reports[0] if len(reports) == 1 else reports, indent=2))
    return _exit_code(reports)


if __name__ == "__main__":
    sys.exit(main())
