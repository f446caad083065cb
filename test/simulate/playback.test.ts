import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulate/simulator.ts'
import { TestClient } from './client.ts'

let folder: string
const running: Simulator[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickforge-playback-'))
})

afterAll(() => rm(folder, { recursive: true }))

afterEach(async () => {
  await Promise.all(running.splice(0).map((simulator) => simulator.close()))
})

async function start(options: Partial<SimulatorOptions> & { capture: string | string[] }): Promise<Simulator> {
  const simulator = await createSimulator({ venue: 'binance', speed: 'max', ...options })
  running.push(simulator)
  return simulator
}

async function log(name: string, lines: readonly string[]): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, gzipSync(`${lines.join('\n')}\n`))
  return path
}

const SUBSCRIBE = { method: 'SUBSCRIBE', params: ['btcusdt@trade'], id: 1 }

function trade(id: number, symbol = 'btcusdt'): string {
  return `{"stream":"${symbol}@trade","data":{"e":"trade","t":${id},"p":"0.10",  "odd":"é\\u00e9"}}`
}

function texts(client: TestClient): string[] {
  return client.received.map((frame) => frame.text)
}

describe('playback of a log of hftbacktest', () => {
  test('sends every frame as it is, in order, after the client has subscribed, and closes with 1000', async () => {
    const frames = Array.from({ length: 3000 }, (_, at) => trade(at))
    const path = await log(
      'plain.gz',
      frames.map((frame, at) => `${1723161256172216567n + BigInt(at)} ${frame}`),
    )
    const simulator = await start({ capture: path })
    const client = await TestClient.connect(`${simulator.endpoints.websocket}/stream`)
    expect(simulator.playback).toEqual({ frames: 3000, played: 0, finished: false })
    client.send(SUBSCRIBE)
    expect(await client.ended()).toBe(1000)
    expect(texts(client)).toEqual(frames)
    await simulator.finished
    expect(simulator.playback).toEqual({ frames: 3000, played: 3000, finished: true })
    const late = await TestClient.connect(`${simulator.endpoints.websocket}/stream?streams=btcusdt@trade`)
    expect(await late.ended()).toBe(1000)
    expect(late.received).toEqual([])
  })

  test('merges files by time, and answers subscriptions only if it is told to', async () => {
    const one = await log('one.gz', [
      `1680652800000001 ${trade(1)}`,
      `1680652800000004 ${trade(4)}`,
      `1680652800000005 ${trade(5)}`,
    ])
    const two = await log('two.gz', [
      `1680652800000002 ${trade(2)}`,
      `1680652800000003 ${trade(3)}`,
      `1680652800000004 ${trade(9)}`,
    ])
    const simulator = await start({ capture: [one, two], acks: true, repeat: true })
    for (let round = 0; round < 2; round++) {
      const client = await TestClient.connect(`${simulator.endpoints.websocket}/ws`)
      client.send(SUBSCRIBE)
      expect(await client.ended()).toBe(1000)
      expect(texts(client)).toEqual(['{"result":null,"id":1}', ...[1, 2, 3, 4, 9, 5].map((id) => trade(id))])
    }
  })

  test('begins at once for a client whose address names streams, and gives a second one nothing but the end', async () => {
    const path = await log('url.gz', [`1680652800000001 ${trade(1)}`, `1680652800100001 ${trade(2)}`])
    const simulator = await start({ capture: path, speed: 1 })
    const url = `${simulator.endpoints.websocket}/stream?streams=btcusdt@trade`
    const [first, second] = await Promise.all([TestClient.connect(url), TestClient.connect(url)])
    expect(await Promise.all([first.ended(), second.ended()])).toEqual([1000, 1000])
    expect([...texts(first), ...texts(second)]).toEqual([trade(1), trade(2)])
  })

  test('goes on where it stopped when a fault has cut the connection', async () => {
    const frames = Array.from({ length: 10 }, (_, at) => trade(at))
    const path = await log(
      'cut.gz',
      frames.map((frame, at) => `${1680652800000000 + at} ${frame}`),
    )
    const simulator = await start({ capture: path, faults: { dropMidFrameAfter: 4, limit: 1 } })
    const first = await TestClient.connect(`${simulator.endpoints.websocket}/stream?streams=btcusdt@trade`)
    expect(await first.ended()).toBe(1006)
    expect(texts(first)).toEqual(frames.slice(0, 4))
    const second = await TestClient.connect(`${simulator.endpoints.websocket}/stream?streams=btcusdt@trade`)
    expect(await second.ended()).toBe(1000)
    // The frame that was cut in half is lost, as it is on a real connection.
    expect(texts(second)).toEqual(frames.slice(5))
  })

  test('holds frames and REST answer together: what came after the answer comes after it', async () => {
    const book = '{"lastUpdateId":7,"bids":[["1.10","2"]],"asks":[]}'
    const later = '{"lastUpdateId":9,"bids":[],"asks":[]}'
    const path = await log('book.gz', [
      `1680652800000001 ${trade(1)}`,
      `1680652800000002 ${book}`,
      `1680652800000003 ${trade(2)}`,
      `1680652800000004 ${later}`,
      `1680652800000005 ${trade(3)}`,
    ])
    const simulator = await start({ capture: path, restWaitMs: 60_000 })
    const depth = `${simulator.endpoints.rest}/api/v3/depth?symbol=BTCUSDT&limit=5000`
    const client = await TestClient.connect(`${simulator.endpoints.websocket}/stream?streams=btcusdt@trade`)
    await client.until((c) => c.received.length >= 1)
    expect(texts(client)).toEqual([trade(1)])
    expect(await (await fetch(depth)).text()).toBe(book)
    await client.until((c) => c.received.length >= 2)
    expect(texts(client)).toEqual([trade(1), trade(2)])
    expect(await (await fetch(depth)).text()).toBe(later)
    expect(await client.ended()).toBe(1000)
    expect(await (await fetch(depth)).text()).toBe(later)
    expect((await fetch(`${simulator.endpoints.rest}/api/v3/depth?symbol=ETHUSDT`)).status).toBe(404)
    expect((await fetch(`${simulator.endpoints.rest}/api/v3/exchangeInfo`)).status).toBe(404)
  })
})

