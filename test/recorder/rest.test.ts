// What a venue may do to a recorder by REST, and what it does not cost.
import { setMaxListeners } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Recorder, type RecorderStatus } from '../../src/recorder/recorder.ts'
import { RepeatedWarnings } from '../../src/recorder/repeats.ts'
import { ANSWER_BYTES_MAX, RestClient } from '../../src/recorder/rest.ts'
import { RestPool } from '../../src/recorder/rest-pool.ts'
import { RETRY_AFTER_MS_MAX, retryAfterMs } from '../../src/recorder/retry-after.ts'
import { Flag } from '../../src/records/layout.ts'
import type { RestFaultOptions } from '../../src/simulate/rest-faults.ts'
import { createSimulator } from '../../src/simulate/simulator.ts'
import { eventually } from '../helpers/eventually.ts'
import { readAll, readSoFar } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

describe('Retry-After', () => {
  const now = Date.parse('2026-12-01T12:00:00Z')
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Tue, 01 Dec 2026 12:02:00 GMT', 120_000],
    ['Tuesday, 01-Dec-26 12:02:00 GMT', 120_000],
    ['Tue, 01 Dec 2020 12:00:00 GMT', 0],
    ['Wed, 21 Oct 2099 07:28:00 GMT', RETRY_AFTER_MS_MAX],
    ['99999999999', RETRY_AFTER_MS_MAX],
    ['9'.repeat(400), RETRY_AFTER_MS_MAX],
    ['Tue Dec  1 12:02:00 2026', 120_000],
    ['', undefined],
    ['soon', undefined],
    ['-5', undefined],
    ['1e9', undefined],
    ['NaN', undefined],
    [undefined, undefined],
  ])('%j is %s ms', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms)
  })
})

describe('warnings that repeat', () => {
  it('are said at growing intervals, with their count', () => {
    const said: string[] = []
    const warnings = new RepeatedWarnings((message) => said.push(message))
    for (let i = 0; i < 9; i++) warnings.warn('a', 'no book')
    warnings.warn('b', 'no definitions')
    expect(said).toEqual([
      'no book',
      'no book (2 times so far)',
      'no book (4 times so far)',
      'no book (8 times so far)',
      'no definitions',
    ])
  })
})

describe('the REST budget', () => {
  afterEach(() => void vi.useRealTimers())

  it('is never more than 60 % of the limit in any minute, and is used for the most part', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const pool = new RestPool({ pool: 'x', weightPerMinute: 6000, weightOf: () => 250 })
    const stop = new AbortController()
    // As a recorder does, whose requests all end with it.
    setMaxListeners(0, stop.signal)
    const times: number[] = []
    const all = Array.from({ length: 100 }, () =>
      pool.run('/depth', stop.signal, async () => void times.push(performance.now())).catch(() => undefined),
    )
    const start = performance.now()
    while (times.length < 100 && performance.now() - start < 3_600_000) await vi.advanceTimersByTimeAsync(250)
    await Promise.all(all)
    const inWindow = (from: number, ms: number): number => times.filter((t) => t >= from && t < from + ms).length
    const most = Math.max(...times.map((t) => inWindow(t, 60_000)))
    expect(most * 250).toBeLessThanOrEqual(3600)
    expect(most * 250).toBeGreaterThanOrEqual(2500)
    expect(Math.max(...times.map((t) => inWindow(t, 10_000))) * 6 * 250).toBeLessThanOrEqual(6000)
  })

  it('lets nothing through while the venue holds it off, and ends with the recording', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const pool = new RestPool({ pool: 'x', weightPerMinute: 6000, weightOf: () => 1 })
    const stop = new AbortController()
    pool.limited(100_000)
    const asked = vi.fn(async () => undefined)
    const first = pool.run('/a', stop.signal, asked)
    await vi.advanceTimersByTimeAsync(99_000)
    expect(asked).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(2000)
    expect(asked).toHaveBeenCalledOnce()
    await first
    pool.limited(100_000)
    const second = pool.run('/b', stop.signal, asked)
    stop.abort()
    await expect(second).rejects.toThrow()
    expect(asked).toHaveBeenCalledOnce()
  })
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function client(base: string, totalMs?: number): RestClient {
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const pool = new RestPool({ pool: 'x', weightPerMinute: 1e9, weightOf: () => 1 })
  return new RestClient(base, pool, stop.signal, () => undefined, totalMs)
}

