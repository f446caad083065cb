// Binance frames to records: spot, USD-M and COIN-M futures.
//
//   trade        {"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}
//   trade        {"e":"trade","E":..,"T":..,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}   futures
//   aggTrade     {"e":"aggTrade","E":..,"s":"BTCUSDT","a":26129,"p":"0.01","q":"1.00","f":100,"l":105,"T":..,"m":true}
//   bookTicker   {"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}        spot
//   bookTicker   {"e":"bookTicker","u":..,"s":..,"b":..,"B":..,"a":..,"A":..,"T":..,"E":..}                                   futures
//   depthUpdate  {"e":"depthUpdate","E":..,"s":"BTCUSDT","U":157,"u":160,"b":[["61730.17000000","0.00000000"]],"a":[]}         spot
//   depthUpdate  {"e":"depthUpdate","E":..,"T":..,"s":"BTCUSDT","U":157,"u":160,"pu":149,"b":[],"a":[]}                        futures
//   partial book {"lastUpdateId":160,"bids":[],"asks":[]}           spot; futures send depthUpdate on these streams too
//
// either as they are or, on /stream, inside {"stream":"btcusdt@trade","data":{...}}. Times are milliseconds, or
// microseconds on a connection with timeUnit=MICROSECOND. Members are asked for in the order in which the venue sends
// them, which is fast; any other order reads the same.
import {
  Flag,
  GapCause,
  NONE_U64,
  QUOTE_ASK_PRICE,
  QUOTE_ASK_SIZE,
  QUOTE_BID_PRICE,
  QUOTE_BID_SIZE,
  QUOTE_SEQUENCE,
  QUOTE_TS_SENT,
  QUOTE_UPDATE_ID,
  RecordType,
  TextReason,
  TRADE_BUYER_ORDER_ID,
  TRADE_FIRST_ID,
  TRADE_ID,
  TRADE_KIND,
  TRADE_LAST_ID,
  TRADE_PRICE,
  TRADE_SELLER_ORDER_ID,
  TRADE_SEQUENCE,
  TRADE_SIZE,
  TRADE_TS_SENT,
  TradeKind,
} from '../../records/layout.ts'
import { ByteTable } from '../byte-table.ts'
import { type Adapter, CHANNEL_BITS, type NormalizerContext } from '../feed.ts'
import { type ConnectionState, FrameNormalizer, READ, type ReadResult } from '../frame-normalizer.ts'
import type { Instrument } from '../instruments.ts'
import { keys } from '../json-reader.ts'
import {
  BinanceConnection,
  eventKinds,
  type FrameKind,
  PATIENCE,
  STALE_PATIENCE,
  type StreamState,
  type SymbolState,
} from './connection.ts'
import { definitionChange, readExchangeInfo, type SymbolInfo } from './exchange-info.ts'
import type { Market } from './market.ts'

const K = keys('e', 'E', 'T', 's', 't', 'p', 'q', 'X', 'm', 'a', 'b', 'f', 'l', 'u', 'U', 'pu', 'A', 'B')
const ENVELOPE = keys('stream', 'data', 'result', 'error', 'code', 'msg', 'id')
const REST = keys('lastUpdateId', 'E', 'T', 'symbol', 'bids', 'asks', 'symbols', 'code')

const TRADE_CELLS = 2
const QUOTE_CELLS = 2
const NONE_HIGH = -2147483648
/** Most updates that go by before a snapshot is asked for again when the venue's answer was of no use. */
const PATIENCE_MAX = 32_000

const TRADE_KINDS: Record<string, TradeKind> = {
  MARKET: TradeKind.market,
  INSURANCE_FUND: TradeKind.insuranceFund,
  ADL: TradeKind.adl,
  NA: TradeKind.notApplicable,
}

export class BinanceNormalizer extends FrameNormalizer<BinanceConnection> {
  readonly #market: Market
  readonly #events = eventKinds()
  readonly #tradeKinds = new ByteTable((word) => ({ word, kind: TRADE_KINDS[word] ?? TradeKind.other }))
  readonly #infos = new Map<string, SymbolInfo>()
  /** Of the frame being read: its stream, whether it is wrapped in {"stream","data"}, its times. */
  #stream: StreamState | undefined
  #combined = false
  #eventLow = 0
  #eventHigh = 0
  #sentLow = 0
  #sentHigh = 0
  /** Symbols with a gap behind which no book has been whole again. */
  readonly #suspects = new Set<string>()

