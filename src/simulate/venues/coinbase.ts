// Coinbase Advanced Trade's market data WebSocket, as a client sees it.
import type { ClientConnection } from '../connection.ts'
import type { FaultChannel } from '../faults.ts'
import type { BookSide, MarketEvent, MarketTrade, SyntheticInstrument, SyntheticMarket } from '../market.ts'
import { goTime, isoTime, trimmed } from '../text.ts'
import {
  contains,
  json,
  parseObject,
  parseStrings,
  type RestAnswer,
  type SimulatedVenue,
  type VenueFacts,
} from './venue.ts'

const TRADES_KEPT = 100
const BATCH_NS = 50_000_000n
const HEARTBEAT_NS = 1_000_000_000n
/** Channels with frames of their own here; candles and status are accepted and stay silent. */
const PRODUCT_CHANNELS = ['level2', 'market_trades', 'ticker', 'candles', 'status', 'ticker_batch']
const RECORDED_CHANNELS: Record<string, FaultChannel> = { level2: 'book', market_trades: 'trade', ticker: 'quote' }
const REST_PREFIX = '/api/v3/brokerage'

export const COINBASE_FACTS: VenueFacts = {
  isBookUpdate: (frame) => contains(frame, '"channel":"l2_data"') && contains(frame, '"type":"update"'),
  subscribedByUrl: () => false,
  acknowledgements: () => [],
}

interface Session {
  connection: ClientConnection
  /** Number of the next frame of the connection, whatever its channel. */
  sequence: number
  /** Channel -> products, in the order of subscription. */
  channels: Map<string, Set<string>>
  heartbeatNs: bigint
}

interface Traded extends MarketTrade {
  time: string
}

interface CoinbaseProduct {
  synthetic: SyntheticInstrument
  /** Oldest first. */
  trades: Traded[]
  /** Changes and trades since the last batch. */
  changes: Map<string, { side: BookSide; ticks: number; lots: number; time: string }>
  fresh: Traded[]
  tickerChanged: boolean
}

export class CoinbaseVenue implements SimulatedVenue {
  readonly #products = new Map<string, CoinbaseProduct>()
  readonly #sessions = new Map<ClientConnection, Session>()
  #batchNs = 0n
  #heartbeats = 41_000

