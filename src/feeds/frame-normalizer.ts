// What all venues share: frame numbers, connection, gap and text records, retry with a larger definition, counters.
// A venue's normaliser extends it with read(): one pass over one frame.
import type { Break } from '../integrity/continuity.ts'
import type { CellWriter } from '../records/cell-writer.ts'
import { putConnection } from '../records/connection-record.ts'
import {
  CELL_BYTES,
  CELLS_PER_RECORD_MAX,
  ConnectionEvent,
  Flag,
  type GapCause,
  type Integrity,
  NONE_U64,
  PrintRule,
  RecordType,
  TEXT_BINARY,
  TEXT_LENGTH,
  TEXT_OFFSET,
  TEXT_REASON,
  TEXT_SEQUENCE,
  TEXT_TOTAL_LENGTH,
  TextReason,
} from '../records/layout.ts'
import { putBigint, putGap } from '../records/loss-records.ts'
import { BookEncoder } from './book-encoder.ts'
import { type FeedRequest, type Normalizer, type NormalizerContext, noCounters, type Stamp } from './feed.ts'
import {
  DECIMALS_MAX,
  type DecimalsField,
  DefinitionTooSmall,
  type Instrument,
  InstrumentTable,
} from './instruments.ts'
import { DECIMAL_OVERFLOW, FrameError, JsonReader } from './json-reader.ts'

/** What read() says of a frame: its records are written, or it is to be kept as text for this reason. */
export const READ = 0
export type ReadResult = typeof READ | TextReason

const TEXT_BYTES_PER_RECORD = (CELLS_PER_RECORD_MAX - 1) * CELL_BYTES
const WARNINGS_MAX = 20

/** One connection as the normaliser knows it. A venue may extend it. */
export interface ConnectionState {
  readonly id: number
  url: string
  /** Frames so far; the current frame's number. REST answers count too. */
  frames: number
  /** Receive time of the last frame. */
  lastLow: number
  lastHigh: number
  /** Instruments that had a record on this connection. */
  readonly instruments: Set<Instrument>
}

interface OpenGap {
  cause: GapCause
  tsLow: number
  tsHigh: number
}

/** A number does not fit 64 bits at the decimals of the definition. */
class Unrepresentable extends Error {
  readonly instrument: Instrument
  readonly field: DecimalsField

  constructor(instrument: Instrument, field: DecimalsField) {
    super(`${instrument.symbol}: a number does not fit 64 bits at ${instrument[field]} decimals`)
    this.instrument = instrument
    this.field = field
  }
}

export abstract class FrameNormalizer<State extends ConnectionState = ConnectionState> implements Normalizer {
  readonly counters = noCounters()

  protected readonly reader = new JsonReader()
  protected readonly writer: CellWriter
  protected readonly stamp: Stamp
  protected readonly venue: string
  protected readonly table: InstrumentTable
  protected readonly book: BookEncoder
  /** Sequence number of the frame being read, for venues that number every frame; it goes into a text record too. */
  protected frameSequence: bigint = NONE_U64

  readonly #context: NormalizerContext
  readonly #integrity: Integrity
  readonly #connections = new Map<number, State>()
  readonly #openGaps = new Map<Instrument, OpenGap>()
  /** Gaps written by the frame being read: open again if it is taken back. */
  readonly #closedGaps: [Instrument, OpenGap][] = []
  #requests: FeedRequest[] = []
  #warnings = 0
  #current: State | undefined

  constructor(adapter: string, connectionIntegrity: Integrity, context: NormalizerContext) {
    this.#context = context
    this.#integrity = connectionIntegrity
    this.venue = context.venue
    this.writer = context.writer
    this.stamp = context.stamp
    this.table = new InstrumentTable(context.venue, adapter, context.writer, context.nextInstrument)
    this.book = new BookEncoder(context.writer)
  }

  // ---- what a venue provides

  /** Reads the frame that `this.reader` stands at. May throw FrameError; must change its state only when nothing can fail any more. */
  protected abstract read(connection: State): ReadResult

  /** Reads a REST answer. */
  protected abstract readRest(connection: State, path: string): ReadResult

  /** A venue with more state a connection extends this. */
  protected createConnection(state: ConnectionState): State {
    return state as State
  }

