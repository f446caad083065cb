import { afterEach, describe, expect, test } from 'vitest'
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulate/simulator.ts'
import { TestClient } from './client.ts'

const running: Simulator[] = []

async function start(options: Partial<SimulatorOptions>): Promise<Simulator> {
  const simulator = await createSimulator({ venue: 'binance', rate: 2000, ...options })
  running.push(simulator)
  return simulator
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()))
})

interface Depth {
  e: string
  s: string
  U: number
  u: number
  pu?: number
  b: [string, string][]
  a: [string, string][]
}

interface Snapshot {
  lastUpdateId: number
  bids: [string, string][]
  asks: [string, string][]
}

function dataOf<T>(client: TestClient, stream: string): T[] {
  return client
    .messages()
    .filter((message) => message.stream === stream)
    .map((message) => message.data as T)
}

async function fetchSnapshot(url: string): Promise<Snapshot> {
  return (await (await fetch(url)).json()) as Snapshot
}

/** A book as the venue's documents say to keep it; prices stay text. */
function apply(book: Map<string, string>, levels: readonly [string, string][]): void {
  for (const [price, size] of levels) {
    if (/^0(\.0+)?$/.test(size)) book.delete(price)
    else book.set(price, size)
  }
}

const MARKETS = [
  { venue: 'binance', path: '/stream', rest: '/api/v3', symbol: 'BTCUSDT', depth: 'btcusdt@depth@100ms' },
  { venue: 'binance-usdm', path: '/public/stream', rest: '/fapi/v1', symbol: 'ETHUSDT', depth: 'ethusdt@depth@0ms' },
  {
    venue: 'binance-coinm',
    path: '/stream',
    rest: '/dapi/v1',
    symbol: 'BTCUSD_PERP',
    depth: 'btcusd_perp@depth@100ms',
  },
] as const

describe.each(MARKETS)('simulated $venue', ({ venue, path, rest, symbol, depth }) => {
  test('joins a REST snapshot with its depth stream by the rules of the market', async () => {
    const simulator = await start({ venue })
    const client = await TestClient.connect(`${simulator.endpoints.websocket}${path}`)
    client.send({ method: 'SUBSCRIBE', params: [depth], id: 1 })
    await client.until((c) => c.received.length >= 4)
    expect(client.messages()[0]).toEqual({ result: null, id: 1 })
    const url = `${simulator.endpoints.rest}${rest}/depth?symbol=${symbol}&limit=1000`
    const snapshot = await fetchSnapshot(url)
    const seen = client.received.length
    await client.until((c) => c.received.length >= seen + 4)
    const updates = dataOf<Depth>(client, depth)
    for (const [at, update] of updates.entries()) {
      expect(update.e).toBe('depthUpdate')
      expect(update.s).toBe(symbol)
      expect(update.U).toBeLessThanOrEqual(update.u)
      if (at === 0) continue
      const before = updates[at - 1]!
      if (venue === 'binance') expect(update.U).toBe(before.u + 1)
      else expect(update.pu).toBe(before.u)
    }
    const id = snapshot.lastUpdateId
    const rest0 = updates.filter((update) => (venue === 'binance' ? update.u > id : update.u >= id))
    const first = rest0[0]!
    if (venue === 'binance') expect(first.U <= id + 1 && id + 1 <= first.u).toBe(true)
    else expect((first.U <= id && id <= first.u) || first.pu === id).toBe(true)

    // The book that follows from it is the book of the next snapshot at the same id.
    const bids = new Map(snapshot.bids)
    let joined = -1
    const later = await fetchSnapshot(url)
    await client.until((c) => dataOf<Depth>(c, depth).some((update) => update.u >= later.lastUpdateId))
    for (const update of dataOf<Depth>(client, depth)) {
      if (update.u < id || update.u > later.lastUpdateId) continue
      apply(bids, update.b)
      joined = update.u
    }
    // A frame that ends exactly at the later snapshot is not always there; then the frame after it closes the difference.
    const next = dataOf<Depth>(client, depth).find((update) => update.u >= later.lastUpdateId)!
    const expected = new Map(later.bids)
    if (joined !== later.lastUpdateId) {
      apply(bids, next.b)
      apply(expected, next.b)
    }
    expect([...bids].sort()).toEqual([...expected].sort())
    client.close()
  })

  test('answers exchangeInfo with the steps of the prices that it sends', async () => {
    const simulator = await start({ venue })
    const info = (await (await fetch(`${simulator.endpoints.rest}${rest}/exchangeInfo`)).json()) as {
      symbols: { symbol: string; filters: { filterType: string; tickSize?: string; stepSize?: string }[] }[]
    }
    const found = info.symbols.find((one) => one.symbol === symbol)!
    const tick = found.filters.find((filter) => filter.filterType === 'PRICE_FILTER')!.tickSize!
    const snapshot = await fetchSnapshot(`${simulator.endpoints.rest}${rest}/depth?symbol=${symbol}&limit=5`)
    const scale = tick.split('.')[1]!.length
    const units = (text: string) => BigInt(text.replace('.', ''))
    expect(snapshot.bids).toHaveLength(5)
    for (const [price] of [...snapshot.bids, ...snapshot.asks]) {
      expect(price.split('.')[1]).toHaveLength(scale)
      expect(units(price) % units(tick)).toBe(0n)
    }
  })

  test('numbers trades without a hole and quotes a best bid below the best ask', async () => {
    const simulator = await start({ venue })
    const lower = symbol.toLowerCase()
    const names = [`${lower}@trade`, `${lower}@bookTicker`]
    const client = await TestClient.connect(`${simulator.endpoints.websocket}${path}?streams=${names.join('/')}`)
    await client.until((c) => dataOf(c, names[0]!).length >= 20 && dataOf(c, names[1]!).length >= 20)
    const trades = dataOf<{ t: number; E: number; T: number; m: boolean; X?: string; M?: boolean }>(client, names[0]!)
    for (const [at, trade] of trades.entries()) {
      if (at > 0) expect(trade.t).toBe(trades[at - 1]!.t + 1)
      expect(typeof trade.m).toBe('boolean')
      if (venue === 'binance') expect(trade.M).toBe(true)
      else expect(trade.X).toBe('MARKET')
    }
    for (const quote of dataOf<{ b: string; a: string; u: number; e?: string; ps?: string }>(client, names[1]!)) {
      expect(Number(quote.b)).toBeLessThan(Number(quote.a))
      expect(quote.e).toBe(venue === 'binance' ? undefined : 'bookTicker')
      expect(quote.ps).toBe(venue === 'binance-coinm' ? 'BTCUSD' : undefined)
    }
    client.close()
  })
})

