"""The control page: the live state of a recorder (FORMAT.md, Control page)."""

from __future__ import annotations

import mmap
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from .errors import FormatError, NewerVersionError
from .segment import VERSION

PAGE_BYTES = 4096
STATE_NAMES = {0: "stopped", 1: "recording", 2: "failed", 3: "disk full"}

_MAGIC = b"TFC1"
_PAGE = struct.Struct("<4sHxxQIIiIQQQqQQQqQ")
_LOCK = struct.Struct("<Q")
_LOCK_OFFSET = 8


@dataclass(frozen=True)
class Control:
    """One consistent reading of the page."""

    process_id: int
    state: int
    day: int
    part: int
    segment_id: int
    file_offset: int
    record_count: int
    last_ts_recv: int
    appended: int
    written: int
    durable: int
    ts_started: int
    blocks: int


def read_control(path: Path | str, attempts: int = 1000) -> Control:
    """Take a consistent reading of a control page.

    Parameters
    ----------
    path
        The `.tfc` file.
    attempts
        How often to try while the recorder is writing the page.

    Raises
    ------
    FileNotFoundError
        There is none, or what is there is no file: a FIFO would be waited for.
    FormatError
        It is no control page, or it stays inconsistent: a recorder was killed while writing it.
    NewerVersionError
        A later version of the format.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no file")
    with Path(path).open("rb") as file:
        if file.seek(0, 2) < PAGE_BYTES:
            raise FormatError(f"{path}: shorter than a control page")
        with mmap.mmap(file.fileno(), PAGE_BYTES, access=mmap.ACCESS_READ) as page:
            for _ in range(attempts):
                before = _LOCK.unpack_from(page, _LOCK_OFFSET)[0]
                fields = _PAGE.unpack_from(page)
                if before % 2 == 0 and before == _LOCK.unpack_from(page, _LOCK_OFFSET)[0]:
                    break
                time.sleep(0.0001)
            else:
                raise FormatError(f"{path}: stays inconsistent; its writer stopped while writing it")
    if fields[0] != _MAGIC:
        raise FormatError(f"{path}: no control page")
    if fields[1] > VERSION:
        raise NewerVersionError(f"{path}: format version {fields[1]}; this reader knows {VERSION}")
    return Control(*fields[3:])
