// Decodes cells for tests, field by field from the layout, and feeds a venue's normaliser with hand-written frames.
import { expect } from 'vitest'
import type { Adapter, Normalizer } from '../../src/feeds/feed.ts'
import { BufferMemory, CellWriter } from '../../src/records/cell-writer.ts'
import * as L from '../../src/records/layout.ts'

export interface Level {
  price: bigint
  size: bigint
}

export interface Decoded {
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
  /** Payload by field name. */
  u64: (offset: number) => bigint
  i64: (offset: number) => bigint
  u32: (offset: number) => number
  u16: (offset: number) => number
  u8: (offset: number) => number
  i8: (offset: number) => number
  text: (offset: number, length: number) => string
}

export function decode(cells: Uint8Array): Decoded[] {
  const view = new DataView(cells.buffer, cells.byteOffset, cells.byteLength)
  const words = new Int32Array(cells.buffer, cells.byteOffset, cells.byteLength / 4)
  const records: Decoded[] = []
  for (let start = 0; start < cells.length; ) {
    const base = start
    const count = view.getUint8(base + L.HEAD_CELLS)
    expect(count).toBeGreaterThan(0)
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
    start += count * L.CELL_BYTES
  }
  return records
}

export function has(record: Decoded | undefined, flag: number): boolean {
  return record !== undefined && (record.flags & flag) !== 0
}

/** Byte offset of a book record's first level. */
export function levelsAt(record: Decoded): number {
  return L.CELL_BYTES * (has(record, L.Flag.extension) ? 2 : 1)
}

export function levels(record: Decoded): { bids: Level[]; asks: Level[] } {
  const bidCount = record.u16(L.BOOK_BID_COUNT)
  const askCount = record.u16(L.BOOK_ASK_COUNT)
  const all = Array.from({ length: bidCount + askCount }, (_, i) => {
    const offset = levelsAt(record) + i * L.LEVEL_BYTES
    return { price: record.i64(offset), size: record.i64(offset + 8) }
  })
  return { bids: all.slice(0, bidCount), asks: all.slice(bidCount) }
}

export interface DecodedDefinition {
  number: number
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
  tickSize: bigint
  lotSize: bigint
}

export function definition(record: Decoded): DecodedDefinition {
  const lengths = [
    L.INSTRUMENT_VENUE_LENGTH,
    L.INSTRUMENT_SYMBOL_LENGTH,
    L.INSTRUMENT_BASE_LENGTH,
    L.INSTRUMENT_QUOTE_LENGTH,
    L.INSTRUMENT_ADAPTER_LENGTH,
  ].map((offset) => record.u8(offset))
  let offset: number = L.CELL_BYTES
  const texts = lengths.map((length) => {
    const text = record.text(offset, length)
    offset += length
    return text
  })
  return {
    number: record.instrument,
    symbol: texts[1] as string,
    base: texts[2] as string,
    quote: texts[3] as string,
    adapter: texts[4] as string,
    priceDecimals: 0 - record.i8(L.INSTRUMENT_PRICE_EXPONENT),
    sizeDecimals: 0 - record.i8(L.INSTRUMENT_SIZE_EXPONENT),
    pricePrint: record.u8(L.INSTRUMENT_PRICE_PRINT),
    integrity: record.u8(L.INSTRUMENT_INTEGRITY) as L.Integrity,
    checksumRule: record.u8(L.INSTRUMENT_CHECKSUM_RULE),
    bookDepth: record.u16(L.INSTRUMENT_BOOK_DEPTH),
    tickSize: record.i64(L.INSTRUMENT_TICK_SIZE),
    lotSize: record.i64(L.INSTRUMENT_LOT_SIZE),
  }
}

/** Exact text of a mantissa. `fixed`: with all decimals; otherwise without trailing zeros. */
export function decimalText(mantissa: bigint, decimals: number, fixed: boolean): string {
  const sign = mantissa < 0n ? '-' : ''
  const digits = (mantissa < 0n ? -mantissa : mantissa).toString().padStart(decimals + 1, '0')
  const whole = digits.slice(0, digits.length - decimals)
  const fraction = decimals === 0 ? '' : digits.slice(-decimals)
  const kept = fixed ? fraction : fraction.replace(/0+$/, '')
  return sign + whole + (kept === '' ? '' : `.${kept}`)
}

/** A normaliser on memory of its own. The receive time counts up by one ns a frame. */
export class Bench {
  readonly memory = new BufferMemory()
  readonly warnings: string[] = []
  readonly normalizer: Normalizer
  readonly #stamp = { low: 0, high: 0 }
  #instruments = 0

  constructor(adapter: Adapter, venue: string) {
    this.normalizer = adapter.createNormalizer({
      venue,
      writer: new CellWriter(this.memory),
      stamp: this.#stamp,
      nextInstrument: () => ++this.#instruments,
      warn: (message) => this.warnings.push(message),
    })
  }

  opened(connection: number, url: string): void {
    this.#stamp.low++
    this.normalizer.opened(connection, url)
  }

  /** Feeds one frame, a text or an object to be printed, and returns the records that it made. */
  frame(connection: number, frame: unknown): Decoded[] {
    const before = this.memory.published
    this.#stamp.low++
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
    this.normalizer.frame(connection, Buffer.from(text), false)
    return this.#since(before)
  }

  rest(connection: number, path: string, body: unknown): Decoded[] {
    const before = this.memory.published
    this.#stamp.low++
    this.normalizer.rest(connection, path, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
    return this.#since(before)
  }

  all(): Decoded[] {
    return decode(this.memory.cells())
  }

  #since(cell: number): Decoded[] {
    return decode(this.memory.cells().slice(cell * L.CELL_BYTES))
  }
}

export function ofType(records: readonly Decoded[], type: number): Decoded[] {
  return records.filter((record) => record.type === type)
}
