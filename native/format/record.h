// Bytes of a record (docs/FORMAT.md, section "Record"). Little-endian, 64-byte cells, no implicit padding.
//
// A record is `cells` consecutive 64-byte cells. The first cell is a 32-byte head followed by 32 bytes of payload;
// what does not fit follows in further cells. Every struct below is the exact layout: it may be laid over mapped
// memory, and src/records/layout.ts is printed from it by print_layout.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace tickforge {

inline constexpr std::size_t kCellBytes = 64;
inline constexpr std::size_t kCellsPerRecordMax = 255;

/// "The venue gave none" for a time or a price.
inline constexpr std::int64_t kNoneI64 = std::numeric_limits<std::int64_t>::min();
/// "The venue gave none" for an id or a sequence number; 0 is a valid value of both.
inline constexpr std::uint64_t kNoneU64 = std::numeric_limits<std::uint64_t>::max();

/// Type numbers are never reused. 10 to 22 are reserved for records that later format-compatible writers add;
/// a reader skips a type that it does not know by its cell count. Producers may publish 2 to 254.
enum class RecordType : std::uint8_t {
  kInvalid = 0,
  kSegment = 1,
  kInstrument = 2,
  kConnection = 3,
  kTrade = 4,
  kQuote = 5,
  kBook = 6,
  kGap = 7,
  kDrop = 8,
  kText = 9,
  kOrder = 10,         // reserved: one order of a full-depth (L3) book
  kDerivative = 11,    // reserved: funding, mark, index, open interest
  kOption = 12,        // reserved: implied volatilities and greeks
  kLiquidation = 13,   // reserved
  kCandle = 14,        // reserved
  kStatus = 15,        // reserved: trading status of an instrument
  kRaw = 16,           // reserved: every frame's own bytes
  kSubscription = 17,  // reserved
  kHeartbeat = 18,     // reserved
  kClock = 19,         // reserved: offset and error of the receive clock
  kCheckpoint = 20,    // reserved: a whole book, for seeking
  kResync = 21,        // reserved
  kBookOrders = 22,    // reserved: book levels with order counts
  kMark = 255,         // the writer's, for its own recovery
};

/// Flags of the head. The low byte keeps the values of Databento's DBN flags where the meaning is the same.
enum RecordFlag : std::uint16_t {
  kFlagMaybeBadBook = 0x0004,  // a gap is open: the book built from this may be wrong
  kFlagBadTsRecv = 0x0008,     // ts_recv is not a clock reading of ours (an import without one)
  kFlagSnapshot = 0x0020,      // a whole book or state, not a change
  kFlagTop = 0x0040,           // only the best levels, beside the book that changes build
  kFlagLast = 0x0080,          // last record of one venue event; unset on all but the last part of a split one
  kFlagBuy = 0x0100,           // aggressor side of a trade is the buyer
  kFlagSell = 0x0200,          // aggressor side of a trade is the seller
  kFlagExtension = 0x0400,     // the cell after the head is the type's extension cell
  kFlagRest = 0x0800,          // from a REST answer, not from the stream
  kFlagBacklog = 0x1000,       // history that the venue sent on subscription
  kFlagCopy = 0x2000,          // says what the log says already: a definition at the start of a segment, a mark
  kFlagAggregate = 0x4000,     // one trade record stands for several matches
  kFlagChecksum = 0x8000,      // `checksum` of a book record holds the venue's own
};

struct RecordHead {
  std::uint8_t cells;
  std::uint8_t type;
  std::uint16_t flags;
  std::uint32_t instrument;  // number of an instrument record of the same segment; 0 = none
  std::int64_t ts_recv;      // ns since the epoch, UTC, stamped once at the socket
  std::int64_t ts_event;     // ns, the venue's; kNoneI64 = the venue gave none
  std::uint64_t frame;       // connection number in the high 16 bits, frame number in the low 48
};
static_assert(sizeof(RecordHead) == 32);
static_assert(offsetof(RecordHead, ts_recv) == 8);

inline constexpr unsigned kFrameNumberBits = 48;
inline constexpr std::uint64_t kFrameNumberMask = (std::uint64_t{1} << kFrameNumberBits) - 1;

/// What RecordHead::frame holds.
constexpr std::uint64_t frame_of(std::uint16_t connection, std::uint64_t frame) {
  return std::uint64_t{connection} << kFrameNumberBits | (frame & kFrameNumberMask);
}

/// Of a record that is the last of its event, to which no venue gave a time.
constexpr RecordHead make_head(RecordType type, std::int64_t ts_recv, std::size_t cells = 1, std::uint64_t frame = 0) {
  RecordHead head{};
  head.cells = static_cast<std::uint8_t>(cells);
  head.type = static_cast<std::uint8_t>(type);
  head.flags = kFlagLast;
  head.ts_recv = ts_recv;
  head.ts_event = kNoneI64;
  head.frame = frame;
  return head;
}

