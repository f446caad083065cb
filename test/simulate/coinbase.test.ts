import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSimulator, type Simulator } from '../../src/simulate/simulator.ts'
import { TestClient } from './client.ts'

let simulator: Simulator

beforeEach(async () => {
  simulator = await createSimulator({ venue: 'coinbase', rate: 1500 })
})

afterEach(() => simulator.close())

interface Frame {
  channel: string
  timestamp: string
  sequence_num: number
  events: { type?: string; product_id?: string; updates?: Level[]; trades?: Trade[] }[]
}

interface Level {
  side: string
  price_level: string
  new_quantity: string
}

interface Trade {
  product_id: string
  trade_id: string
}

function frames(client: TestClient): Frame[] {
  return client.messages() as unknown as Frame[]
}

describe('simulated Coinbase Advanced', () => {
  test('numbers every frame of a connection, answers and heartbeats included', async () => {
    const client = await TestClient.connect(simulator.endpoints.websocket)
    for (const channel of ['market_trades', 'ticker', 'level2']) {
      client.send({ type: 'subscribe', product_ids: ['BTC-USD', 'ETH-USD'], channel })
    }
    client.send({ type: 'subscribe', channel: 'heartbeats' })
    await client.until((c) => c.received.length >= 60)
    const all = frames(client)
    expect(all.map((frame) => frame.sequence_num)).toEqual(all.map((_, at) => at))
    expect(new Set(all.map((frame) => frame.channel))).toEqual(
      new Set(['market_trades', 'ticker', 'l2_data', 'subscriptions', 'heartbeats']),
    )
    // Snapshots of a subscription come before its answer, as at the venue.
    expect(all.slice(0, 3).map((frame) => frame.channel)).toEqual(['market_trades', 'market_trades', 'subscriptions'])
    client.close()
  })

  test('keeps a book complete by its updates', async () => {
    const client = await TestClient.connect(simulator.endpoints.websocket)
    client.send({ type: 'subscribe', product_ids: ['ETH-USD'], channel: 'level2' })
    await client.until((c) => c.received.length >= 15)
    const book = new Map<string, string>()
    for (const frame of frames(client)) {
      if (frame.channel !== 'l2_data') continue
      const event = frame.events[0]!
      if (event.type === 'snapshot') expect(book.size).toBe(0)
      for (const level of event.updates!) {
        expect(level.new_quantity).toMatch(/^(0|[1-9]\d*)(\.\d*[1-9])?$/)
        const key = `${level.side} ${level.price_level}`
        if (level.new_quantity === '0') book.delete(key)
        else book.set(key, level.new_quantity)
      }
    }
    const prices = (side: string) =>
      [...book.keys()].filter((key) => key.startsWith(side)).map((key) => Number(key.split(' ')[1]))
    expect(Math.max(...prices('bid'))).toBeLessThan(Math.min(...prices('offer')))
    // A second client's snapshot is at the same place, give or take the batch under way.
    const other = await TestClient.connect(simulator.endpoints.websocket)
    other.send({ type: 'subscribe', product_ids: ['ETH-USD'], channel: 'level2' })
    await other.until((c) => c.received.length >= 1)
    const levels = frames(other)[0]!.events[0]!.updates!
    const shared = levels.filter((level) => book.has(`${level.side} ${level.price_level}`))
    expect(shared.length).toBeGreaterThan(levels.length * 0.8)
    client.close()
    other.close()
  })

  test('lists trades newest first, a backlog before the updates, without a hole', async () => {
    const client = await TestClient.connect(simulator.endpoints.websocket)
    client.send({ type: 'subscribe', product_ids: ['BTC-USD'], channel: 'market_trades' })
    await client.until((c) => c.received.length >= 8)
    const events = frames(client).filter((frame) => frame.channel === 'market_trades')
    expect(events[0]!.events[0]!.type).toBe('snapshot')
    const ids = events.flatMap((frame) => frame.events[0]!.trades!.map((trade) => Number(trade.trade_id)).reverse())
    expect(ids.length).toBeGreaterThan(60)
    for (const [at, id] of ids.entries()) if (at > 0) expect(id).toBe(ids[at - 1]! + 1)
    client.close()
  })

  test('refuses unknown products and channels without spending a number', async () => {
    const client = await TestClient.connect(simulator.endpoints.websocket)
    client.send({ type: 'subscribe', product_ids: ['NO-PE'], channel: 'level2' })
    client.send({ type: 'subscribe', product_ids: ['BTC-USD'], channel: 'level9' })
    client.send('not JSON')
    client.send({ type: 'subscribe', channel: 'heartbeats' })
    await client.until((c) => c.received.length >= 4)
    const [product, channel, broken, first] = client.messages()
    expect(product).toMatchObject({ type: 'error', reason: 'NO-PE is not a valid product' })
    expect(channel).toMatchObject({ type: 'error' })
    expect(broken).toMatchObject({ type: 'error' })
    expect(first).toMatchObject({ sequence_num: 0 })
    client.close()
  })

  test('describes its products over REST', async () => {
    const base = `${simulator.endpoints.rest}/api/v3/brokerage/market/products`
    const all = (await (await fetch(base)).json()) as { products: { product_id: string }[] }
    expect(all.products.map((product) => product.product_id)).toContain('BTC-USD')
    const one = (await (await fetch(`${base}/SOL-USD`)).json()) as Record<string, unknown>
    expect(one).toMatchObject({ product_id: 'SOL-USD', base_increment: '0.00000001', quote_increment: '0.01' })
    expect((await fetch(`${base}/NO-PE`)).status).toBe(404)
  })
})
