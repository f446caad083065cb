"""Books kept only to compute venues' checksums over them (FORMAT.md, Checksums)."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import nlargest, nsmallest
from zlib import crc32

from .records import TOP, Book, Instrument, Level, Quote, Record, Text, Trade
from .resets import Reset

KRAKEN10 = 1

_TOP = 10

Side = dict[int, int]


@dataclass
class _KeptBook:
    exponents: tuple[int, int]
    bids: Side = field(default_factory=dict)
    asks: Side = field(default_factory=dict)


class Checksums:
    """Follows the records of one journal and counts the checksums that pass and fail."""

    def __init__(self) -> None:
        self.checked = 0
        self.passed = 0
        self.failures: list[str] = []
        self._books: dict[tuple[int, str], _KeptBook] = {}
        self._unfinished: dict[tuple[int, str], int] = {}
        self._damaged = False
        self._first_frames: dict[int, int | None] = {}

    @property
    def failed(self) -> int:
        """Checksums that do not match."""
        return self.checked - self.passed

    def reset(self, reset: Reset) -> None:
        """Empty the books that the reset covers."""
        for key in [key for key in self._books if reset.covers(*key)]:
            del self._books[key]
        if not reset.ends:
            return
        for key in [key for key in self._unfinished if reset.covers(*key)]:
            del self._unfinished[key]
        if reset.connection is not None:
            self._first_frames[reset.connection] = None

    def damage(self) -> None:
        """Distrust the first frame of each connection behind damage: it may hold what is left of a snapshot."""
        self._first_frames.clear()
        self._damaged = True

    def on_record(self, record: Record) -> None:
        """Take the next record of the journal."""
        if self._damaged and isinstance(record, (Trade, Quote, Book, Text)):
            self._first_frames.setdefault(record.connection, record.frame)
        if isinstance(record, Book) and record.definition and not record.flags & TOP:
            self._on_book(record, record.definition)

    def _on_book(self, event: Book, definition: Instrument) -> None:
        key = (event.connection, definition.name)
        follows_rule = definition.checksum_rule == KRAKEN10
        exponents = (definition.price_exponent, definition.size_exponent)
        is_part = self._unfinished.get(key) == event.frame or self._first_frames.get(event.connection) == event.frame
        if event.last:
            self._unfinished.pop(key, None)
        else:
            self._unfinished[key] = event.frame
        if event.snapshot and follows_rule and not is_part:
            self._books[key] = _KeptBook(exponents)
        if not follows_rule:
            self._books.pop(key, None)
        book = self._books.get(key)
        if book is None:
            return
        if book.exponents != exponents:
            _rescale(book, exponents)
        _apply(book.bids, event.bids)
        _apply(book.asks, event.asks)
        if not event.last:
            return
        if definition.book_depth:
            book.bids = dict(nlargest(definition.book_depth, book.bids.items()))
            book.asks = dict(nsmallest(definition.book_depth, book.asks.items()))
        if event.checksum is not None:
            self._compare(event, kraken10(book.bids, book.asks), event.checksum)

    def _compare(self, event: Book, computed: int, received: int) -> None:
        self.checked += 1
        if computed == received:
            self.passed += 1
        else:
            self.failures.append(
                f"{event.instrument} at {event.ts_recv}: computed {computed}, the venue says {received}"
            )


def kraken10(bids: Side, asks: Side) -> int:
    """Compute the CRC-32 over the ten best levels of both sides, the asks first."""
    levels: list[Level] = nsmallest(_TOP, asks.items()) + nlargest(_TOP, bids.items())
    digits = "".join(f"{abs(mantissa)}" for level in levels for mantissa in level if mantissa)
    return crc32(digits.encode())


def _apply(side: Side, levels: list[Level]) -> None:
    for price, size in levels:
        if size:
            side[price] = size
        else:
            side.pop(price, None)


def _rescale(book: _KeptBook, exponents: tuple[int, int]) -> None:
    old, book.exponents = book.exponents, exponents
    for name in ("bids", "asks"):
        side: Side = getattr(book, name)
        moved = {
            _moved(price, old[0], exponents[0]): _moved(size, old[1], exponents[1]) for price, size in side.items()
        }
        setattr(book, name, moved)


def _moved(mantissa: int, old: int, new: int) -> int:
    factor: int = 10 ** abs(old - new)
    return mantissa * factor if new <= old else mantissa // factor
