// What all venues share: frame numbers, connection, gap and text records, retry with a larger definition, counters.
// A venue's normaliser extends it with read(): one pass over one frame.
import { TickforgeError } from '../errors.ts'
import type { Break } from '../integrity/continuity.ts'
import { putConnection } from '../records/connection-record.ts'
import { ConnectionEvent, Flag, GapCause, type Integrity, NONE_U64, TextReason } from '../records/layout.ts'
import { putDrop, putGap } from '../records/loss-records.ts'
import { DecimalFields, Unrepresentable } from './decimal-fields.ts'
import {
  type Channel,
  type FeedRequest,
  type Normalizer,
  type NormalizerContext,
  noCounters,
  RECORD_TYPES,
  type Stamp,
  type SubscriptionAnswer,
} from './feed.ts'
import { DECIMALS_MAX, DefinitionTooSmall, type Instrument, InstrumentTable } from './instruments.ts'
import { FrameError } from './json-reader.ts'
import { putText } from './text-encoder.ts'
import { UnknownWords } from './unknown-words.ts'

/** What read() says of a frame: its records are written, or it is to be kept as text for this reason. */
export const READ = 0
export type ReadResult = typeof READ | TextReason

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

export abstract class FrameNormalizer<State extends ConnectionState = ConnectionState>
  extends DecimalFields
  implements Normalizer
{
  readonly counters = noCounters()

  protected readonly stamp: Stamp
  protected readonly venue: string
  protected readonly table: InstrumentTable
  /** Words of the frame being read that no enumeration has. */
  protected readonly words: UnknownWords
  /** Sequence number of the frame being read, for venues that number every frame; it goes into a text record too. */
  protected frameSequence: bigint = NONE_U64

  readonly #context: NormalizerContext
  readonly #integrity: Integrity
  readonly #connections = new Map<number, State>()
  readonly #openGaps = new Map<Instrument, OpenGap>()
  /** Gaps written by the frame being read: open again if it is taken back. */
  readonly #closedGaps: [Instrument, OpenGap][] = []
  #requests: FeedRequest[] = []
  #answers: SubscriptionAnswer[] = []
  #warnings = 0
  #current: State | undefined

  constructor(adapter: string, connectionIntegrity: Integrity, context: NormalizerContext) {
    super(context.writer)
    this.#context = context
    this.#integrity = connectionIntegrity
    this.venue = context.venue
    this.stamp = context.stamp
    this.table = new InstrumentTable(context.venue, adapter, context.writer, context.nextInstrument)
    this.words = new UnknownWords((message) => this.warn(`${context.venue}: ${message}`))
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

  /** A REST answer could not be read, and was kept as text: what waits for it must not wait for ever. */
  protected answerRefused(_connection: State, _path: string): void {}

  /** A frame is lost whose records are not known: books of the connection must be built anew. */
  protected frameDropped(connection: State): void {
    this.request({ kind: 'reconnect', connection: connection.id, reason: 'a frame was too large for the ring' })
  }

  /** The instrument of a symbol as a subscription names it. */
  protected abstract instrumentOf(symbol: string): Instrument

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

  restFailed(id: number, path: string, beginning?: Uint8Array): void {
    const state = this.#connections.get(id)
    if (beginning !== undefined) {
      this.#refuse(this.#begin(id), beginning, false, TextReason.unparseable, 'an answer was too large', path)
      this.#publish()
    } else if (state !== undefined) this.answerRefused(state, path)
  }

  unreadable(id: number, bytes: Uint8Array, why: string): void {
    const state = this.#begin(id)
    this.counters.frames++
    this.#refuse(state, bytes, true, TextReason.unparseable, why, undefined)
    this.#publish()
    state.lastLow = this.stamp.low
    state.lastHigh = this.stamp.high
  }

  missing(symbol: string, channel: Channel, cause: GapCause, since: Stamp): void {
    this.writer.beginFrame(this.stamp.low, this.stamp.high, 0, 0)
    const gaps = this.counters.gaps
    try {
      const instrument = this.table.number(this.instrumentOf(symbol))
      this.gap(instrument, cause, RECORD_TYPES[channel], undefined, since.low, since.high)
    } catch (thrown) {
      this.#takeBack(gaps)
      throw thrown
    }
    this.#publish()
  }

  takeDelivered(symbol: string): number {
    const instrument = this.table.known(symbol)
    if (instrument === undefined) return 0
    const { delivered } = instrument
    instrument.delivered = 0
    return delivered
  }

  takeAnswers(): SubscriptionAnswer[] {
    if (this.#answers.length === 0) return this.#answers
    const answers = this.#answers
    this.#answers = []
    return answers
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

  /** The venue has answered a subscription. For whoever subscribed; an import tells of a refusal. */
  protected answer(answer: SubscriptionAnswer): void {
    if (this.#context.followsAnswers === true) this.#answers.push(answer)
    else if (!answer.accepted)
      this.warn(`${this.venue}: the venue refused ${answer.symbol ?? 'a request'}: ${answer.reason}`)
  }

  /** Number of the definition in force, for the head of a record. Call it before begin(): it may write records itself. */
  protected number(connection: State, instrument: Instrument): number {
    const number = this.table.number(instrument)
    if (!connection.instruments.has(instrument)) connection.instruments.add(instrument)
    if (this.#openGaps.size !== 0 && this.#openGaps.has(instrument)) this.#closeGap(instrument)
    return number
  }

  /** The number of a request in its answer; undefined where the answer does not name it by a number of ours. */
  protected requestId(name: Uint8Array): number | undefined {
    if (!this.reader.find(name)) return undefined
    const text = this.reader.raw()
    return /^\d{1,9}$/.test(text) ? Number.parseInt(text, 10) : undefined
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
    for (;;) {
      try {
        this.#read(state, bytes, binary, path)
        this.table.keepDecimals()
        break
      } catch (thrown) {
        this.#takeBack(gaps)
        if (this.#adapt(thrown)) continue
        this.table.restoreDecimals()
        const reason = refusalOf(thrown)
        if (reason === undefined) throw thrown
        this.#refuse(state, bytes, binary, reason, (thrown as Error).message, path)
        break
      }
    }
    this.#publish()
    // A REST answer says nothing of how long the connection lived.
    if (path !== undefined) return
    state.lastLow = this.stamp.low
    state.lastHigh = this.stamp.high
  }

  /** Reads once; throws what is wrong with it. */
  #read(state: State, bytes: Uint8Array, binary: boolean, path: string | undefined): void {
    const flags = path === undefined ? 0 : Flag.rest
    this.reader.reset(bytes)
    const result = path === undefined ? this.read(state) : this.readRest(state, path)
    if (result === READ) {
      this.reader.end()
    } else {
      // Whatever is kept as a message of the venue is one: what is not JSON was cut off or garbled on the way.
      this.reader.reset(bytes)
      this.reader.skip()
      this.reader.end()
      this.#text(bytes, binary, result, flags)
      this.counters.textFrames++
    }
    const unknown = this.words.settle()
    if (unknown === 0) return
    if (result === READ) this.#text(bytes, binary, TextReason.unmapped, flags)
    this.counters.unknownWords += unknown
  }

  /** Nothing of the frame became a record: it is kept as text, or, where even that does not fit, as a drop record. */
  #refuse(
    state: State,
    bytes: Uint8Array,
    binary: boolean,
    reason: TextReason,
    why: string,
    path: string | undefined,
  ): void {
    this.counters.rejectedFrames++
    // What cannot be read proves nothing: its number neither follows on another nor is followed on.
    this.frameSequence = NONE_U64
    try {
      this.#text(bytes, binary, reason, path === undefined ? 0 : Flag.rest)
      this.warn(`${this.venue}: a frame was kept as text: ${why}`)
    } catch (thrown) {
      if (!isTooLarge(thrown)) throw thrown
      this.writer.rollback()
      this.#dropFrame(state, bytes, why, path)
    }
    if (path !== undefined) this.answerRefused(state, path)
  }

  /** Of a REST answer nothing that was recorded depends on; after a frame all books of the connection are doubtful. */
  #dropFrame(state: State, bytes: Uint8Array, why: string, path: string | undefined): void {
    const { low, high } = this.stamp
    this.counters.droppedFrames++
    putDrop(this.writer, 1n, (BigInt(high) << 32n) | BigInt(low >>> 0), GapCause.overflow)
    this.warn(`${this.venue}: a frame of ${bytes.length} bytes was dropped, raise --ring-mb: ${why}`)
    if (path !== undefined) return
    putGap(this.writer, {
      instrument: 0,
      cause: GapCause.overflow,
      type: 0,
      lastGood: { low: state.lastLow, high: state.lastHigh },
    })
    this.counters.gaps++
    this.frameDropped(state)
  }

  /** Everything is as before the frame; `gaps`: how many had been counted then. */
  #takeBack(gaps: number): void {
    this.writer.rollback()
    this.table.rollback()
    this.words.forget()
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
    putText(this.writer, bytes, { binary, reason, flags, sequence: this.frameSequence })
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

/** Why a frame is kept as text that could not be read; undefined for what is no fault of the frame. */
function refusalOf(thrown: unknown): TextReason | undefined {
  if (thrown instanceof FrameError) return TextReason.unparseable
  const misfits = thrown instanceof Unrepresentable || thrown instanceof DefinitionTooSmall || isTooLarge(thrown)
  return misfits ? TextReason.unrepresentable : undefined
}

function isTooLarge(thrown: unknown): boolean {
  return thrown instanceof TickforgeError && thrown.code === 'TF_FRAME_TOO_LARGE'
}