describe('a REST answer', () => {
  it('is handed over whole, unpacked, and once', async () => {
    const base = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"a":1}')),
    )
    const bodies: string[] = []
    await client(base).get('/x', (body) => bodies.push(Buffer.from(body).toString()))
    expect(bodies).toEqual(['{"a":1}'])
  })

  it.each([
    ['without an end', {}, undefined],
    [
      'that unpacks to more than is taken',
      { 'content-encoding': 'gzip' },
      gzipSync(Buffer.alloc(ANSWER_BYTES_MAX + 1)),
    ],
  ])('%s is refused, and not asked for again at once', async (_, headers, bomb) => {
    const base = await serve((_request, response) => {
      response.writeHead(200, headers)
      if (bomb !== undefined) return void response.end(bomb)
      const chunk = Buffer.alloc(1 << 20, 'a')
      const pour = (): void => void (response.destroyed || response.write(chunk, () => setImmediate(pour)))
      pour()
    })
    const rest = client(base)
    await expect(rest.get('/x', () => undefined)).rejects.toMatchObject({
      code: 'TF_VENUE_REFUSED',
      message: expect.stringContaining('more than 32 MiB'),
      beginning: expect.any(Uint8Array),
    })
    expect(rest.counters).toMatchObject({ requests: 1, tooLarge: 1, failed: 1 })
  })

  it('that drips has a time for all of it', async () => {
    const base = await serve((_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(timer))
    })
    const asked = client(base, 200).get('/x', () => undefined, { attempts: 1 })
    await expect(asked).rejects.toMatchObject({
      code: 'TF_CONNECT',
      message: expect.stringContaining('no whole answer within 0.2 s'),
    })
  })

  it('that sends us elsewhere is followed on the same host only', async () => {
    const base = await serve((request, response) => {
      if (request.url === '/there') return void response.end('here')
      const elsewhere = { '/out': 'http://example.com/', '/loop': '/loop' }[request.url as string] ?? '/there'
      response.writeHead(302, { location: elsewhere }).end()
    })
    const bodies: string[] = []
    const rest = client(base)
    await rest.get('/x', (body) => bodies.push(Buffer.from(body).toString()))
    expect(bodies).toEqual(['here'])
    const once = { attempts: 1 }
    await expect(rest.get('/out', () => undefined, once)).rejects.toThrow('a redirection to http://example.com')
    await expect(rest.get('/loop', () => undefined, once)).rejects.toThrow('more than 3 redirections')
  })

  it('that holds us off for long fails at once, with the time in words', async () => {
    const base = await serve((_, response) => response.writeHead(429, { 'retry-after': '7200' }).end('no'))
    const rest = client(base)
    await expect(rest.get('/x', () => undefined)).rejects.toThrow('HTTP 429 no; the venue wants no request for 2h 00m')
    expect(rest.counters).toMatchObject({ requests: 1, limited: 1 })
  })
})

interface Recorded {
  status: RecorderStatus
  warnings: string[]
  directory: string
}

/** Records Binance with a REST fault until enough came, while the fault has happened. */
async function recorded(
  restFault: RestFaultOptions,
  done: (status: RecorderStatus, directory: string) => boolean,
): Promise<Recorded> {
  const simulator = await createSimulator({ venue: 'binance', symbols: ['BTCUSDT'], rate: 500, restFault })
  onTestFinished(() => simulator.close())
  const directory = temporaryDirectory()
  const recorder = new Recorder({
    directory,
    instruments: ['binance:BTCUSDT'],
    endpoints: { binance: simulator.endpoints },
  })
  const warnings: string[] = []
  const failures: unknown[] = []
  recorder.on('warning', (message) => warnings.push(message))
  recorder.on('failed', (error) => failures.push(error))
  await recorder.start()
  await eventually('the fault, and frames all the same', () => {
    const status = recorder.status()
    return failures.length > 0 || (status.counters.frames > 200 && done(status, directory))
  })
  const then = recorder.status().counters.frames
  await eventually('what follows on the fault', () => recorder.status().counters.frames > then + 100)
  const status = recorder.status()
  await recorder.stop()
  expect(failures).toEqual([])
  expect({ connections: simulator.stats.connections, reconnects: status.reconnects }).toEqual({
    connections: 1,
    reconnects: 0,
  })
  return { status, warnings, directory }
}

