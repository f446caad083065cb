"""The rows that every client of these tests sends; rows.ts has the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

BASE_NS = 1_723_118_400_000_000_000
"""2024-08-08T12:00:00Z."""
STEP_NS = 500_000_000
"""A float holds every multiple of this many ns exactly, as seconds and as ns: cryptofeed's times are floats."""


@dataclass(frozen=True)
class Row:
    """One trade."""

    number: int
    symbol: str
    side: str
    price: Decimal
    size: Decimal
    ts: int


def rows(count: int) -> Iterator[Row]:
    """Yield the first ``count`` rows."""
    for i in range(count):
        yield Row(
            number=i,
            symbol=f"SYM-{i % 3}",
            side="sell" if i % 2 else "buy",
            price=Decimal(6_000_000 + i * 7919 % 1_000_000).scaleb(-2),
            size=Decimal(i * 31 % 99_991 + 1).scaleb(-5),
            ts=BASE_NS + i * STEP_NS,
        )
