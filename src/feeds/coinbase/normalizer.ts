// Coinbase Advanced Trade. Source: docs.cdp.coinbase.com, "Advanced Trade WebSocket channels"; checked on frames of
// 2026.
//
//   {"channel":"l2_data","timestamp":"2026-08-09T21:05:48.505350477Z","sequence_num":14,"events":[
//     {"type":"snapshot"|"update","product_id":"BTC-USD","updates":[
//       {"side":"bid"|"offer","event_time":"..","price_level":"65062.5","new_quantity":"0"},..]}]}
//   {"channel":"market_trades",..,"events":[{"type":..,"trades":[
//       {"product_id","trade_id","price","size","time","side"},..]}]}
//   {"channel":"ticker",..,"events":[{"type":..,"tickers":[{"product_id","best_bid","best_bid_quantity",..},..]}]}
//
// "sequence_num" counts every frame of a connection, acknowledgements and heartbeats too. A number that is missing puts
// every book of the connection in doubt, so the connection is made anew.
//
// "side" of a trade is the maker's. Established on frames: in a capture of both channels, with the book rebuilt by the
// venue's own times, every trade at the best ask carries "SELL" and every trade at the best bid "BUY" (77 of 77 that
// the book decides). Coinbase's older Exchange protocol documents the same.
import { SequenceContinuity } from '../../integrity/continuity.ts'
import { Flag, GapCause, Integrity, TextReason } from '../../records/layout.ts'
import { ByteTable } from '../byte-table.ts'
import { CHANNEL_BITS, type NormalizerContext } from '../feed.ts'
import { type ConnectionState, FrameNormalizer, READ, type ReadResult } from '../frame-normalizer.ts'
import type { Instrument } from '../instruments.ts'
import { FrameError, key } from '../json-reader.ts'
import { LEVEL_WORDS, LevelBuffer } from '../level-buffer.ts'
import { QuoteEncoder } from '../quote-encoder.ts'
import { TradeEncoder } from '../trade-encoder.ts'
import { ProductTable } from './products.ts'

const CHANNEL = key('channel')
const TIMESTAMP = key('timestamp')
const SEQUENCE_NUM = key('sequence_num')
const EVENTS = key('events')
const TYPE = key('type')
const SNAPSHOT = key('snapshot')
const UPDATE = key('update')
const ERROR = key('error')
const MESSAGE = key('message')
const REASON = key('reason')
const PRODUCT_ID = key('product_id')
const UPDATES = key('updates')
const SIDE = key('side')
const BID = key('bid')
const OFFER = key('offer')
const EVENT_TIME = key('event_time')
const PRICE_LEVEL = key('price_level')
const NEW_QUANTITY = key('new_quantity')
const TRADES = key('trades')
const TRADE_ID = key('trade_id')
const PRICE = key('price')
const SIZE = key('size')
const TIME = key('time')
const BUY = key('BUY')
const SELL = key('SELL')
const TICKERS = key('tickers')
const BEST_BID = key('best_bid')
const BEST_BID_QUANTITY = key('best_bid_quantity')
const BEST_ASK = key('best_ask')
const BEST_ASK_QUANTITY = key('best_ask_quantity')
const EMPTY = key('')

const NONE_HIGH = -2147483648

type Channel = 'l2_data' | 'market_trades' | 'ticker' | 'control' | 'subscriptions' | 'other'
const CHANNELS = new Map<string, Channel>([
  ['l2_data', 'l2_data'],
  ['market_trades', 'market_trades'],
  ['ticker', 'ticker'],
  ['heartbeats', 'control'],
  ['subscriptions', 'subscriptions'],
])

interface CoinbaseConnection extends ConnectionState {
  readonly continuity: SequenceContinuity
  /** Books that had a snapshot since the connection was opened and since the last break. */
  readonly good: Set<Instrument>
  /** A reconnect was asked for. */
  givenUp: boolean
}

/** A trade as read. The wire has the newest first; records are written the other way round. */
interface PendingTrade {
  instrument: Instrument
  encoder: TradeEncoder
  timeLow: number
  timeHigh: number
}

export class CoinbaseNormalizer extends FrameNormalizer<CoinbaseConnection> {
  readonly #channels = new ByteTable<Channel>((name) => CHANNELS.get(name) ?? 'other')
  readonly #symbols = new ByteTable<Instrument>((symbol) => this.#instrument(symbol))
  readonly #products = new ProductTable()
  readonly #asks = new LevelBuffer()
  readonly #quote: QuoteEncoder
  readonly #trades: PendingTrade[] = []
  /** Books whose snapshot is in the frame being read. */
  readonly #fresh: Instrument[] = []
  #sentLow = 0
  #sentHigh = 0
  #sequenceLow = 0
  #sequenceHigh = 0
  /** The frame being read does not follow on the one before. */
  #broken = false

  constructor(adapter: string, context: NormalizerContext) {
    super(adapter, Integrity.connectionSequence, context)
    this.#quote = new QuoteEncoder(this.writer)
  }

  protected override createConnection(state: ConnectionState): CoinbaseConnection {
    return { ...state, continuity: new SequenceContinuity(), good: new Set(), givenUp: false }
  }

