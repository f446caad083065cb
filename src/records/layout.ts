// Generated from native/format by native/format/print_layout.cpp (`npm run generate`). Do not edit.

// Cells, bytes and none values.
export const CELL_BYTES = 64
export const CELLS_PER_RECORD_MAX = 255
export const LEVEL_BYTES = 16
export const LEVELS_PER_CELL = 4
export const NONE_I64 = -9223372036854775808n
export const NONE_U64 = 18446744073709551615n
export const FRAME_NUMBER_BITS = 48
export const FORMAT_VERSION = 1
export const BLOCK_MAGIC = 826426964
export const INDEX_MAGIC = 827868756
export const CONTROL_MAGIC = 826492500
export const BLOCK_ALIGN = 4096
export const BLOCK_BYTES_MAX = 1048576
export const BLOCK_HEADER_BYTES = 64
export const BLOCK_PRODUCER_SHIFT = 8
export const INDEX_ENTRY_BYTES = 64

export const RecordType = {
  segment: 1,
  instrument: 2,
  connection: 3,
  trade: 4,
  quote: 5,
  book: 6,
  gap: 7,
  drop: 8,
  text: 9,
} as const
export type RecordType = (typeof RecordType)[keyof typeof RecordType]

export const Flag = {
  maybeBadBook: 4,
  badTsRecv: 8,
  snapshot: 32,
  top: 64,
  last: 128,
  buy: 256,
  sell: 512,
  extension: 1024,
  rest: 2048,
  backlog: 4096,
  copy: 8192,
  aggregate: 16384,
  checksum: 32768,
} as const
export type Flag = (typeof Flag)[keyof typeof Flag]

export const BlockFlag = {
  hasDefinitions: 1,
  hasGaps: 2,
  last: 4,
  hasMark: 8,
} as const
export type BlockFlag = (typeof BlockFlag)[keyof typeof BlockFlag]

export const TradeKind = {
  none: 0,
  market: 1,
  limit: 2,
  insuranceFund: 3,
  adl: 4,
  notApplicable: 5,
  other: 255,
} as const
export type TradeKind = (typeof TradeKind)[keyof typeof TradeKind]

export const PrintRule = {
  fixed: 0,
  minimal: 1,
} as const
export type PrintRule = (typeof PrintRule)[keyof typeof PrintRule]

export const Integrity = {
  none: 0,
  range: 1,
  previous: 2,
  connectionSequence: 3,
} as const
export type Integrity = (typeof Integrity)[keyof typeof Integrity]

export const ChecksumRule = {
  none: 0,
  kraken10: 1,
} as const
export type ChecksumRule = (typeof ChecksumRule)[keyof typeof ChecksumRule]

export const InstrumentKind = {
  unknown: 0,
  spot: 1,
  perpetual: 2,
  future: 3,
  option: 4,
} as const
export type InstrumentKind = (typeof InstrumentKind)[keyof typeof InstrumentKind]

export const ConnectionEvent = {
  open: 1,
  close: 2,
} as const
export type ConnectionEvent = (typeof ConnectionEvent)[keyof typeof ConnectionEvent]

export const GapCause = {
  none: 0,
  sequence: 1,
  checksum: 2,
  disconnect: 3,
  stale: 4,
  overflow: 5,
  uncleanStop: 6,
  venueNotice: 7,
  malformed: 8,
  corruptBlock: 9,
  stop: 10,
  writeError: 11,
  refused: 12,
  silent: 13,
} as const
export type GapCause = (typeof GapCause)[keyof typeof GapCause]

export const TextReason = {
  unparseable: 1,
  unmapped: 2,
  control: 3,
  unrepresentable: 4,
} as const
export type TextReason = (typeof TextReason)[keyof typeof TextReason]

export const RecorderState = {
  stopped: 0,
  recording: 1,
  failed: 2,
  diskFull: 3,
} as const
export type RecorderState = (typeof RecorderState)[keyof typeof RecorderState]

// Byte offsets from the start of a record. The head:
export const HEAD_CELLS = 0
export const HEAD_TYPE = 1
export const HEAD_FLAGS = 2
export const HEAD_INSTRUMENT = 4
export const HEAD_TS_RECV = 8
export const HEAD_TS_EVENT = 16
export const HEAD_FRAME = 24

// Trade.
export const TRADE_PRICE = 32
export const TRADE_SIZE = 40
export const TRADE_ID = 48
export const TRADE_SEQUENCE = 56
export const TRADE_TS_SENT = 64
export const TRADE_FIRST_ID = 72
export const TRADE_LAST_ID = 80
export const TRADE_BUYER_ORDER_ID = 88
export const TRADE_SELLER_ORDER_ID = 96
export const TRADE_KIND = 104
export const TRADE_ID_TEXT_LENGTH = 128
export const TRADE_ID_TEXT = 129

