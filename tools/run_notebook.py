#!/usr/bin/env python3
"""Execute notebooks from top to bottom and fail on the first error. Nothing is written back."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

OK, USAGE, MISSING, PROBLEMS = 0, 2, 4, 8

_EPILOG = """\
example:
  TICKFORGE_DEMO=data/demo python tools/run_notebook.py notebooks/00_quickstart.ipynb

exit codes: 0 ok, 2 wrong usage, 4 no such notebook or nbclient is not installed, 8 a cell failed
"""


def run(path: Path, timeout: float) -> list[str]:
    """Execute one notebook in its own folder.

    Parameters
    ----------
    path
        The `.ipynb` file.
    timeout
        Seconds that one cell may take.

    Returns
    -------
    list of str
        The text outputs of the cells, in order.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        A cell failed.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.reads(path.read_text("utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return [output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--timeout", type=float, default=60, help="seconds a cell may take (default 60)")
    parser.add_argument("--show", action="store_true", help="print the text outputs")
    options = parser.parse_args(arguments)
    try:
        from nbclient.exceptions import CellExecutionError
    except ImportError as error:
        print(f"run_notebook: {error} (pip install -r tools/requirements.txt)", file=sys.stderr)
        return MISSING
    for path in options.notebooks:
        if not path.is_file():
            print(f"run_notebook: {path}: no such notebook", file=sys.stderr)
            return MISSING
        began = time.monotonic()
        try:
            outputs = run(path.resolve(), options.timeout)
        except CellExecutionError as error:
            print(f"run_notebook: {path}: {error}", file=sys.stderr)
            return PROBLEMS
        if options.show:
            print("\n".join(outputs))
        print(f"{path}: ok, {time.monotonic() - began:.1f} s")
    return OK


if __name__ == "__main__":
    sys.exit(main())