  protected override read(connection: CoinbaseConnection): ReadResult {
    const { reader } = this
    reader.enter()
    if (!reader.find(CHANNEL)) return this.#message(connection)
    const channel = reader.intern(this.#channels)
    reader.require(TIMESTAMP)
    reader.isoTime()
    this.#sentLow = reader.low
    this.#sentHigh = reader.high
    reader.require(SEQUENCE_NUM)
    reader.unsigned()
    this.#sequenceLow = reader.low
    this.#sequenceHigh = reader.high
    this.frameSequence = reader.bigint
    this.#fresh.length = 0

    const missing = connection.continuity.peek(this.frameSequence)
    this.#broken = missing !== undefined
    if (missing !== undefined) this.gap(0, GapCause.sequence, 0, missing, connection.lastLow, connection.lastHigh)
    let count = 0
    if (channel === 'l2_data' || channel === 'market_trades' || channel === 'ticker') {
      reader.require(EVENTS)
      reader.array()
      while (reader.next()) {
        reader.enter()
        if (channel === 'l2_data') count += this.#book(connection)
        else if (channel === 'market_trades') count += this.#marketTrades(connection)
        else count += this.#tickers(connection)
        reader.leave()
      }
    }
    reader.leave()
    reader.end()
    this.#commit(connection)
    if (channel === 'subscriptions') this.answer({ connection: connection.id, accepted: true, reason: '' })
    if (channel === 'control' || channel === 'subscriptions') return TextReason.control
    // A frame of which nothing became a record is kept as text: its sequence number must not be missing from the log.
    return count === 0 ? TextReason.unmapped : READ
  }

  protected override readRest(_connection: CoinbaseConnection, path: string): ReadResult {
    if (!path.startsWith('/api/v3/brokerage/market/products')) return TextReason.unmapped
    const products = ProductTable.read(this.reader)
    this.reader.end()
    for (const product of products) {
      if (product.unknownType !== undefined) this.words.tell('type of product', product.unknownType)
      const known = this.table.known(product.symbol)
      if (known === undefined) this.#products.add(product)
      else this.table.update(product.symbol, product.definition, known)
    }
    return READ
  }

  protected override instrumentOf(symbol: string): Instrument {
    return this.#instrument(symbol)
  }

  #instrument(symbol: string): Instrument {
    return this.table.known(symbol) ?? this.table.get(symbol, this.#products.take(symbol))
  }

  /** Nothing in the frame can fail any more. */
  #commit(connection: CoinbaseConnection): void {
    connection.continuity.next(this.frameSequence)
    if (this.#broken) {
      connection.good.clear()
      if (!connection.givenUp) {
        connection.givenUp = true
        const reason = `frame ${this.frameSequence} does not follow on the one before`
        this.warn(`${this.venue}: ${reason}; the connection is made anew`)
        this.request({ kind: 'reconnect', connection: connection.id, reason })
      }
    }
    for (const instrument of this.#fresh) connection.good.add(instrument)
  }

  /** True: a snapshot. */
  #type(): boolean {
    const { reader } = this
    reader.require(TYPE)
    if (reader.takeIf(SNAPSHOT)) return true
    if (!reader.takeIf(UPDATE)) throw new FrameError('an event is neither a snapshot nor an update')
    return false
  }