struct Trade {
  RecordHead head;
  std::int64_t price;       // mantissa at the instrument's price exponent
  std::int64_t size;        // mantissa at the instrument's size exponent
  std::uint64_t trade_id;   // kNoneU64 when the id is text (cell 2)
  std::uint64_t sequence;   // the venue's sequence number of this trade or of its frame
};
static_assert(sizeof(Trade) == kCellBytes);
static_assert(std::has_unique_object_representations_v<Trade>);

enum class TradeKind : std::uint8_t {
  kNone = 0,  // the venue says nothing
  kMarket = 1,
  kLimit = 2,
  kInsuranceFund = 3,
  kAdl = 4,
  kNotApplicable = 5,
  kOther = 255,  // the venue says something else; its words are in a text record of the same frame
};

/// Cell 1 of a trade with kFlagExtension. Cell 2, if there is one, is an id that does not fit 64 bits: IdText.
struct TradeExtension {
  std::int64_t ts_sent;             // ns, when the venue sent the frame; kNoneI64 = not given
  std::uint64_t first_trade_id;     // of an aggregate
  std::uint64_t last_trade_id;
  std::uint64_t buyer_order_id;
  std::uint64_t seller_order_id;
  std::uint8_t kind;                // TradeKind
  std::uint8_t reserved[23];
};
static_assert(sizeof(TradeExtension) == kCellBytes);

struct IdText {
  std::uint8_t length;
  char text[63];
};
static_assert(sizeof(IdText) == kCellBytes);

struct Quote {
  RecordHead head;
  std::int64_t bid_price;  // kNoneI64 = the side is empty
  std::int64_t bid_size;
  std::int64_t ask_price;
  std::int64_t ask_size;
};
static_assert(sizeof(Quote) == kCellBytes);

/// Cell 1 of a quote with kFlagExtension.
struct QuoteExtension {
  std::int64_t ts_sent;
  std::uint64_t update_id;
  std::uint64_t sequence;
  std::uint8_t reserved[40];
};
static_assert(sizeof(QuoteExtension) == kCellBytes);

/// Followed by an optional BookExtension, then `bid_count` bid and `ask_count` ask levels, four a cell, zero-padded.
struct Book {
  RecordHead head;
  std::uint64_t first_update_id;
  std::uint64_t last_update_id;
  std::uint64_t previous_update_id;
  std::uint16_t bid_count;
  std::uint16_t ask_count;
  std::uint32_t checksum;  // valid with kFlagChecksum
};
static_assert(sizeof(Book) == kCellBytes);

struct BookExtension {
  std::int64_t ts_sent;
  std::uint64_t sequence;
  std::uint8_t reserved[48];
};
static_assert(sizeof(BookExtension) == kCellBytes);

/// In an update, `size` is the new total at `price`; 0 removes the level.
struct Level {
  std::int64_t price;
  std::int64_t size;
};
static_assert(sizeof(Level) == 16);
inline constexpr std::size_t kLevelsPerCell = kCellBytes / sizeof(Level);

enum class PrintRule : std::uint8_t {
  kFixed = 0,    // exactly as many decimals as the exponent says: 0.00560000
  kMinimal = 1,  // no trailing zeros, no trailing point: 0.0056
};

/// How consecutive updates of a venue prove that none is missing (docs/FORMAT.md, section "Continuity").
enum class Integrity : std::uint8_t {
  kNone = 0,
  kRange = 1,               // first_update_id == last_update_id of the update before, plus 1
  kPrevious = 2,            // previous_update_id == last_update_id of the update before
  kConnectionSequence = 3,  // every frame of a connection carries the number of the frame before, plus 1
};

enum class ChecksumRule : std::uint8_t {
  kNone = 0,
  kKraken10 = 1,  // CRC-32 (IEEE) over the ten best asks, then the ten best bids
};

enum class InstrumentKind : std::uint8_t { kUnknown = 0, kSpot = 1, kPerpetual = 2, kFuture = 3, kOption = 4 };

/// A dated definition: it holds for every later record of the segment with this `instrument` number. Whatever
/// changes gets a new number. Strings follow in cell 1 and on, UTF-8, in the order of their length fields.
struct Instrument {
  RecordHead head;
  std::int8_t price_exponent;  // price = mantissa * 10^price_exponent
  std::int8_t size_exponent;
  std::uint8_t price_print;    // PrintRule
  std::uint8_t size_print;     // PrintRule
  std::uint8_t integrity;      // Integrity
  std::uint8_t checksum_rule;  // ChecksumRule
  std::uint16_t book_depth;    // levels a side that the venue keeps up to date; 0 = all
  std::int64_t tick_size;      // at price_exponent; 0 = not known
  std::int64_t lot_size;       // at size_exponent; 0 = not known
  std::uint8_t kind;           // InstrumentKind
  std::uint8_t venue_length;
  std::uint8_t symbol_length;
  std::uint8_t base_length;
  std::uint8_t quote_length;
  std::uint8_t adapter_length;
  std::uint8_t reserved[2];
};
static_assert(sizeof(Instrument) == kCellBytes);

