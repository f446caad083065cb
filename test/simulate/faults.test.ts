import { afterEach, describe, expect, test } from 'vitest'
import {
  createSimulator,
  createSimulators,
  type Simulator,
  type SimulatorOptions,
} from '../../src/simulate/simulator.ts'
import { TestClient } from './client.ts'

const running: Simulator[] = []

async function start(options: Partial<SimulatorOptions>): Promise<Simulator> {
  const simulator = await createSimulator({ venue: 'binance', rate: 3000, ...options })
  running.push(simulator)
  return simulator
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()))
})

function connect(simulator: Simulator, streams: string): Promise<TestClient> {
  return TestClient.connect(`${simulator.endpoints.websocket}/stream?streams=${streams}`)
}

describe('faults', () => {
  test('drop the connection in the middle of a frame', async () => {
    const simulator = await start({ faults: { dropMidFrameAfter: 5 } })
    const client = await connect(simulator, 'btcusdt@trade')
    expect(await client.ended()).toBe(1006)
    expect(client.received).toHaveLength(5)
    expect(simulator.stats.faults.droppedMidFrame).toBe(1)
    expect(simulator.stats.framesSent).toBe(5)
    for (const frame of client.received) JSON.parse(frame.text)
  })

  test('skip one book update of so many, and nothing else', async () => {
    const simulator = await start({ faults: { skipEvery: 4 } })
    const client = await connect(simulator, 'btcusdt@depth@100ms/btcusdt@trade')
    const depths = () => client.messages().filter((message) => message.stream === 'btcusdt@depth@100ms')
    await client.until(() => depths().length >= 7)
    const updates = depths().map((message) => message.data as { U: number; u: number })
    const broken = updates.flatMap((update, at) => (at > 0 && update.U !== updates[at - 1]!.u + 1 ? [at] : []))
    expect(broken).toEqual([3, 6])
    const trades = client.messages().filter((message) => message.stream === 'btcusdt@trade')
    const ids = trades.map((message) => (message.data as { t: number }).t)
    expect(ids).toEqual(ids.map((_, at) => ids[0]! + at))
    expect(simulator.stats.faults.skipped).toBeGreaterThanOrEqual(2)
    client.close()
  })

  test('add garbage that is not JSON, and lose nothing by it', async () => {
    const simulator = await start({ faults: { garbageEvery: 3 } })
    const client = await connect(simulator, 'btcusdt@trade')
    await client.until((c) => c.received.length >= 60)
    const whole: number[] = []
    let garbage = 0
    const kinds = new Set<string>()
    for (const frame of client.received) {
      try {
        whole.push((JSON.parse(frame.text) as { data: { t: number } }).data.t)
      } catch {
        garbage++
        kinds.add(frame.binary ? 'binary' : frame.text.slice(0, 1))
      }
    }
    expect(whole).toEqual(whole.map((_, at) => whole[0]! + at))
    expect(garbage).toBe(Math.ceil((whole.length - 2) / 3))
    expect(kinds).toEqual(new Set(['binary', '<', '{']))
    client.close()
  })

  test('stall, then send what was held back, in order', async () => {
    const simulator = await start({ faults: { stallAfter: { frames: 4, ms: 300 } } })
    const client = await connect(simulator, 'btcusdt@trade')
    await client.until((c) => c.received.length >= 4)
    // The market goes on while the connection is silent.
    const events = simulator.stats.marketEvents
    expect(simulator.stats.framesSent).toBe(4)
    await client.until((c) => c.received.length >= 20)
    expect(simulator.stats.marketEvents).toBeGreaterThan(events)
    const ids = client.messages().map((message) => (message.data as { t: number }).t)
    expect(ids).toEqual(ids.map((_, at) => ids[0]! + at))
    expect(simulator.stats.faults.stalled).toBe(1)
    client.close()
  })

  test('close the connection, no more often than the limit says', async () => {
    const simulator = await start({ faults: { closeAfter: 3, limit: 1 } })
    const first = await connect(simulator, 'btcusdt@trade')
    expect(await first.ended()).toBe(1001)
    expect(first.received).toHaveLength(3)
    const second = await connect(simulator, 'btcusdt@trade')
    await second.until((c) => c.received.length >= 10)
    expect(simulator.stats.faults.closed).toBe(1)
    second.close()
  })
})

describe('the simulator refuses', () => {
  const cases: [string, Partial<SimulatorOptions>, string][] = [
    ['an unknown venue', { venue: 'mtgox' }, 'TF_UNKNOWN_VENUE'],
    ['a venue named like a member of every object', { venue: 'constructor' }, 'TF_UNKNOWN_VENUE'],
    ['a symbol that the venue would not spell so', { symbols: ['btc-usdt'] }, 'TF_UNKNOWN_SYMBOL'],
    ['a rate of nothing', { rate: 0 }, 'TF_USAGE'],
    ['a speed below zero', { speed: -1 }, 'TF_USAGE'],
    ['a port that is none', { port: 70_000 }, 'TF_USAGE'],
    ['silence of a channel that there is not', { faults: { silent: ['funding'] } }, 'TF_USAGE'],
    ['a large frame of no bytes', { faults: { largeFrameAfter: { frames: 1, bytes: 0 } } }, 'TF_USAGE'],
    ['a fault every 0 frames', { faults: { skipEvery: 0 } }, 'TF_USAGE'],
    ['a capture that is not there', { capture: '/nowhere/at/all.gz' }, 'TF_NO_FILE'],
    ['a file that is no capture', { capture: 'package.json' }, 'TF_UNKNOWN_FORMAT'],
  ]
  test.each(cases)('%s', async (_, options, code) => {
    await expect(start(options)).rejects.toMatchObject({ code })
  })

  test('a port in use, and then leaves none of its others running', async () => {
    const { port } = await start({})
    await expect(createSimulators([{ venue: 'kraken' }, { venue: 'coinbase', port }])).rejects.toMatchObject({
      code: 'TF_PORT_IN_USE',
      message: expect.stringContaining(String(port)),
    })
  })
})