describe('playback of a cryptofeed session', () => {
  const LINES = [
    '{"t":"header","format":2,"exchange":"KRAKEN"}',
    '{"t":"http","conn":"http","ts":1618678131.0,"url":"https://api.kraken.com/0/public/AssetPairs","data":"{\\"pairs\\":1}"}',
    '{"t":"connect","conn":"one","ts":1618678131.1,"addr":"wss://ws.kraken.com"}',
    '{"t":"recv","conn":"one","ts":1618678131.2,"data":"[1]"}',
    '{"t":"recv","conn":"one","ts":1618678131.4,"data":"[3]"}',
    '{"t":"connect","conn":"two","ts":1618678131.15,"addr":"wss://ws.kraken.com"}',
    '{"t":"recv","conn":"two","ts":1618678131.3,"b64":"AP8="}',
    '{"t":"recv","conn":"two","ts":1618678131.5,"data":"[4]"}',
  ]

  async function session(): Promise<string> {
    const path = join(folder, 'KRAKEN.jsonl')
    await writeFile(path, LINES.join('\n'))
    return path
  }

  test('merges its connections, keeps binary frames binary and answers what was asked before', async () => {
    const simulator = await start({ venue: 'kraken', capture: await session() })
    const answer = await fetch(`${simulator.endpoints.rest}/0/public/AssetPairs?pair=XBTUSD`)
    expect(await answer.text()).toBe('{"pairs":1}')
    const client = await TestClient.connect(simulator.endpoints.websocket)
    client.send({ event: 'subscribe' })
    expect(await client.ended()).toBe(1000)
    expect(client.received).toEqual([
      { text: '[1]', binary: false },
      { text: '\x00\xff', binary: true },
      { text: '[3]', binary: false },
      { text: '[4]', binary: false },
    ])
  })

  test('gives each client a connection of its own if they are to be separate', async () => {
    const simulator = await start({ venue: 'kraken', capture: await session(), connections: 'separate' })
    const clients: TestClient[] = []
    for (let at = 0; at < 2; at++) {
      const client = await TestClient.connect(simulator.endpoints.websocket)
      client.send({ event: 'subscribe' })
      expect(await client.ended()).toBe(1000)
      clients.push(client)
    }
    expect(clients.map(texts)).toEqual([
      ['[1]', '[3]'],
      ['\x00\xff', '[4]'],
    ])
    await simulator.finished
  })
})

test('a simulator that is closed in the middle of a playback leaves nothing behind', async () => {
  const path = await log('slow.gz', [`1680652800000001 ${trade(1)}`, `1680659999000001 ${trade(2)}`])
  const simulator = await start({ capture: path, speed: 1 })
  const client = await TestClient.connect(`${simulator.endpoints.websocket}/stream?streams=btcusdt@trade`)
  await client.until((c) => c.received.length === 1)
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const during = timers()
  await simulator.close()
  expect(await client.ended()).toBe(1006)
  await new Promise((resolve) => setImmediate(resolve))
  // The two hours until the next frame and the server's own tick are no longer waited for.
  expect(timers()).toBeLessThanOrEqual(during - 2)
})
