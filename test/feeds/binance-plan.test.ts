import { describe, expect, it } from 'vitest'
import type { Channel, Subscription } from '../../src/feeds/feed.ts'
import { adapterFor, findVenue } from '../../src/feeds/registry.ts'

const ALL: readonly Channel[] = ['trade', 'quote', 'book']
const ENDPOINTS = { websocket: 'ws://127.0.0.1:9', rest: 'http://127.0.0.1:9' }

function plan(venue: string, subscriptions: Subscription[], url?: string) {
  return adapterFor(findVenue(venue), url === undefined ? {} : { url }).plan(subscriptions, ENDPOINTS)
}

const streamsOf = (hello: readonly string[]): string[] =>
  hello.flatMap((text) => (JSON.parse(text) as { params: string[] }).params)

describe('what Binance is asked for', () => {
  it('on spot is one connection with all streams in lower case', () => {
    const [connection, ...more] = plan('binance', [
      { symbol: 'BTCUSDT', channels: ALL },
      { symbol: 'ETHUSDT', channels: ['book'] },
    ])
    expect(more).toEqual([])
    expect(connection?.url).toBe('ws://127.0.0.1:9/stream')
    expect(connection?.hello.map((text) => JSON.parse(text))).toEqual([
      {
        method: 'SUBSCRIBE',
        params: ['btcusdt@trade', 'btcusdt@bookTicker', 'btcusdt@depth@100ms', 'ethusdt@depth@100ms'],
        id: 1,
      },
    ])
  })

  it('of USD-M is on the address of public streams, trades too', () => {
    const plans = plan('binance-usdm', [{ symbol: 'BTCUSDT', channels: ALL }])
    expect(plans.map((p) => [p.url, streamsOf(p.hello), p.subscriptions])).toEqual([
      [
        'ws://127.0.0.1:9/public/stream',
        ['btcusdt@trade', 'btcusdt@bookTicker', 'btcusdt@depth@0ms'],
        [{ symbol: 'BTCUSDT', channels: ALL }],
      ],
    ])
  })

  it('of COIN-M, whose streams were not split, is one connection as before', () => {
    const plans = plan('binance-coinm', [{ symbol: 'BTCUSD_PERP', channels: ALL }])
    expect(plans.map((p) => p.url)).toEqual(['ws://127.0.0.1:9/stream'])
  })

  it('of USD-M before the split is one connection', () => {
    const plans = plan('binance-usdm', [{ symbol: 'BTCUSDT', channels: ALL }], 'wss://fstream.binance.com/stream')
    expect(plans.map((p) => p.url)).toEqual(['ws://127.0.0.1:9/stream'])
  })

  it('keeps to the limits of connections, messages and rates, and asks for every stream once', () => {
    const subscriptions = Array.from({ length: 500 }, (_, i) => ({ symbol: `S${i}USDT`, channels: ALL }))
    const plans = plan('binance', subscriptions)
    const all = plans.map((p) => streamsOf(p.hello))
    expect(Math.max(...all.map((streams) => streams.length))).toBeLessThanOrEqual(200)
    expect(new Set(all.flat()).size).toBe(1500)
    expect(all.flat()).toHaveLength(1500)
    for (const p of plans) {
      expect(1000 / p.sendIntervalMs).toBeLessThan(5)
      expect(p.maxLifetimeMs).toBeLessThan(24 * 3600 * 1000)
      for (const text of p.hello)
        expect((JSON.parse(text) as { params: string[] }).params.length).toBeLessThanOrEqual(100)
      expect(new Set(p.hello.map((text) => (JSON.parse(text) as { id: number }).id)).size).toBe(p.hello.length)
      // A symbol's streams are of one connection.
      expect(streamsOf(p.hello)).toHaveLength(p.subscriptions.length * 3)
    }
  })

  it('about definitions is no more than needed', () => {
    const paths = (venue: string, symbols: string[]) => findVenue(venue).definitionPaths(symbols)
    expect(paths('binance', ['BTCUSDT', '币安人生USDT']).map(decodeURIComponent)).toEqual([
      '/api/v3/exchangeInfo?symbols=["BTCUSDT","币安人生USDT"]',
    ])
    expect(paths('binance', Array(101).fill('X'))).toEqual(['/api/v3/exchangeInfo'])
    expect(paths('binance-usdm', ['BTCUSDT'])).toEqual(['/fapi/v1/exchangeInfo'])
    expect(paths('binance-coinm', ['BTCUSD_PERP'])).toEqual(['/dapi/v1/exchangeInfo'])
    for (const venue of ['binance', 'binance-us', 'binance-usdm', 'binance-coinm']) expect(paths(venue, [])).toEqual([])
  })
})
