import { describe, expect, test } from 'vitest'
import { instrumentSpecs, SIMULATED_VENUES } from '../../src/simulate/instruments.ts'
import { type MarketEvent, SyntheticMarket } from '../../src/simulate/market.ts'
import { Random } from '../../src/simulate/random.ts'
import { fixed, goTime, isoTime, trimmed } from '../../src/simulate/text.ts'

function steps(seed: number, count: number): { text: string; market: SyntheticMarket } {
  const market = new SyntheticMarket(instrumentSpecs('kraken'), seed)
  const lines: string[] = []
  for (let i = 0; i < count; i++) {
    const { instrument, changes, trades, topChanged } = market.step()
    lines.push(JSON.stringify([instrument.spec.symbol, changes, trades, topChanged]))
  }
  return { text: lines.join('\n'), market }
}

describe('the synthetic market', () => {
  test('is the same for the same seed and another one for another', () => {
    expect(steps(7, 3000).text).toBe(steps(7, 3000).text)
    expect(steps(8, 3000).text).not.toBe(steps(7, 3000).text)
  })

  test.each(SIMULATED_VENUES)('of %s keeps whole numbers, sorted sides and never crosses', (venue) => {
    const market = new SyntheticMarket(instrumentSpecs(venue), 3)
    for (let i = 0; i < 20_000; i++) {
      const { instrument, changes } = market.step()
      const { bids, asks } = instrument
      if (bids.best >= asks.best) throw new Error(`crossed after ${i} steps`)
      if (bids.ticks.length < 100 || asks.ticks.length < 100) throw new Error(`thin after ${i} steps`)
      for (const change of changes) {
        if (!Number.isSafeInteger(change.ticks) || change.ticks < 1) throw new Error(`price of ${change.ticks} ticks`)
        if (!Number.isSafeInteger(change.lots) || change.lots < 0) throw new Error(`size of ${change.lots} lots`)
      }
    }
    for (const { bids, asks } of market.instruments) {
      expect(bids.ticks).toEqual([...bids.ticks].sort((a, b) => b - a))
      expect(asks.ticks).toEqual([...asks.ticks].sort((a, b) => a - b))
      expect(new Set(bids.ticks).size).toBe(bids.ticks.length)
    }
  })

  test('says all that changed: a book kept from the changes alone is the same book', () => {
    const market = new SyntheticMarket(instrumentSpecs('binance', ['BTCUSDT']), 11)
    const instrument = market.instruments[0]!
    const kept = new Map(instrument.bids.ticks.map((ticks, at) => [ticks, instrument.bids.lots[at]!]))
    for (let i = 0; i < 5000; i++) {
      for (const change of market.step().changes) {
        if (change.side !== 'bid') continue
        if (change.lots === 0) kept.delete(change.ticks)
        else kept.set(change.ticks, change.lots)
      }
    }
    expect([...kept.keys()].sort((a, b) => b - a)).toEqual(instrument.bids.ticks)
    expect(instrument.bids.lots).toEqual(instrument.bids.ticks.map((ticks) => kept.get(ticks)))
  })

  test('numbers trades one after the other and trades at the best price of the side that is taken', () => {
    const market = new SyntheticMarket(instrumentSpecs('coinbase', ['BTC-USD']), 5)
    const instrument = market.instruments[0]!
    let last: number | undefined
    let trades = 0
    for (let i = 0; i < 5000; i++) {
      const before = { bid: instrument.bids.best, ask: instrument.asks.best }
      const event: MarketEvent = market.step()
      for (const [at, trade] of event.trades.entries()) {
        if (last !== undefined) expect(trade.id).toBe(last + 1)
        last = trade.id
        if (at === 0) expect(trade.ticks).toBe(trade.takerBuys ? before.ask : before.bid)
        expect(trade.lots).toBeGreaterThan(0)
        trades++
      }
    }
    expect(trades).toBeGreaterThan(500)
  })

  test('makes instruments from a symbol of the right form and refuses others', () => {
    const [spec] = instrumentSpecs('kraken', ['PEPE/EUR'])
    expect(spec).toMatchObject({ symbol: 'PEPE/EUR', base: 'PEPE', quote: 'EUR' })
    expect(() => instrumentSpecs('kraken', ['PEPEEUR'])).toThrow(expect.objectContaining({ code: 'TF_UNKNOWN_SYMBOL' }))
  })
})

describe('numbers and times as text', () => {
  test('keep or drop trailing zeros and never use an exponent', () => {
    expect(fixed(6_183_763_000_000, 8)).toBe('61837.63000000')
    expect(fixed(5, 8)).toBe('0.00000005')
    expect(fixed(42, 0)).toBe('42')
    expect(trimmed(6_506_250, 2)).toBe('65062.5')
    expect(trimmed(100, 0)).toBe('100')
    expect(trimmed(0, 8)).toBe('0')
    expect(trimmed(200_000_000, 8)).toBe('2')
  })

  test('write ns since 1970 exactly', () => {
    expect(isoTime(1_786_309_548_228_568_804n, 6)).toBe('2026-08-09T21:05:48.228568Z')
    expect(goTime(1_786_309_548_253_283_580n)).toBe('2026-08-09T21:05:48.25328358Z')
    expect(goTime(1_786_309_548_000_000_000n)).toBe('2026-08-09T21:05:48Z')
  })

  test('come from a generator whose sequence is fixed', () => {
    const random = new Random(1)
    const draws = Array.from({ length: 20_000 }, () => random.below(10))
    for (let value = 0; value < 10; value++) {
      const share = draws.filter((draw) => draw === value).length
      expect(share).toBeGreaterThan(1800)
      expect(share).toBeLessThan(2200)
    }
  })
})
