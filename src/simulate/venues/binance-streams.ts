// Binance's streams: what each publishes, and the numbers that tie its updates together.
import type { InstrumentSpec } from '../instruments.ts'
import type { BookSide, MarketEvent, SideLevels, SyntheticInstrument } from '../market.ts'
import { fixed } from '../text.ts'

export type BinanceMarket = 'spot' | 'usdm' | 'coinm'

/** An instrument with the venue's update ids. */
export interface BinanceInstrument {
  market: BinanceMarket
  synthetic: SyntheticInstrument
  /** Id of the last event that changed the book. */
  updateId: number
}

/** Takes a stream's payload, without the envelope of combined streams. */
export type Publish = (payload: string) => void

/** One stream of one instrument: fed with events, emptied by tick. */
export interface Stream {
  marketEvent(event: MarketEvent, time: string, publish: Publish): void
  tick(nowMs: number, time: string, publish: Publish): void
}

export function priceText(spec: InstrumentSpec, ticks: number): string {
  return fixed(ticks * spec.tick, spec.priceScale)
}

export function sizeText(spec: InstrumentSpec, lots: number): string {
  return fixed(lots * spec.lot, spec.sizeScale)
}

/** `[["61837.63","0.5"],…]` of the best levels. */
export function levelsText(spec: InstrumentSpec, levels: SideLevels, count: number): string {
  const parts: string[] = []
  for (let at = 0; at < levels.ticks.length && at < count; at++) {
    parts.push(`["${priceText(spec, levels.ticks[at]!)}","${sizeText(spec, levels.lots[at]!)}"]`)
  }
  return `[${parts.join(',')}]`
}

const SPEEDS: Record<BinanceMarket, Record<string, number>> = {
  spot: { '': 1000, '100ms': 100 },
  usdm: { '': 250, '0ms': 0, '100ms': 100, '250ms': 250, '500ms': 500 },
  coinm: { '': 250, '0ms': 0, '100ms': 100, '250ms': 250, '500ms': 500 },
}

/** The stream of a name's part after the symbol: 'trade', 'depth@100ms'. Undefined for what is not simulated. */
export function createStream(instrument: BinanceInstrument, type: string): Stream | undefined {
  if (type === 'trade') return new TradeStream(instrument)
  if (type === 'aggTrade') return new AggregateTradeStream(instrument)
  if (type === 'bookTicker') return new BookTickerStream(instrument)
  const depth = /^depth(5|10|20)?(?:@(\d+ms))?$/.exec(type)
  if (depth === null) return undefined
  const everyMs = SPEEDS[instrument.market][depth[2] ?? '']
  if (everyMs === undefined) return undefined
  return depth[1] === undefined
    ? new DepthStream(instrument, everyMs)
    : new PartialDepthStream(instrument, everyMs, Number(depth[1]))
}

class TradeStream implements Stream {
  readonly #instrument: BinanceInstrument

  constructor(instrument: BinanceInstrument) {
    this.#instrument = instrument
  }

  marketEvent(event: MarketEvent, time: string, publish: Publish): void {
    const spec = event.instrument.spec
    for (const trade of event.trades) {
      const price = priceText(spec, trade.ticks)
      const size = sizeText(spec, trade.lots)
      const maker = !trade.takerBuys
      publish(
        this.#instrument.market === 'spot'
          ? `{"e":"trade","E":${time},"s":"${spec.symbol}","t":${trade.id},"p":"${price}","q":"${size}","T":${time},"m":${maker},"M":true}`
          : `{"e":"trade","E":${time},"T":${time},"s":"${spec.symbol}","t":${trade.id},"p":"${price}","q":"${size}","X":"MARKET","m":${maker}}`,
      )
    }
  }

  tick(): void {}
}

class AggregateTradeStream implements Stream {
  readonly #instrument: BinanceInstrument

  constructor(instrument: BinanceInstrument) {
    this.#instrument = instrument
  }

  marketEvent(event: MarketEvent, time: string, publish: Publish): void {
    const spec = event.instrument.spec
    for (let from = 0; from < event.trades.length; ) {
      const first = event.trades[from]!
      let to = from
      let lots = 0
      for (; event.trades[to]?.aggregateId === first.aggregateId; to++) lots += event.trades[to]!.lots
      const last = event.trades[to - 1]!
      const best = this.#instrument.market === 'spot' ? ',"M":true' : ''
      publish(
        `{"e":"aggTrade","E":${time},"s":"${spec.symbol}","a":${first.aggregateId},"p":"${priceText(spec, first.ticks)}",` +
          `"q":"${sizeText(spec, lots)}","f":${first.id},"l":${last.id},"T":${time},"m":${!first.takerBuys}${best}}`,
      )
      from = to
    }
  }

  tick(): void {}
}

class BookTickerStream implements Stream {
  readonly #instrument: BinanceInstrument