describe('a recorder', () => {
  it.each([
    ['refused (451)', { kind: 'refuse', status: 451 }],
    ['refused for an hour (418)', { kind: 'refuse', status: 418, retryAfter: '3600' }],
    ['refused until a date (429)', { kind: 'refuse', status: 429, retryAfter: 'Wed, 21 Oct 2099 07:28:00 GMT' }],
    ['a gzip bomb', { kind: 'bomb' }],
    ['without an end', { kind: 'endless' }],
  ] as [string, RestFaultOptions][])(
    'whose snapshot is %s goes on, and says in the log that the book is doubtful',
    async (_, fault) => {
      const { warnings, directory } = await recorded(fault, ({ rest }) => rest.failed > 0)
      expect(warnings.join('\n')).toContain('the order book of BTCUSDT could not be had, and is asked for again')
      const books = readAll(directory).filter(({ type }) => type === 'book')
      expect(books.some(({ flags }) => (flags as string[]).includes('maybe_bad_book'))).toBe(true)
      expect(Flag.maybeBadBook).toBe(4)
    },
  )

  it('whose snapshot is no JSON keeps it as text', async () => {
    const { directory } = await recorded({ kind: 'garbage' }, ({ counters }) => counters.rejectedFrames > 0)
    const texts = readAll(directory).filter(({ type }) => type === 'text')
    expect(texts.map(({ text }) => text)).toContain('<html>502</html>')
  })

  it.each([
    ['refused for an hour', { kind: 'refuse', status: 429, retryAfter: '3600', target: 'definitions' }],
    ['never answered', { kind: 'silent', target: 'definitions' }],
  ] as [string, RestFaultOptions][])('whose definitions are %s records at once', async (_, fault) => {
    const { status } = await recorded(fault, ({ counters }) => counters.frames > 200)
    expect(status.open).toBe(1)
  })

  it('joins its book when the snapshot comes at last', async () => {
    const { status } = await recorded({ kind: 'refuse', status: 503, limit: 2 }, (_, directory) =>
      readSoFar(directory, { types: ['book'] }).some(({ flags }) => flags.includes('rest')),
    )
    expect(status.rest).toMatchObject({ retried: 2 })
  })

  it('that is asked for a symbol which the venue does not know records the others, and names it', async () => {
    const simulator = await createSimulator({ venue: 'binance', symbols: ['BTCUSDT', 'ETHUSDT'] })
    onTestFinished(() => simulator.close())
    const recorder = new Recorder({
      directory: temporaryDirectory(),
      instruments: ['binance:BTCUSDT', 'binance:NOSUCH', 'binance:ETHUSDT'],
      endpoints: { binance: simulator.endpoints },
    })
    const warnings: string[] = []
    recorder.on('warning', (message) => warnings.push(message))
    await recorder.start()
    await eventually('the refusal', () => recorder.subscriptions().some(({ state }) => state === 'refused'))
    await eventually('the others', () => recorder.status().counters.frames > 50)
    const refused = recorder.subscriptions().filter(({ state }) => state === 'refused')
    expect(new Set(refused.map(({ instrument }) => instrument))).toEqual(new Set(['binance:NOSUCH']))
    await recorder.stop()
    expect(warnings.join('\n')).toContain('binance:NOSUCH trade was refused')
  })

  it('ends with TF_UNKNOWN_SYMBOL when the venue knows nothing of what was asked for', async () => {
    const simulator = await createSimulator({ venue: 'binance', symbols: ['BTCUSDT'] })
    onTestFinished(() => simulator.close())
    const recorder = new Recorder({
      directory: temporaryDirectory(),
      instruments: ['binance:NOSUCH'],
      endpoints: { binance: simulator.endpoints },
    })
    const failed = new Promise((resolve) => recorder.on('failed', resolve))
    await recorder.start()
    expect(await failed).toMatchObject({ code: 'TF_UNKNOWN_SYMBOL', message: expect.stringContaining('NOSUCH') })
    await recorder.stop()
  })
})
