import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ConnectionPlan, Normalizer } from '../../src/feeds/feed.ts'
import { backoffMs } from '../../src/recorder/backoff.ts'
import { ReceiveClock } from '../../src/recorder/clock.ts'
import { Session } from '../../src/recorder/session.ts'
import { GapCause } from '../../src/records/layout.ts'
import { eventually } from '../helpers/eventually.ts'

/** A normaliser that notes what it is told. */
class Notes {
  readonly calls: string[] = []
  readonly stamps: bigint[] = []
  readonly #clock: ReceiveClock
  /** Thrown by the next frame. */
  failure: Error | undefined

  constructor(clock: ReceiveClock) {
    this.#clock = clock
  }

  opened(connection: number): void {
    this.calls.push(`opened ${connection}`)
  }
  closed(connection: number, code: number, reason: string): void {
    this.calls.push(`closed ${connection} ${code} ${reason}`.trim())
  }
  interrupted(connection: number, cause: number): void {
    this.calls.push(`interrupted ${connection} ${cause}`)
  }
  unreadable(connection: number, bytes: Uint8Array, why: string): void {
    this.calls.push(`unreadable ${connection} ${Buffer.from(bytes).toString('hex')} ${why}`)
  }
  frame(connection: number, bytes: Uint8Array, binary: boolean): void {
    if (this.failure !== undefined) throw this.failure
    this.calls.push(`${binary ? 'binary' : 'text'} ${connection} ${Buffer.from(bytes).toString('utf8')}`)
    this.stamps.push((BigInt(this.#clock.high) << 32n) | BigInt(this.#clock.low >>> 0))
  }
}

interface Venue {
  url: string
  clients: WebSocket[]
  /** What clients said, in order. */
  heard: string[]
  pongs: number
}

async function venue(onClient: (client: WebSocket, number: number) => void = () => undefined): Promise<Venue> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const made: Venue = {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clients: [],
    heard: [],
    pongs: 0,
  }
  server.on('connection', (client) => {
    made.clients.push(client)
    client.on('message', (data) => made.heard.push(String(data)))
    client.on('pong', () => made.pongs++)
    onClient(client, made.clients.length)
  })
  onTestFinished(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return made
}

function session(url: string, plan: Partial<ConnectionPlan> = {}) {
  const clock = new ReceiveClock()
  const notes = new Notes(clock)
  const [warnings, failures] = [[] as string[], [] as unknown[]]
  let connections = 0
  const made = new Session(
    { url, hello: [], sendIntervalMs: 1, staleAfterMs: 10_000, subscriptions: [], ...plan },
    notes as unknown as Normalizer,
    clock,
    {
      freeConnection: () => undefined,
      nextConnection: () => ++connections,
      afterFrame: () => undefined,
      failed: (error) => failures.push(error),
      warn: (message) => warnings.push(message),
    },
  )
  onTestFinished(() => made.stop())
  return { session: made, notes, warnings, failures }
}

describe('a session', () => {
  it('says hello in order, hands on every frame as it came, and ends with the last of them', async () => {
    const { url, heard } = await venue((client) => {
      client.send('one')
      client.send(Buffer.from('two'), { binary: true })
      client.send('drei €')
    })
    const { session: tested, notes } = session(url, { hello: ['a', 'b', 'c'] })
    tested.start()
    await eventually('frames and hellos', () => notes.calls.length === 4 && heard.length === 3)
    await tested.stop()
    expect(heard).toEqual(['a', 'b', 'c'])
    expect(notes.calls).toEqual(['opened 1', 'text 1 one', 'binary 1 two', 'text 1 drei €', 'closed 1 1000'])
    expect(tested).toMatchObject({ state: 'stopped', frames: 3, bytes: 3 + 3 + 8, reconnects: 0, connection: 0 })
  })

  it('hands on what arrives until the venue has answered its close', async () => {
    const { url, clients } = await venue((client) => client.send('first'))
    const { session: tested, notes } = session(url)
    tested.start()
    await eventually('the first frame', () => notes.calls.length === 2)
    const stopped = tested.stop()
    clients[0]?.send('last')
    await stopped
    expect(notes.calls).toEqual(['opened 1', 'text 1 first', 'text 1 last', 'closed 1 1000'])
  })

  it('stamps frames of one read alike, and later ones not earlier', async () => {
    const { url } = await venue((client) => {
      for (let i = 0; i < 50; i++) client.send(`${i}`)
    })
    const before = BigInt(Date.now()) * 1_000_000n
    const { session: tested, notes } = session(url)
    tested.start()
    await eventually('fifty frames', () => notes.stamps.length === 50)
    expect(notes.stamps).toEqual(notes.stamps.toSorted((a, b) => Number(a - b)))
    expect((notes.stamps[0] as bigint) >= before - 1_000_000n).toBe(true)
    expect(new Set(notes.stamps).size).toBeLessThan(50)
  })

  it('comes back when it is closed, and says why', async () => {
    const { url, heard } = await venue((client, number) => {
      if (number === 1) client.close(1012, 'service restart')
      else client.send('back')
    })
    const { session: tested, notes, warnings } = session(url, { hello: ['hello'] })
    tested.start()
    await eventually('the second connection', () => notes.calls.includes('text 2 back') && heard.length >= 1)
    expect(notes.calls).toEqual([
      'opened 1',
      `interrupted 1 ${GapCause.disconnect}`,
      'closed 1 1012 service restart',
      'opened 2',
      'text 2 back',
    ])
    expect(warnings.join('\n')).toMatch(/closed with 1012 \(service restart\); connecting again in \d+ ms/)
    expect(tested.reconnects).toBe(1)
  })

  it('gives a silent connection up', async () => {
    const { url } = await venue((client, number) => client.send(`hello ${number}`))
    const { session: tested, notes, warnings } = session(url, { staleAfterMs: 100 })
    tested.start()
    await eventually('the second connection', () => notes.calls.includes('text 2 hello 2'))
    expect(notes.calls).toContain(`interrupted 1 ${GapCause.stale}`)
    expect(warnings.join('\n')).toContain('nothing arrived for 100 ms')
  })

  it('keeps a text that is not UTF-8, byte by byte, and goes on with the connection', async () => {
    const { url } = await venue((client) => {
      client.send(Buffer.of(0x7b, 0xff), { binary: false })
      client.send('after')
    })
    const { session: tested, notes } = session(url)
    tested.start()
    await eventually('the frame after', () => notes.calls.includes('text 1 after'))
    expect(notes.calls).toEqual(['opened 1', 'unreadable 1 7bff a text that is not UTF-8', 'text 1 after'])
    expect(tested.reconnects).toBe(0)
  })

  it.each([
    ['is compressed, though that was not agreed', [0xc1, 0x01, 0x41], 'RSV1'],
    ['is of a kind that there is not', [0x83, 0x00], 'opcode'],
    ['is masked', [0x81, 0x81, 0, 0, 0, 0, 0x41], 'MASK'],
    ['is longer than any of a venue', [0x81, 0x7f, 0, 0, 0, 0x7f, 0, 0, 0, 0], 'Max payload'],
    ['has a length that no number holds', [0x81, 0x7f, 0xff, 0xff, 0, 0, 0, 0, 0, 0], 'length'],
  ])('is renewed at once after a frame that %s, by a venue that does not close', async (_, bytes, why) => {
    const { url } = await venue((client, number) => {
      const { _socket } = client as unknown as { _socket: Socket }
      if (number > 1) client.send('back')
      else {
        // The venue takes no notice of a close.
        _socket.removeAllListeners('data')
        _socket.write(Buffer.from(bytes))
      }
    })
    const { session: tested, notes, warnings } = session(url)
    tested.start()
    await eventually('the second connection', () => notes.calls.includes('text 2 back'))
    expect(notes.calls[1]).toBe(`interrupted 1 ${GapCause.malformed}`)
    expect(warnings.join('\n')).toContain(why)
  })

  it('does not wait for a venue that says that it closes and does not', async () => {
    const { url } = await venue((client, number) => {
      const { _socket } = client as unknown as { _socket: Socket }
      if (number > 1) client.send('back')
      else {
        _socket.removeAllListeners('data')
        _socket.write(Buffer.from([0x88, 0x02, 0x03, 0xe8]))
      }
    })
    const { session: tested, notes } = session(url)
    tested.start()
    await eventually('the second connection', () => notes.calls.includes('text 2 back'))
  })

  it('takes the pings of a quiet venue for a sign of life, and answers them', async () => {
    const made = await venue((client) => {
      const timer = setInterval(() => client.ping(), 20)
      client.on('close', () => clearInterval(timer))
    })
    const { session: tested, notes } = session(made.url, { staleAfterMs: 200 })
    tested.start()
    await eventually('pings for three times as long as silence may last', () => made.pongs > 30)
    expect(notes.calls).toEqual(['opened 1'])
    expect(tested.reconnects).toBe(0)
  })

  it('keeps a connection alive that the venue wants to hear from', async () => {
    const { url, heard } = await venue()
    const { session: tested } = session(url, { hello: ['hello'], keepAlive: { message: 'ping', everyMs: 10 } })
    tested.start()
    await eventually('several pings', () => heard.length > 4)
    expect(heard.slice(0, 4)).toEqual(['hello', 'ping', 'ping', 'ping'])
  })

  it('renews a connection before the venue ends it', async () => {
    const { url } = await venue()
    const { session: tested, notes } = session(url, { maxLifetimeMs: 50 })
    tested.start()
    await eventually('the second connection', () => notes.calls.includes('opened 2'))
    expect(notes.calls).toContain(`interrupted 1 ${GapCause.venueNotice}`)
  })

  it('sends on, and gives up, only the connection that is meant', async () => {
    const { url, heard } = await venue()
    const { session: tested, notes } = session(url)
    tested.start()
    await eventually('a connection', () => tested.state === 'open')
    expect([tested.send(7, ['wrong']), tested.reconnect(7, 'wrong')]).toEqual([false, false])
    expect(tested.send(1, ['right'])).toBe(true)
    await eventually('the message', () => heard.length === 1)
    expect(tested.reconnect(1, 'a reason')).toBe(true)
    await eventually('the second connection', () => notes.calls.includes('opened 2'))
    expect(heard).toEqual(['right'])
    expect(notes.calls).toContain(`interrupted 1 ${GapCause.sequence}`)
  })

  it('can be stopped while it connects, while it waits and twice', async () => {
    const { url } = await venue((client) => client.terminate())
    const { session: tested, notes } = session(url)
    tested.start()
    await tested.stop()
    expect(tested.state).toBe('stopped')
    const waiting = session(url)
    waiting.session.start()
    await eventually('a pause', () => waiting.session.state === 'waiting')
    await waiting.session.stop()
    await waiting.session.stop()
    const { calls } = waiting.notes
    expect([waiting.session.state, calls.filter((call) => call.startsWith('opened')).length]).toEqual(['stopped', 1])
    expect(notes.calls.filter((call) => call.startsWith('text'))).toEqual([])
  })

  it('tells of a failure behind it, which ends no process', async () => {
    const { url } = await venue((client) => client.send('x'))
    const { session: tested, notes, failures } = session(url)
    notes.failure = new Error('the disk is full')
    tested.start()
    await eventually('the failure', () => failures.length === 1)
    expect(failures[0]).toBe(notes.failure)
  })
})

describe('the pauses between attempts', () => {
  it('grow from 250 ms to 30 s, and begin anywhere in the upper half', () => {
    expect([0, 1, 2, 3, 7, 8, 50].map((attempt) => backoffMs(attempt, () => 1))).toEqual([
      250, 500, 1000, 2000, 30_000, 30_000, 30_000,
    ])
    expect([0, 3, 50].map((attempt) => backoffMs(attempt, () => 0))).toEqual([125, 1000, 15_000])
    for (let i = 0; i < 100; i++) {
      const pause = backoffMs(2)
      expect(pause >= 500 && pause < 1000).toBe(true)
    }
  })
})
