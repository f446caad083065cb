// Kraken's current WebSocket protocol: objects, with prices and sizes as JSON numbers, which must never become float64.
// Source: docs.kraken.com, "Spot WebSockets v2".
//
//   {"channel":"book","type":"snapshot"|"update","data":[{"symbol":"MATIC/USD","asks":[],
//     "bids":[{"price":0.5657,"qty":1098.3947558}],"checksum":2114181697,"timestamp":"2023-10-06T17:35:55.440295Z"}]}
//   {"channel":"trade","type":..,"data":[{"symbol","side","price","qty","ord_type","trade_id","timestamp"},..]}
//   {"channel":"ticker","type":..,"data":[{"symbol","bid","bid_qty","ask","ask_qty",..,"timestamp"}]}
//   {"channel":"instrument","type":..,"data":{"assets":[..],"pairs":[{"symbol","price_precision",..},..]}}
//
// The checksum is over numbers with all of the pair's decimals, which only the instrument channel tells. Until it has,
// decimals grow with what is seen and nothing is checked: a missing trailing zero would look like a missing update.
import { ChecksumRule, Flag, Integrity, PrintRule, TextReason, TradeKind } from '../../records/layout.ts'
import { ByteTable } from '../byte-table.ts'
import {
  type Adapter,
  CHANNEL_BITS,
  type ConnectionPlan,
  type Endpoints,
  type NormalizerContext,
  type Subscription,
} from '../feed.ts'
import { type ConnectionState, READ, type ReadResult } from '../frame-normalizer.ts'
import { DECIMALS_MAX, type Instrument } from '../instruments.ts'
import { FrameError, key } from '../json-reader.ts'
import type { LevelBuffer } from '../level-buffer.ts'
import { type BookEvent, type KrakenConnection, KrakenNormalizer } from './kraken-normalizer.ts'
import {
  BOOK_DEPTH,
  bySymbols,
  hello,
  KEEP_ALIVE_MS,
  SEND_INTERVAL_MS,
  STALE_AFTER_MS,
  symbolsOf,
} from './subscriptions.ts'

const CHANNEL = key('channel')
const TYPE = key('type')
const DATA = key('data')
const SNAPSHOT = key('snapshot')
const UPDATE = key('update')
const SYMBOL = key('symbol')
const BIDS = key('bids')
const ASKS = key('asks')
const PRICE = key('price')
const QTY = key('qty')
const CHECKSUM = key('checksum')
const TIMESTAMP = key('timestamp')
const SIDE = key('side')
const BUY = key('buy')
const SELL = key('sell')
const ORD_TYPE = key('ord_type')
const MARKET = key('market')
const LIMIT = key('limit')
const TRADE_ID = key('trade_id')
const BID = key('bid')
const BID_QTY = key('bid_qty')
const ASK = key('ask')
const ASK_QTY = key('ask_qty')
const PAIRS = key('pairs')
const BASE = key('base')
const QUOTE = key('quote')
const PRICE_PRECISION = key('price_precision')
const PRICE_INCREMENT = key('price_increment')
const QTY_PRECISION = key('qty_precision')
const QTY_INCREMENT = key('qty_increment')
const METHOD = key('method')
const SUCCESS = key('success')
const ERROR = key('error')
const RESULT = key('result')
const REQ_ID = key('req_id')
const DEPTH = key('depth')
const BOOK = key('book')
/** Of a subscription that does not name one. */
const DEPTH_DEFAULT = 10

const CHANNELS = ['book', 'trade', 'ticker', 'instrument', 'heartbeat', 'status'] as const
type V2Channel = (typeof CHANNELS)[number] | 'other'

interface V2Connection extends KrakenConnection {
  /** As acknowledged. */
  readonly depths: Map<Instrument, number>
}

/** What the instrument channel says of a pair. */
interface Pair {
  symbol: string
  base: string
  quote: string
  priceDecimals: number
  sizeDecimals: number
  tickSize: bigint
  lotSize: bigint
}