  constructor(market: SyntheticMarket) {
    for (const synthetic of market.instruments) {
      this.#products.set(synthetic.spec.symbol, {
        synthetic,
        trades: [],
        changes: new Map(),
        fresh: [],
        tickerChanged: false,
      })
    }
  }

  accepts(url: URL): boolean {
    return url.pathname === '/'
  }

  connected(connection: ClientConnection): void {
    this.#sessions.set(connection, { connection, sequence: 0, channels: new Map(), heartbeatNs: 0n })
  }

  disconnected(connection: ClientConnection): void {
    this.#sessions.delete(connection)
  }

  message(connection: ClientConnection, text: string, now: bigint): void {
    const session = this.#sessions.get(connection)
    if (session === undefined) return
    const request = parseObject(text)
    const type = request?.type
    if (request === undefined || (type !== 'subscribe' && type !== 'unsubscribe')) {
      connection.send('{"type":"error","message":"unmarshal error"}')
      return
    }
    const channel = request.channel
    const products = request.product_ids === undefined ? [] : parseStrings(request.product_ids)
    if (channel === 'heartbeats') {
      if (type === 'subscribe') session.channels.set('heartbeats', new Set(['heartbeats']))
      else session.channels.delete('heartbeats')
      this.#acknowledge(session, now)
      return
    }
    if (typeof channel !== 'string' || !PRODUCT_CHANNELS.includes(channel)) {
      connection.send('{"type":"error","message":"channel is not supported"}')
      return
    }
    const unknown = products?.find((product) => !this.#products.has(product))
    if (products === undefined || products.length === 0 || unknown !== undefined) {
      const reason = JSON.stringify(`${unknown ?? ''} is not a valid product`)
      connection.send(`{"type":"error","message":"Failed to subscribe","reason":${reason}}`)
      return
    }
    const refusal = type === 'subscribe' ? connection.refusal(products) : undefined
    if (refusal !== undefined) {
      connection.send(`{"type":"error","message":${JSON.stringify(refusal)}}`)
      return
    }
    const subscribed = session.channels.get(channel) ?? new Set<string>()
    for (const product of products) {
      if (type === 'unsubscribe') subscribed.delete(product)
      else if (!subscribed.has(product) && connection.delivers(RECORDED_CHANNELS[channel] ?? 'trade', product)) {
        subscribed.add(product)
        this.#sendSnapshot(session, channel, this.#products.get(product)!, now)
      }
    }
    if (subscribed.size > 0) session.channels.set(channel, subscribed)
    else session.channels.delete(channel)
    this.#acknowledge(session, now)
  }

  /** The venue's answer lists everything that the connection is subscribed to, after the snapshots. */
  #acknowledge(session: Session, now: bigint): void {
    const lists = [...session.channels].map(([channel, products]) => `"${channel}":${JSON.stringify([...products])}`)
    this.#send(session, 'subscriptions', `{"subscriptions":{${lists.join(',')}}}`, now)
  }

  #sendSnapshot(session: Session, channel: string, product: CoinbaseProduct, now: bigint): void {
    if (channel === 'level2') {
      const { bids, asks, spec } = product.synthetic
      const time = isoTime(now, 6)
      const updates: string[] = []
      for (const [side, levels] of [
        ['bid', bids],
        ['ask', asks],
      ] as const) {
        for (let at = 0; at < levels.ticks.length; at++) {
          updates.push(levelText(product, side, levels.ticks[at]!, levels.lots[at]!, time))
        }
      }
      this.#send(
        session,
        'l2_data',
        `{"type":"snapshot","product_id":"${spec.symbol}","updates":[${updates.join(',')}]}`,
        now,
      )
    } else if (channel === 'market_trades') {
      this.#send(session, 'market_trades', `{"type":"snapshot","trades":[${tradesText(product, product.trades)}]}`, now)
    } else if (channel === 'ticker') {
      this.#send(session, 'ticker', `{"type":"snapshot","tickers":[${tickerText(product)}]}`, now)
    }
  }

  marketEvent(event: MarketEvent, now: bigint): void {
    const product = this.#products.get(event.instrument.spec.symbol)!
    const time = isoTime(now, 6)
    for (const { side, ticks, lots } of event.changes)
      product.changes.set(`${side}${ticks}`, { side, ticks, lots, time })
    for (const trade of event.trades) product.fresh.push({ ...trade, time })
    if (event.topChanged || event.trades.length > 0) product.tickerChanged = true
    if (event.trades.length > 0) {
      product.trades.push(...product.fresh.slice(-event.trades.length))
      if (product.trades.length > TRADES_KEPT) product.trades.splice(0, product.trades.length - TRADES_KEPT)
    }
  }

  tick(now: bigint): void {
    if (now - this.#batchNs >= BATCH_NS) {
      this.#batchNs = now
      for (const product of this.#products.values()) this.#publish(product, now)
    }
    let counted = false
    for (const session of this.#sessions.values()) {
      if (!session.channels.has('heartbeats') || now - session.heartbeatNs < HEARTBEAT_NS) continue
      session.heartbeatNs = now
      if (!counted) this.#heartbeats++
      counted = true
      const seconds = isoTime(now, 9).replace('T', ' ').replace('Z', '')
      const current = `${seconds} +0000 UTC m=+${this.#heartbeats}.${now % 1_000_000_000n}`
      this.#send(session, 'heartbeats', `{"current_time":"${current}","heartbeat_counter":${this.#heartbeats}}`, now)
    }
  }

  #publish(product: CoinbaseProduct, now: bigint): void {
    const { symbol } = product.synthetic.spec
    const frames: [channel: string, topic: string, event: string][] = []
    if (product.fresh.length > 0) {
      frames.push([
        'market_trades',
        'market_trades',
        `{"type":"update","trades":[${tradesText(product, product.fresh)}]}`,
      ])
    }
    if (product.changes.size > 0) {
      const updates = [...product.changes.values()].map((change) =>
        levelText(product, change.side, change.ticks, change.lots, change.time),
      )
      frames.push(['level2', 'l2_data', `{"type":"update","product_id":"${symbol}","updates":[${updates.join(',')}]}`])
    }
    if (product.tickerChanged) frames.push(['ticker', 'ticker', `{"type":"update","tickers":[${tickerText(product)}]}`])
    product.fresh = []
    product.changes.clear()
    product.tickerChanged = false
    for (const session of this.#sessions.values()) {
      for (const [channel, topic, event] of frames) {
        if (session.channels.get(channel)?.has(symbol)) this.#send(session, topic, event, now)
      }
    }
  }

  #send(session: Session, channel: string, event: string, now: bigint): void {
    session.connection.send(
      `{"channel":"${channel}","timestamp":"${goTime(now)}","sequence_num":${session.sequence++},"events":[${event}]}`,
    )
  }

  rest(url: URL, now: bigint): RestAnswer {
    if (url.pathname === `${REST_PREFIX}/time`) {
      const seconds = now / 1_000_000_000n
      return json(200, `{"iso":"${isoTime(now, 9)}","epochSeconds":"${seconds}","epochMillis":"${now / 1_000_000n}"}`)
    }
    const products = `${REST_PREFIX}/market/products`
    if (url.pathname === products) {
      const wanted = url.searchParams.getAll('product_ids')
      const found = [...this.#products.values()].filter(
        (product) => wanted.length === 0 || wanted.includes(product.synthetic.spec.symbol),
      )
      return json(200, `{"products":[${found.map(productText).join(', ')}],"num_products":${found.length}}`)
    }
    const one = url.pathname.startsWith(`${products}/`)
      ? decodeURIComponent(url.pathname.slice(products.length + 1))
      : undefined
    const product = one === undefined ? undefined : this.#products.get(one)
    if (product !== undefined) return json(200, productText(product))
    return json(
      404,
      '{"error":"NOT_FOUND","error_details":"valid product_id is required","message":"valid product_id is required"}',
    )
  }
}

