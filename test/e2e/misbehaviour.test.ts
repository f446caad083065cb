// A venue that misbehaves, recorded over a real WebSocket: what is missing is on record, and the recording goes on.
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { verify } from '../../src/log/verify.ts'
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulate/simulator.ts'
import { eventually } from '../helpers/eventually.ts'
import { type JsonRecord, readAll, readSoFar } from '../helpers/logs.ts'
import { type TestRecorder, testRecorder } from '../helpers/recorders.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const LOOK_MS = 25

interface Scene extends TestRecorder {
  directory: string
  simulator: Simulator
  instruments: string[]
}

/** A market of two instruments that misbehaves once, and a recorder of it. */
async function scene(
  venue: string,
  symbols: string[],
  options: Partial<SimulatorOptions>,
  staleAfterMs?: number,
): Promise<Scene> {
  const simulator = await createSimulator({ venue, symbols, rate: 1500, seed: 11, ...options })
  onTestFinished(() => simulator.close())
  const directory = temporaryDirectory()
  const instruments = symbols.map((symbol) => `${venue}:${symbol}`)
  const endpoints = { [venue]: simulator.endpoints }
  const made = testRecorder({
    directory,
    instruments,
    endpoints,
    ...(staleAfterMs === undefined ? {} : { staleAfterMs }),
  })
  await Promise.race([made.failed, made.recorder.start()])
  return { ...made, directory, simulator, instruments }
}

const isWhole = (book: JsonRecord): boolean => !book.flags.includes('maybe_bad_book')

/**
 * Waits until every instrument has an update on the disk that came after a gap and is known to be whole. A snapshot over
 * REST is whole by itself, and says nothing of the updates.
 */
async function wholeAgain({ directory, instruments }: Scene): Promise<void> {
  await eventually(
    'books that are whole again',
    () => {
      const records = readSoFar(directory, { types: ['gap', 'book'] })
      const gap = records.findLastIndex((record) => record.type === 'gap')
      const after = records.slice(gap + 1)
      return (
        gap >= 0 &&
        instruments.every((instrument) =>
          after.some((book) => book.instrument === instrument && isWhole(book) && !book.flags.includes('rest')),
        )
      )
    },
    LOOK_MS,
  )
}

/** The last frame of connection 1 that the venue sent unasked. */
const lastStreamed = (records: readonly JsonRecord[]): JsonRecord =>
  records.findLast(
    (record) => record.connection === 1 && record.type !== 'connection' && !record.flags.includes('rest'),
  ) as JsonRecord

const gapsOf = (records: readonly JsonRecord[]): JsonRecord[] => records.filter((record) => record.type === 'gap')

