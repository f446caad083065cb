"""The records: one class a type, with the numbers as they stand on disk and as exact decimals (FORMAT.md, Record)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from .decimals import decimal_text, to_decimal

NONE_I64 = -(1 << 63)
NONE_U64 = (1 << 64) - 1

MAYBE_BAD_BOOK = 0x0004
BAD_TS_RECV = 0x0008
SNAPSHOT = 0x0020
TOP = 0x0040
LAST = 0x0080
BUY = 0x0100
SELL = 0x0200
EXTENSION = 0x0400
REST = 0x0800
BACKLOG = 0x1000
COPY = 0x2000
AGGREGATE = 0x4000
CHECKSUM = 0x8000

TYPE_NAMES = {
    1: "segment",
    2: "instrument",
    3: "connection",
    4: "trade",
    5: "quote",
    6: "book",
    7: "gap",
    8: "drop",
    9: "text",
}
CAUSE_NAMES = {
    1: "sequence",
    2: "checksum",
    3: "disconnect",
    4: "stale",
    5: "overflow",
    6: "unclean_stop",
    7: "venue_notice",
    8: "malformed",
    9: "corrupt_block",
    10: "stop",
    11: "write_error",
    12: "refused",
    13: "silent",
}
TEXT_REASONS = {1: "unparseable", 2: "unmapped", 3: "control", 4: "unrepresentable"}
KIND_NAMES = {0: "unknown", 1: "spot", 2: "perpetual", 3: "future", 4: "option"}
TRADE_KINDS = {0: None, 1: "market", 2: "limit", 3: "insurance_fund", 4: "adl", 5: "not_applicable", 255: "other"}
INTEGRITY_NAMES = {0: "none", 1: "range", 2: "previous", 3: "connection_sequence"}
CHECKSUM_NAMES = {0: "none", 1: "kraken10"}
PRINT_NAMES = {0: "fixed", 1: "minimal"}
FLAG_NAMES = {
    MAYBE_BAD_BOOK: "maybe_bad_book",
    BAD_TS_RECV: "bad_ts_recv",
    SNAPSHOT: "snapshot",
    TOP: "top",
    LAST: "last",
    BUY: "buy",
    SELL: "sell",
    EXTENSION: "extension",
    REST: "rest",
    BACKLOG: "backlog",
    COPY: "copy",
    AGGREGATE: "aggregate",
    CHECKSUM: "checksum",
}

CAUSE_CORRUPT_BLOCK = 9
CAUSE_WRITE_ERROR = 11
# Gap records of these causes start nothing anew: no record that is there is in doubt.
CAUSES_WITHOUT_BREAK = frozenset({CAUSE_WRITE_ERROR, 12, 13})

Level = tuple[int, int]


@dataclass
class Record:
    """The head that all records share. Times are ns since 1970 UTC; None stands for the none values of the format."""

    cells: int
    type: int
    flags: int
    instrument_number: int
    ts_recv: int
    ts_event: int | None
    frame: int
    definition: Instrument | None = field(repr=False, compare=False)

    @property
    def type_name(self) -> str:
        """Name of the type, `type 23` for one that this reader does not know."""
        return TYPE_NAMES.get(self.type, f"type {self.type}")

    @property
    def connection(self) -> int:
        """Connection number, 16 bits."""
        return self.frame >> 48

    @property
    def frame_number(self) -> int:
        """Number of the frame on its connection, 48 bits."""
        return self.frame & 0xFFFF_FFFF_FFFF

    @property
    def instrument(self) -> str | None:
        """`venue:symbol`, None without an instrument or when its definition is lost."""
        return self.definition.name if self.definition else None

    @property
    def side(self) -> str | None:
        """Side of the aggressor of a trade: buy, sell, or None when the venue does not say."""
        return "buy" if self.flags & BUY else "sell" if self.flags & SELL else None

    def price_text(self, mantissa: int | None) -> str | None:
        """A price of this record as the venue prints it, None when there is none or its definition is lost."""
        if mantissa is None or self.definition is None:
            return None
        return decimal_text(mantissa, self.definition.price_exponent, self.definition.price_print)

    def size_text(self, mantissa: int | None) -> str | None:
        """A size of this record as the venue prints it."""
        if mantissa is None or self.definition is None:
            return None
        return decimal_text(mantissa, self.definition.size_exponent, self.definition.size_print)

    def price_decimal(self, mantissa: int | None) -> Decimal | None:
        """A price of this record as an exact decimal."""
        if mantissa is None or self.definition is None:
            return None
        return to_decimal(mantissa, self.definition.price_exponent)

    def size_decimal(self, mantissa: int | None) -> Decimal | None:
        """A size of this record as an exact decimal."""
        if mantissa is None or self.definition is None:
            return None
        return to_decimal(mantissa, self.definition.size_exponent)


@dataclass
class SegmentStart(Record):
    """First record of block 0."""

    version: int
    journal: str
    writer: str
    part: int
    day: int
    segment_id: int


@dataclass
class Instrument(Record):
    """A dated definition. `instrument_number` is the number that it defines."""

    price_exponent: int
    size_exponent: int
    price_print: int
    size_print: int
    integrity: int
    checksum_rule: int
    book_depth: int
    tick_size: int
    lot_size: int
    kind: int
    venue: str
    symbol: str
    base: str
    quote: str
    adapter: str

    @property
    def name(self) -> str:
        """`venue:symbol`."""
        return f"{self.venue}:{self.symbol}"


@dataclass
class Connection(Record):
    """A connection opened (event 1) or closed (event 2)."""

    event: int
    integrity: int
    close_code: int
    venue: str
    url: str
    reason: str


@dataclass
class Trade(Record):
    """Price and size are mantissas. `id_text` holds an id that is not a u64."""

    price: int | None
    size: int | None
    trade_id: int | None
    sequence: int | None
    ts_sent: int | None = None
    first_trade_id: int | None = None
    last_trade_id: int | None = None
    buyer_order_id: int | None = None
    seller_order_id: int | None = None
    kind: int = 0
    id_text: str | None = None


@dataclass
class Quote(Record):
    """Best bid and ask as mantissas; None where a side is empty."""

    bid_price: int | None
    bid_size: int | None
    ask_price: int | None
    ask_size: int | None
    ts_sent: int | None = None
    update_id: int | None = None
    sequence: int | None = None


@dataclass
class Book(Record):
    """A book event or a part of one. Levels are (price, size) mantissas in the order of the venue's frame."""

    first_update_id: int | None
    last_update_id: int | None
    previous_update_id: int | None
    checksum: int | None
    bids: list[Level]
    asks: list[Level]
    ts_sent: int | None = None
    sequence: int | None = None

    @property
    def snapshot(self) -> bool:
        """Whether it is a whole book, not a change."""
        return bool(self.flags & SNAPSHOT)

    @property
    def last(self) -> bool:
        """Whether it is the last part of its event."""
        return bool(self.flags & LAST)


@dataclass
class Gap(Record):
    """Something is missing between `ts_last_good` and `ts_recv`."""

    expected_id: int | None
    received_id: int | None
    ts_last_good: int | None
    cause: int
    record_type: int


@dataclass
class Drop(Record):
    """`count` records were refused between `ts_first` and `ts_recv`."""

    count: int
    ts_first: int | None
    cause: int


@dataclass
class Text(Record):
    """A frame, or a part of one, as the venue sent it."""

    reason: int
    binary: bool
    offset: int
    total_length: int
    sequence: int | None
    data: bytes


@dataclass
class Unknown(Record):
    """A record of a type that this reader does not know."""

    payload: bytes