class KrakenV2Normalizer extends KrakenNormalizer<V2Connection> {
  readonly #channels = new ByteTable<V2Channel>((name) => CHANNELS.find((known) => known === name) ?? 'other')
  readonly #pairs = new Map<string, Pair>()

  constructor(context: NormalizerContext) {
    super(krakenV2.name, context, PrintRule.minimal, ChecksumRule.none)
  }

  protected override createConnection(state: ConnectionState): V2Connection {
    return { ...super.createConnection(state), depths: new Map() }
  }

  protected override read(connection: V2Connection): ReadResult {
    const { reader } = this
    reader.enter()
    if (!reader.find(CHANNEL)) return this.#answer(connection)
    const channel = reader.intern(this.#channels)
    switch (channel) {
      case 'book':
        return this.#book(connection)
      case 'trade':
        return this.#trades(connection)
      case 'ticker':
        return this.#quotes(connection)
      case 'instrument':
        return this.#instruments()
      default:
        this.#end()
        return channel === 'other' ? TextReason.unmapped : TextReason.control
    }
  }

  protected override resubscribe(symbol: string, depth: number): string[] {
    const params = { channel: 'book', symbol: [symbol], depth }
    return [
      JSON.stringify({ method: 'unsubscribe', params }),
      JSON.stringify({ method: 'subscribe', params: { ...params, snapshot: true } }),
    ]
  }

  protected override settle(event: BookEvent): void {
    const { instrument } = event
    const pair = this.#pairs.get(instrument.symbol)
    const exact = pair?.priceDecimals === instrument.priceDecimals && pair.sizeDecimals === instrument.sizeDecimals
    this.define(instrument, { bookDepth: event.depth, checksumRule: exact ? ChecksumRule.kraken10 : ChecksumRule.none })
  }

  #end(): void {
    this.reader.leave()
    this.reader.end()
  }