describe('an update that the venue leaves out', () => {
  it.each([
    ['binance', ['BTCUSDT', 'ETHUSDT']],
    ['binance-usdm', ['BTCUSDT', 'ETHUSDT']],
    ['binance-coinm', ['BTCUSD_PERP', 'ETHUSD_PERP']],
  ])('of %s is a gap with its range, and the book is joined to a new snapshot', async (venue, symbols) => {
    const made = await scene(venue, symbols, { faults: { skipEvery: 12, limit: 1 } })
    await wholeAgain(made)
    await made.recorder.stop()
    expect(made.simulator.stats.faults.skipped).toBe(1)

    const records = readAll(made.directory)
    const [gap, ...more] = gapsOf(records)
    expect(more).toEqual([])
    expect(gap).toMatchObject({ cause: 'sequence', record_type: 'book' })
    const books = records.filter((record) => record.type === 'book' && record.instrument === gap?.instrument)
    const updates = books.filter((book) => book.snapshot === false)
    const after = updates.findIndex((book) => book.frame === gap?.frame && book.connection === gap?.connection)
    const [before, first] = [updates[after - 1] as JsonRecord, updates[after] as JsonRecord]
    // From the update before to the one that did not follow on it: by ids and by times.
    const spot = venue === 'binance'
    expect(gap?.expected_id).toBe(spot ? String(BigInt(before.last_update_id as string) + 1n) : before.last_update_id)
    expect(gap?.received_id).toBe(spot ? first.first_update_id : first.previous_update_id)
    expect([gap?.ts_last_good, gap?.ts_recv]).toEqual([before.ts_recv, first.ts_recv])
    expect([isWhole(before), isWhole(first)]).toEqual([true, false])
    // From the first whole one on all are.
    const later = updates.slice(after).map(isWhole)
    expect(later.slice(later.indexOf(true))).not.toContain(false)
    expect(later).toContain(true)
    const snapshots = books
      .filter((book) => book.flags.includes('rest'))
      .map((book) => BigInt(book.ts_recv) > BigInt(first.ts_recv))
    expect(snapshots).toContain(true)
    expect(verify(made.directory)).toMatchObject({ ok: true, gaps: 1, continuity: { broken: 0 } })
  })

  it('of Kraken fails the checksum as soon as it shows, and the book is subscribed to anew', async () => {
    // An update below the ten best levels shows only when it moves up: of several, some show at once.
    const made = await scene('kraken', ['BTC/USD'], { faults: { skipEvery: 12, limit: 8 } })
    await wholeAgain(made)
    await made.recorder.stop()
    const records = readAll(made.directory)
    const gaps = gapsOf(records)
    for (const gap of gaps) {
      expect(gap).toMatchObject({ cause: 'checksum', instrument: 'kraken:BTC/USD' })
      expect(gap.expected_id).not.toBe(gap.received_id)
    }
    // A gap, then a snapshot; the last snapshot may still be on its way.
    const events = records.filter((record) => record.type === 'gap' || record.snapshot === true)
    expect(events.map((record) => record.type).join(' ')).toMatch(/^book( gap book)+( gap)?$/)
    expect(made.recorder.status().reconnects).toBe(0)
    const report = verify(made.directory)
    expect(report).toMatchObject({ ok: true, gaps: gaps.length, checksums: { failed: 0 } })
    expect(report.checksums.passed).toBeGreaterThan(12)
  })

  it('of Coinbase breaks the numbers of the connection, and a new one is made', async () => {
    const made = await scene('coinbase', ['BTC-USD', 'ETH-USD'], { faults: { skipEvery: 12, limit: 1 } })
    await wholeAgain(made)
    await made.recorder.stop()
    const records = readAll(made.directory)
    const [gap] = gapsOf(records)
    expect(gap).toMatchObject({ cause: 'sequence' })
    expect(BigInt(gap?.received_id as string) - BigInt(gap?.expected_id as string)).toBe(1n)
    expect(records.filter((record) => record.type === 'connection').map((record) => record.event)).toEqual([
      'open',
      'close',
      'open',
      'close',
    ])
    expect(verify(made.directory)).toMatchObject({ ok: true, continuity: { broken: 0 } })
  })
})

describe('frames that are not what the venue documents', () => {
  it.each([
    ['binance', 'BTCUSDT'],
    ['kraken', 'BTC/USD'],
    ['coinbase', 'BTC-USD'],
  ])('of %s are kept as they came, counted and reported, and the recording goes on', async (venue, symbol) => {
    const made = await scene(venue, [symbol], { faults: { garbageEvery: 10, limit: 6 } })
    await eventually('all of the garbage and some frames after it', () => {
      const { faults, framesSent } = made.simulator.stats
      return faults.garbage === 6 && framesSent > 90 && made.recorder.status().frames >= framesSent + 6 - 20
    })
    await made.recorder.stop()
    const records = readAll(made.directory, { types: ['text'] })
    const garbage = records.filter((record) => record.reason === 'unparseable' || record.base64 !== undefined)
    expect(garbage).toHaveLength(6)
    const { counters } = made.recorder.status()
    const rejected = garbage.filter((record) => record.reason === 'unparseable').length
    expect(rejected).toBeGreaterThan(0)
    expect(counters.rejectedFrames).toBe(rejected)
    expect(made.warnings.filter((warning) => warning.includes('kept as text'))).toHaveLength(rejected)
    expect(
      records.map((record) => record.text).filter((text) => text === '<html><body>502 Bad Gateway</body></html>')
        .length,
    ).toBeGreaterThan(0)
    // None of it was an update, so nothing is missing.
    expect(verify(made.directory)).toMatchObject({
      ok: true,
      gaps: 0,
      rejectedFrames: rejected,
      continuity: { broken: 0 },
    })
    expect(made.recorder.status().reconnects).toBe(0)
  })
})

