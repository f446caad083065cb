// Kraken's WebSocket v2 for spot, as a client sees it.
import type { ClientConnection } from '../connection.ts'
import type { FaultChannel } from '../faults.ts'
import type { InstrumentSpec } from '../instruments.ts'
import type { MarketEvent, MarketTrade, SyntheticInstrument, SyntheticMarket } from '../market.ts'
import { fixed, isoTime } from '../text.ts'
import { KrakenBookView } from './kraken-book.ts'
import {
  contains,
  json,
  parseObject,
  parseStrings,
  type RestAnswer,
  type SimulatedVenue,
  type VenueFacts,
} from './venue.ts'

const TRADES_KEPT = 50
const HEARTBEAT_NS = 1_000_000_000n
const DEPTHS = [10, 25, 100, 500, 1000]
const CHANNELS = ['book', 'trade', 'ticker']
const RECORDED_CHANNELS: Record<string, FaultChannel> = { book: 'book', trade: 'trade', ticker: 'quote' }
const DAY_SECONDS = 86_400

export const KRAKEN_FACTS: VenueFacts = {
  // v2 names the channel and the type; a v1 update is an array that ends with the channel and has no "as" or "bs".
  isBookUpdate: (frame) =>
    (contains(frame, '"channel":"book"') && contains(frame, '"type":"update"')) ||
    (contains(frame, '"book-') && !contains(frame, '"as":') && !contains(frame, '"event":')),
  subscribedByUrl: () => false,
  acknowledgements: () => [],
}

interface Session {
  connection: ClientConnection
  /** 'trade BTC/USD', 'ticker BTC/USD bbo', 'book BTC/USD 10'. */
  topics: Map<string, Topic>
  instrumentChannel: boolean
  heardNs: bigint
}

interface Topic {
  channel: string
  symbol: string
  depth: number
  /** ticker: send on trades rather than on changes of the best prices. */
  onTrades: boolean
}

interface Traded extends MarketTrade {
  time: string
}

interface KrakenInstrument {
  synthetic: SyntheticInstrument
  trades: Traded[]
  /** By depth: all clients of one depth see the same book. */
  views: Map<number, KrakenBookView>
}

export class KrakenVenue implements SimulatedVenue {
  readonly #instruments = new Map<string, KrakenInstrument>()
  readonly #sessions = new Map<ClientConnection, Session>()
  #connectionId = 12_393_906_104_898_154_338n

  constructor(market: SyntheticMarket) {
    for (const synthetic of market.instruments) {
      this.#instruments.set(synthetic.spec.symbol, { synthetic, trades: [], views: new Map() })
    }
  }

  accepts(url: URL): boolean {
    return url.pathname === '/v2'
  }

  connected(connection: ClientConnection, now: bigint): void {
    this.#sessions.set(connection, { connection, topics: new Map(), instrumentChannel: false, heardNs: now })
    this.#connectionId += 7n
    connection.send(
      `{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",` +
        `"connection_id":${this.#connectionId}}]}`,
    )
  }

  disconnected(connection: ClientConnection): void {
    this.#sessions.delete(connection)
  }

