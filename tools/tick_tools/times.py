"""Times: integer nanoseconds since 1970-01-01T00:00:00Z, and ISO 8601 with up to nine fractional digits."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_ISO = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def parse_time(text: str) -> int:
    """Read integer nanoseconds or ISO 8601 (UTC unless it names an offset).

    Raises
    ------
    ValueError
        The text is neither.
    """
    if re.fullmatch(r"-?\d{9,19}", text) or text == "0":
        return int(text)
    match = _ISO.fullmatch(text)
    if not match:
        raise ValueError(f"not a time: {text!r} (ISO 8601, or integer nanoseconds)")
    zone = "+00:00" if match[4] in (None, "Z") else match[4]
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00'}{zone}")
    except ValueError as error:
        raise ValueError(f"not a time: {text!r} ({error})") from None
    return (moment - _EPOCH) // timedelta(seconds=1) * 1_000_000_000 + int((match[3] or "0").ljust(9, "0"))


def format_time(ns: int) -> str:
    """Print nanoseconds as ISO 8601 with nine fractional digits."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    return f"{(_EPOCH + timedelta(seconds=seconds)):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def day_text(day: int) -> str:
    """Print days since 1970-01-01 as `2024-08-08`."""
    return f"{(_EPOCH + timedelta(days=day)):%Y-%m-%d}"
