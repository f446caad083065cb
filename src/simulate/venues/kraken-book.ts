// One depth of one Kraken book: what its clients hold, and the frame that brings them to what is.
import type { BookSide, SideLevels, SyntheticInstrument } from '../market.ts'
import { fixed } from '../text.ts'
import { crc32 } from './crc32.ts'

const CHECKSUM_LEVELS = 10

export class KrakenBookView {
  readonly #instrument: SyntheticInstrument
  readonly #depth: number
  /** Levels as the clients hold them: price -> size. */
  readonly #held: Record<BookSide, Map<number, number>>

  constructor(instrument: SyntheticInstrument, depth: number) {
    this.#instrument = instrument
    this.#depth = depth
    this.#held = { bid: topOf(instrument.bids, depth), ask: topOf(instrument.asks, depth) }
  }

  snapshot(time: string): string {
    return this.#frame('snapshot', [...this.#held.bid], [...this.#held.ask], time)
  }

  /**
   * The frame of what changed inside the depth, or undefined. A level that is pushed out of it is not mentioned, since
   * clients truncate; one that comes in again is.
   */
  update(time: string): string | undefined {
    const bids = this.#changes('bid')
    const asks = this.#changes('ask')
    return bids.length + asks.length > 0 ? this.#frame('update', bids, asks, time) : undefined
  }

  #changes(side: BookSide): [number, number][] {
    const levels = this.#instrument.side(side)
    const before = this.#held[side]
    const after = topOf(levels, this.#depth)
    const changes: [number, number][] = []
    for (const ticks of before.keys()) {
      if (!after.has(ticks) && levels.lotsAt(ticks) === 0) changes.push([ticks, 0])
    }
    for (const [ticks, lots] of after) {
      if (before.get(ticks) !== lots) changes.push([ticks, lots])
    }
    this.#held[side] = after
    return changes
  }

  #frame(type: 'snapshot' | 'update', bids: [number, number][], asks: [number, number][], time: string): string {
    const symbol = this.#instrument.spec.symbol
    return (
      `{"channel":"book","type":"${type}","data":[{"symbol":"${symbol}","bids":[${this.#levels(bids)}],"asks":[${this.#levels(asks)}],` +
      `"checksum":${this.#checksum()},"timestamp":"${time}"}]}`
    )
  }

  #levels(levels: [number, number][]): string {
    const { spec } = this.#instrument
    return levels
      .map(
        ([ticks, lots]) =>
          `{"price":${fixed(ticks * spec.tick, spec.priceScale)},"qty":${fixed(lots * spec.lot, spec.sizeScale)}}`,
      )
      .join(',')
  }

  /** Of the ten best asks, then bids: price and size without point and leading zeros, which is the integer of units. */
  #checksum(): number {
    const { spec } = this.#instrument
    let text = ''
    for (const side of ['ask', 'bid'] as const) {
      const levels = this.#instrument.side(side)
      for (let at = 0; at < CHECKSUM_LEVELS && at < levels.ticks.length; at++) {
        text += `${levels.ticks[at]! * spec.tick}${levels.lots[at]! * spec.lot}`
      }
    }
    return crc32(text)
  }
}

function topOf(levels: SideLevels, depth: number): Map<number, number> {
  const top = new Map<number, number>()
  for (let at = 0; at < levels.ticks.length && at < depth; at++) top.set(levels.ticks[at]!, levels.lots[at]!)
  return top
}
