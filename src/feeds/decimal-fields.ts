// Prices and sizes of a frame, read at the decimals of the definition in force.
import type { CellWriter } from '../records/cell-writer.ts'
import { PrintRule } from '../records/layout.ts'
import { BookEncoder } from './book-encoder.ts'
import { type DecimalsField, DefinitionTooSmall, type Instrument } from './instruments.ts'
import { DECIMAL_OVERFLOW, FrameError, JsonReader } from './json-reader.ts'

/** A number does not fit 64 bits at the decimals of the definition. */
export class Unrepresentable extends Error {
  readonly instrument: Instrument
  readonly field: DecimalsField

  constructor(instrument: Instrument, field: DecimalsField) {
    super(`${instrument.symbol}: a number does not fit 64 bits at ${instrument[field]} decimals`)
    this.instrument = instrument
    this.field = field
  }
}

/** Throws DefinitionTooSmall and Unrepresentable, upon which the definition is adapted and the frame read again. */
export abstract class DecimalFields {
  protected readonly reader = new JsonReader()
  protected readonly writer: CellWriter
  protected readonly book: BookEncoder

  constructor(writer: CellWriter) {
    this.writer = writer
    this.book = new BookEncoder(writer)
  }

  /** Reads a price at the cursor into low/high of the reader, at the instrument's exponent. */
  protected readPrice(instrument: Instrument): void {
    const status = this.reader.decimal(instrument.priceDecimals, instrument.pricePrint === PrintRule.minimal)
    if (status !== 0) misfit(instrument, 'priceDecimals', status)
  }

  /** Reads a size at the cursor into low/high of the reader, at the instrument's exponent. */
  protected readSize(instrument: Instrument): void {
    const status = this.reader.decimal(instrument.sizeDecimals, instrument.sizePrint === PrintRule.minimal)
    if (status !== 0) misfit(instrument, 'sizeDecimals', status)
  }

  /** Reads a price into a record. */
  protected putPrice(at: number, offset: number, instrument: Instrument): void {
    this.readPrice(instrument)
    this.writer.put64(at, offset, this.reader.low, this.reader.high)
  }

  /** Reads a size into a record. */
  protected putSize(at: number, offset: number, instrument: Instrument): void {
    this.readSize(instrument)
    this.writer.put64(at, offset, this.reader.low, this.reader.high)
  }

  /** Reads an array of [price, size, ...] levels at the cursor into the book that is being encoded. */
  protected readLevels(instrument: Instrument, bids: boolean): void {
    const { reader, book } = this
    reader.array()
    while (reader.next()) {
      reader.array()
      if (!reader.next()) throw new FrameError('a level is empty')
      this.readPrice(instrument)
      const low = reader.low
      const high = reader.high
      if (!reader.next()) throw new FrameError('a level has no size')
      this.readSize(instrument)
      if (bids) book.bid(low, high, reader.low, reader.high)
      else book.ask(low, high, reader.low, reader.high)
      reader.leaveArray()
    }
  }
}

function misfit(instrument: Instrument, field: DecimalsField, status: number): never {
  if (status === DECIMAL_OVERFLOW) throw new Unrepresentable(instrument, field)
  throw new DefinitionTooSmall(instrument, field, status)
}
