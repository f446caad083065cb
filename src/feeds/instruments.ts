// Dated definitions: how many decimals an instrument's numbers carry, how the venue prints them, which rule proves that
// no update is missing. A definition is never changed: what changes gets a new number (docs/FORMAT.md, "Instrument").
import type { CellWriter } from '../records/cell-writer.ts'
import {
  CELL_BYTES,
  ChecksumRule,
  Flag,
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
  InstrumentKind,
  Integrity,
  PrintRule,
  RecordType,
} from '../records/layout.ts'

/** Most decimals that an exponent may have: 10^18 is the largest power of ten in an i64. */
export const DECIMALS_MAX = 18

/** What a venue says of an instrument. Decimals are counts behind the point: 8 means an exponent of -8. */
export interface Definition {
  priceDecimals: number
  sizeDecimals: number
  pricePrint: PrintRule
  sizePrint: PrintRule
  integrity: Integrity
  checksumRule: ChecksumRule
  /** Levels a side that the venue keeps up to date; 0 = all. */
  bookDepth: number
  /** Mantissas at the decimals above; 0 = not known. */
  tickSize: bigint
  lotSize: bigint
  kind: InstrumentKind
  base: string
  quote: string
}

export const DEFINITION_DEFAULTS: Definition = {
  priceDecimals: 0,
  sizeDecimals: 0,
  pricePrint: PrintRule.fixed,
  sizePrint: PrintRule.fixed,
  integrity: Integrity.none,
  checksumRule: ChecksumRule.none,
  bookDepth: 0,
  tickSize: 0n,
  lotSize: 0n,
  kind: InstrumentKind.unknown,
  base: '',
  quote: '',
}

export type DecimalsField = 'priceDecimals' | 'sizeDecimals'

/** The definition in force. `number` is 0 until its record is written. */
export interface Instrument extends Definition {
  readonly symbol: string
  number: number
  /** Channels of which a record was written, as bits (feed.ts, CHANNEL_BITS); whoever looks clears them. */
  delivered: number
}

/** Thrown while a frame is read, when a number has more decimals than the definition in force. The frame is read again. */
export class DefinitionTooSmall extends Error {
  readonly instrument: Instrument
  readonly field: DecimalsField
  readonly decimals: number

  constructor(instrument: Instrument, field: DecimalsField, decimals: number) {
    super(`${instrument.symbol} needs ${decimals} ${field}`)
    this.instrument = instrument
    this.field = field
    this.decimals = decimals
  }
}

/** An instrument as it was before a frame changed its decimals. */
interface SavedDecimals {
  readonly before: Partial<Instrument>
  readonly shrunk: Set<DecimalsField>
}

/** The definitions of one venue. */
export class InstrumentTable {
  readonly #venue: string
  readonly #adapter: string
  readonly #writer: CellWriter
  readonly #nextNumber: () => number
  readonly #instruments = new Map<string, Instrument>()
  readonly #uncommitted: Instrument[] = []
  /** Numbers of definitions that were taken back, the lowest last. */
  readonly #unused: number[] = []
  readonly #saved = new Map<Instrument, SavedDecimals>()

  constructor(venue: string, adapter: string, writer: CellWriter, nextNumber: () => number) {
    this.#venue = venue
    this.#adapter = adapter
    this.#writer = writer
    this.#nextNumber = nextNumber
  }

  /** The instrument of a symbol, made from `defaults` when it is new. Call written() before its number is used. */
  get(symbol: string, defaults: Definition): Instrument {
    let instrument = this.#instruments.get(symbol)
    if (instrument === undefined) {
      instrument = { ...defaults, symbol, number: 0, delivered: 0 }
      this.#instruments.set(symbol, instrument)
    }
    return instrument
  }

  known(symbol: string): Instrument | undefined {
    return this.#instruments.get(symbol)
  }

  /**
   * Takes over what the venue says of an instrument. Decimals never shrink. A definition that is in use is dated: it
   * gets a new number with its next record.
   */
  update(symbol: string, change: Partial<Definition>, defaults: Definition): void {
    const instrument = this.get(symbol, defaults)
    const before = { ...instrument }
    for (const [name, value] of Object.entries(change)) {
      if (value !== undefined) Object.assign(instrument, { [name]: value })
    }
    if (instrument.priceDecimals < before.priceDecimals)
      this.#rescale(instrument, 'priceDecimals', before.priceDecimals)
    if (instrument.sizeDecimals < before.sizeDecimals) this.#rescale(instrument, 'sizeDecimals', before.sizeDecimals)
    const changed = (Object.keys(DEFINITION_DEFAULTS) as (keyof Definition)[]).some((k) => instrument[k] !== before[k])
    if (changed) instrument.number = 0
  }