  #book(connection: CoinbaseConnection): number {
    const { reader, book } = this
    const asks = this.#asks
    const snapshot = this.#type()
    reader.require(PRODUCT_ID)
    const instrument = reader.intern(this.#symbols)
    if (snapshot) this.#fresh.push(instrument)
    const good = this.#fresh.includes(instrument) || (connection.good.has(instrument) && !this.#broken)
    const flags = (snapshot ? Flag.snapshot : 0) | (good ? 0 : Flag.maybeBadBook)
    const number = this.number(connection, instrument)
    book.begin(number, flags, true)
    asks.clear()
    let latestLow = 0
    let latestHigh = NONE_HIGH
    reader.require(UPDATES)
    reader.array()
    while (reader.next()) {
      reader.enter()
      reader.require(SIDE)
      const bid = reader.takeIf(BID)
      if (!bid && !reader.takeIf(OFFER)) throw new FrameError('a level has no side')
      reader.require(EVENT_TIME)
      reader.isoTime()
      if (reader.high > latestHigh || (reader.high === latestHigh && reader.low >>> 0 > latestLow >>> 0)) {
        latestLow = reader.low
        latestHigh = reader.high
      }
      reader.require(PRICE_LEVEL)
      this.readPrice(instrument)
      const low = reader.low
      const high = reader.high
      reader.require(NEW_QUANTITY)
      this.readSize(instrument)
      if (bid) book.bid(low, high, reader.low, reader.high)
      else asks.push(low, high, reader.low, reader.high)
      reader.leave()
    }
    const words = asks.words
    for (let at = 0, end = asks.count * LEVEL_WORDS; at < end; at += LEVEL_WORDS) {
      book.ask(words[at] as number, words[at + 1] as number, words[at + 2] as number, words[at + 3] as number)
    }
    if (latestHigh === NONE_HIGH) book.setEvent(this.#sentLow, this.#sentHigh)
    else book.setEvent(latestLow, latestHigh)
    book.setLast(this.#sequenceLow, this.#sequenceHigh)
    book.setSent(this.#sentLow, this.#sentHigh)
    book.setSequence(this.#sequenceLow, this.#sequenceHigh)
    book.finish()
    instrument.delivered |= CHANNEL_BITS.book
    return 1
  }

  #marketTrades(connection: CoinbaseConnection): number {
    const { reader } = this
    const backlog = this.#type() ? Flag.backlog : 0
    let count = 0
    reader.require(TRADES)
    reader.array()
    while (reader.next()) {
      const pending = this.#pending(count)
      const trade = pending.encoder
      trade.reset()
      reader.enter()
      reader.require(PRODUCT_ID)
      const instrument = reader.intern(this.#symbols)
      pending.instrument = instrument
      reader.require(TRADE_ID)
      trade.readTextId(reader)
      reader.require(PRICE)
      this.readPrice(instrument)
      trade.price(reader.low, reader.high)
      reader.require(SIZE)
      this.readSize(instrument)
      trade.size(reader.low, reader.high)
      reader.require(TIME)
      reader.isoTime()
      trade.event(reader.low, reader.high)
      pending.timeLow = reader.low
      pending.timeHigh = reader.high
      // The maker's side: a buyer took what a maker sold.
      reader.require(SIDE)
      if (reader.takeIf(SELL)) trade.flags = Flag.buy | backlog
      else if (reader.takeIf(BUY)) trade.flags = Flag.sell | backlog
      else {
        trade.flags = backlog
        this.words.note('side of a trade', reader.raw())
      }
      trade.sequence(this.#sequenceLow, this.#sequenceHigh)
      trade.sent(this.#sentLow, this.#sentHigh)
      reader.leave()
      count++
    }
    const ascending = count > 1 && isBefore(this.#trades[0] as PendingTrade, this.#trades[count - 1] as PendingTrade)
    for (let i = 0; i < count; i++) {
      const pending = this.#trades[ascending ? i : count - 1 - i] as PendingTrade
      pending.encoder.write(this.number(connection, pending.instrument))
      pending.instrument.delivered |= CHANNEL_BITS.trade
    }
    return count
  }

  #pending(index: number): PendingTrade {
    let pending = this.#trades[index]
    if (pending === undefined) {
      pending = {
        instrument: undefined as unknown as Instrument,
        encoder: new TradeEncoder(this.writer),
        timeLow: 0,
        timeHigh: 0,
      }
      this.#trades.push(pending)
    }
    return pending
  }

  #tickers(connection: CoinbaseConnection): number {
    const { reader } = this
    const quote = this.#quote
    this.#type()
    let count = 0
    reader.require(TICKERS)
    reader.array()
    while (reader.next()) {
      reader.enter()
      quote.reset()
      reader.require(PRODUCT_ID)
      const instrument = reader.intern(this.#symbols)
      if (this.#price(instrument, BEST_BID)) quote.bidPrice(reader.low, reader.high)
      if (this.#price(instrument, BEST_ASK)) quote.askPrice(reader.low, reader.high)
      if (this.#size(instrument, BEST_BID_QUANTITY)) quote.bidSize(reader.low, reader.high)
      if (this.#size(instrument, BEST_ASK_QUANTITY)) quote.askSize(reader.low, reader.high)
      quote.event(this.#sentLow, this.#sentHigh)
      quote.sent(this.#sentLow, this.#sentHigh)
      quote.sequence(this.#sequenceLow, this.#sequenceHigh)
      reader.leave()
      quote.write(this.number(connection, instrument))
      instrument.delivered |= CHANNEL_BITS.quote
      count++
    }
    return count
  }

  /** Reads a price that is missing or an empty text when its side is empty; false then. */
  #price(instrument: Instrument, name: Uint8Array): boolean {
    if (!this.reader.find(name) || this.reader.takeIf(EMPTY)) return false
    this.readPrice(instrument)
    return true
  }

  #size(instrument: Instrument, name: Uint8Array): boolean {
    if (!this.reader.find(name) || this.reader.takeIf(EMPTY)) return false
    this.readSize(instrument)
    return true
  }

  /** A frame outside of the channels: {"type":"error","message":"..","reason":".."}. */
  #message(connection: CoinbaseConnection): ReadResult {
    const { reader } = this
    const error = reader.find(TYPE) && reader.takeIf(ERROR)
    const message = error && reader.find(MESSAGE) ? reader.string() : ''
    const reason = error && reader.find(REASON) ? reader.string() : ''
    reader.leave()
    reader.end()
    const words = [message, reason].filter((s) => s !== '').join(': ')
    if (error) this.answer({ connection: connection.id, accepted: false, reason: words })
    return error ? TextReason.control : TextReason.unmapped
  }
}

function isBefore(a: PendingTrade, b: PendingTrade): boolean {
  return a.timeHigh < b.timeHigh || (a.timeHigh === b.timeHigh && a.timeLow >>> 0 < b.timeLow >>> 0)
}