describe('a connection that is lost', () => {
  it.each([
    ['binance', ['BTCUSDT', 'ETHUSDT']],
    ['kraken', ['BTC/USD', 'ETH/USD']],
    ['coinbase', ['BTC-USD', 'ETH-USD']],
  ])('in the middle of a frame of %s is made again, with a gap for each instrument', async (venue, symbols) => {
    const made = await scene(venue, symbols, { faults: { dropMidFrameAfter: 60, limit: 1 } })
    await wholeAgain(made)
    await made.recorder.stop()
    const records = readAll(made.directory)
    const gaps = gapsOf(records)
    expect(gaps.map((gap) => [gap.instrument, gap.cause]).sort()).toEqual(
      made.instruments.map((instrument) => [instrument, 'disconnect']),
    )
    const connections = records.filter((record) => record.type === 'connection')
    expect(connections.map(({ event, connection }) => [event, connection])).toEqual([
      ['open', 1],
      ['close', 1],
      ['open', 2],
      ['close', 2],
    ])
    expect(connections.map((record) => record.close_code)).toEqual([undefined, 1006, undefined, expect.any(Number)])
    // The gap begins with the last frame of the lost connection and ends with the first record of the instrument on the new one.
    for (const gap of gaps) {
      expect(gap.ts_last_good).toBe(lastStreamed(records).ts_recv)
      const first = records.find(
        (record) => record.connection === 2 && record.instrument === gap.instrument && record.type !== 'instrument',
      )
      expect(first).toEqual(gap)
    }
    expect(made.recorder.status()).toMatchObject({ reconnects: 1 })
    expect(verify(made.directory)).toMatchObject({
      ok: true,
      gaps: symbols.length,
      rejectedFrames: 0,
      continuity: { broken: 0 },
    })
  })

  it('because the venue is silent is made again after the time that was set, with gaps of cause stale', async () => {
    const made = await scene(
      'binance',
      ['BTCUSDT', 'ETHUSDT'],
      { faults: { stallAfter: { frames: 20, ms: 60_000 }, limit: 1 } },
      400,
    )
    await wholeAgain(made)
    await made.recorder.stop()
    expect(made.warnings.filter((warning) => warning.includes('nothing arrived for 400 ms'))).toHaveLength(1)
    const records = readAll(made.directory)
    const gaps = gapsOf(records)
    expect(gaps.map((gap) => [gap.instrument, gap.cause]).sort()).toEqual(
      made.instruments.map((instrument) => [instrument, 'stale']),
    )
    // A snapshot that was asked for meanwhile is no sign of the stream.
    for (const gap of gaps) expect(gap.ts_last_good).toBe(lastStreamed(records).ts_recv)
    expect(verify(made.directory)).toMatchObject({ ok: true, gaps: 2 })
  })
})

describe('a venue that is not there yet', () => {
  it.each([
    ['binance', 'BTCUSDT'],
    ['kraken', 'BTC/USD'],
  ])('(%s) is tried again until it is, and then recorded', async (venue, symbol) => {
    const port = await freePort()
    const directory = temporaryDirectory()
    const address = `127.0.0.1:${port}`
    const { recorder, warnings, failed } = testRecorder({
      directory,
      instruments: [`${venue}:${symbol}`],
      endpoints: { [venue]: { websocket: `ws://${address}`, rest: `http://${address}` } },
    })
    const started = recorder.start()
    await eventually('a word about the address', () =>
      warnings.some((warning) => warning.includes(address) && warning.includes('again')),
    )
    const simulator = await createSimulator({ venue, symbols: [symbol], port, rate: 1500 })
    onTestFinished(() => simulator.close())
    await Promise.race([failed, started])
    await eventually('books', () => readSoFar(directory, { types: ['book'] }).length > 10, LOOK_MS)
    await recorder.stop()
    expect(verify(directory)).toMatchObject({ ok: true, gaps: 0 })
  })
})

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
