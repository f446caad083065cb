// Prints src/records/layout.ts from the structs: the one place that names bytes for another language.
// `npm run generate` writes the file, a test compares it.
#include <cstdio>
#include <initializer_list>
#include <utility>

#include "format/record.h"
#include "format/segment.h"

namespace {

using namespace tickforge;

void group(const char* comment) { std::printf("\n// %s\n", comment); }
void constant(const char* name, unsigned long long value) { std::printf("export const %s = %llu\n", name, value); }

#define OFFSET(name, type, field) constant(name, offsetof(type, field))
#define VALUE(name, value) constant(name, static_cast<unsigned long long>(value))

void enumeration(const char* name, std::initializer_list<std::pair<const char*, unsigned>> values) {
  std::printf("\nexport const %s = {\n", name);
  for (const auto& [key, value] : values) std::printf("  %s: %u,\n", key, value);
  std::printf("} as const\nexport type %s = (typeof %s)[keyof typeof %s]\n", name, name, name);
}

unsigned u(auto value) { return static_cast<unsigned>(value); }

}  // namespace

int main() {
  std::printf("// Generated from native/format by native/format/print_layout.cpp (`npm run generate`). Do not edit.\n");
  group("Cells, bytes and none values.");
  VALUE("CELL_BYTES", kCellBytes);
  VALUE("CELLS_PER_RECORD_MAX", kCellsPerRecordMax);
  VALUE("LEVEL_BYTES", sizeof(Level));
  VALUE("LEVELS_PER_CELL", kLevelsPerCell);
  std::printf("export const NONE_I64 = -%llun\nexport const NONE_U64 = %llun\n",
              static_cast<unsigned long long>(kNoneI64), static_cast<unsigned long long>(kNoneU64));
  VALUE("FRAME_NUMBER_BITS", kFrameNumberBits);
  VALUE("FORMAT_VERSION", kFormatVersion);
  VALUE("BLOCK_MAGIC", kBlockMagic);
  VALUE("INDEX_MAGIC", kIndexMagic);
  VALUE("CONTROL_MAGIC", kControlMagic);
  VALUE("BLOCK_ALIGN", kBlockAlign);
  VALUE("BLOCK_BYTES_MAX", kBlockBytesMax);
  VALUE("BLOCK_HEADER_BYTES", sizeof(BlockHeader));
  VALUE("BLOCK_PRODUCER_SHIFT", kBlockProducerShift);
  VALUE("INDEX_ENTRY_BYTES", sizeof(IndexEntry));

  enumeration("RecordType", {{"segment", u(RecordType::kSegment)},
                             {"instrument", u(RecordType::kInstrument)},
                             {"connection", u(RecordType::kConnection)},
                             {"trade", u(RecordType::kTrade)},
                             {"quote", u(RecordType::kQuote)},
                             {"book", u(RecordType::kBook)},
                             {"gap", u(RecordType::kGap)},
                             {"drop", u(RecordType::kDrop)},
                             {"text", u(RecordType::kText)}});
  enumeration("Flag", {{"maybeBadBook", kFlagMaybeBadBook},
                       {"badTsRecv", kFlagBadTsRecv},
                       {"snapshot", kFlagSnapshot},
                       {"top", kFlagTop},
                       {"last", kFlagLast},
                       {"buy", kFlagBuy},
                       {"sell", kFlagSell},
                       {"extension", kFlagExtension},
                       {"rest", kFlagRest},
                       {"backlog", kFlagBacklog},
                       {"copy", kFlagCopy},
                       {"aggregate", kFlagAggregate},
                       {"checksum", kFlagChecksum}});
  enumeration("BlockFlag", {{"hasDefinitions", kBlockHasDefinitions},
                            {"hasGaps", kBlockHasGaps},
                            {"last", kBlockLast},
                            {"hasMark", kBlockHasMark}});
  enumeration("TradeKind", {{"none", u(TradeKind::kNone)},
                            {"market", u(TradeKind::kMarket)},
                            {"limit", u(TradeKind::kLimit)},
                            {"insuranceFund", u(TradeKind::kInsuranceFund)},
                            {"adl", u(TradeKind::kAdl)},
                            {"notApplicable", u(TradeKind::kNotApplicable)},
                            {"other", u(TradeKind::kOther)}});
  enumeration("PrintRule", {{"fixed", u(PrintRule::kFixed)}, {"minimal", u(PrintRule::kMinimal)}});
  enumeration("Integrity", {{"none", u(Integrity::kNone)},
                            {"range", u(Integrity::kRange)},
                            {"previous", u(Integrity::kPrevious)},
                            {"connectionSequence", u(Integrity::kConnectionSequence)}});
  enumeration("ChecksumRule", {{"none", u(ChecksumRule::kNone)}, {"kraken10", u(ChecksumRule::kKraken10)}});
  enumeration("InstrumentKind", {{"unknown", u(InstrumentKind::kUnknown)},
                                 {"spot", u(InstrumentKind::kSpot)},
                                 {"perpetual", u(InstrumentKind::kPerpetual)},
                                 {"future", u(InstrumentKind::kFuture)},
                                 {"option", u(InstrumentKind::kOption)}});
  enumeration("ConnectionEvent", {{"open", u(ConnectionEvent::kOpen)}, {"close", u(ConnectionEvent::kClose)}});
  enumeration("GapCause", {{"none", u(GapCause::kNone)},
                           {"sequence", u(GapCause::kSequence)},
                           {"checksum", u(GapCause::kChecksum)},
                           {"disconnect", u(GapCause::kDisconnect)},
                           {"stale", u(GapCause::kStale)},
                           {"overflow", u(GapCause::kOverflow)},
                           {"uncleanStop", u(GapCause::kUncleanStop)},
                           {"venueNotice", u(GapCause::kVenueNotice)},
                           {"malformed", u(GapCause::kMalformed)},
                           {"corruptBlock", u(GapCause::kCorruptBlock)},
                           {"stop", u(GapCause::kStop)},
                           {"writeError", u(GapCause::kWriteError)},
                           {"refused", u(GapCause::kRefused)},
                           {"silent", u(GapCause::kSilent)}});
  enumeration("TextReason", {{"unparseable", u(TextReason::kUnparseable)},
                             {"unmapped", u(TextReason::kUnmapped)},
                             {"control", u(TextReason::kControl)},
                             {"unrepresentable", u(TextReason::kUnrepresentable)}});
  enumeration("RecorderState", {{"stopped", u(RecorderState::kStopped)},
                                {"recording", u(RecorderState::kRecording)},
                                {"failed", u(RecorderState::kFailed)},
                                {"diskFull", u(RecorderState::kDiskFull)}});

  group("Byte offsets from the start of a record. The head:");
  OFFSET("HEAD_CELLS", RecordHead, cells);
  OFFSET("HEAD_TYPE", RecordHead, type);
  OFFSET("HEAD_FLAGS", RecordHead, flags);
  OFFSET("HEAD_INSTRUMENT", RecordHead, instrument);
  OFFSET("HEAD_TS_RECV", RecordHead, ts_recv);
  OFFSET("HEAD_TS_EVENT", RecordHead, ts_event);
  OFFSET("HEAD_FRAME", RecordHead, frame);
  group("Trade.");
  OFFSET("TRADE_PRICE", Trade, price);
  OFFSET("TRADE_SIZE", Trade, size);
  OFFSET("TRADE_ID", Trade, trade_id);
  OFFSET("TRADE_SEQUENCE", Trade, sequence);
  VALUE("TRADE_TS_SENT", kCellBytes + offsetof(TradeExtension, ts_sent));
  VALUE("TRADE_FIRST_ID", kCellBytes + offsetof(TradeExtension, first_trade_id));
  VALUE("TRADE_LAST_ID", kCellBytes + offsetof(TradeExtension, last_trade_id));
  VALUE("TRADE_BUYER_ORDER_ID", kCellBytes + offsetof(TradeExtension, buyer_order_id));
  VALUE("TRADE_SELLER_ORDER_ID", kCellBytes + offsetof(TradeExtension, seller_order_id));
  VALUE("TRADE_KIND", kCellBytes + offsetof(TradeExtension, kind));
  VALUE("TRADE_ID_TEXT_LENGTH", 2 * kCellBytes + offsetof(IdText, length));
  VALUE("TRADE_ID_TEXT", 2 * kCellBytes + offsetof(IdText, text));
  group("Quote.");
  OFFSET("QUOTE_BID_PRICE", Quote, bid_price);
  OFFSET("QUOTE_BID_SIZE", Quote, bid_size);
  OFFSET("QUOTE_ASK_PRICE", Quote, ask_price);
  OFFSET("QUOTE_ASK_SIZE", Quote, ask_size);
  VALUE("QUOTE_TS_SENT", kCellBytes + offsetof(QuoteExtension, ts_sent));
  VALUE("QUOTE_UPDATE_ID", kCellBytes + offsetof(QuoteExtension, update_id));
  VALUE("QUOTE_SEQUENCE", kCellBytes + offsetof(QuoteExtension, sequence));
  group("Book. Levels start at cell 1, or at cell 2 with Flag.extension.");
  OFFSET("BOOK_FIRST_UPDATE_ID", Book, first_update_id);
  OFFSET("BOOK_LAST_UPDATE_ID", Book, last_update_id);
  OFFSET("BOOK_PREVIOUS_UPDATE_ID", Book, previous_update_id);
  OFFSET("BOOK_BID_COUNT", Book, bid_count);
  OFFSET("BOOK_ASK_COUNT", Book, ask_count);
  OFFSET("BOOK_CHECKSUM", Book, checksum);
  VALUE("BOOK_TS_SENT", kCellBytes + offsetof(BookExtension, ts_sent));
  VALUE("BOOK_SEQUENCE", kCellBytes + offsetof(BookExtension, sequence));
  group("Instrument. Strings start at cell 1: venue, symbol, base, quote, adapter.");
  OFFSET("INSTRUMENT_PRICE_EXPONENT", Instrument, price_exponent);
  OFFSET("INSTRUMENT_SIZE_EXPONENT", Instrument, size_exponent);
  OFFSET("INSTRUMENT_PRICE_PRINT", Instrument, price_print);
  OFFSET("INSTRUMENT_SIZE_PRINT", Instrument, size_print);
  OFFSET("INSTRUMENT_INTEGRITY", Instrument, integrity);
  OFFSET("INSTRUMENT_CHECKSUM_RULE", Instrument, checksum_rule);
  OFFSET("INSTRUMENT_BOOK_DEPTH", Instrument, book_depth);
  OFFSET("INSTRUMENT_TICK_SIZE", Instrument, tick_size);
  OFFSET("INSTRUMENT_LOT_SIZE", Instrument, lot_size);
  OFFSET("INSTRUMENT_KIND", Instrument, kind);
  OFFSET("INSTRUMENT_VENUE_LENGTH", Instrument, venue_length);
  OFFSET("INSTRUMENT_SYMBOL_LENGTH", Instrument, symbol_length);
  OFFSET("INSTRUMENT_BASE_LENGTH", Instrument, base_length);
  OFFSET("INSTRUMENT_QUOTE_LENGTH", Instrument, quote_length);
  OFFSET("INSTRUMENT_ADAPTER_LENGTH", Instrument, adapter_length);
  group("Connection. Strings start at cell 1: venue, url, reason.");
  OFFSET("CONNECTION_EVENT", Connection, event);
  OFFSET("CONNECTION_INTEGRITY", Connection, integrity);
  OFFSET("CONNECTION_CLOSE_CODE", Connection, close_code);
  OFFSET("CONNECTION_URL_LENGTH", Connection, url_length);
  OFFSET("CONNECTION_REASON_LENGTH", Connection, reason_length);
  OFFSET("CONNECTION_VENUE_LENGTH", Connection, venue_length);
  group("Gap.");
  OFFSET("GAP_EXPECTED_ID", Gap, expected_id);
  OFFSET("GAP_RECEIVED_ID", Gap, received_id);
  OFFSET("GAP_TS_LAST_GOOD", Gap, ts_last_good);
  OFFSET("GAP_CAUSE", Gap, cause);
  OFFSET("GAP_RECORD_TYPE", Gap, record_type);
  group("Drop.");
  OFFSET("DROP_COUNT", Drop, count);
  OFFSET("DROP_TS_FIRST", Drop, ts_first);
  OFFSET("DROP_CAUSE", Drop, cause);
  OFFSET("DROP_PRODUCER", Drop, producer);
  group("Text. Bytes start at cell 1.");
  OFFSET("TEXT_REASON", Text, reason);
  OFFSET("TEXT_BINARY", Text, binary);
  OFFSET("TEXT_LENGTH", Text, length);
  OFFSET("TEXT_OFFSET", Text, offset);
  OFFSET("TEXT_TOTAL_LENGTH", Text, total_length);
  OFFSET("TEXT_SEQUENCE", Text, sequence);
  group("Segment. Strings start at cell 1: journal, writer.");
  OFFSET("SEGMENT_VERSION", Segment, version);
  OFFSET("SEGMENT_JOURNAL_LENGTH", Segment, journal_length);
  OFFSET("SEGMENT_WRITER_LENGTH", Segment, writer_length);
  OFFSET("SEGMENT_PART", Segment, part);
  OFFSET("SEGMENT_DAY", Segment, day);
  OFFSET("SEGMENT_ID", Segment, segment_id);
  group("Block header, from the start of a block.");
  OFFSET("BLOCK_FLAGS", BlockHeader, flags);
  OFFSET("BLOCK_FIRST_RECORD", BlockHeader, first_record);
  OFFSET("BLOCK_MIN_TS_RECV", BlockHeader, min_ts_recv);
  OFFSET("BLOCK_MAX_TS_RECV", BlockHeader, max_ts_recv);
  OFFSET("BLOCK_RECORD_COUNT", BlockHeader, record_count);
  OFFSET("BLOCK_PAYLOAD_LENGTH", BlockHeader, payload_length);
  OFFSET("BLOCK_PAYLOAD_CRC", BlockHeader, payload_crc);
  group("Index entry.");
  OFFSET("INDEX_OFFSET", IndexEntry, offset);
  OFFSET("INDEX_LENGTH", IndexEntry, length);
  OFFSET("INDEX_RECORD_COUNT", IndexEntry, record_count);
  OFFSET("INDEX_FIRST_RECORD", IndexEntry, first_record);
  OFFSET("INDEX_MIN_TS_RECV", IndexEntry, min_ts_recv);
  OFFSET("INDEX_MAX_TS_RECV", IndexEntry, max_ts_recv);
  OFFSET("INDEX_RUNNING_MAX_TS_RECV", IndexEntry, running_max_ts_recv);
  OFFSET("INDEX_FLAGS", IndexEntry, flags);
  OFFSET("INDEX_BACK_STEPS", IndexEntry, back_steps);
  group("Control page.");
  OFFSET("CONTROL_VERSION_LOCK", ControlPage, version_lock);
  OFFSET("CONTROL_PROCESS_ID", ControlPage, process_id);
  OFFSET("CONTROL_STATE", ControlPage, state);
  OFFSET("CONTROL_DAY", ControlPage, day);
  OFFSET("CONTROL_PART", ControlPage, part);
  OFFSET("CONTROL_SEGMENT_ID", ControlPage, segment_id);
  OFFSET("CONTROL_FILE_OFFSET", ControlPage, file_offset);
  OFFSET("CONTROL_RECORD_COUNT", ControlPage, record_count);
  OFFSET("CONTROL_LAST_TS_RECV", ControlPage, last_ts_recv);
  OFFSET("CONTROL_APPENDED", ControlPage, appended);
  OFFSET("CONTROL_WRITTEN", ControlPage, written);
  OFFSET("CONTROL_DURABLE", ControlPage, durable);
  return 0;
}
