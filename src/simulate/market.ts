// A synthetic market: order books of whole ticks and lots that move at random, never crossed, the same for the same
// seed. It knows no venue and no clock; the number of steps is the only time that it has.
import type { InstrumentSpec } from './instruments.ts'
import { Random } from './random.ts'

export type BookSide = 'bid' | 'ask'

/** The new total size at a price; 0 lots removes the level. */
export interface LevelChange {
  side: BookSide
  ticks: number
  lots: number
}

/** One match. Ids of an instrument count up by 1. */
export interface MarketTrade {
  id: number
  /** Number of the run of matches of one taker at one price. */
  aggregateId: number
  ticks: number
  lots: number
  takerBuys: boolean
}

/** What one step did to one instrument. */
export interface MarketEvent {
  instrument: SyntheticInstrument
  changes: LevelChange[]
  trades: MarketTrade[]
  /** The best price or its size changed on either side. */
  topChanged: boolean
}

const LEVELS_MIN = 150
const LEVELS_MAX = 400
const LEVELS_START = 250

/** One side of a book, best level first. */
export class SideLevels {
  readonly ticks: number[] = []
  readonly lots: number[] = []
  readonly #direction: 1 | -1

  constructor(side: BookSide) {
    this.#direction = side === 'ask' ? 1 : -1
  }

  get best(): number {
    return this.ticks[0]!
  }

  get worst(): number {
    return this.ticks[this.ticks.length - 1]!
  }

  /** Where the price is, or where it would be inserted. */
  indexOf(ticks: number): number {
    let low = 0
    let high = this.ticks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.ticks[middle]! - ticks) * this.#direction < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  lotsAt(ticks: number): number {
    const at = this.indexOf(ticks)
    return this.ticks[at] === ticks ? this.lots[at]! : 0
  }

  set(ticks: number, lots: number): void {
    const at = this.indexOf(ticks)
    const found = this.ticks[at] === ticks
    if (lots === 0) {
      if (found) {
        this.ticks.splice(at, 1)
        this.lots.splice(at, 1)
      }
    } else if (found) {
      this.lots[at] = lots
    } else {
      this.ticks.splice(at, 0, ticks)
      this.lots.splice(at, 0, lots)
    }
  }
}

/** One instrument's book and counters. */
export class SyntheticInstrument {
  readonly spec: InstrumentSpec
  readonly bids = new SideLevels('bid')
  readonly asks = new SideLevels('ask')
  lastTrade: MarketTrade | undefined
  readonly #random: Random
  #tradeId: number
  #aggregateId: number
  /** Percent of takers that buy; it wanders, so that the price does. */
  #buyers = 50
  #changes: LevelChange[] = []

  constructor(spec: InstrumentSpec, random: Random) {
    this.spec = spec
    this.#random = random
    this.#tradeId = 100_000_000 + random.below(900_000_000)
    this.#aggregateId = Math.floor(this.#tradeId / 2)
    for (let level = 0, bid = spec.midTicks - 1, ask = spec.midTicks + 1; level < LEVELS_START; level++) {
      this.bids.set(bid, this.#someLots())
      this.asks.set(ask, this.#someLots())
      bid -= 1 + random.below(3)
      ask += 1 + random.below(3)
    }
  }

  side(side: BookSide): SideLevels {
    return side === 'bid' ? this.bids : this.asks
  }

  step(): MarketEvent {
    this.#changes = []
    const trades: MarketTrade[] = []
    const [bid, ask, bidLots, askLots] = [this.bids.best, this.asks.best, this.bids.lots[0], this.asks.lots[0]]
    const what = this.#random.below(100)
    if (what < 15) this.#trade(trades)
    else if (what < 30 && ask - bid > 1) this.#improve()
    else this.#quote(what < 85 ? 1 + this.#random.below(6) : 9)
    this.#keepDepth('bid')
    this.#keepDepth('ask')
    const topChanged =
      bid !== this.bids.best || ask !== this.asks.best || bidLots !== this.bids.lots[0] || askLots !== this.asks.lots[0]
    return { instrument: this, changes: this.#changes, trades, topChanged }
  }

  #set(side: BookSide, ticks: number, lots: number): void {
    this.side(side).set(ticks, lots)
    const repeated = this.#changes.find((change) => change.side === side && change.ticks === ticks)
    if (repeated !== undefined) repeated.lots = lots
    else this.#changes.push({ side, ticks, lots })
  }

  #someLots(): number {
    // Most orders are small, a few are large, as on a real book.
    const size = 1 + this.#random.below(this.spec.usualLots)
    return this.#random.percent(8) ? size * (2 + this.#random.below(12)) : size
  }

  #someSide(): BookSide {
    return this.#random.percent(50) ? 'bid' : 'ask'
  }

  /** Adds, changes or cancels within 2^reach ticks of the best price. */
  #quote(reach: number): void {
    const side = this.#someSide()
    const levels = this.side(side)
    const distance = this.#random.below(2 ** reach)
    const ticks = side === 'bid' ? levels.best - distance : levels.best + distance
    if (ticks < 1) return
    const present = levels.lotsAt(ticks)
    this.#set(side, ticks, present > 0 && this.#random.percent(35) ? 0 : this.#someLots())
  }

  #improve(): void {
    const side = this.#someSide()
    const inside = 1 + this.#random.below(this.asks.best - this.bids.best - 1)
    this.#set(side, side === 'bid' ? this.bids.best + inside : this.asks.best - inside, this.#someLots())
  }

  #trade(trades: MarketTrade[]): void {
    const random = this.#random
    this.#buyers = Math.min(65, Math.max(35, this.#buyers + random.below(5) - 2))
    const takerBuys = random.percent(this.#buyers)
    const side: BookSide = takerBuys ? 'ask' : 'bid'
    const levels = this.side(side)
    let left = this.#someLots()
    for (let level = 0; level < 3 && left > 0; level++) {
      const ticks = levels.best
      const resting = levels.lots[0]!
      const filled = Math.min(left, resting)
      const first = filled > 1 && random.percent(30) ? 1 + random.below(filled - 1) : filled
      this.#aggregateId++
      for (const lots of first === filled ? [filled] : [first, filled - first]) {
        trades.push({ id: ++this.#tradeId, aggregateId: this.#aggregateId, ticks, lots, takerBuys })
      }
      this.#set(side, ticks, resting - filled)
      left -= filled
    }
    this.lastTrade = trades[trades.length - 1]
  }

  /** Neither side runs dry, and neither grows without end. */
  #keepDepth(side: BookSide): void {
    const levels = this.side(side)
    const outward = side === 'bid' ? -1 : 1
    while (levels.ticks.length < LEVELS_MIN && levels.worst + outward > 0) {
      this.#set(side, levels.worst + outward * (1 + this.#random.below(2)), this.#someLots())
    }
    while (levels.ticks.length > LEVELS_MAX) this.#set(side, levels.worst, 0)
  }
}

/** All instruments of one simulator. */
export class SyntheticMarket {
  readonly instruments: readonly SyntheticInstrument[]
  readonly #random: Random

  constructor(specs: readonly InstrumentSpec[], seed: number) {
    this.#random = new Random(seed)
    this.instruments = specs.map((spec) => new SyntheticInstrument(spec, new Random(this.#random.next())))
  }

  /** One event of one instrument, chosen at random; earlier instruments are busier. */
  step(): MarketEvent {
    const count = this.instruments.length
    const at = Math.min(this.#random.below(count), this.#random.below(count))
    return this.instruments[at]!.step()
  }
}