// Quote.
export const QUOTE_BID_PRICE = 32
export const QUOTE_BID_SIZE = 40
export const QUOTE_ASK_PRICE = 48
export const QUOTE_ASK_SIZE = 56
export const QUOTE_TS_SENT = 64
export const QUOTE_UPDATE_ID = 72
export const QUOTE_SEQUENCE = 80

// Book. Levels start at cell 1, or at cell 2 with Flag.extension.
export const BOOK_FIRST_UPDATE_ID = 32
export const BOOK_LAST_UPDATE_ID = 40
export const BOOK_PREVIOUS_UPDATE_ID = 48
export const BOOK_BID_COUNT = 56
export const BOOK_ASK_COUNT = 58
export const BOOK_CHECKSUM = 60
export const BOOK_TS_SENT = 64
export const BOOK_SEQUENCE = 72

// Instrument. Strings start at cell 1: venue, symbol, base, quote, adapter.
export const INSTRUMENT_PRICE_EXPONENT = 32
export const INSTRUMENT_SIZE_EXPONENT = 33
export const INSTRUMENT_PRICE_PRINT = 34
export const INSTRUMENT_SIZE_PRINT = 35
export const INSTRUMENT_INTEGRITY = 36
export const INSTRUMENT_CHECKSUM_RULE = 37
export const INSTRUMENT_BOOK_DEPTH = 38
export const INSTRUMENT_TICK_SIZE = 40
export const INSTRUMENT_LOT_SIZE = 48
export const INSTRUMENT_KIND = 56
export const INSTRUMENT_VENUE_LENGTH = 57
export const INSTRUMENT_SYMBOL_LENGTH = 58
export const INSTRUMENT_BASE_LENGTH = 59
export const INSTRUMENT_QUOTE_LENGTH = 60
export const INSTRUMENT_ADAPTER_LENGTH = 61

// Connection. Strings start at cell 1: venue, url, reason.
export const CONNECTION_EVENT = 32
export const CONNECTION_INTEGRITY = 33
export const CONNECTION_CLOSE_CODE = 34
export const CONNECTION_URL_LENGTH = 36
export const CONNECTION_REASON_LENGTH = 38
export const CONNECTION_VENUE_LENGTH = 40

// Gap.
export const GAP_EXPECTED_ID = 32
export const GAP_RECEIVED_ID = 40
export const GAP_TS_LAST_GOOD = 48
export const GAP_CAUSE = 56
export const GAP_RECORD_TYPE = 57

// Drop.
export const DROP_COUNT = 32
export const DROP_TS_FIRST = 40
export const DROP_CAUSE = 48
export const DROP_PRODUCER = 49

// Text. Bytes start at cell 1.
export const TEXT_REASON = 32
export const TEXT_BINARY = 33
export const TEXT_LENGTH = 34
export const TEXT_OFFSET = 36
export const TEXT_TOTAL_LENGTH = 40
export const TEXT_SEQUENCE = 48

// Segment. Strings start at cell 1: journal, writer.
export const SEGMENT_VERSION = 32
export const SEGMENT_JOURNAL_LENGTH = 34
export const SEGMENT_WRITER_LENGTH = 35
export const SEGMENT_PART = 36
export const SEGMENT_DAY = 40
export const SEGMENT_ID = 48

// Block header, from the start of a block.
export const BLOCK_FLAGS = 6
export const BLOCK_FIRST_RECORD = 24
export const BLOCK_MIN_TS_RECV = 32
export const BLOCK_MAX_TS_RECV = 40
export const BLOCK_RECORD_COUNT = 48
export const BLOCK_PAYLOAD_LENGTH = 52
export const BLOCK_PAYLOAD_CRC = 56

// Index entry.
export const INDEX_OFFSET = 0
export const INDEX_LENGTH = 8
export const INDEX_RECORD_COUNT = 12
export const INDEX_FIRST_RECORD = 16
export const INDEX_MIN_TS_RECV = 24
export const INDEX_MAX_TS_RECV = 32
export const INDEX_RUNNING_MAX_TS_RECV = 40
export const INDEX_FLAGS = 48
export const INDEX_BACK_STEPS = 52

// Control page.
export const CONTROL_VERSION_LOCK = 8
export const CONTROL_PROCESS_ID = 16
export const CONTROL_STATE = 20
export const CONTROL_DAY = 24
export const CONTROL_PART = 28
export const CONTROL_SEGMENT_ID = 32
export const CONTROL_FILE_OFFSET = 40
export const CONTROL_RECORD_COUNT = 48
export const CONTROL_LAST_TS_RECV = 56
export const CONTROL_APPENDED = 64
export const CONTROL_WRITTEN = 72
export const CONTROL_DURABLE = 80
