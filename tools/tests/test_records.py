from __future__ import annotations

import struct
from decimal import Decimal, localcontext

import pytest
import writer
from writer import NONE_I64, NONE_U64

from tick_tools.decimals import decimal_text, to_decimal
from tick_tools.decode import Definitions, decode
from tick_tools.errors import FormatError
from tick_tools.jsonable import record_json
from tick_tools.records import (
    Book,
    Connection,
    Drop,
    Gap,
    Instrument,
    Quote,
    Record,
    SegmentStart,
    Text,
    Trade,
    Unknown,
)
from tick_tools.times import format_time, parse_time


def read(data: bytes, definitions: Definitions | None = None) -> Record:
    return decode(memoryview(data), {} if definitions is None else definitions)


def defined(**options: object) -> Definitions:
    definitions: Definitions = {}
    read(writer.instrument(1, **options), definitions)  # type: ignore[arg-type]
    return definitions


@pytest.mark.parametrize(
    ("mantissa", "exponent", "fixed", "minimal"),
    [
        (6000010, -2, "60000.10", "60000.1"),
        (0, -3, "0.000", "0"),
        (5, -3, "0.005", "0.005"),
        (-1500, -3, "-1.500", "-1.5"),
        (42, 0, "42", "42"),
        (9223372036854775807, -18, "9.223372036854775807", "9.223372036854775807"),
        (100, -8, "0.00000100", "0.000001"),
    ],
)
def test_decimals_print_by_the_rule_of_their_definition(mantissa: int, exponent: int, fixed: str, minimal: str) -> None:
    assert (decimal_text(mantissa, exponent), decimal_text(mantissa, exponent, 1)) == (fixed, minimal)
    assert to_decimal(mantissa, exponent) == Decimal(fixed)


def test_decimals_are_exact_whatever_the_context_is() -> None:
    with localcontext() as context:
        context.prec = 3
        assert str(to_decimal(9223372036854775807, -9)) == "9223372036.854775807"


def test_a_segment_record_explains_the_file() -> None:
    record = read(writer.segment_start(part=7, journal="eu_1"))
    assert isinstance(record, SegmentStart)
    assert (record.version, record.journal, record.writer, record.part, record.day) == (1, "eu_1", "a test", 7, 19943)
    assert record.segment_id == writer.ID
    assert (record_json(record)["day"], record_json(record)["segment_id"]) == (writer.DAY, "1122334455667788")


def test_an_instrument_record_defines_its_number() -> None:
    definitions = defined(exponents=(-1, -8), prints=(0, 1), integrity=2, rule=1, depth=10)
    record = definitions[1]
    assert isinstance(record, Instrument)
    assert (record.price_exponent, record.size_exponent, record.price_print, record.size_print) == (-1, -8, 0, 1)
    assert (record.integrity, record.checksum_rule, record.book_depth, record.kind) == (2, 1, 10, 1)
    assert (record.name, record.base, record.quote, record.adapter) == ("binance:BTCUSDT", "BTC", "USDT", "adapter@1")
    assert (record_json(record)["tick_size"], record_json(record)["lot_size"]) == ("0.1", "0.00000001")


def test_a_connection_record_tells_venue_url_and_reason() -> None:
    record = read(writer.connection(3, event=2, integrity=3))
    assert isinstance(record, Connection)
    assert (record.connection, record.event, record.integrity) == (3, 2, 3)
    assert (record.venue, record.url, record.reason) == ("binance", "wss://a/ws", "none")


def test_a_trade_keeps_every_digit() -> None:
    record = read(writer.trade(1, 6000010, 12345678, trade_id=0, sequence=(1 << 64) - 2, flags=writer.SELL), defined())
    assert isinstance(record, Trade)
    assert (record.price_text(record.price), record.size_text(record.size)) == ("60000.10", "123.45678")
    assert (record.side, record.trade_id, record.sequence, record.ts_sent) == ("sell", 0, (1 << 64) - 2, None)
    assert record_json(record)["sequence"] == "18446744073709551614"


