import { describe, expect, it } from 'vitest'
import type { Adapter, Venue } from '../../src/feeds/feed.ts'
import { adapterFor, findVenue, parseInstrument, VENUES, validated } from '../../src/feeds/registry.ts'

const binance = findVenue('binance')
const coded = (code: string, text: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(text) as string })

describe('findVenue and parseInstrument', () => {
  it.each(VENUES.map((venue) => [venue.name, venue] as const))('know %s and its example', (name, venue) => {
    expect(findVenue(name)).toBe(venue)
    expect(parseInstrument(`${name}:${venue.exampleSymbol}`)).toEqual({ venue: name, symbol: venue.exampleSymbol })
  })

  it('list the names that there are when one is unknown', () => {
    for (const name of ['binanse', '', 'Binance', 'constructor']) {
      expect(() => findVenue(name)).toThrow(coded('TF_UNKNOWN_VENUE', 'binance-usdm'))
    }
    expect(() => parseInstrument('nasdaq:AAPL')).toThrow(coded('TF_UNKNOWN_VENUE', "'nasdaq'"))
  })

  it('refuse what has no form of an instrument', () => {
    expect(() => parseInstrument('BTCUSDT')).toThrow(coded('TF_USAGE', 'binance:BTCUSDT'))
    for (const symbol of ['', 'btcusdt', 'BTC/USDT', 'BTC USDT', 'BTCUSDT@trade', 'X"', '../X']) {
      expect(() => parseInstrument(`binance:${symbol}`)).toThrow(coded('TF_UNKNOWN_SYMBOL', 'BTCUSDT'))
    }
    expect(() => parseInstrument('binance-coinm:BTCUSD')).toThrow(coded('TF_UNKNOWN_SYMBOL', 'BTCUSD_PERP'))
    expect(parseInstrument('binance:币安人生USDT').symbol).toBe('币安人生USDT')
  })
})

describe('adapterFor', () => {
  const usdm = findVenue('binance-usdm')
  const split = BigInt(Date.parse('2026-04-23T00:00:00Z')) * 1_000_000n

  it('takes today’s protocol when nothing is known', () => {
    expect(adapterFor(usdm, {}).name).toBe('binance-usdm-2')
    expect(adapterFor(binance, {}).until).toBeUndefined()
  })

  it('takes the one that was in use at a time', () => {
    expect(adapterFor(usdm, { tsRecv: split - 1n }).name).toBe('binance-usdm-1')
    expect(adapterFor(usdm, { tsRecv: split }).name).toBe('binance-usdm-2')
    expect(adapterFor(usdm, { tsRecv: 0n }).name).toBe('binance-usdm-1')
  })

  it('believes an address more than a date, and a date where the address says nothing', () => {
    expect(adapterFor(usdm, { url: 'wss://fstream.binance.com/stream?streams=x@trade', tsRecv: split }).name).toBe(
      'binance-usdm-1',
    )
    expect(adapterFor(usdm, { url: 'ws://127.0.0.1:4000/market/stream', tsRecv: 0n }).name).toBe('binance-usdm-2')
    expect(adapterFor(usdm, { url: 'wss://elsewhere/feed', tsRecv: 0n }).name).toBe('binance-usdm-1')
    expect(adapterFor(usdm, { url: 'no address', tsRecv: split }).name).toBe('binance-usdm-2')
  })
})

describe('the table of venues', () => {
  const adapter = binance.adapters[0] as Adapter
  const dated = (name: string, until: string): Adapter => ({ ...adapter, name, until })
  const wrong: [string, Partial<Venue>, string][] = [
    ['a name that is taken', { name: 'binance' }, 'twice'],
    ['a capture name that is taken', { cryptofeedNames: ['BINANCE'] }, 'twice'],
    ['a name that no instrument could start with', { name: 'My:Venue' }, 'is no name'],
    ['an example that is no symbol', { exampleSymbol: 'x' }, 'is no symbol'],
    ['no adapter', { adapters: [] }, 'no adapter'],
    ['two adapters of one name', { adapters: [dated('a', '2020-01-01'), { ...adapter, name: 'a' }] }, 'one name'],
    ['only adapters of the past', { adapters: [dated('a', '2020-01-01')] }, 'but the last'],
    ['two adapters of today', { adapters: [{ ...adapter, name: 'b' }, adapter] }, 'but the last'],
    ['an end that is no time', { adapters: [dated('a', 'soon'), adapter] }, 'no time'],
    [
      'adapters out of order',
      { adapters: [dated('a', '2021-01-01'), dated('b', '2020-01-01'), adapter] },
      'ends before',
    ],
    ['an address with a path', { endpoints: { ...binance.endpoints, rest: 'https://x/' } }, 'is no base'],
    ['an address of another kind', { endpoints: { ...binance.endpoints, websocket: 'https://x' } }, 'is no base'],
  ]

  it.each(wrong)('refuses %s', (_, change, message) => {
    const venue = { ...binance, name: 'other', cryptofeedNames: ['OTHER'], ...change }
    expect(() => validated([binance, venue])).toThrow(coded('TF_INTERNAL', message))
  })

  it.each(VENUES)('$name plans connections that its own adapters speak', (venue) => {
    const subscriptions = [{ symbol: venue.exampleSymbol, channels: ['trade', 'quote', 'book'] as const }]
    for (const known of venue.adapters) {
      const plans = known.plan(subscriptions, venue.endpoints)
      expect(plans.flatMap((plan) => plan.subscriptions.flatMap((s) => s.channels)).sort()).toEqual([
        'book',
        'quote',
        'trade',
      ])
      for (const plan of plans) {
        expect(known.speaks(plan.url)).toBe(true)
        expect(adapterFor(venue, { url: plan.url })).toBe(known)
        expect(plan.hello.length).toBeGreaterThan(0)
      }
      expect(known.plan([], venue.endpoints)).toEqual([])
    }
  })
})