  /** Enters the elements of "data"; true: they are a snapshot. */
  #data(): boolean {
    const { reader } = this
    reader.require(TYPE)
    const snapshot = reader.takeIf(SNAPSHOT)
    if (!snapshot && !reader.takeIf(UPDATE)) throw new FrameError('a frame is neither a snapshot nor an update')
    reader.require(DATA)
    return snapshot
  }

  #symbol(): Instrument {
    this.reader.require(SYMBOL)
    return this.reader.intern(this.symbols)
  }

  #book(connection: V2Connection): ReadResult {
    const { reader } = this
    const snapshot = this.#data()
    this.beginEvents()
    let count = 0
    reader.array()
    while (reader.next()) {
      reader.enter()
      const event = this.nextEvent(this.#symbol())
      event.snapshot = snapshot
      event.depth = connection.depths.get(event.instrument) ?? DEPTH_DEFAULT
      reader.require(BIDS)
      this.#levels(event.instrument, event.bids)
      reader.require(ASKS)
      this.#levels(event.instrument, event.asks)
      if (reader.find(CHECKSUM)) this.readChecksum(event)
      if (reader.find(TIMESTAMP)) {
        reader.isoTime()
        event.time(reader.low, reader.high)
      }
      reader.leave()
      count++
    }
    this.#end()
    this.writeEvents(connection)
    return count === 0 ? TextReason.unmapped : READ
  }

  #levels(instrument: Instrument, levels: LevelBuffer): void {
    const { reader } = this
    reader.array()
    while (reader.next()) {
      reader.enter()
      reader.require(PRICE)
      this.readPrice(instrument)
      const low = reader.low
      const high = reader.high
      reader.require(QTY)
      this.readSize(instrument)
      levels.push(low, high, reader.low, reader.high)
      reader.leave()
    }
  }

  #trades(connection: V2Connection): ReadResult {
    const { reader, trade } = this
    const backlog = this.#data() ? Flag.backlog : 0
    let count = 0
    reader.array()
    while (reader.next()) {
      reader.enter()
      trade.reset()
      const instrument = this.#symbol()
      reader.require(SIDE)
      trade.flags = backlog
      if (reader.takeIf(BUY)) trade.flags = Flag.buy | backlog
      else if (reader.takeIf(SELL)) trade.flags = Flag.sell | backlog
      else this.words.note('side of a trade', reader.raw())
      reader.require(PRICE)
      this.readPrice(instrument)
      trade.price(reader.low, reader.high)
      reader.require(QTY)
      this.readSize(instrument)
      trade.size(reader.low, reader.high)
      if (reader.find(ORD_TYPE)) {
        if (reader.takeIf(MARKET)) trade.kind = TradeKind.market
        else if (reader.takeIf(LIMIT)) trade.kind = TradeKind.limit
        else {
          trade.kind = TradeKind.other
          this.words.note('kind of trade', reader.raw())
        }
      }
      reader.require(TRADE_ID)
      reader.unsigned()
      trade.id(reader.low, reader.high)
      reader.require(TIMESTAMP)
      reader.isoTime()
      trade.event(reader.low, reader.high)
      reader.leave()
      trade.write(this.number(connection, instrument))
      instrument.delivered |= CHANNEL_BITS.trade
      count++
    }
    this.#end()
    return count === 0 ? TextReason.unmapped : READ
  }

  #quotes(connection: V2Connection): ReadResult {
    const { reader, quote } = this
    this.#data()
    let count = 0
    reader.array()
    while (reader.next()) {
      reader.enter()
      quote.reset()
      const instrument = this.#symbol()
      reader.require(BID)
      if (!reader.isNull()) {
        this.readPrice(instrument)
        quote.bidPrice(reader.low, reader.high)
        reader.require(BID_QTY)
        this.readSize(instrument)
        quote.bidSize(reader.low, reader.high)
      }
      reader.require(ASK)
      if (!reader.isNull()) {
        this.readPrice(instrument)
        quote.askPrice(reader.low, reader.high)
        reader.require(ASK_QTY)
        this.readSize(instrument)
        quote.askSize(reader.low, reader.high)
      }
      if (reader.find(TIMESTAMP)) {
        reader.isoTime()
        quote.event(reader.low, reader.high)
      }
      reader.leave()
      quote.write(this.number(connection, instrument))
      instrument.delivered |= CHANNEL_BITS.quote
      count++
    }
    this.#end()
    return count === 0 ? TextReason.unmapped : READ
  }

  /** The definitions of all pairs, first as a snapshot of hundreds of kilobytes, then whatever changes. */
  #instruments(): ReadResult {
    const { reader } = this
    this.#data()
    const pairs: Pair[] = []
    reader.enter()
    reader.require(PAIRS)
    reader.array()
    while (reader.next()) pairs.push(this.#pair())
    reader.leave()
    this.#end()
    for (const pair of pairs) {
      this.#pairs.set(pair.symbol, pair)
      const { symbol, ...change } = pair
      this.define(this.instrument(symbol), change)
    }
    return READ
  }

  #pair(): Pair {
    const { reader } = this
    reader.enter()
    reader.require(SYMBOL)
    const symbol = reader.string()
    reader.require(BASE)
    const base = reader.string()
    reader.require(QUOTE)
    const quote = reader.string()
    const sizeDecimals = this.#precision(QTY_PRECISION)
    const lotSize = this.#increment(QTY_INCREMENT, sizeDecimals)
    const priceDecimals = this.#precision(PRICE_PRECISION)
    const tickSize = this.#increment(PRICE_INCREMENT, priceDecimals)
    reader.leave()
    return { symbol, base, quote, priceDecimals, sizeDecimals, tickSize, lotSize }
  }

  #precision(name: Uint8Array): number {
    this.reader.require(name)
    this.reader.unsigned()
    if (this.reader.high !== 0 || this.reader.low < 0 || this.reader.low > DECIMALS_MAX)
      throw new FrameError('a precision is out of range')
    return this.reader.low
  }

  /** An increment's mantissa; 0, not known, when it is missing or finer than the precision. */
  #increment(name: Uint8Array, decimals: number): bigint {
    const { reader } = this
    if (!reader.find(name)) return 0n
    return reader.decimal(decimals, true) === 0 ? BigInt.asIntN(64, reader.bigint) : 0n
  }

  /** Of a book's acknowledgement. */
  #depth(): number {
    const { reader } = this
    if (!reader.find(DEPTH)) return DEPTH_DEFAULT
    reader.unsigned()
    if (reader.high !== 0 || reader.low < 1 || reader.low > 65535) throw new FrameError('a depth is out of range')
    return reader.low
  }

  /** {"method":"subscribe","result":{"channel":"book","symbol":"BTC/USD","depth":1000,..},"success":true,..}, pong */
  #answer(connection: V2Connection): ReadResult {
    const { reader } = this
    if (!reader.find(METHOD)) {
      this.#end()
      return TextReason.unmapped
    }
    const method = reader.string()
    const refused = reader.find(SUCCESS) && !reader.boolean()
    const reason = reader.find(ERROR) && reader.isString() ? reader.string() : ''
    const id = this.requestId(REQ_ID)
    let symbol = reader.find(SYMBOL) && reader.isString() ? reader.string() : undefined
    let depth: number | undefined
    if (method === 'subscribe' && reader.find(RESULT) && reader.isObject()) {
      reader.enter()
      depth = reader.find(CHANNEL) && reader.takeIf(BOOK) ? this.#depth() : undefined
      if (reader.find(SYMBOL) && reader.isString()) symbol = reader.string()
      reader.leave()
    }
    this.#end()
    if (method === 'subscribe' && (symbol !== undefined || refused)) {
      const named = { ...(symbol === undefined ? {} : { symbol }), ...(id === undefined ? {} : { id }) }
      this.answer({ connection: connection.id, accepted: !refused, ...named, reason })
    } else if (refused) this.warn(`${this.venue}: the venue refused to ${method}: ${reason}`)
    if (!refused && depth !== undefined && symbol !== undefined) {
      const instrument = this.instrument(symbol)
      connection.depths.set(instrument, depth)
      this.define(instrument, { bookDepth: depth })
    }
    return TextReason.control
  }
}

