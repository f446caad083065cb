// What both of Kraken's protocols share: books that are checked against the venue's checksum, update by update.
//
// Kraken numbers nothing. The checksum of the top ten levels is the only proof that no update is missing, and what is
// missing below the top shows later, when it moves up. After a failure the book is subscribed to anew; until its
// snapshot comes, updates are kept, marked as doubtful, and not checked.
import { Kraken10 } from '../../integrity/checksum.ts'
import { OrderBook } from '../../integrity/order-book.ts'
import {
  ChecksumRule,
  Flag,
  GapCause,
  InstrumentKind,
  Integrity,
  type PrintRule,
  RecordType,
  TextReason,
} from '../../records/layout.ts'
import { ByteTable } from '../byte-table.ts'
import { CHANNEL_BITS, type NormalizerContext } from '../feed.ts'
import { type ConnectionState, FrameNormalizer, type ReadResult } from '../frame-normalizer.ts'
import { DEFINITION_DEFAULTS, type Definition, type Instrument } from '../instruments.ts'
import { FrameError } from '../json-reader.ts'
import { LEVEL_WORDS, LevelBuffer } from '../level-buffer.ts'
import { QuoteEncoder } from '../quote-encoder.ts'
import { TradeEncoder } from '../trade-encoder.ts'

export const NONE_HIGH = -2147483648

const BookState = {
  /** No snapshot on this connection yet. */
  empty: 0,
  good: 1,
  /** An update is missing. */
  doubtful: 2,
} as const
type BookState = (typeof BookState)[keyof typeof BookState]

/** One book of one connection. */
class LiveBook {
  readonly book = new OrderBook()
  readonly checksum = new Kraken10(this.book)
  state: BookState = BookState.empty
  /** A new subscription was asked for and its snapshot has not come. */
  asked = false
  /** Receive time of the last update that the checksum did not contradict. */
  goodLow = 0
  goodHigh = NONE_HIGH
}

export interface KrakenConnection extends ConnectionState {
  readonly books: Map<Instrument, LiveBook>
}

/** A book event as read. It is applied and written when the whole frame was found good. */
export class BookEvent {
  instrument!: Instrument
  snapshot = false
  /** Unsigned, -1 = none. */
  checksum = -1
  /** Latest time of its levels, ns in two words. */
  timeLow = 0
  timeHigh = NONE_HIGH
  /** Levels a side that the venue keeps up to date. */
  depth = 0
  readonly bids = new LevelBuffer()
  readonly asks = new LevelBuffer()

  /** Takes a time if it is the latest so far. */
  time(low: number, high: number): void {
    if (high > this.timeHigh || (high === this.timeHigh && low >>> 0 > this.timeLow >>> 0)) {
      this.timeLow = low
      this.timeHigh = high
    }
  }

  reset(instrument: Instrument): void {
    this.instrument = instrument
    this.snapshot = false
    this.checksum = -1
    this.timeLow = 0
    this.timeHigh = NONE_HIGH
    this.depth = 0
    this.bids.clear()
    this.asks.clear()
  }
}

/** Definition of a pair of which only the name is known, "XBT/USD". */
function unknownPair(symbol: string, print: PrintRule, checksumRule: ChecksumRule): Definition {
  const slash = symbol.indexOf('/')
  return {
    ...DEFINITION_DEFAULTS,
    pricePrint: print,
    sizePrint: print,
    integrity: Integrity.none,
    checksumRule,
    kind: InstrumentKind.spot,
    base: slash < 0 ? '' : symbol.slice(0, slash),
    quote: slash < 0 ? '' : symbol.slice(slash + 1),
  }
}

export abstract class KrakenNormalizer<
  State extends KrakenConnection = KrakenConnection,