  /** Gives an instrument more decimals and, with its next record, a new number. */
  grow(instrument: Instrument, field: DecimalsField, decimals: number): void {
    this.#save(instrument)
    this.#rescale(instrument, field, decimals)
    instrument.number = 0
  }

  /**
   * Takes all decimals from an instrument, so that it grows those that a frame needs: zeros at the end are none of them,
   * whatever the venue prints. False: that was done already.
   */
  shrink(instrument: Instrument, field: DecimalsField): boolean {
    const saved = this.#save(instrument)
    if (saved.shrunk.has(field)) return false
    saved.shrunk.add(field)
    instrument[field] = 0
    if (field === 'priceDecimals') {
      instrument.tickSize = 0n
      instrument.pricePrint = PrintRule.minimal
    } else {
      instrument.lotSize = 0n
      instrument.sizePrint = PrintRule.minimal
    }
    instrument.number = 0
    return true
  }

  /** The frame that the decimals were changed for was read. */
  keepDecimals(): void {
    if (this.#saved.size !== 0) this.#saved.clear()
  }

  /** The frame that the decimals were changed for could not be read all the same: they are what they were. */
  restoreDecimals(): void {
    for (const [instrument, { before }] of this.#saved) Object.assign(instrument, before)
    this.#saved.clear()
  }

  #save(instrument: Instrument): SavedDecimals {
    let saved = this.#saved.get(instrument)
    if (saved === undefined) {
      const { priceDecimals, sizeDecimals, pricePrint, sizePrint, tickSize, lotSize, number } = instrument
      const before = { priceDecimals, sizeDecimals, pricePrint, sizePrint, tickSize, lotSize, number }
      saved = { before, shrunk: new Set() }
      this.#saved.set(instrument, saved)
    }
    return saved
  }

  /** The number to write into records; writes the definition first if it has none yet. Must stand before begin(). */
  number(instrument: Instrument): number {
    if (instrument.number === 0) {
      instrument.number = this.#unused.pop() ?? this.#nextNumber()
      this.#uncommitted.push(instrument)
      this.#write(instrument)
    }
    return instrument.number
  }

  /** The frame is published: what it defined is on record. */
  commit(): void {
    this.#uncommitted.length = 0
  }

  /** The frame is taken back: what it defined must be written again. */
  rollback(): void {
    for (const instrument of this.#uncommitted.reverse()) {
      this.#unused.push(instrument.number)
      instrument.number = 0
    }
    this.#uncommitted.length = 0
  }

  #rescale(instrument: Instrument, field: DecimalsField, decimals: number): void {
    const factor = 10n ** BigInt(Math.max(0, decimals - instrument[field]))
    if (field === 'priceDecimals') instrument.tickSize *= factor
    else instrument.lotSize *= factor
    instrument[field] = decimals
  }

  #write(instrument: Instrument): void {
    const texts = [this.#venue, instrument.symbol, instrument.base, instrument.quote, this.#adapter].map((t) =>
      Buffer.from(t, 'utf8').subarray(0, 255),
    )
    const length = texts.reduce((sum, text) => sum + text.length, 0)
    const writer = this.#writer
    const cells = 1 + Math.ceil(length / CELL_BYTES)
    const at = writer.begin(RecordType.instrument, cells, Flag.last, instrument.number, 0, -2147483648)
    writer.put8(at, INSTRUMENT_PRICE_EXPONENT, -instrument.priceDecimals)
    writer.put8(at, INSTRUMENT_SIZE_EXPONENT, -instrument.sizeDecimals)
    writer.put8(at, INSTRUMENT_PRICE_PRINT, instrument.pricePrint)
    writer.put8(at, INSTRUMENT_SIZE_PRINT, instrument.sizePrint)
    writer.put8(at, INSTRUMENT_INTEGRITY, instrument.integrity)
    writer.put8(at, INSTRUMENT_CHECKSUM_RULE, instrument.checksumRule)
    writer.put16(at, INSTRUMENT_BOOK_DEPTH, instrument.bookDepth)
    const bits = new Int32Array(BigInt64Array.of(instrument.tickSize, instrument.lotSize).buffer)
    writer.put64(at, INSTRUMENT_TICK_SIZE, bits[0] as number, bits[1] as number)
    writer.put64(at, INSTRUMENT_LOT_SIZE, bits[2] as number, bits[3] as number)
    writer.put8(at, INSTRUMENT_KIND, instrument.kind)
    const lengthFields = [
      INSTRUMENT_VENUE_LENGTH,
      INSTRUMENT_SYMBOL_LENGTH,
      INSTRUMENT_BASE_LENGTH,
      INSTRUMENT_QUOTE_LENGTH,
      INSTRUMENT_ADAPTER_LENGTH,
    ]
    let offset: number = CELL_BYTES
    texts.forEach((text, i) => {
      writer.put8(at, lengthFields[i] as number, text.length)
      writer.putBytes(at, offset, text)
      offset += text.length
    })
  }
}