  constructor(instrument: BinanceInstrument) {
    this.#instrument = instrument
  }

  marketEvent(event: MarketEvent, time: string, publish: Publish): void {
    if (!event.topChanged) return
    const { spec, bids, asks } = event.instrument
    const { market, updateId } = this.#instrument
    const quote =
      `"b":"${priceText(spec, bids.best)}","B":"${sizeText(spec, bids.lots[0]!)}",` +
      `"a":"${priceText(spec, asks.best)}","A":"${sizeText(spec, asks.lots[0]!)}"`
    if (market === 'spot') publish(`{"u":${updateId},"s":"${spec.symbol}",${quote}}`)
    else if (market === 'usdm') {
      publish(`{"e":"bookTicker","u":${updateId},"s":"${spec.symbol}",${quote},"T":${time},"E":${time}}`)
    } else {
      const pair = pairOf(spec)
      publish(`{"u":${updateId},"e":"bookTicker","s":"${spec.symbol}","ps":"${pair}",${quote},"T":${time},"E":${time}}`)
    }
  }

  tick(): void {}
}

/** The pair of a COIN-M contract: 'BTCUSD'. */
export function pairOf(spec: InstrumentSpec): string {
  return `${spec.base}${spec.quote}`
}

/**
 * Changes since the last frame, the newest size of each price. U and u are the ids of the first and the last event in
 * it; futures add pu, the u of the frame before.
 */
class DepthStream implements Stream {
  readonly #instrument: BinanceInstrument
  readonly #everyMs: number
  readonly #changes: Record<BookSide, Map<number, number>> = { bid: new Map(), ask: new Map() }
  #first = 0
  #previous: number
  #dueMs = 0

  constructor(instrument: BinanceInstrument, everyMs: number) {
    this.#instrument = instrument
    this.#everyMs = everyMs
    this.#previous = instrument.updateId
  }

  marketEvent(event: MarketEvent): void {
    if (this.#first === 0) this.#first = this.#instrument.updateId
    for (const change of event.changes) this.#changes[change.side].set(change.ticks, change.lots)
  }

  tick(nowMs: number, time: string, publish: Publish): void {
    if (nowMs < this.#dueMs || this.#first === 0) return
    this.#dueMs = nowMs + this.#everyMs
    const { market, synthetic, updateId } = this.#instrument
    const spec = synthetic.spec
    const ids = `"U":${this.#first},"u":${updateId}`
    const changes = `"b":${this.#text('bid', spec)},"a":${this.#text('ask', spec)}`
    if (market === 'spot') publish(`{"e":"depthUpdate","E":${time},"s":"${spec.symbol}",${ids},${changes}}`)
    else {
      const pair = market === 'coinm' ? `"ps":"${pairOf(spec)}",` : ''
      publish(
        `{"e":"depthUpdate","E":${time},"T":${time},"s":"${spec.symbol}",${pair}${ids},"pu":${this.#previous},${changes}}`,
      )
    }
    this.#previous = updateId
    this.#first = 0
    this.#changes.bid.clear()
    this.#changes.ask.clear()
  }

  #text(side: BookSide, spec: InstrumentSpec): string {
    const parts: string[] = []
    for (const [ticks, lots] of this.#changes[side])
      parts.push(`["${priceText(spec, ticks)}","${sizeText(spec, lots)}"]`)
    return `[${parts.join(',')}]`
  }
}

/** The best levels as a whole. */
class PartialDepthStream implements Stream {
  readonly #instrument: BinanceInstrument
  readonly #everyMs: number
  readonly #levels: number
  #previous: number
  #dueMs = 0
  #changed = true

  constructor(instrument: BinanceInstrument, everyMs: number, levels: number) {
    this.#instrument = instrument
    this.#everyMs = everyMs
    this.#levels = levels
    this.#previous = instrument.updateId
  }

  marketEvent(): void {
    this.#changed = true
  }

  tick(nowMs: number, time: string, publish: Publish): void {
    if (nowMs < this.#dueMs || !this.#changed) return
    this.#dueMs = nowMs + this.#everyMs
    this.#changed = false
    const { market, synthetic, updateId } = this.#instrument
    const spec = synthetic.spec
    const bids = levelsText(spec, synthetic.bids, this.#levels)
    const asks = levelsText(spec, synthetic.asks, this.#levels)
    if (market === 'spot') publish(`{"lastUpdateId":${updateId},"bids":${bids},"asks":${asks}}`)
    else {
      const pair = market === 'coinm' ? `"ps":"${pairOf(spec)}",` : ''
      publish(
        `{"e":"depthUpdate","E":${time},"T":${time},"s":"${spec.symbol}",${pair}"U":${updateId},"u":${updateId},` +
          `"pu":${this.#previous},"b":${bids},"a":${asks}}`,
      )
    }
    this.#previous = updateId
  }
}
