// Kraken's first WebSocket protocol: arrays whose last two elements say what they are, numbers as text with as many
// decimals as the pair has, names of its own for two currencies (XBT, XDG).
// Source: docs.kraken.com, "Spot WebSockets v1".
//
//   [1360,{"as":[[price,volume,time],..],"bs":[..]},"book-1000","ADA/XBT"]                       snapshot, no checksum
//   [992,{"b":[["354.15000000","5.00000000","1618678133.365913"]],"c":"2583817756"},"book-1000","XMR/USD"]
//   [1920,{"a":[..]},{"b":[..],"c":"4105471083"},"book-1000","SC/EUR"]                           both sides changed
//   [993,[["354.11000000","0.89594024","1618678142.557535","s","l",""]],"trade","XMR/USD"]       side, order type
//   [996,{"a":[price,whole,volume],"b":[..],..},"ticker","XMR/USD"]                              best ask, best bid
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
import { READ, type ReadResult } from '../frame-normalizer.ts'
import type { Instrument } from '../instruments.ts'
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

const EVENT = key('event')
const STATUS = key('status')
const ERROR = key('error')
const ERROR_MESSAGE = key('errorMessage')
const SUBSCRIBED = key('subscribed')
const CHANNEL_NAME = key('channelName')
const PAIR = key('pair')
const REQ_ID = key('reqid')
const BID_SNAPSHOT = key('bs')
const ASK_SNAPSHOT = key('as')
const BIDS = key('b')
const ASKS = key('a')
const CHECKSUM = key('c')
const BUY = key('b')
const SELL = key('s')
const MARKET = key('m')
const LIMIT = key('l')
const DEPTH_DEFAULT = 10

interface V1Channel {
  kind: 'book' | 'trade' | 'ticker' | 'other'
  depth: number
}

function channelOf(name: string): V1Channel {
  const book = /^book(?:-(\d{1,5}))?$/.exec(name)
  if (book !== null)
    return { kind: 'book', depth: book[1] === undefined ? DEPTH_DEFAULT : Number.parseInt(book[1], 10) }
  return { kind: name === 'trade' || name === 'ticker' ? name : 'other', depth: 0 }
}

class KrakenV1Normalizer extends KrakenNormalizer {
  readonly #channels = new ByteTable(channelOf)

  constructor(context: NormalizerContext) {
    super(krakenV1.name, context, PrintRule.fixed, ChecksumRule.kraken10)
  }

  protected override read(connection: KrakenConnection): ReadResult {
    const { reader } = this
    if (!reader.isArray()) return this.#event(connection)
    if (!reader.toLastString(2)) throw new FrameError('a frame does not say what it is')
    const channel = reader.intern(this.#channels)
    reader.toLastString(1)
    const instrument = reader.intern(this.symbols)
    reader.rewind()
    reader.array()
    this.#element()
    reader.skip()
    switch (channel.kind) {
      case 'book':
        this.#book(instrument, channel)
        this.#names(channel, instrument)
        this.writeEvents(connection)
        return READ
      case 'trade': {
        this.#element()
        const count = this.#trades(connection, instrument)
        this.#element()
        this.#names(channel, instrument)
        return count === 0 ? TextReason.unmapped : READ
      }
      case 'ticker':
        this.#element()
        this.#quote(connection, instrument)
        this.#element()
        this.#names(channel, instrument)
        return READ
      default:
        reader.leaveArray()
        reader.end()
        return TextReason.unmapped
    }
  }

  protected override resubscribe(symbol: string, depth: number): string[] {
    const request = { pair: [symbol], subscription: { name: 'book', depth } }
    return [JSON.stringify({ event: 'unsubscribe', ...request }), JSON.stringify({ event: 'subscribe', ...request })]
  }

  /** The checksum is over numbers with all of the pair's decimals. */
  protected override settle(event: BookEvent): void {
    const { pricePrint, sizePrint } = event.instrument
    const whole = pricePrint === PrintRule.fixed && sizePrint === PrintRule.fixed
    const checksumRule = whole ? ChecksumRule.kraken10 : ChecksumRule.none
    this.define(event.instrument, { bookDepth: event.depth, checksumRule })
  }

  /** The frame must end as it looked at first. The cursor stands at the first name. */
  #names(channel: V1Channel, instrument: Instrument): void {
    const { reader } = this
    const same =
      reader.intern(this.#channels) === channel && reader.next() && reader.intern(this.symbols) === instrument
    if (!same || reader.next()) throw new FrameError('a frame does not end with two names')
    reader.end()
  }

  /** Ends at the first name. */
  #book(instrument: Instrument, channel: V1Channel): void {
    const { reader } = this
    this.beginEvents()
    const event = this.nextEvent(instrument)
    event.depth = channel.depth
    let parts = 0
    for (this.#element(); reader.isObject(); this.#element()) {
      reader.enter()
      const known = parts
      if (reader.find(ASK_SNAPSHOT)) {
        event.snapshot = true
        this.#levels(event, event.asks)
        parts++
      }
      if (reader.find(BID_SNAPSHOT)) {
        event.snapshot = true
        this.#levels(event, event.bids)
        parts++
      }
      if (reader.find(ASKS)) {
        this.#levels(event, event.asks)
        parts++
      }
      if (reader.find(BIDS)) {
        this.#levels(event, event.bids)
        parts++
      }
      if (reader.find(CHECKSUM)) this.readChecksum(event)
      if (parts === known) throw new FrameError('a book has no levels')
      reader.leave()
    }
    if (parts === 0) throw new FrameError('a book has no levels')
  }

