// The two readings of each protocol against each other: what the simulator sends is what the feeds expect.
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { CHANNELS } from '../../src/feeds/feed.ts'
import { adapterFor, findVenue } from '../../src/feeds/registry.ts'
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulate/simulator.ts'
import { Harness } from '../helpers/normalize.ts'

let simulator: Simulator
const sockets: WebSocket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate()
  await simulator.close()
})

/** Records a venue's simulator with its feed until `enough` frames have come on each connection that sends any. */
async function record(options: SimulatorOptions, symbols: string[], enough: number): Promise<Harness> {
  simulator = await createSimulator(options)
  const venue = findVenue(options.venue)
  const harness = new Harness(options.venue)
  const { normalizer } = harness
  const fetchRest = async (path: string, connection: number) => {
    const answer = await fetch(simulator.endpoints.rest + path)
    expect([path, answer.status]).toEqual([path, 200])
    normalizer.rest(connection, path, new Uint8Array(await answer.arrayBuffer()))
  }
  for (const path of venue.definitionPaths(symbols)) await fetchRest(path, 1)
  const subscriptions = symbols.map((symbol) => ({ symbol, channels: CHANNELS }))
  const plans = adapterFor(venue, {}).plan(subscriptions, simulator.endpoints)
  const byConnection = new Map<number, WebSocket>()
  await Promise.all(
    plans.map(async (plan, at) => {
      const connection = at + 1
      const socket = new WebSocket(plan.url, { perMessageDeflate: false })
      sockets.push(socket)
      byConnection.set(connection, socket)
      await new Promise<void>((resolve, reject) => {
        let frames = 0
        socket.on('error', reject)
        socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
        socket.on('open', async () => {
          normalizer.opened(connection, plan.url)
          for (const message of plan.hello) {
            socket.send(message)
            await new Promise((next) => setTimeout(next, plan.sendIntervalMs))
          }
        })
        socket.on('message', (data: Buffer) => {
          harness.at(1_700_000_000_000_000_000n + BigInt(frames))
          harness.frame(data, connection)
          for (const request of harness.requests()) {
            if (request.kind === 'rest') void fetchRest(request.path, request.connection).catch(reject)
            else if (request.kind === 'send')
              for (const message of request.messages) byConnection.get(request.connection)!.send(message)
            else reject(new Error(`reconnect: ${request.reason}`))
          }
          if (++frames === enough) resolve()
        })
      })
    }),
  )
  return harness
}

const VENUES: [string, string[]][] = [
  ['binance', ['BTCUSDT', 'ETHBTC']],
  ['binance-usdm', ['BTCUSDT', 'SOLUSDT']],
  ['binance-coinm', ['BTCUSD_PERP']],
  ['kraken', ['BTC/USD', 'XRP/USD']],
  ['coinbase', ['BTC-USD', 'DOGE-USD']],
]

describe('the feed of a venue reads its simulator', () => {
  test.each(VENUES)('%s: trades, quotes and books without a gap or a rejected frame', async (venue, symbols) => {
    const harness = await record({ venue, symbols, rate: 1500, seed: 21 }, symbols, 150)
    const { counters } = harness.normalizer
    expect(harness.warnings).toEqual([])
    expect(counters).toMatchObject({ rejectedFrames: 0, gaps: 0, checksumsFailed: 0 })
    if (venue === 'kraken') expect(counters.checksumsPassed).toBeGreaterThan(10)
    const types = new Set(harness.records().map((one) => one.type))
    for (const type of ['instrument', 'trade', 'quote', 'book']) expect(types).toContain(type)
  })
})