function priceText(product: CoinbaseProduct, ticks: number): string {
  const { spec } = product.synthetic
  return trimmed(ticks * spec.tick, spec.priceScale)
}

function sizeText(product: CoinbaseProduct, lots: number): string {
  const { spec } = product.synthetic
  return trimmed(lots * spec.lot, spec.sizeScale)
}

function levelText(product: CoinbaseProduct, side: BookSide, ticks: number, lots: number, time: string): string {
  return (
    `{"side":"${side === 'bid' ? 'bid' : 'offer'}","event_time":"${time}","price_level":"${priceText(product, ticks)}",` +
    `"new_quantity":"${sizeText(product, lots)}"}`
  )
}

/** Newest first; the side is the maker's. */
function tradesText(product: CoinbaseProduct, trades: readonly Traded[]): string {
  const { symbol } = product.synthetic.spec
  return trades
    .map(
      (trade) =>
        `{"product_id":"${symbol}","trade_id":"${trade.id}","price":"${priceText(product, trade.ticks)}",` +
        `"size":"${sizeText(product, trade.lots)}","time":"${trade.time}","side":"${trade.takerBuys ? 'SELL' : 'BUY'}"}`,
    )
    .reverse()
    .join(',')
}

function tickerText(product: CoinbaseProduct): string {
  const { spec, bids, asks, lastTrade } = product.synthetic
  const last = lastTrade?.ticks ?? spec.midTicks
  const range = Math.floor(spec.midTicks / 50)
  // The figures of the day and the year are plausible, not tracked: no recorder takes them.
  return (
    `{"type":"ticker","product_id":"${spec.symbol}","price":"${priceText(product, last)}","volume_24_h":"${sizeText(product, spec.usualLots * 86_400)}",` +
    `"low_24_h":"${priceText(product, spec.midTicks - range)}","high_24_h":"${priceText(product, spec.midTicks + range)}",` +
    `"low_52_w":"${priceText(product, spec.midTicks >> 1)}","high_52_w":"${priceText(product, spec.midTicks * 2)}",` +
    `"price_percent_chg_24_h":"${(((last - spec.midTicks) / spec.midTicks) * 100).toFixed(14)}",` +
    `"best_bid":"${priceText(product, bids.best)}","best_ask":"${priceText(product, asks.best)}",` +
    `"best_bid_quantity":"${sizeText(product, bids.lots[0]!)}","best_ask_quantity":"${sizeText(product, asks.lots[0]!)}"}`
  )
}

function productText(product: CoinbaseProduct): string {
  const { spec, lastTrade } = product.synthetic
  const tick = trimmed(spec.tick, spec.priceScale)
  const lot = trimmed(spec.lot, spec.sizeScale)
  return (
    `{"product_id":"${spec.symbol}", "price":"${priceText(product, lastTrade?.ticks ?? spec.midTicks)}", "base_increment":"${lot}", ` +
    `"quote_increment":"${tick}", "quote_min_size":"1", "quote_max_size":"150000000", "base_min_size":"${lot}", ` +
    `"base_max_size":"3400", "base_name":"${spec.base}", "quote_name":"${spec.quote}", "is_disabled":false, "status":"online", ` +
    `"trading_disabled":false, "product_type":"SPOT", "quote_currency_id":"${spec.quote}", "base_currency_id":"${spec.base}", ` +
    `"view_only":false, "price_increment":"${tick}", "display_name":"${spec.symbol}", "product_venue":"CBE"}`
  )
}