> extends FrameNormalizer<State> {
  protected readonly symbols: ByteTable<Instrument>
  protected readonly trade: TradeEncoder
  protected readonly quote: QuoteEncoder
  readonly #events: BookEvent[] = []
  #eventCount = 0

  constructor(adapter: string, context: NormalizerContext, print: PrintRule, checksumRule: ChecksumRule) {
    super(adapter, Integrity.none, context)
    this.trade = new TradeEncoder(this.writer)
    this.quote = new QuoteEncoder(this.writer)
    this.symbols = new ByteTable((symbol) => this.instrument(symbol))
    this.#defaults = (symbol) => unknownPair(symbol, print, checksumRule)
  }

  readonly #defaults: (symbol: string) => Definition

  /** Messages that end and renew the subscription of one book. */
  protected abstract resubscribe(symbol: string, depth: number): string[]

  /** Brings a definition up to date before a book record refers to it. */
  protected settle(event: BookEvent): void {
    this.define(event.instrument, { bookDepth: event.depth })
  }

  protected override createConnection(state: ConnectionState): State {
    return { ...state, books: new Map() } as unknown as State
  }

  protected instrument(symbol: string): Instrument {
    return this.table.known(symbol) ?? this.table.get(symbol, this.#defaults(symbol))
  }

  protected override instrumentOf(symbol: string): Instrument {
    return this.instrument(symbol)
  }

  /** Changes a definition; one that is in use is dated anew only if something differs. */
  protected define(instrument: Instrument, change: Partial<Definition>): void {
    for (const name of Object.keys(change) as (keyof Definition)[]) {
      if (change[name] === instrument[name]) continue
      this.table.update(instrument.symbol, change, instrument)
      return
    }
  }

  protected beginEvents(): void {
    this.#eventCount = 0
  }

  /** The next book event of the frame, empty. */
  protected nextEvent(instrument: Instrument): BookEvent {
    let event = this.#events[this.#eventCount]
    if (event === undefined) {
      event = new BookEvent()
      this.#events.push(event)
    }
    this.#eventCount++
    event.reset(instrument)
    return event
  }

  /** Takes the checksum at the cursor. */
  protected readChecksum(event: BookEvent): void {
    this.reader.unsigned()
    if (this.reader.high !== 0) throw new FrameError('a checksum has more than 32 bits')
    event.checksum = this.reader.low >>> 0
  }

  /** Applies, checks and writes the events of the frame. Nothing in it can fail any more. */
  protected writeEvents(connection: State): void {
    for (let i = 0; i < this.#eventCount; i++) this.#writeEvent(connection, this.#events[i] as BookEvent)
  }

  /** Nothing is asked for; captures hold the list of pairs, of which the stream says all that is needed. */
  protected override readRest(): ReadResult {
    return TextReason.unmapped
  }

  #writeEvent(connection: State, event: BookEvent): void {
    const { instrument, bids, asks } = event
    this.settle(event)
    let live = connection.books.get(instrument)
    if (live === undefined) {
      live = new LiveBook()
      connection.books.set(instrument, live)
    }
    if (!live.book.setDecimals(instrument.priceDecimals, instrument.sizeDecimals)) this.#lost(connection, live, event)
    if (event.snapshot) {
      live.book.clear()
      live.state = BookState.good
    }
    live.book.bids.applyLevels(bids.words, 0, bids.count)
    live.book.asks.applyLevels(asks.words, 0, asks.count)
    live.book.truncate(event.depth)

    const number = this.number(connection, instrument)
    if (live.state === BookState.good) this.#check(connection, live, event, number)
    let flags = event.snapshot ? Flag.snapshot : 0
    if (live.state !== BookState.good) flags |= Flag.maybeBadBook
    const encoder = this.book
    encoder.begin(number, flags, false)
    const b = bids.words
    for (let at = 0, end = bids.count * LEVEL_WORDS; at < end; at += LEVEL_WORDS) {
      encoder.bid(b[at] as number, b[at + 1] as number, b[at + 2] as number, b[at + 3] as number)
    }
    const a = asks.words
    for (let at = 0, end = asks.count * LEVEL_WORDS; at < end; at += LEVEL_WORDS) {
      encoder.ask(a[at] as number, a[at + 1] as number, a[at + 2] as number, a[at + 3] as number)
    }
    encoder.setEvent(event.timeLow, event.timeHigh)
    if (event.checksum >= 0) encoder.setChecksum(event.checksum)
    encoder.finish()
    instrument.delivered |= CHANNEL_BITS.book
  }

  /** The levels cannot be kept at other decimals. */
  #lost(connection: State, live: LiveBook, event: BookEvent): void {
    live.state = BookState.doubtful
    if (event.snapshot || live.asked) return
    live.asked = true
    const messages = this.resubscribe(event.instrument.symbol, event.depth)
    this.request({ kind: 'send', connection: connection.id, messages })
  }

  #check(connection: State, live: LiveBook, event: BookEvent, number: number): void {
    const { instrument } = event
    if (event.checksum >= 0 && instrument.checksumRule === ChecksumRule.kraken10) {
      const computed = live.checksum.value()
      if (computed !== event.checksum) {
        this.counters.checksumsFailed++
        live.state = BookState.doubtful
        const missing = { expected: BigInt(computed), received: BigInt(event.checksum) }
        this.gap(number, GapCause.checksum, RecordType.book, missing, live.goodLow, live.goodHigh)
        this.#repair(connection, live, event)
        return
      }
      this.counters.checksumsPassed++
    }
    if (event.snapshot) live.asked = false
    live.goodLow = this.stamp.low
    live.goodHigh = this.stamp.high
  }

  #repair(connection: State, live: LiveBook, event: BookEvent): void {
    const { symbol } = event.instrument
    if (event.snapshot) {
      // The venue's next snapshot would fail as well, and be asked for again without end.
      this.warn(
        `${this.venue}: a snapshot of ${symbol} fails its own checksum; its book is not checked until the next one`,
      )
    } else if (!live.asked) {
      live.asked = true
      this.warn(`${this.venue}: the book of ${symbol} fails its checksum; it is subscribed to anew`)
      this.request({ kind: 'send', connection: connection.id, messages: this.resubscribe(symbol, event.depth) })
    }
  }
}
