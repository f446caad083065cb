// Cells to plain objects, for tests: one DataView read a field, nothing shared with the readers of the product.

import * as L from '../../src/records/layout.ts'
import { decimalOf } from './decimals.ts'

export interface Level {
  price: bigint
  size: bigint
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
  venue: string
  symbol: string
  base: string
  quote: string
  adapter: string
  priceDecimals: number
  sizeDecimals: number
  integrity: number
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

/** Decodes whole records; throws on a type or a size that cannot be. */
export function decodeCells(cells: Uint8Array): DecodedRecord[] {
  const records: DecodedRecord[] = []
  for (let at = 0; at < cells.length; ) {
    const size = (cells[at + L.HEAD_CELLS] as number) * L.CELL_BYTES
    if (size === 0 || at + size > cells.length)
      throw new Error(`a record at ${at} has ${size} bytes of ${cells.length - at}`)
    records.push(decodeRecord(new DataView(cells.buffer, cells.byteOffset + at, size)))
    at += size
  }
  return records
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

function decodeRecord(view: DataView): DecodedRecord {
  const frame = view.getBigUint64(L.HEAD_FRAME, true)
  const head: Head = {
    flags: view.getUint16(L.HEAD_FLAGS, true),
    instrument: view.getUint32(L.HEAD_INSTRUMENT, true),
    tsRecv: view.getBigInt64(L.HEAD_TS_RECV, true),
    tsEvent: signed(view, L.HEAD_TS_EVENT),
    connection: Number(frame >> BigInt(L.FRAME_NUMBER_BITS)),
    frame: frame & ((1n << BigInt(L.FRAME_NUMBER_BITS)) - 1n),
  }
  const extended = (head.flags & L.Flag.extension) !== 0
  switch (view.getUint8(L.HEAD_TYPE)) {
    case L.RecordType.instrument:
      return { ...head, type: 'instrument', definition: decodeDefinition(view) }
    case L.RecordType.connection:
      return { ...head, type: 'connection', ...decodeConnection(view) }
    case L.RecordType.trade:
      return { ...head, type: 'trade', trade: decodeTrade(view, extended) }
    case L.RecordType.quote:
      return { ...head, type: 'quote', quote: decodeQuote(view, extended) }
    case L.RecordType.book:
      return { ...head, type: 'book', book: decodeBook(view, extended) }
    case L.RecordType.gap:
      return {
        ...head,
        type: 'gap',
        expected: unsigned(view, L.GAP_EXPECTED_ID),
        received: unsigned(view, L.GAP_RECEIVED_ID),
        tsLastGood: view.getBigInt64(L.GAP_TS_LAST_GOOD, true),
        cause: view.getUint8(L.GAP_CAUSE),
        recordType: view.getUint8(L.GAP_RECORD_TYPE),
      }
    case L.RecordType.text:
      return {
        ...head,
        type: 'text',
        reason: view.getUint8(L.TEXT_REASON),
        binary: view.getUint8(L.TEXT_BINARY) === 1,
        offset: view.getUint32(L.TEXT_OFFSET, true),
        totalLength: view.getUint32(L.TEXT_TOTAL_LENGTH, true),
        sequence: unsigned(view, L.TEXT_SEQUENCE),
        text: strings(view, [view.getUint16(L.TEXT_LENGTH, true)])[0] as string,
      }
    default:
      throw new Error(`there is no record type ${view.getUint8(L.HEAD_TYPE)}`)
  }
}

function decodeDefinition(view: DataView): DecodedDefinition {
  const lengths = [
    L.INSTRUMENT_VENUE_LENGTH,
    L.INSTRUMENT_SYMBOL_LENGTH,
    L.INSTRUMENT_BASE_LENGTH,
    L.INSTRUMENT_QUOTE_LENGTH,
    L.INSTRUMENT_ADAPTER_LENGTH,
  ].map((offset) => view.getUint8(offset))
  const [venue, symbol, base, quote, adapter] = strings(view, lengths) as [string, string, string, string, string]
  return {
    venue,
    symbol,
    base,
    quote,
    adapter,
    priceDecimals: 0 - view.getInt8(L.INSTRUMENT_PRICE_EXPONENT),
    sizeDecimals: 0 - view.getInt8(L.INSTRUMENT_SIZE_EXPONENT),
    integrity: view.getUint8(L.INSTRUMENT_INTEGRITY),
    kind: view.getUint8(L.INSTRUMENT_KIND),
    tickSize: view.getBigInt64(L.INSTRUMENT_TICK_SIZE, true),
    lotSize: view.getBigInt64(L.INSTRUMENT_LOT_SIZE, true),
  }
}

function decodeConnection(view: DataView) {
  const lengths = [
    view.getUint8(L.CONNECTION_VENUE_LENGTH),
    view.getUint16(L.CONNECTION_URL_LENGTH, true),
    view.getUint16(L.CONNECTION_REASON_LENGTH, true),
  ]
  const [venue, url, reason] = strings(view, lengths) as [string, string, string]
  const code = view.getUint16(L.CONNECTION_CLOSE_CODE, true)
  return {
    event: view.getUint8(L.CONNECTION_EVENT),
    integrity: view.getUint8(L.CONNECTION_INTEGRITY),
    code,
    venue,
    url,
    reason,
  }
}

function decodeTrade(view: DataView, extended: boolean): DecodedTrade {
  const trade: DecodedTrade = {
    price: view.getBigInt64(L.TRADE_PRICE, true),
    size: view.getBigInt64(L.TRADE_SIZE, true),
    id: unsigned(view, L.TRADE_ID),
    sequence: unsigned(view, L.TRADE_SEQUENCE),
  }
  if (!extended) return trade
  return {
    ...trade,
    tsSent: signed(view, L.TRADE_TS_SENT),
    firstId: unsigned(view, L.TRADE_FIRST_ID),
    lastId: unsigned(view, L.TRADE_LAST_ID),
    buyerOrderId: unsigned(view, L.TRADE_BUYER_ORDER_ID),
    sellerOrderId: unsigned(view, L.TRADE_SELLER_ORDER_ID),
    kind: view.getUint8(L.TRADE_KIND),
  }
}

function decodeQuote(view: DataView, extended: boolean): DecodedQuote {
  const quote: DecodedQuote = {
    bidPrice: signed(view, L.QUOTE_BID_PRICE),
    bidSize: signed(view, L.QUOTE_BID_SIZE),
    askPrice: signed(view, L.QUOTE_ASK_PRICE),
    askSize: signed(view, L.QUOTE_ASK_SIZE),
  }
  if (!extended) return quote
  return {
    ...quote,
    tsSent: signed(view, L.QUOTE_TS_SENT),
    updateId: unsigned(view, L.QUOTE_UPDATE_ID),
    sequence: unsigned(view, L.QUOTE_SEQUENCE),
  }
}

function decodeBook(view: DataView, extended: boolean): DecodedBook {
  const start = L.CELL_BYTES * (extended ? 2 : 1)
  const bidCount = view.getUint16(L.BOOK_BID_COUNT, true)
  const askCount = view.getUint16(L.BOOK_ASK_COUNT, true)
  const levels = Array.from({ length: bidCount + askCount }, (_, i) => ({
    price: view.getBigInt64(start + i * L.LEVEL_BYTES, true),
    size: view.getBigInt64(start + i * L.LEVEL_BYTES + 8, true),
  }))
  return {
    first: unsigned(view, L.BOOK_FIRST_UPDATE_ID),
    last: unsigned(view, L.BOOK_LAST_UPDATE_ID),
    previous: unsigned(view, L.BOOK_PREVIOUS_UPDATE_ID),
    checksum: view.getUint32(L.BOOK_CHECKSUM, true),
    ...(extended ? { tsSent: signed(view, L.BOOK_TS_SENT), sequence: unsigned(view, L.BOOK_SEQUENCE) } : {}),
    bids: levels.slice(0, bidCount),
    asks: levels.slice(bidCount),
  }
}

function signed(view: DataView, offset: number): bigint | undefined {
  const value = view.getBigInt64(offset, true)
  return value === L.NONE_I64 ? undefined : value
}

function unsigned(view: DataView, offset: number): bigint | undefined {
  const value = view.getBigUint64(offset, true)
  return value === L.NONE_U64 ? undefined : value
}

/** Strings one after the other from cell 1 on. */
function strings(view: DataView, lengths: readonly number[]): string[] {
  let from = view.byteOffset + L.CELL_BYTES
  return lengths.map((length) => {
    const text = Buffer.from(view.buffer as ArrayBuffer, from, length).toString('utf8')
    from += length
    return text
  })
}