enum class ConnectionEvent : std::uint8_t { kOpen = 1, kClose = 2 };

/// Strings follow in cell 1 and on: venue, url, reason.
struct Connection {
  RecordHead head;
  std::uint8_t event;      // ConnectionEvent
  std::uint8_t integrity;  // Integrity of the connection itself
  std::uint16_t close_code;
  std::uint16_t url_length;
  std::uint16_t reason_length;
  std::uint8_t venue_length;
  std::uint8_t reserved[23];
};
static_assert(sizeof(Connection) == kCellBytes);

enum class GapCause : std::uint8_t {
  kNone = 0,
  kSequence = 1,      // update or sequence numbers are missing
  kChecksum = 2,      // the book built from the updates fails the venue's checksum
  kDisconnect = 3,    // the connection was lost
  kStale = 4,         // the venue fell silent and the connection was given up
  kOverflow = 5,      // we could not keep up
  kUncleanStop = 6,   // the recorder ended without closing its segment
  kVenueNotice = 7,   // the venue said so
  kMalformed = 8,     // a frame could not be read
  kCorruptBlock = 9,  // made by a reader in place of blocks that fail their CRC; never on disk
  kStop = 10,         // the recorder was stopped in order and started again
  kWriteError = 11,   // a write or a sync failed: of the part before, records from expected_id on do not count
  kRefused = 12,      // the venue refused the subscription; breaks no book and no numbers
  kSilent = 13,       // a subscription delivered nothing; breaks no book and no numbers
};

/// Something is missing between `ts_last_good` and the head's ts_recv, for `instrument` (0 = all of the connection,
/// or of the journal when `frame` is 0 too).
struct Gap {
  RecordHead head;
  std::uint64_t expected_id;
  std::uint64_t received_id;
  std::int64_t ts_last_good;
  std::uint8_t cause;        // GapCause
  std::uint8_t record_type;  // RecordType that is missing; 0 = all
  std::uint8_t reserved[6];
};
static_assert(sizeof(Gap) == kCellBytes);

/// Records that were refused, from `ts_first` to the head's ts_recv.
struct Drop {
  RecordHead head;
  std::uint64_t count;
  std::int64_t ts_first;
  std::uint8_t cause;     // GapCause
  std::uint8_t producer;  // the writer says it for this producer, which is gone; 0 = whoever dropped says it
  std::uint8_t reserved[14];
};
static_assert(sizeof(Drop) == kCellBytes);

enum class TextReason : std::uint8_t {
  kUnparseable = 1,      // not what the venue documents; counted as rejected
  kUnmapped = 2,         // a channel or message that this version has no record for
  kControl = 3,          // acknowledgements, heartbeats, status messages
  kUnrepresentable = 4,  // a number that no exponent fits into 64 bits; counted as rejected
};

/// A frame kept as the venue sent it, `length` bytes in cell 1 and on. A long one is split: `offset` counts up,
/// kFlagLast ends it.
struct Text {
  RecordHead head;
  std::uint8_t reason;  // TextReason
  std::uint8_t binary;  // 1 = the frame was a binary one
  std::uint16_t length;
  std::uint32_t offset;
  std::uint32_t total_length;
  std::uint32_t reserved;
  std::uint64_t sequence;  // of a venue that numbers every frame
  std::uint64_t reserved2;
};
static_assert(sizeof(Text) == kCellBytes);

/// What a recovery would otherwise have to gather from every block in front of this one.
struct Mark {
  RecordHead head;
  std::uint64_t missing_records;  // numbers in front of it that its writer found no record for, where blocks were damaged
  std::uint32_t last_instrument;  // at least the number of every definition in the blocks in front of it
  std::uint8_t reserved[20];
};
static_assert(sizeof(Mark) == kCellBytes);

/// First record of block 0. Strings follow in cell 1 and on: journal, writer.
struct Segment {
  RecordHead head;             // ts_recv = when the segment was created
  std::uint16_t version;       // kFormatVersion
  std::uint8_t journal_length;
  std::uint8_t writer_length;
  std::uint32_t part;          // number within the day
  std::int32_t day;            // days since 1970-01-01, of receive time, UTC
  std::uint32_t reserved;
  std::uint64_t segment_id;    // random; every block repeats it
  std::uint64_t reserved2;
};
static_assert(sizeof(Segment) == kCellBytes);

}  // namespace tickforge