export const krakenV2: Adapter = {
  name: 'kraken-v2',
  connectionIntegrity: Integrity.none,

  speaks(url: string): boolean {
    return URL.canParse(url) && /^\/v2\/?$/.test(new URL(url).pathname)
  },

  plan(subscriptions: readonly Subscription[], endpoints: Endpoints): ConnectionPlan[] {
    return bySymbols(subscriptions).map((part) => {
      const definitions = JSON.stringify({ method: 'subscribe', params: { channel: 'instrument', snapshot: true } })
      const asks = (
        [
          ['trade', { channel: 'trade', snapshot: true }],
          ['quote', { channel: 'ticker', event_trigger: 'bbo', snapshot: true }],
          ['book', { channel: 'book', depth: BOOK_DEPTH, snapshot: true }],
        ] as const
      ).map(([channel, params]) => ({
        channel,
        symbols: symbolsOf(part, channel),
        message: (id: number, symbol: readonly string[]) => ({
          method: 'subscribe',
          params: { ...params, symbol },
          req_id: id,
        }),
      }))
      return {
        url: `${endpoints.websocket}/v2`,
        ...hello([definitions], asks, (symbol) => symbol),
        sendIntervalMs: SEND_INTERVAL_MS,
        keepAlive: { message: '{"method":"ping"}', everyMs: KEEP_ALIVE_MS },
        staleAfterMs: STALE_AFTER_MS,
        subscriptions: part,
      }
    })
  },

  createNormalizer: (context: NormalizerContext) => new KrakenV2Normalizer(context),
}
