// Cells to plain objects, for tests: one DataView read a field, nothing shared with the readers of the product.

import * as L from '../../src/records/layout.ts'
import { decimalOf } from './decimals.ts'

export interface Level {
  price: bigint
  size: bigint
}

/** A record as it lies in memory: its head, and any field of it by its offset. */
export interface RawRecord {
  type: number
  flags: number
  instrument: number
  tsRecv: bigint
  tsEvent: bigint
  connection: number
  cells: number
  /** First word of the record in `words`, for code that reads levels in place. */
  at: number
  words: Int32Array
  u64: (offset: number) => bigint
  i64: (offset: number) => bigint
  u32: (offset: number) => number
  u16: (offset: number) => number
  u8: (offset: number) => number
  i8: (offset: number) => number
  text: (offset: number, length: number) => string
}

interface Head {
  flags: number
  instrument: number
  tsRecv: bigint
  /** Undefined where the record says "none"; the same of every field below. */
  tsEvent: bigint | undefined
  connection: number
  frame: bigint
}

export type DecodedRecord = Head &
  (
    | { type: 'instrument'; definition: DecodedDefinition }
    | { type: 'connection'; event: number; integrity: number; code: number; venue: string; url: string; reason: string }
    | { type: 'trade'; trade: DecodedTrade }
    | { type: 'quote'; quote: DecodedQuote }
    | { type: 'book'; book: DecodedBook }
    | {
        type: 'gap'
        expected: bigint | undefined
        received: bigint | undefined
        tsLastGood: bigint
        cause: number
        recordType: number
      }
    | {
        type: 'text'
        reason: number
        binary: boolean
        offset: number
        totalLength: number
        sequence: bigint | undefined
        text: string
      }
  )

export interface DecodedDefinition {
  number: number
  venue: string
  symbol: string
  base: string
  quote: string
  adapter: string
  priceDecimals: number
  sizeDecimals: number
  pricePrint: number
  integrity: L.Integrity
  checksumRule: number
  bookDepth: number
  kind: number
  tickSize: bigint
  lotSize: bigint
}

export interface DecodedTrade {
  price: bigint
  size: bigint
  id: bigint | undefined
  sequence: bigint | undefined
  tsSent?: bigint | undefined
  firstId?: bigint | undefined
  lastId?: bigint | undefined
  buyerOrderId?: bigint | undefined
  sellerOrderId?: bigint | undefined
  kind?: number
}

export interface DecodedQuote {
  bidPrice: bigint | undefined
  bidSize: bigint | undefined
  askPrice: bigint | undefined
  askSize: bigint | undefined
  tsSent?: bigint | undefined
  updateId?: bigint | undefined
  sequence?: bigint | undefined
}

export interface DecodedBook {
  first: bigint | undefined
  last: bigint | undefined
  previous: bigint | undefined
  checksum: number
  tsSent?: bigint | undefined
  sequence?: bigint | undefined
  bids: Level[]
  asks: Level[]
}

/** Takes cells apart into whole records; throws on a size that cannot be. */
export function rawRecords(cells: Uint8Array): RawRecord[] {
  const view = new DataView(cells.buffer, cells.byteOffset, cells.byteLength)
  const words = new Int32Array(cells.buffer, cells.byteOffset, cells.byteLength / 4)
  const records: RawRecord[] = []
  for (let start = 0; start < cells.length; ) {
    const base = start
    const count = view.getUint8(base + L.HEAD_CELLS)
    const size = count * L.CELL_BYTES
    if (size === 0 || base + size > cells.length)
      throw new Error(`a record at ${base} has ${size} bytes of ${cells.length - base}`)
    records.push({
      type: view.getUint8(base + L.HEAD_TYPE),
      flags: view.getUint16(base + L.HEAD_FLAGS, true),
      instrument: view.getUint32(base + L.HEAD_INSTRUMENT, true),
      tsRecv: view.getBigInt64(base + L.HEAD_TS_RECV, true),
      tsEvent: view.getBigInt64(base + L.HEAD_TS_EVENT, true),
      connection: view.getUint16(base + L.HEAD_FRAME + 6, true),
      cells: count,
      at: base / 4,
      words,
      u64: (offset) => view.getBigUint64(base + offset, true),
      i64: (offset) => view.getBigInt64(base + offset, true),
      u32: (offset) => view.getUint32(base + offset, true),
      u16: (offset) => view.getUint16(base + offset, true),
      u8: (offset) => view.getUint8(base + offset),
      i8: (offset) => view.getInt8(base + offset),
      text: (offset, length) => Buffer.from(cells.subarray(base + offset, base + offset + length)).toString('utf8'),
    })
    start += size
  }
  return records
}