  /** A connection is gone: forget what was tied to it. */
  protected dropConnection(_connection: State): void {}

  // ---- Normalizer

  opened(id: number, url: string): void {
    const state = this.createConnection({
      id,
      url,
      frames: 0,
      lastLow: this.stamp.low,
      lastHigh: this.stamp.high,
      instruments: new Set(),
    })
    // Connection 0 stands for REST answers that belong to no connection, and is not one itself.
    if (id !== 0) this.#connectionRecord(state, ConnectionEvent.open, 0, '')
    // Where there was no room for its record the connection was never opened.
    this.#connections.set(id, state)
    this.#current = undefined
  }

  closed(id: number, code: number, reason: string): void {
    const state = this.#connections.get(id)
    if (state === undefined) return
    this.#connectionRecord(state, ConnectionEvent.close, code, reason)
    this.dropConnection(state)
    this.#connections.delete(id)
    this.#current = undefined
  }

  interrupted(id: number, cause: GapCause): void {
    const state = this.#connections.get(id)
    if (state === undefined) return
    for (const instrument of state.instruments) {
      if (!this.#openGaps.has(instrument))
        this.#openGaps.set(instrument, { cause, tsLow: state.lastLow, tsHigh: state.lastHigh })
    }
  }

  stopped(): void {
    if (this.#openGaps.size === 0) return
    this.writer.beginFrame(this.stamp.low, this.stamp.high, 0, 0)
    const gaps = this.counters.gaps
    try {
      for (const instrument of [...this.#openGaps.keys()]) this.#closeGap(instrument)
    } catch (thrown) {
      this.#takeBack(gaps)
      throw thrown
    }
    this.#publish()
  }

  frame(id: number, bytes: Uint8Array, binary: boolean): void {
    const state = this.#begin(id)
    this.counters.frames++
    this.#attempt(state, bytes, binary, undefined)
  }

  rest(id: number, path: string, body: Uint8Array): void {
    this.#attempt(this.#begin(id), body, false, path)
  }

  takeRequests(): FeedRequest[] {
    if (this.#requests.length === 0) return this.#requests
    const requests = this.#requests
    this.#requests = []
    return requests
  }

  // ---- for venues

  protected request(request: FeedRequest): void {
    this.#requests.push(request)
  }

  /** Number of the definition in force, for the head of a record. Call it before begin(): it may write records itself. */
  protected number(connection: State, instrument: Instrument): number {
    const number = this.table.number(instrument)
    if (!connection.instruments.has(instrument)) connection.instruments.add(instrument)
    if (this.#openGaps.size !== 0 && this.#openGaps.has(instrument)) this.#closeGap(instrument)
    return number
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

  /** Writes a gap record: something is missing before the frame that is being read. Must stand before begin(). */
  protected gap(
    instrument: number,
    cause: GapCause,
    type: number,
    missing: Break | undefined,
    low: number,
    high: number,
  ): void {
    putGap(this.writer, { instrument, cause, type, ...missing, lastGood: { low, high } })
    this.counters.gaps++
  }

  protected warn(message: string): void {
    this.#warnings++
    if (this.#warnings <= WARNINGS_MAX) this.#context.warn(message)
    if (this.#warnings === WARNINGS_MAX) this.#context.warn(`${this.venue}: further warnings are only counted`)
  }

  /** Seen connections, for REST answers that concern all of them. */
  protected connections(): Iterable<State> {
    return this.#connections.values()
  }

  // ---- internals

  #begin(id: number): State {
    let state = this.#current
    if (state === undefined || state.id !== id) {
      state = this.#connections.get(id)
      if (state === undefined) {
        this.opened(id, '')
        state = this.#connections.get(id) as State
      }
      this.#current = state
    }
    state.frames++
    this.writer.beginFrame(this.stamp.low, this.stamp.high, id, state.frames)
    this.frameSequence = NONE_U64
    return state
  }

  /** `path` = undefined: a frame; otherwise what a REST answer answers. */
  #attempt(state: State, bytes: Uint8Array, binary: boolean, path: string | undefined): void {
    const gaps = this.counters.gaps
    const flags = path === undefined ? 0 : Flag.rest
    for (;;) {
      try {
        this.reader.reset(bytes)
        const result = path === undefined ? this.read(state) : this.readRest(state, path)
        if (result === READ) {
          this.reader.end()
        } else {
          // Whatever is kept as a message of the venue is one: what is not JSON was cut off or garbled on the way.
          this.reader.reset(bytes)
          this.reader.skip()
          this.reader.end()
          this.counters.textFrames++
          this.#text(bytes, binary, result, flags)
        }
        this.table.keepDecimals()
        break
      } catch (thrown) {
        this.#takeBack(gaps)
        if (this.#adapt(thrown)) continue
        this.table.restoreDecimals()
        if (
          !(thrown instanceof FrameError || thrown instanceof Unrepresentable || thrown instanceof DefinitionTooSmall)
        )
          throw thrown
        this.counters.rejectedFrames++
        // What cannot be read proves nothing: its number neither follows on another nor is followed on.
        this.frameSequence = NONE_U64
        this.warn(`${this.venue}: a frame was kept as text: ${thrown.message}`)
        this.#text(
          bytes,
          binary,
          thrown instanceof FrameError ? TextReason.unparseable : TextReason.unrepresentable,
          flags,
        )
        break
      }
    }
    this.#publish()
    // A REST answer says nothing of how long the connection lived.
    if (path !== undefined) return
    state.lastLow = this.stamp.low
    state.lastHigh = this.stamp.high
  }

  /** Everything is as before the frame; `gaps`: how many had been counted then. */
  #takeBack(gaps: number): void {
    this.writer.rollback()
    this.table.rollback()
    for (const [instrument, gap] of this.#closedGaps.splice(0)) this.#openGaps.set(instrument, gap)
    this.counters.gaps = gaps
  }

  /**
   * Fits the definition to the frame, if that is what was wrong: more decimals when a number has more; from none up
   * when a number is too large, since the ones in force may come from a number that was very small. True: read again.
   */
  #adapt(thrown: unknown): boolean {
    if (thrown instanceof DefinitionTooSmall && thrown.decimals <= DECIMALS_MAX) {
      this.table.grow(thrown.instrument, thrown.field, thrown.decimals)
      return true
    }
    return thrown instanceof Unrepresentable && this.table.shrink(thrown.instrument, thrown.field)
  }

  #publish(): void {
    this.counters.records += this.writer.frameRecords
    this.writer.endFrame()
    this.table.commit()
    if (this.#closedGaps.length !== 0) this.#closedGaps.length = 0
  }

  #text(bytes: Uint8Array, binary: boolean, reason: TextReason, flags: number): void {
    const writer = this.writer
    let offset = 0
    do {
      const part = bytes.subarray(offset, offset + TEXT_BYTES_PER_RECORD)
      const last = offset + part.length === bytes.length
      const cells = 1 + Math.ceil(part.length / CELL_BYTES)
      const at = writer.begin(RecordType.text, cells, flags | (last ? Flag.last : 0), 0, 0, -2147483648)
      writer.put8(at, TEXT_REASON, reason)
      writer.put8(at, TEXT_BINARY, binary ? 1 : 0)
      writer.put16(at, TEXT_LENGTH, part.length)
      writer.put32(at, TEXT_OFFSET, offset)
      writer.put32(at, TEXT_TOTAL_LENGTH, bytes.length)
      putBigint(writer, at, TEXT_SEQUENCE, this.frameSequence)
      writer.putBytes(at, CELL_BYTES, part)
      offset += part.length
    } while (offset < bytes.length)
  }

  #closeGap(instrument: Instrument): void {
    const open = this.#openGaps.get(instrument) as OpenGap
    this.#openGaps.delete(instrument)
    this.#closedGaps.push([instrument, open])
    this.gap(this.table.number(instrument), open.cause, 0, undefined, open.tsLow, open.tsHigh)
  }

  #connectionRecord(state: State, event: ConnectionEvent, code: number, reason: string): void {
    this.writer.beginFrame(this.stamp.low, this.stamp.high, state.id, state.frames)
    const { venue } = this
    putConnection(this.writer, { event, integrity: this.#integrity, venue, url: state.url, code, reason })
    this.#publish()
  }
}

function misfit(instrument: Instrument, field: DecimalsField, status: number): never {
  if (status === DECIMAL_OVERFLOW) throw new Unrepresentable(instrument, field)
  throw new DefinitionTooSmall(instrument, field, status)
}