def test_an_extension_and_a_text_id_of_a_trade_are_read() -> None:
    payload = struct.pack("<qqQQ", 1, 2, NONE_U64, NONE_U64) + writer.cells(
        struct.pack("<qQQQQB", 11, 12, 13, 14, NONE_U64, 2)
    )
    payload += bytes([5]) + b"ab-12" + b"stale"
    record = read(writer.record(4, payload, flags=writer.EXTENSION, number=1), defined())
    assert isinstance(record, Trade)
    assert (record.ts_sent, record.first_trade_id, record.last_trade_id, record.buyer_order_id) == (11, 12, 13, 14)
    assert (record.seller_order_id, record.kind, record.id_text, record.side) == (None, 2, "ab-12", None)
    assert record_json(record)["trade_id"] == "ab-12"


def test_a_quote_may_lack_a_side() -> None:
    data = writer.quote(1, (NONE_I64, NONE_I64), (5, 7), extension=(NONE_I64, 8, 9))
    record = read(data, defined())
    assert isinstance(record, Quote)
    assert (record.bid_price, record.bid_size, record.ask_price, record.ask_size) == (None, None, 5, 7)
    assert (record.ts_sent, record.update_id, record.sequence) == (None, 8, 9)


@pytest.mark.parametrize("extension", [None, (7, 8)])
@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_levels_follow_the_first_cell_or_the_extension(count: int, extension: tuple[int, int] | None) -> None:
    bids = [(100 - i, i + 1) for i in range(count)]
    asks = [(101 + i, i) for i in range(3)]
    record = read(writer.book(1, (1, 2, NONE_U64), bids, asks, extension=extension, checksum=5), defined())
    assert isinstance(record, Book)
    assert (record.bids, record.asks, record.checksum) == (bids, asks, 5)
    assert (record.ts_sent, record.sequence) == (extension or (None, None))
    assert (record.first_update_id, record.last_update_id, record.previous_update_id) == (1, 2, None)


def test_a_checksum_without_its_flag_is_none() -> None:
    record = read(writer.book(1, (1, 2, 3)), defined())
    assert isinstance(record, Book)
    assert record.checksum is None


def test_gaps_drops_and_texts_are_read() -> None:
    gap, drop, text = (
        read(writer.gap(5, cause=6)),
        read(writer.drop(5, 77)),
        read(writer.text(5, b"\xffhello" * 40, sequence=4)),
    )
    assert isinstance(gap, Gap)
    assert (gap.expected_id, gap.received_id, gap.ts_last_good, gap.cause) == (7, 9, writer.T0 + 4, 6)
    assert isinstance(drop, Drop)
    assert (drop.count, drop.ts_first, drop.cause) == (77, writer.T0, 5)
    assert isinstance(text, Text)
    assert (text.data, text.sequence, text.total_length) == (b"\xffhello" * 40, 4, 240)
    assert record_json(text)["base64"].startswith("/2hlbGxv"), "no character is replaced"
    whole = record_json(read(writer.text(5, "é".encode())))
    assert (whole["text"], "total_length" in whole) == ("é", False)


def test_an_unknown_type_is_kept_as_bytes() -> None:
    record = read(writer.record(17, b"later"))
    assert isinstance(record, Unknown)
    assert (record.type_name, record.payload[:5]) == ("type 17", b"later")


def test_a_record_without_its_definition_has_numbers_and_no_decimals() -> None:
    record = read(writer.trade(1, 100))
    assert isinstance(record, Trade)
    assert (record.price, record.instrument, record.price_text(100), record.price_decimal(100)) == (
        100,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    "data",
    [
        writer.record(1, struct.pack("<HBB", 1, 200, 0)),
        writer.record(6, struct.pack("<QQQHHI", 1, 2, 3, 4, 5, 0)),
        writer.record(4, b"", flags=writer.EXTENSION),
        writer.record(9, struct.pack("<BBH", 1, 0, 500)),
        writer.record(4, bytes(96) + bytes([64]) + b"a" * 95),
    ],
)
def test_counts_that_leave_the_record_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        read(data)


def test_times_are_read_and_printed_to_the_nanosecond() -> None:
    assert parse_time("2024-08-08T00:00:00.000000001Z") == writer.T0 + 1
    assert parse_time("2024-08-08T02:00+02:00") == parse_time("2024-08-08") == parse_time(str(writer.T0)) == writer.T0
    assert format_time(writer.T0 + 123) == "2024-08-08T00:00:00.000000123Z"
    assert parse_time("1969-12-31T23:59:59.5Z") == -500_000_000
    for wrong in ["yesterday", "2024-13-01", "2024-08-08T25:00", "12.5"]:
        with pytest.raises(ValueError, match="not a time"):
            parse_time(wrong)
