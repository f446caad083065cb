// A dated definition as read back from its record.
import {
  CELL_BYTES,
  type ChecksumRule,
  HEAD_CELLS,
  HEAD_INSTRUMENT,
  INSTRUMENT_ADAPTER_LENGTH,
  INSTRUMENT_BASE_LENGTH,
  INSTRUMENT_BOOK_DEPTH,
  INSTRUMENT_CHECKSUM_RULE,
  INSTRUMENT_INTEGRITY,
  INSTRUMENT_KIND,
  INSTRUMENT_LOT_SIZE,
  INSTRUMENT_PRICE_EXPONENT,
  INSTRUMENT_PRICE_PRINT,
  INSTRUMENT_QUOTE_LENGTH,
  INSTRUMENT_SIZE_EXPONENT,
  INSTRUMENT_SIZE_PRINT,
  INSTRUMENT_SYMBOL_LENGTH,
  INSTRUMENT_TICK_SIZE,
  INSTRUMENT_VENUE_LENGTH,
  type InstrumentKind,
  type Integrity,
  type PrintRule,
} from './layout.ts'

export interface InstrumentDefinition {
  /** Number that records of the same segment use. */
  readonly number: number
  /** 'binance:BTCUSDT'. */
  readonly key: string
  readonly venue: string
  readonly symbol: string
  readonly base: string
  readonly quote: string
  readonly adapter: string
  /** Digits behind the point: value = mantissa / 10^decimals. */
  readonly priceDecimals: number
  readonly sizeDecimals: number
  readonly pricePrint: PrintRule
  readonly sizePrint: PrintRule
  readonly integrity: Integrity
  readonly checksumRule: ChecksumRule
  readonly bookDepth: number
  /** Mantissas; 0 = not known. */
  readonly tickSize: bigint
  readonly lotSize: bigint
  readonly kind: InstrumentKind
}

/** Consecutive strings of the given lengths that start at `offset`. */
export function readStrings(bytes: Uint8Array, offset: number, lengths: readonly number[]): string[] {
  let from = offset
  return lengths.map((length) => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + from, length).toString('utf8')
    from += length
    return text
  })
}

/** Reads an instrument record that starts at byte `at`. */
export function readDefinition(bytes: Uint8Array, at: number): InstrumentDefinition {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, (bytes[at + HEAD_CELLS] as number) * CELL_BYTES)
  const lengths = [
    INSTRUMENT_VENUE_LENGTH,
    INSTRUMENT_SYMBOL_LENGTH,
    INSTRUMENT_BASE_LENGTH,
    INSTRUMENT_QUOTE_LENGTH,
    INSTRUMENT_ADAPTER_LENGTH,
  ].map((offset) => view.getUint8(offset))
  const [venue, symbol, base, quote, adapter] = readStrings(bytes, at + CELL_BYTES, lengths) as [
    string,
    string,
    string,
    string,
    string,
  ]
  return {
    number: view.getUint32(HEAD_INSTRUMENT, true),
    key: `${venue}:${symbol}`,
    venue,
    symbol,
    base,
    quote,
    adapter,
    priceDecimals: 0 - view.getInt8(INSTRUMENT_PRICE_EXPONENT),
    sizeDecimals: 0 - view.getInt8(INSTRUMENT_SIZE_EXPONENT),
    pricePrint: view.getUint8(INSTRUMENT_PRICE_PRINT) as PrintRule,
    sizePrint: view.getUint8(INSTRUMENT_SIZE_PRINT) as PrintRule,
    integrity: view.getUint8(INSTRUMENT_INTEGRITY) as Integrity,
    checksumRule: view.getUint8(INSTRUMENT_CHECKSUM_RULE) as ChecksumRule,
    bookDepth: view.getUint16(INSTRUMENT_BOOK_DEPTH, true),
    tickSize: view.getBigInt64(INSTRUMENT_TICK_SIZE, true),
    lotSize: view.getBigInt64(INSTRUMENT_LOT_SIZE, true),
    kind: view.getUint8(INSTRUMENT_KIND) as InstrumentKind,
  }
}