/** Decodes whole records; throws on a type or a size that cannot be. */
export function decodeCells(cells: Uint8Array): DecodedRecord[] {
  return rawRecords(cells).map(decodeRecord)
}

/** The records of one type. */
export function ofType<Type extends DecodedRecord['type']>(
  records: readonly DecodedRecord[],
  type: Type,
): Extract<DecodedRecord, { type: Type }>[] {
  return records.filter((record): record is Extract<DecodedRecord, { type: Type }> => record.type === type)
}

/** Looks up definitions as a reader would: the newest record with that number. Returns prices and sizes as text. */
export class Definitions {
  readonly #definitions = new Map<number, DecodedDefinition>()

  constructor(records: readonly DecodedRecord[] = []) {
    for (const record of records) this.take(record)
  }

  take(record: DecodedRecord): void {
    if (record.type === 'instrument') this.#definitions.set(record.instrument, record.definition)
  }

  of(record: DecodedRecord): DecodedDefinition {
    const definition = this.#definitions.get(record.instrument)
    if (definition === undefined) throw new Error(`there is no definition ${record.instrument} before a ${record.type}`)
    return definition
  }

  price(record: DecodedRecord, mantissa: bigint | undefined): string {
    return decimalOf(mantissa, this.of(record).priceDecimals)
  }

  size(record: DecodedRecord, mantissa: bigint | undefined): string {
    return decimalOf(mantissa, this.of(record).sizeDecimals)
  }

  levels(record: DecodedRecord, levels: readonly Level[]): [string, string][] {
    return levels.map(({ price, size }) => [this.price(record, price), this.size(record, size)])
  }
}

function decodeRecord(record: RawRecord): DecodedRecord {
  const frame = record.u64(L.HEAD_FRAME)
  const head: Head = {
    flags: record.flags,
    instrument: record.instrument,
    tsRecv: record.tsRecv,
    tsEvent: signed(record, L.HEAD_TS_EVENT),
    connection: record.connection,
    frame: frame & ((1n << BigInt(L.FRAME_NUMBER_BITS)) - 1n),
  }
  const extended = (head.flags & L.Flag.extension) !== 0
  switch (record.type) {
    case L.RecordType.instrument:
      return { ...head, type: 'instrument', definition: decodeDefinition(record) }
    case L.RecordType.connection:
      return { ...head, type: 'connection', ...decodeConnection(record) }
    case L.RecordType.trade:
      return { ...head, type: 'trade', trade: decodeTrade(record, extended) }
    case L.RecordType.quote:
      return { ...head, type: 'quote', quote: decodeQuote(record, extended) }
    case L.RecordType.book:
      return { ...head, type: 'book', book: decodeBook(record, extended) }
    case L.RecordType.gap:
      return {
        ...head,
        type: 'gap',
        expected: unsigned(record, L.GAP_EXPECTED_ID),
        received: unsigned(record, L.GAP_RECEIVED_ID),
        tsLastGood: record.i64(L.GAP_TS_LAST_GOOD),
        cause: record.u8(L.GAP_CAUSE),
        recordType: record.u8(L.GAP_RECORD_TYPE),
      }
    case L.RecordType.text:
      return {
        ...head,
        type: 'text',
        reason: record.u8(L.TEXT_REASON),
        binary: record.u8(L.TEXT_BINARY) === 1,
        offset: record.u32(L.TEXT_OFFSET),
        totalLength: record.u32(L.TEXT_TOTAL_LENGTH),
        sequence: unsigned(record, L.TEXT_SEQUENCE),
        text: strings(record, [record.u16(L.TEXT_LENGTH)])[0] as string,
      }
    default:
      throw new Error(`there is no record type ${record.type}`)
  }
}

export function decodeDefinition(record: RawRecord): DecodedDefinition {
  const lengths = [
    L.INSTRUMENT_VENUE_LENGTH,
    L.INSTRUMENT_SYMBOL_LENGTH,
    L.INSTRUMENT_BASE_LENGTH,
    L.INSTRUMENT_QUOTE_LENGTH,
    L.INSTRUMENT_ADAPTER_LENGTH,
  ].map((offset) => record.u8(offset))
  const [venue, symbol, base, quote, adapter] = strings(record, lengths) as [string, string, string, string, string]
  return {
    number: record.instrument,
    venue,
    symbol,
    base,
    quote,
    adapter,
    priceDecimals: 0 - record.i8(L.INSTRUMENT_PRICE_EXPONENT),
    sizeDecimals: 0 - record.i8(L.INSTRUMENT_SIZE_EXPONENT),
    pricePrint: record.u8(L.INSTRUMENT_PRICE_PRINT),
    integrity: record.u8(L.INSTRUMENT_INTEGRITY) as L.Integrity,
    checksumRule: record.u8(L.INSTRUMENT_CHECKSUM_RULE),
    bookDepth: record.u16(L.INSTRUMENT_BOOK_DEPTH),
    kind: record.u8(L.INSTRUMENT_KIND),
    tickSize: record.i64(L.INSTRUMENT_TICK_SIZE),
    lotSize: record.i64(L.INSTRUMENT_LOT_SIZE),
  }
}