  /** [[price, volume, time, "r"?], ..]: "r" repeats an update that was sent before and changes nothing. */
  #levels(event: BookEvent, levels: LevelBuffer): void {
    const { reader } = this
    reader.array()
    while (reader.next()) {
      reader.array()
      this.#element()
      this.readPrice(event.instrument)
      const low = reader.low
      const high = reader.high
      this.#element()
      this.readSize(event.instrument)
      levels.push(low, high, reader.low, reader.high)
      this.#element()
      reader.seconds()
      event.time(reader.low, reader.high)
      reader.leaveArray()
    }
  }

  #trades(connection: KrakenConnection, instrument: Instrument): number {
    const { reader, trade } = this
    let count = 0
    reader.array()
    while (reader.next()) {
      reader.array()
      trade.reset()
      this.#element()
      this.readPrice(instrument)
      trade.price(reader.low, reader.high)
      this.#element()
      this.readSize(instrument)
      trade.size(reader.low, reader.high)
      this.#element()
      reader.seconds()
      trade.event(reader.low, reader.high)
      this.#element()
      if (reader.takeIf(BUY)) trade.flags = Flag.buy
      else if (reader.takeIf(SELL)) trade.flags = Flag.sell
      else this.words.note('side of a trade', reader.raw())
      if (reader.next()) {
        if (reader.takeIf(MARKET)) trade.kind = TradeKind.market
        else if (reader.takeIf(LIMIT)) trade.kind = TradeKind.limit
        else {
          trade.kind = TradeKind.other
          this.words.note('kind of trade', reader.raw())
        }
        reader.leaveArray()
      }
      trade.write(this.number(connection, instrument))
      instrument.delivered |= CHANNEL_BITS.trade
      count++
    }
    return count
  }

  #quote(connection: KrakenConnection, instrument: Instrument): void {
    const { reader, quote } = this
    quote.reset()
    reader.enter()
    reader.require(ASKS)
    reader.array()
    this.#element()
    this.readPrice(instrument)
    quote.askPrice(reader.low, reader.high)
    this.#toVolume()
    this.readSize(instrument)
    quote.askSize(reader.low, reader.high)
    reader.leaveArray()
    reader.require(BIDS)
    reader.array()
    this.#element()
    this.readPrice(instrument)
    quote.bidPrice(reader.low, reader.high)
    this.#toVolume()
    this.readSize(instrument)
    quote.bidSize(reader.low, reader.high)
    reader.leaveArray()
    reader.leave()
    quote.write(this.number(connection, instrument))
    instrument.delivered |= CHANNEL_BITS.quote
  }

  /** [price, whole lots, volume]: over the whole lots. */
  #toVolume(): void {
    this.#element()
    this.reader.skip()
    this.#element()
  }

  #element(): void {
    if (!this.reader.next()) throw new FrameError('an array is too short')
  }

  /** {"event":"heartbeat" | "systemStatus" | "subscriptionStatus" | "pong" | "error", ..} */
  #event(connection: KrakenConnection): ReadResult {
    const { reader } = this
    reader.enter()
    reader.require(EVENT)
    const event = reader.string()
    let problem = event === 'error'
    let subscribed = false
    let channel: V1Channel | undefined
    let instrument: Instrument | undefined
    if (event === 'subscriptionStatus') {
      reader.require(STATUS)
      if (reader.takeIf(SUBSCRIBED)) subscribed = true
      else if (reader.takeIf(ERROR)) problem = true
      if (reader.find(CHANNEL_NAME) && reader.isString()) channel = reader.intern(this.#channels)
      if (reader.find(PAIR) && reader.isString()) instrument = reader.intern(this.symbols)
    }
    const reason = reader.find(ERROR_MESSAGE) ? reader.string() : ''
    const id = this.requestId(REQ_ID)
    reader.leave()
    reader.end()
    if (problem || subscribed) {
      const named = {
        ...(instrument === undefined ? {} : { symbol: instrument.symbol }),
        ...(id === undefined ? {} : { id }),
      }
      this.answer({ connection: connection.id, accepted: subscribed, ...named, reason })
    }
    // The acknowledgement often comes before a trade that would define the pair without a depth.
    if (subscribed && instrument !== undefined && channel?.kind === 'book')
      this.define(instrument, { bookDepth: channel.depth })
    return TextReason.control
  }
}

/** 'BTC/USD' as v1 spells it. */
function v1Name(symbol: string): string {
  return symbol.replace(/\bBTC\b/, 'XBT').replace(/\bDOGE\b/, 'XDG')
}

export const krakenV1: Adapter = {
  name: 'kraken-v1',
  // v2 has been Kraken's current protocol for years; captures of v1 name its address and so do not depend on this.
  until: '2026-01-01T00:00:00Z',
  connectionIntegrity: Integrity.none,

  speaks(url: string): boolean {
    return URL.canParse(url) && ['', '/'].includes(new URL(url).pathname)
  },

  plan(subscriptions: readonly Subscription[], endpoints: Endpoints): ConnectionPlan[] {
    return bySymbols(subscriptions).map((part) => {
      const asks = (
        [
          ['trade', { name: 'trade' }],
          ['quote', { name: 'ticker' }],
          ['book', { name: 'book', depth: BOOK_DEPTH }],
        ] as const
      ).map(([channel, subscription]) => ({
        channel,
        symbols: symbolsOf(part, channel),
        message: (id: number, pair: readonly string[]) => ({ event: 'subscribe', reqid: id, pair, subscription }),
      }))
      return {
        url: `${endpoints.websocket}/`,
        ...hello([], asks, v1Name),
        sendIntervalMs: SEND_INTERVAL_MS,
        keepAlive: { message: '{"event":"ping"}', everyMs: KEEP_ALIVE_MS },
        staleAfterMs: STALE_AFTER_MS,
        subscriptions: part,
      }
    })
  },

  createNormalizer: (context: NormalizerContext) => new KrakenV1Normalizer(context),
}
