"""The native program as the tests run it: only its public interface, `verify` for many directories in one process."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "bin" / "tickforge.mjs"

_SECONDS = 40
_BATCH = """
import { writeSync } from 'node:fs'
const [library, ...directories] = process.argv.slice(1)
const { verify } = await import(library)
for (const directory of directories) {
  let report
  try {
    report = await verify(directory)
  } catch (error) {
    report = { error: error.code ?? String(error.stack) }
  }
  writeSync(1, JSON.stringify(report, (_, value) => (typeof value === 'bigint' ? Number(value) : value)) + '\\n')
}
"""


def lacking() -> str | None:
    """What is missing to run it, None if nothing."""
    if shutil.which("node") is None:
        return "node is not installed"
    for part in ("dist/index.js", "dist/cli/main.js", "build/release/tickforge.node"):
        if not (ROOT / part).exists():
            return f"{part} is not built"
    return None


def verify_all(directories: list[Path]) -> list[dict[str, Any]]:
    """The report of `verify` for each directory; `{'error': code}` where it refuses. Two processes share the work."""
    halves = [directories[::2], directories[1::2]]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(_verify_some, halves)
    return [(first, second)[at % 2][at // 2] for at in range(len(directories))]


def _verify_some(directories: list[Path]) -> list[dict[str, Any]]:
    command = ["node", "--input-type=module", "-e", _BATCH, (ROOT / "dist" / "index.js").as_uri()]
    with subprocess.Popen([*command, *map(str, directories)], stdout=subprocess.PIPE, text=True) as process:
        try:
            output, _ = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
    reports = [json.loads(line) for line in output.splitlines()]
    for unanswered in directories[len(reports) : len(reports) + 1]:
        raise AssertionError(f"no answer within {_SECONDS} s, or a crash, at {unanswered}")
    return reports


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One run of the command line."""
    return subprocess.run(
        ["node", str(PROGRAM), *arguments], capture_output=True, text=True, check=False, timeout=_SECONDS
    )


def run_all(commands: list[list[str]]) -> list[subprocess.CompletedProcess[str]]:
    """Several runs, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda arguments: run(*arguments), commands))