describe('the commands of simulated Binance', () => {
  test('subscribe, list and unsubscribe, with errors as documented', async () => {
    const simulator = await start({ rate: 1 })
    const client = await TestClient.connect(`${simulator.endpoints.websocket}/ws`)
    client.send({ method: 'SUBSCRIBE', params: ['btcusdt@kline_1m', 'nosuch@trade'], id: 'a' })
    client.send({ method: 'LIST_SUBSCRIPTIONS', id: 2 })
    client.send({ method: 'UNSUBSCRIBE', params: ['nosuch@trade'], id: 3 })
    client.send({ method: 'NO', id: 4 })
    client.send('{"method":')
    await client.until((c) => c.received.length === 5)
    const [subscribed, listed, unsubscribed, unknown, broken] = client.messages()
    expect(subscribed).toEqual({ result: null, id: 'a' })
    expect(listed).toEqual({ result: ['btcusdt@kline_1m', 'nosuch@trade'], id: 2 })
    expect(unsubscribed).toEqual({ result: null, id: 3 })
    expect(unknown).toMatchObject({ code: 2, id: 4 })
    expect(broken).toMatchObject({ code: 3 })
    client.close()
  })

  test('disconnect a client that sends more than five messages in a second', async () => {
    const simulator = await start({})
    const client = await TestClient.connect(`${simulator.endpoints.websocket}/ws`)
    for (let id = 1; id <= 8; id++) client.send({ method: 'LIST_SUBSCRIPTIONS', id })
    expect(await client.ended()).toBe(1008)
  })

  test('give raw payloads on /ws, in µs where the address asks for it', async () => {
    const simulator = await start({})
    const client = await TestClient.connect(`${simulator.endpoints.websocket}/ws/btcusdt@aggTrade?timeUnit=MICROSECOND`)
    await client.until((c) => c.received.length >= 3)
    const [first, second] = client.messages() as { e: string; E: number; a: number; f: number; l: number }[]
    expect(first!.e).toBe('aggTrade')
    expect(String(first!.E)).toHaveLength(16)
    expect(second!.a).toBe(first!.a + 1)
    expect(second!.f).toBe(first!.l + 1)
    client.close()
  })

  test.each([
    ['/public', ['btcusdt@bookTicker', 'btcusdt@depth@0ms', 'btcusdt@trade']],
    ['/market', ['btcusdt@aggTrade']],
    ['', []],
  ])('acknowledge every USD-M stream on %s, and send those of its class only', async (path, delivered) => {
    const simulator = await start({ venue: 'binance-usdm' })
    const params = ['btcusdt@aggTrade', 'btcusdt@bookTicker', 'btcusdt@depth@0ms', 'btcusdt@trade']
    const client = await TestClient.connect(`${simulator.endpoints.websocket}${path}/stream`)
    client.send({ method: 'SUBSCRIBE', params, id: 1 })
    await client.until((c) => c.received.length >= 1)
    expect(client.messages()[0]).toEqual({ result: null, id: 1 })
    // As much as another client needs to see all of its own.
    const other = await TestClient.connect(`${simulator.endpoints.websocket}/public/stream?streams=btcusdt@trade`)
    await other.until((c) => c.received.length >= 5)
    if (delivered.length > 0)
      await client.until((c) => new Set(c.messages().map((m) => m.stream)).size > delivered.length)
    const seen = client
      .messages()
      .slice(1)
      .map((message) => message.stream)
    expect([...new Set(seen)].sort()).toEqual(delivered)
    client.close()
    other.close()
  })

  test('refuse unknown symbols over REST, and paths that are not streams', async () => {
    const simulator = await start({})
    const answer = await fetch(`${simulator.endpoints.rest}/api/v3/depth?symbol=NOPEUSDT`)
    expect(answer.status).toBe(400)
    expect(await answer.json()).toEqual({ code: -1121, msg: 'Invalid symbol.' })
    expect((await fetch(`${simulator.endpoints.rest}/api/v9/depth`)).status).toBe(404)
    await expect(TestClient.connect(`${simulator.endpoints.websocket}/nothing`)).rejects.toThrow(/404/)
    expect(simulator.stats.refusedConnections).toBe(1)
  })

  test('send pings', async () => {
    const simulator = await start({ pingEveryMs: 20 })
    const client = await TestClient.connect(`${simulator.endpoints.websocket}/ws`)
    await new Promise<void>((resolve) => client.onPing(resolve))
    client.close()
  })
})