  message(connection: ClientConnection, text: string, now: bigint): void {
    const session = this.#sessions.get(connection)
    if (session === undefined) return
    const request = parseObject(text)
    const times = `"time_in":"${isoTime(now, 6)}","time_out":"${isoTime(now + 40_000n, 6)}"`
    if (request === undefined) {
      this.#send(session, `{"error":"Malformed request","success":false,${times}}`, now)
      return
    }
    const id = typeof request.req_id === 'number' ? `,"req_id":${request.req_id}` : ''
    if (request.method === 'ping') {
      this.#send(session, `{"method":"pong"${id},${times}}`, now)
      return
    }
    const method = request.method
    if (method !== 'subscribe' && method !== 'unsubscribe') {
      this.#send(
        session,
        `{"error":"Method not found","method":${JSON.stringify(String(method))},"success":false${id},${times}}`,
        now,
      )
      return
    }
    const params = (request.params ?? {}) as Record<string, unknown>
    const refuse = (error: string, symbol?: string) => {
      const name = symbol === undefined ? '' : `,"symbol":${JSON.stringify(symbol)}`
      this.#send(
        session,
        `{"error":${JSON.stringify(error)},"method":"${method}"${name},"success":false${id},${times}}`,
        now,
      )
    }
    const acknowledge = (result: string) =>
      this.#send(session, `{"method":"${method}","result":{${result}},"success":true${id},${times}}`, now)
    if (params.channel === 'instrument') {
      session.instrumentChannel = method === 'subscribe'
      acknowledge('"channel":"instrument","snapshot":true')
      if (method === 'subscribe') this.#send(session, this.#instrumentSnapshot(), now)
      return
    }
    if (typeof params.channel !== 'string' || !CHANNELS.includes(params.channel)) {
      refuse(`Channel ${String(params.channel)} not found`)
      return
    }
    const symbols = parseStrings(params.symbol)
    if (symbols === undefined || symbols.length === 0) {
      refuse('Symbol(s) not found')
      return
    }
    const depth = params.depth === undefined ? 10 : Number(params.depth)
    if (params.channel === 'book' && !DEPTHS.includes(depth)) {
      refuse(`Depth ${String(params.depth)} is not supported`)
      return
    }
    const many = method === 'subscribe' && symbols.length > 1 ? connection.refusal(symbols) : undefined
    if (many?.startsWith('too many')) {
      refuse(many)
      return
    }
    for (const symbol of symbols) {
      const refused = method === 'subscribe' && connection.refusal([symbol]) !== undefined
      const instrument = refused ? undefined : this.#instruments.get(symbol)
      if (instrument === undefined) {
        refuse(`Currency pair not supported ${symbol}`, symbol)
        continue
      }
      const topic = { channel: params.channel, symbol, depth, onTrades: params.event_trigger !== 'bbo' }
      const key = `${topic.channel} ${symbol}${topic.channel === 'book' ? ` ${depth}` : ''}`
      const subscribed = session.topics.has(key)
      if (method === 'unsubscribe') {
        if (!subscribed) {
          refuse('Subscription Not Found', symbol)
          continue
        }
        session.topics.delete(key)
        acknowledge(describe(topic))
        continue
      }
      if (subscribed) {
        refuse('Already subscribed', symbol)
        continue
      }
      // Trades have no snapshot unless it is asked for; the others have one unless it is declined.
      const snapshot = topic.channel === 'trade' ? params.snapshot === true : params.snapshot !== false
      acknowledge(`${describe(topic)},"snapshot":${snapshot}`)
      session.topics.set(key, topic)
      if (!connection.delivers(RECORDED_CHANNELS[topic.channel] ?? 'trade', symbol)) {
        session.topics.delete(key)
        continue
      }
      this.#begin(session, topic, instrument, snapshot, now)
    }
  }

  #begin(session: Session, topic: Topic, instrument: KrakenInstrument, snapshot: boolean, now: bigint): void {
    if (topic.channel === 'book') {
      let view = instrument.views.get(topic.depth)
      if (view === undefined) {
        view = new KrakenBookView(instrument.synthetic, topic.depth)
        instrument.views.set(topic.depth, view)
      }
      if (snapshot) this.#send(session, view.snapshot(isoTime(now, 6)), now)
    } else if (topic.channel === 'trade') {
      if (snapshot) this.#send(session, tradeFrame(instrument.synthetic.spec, 'snapshot', instrument.trades), now)
    } else if (snapshot) {
      this.#send(session, tickerFrame(instrument, 'snapshot', isoTime(now, 6)), now)
    }
  }

  marketEvent(event: MarketEvent, now: bigint): void {
    const { spec } = event.instrument
    const instrument = this.#instruments.get(spec.symbol)!
    const time = isoTime(now, 6)
    const trades = event.trades.map((trade) => ({ ...trade, time }))
    instrument.trades.push(...trades)
    if (instrument.trades.length > TRADES_KEPT) instrument.trades.splice(0, instrument.trades.length - TRADES_KEPT)
    const tradeUpdate = trades.length > 0 ? tradeFrame(spec, 'update', trades) : undefined
    const bookUpdates = new Map<number, string | undefined>()
    for (const [depth, view] of instrument.views) bookUpdates.set(depth, view.update(time))
    for (const session of this.#sessions.values()) {
      for (const topic of session.topics.values()) {
        if (topic.symbol !== spec.symbol) continue
        let frame: string | undefined
        if (topic.channel === 'trade') frame = tradeUpdate
        else if (topic.channel === 'book') frame = bookUpdates.get(topic.depth)
        else if (topic.onTrades ? trades.length > 0 : event.topChanged) frame = tickerFrame(instrument, 'update', time)
        if (frame !== undefined) this.#send(session, frame, now)
      }
    }
  }

  /** A heartbeat whenever a subscriber has heard nothing for a second. */
  tick(now: bigint): void {
    for (const session of this.#sessions.values()) {
      if (session.topics.size === 0 && !session.instrumentChannel) continue
      if (now - session.heardNs >= HEARTBEAT_NS) this.#send(session, '{"channel":"heartbeat"}', now)
    }
  }

  rest(url: URL, now: bigint): RestAnswer {
    if (url.pathname === '/0/public/Time') {
      const seconds = now / 1_000_000_000n
      return json(
        200,
        `{"error":[],"result":{"unixtime":${seconds},"rfc1123":${JSON.stringify(new Date(Number(seconds) * 1000).toUTCString())}}}`,
      )
    }
    if (url.pathname === '/0/public/AssetPairs') {
      const wanted = url.searchParams.get('pair')?.split(',')
      const pairs: string[] = []
      for (const { synthetic } of this.#instruments.values()) {
        const { spec } = synthetic
        const name = `${spec.base}${spec.quote}`
        if (wanted === undefined || wanted.includes(name) || wanted.includes(spec.symbol))
          pairs.push(assetPair(spec, name))
      }
      if (pairs.length === 0) return json(200, '{"error":["EQuery:Unknown asset pair"]}')
      return json(200, `{"error":[],"result":{${pairs.join(',')}}}`)
    }
    return json(404, '{"error":["EGeneral:Unknown method"]}')
  }

  #instrumentSnapshot(): string {
    const specs = [...this.#instruments.values()].map((instrument) => instrument.synthetic.spec)
    const assets = [...new Set(specs.flatMap((spec) => [spec.base, spec.quote]))].map(
      (asset) =>
        `{"id":"${asset}","status":"enabled","precision":10,"precision_display":5,"borrowable":true,"collateral_value":0.99,"margin_rate":0.02}`,
    )
    const pairs = specs.map((spec) => {
      const tick = fixed(spec.tick, spec.priceScale)
      const lot = fixed(spec.lot, spec.sizeScale)
      return (
        `{"symbol":"${spec.symbol}","base":"${spec.base}","quote":"${spec.quote}","status":"online","qty_precision":${spec.sizeScale},` +
        `"qty_increment":${lot},"price_precision":${spec.priceScale},"cost_precision":5,"marginable":false,"has_index":true,` +
        `"cost_min":0.50,"tick_size":${tick},"price_increment":${tick},"qty_min":${fixed(spec.lot * 1000, spec.sizeScale)}}`
      )
    })
    return `{"channel":"instrument","type":"snapshot","data":{"assets":[${assets.join(',')}],"pairs":[${pairs.join(',')}]}}`
  }

  #send(session: Session, frame: string, now: bigint): void {
    session.heardNs = now
    session.connection.send(frame)
  }
}