  constructor(market: Market, adapter: Adapter, context: NormalizerContext) {
    super(adapter.name, adapter.connectionIntegrity, context)
    this.#market = market
  }

  protected override createConnection(state: ConnectionState): BinanceConnection {
    return new BinanceConnection(state, {
      market: this.#market,
      instrument: (symbol) => this.table.get(symbol, this.#market.defaults(symbol)),
      isSuspect: (symbol) => this.#suspects.has(symbol),
    })
  }

  protected override instrumentOf(symbol: string): Instrument {
    const instrument = this.table.get(symbol, this.#market.defaults(symbol))
    const info = instrument.number === 0 ? this.#infos.get(symbol) : undefined
    if (info !== undefined) this.#inform(instrument, info)
    return instrument
  }

  /** Every book of the connection is doubtful, and is joined to a new snapshot. */
  protected override frameDropped(connection: BinanceConnection): void {
    for (const symbol of connection.known()) {
      symbol.continuity.reset()
      this.#setSuspect(symbol, true)
    }
  }

  override interrupted(id: number, cause: GapCause): void {
    super.interrupted(id, cause)
    const connection = [...this.connections()].find((known) => known.id === id)
    for (const instrument of connection?.instruments ?? []) this.#suspects.add(instrument.symbol)
  }

  /** Before a definition is written: expresses what exchangeInfo said in the decimals that are in force by now. */
  protected override number(connection: BinanceConnection, instrument: Instrument): number {
    const info = instrument.number === 0 ? this.#infos.get(instrument.symbol) : undefined
    if (info !== undefined) this.#inform(instrument, info)
    return super.number(connection, instrument)
  }

  // ---- frames

  protected override read(connection: BinanceConnection): ReadResult {
    const reader = this.reader
    this.#combined = false
    this.#stream = connection.only
    if (!reader.isObject()) return TextReason.unmapped
    reader.enter()
    if (reader.find(ENVELOPE.stream)) {
      this.#combined = true
      this.#stream = reader.intern(connection.streams)
      reader.require(ENVELOPE.data)
      if (!reader.isObject()) return TextReason.unmapped
      reader.enter()
    }
    switch (this.#stream?.kind ?? this.#kind()) {
      case 'bookTicker':
        return this.#quote(connection)
      case 'trade':
        return this.#trade(connection)
      case 'depth':
        return this.#update(connection, false)
      case 'aggTrade':
        return this.#aggTrade(connection)
      case 'partialDepth':
        if (this.#market.futures) return this.#update(connection, true)
        this.#snapshot(connection, this.#stream?.symbol as SymbolState, Flag.snapshot | Flag.top)
        return READ
      case 'serverShutdown':
        this.#end()
        this.request({ kind: 'reconnect', connection: connection.id, reason: 'the venue announces that it shuts down' })
        return TextReason.control
      default:
        return this.#combined ? TextReason.unmapped : this.#control(connection)
    }
  }

  /** Kind of a frame whose stream is not known. */
  #kind(): FrameKind {
    const reader = this.reader
    if (reader.find(K.e)) return reader.intern(this.#events)
    // Spot's bookTicker has no "e".
    const quote = reader.find(K.u) && reader.find(K.s) && reader.find(K.b) && reader.find(K.B)
    return quote && reader.find(K.a) && reader.find(K.A) ? 'bookTicker' : 'other'
  }

  /** {"result":null,"id":1}, {"error":{"code":2,"msg":".."},"id":1}, {"code":-1121,"msg":".."}, or a market's data that has no record yet. */
  #control(connection: BinanceConnection): ReadResult {
    const reader = this.reader
    const refused = reader.find(ENVELOPE.error) || reader.find(ENVELOPE.code)
    const reason = refused ? reader.raw() : ''
    const message = refused && reader.find(ENVELOPE.msg) ? `${reason} ${reader.raw()}` : reason
    if (!refused && !(reader.find(ENVELOPE.result) && reader.find(ENVELOPE.id))) return TextReason.unmapped
    const id = this.requestId(ENVELOPE.id)
    if (id !== undefined) this.answer({ connection: connection.id, accepted: !refused, id, reason: message })
    else if (refused) this.warn(`${this.venue}: the venue answered with an error: ${message}`)
    return TextReason.control
  }

  /** The frame's symbol: what "s" says, which is nearly always what the stream's name says. */
  #symbol(connection: BinanceConnection): SymbolState {
    const { reader } = this
    reader.require(K.s)
    const expected = this.#stream?.symbol
    return expected !== undefined && reader.takeIf(expected.bytes) ? expected : reader.intern(connection.symbols)
  }

  /** Nothing of the frame can fail any more behind this. */
  #end(): void {
    this.reader.leave()
    if (this.#combined) this.reader.leave()
    this.reader.end()
  }

  #trade(connection: BinanceConnection): ReadResult {
    const { reader, writer } = this
    const at = this.#beginTrade(connection, K.t)
    if (this.#market.futures) {
      if (reader.find(K.X)) writer.put8(at, TRADE_KIND, this.#tradeKind())
    } else {
      // Until 2023 spot named both orders.
      this.#optionalId(at, TRADE_BUYER_ORDER_ID, K.b)
      this.#optionalId(at, TRADE_SELLER_ORDER_ID, K.a)
    }
    this.#finishTrade(at, 0)
    return READ
  }

  #tradeKind(): TradeKind {
    const { reader } = this
    const { word, kind } = reader.isString()
      ? reader.intern(this.#tradeKinds)
      : { word: reader.raw(), kind: TradeKind.other }
    if (kind === TradeKind.other) this.words.note('kind of trade', word)
    return kind
  }

  #aggTrade(connection: BinanceConnection): ReadResult {
    const at = this.#beginTrade(connection, K.a)
    this.#optionalId(at, TRADE_FIRST_ID, K.f)
    this.#optionalId(at, TRADE_LAST_ID, K.l)
    this.#finishTrade(at, Flag.aggregate)
    return READ
  }

