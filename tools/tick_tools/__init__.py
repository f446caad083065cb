"""An independent reader of TickForge's files, written from docs/FORMAT.md alone.

>>> from tick_tools import iter_records, verify_directory
>>> for record in iter_records('data', types=['trade'], instruments=['binance:BTCUSDT']):  # doctest: +SKIP
...     print(record.ts_recv, record.price_text(record.price), record.side)
"""

from .control import read_control
from .crc32c import crc32c
from .decimals import decimal_text, to_decimal
from .errors import ForeignFileError, FormatError, NewerVersionError
from .query import iter_records, iter_segment
from .segment import Segment, list_segments
from .times import format_time, parse_time
from .verify import verify_directory, verify_segment

__all__ = [
    "ForeignFileError",
    "FormatError",
    "NewerVersionError",
    "Segment",
    "crc32c",
    "decimal_text",
    "format_time",
    "iter_records",
    "iter_segment",
    "list_segments",
    "parse_time",
    "read_control",
    "to_decimal",
    "verify_directory",
    "verify_segment",
]
