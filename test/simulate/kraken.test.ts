import { crc32 as zlibCrc32 } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSimulator, type Simulator } from '../../src/simulate/simulator.ts'
import { crc32 } from '../../src/simulate/venues/crc32.ts'
import { TestClient } from './client.ts'

let simulator: Simulator

beforeEach(async () => {
  simulator = await createSimulator({ venue: 'kraken', rate: 3000, seed: 4 })
})

afterEach(() => simulator.close())

function connect(): Promise<TestClient> {
  return TestClient.connect(`${simulator.endpoints.websocket}/v2`)
}

/** One side from the frame's text, since JSON numbers lose the zeros that the checksum needs. */
function levelsOf(frame: string, side: 'bids' | 'asks'): [string, string][] {
  const list = new RegExp(`"${side}":\\[(.*?)\\]`).exec(frame)![1]!
  return [...list.matchAll(/\{"price":([0-9.]+),"qty":([0-9.]+)\}/g)].map((match) => [match[1]!, match[2]!])
}

/** A client's book by Kraken's rules: set, remove, truncate. */
class Book {
  readonly sides = { bids: [] as [string, string][], asks: [] as [string, string][] }
  readonly #depth: number

  constructor(depth: number) {
    this.#depth = depth
  }

  apply(frame: string): void {
    for (const side of ['bids', 'asks'] as const) {
      for (const [price, qty] of levelsOf(frame, side)) {
        const levels = this.sides[side].filter((level) => level[0] !== price)
        if (Number(qty) > 0) levels.push([price, qty])
        levels.sort((a, b) => (side === 'bids' ? Number(b[0]) - Number(a[0]) : Number(a[0]) - Number(b[0])))
        this.sides[side] = levels.slice(0, this.#depth)
      }
    }
  }

  checksum(): number {
    const digits = (text: string) => text.replace('.', '').replace(/^0+/, '')
    const part = (levels: [string, string][]) =>
      levels
        .slice(0, 10)
        .map(([price, qty]) => digits(price) + digits(qty))
        .join('')
    return zlibCrc32(part(this.sides.asks) + part(this.sides.bids))
  }
}

describe('simulated Kraken v2', () => {
  test('has the CRC-32 of the field', () => {
    expect(crc32('123456789')).toBe(0xcbf43926)
  })

  test('greets with a status whose connection id needs more than 53 bits', async () => {
    const client = await connect()
    await client.until((c) => c.received.length === 1)
    const id = /"connection_id":(\d+)/.exec(client.received[0]!.text)![1]!
    expect(BigInt(id)).toBeGreaterThan(2n ** 53n)
    expect(client.messages()[0]).toMatchObject({ channel: 'status', type: 'update', data: [{ system: 'online' }] })
    client.close()
  })

  test.each([10, 25, 100])(
    'sends books of depth %i whose checksums hold for a client that truncates',
    async (depth) => {
      const client = await connect()
      client.send({
        method: 'subscribe',
        params: { channel: 'book', symbol: ['BTC/USD', 'XRP/USD'], depth },
        req_id: 9,
      })
      await client.until((c) => c.received.length >= 400)
      const books = new Map<string, Book>()
      let updates = 0
      for (const { text } of client.received) {
        if (!text.startsWith('{"channel":"book"')) continue
        const symbol = /"symbol":"([^"]+)"/.exec(text)![1]!
        const type = /"type":"(\w+)"/.exec(text)![1]!
        let book = books.get(symbol)
        if (type === 'snapshot') {
          expect(book).toBeUndefined()
          book = new Book(depth)
          books.set(symbol, book)
          expect(levelsOf(text, 'bids')).toHaveLength(depth)
        } else updates++
        book!.apply(text)
        expect(Number(/"checksum":(\d+)/.exec(text)![1]!)).toBe(book!.checksum())
      }
      expect(books.size).toBe(2)
      expect(updates).toBeGreaterThan(300)
      client.close()
    },
  )

  test('acknowledges each symbol by itself and refuses unknown ones', async () => {
    const client = await connect()
    client.send({
      method: 'subscribe',
      params: { channel: 'trade', symbol: ['ETH/USD', 'NO/PE'], snapshot: true },
      req_id: 5,
    })
    client.send({ method: 'ping', req_id: 6 })
    client.send({ method: 'subscribe', params: { channel: 'book', symbol: ['ETH/USD'], depth: 11 }, req_id: 7 })
    client.send({ method: 'unsubscribe', params: { channel: 'ticker', symbol: ['ETH/USD'] }, req_id: 8 })
    await client.until((c) => c.messages().some((message) => message.req_id === 8))
    const byId = (id: number) => client.messages().filter((message) => message.req_id === id)
    expect(byId(5)).toMatchObject([
      { method: 'subscribe', success: true, result: { channel: 'trade', symbol: 'ETH/USD', snapshot: true } },
      { method: 'subscribe', success: false, error: 'Currency pair not supported NO/PE', symbol: 'NO/PE' },
    ])
    expect(byId(6)).toMatchObject([{ method: 'pong' }])
    expect(byId(7)).toMatchObject([{ success: false }])
    expect(byId(8)).toMatchObject([{ success: false, error: 'Subscription Not Found' }])
    client.close()
  })

  test('sends a backlog of trades, then trades whose ids go on', async () => {
    const client = await connect()
    client.send({ method: 'subscribe', params: { channel: 'trade', symbol: ['BTC/USD'], snapshot: true } })
    const frames = () => client.messages().filter((message) => message.channel === 'trade')
    await client.until(() => frames().length >= 10)
    expect(frames()[0]!.type).toBe('snapshot')
    const ids = frames().flatMap((frame) => (frame.data as { trade_id: number }[]).map((trade) => trade.trade_id))
    expect(ids.length).toBeGreaterThan(40)
    for (const [at, id] of ids.entries()) if (at > 0) expect(id).toBe(ids[at - 1]! + 1)
    client.close()
  })

  test('describes its instruments and quotes on changes of the best prices', async () => {
    const client = await connect()
    client.send({ method: 'subscribe', params: { channel: 'instrument' } })
    client.send({ method: 'subscribe', params: { channel: 'ticker', symbol: ['SOL/USD'], event_trigger: 'bbo' } })
    const tickers = () => client.messages().filter((message) => message.channel === 'ticker')
    await client.until(() => tickers().length >= 20)
    const instruments = client.messages().find((message) => message.channel === 'instrument')!
    const pairs = (instruments.data as { pairs: { symbol: string; price_precision: number; qty_precision: number }[] })
      .pairs
    expect(pairs.find((pair) => pair.symbol === 'SOL/USD')).toMatchObject({ price_precision: 2, qty_precision: 8 })
    const quotes = tickers().map((frame) => (frame.data as Record<string, number>[])[0]!)
    for (const [at, quote] of quotes.entries()) {
      expect(quote.bid!).toBeLessThan(quote.ask!)
      const shown = [quote.bid, quote.bid_qty, quote.ask, quote.ask_qty]
      const before = quotes[at - 1]
      if (before !== undefined && at > 1)
        expect(shown).not.toEqual([before.bid, before.bid_qty, before.ask, before.ask_qty])
    }
    client.close()
  })

  test('sends a heartbeat to a subscriber who hears nothing else', async () => {
    await simulator.close()
    simulator = await createSimulator({ venue: 'kraken', rate: 0.001 })
    const client = await connect()
    client.send({ method: 'subscribe', params: { channel: 'book', symbol: ['BTC/USD'] } })
    await client.until((c) => c.received.some((frame) => frame.text === '{"channel":"heartbeat"}'))
    client.close()
  })
})