function decodeConnection(record: RawRecord) {
  const lengths = [
    record.u8(L.CONNECTION_VENUE_LENGTH),
    record.u16(L.CONNECTION_URL_LENGTH),
    record.u16(L.CONNECTION_REASON_LENGTH),
  ]
  const [venue, url, reason] = strings(record, lengths) as [string, string, string]
  const code = record.u16(L.CONNECTION_CLOSE_CODE)
  return {
    event: record.u8(L.CONNECTION_EVENT),
    integrity: record.u8(L.CONNECTION_INTEGRITY),
    code,
    venue,
    url,
    reason,
  }
}

function decodeTrade(record: RawRecord, extended: boolean): DecodedTrade {
  const trade: DecodedTrade = {
    price: record.i64(L.TRADE_PRICE),
    size: record.i64(L.TRADE_SIZE),
    id: unsigned(record, L.TRADE_ID),
    sequence: unsigned(record, L.TRADE_SEQUENCE),
  }
  if (!extended) return trade
  return {
    ...trade,
    tsSent: signed(record, L.TRADE_TS_SENT),
    firstId: unsigned(record, L.TRADE_FIRST_ID),
    lastId: unsigned(record, L.TRADE_LAST_ID),
    buyerOrderId: unsigned(record, L.TRADE_BUYER_ORDER_ID),
    sellerOrderId: unsigned(record, L.TRADE_SELLER_ORDER_ID),
    kind: record.u8(L.TRADE_KIND),
  }
}

function decodeQuote(record: RawRecord, extended: boolean): DecodedQuote {
  const quote: DecodedQuote = {
    bidPrice: signed(record, L.QUOTE_BID_PRICE),
    bidSize: signed(record, L.QUOTE_BID_SIZE),
    askPrice: signed(record, L.QUOTE_ASK_PRICE),
    askSize: signed(record, L.QUOTE_ASK_SIZE),
  }
  if (!extended) return quote
  return {
    ...quote,
    tsSent: signed(record, L.QUOTE_TS_SENT),
    updateId: unsigned(record, L.QUOTE_UPDATE_ID),
    sequence: unsigned(record, L.QUOTE_SEQUENCE),
  }
}

/** Byte offset of a book record's first level. */
export function levelsAt(record: RawRecord): number {
  return L.CELL_BYTES * ((record.flags & L.Flag.extension) !== 0 ? 2 : 1)
}

export function levels(record: RawRecord): { bids: Level[]; asks: Level[] } {
  const bidCount = record.u16(L.BOOK_BID_COUNT)
  const all = Array.from({ length: bidCount + record.u16(L.BOOK_ASK_COUNT) }, (_, i) => {
    const offset = levelsAt(record) + i * L.LEVEL_BYTES
    return { price: record.i64(offset), size: record.i64(offset + 8) }
  })
  return { bids: all.slice(0, bidCount), asks: all.slice(bidCount) }
}

function decodeBook(record: RawRecord, extended: boolean): DecodedBook {
  return {
    first: unsigned(record, L.BOOK_FIRST_UPDATE_ID),
    last: unsigned(record, L.BOOK_LAST_UPDATE_ID),
    previous: unsigned(record, L.BOOK_PREVIOUS_UPDATE_ID),
    checksum: record.u32(L.BOOK_CHECKSUM),
    ...(extended ? { tsSent: signed(record, L.BOOK_TS_SENT), sequence: unsigned(record, L.BOOK_SEQUENCE) } : {}),
    ...levels(record),
  }
}

function signed(record: RawRecord, offset: number): bigint | undefined {
  const value = record.i64(offset)
  return value === L.NONE_I64 ? undefined : value
}

function unsigned(record: RawRecord, offset: number): bigint | undefined {
  const value = record.u64(offset)
  return value === L.NONE_U64 ? undefined : value
}

/** Strings one after the other from cell 1 on. */
function strings(record: RawRecord, lengths: readonly number[]): string[] {
  let from: number = L.CELL_BYTES
  return lengths.map((length) => {
    const text = record.text(from, length)
    from += length
    return text
  })
}