  /** What all trades have, up to the size. */
  #beginTrade(connection: BinanceConnection, id: Uint8Array): number {
    const { reader, writer } = this
    reader.require(K.E)
    reader.millisOrMicros()
    const sentLow = reader.low
    const sentHigh = reader.high
    const { instrument } = this.#symbol(connection)
    instrument.delivered |= CHANNEL_BITS.trade
    const at = writer.begin(RecordType.trade, TRADE_CELLS, 0, this.number(connection, instrument), 0, NONE_HIGH)
    writer.put64(at, TRADE_TS_SENT, sentLow, sentHigh)
    writer.putNoId(at, TRADE_SEQUENCE)
    writer.putNoId(at, TRADE_FIRST_ID)
    writer.putNoId(at, TRADE_LAST_ID)
    writer.putNoId(at, TRADE_BUYER_ORDER_ID)
    writer.putNoId(at, TRADE_SELLER_ORDER_ID)
    reader.require(id)
    reader.unsigned()
    writer.put64(at, TRADE_ID, reader.low, reader.high)
    reader.require(K.p)
    this.putPrice(at, TRADE_PRICE, instrument)
    reader.require(K.q)
    this.putSize(at, TRADE_SIZE, instrument)
    return at
  }

  #finishTrade(at: number, flags: number): void {
    const { reader, writer } = this
    reader.require(K.T)
    reader.millisOrMicros()
    writer.setEvent(at, reader.low, reader.high)
    reader.require(K.m)
    // "m": the buyer was in the book, so the seller was the aggressor.
    const side = reader.boolean() ? Flag.sell : Flag.buy
    writer.setFlags(at, flags | side | Flag.last | Flag.extension)
    this.#end()
  }

  #quote(connection: BinanceConnection): ReadResult {
    const { reader, writer } = this
    reader.require(K.u)
    reader.unsigned()
    const idLow = reader.low
    const idHigh = reader.high
    const { instrument } = this.#symbol(connection)
    const number = this.number(connection, instrument)
    instrument.delivered |= CHANNEL_BITS.quote
    const at = writer.begin(RecordType.quote, QUOTE_CELLS, Flag.last | Flag.extension, number, 0, NONE_HIGH)
    writer.put64(at, QUOTE_UPDATE_ID, idLow, idHigh)
    writer.putNone(at, QUOTE_TS_SENT)
    writer.putNoId(at, QUOTE_SEQUENCE)
    reader.require(K.b)
    this.putPrice(at, QUOTE_BID_PRICE, instrument)
    reader.require(K.B)
    this.putSize(at, QUOTE_BID_SIZE, instrument)
    reader.require(K.a)
    this.putPrice(at, QUOTE_ASK_PRICE, instrument)
    reader.require(K.A)
    this.putSize(at, QUOTE_ASK_SIZE, instrument)
    if (this.#market.futures) {
      reader.require(K.T)
      reader.millisOrMicros()
      writer.setEvent(at, reader.low, reader.high)
      reader.require(K.E)
      reader.millisOrMicros()
      writer.put64(at, QUOTE_TS_SENT, reader.low, reader.high)
    }
    this.#end()
    return READ
  }

  /**
   * A change of a book; what is missing before it becomes a gap record in front of it. Or, `whole`, the best levels as a
   * book of their own beside the one that changes build, and so without continuity.
   */
  #update(connection: BinanceConnection, whole: boolean): ReadResult {
    const { reader, book } = this
    this.#bookTimes()
    const symbol = this.#symbol(connection)
    const { instrument, continuity } = symbol
    reader.require(K.U)
    reader.unsigned()
    const first = reader.bigint
    reader.require(K.u)
    reader.unsigned()
    const last = reader.bigint
    const previous = this.#previousId()
    const number = this.number(connection, instrument)
    const missing = whole ? undefined : continuity.check(first, previous)
    if (missing !== undefined) {
      this.gap(number, GapCause.sequence, RecordType.book, missing, symbol.lastLow, symbol.lastHigh)
    }
    this.#beginBook(number, whole ? Flag.snapshot | Flag.top : 0)
    book.setIds(first, last, previous)
    this.#levels(instrument, K.b, K.a)
    this.#end()
    instrument.delivered |= CHANNEL_BITS.book
    if (!whole) {
      continuity.update(first, last, previous)
      if (missing !== undefined) this.#setSuspect(symbol, true)
      if (connection.url === '') symbol.recent.push(first, last, previous)
      symbol.lastLow = this.stamp.low
      symbol.lastHigh = this.stamp.high
      this.#resync(connection, symbol)
      if (symbol.suspect) book.addFlags(Flag.maybeBadBook)
    }
    book.finish()
    return READ
  }

  // ---- REST answers

  protected override readRest(connection: BinanceConnection, path: string): ReadResult {
    const { reader } = this
    this.#combined = false
    if (!reader.isObject()) return TextReason.unmapped
    reader.enter()
    const asked = new URL(path, 'http://localhost')
    if (reader.find(REST.lastUpdateId)) return this.#restBook(connection, asked.searchParams.get('symbol'))
    if (asked.pathname.endsWith('/exchangeInfo') && reader.find(REST.symbols)) return this.#exchangeInfo()
    if (!reader.find(REST.code)) return TextReason.unmapped
    this.warn(`${this.venue}: ${path} was answered with an error: ${reader.raw()}`)
    reader.leave()
    reader.end()
    this.answerRefused(connection, path)
    return TextReason.control
  }

  /** The book is asked for again, after a pause that grows each time. */
  protected override answerRefused(connection: BinanceConnection, path: string): void {
    const asked = new URL(path, 'http://localhost')
    const symbol = asked.searchParams.get('symbol')
    if (asked.pathname !== this.#market.depthPath || symbol === null) return
    const state = connection.symbol(symbol)
    if (!state.requested) return
    state.requested = false
    state.pause = state.patience
    state.patience = Math.min(state.patience * 2, PATIENCE_MAX)
    // Nobody knows when there will be a snapshot: what is built without one is no book.
    if (!state.continuity.joined) this.#setSuspect(state, true)
  }

  #restBook(connection: BinanceConnection, asked: string | null): ReadResult {
    const { reader } = this
    // Captures of other recorders hold answers without the question; COIN-M's name their symbol.
    const name = asked ?? (reader.find(REST.symbol) ? reader.string() : undefined)
    const symbol = name === undefined ? this.#owner(connection) : connection.symbol(name)
    if (symbol === undefined) {
      this.warn(`${this.venue}: it is not clear which symbol's book a snapshot is: it is kept as text`)
      return TextReason.unmapped
    }
    const id = this.#snapshot(connection, symbol, Flag.snapshot | Flag.rest)
    symbol.requested = false
    symbol.patience = PATIENCE
    symbol.answered = true
    symbol.continuity.snapshot(id)
    this.#resync(connection, symbol)
    return READ
  }

  #owner(connection: BinanceConnection): SymbolState | undefined {
    this.reader.require(REST.lastUpdateId)
    this.reader.unsigned()
    return connection.ownerOf(this.reader.bigint)
  }

  /** {"lastUpdateId":160,"E":..,"T":..,"bids":[],"asks":[]}, the times only of futures. Returns the id. */
  #snapshot(connection: BinanceConnection, symbol: SymbolState, flags: number): bigint {
    const { reader, book } = this
    const { instrument } = symbol
    reader.require(REST.lastUpdateId)
    reader.unsigned()
    const id = reader.bigint
    this.#sentHigh = NONE_HIGH
    this.#eventHigh = NONE_HIGH
    this.#sentLow = 0
    this.#eventLow = 0
    if (this.#market.futures) this.#bookTimes()
    this.#beginBook(this.number(connection, instrument), flags)
    book.setIds(NONE_U64, id, NONE_U64)
    this.#levels(instrument, REST.bids, REST.asks)
    this.#end()
    book.finish()
    return id
  }

  /** What an exchangeInfo answer says dates the definitions in use, and waits for the other symbols to be used. */
  #exchangeInfo(): ReadResult {
    const infos = readExchangeInfo(this.reader)
    this.#end()
    for (const [symbol, info] of infos) {
      this.#infos.set(symbol, info)
      if (info.kind === undefined && info.contractType !== '') this.words.tell('contract type', info.contractType)
      const instrument = this.table.known(symbol)
      if (instrument !== undefined) this.#inform(instrument, info)
    }
    return READ
  }

  // ---- parts

  /** Asks for a snapshot if the book cannot be built without one, and takes note when it is whole again. */
  #resync(connection: BinanceConnection, symbol: SymbolState): void {
    if (symbol.continuity.joined) {
      if (symbol.suspect) this.#setSuspect(symbol, false)
      symbol.answered = false
      symbol.stalePatience = 0
      return
    }
    if (symbol.requested || !symbol.continuity.needsSnapshot) return
    if (symbol.answered) {
      symbol.answered = false
      symbol.pause = symbol.stalePatience
      if (symbol.stalePatience > 0) this.#setSuspect(symbol, true)
      symbol.stalePatience = Math.min(Math.max(STALE_PATIENCE, symbol.stalePatience * 2), PATIENCE_MAX)
    }
    if (symbol.pause > 0) {
      symbol.pause--
      return
    }
    symbol.requested = true
    const { depthPath, depthLimit } = this.#market
    const path = `${depthPath}?symbol=${encodeURIComponent(symbol.symbol)}&limit=${depthLimit}`
    this.request({ kind: 'rest', path, purpose: `the order book of ${symbol.symbol}`, connection: connection.id })
  }

  #setSuspect(symbol: SymbolState, suspect: boolean): void {
    symbol.suspect = suspect
    if (suspect) this.#suspects.add(symbol.symbol)
    else this.#suspects.delete(symbol.symbol)
  }

  /** A depth update's times: futures say when the engine made it and when it was sent, spot only the latter. */
  #bookTimes(): void {
    const { reader } = this
    reader.require(K.E)
    reader.millisOrMicros()
    this.#sentLow = reader.low
    this.#sentHigh = reader.high
    if (this.#market.futures) {
      reader.require(K.T)
      reader.millisOrMicros()
    }
    this.#eventLow = reader.low
    this.#eventHigh = reader.high
  }

  /** The id of the update before, which only futures give. */
  #previousId(): bigint {
    if (!this.#market.futures) return NONE_U64
    this.reader.require(K.pu)
    this.reader.unsigned()
    return this.reader.bigint
  }

  #beginBook(number: number, flags: number): void {
    const { book } = this
    book.begin(number, flags, this.#market.futures)
    book.setEvent(this.#eventLow, this.#eventHigh)
    if (this.#market.futures) book.setSent(this.#sentLow, this.#sentHigh)
  }

  #levels(instrument: Instrument, bids: Uint8Array, asks: Uint8Array): void {
    const { reader } = this
    reader.require(bids)
    this.readLevels(instrument, true)
    reader.require(asks)
    this.readLevels(instrument, false)
  }

  #optionalId(at: number, offset: number, name: Uint8Array): void {
    const { reader } = this
    if (!reader.find(name)) return
    reader.unsigned()
    this.writer.put64(at, offset, reader.low, reader.high)
  }

  #inform(instrument: Instrument, info: SymbolInfo): void {
    this.table.update(instrument.symbol, definitionChange(info, instrument), instrument)
  }
}