function describe(topic: Topic): string {
  const names = `"channel":"${topic.channel}","symbol":"${topic.symbol}"`
  if (topic.channel === 'book') return `${names},"depth":${topic.depth}`
  if (topic.channel === 'ticker') return `${names},"event_trigger":"${topic.onTrades ? 'trades' : 'bbo'}"`
  return names
}

function tradeFrame(spec: InstrumentSpec, type: 'snapshot' | 'update', trades: readonly Traded[]): string {
  const data = trades.map(
    (trade) =>
      `{"symbol":"${spec.symbol}","side":"${trade.takerBuys ? 'buy' : 'sell'}","price":${fixed(trade.ticks * spec.tick, spec.priceScale)},` +
      `"qty":${fixed(trade.lots * spec.lot, spec.sizeScale)},"ord_type":"${trade.id % 3 === 0 ? 'limit' : 'market'}",` +
      `"trade_id":${trade.id},"timestamp":"${trade.time}"}`,
  )
  return `{"channel":"trade","type":"${type}","data":[${data.join(',')}]}`
}

function tickerFrame(instrument: KrakenInstrument, type: 'snapshot' | 'update', time: string): string {
  const { spec, bids, asks, lastTrade } = instrument.synthetic
  const price = (ticks: number) => fixed(ticks * spec.tick, spec.priceScale)
  const size = (lots: number) => fixed(lots * spec.lot, spec.sizeScale)
  // The day's figures are plausible, not tracked: no recorder takes them.
  const open = spec.midTicks
  const last = lastTrade?.ticks ?? open
  const change = last - open
  return (
    `{"channel":"ticker","type":"${type}","data":[{"symbol":"${spec.symbol}","bid":${price(bids.best)},"bid_qty":${size(bids.lots[0]!)},` +
    `"ask":${price(asks.best)},"ask_qty":${size(asks.lots[0]!)},"last":${price(last)},"volume":${size(spec.usualLots * DAY_SECONDS)},` +
    `"vwap":${price(open)},"low":${price(Math.min(open, last))},"high":${price(Math.max(open, last))},` +
    `"change":${change < 0 ? '-' : ''}${price(Math.abs(change))},"change_pct":${((change / open) * 100).toFixed(2)},"timestamp":"${time}"}]}`
  )
}

function assetPair(spec: InstrumentSpec, name: string): string {
  return (
    `"${name}":{"altname":"${name}","wsname":"${spec.symbol}","aclass_base":"currency","base":"${spec.base}","aclass_quote":"currency",` +
    `"quote":"${spec.quote}","pair_decimals":${spec.priceScale},"cost_decimals":5,"lot_decimals":${spec.sizeScale},"lot_multiplier":1,` +
    `"ordermin":"${fixed(spec.lot * 1000, spec.sizeScale)}","tick_size":"${fixed(spec.tick, spec.priceScale)}","status":"online"}`
  )
}
