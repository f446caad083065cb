// Venues that refuse, fall silent and send what nobody expects, recorded over a real WebSocket.
import { describe, expect, it, onTestFinished } from 'vitest'
import { verify } from '../../src/log/verify.ts'
import type { RecorderOptions } from '../../src/recorder/recorder.ts'
import { createSimulator, type SimulatorOptions } from '../../src/simulate/simulator.ts'
import { eventually } from '../helpers/eventually.ts'
import { readAll, readSoFar } from '../helpers/logs.ts'
import { testRecorder } from '../helpers/recorders.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const LOOK_MS = 25
const LONG = { trade: 1e9, quote: 1e9, book: 1e9 }

/** A market with faults, and a recorder of the symbols, which need not be the market's. */
async function scene(
  venue: string,
  wanted: string[],
  simulated: Partial<SimulatorOptions>,
  options: Partial<RecorderOptions> = {},
) {
  const simulator = await createSimulator({ venue, rate: 1500, seed: 5, symbols: wanted, ...simulated })
  onTestFinished(() => simulator.close())
  const directory = temporaryDirectory()
  const made = testRecorder({
    directory,
    instruments: wanted.map((symbol) => `${venue}:${symbol}`),
    endpoints: { [venue]: simulator.endpoints },
    silenceMs: LONG,
    ...options,
  })
  const errors: unknown[] = []
  made.recorder.on('failed', (error) => errors.push(error))
  await made.recorder.start()
  const states = () =>
    made.recorder.subscriptions().map(({ instrument, channel, state }) => `${instrument} ${channel} ${state}`)
  return { ...made, simulator, directory, errors, states }
}

const gapsOf = (directory: string) => readAll(directory, { types: ['gap'] })

describe('every channel that was asked for', () => {
  it.each([
    ['binance', 'BTCUSDT'],
    ['binance-usdm', 'BTCUSDT'],
    ['binance-coinm', 'BTCUSD_PERP'],
    ['kraken', 'BTC/USD'],
    ['coinbase', 'BTC-USD'],
  ])('of %s delivers, and there is nothing to report', async (venue, symbol) => {
    const made = await scene(venue, [symbol], {})
    const all = ['trade', 'quote', 'book'].map((channel) => `${venue}:${symbol} ${channel} delivering`)
    await eventually('all three', () => all.every((one) => made.states().includes(one)))
    await made.recorder.stop()
    expect(made.recorder.status().missing).toEqual([])
    expect(made.warnings).toEqual([])
    expect(verify(made.directory)).toMatchObject({ ok: true, gaps: 0 })
  })
})

describe('a subscription that the venue acknowledges and forgets', () => {
  it.each([
    ['binance', 'BTCUSDT', 'ETHUSDT'],
    ['binance-usdm', 'BTCUSDT', 'ETHUSDT'],
    ['kraken', 'BTC/USD', 'ETH/USD'],
    ['coinbase', 'BTC-USD', 'ETH-USD'],
  ])('of %s is told, and a gap of its channel that breaks no book', async (venue, symbol, other) => {
    const made = await scene(
      venue,
      [symbol, other],
      { faults: { silent: [`quote:${symbol}`] } },
      { silenceMs: { ...LONG, quote: 1500 } },
    )
    await eventually('a report', () => made.warnings.some((warning) => warning.includes(`quote of ${symbol}`)))
    await made.recorder.stop()
    const gaps = gapsOf(made.directory).filter(({ instrument }) => instrument === `${venue}:${symbol}`)
    expect(gaps[0]).toMatchObject({ cause: 'silent', record_type: 'quote' })
    expect(BigInt(gaps[0]?.ts_last_good as string)).toBeLessThan(BigInt(gaps[0]?.ts_recv as string))
    expect(made.recorder.status().missing).toMatchObject([
      { instrument: `${venue}:${symbol}`, channel: 'quote', reason: 'acknowledged, but nothing came' },
    ])
    expect(verify(made.directory)).toMatchObject({ ok: true, continuity: { broken: 0 } })
  })
})

describe('a symbol that the venue does not have', () => {
  it.each([
    ['kraken', ['BTC/USD', 'ETH/USD', 'SOL/USD']],
    ['coinbase', ['BTC-USD', 'ETH-USD', 'SOL-USD']],
  ])('of %s takes no neighbour down: it is told and on record, the others are recorded', async (venue, symbols) => {
    const [bad, ...good] = symbols as [string, ...string[]]
    const made = await scene(venue, symbols, { faults: { refuse: [bad] } })
    const wanted = good.flatMap((symbol) =>
      ['trade', 'quote', 'book'].map((channel) => `${venue}:${symbol} ${channel} delivering`),
    )
    await eventually('the others', () => wanted.every((one) => made.states().includes(one)))
    await eventually('refusals', () => made.recorder.status().missing.length === 3)
    await made.recorder.stop()
    expect(new Set(made.recorder.status().missing.map(({ instrument }) => instrument))).toEqual(
      new Set([`${venue}:${bad}`]),
    )
    const gaps = gapsOf(made.directory)
    expect(new Set(gaps.map(({ cause, instrument }) => `${cause} ${instrument}`))).toEqual(
      new Set([`refused ${venue}:${bad}`]),
    )
    expect(new Set(gaps.map(({ record_type }) => record_type))).toEqual(new Set(['trade', 'quote', 'book']))
    expect(made.errors).toEqual([])
  })

  it('and no other symbol ends the recording with a hint on its spelling', async () => {
    const made = await scene('kraken', ['XBT/USD'], { symbols: ['BTC/USD'] })
    const error = await eventually('the end', () => made.errors[0])
    expect(error).toMatchObject({ code: 'TF_UNKNOWN_SYMBOL', message: expect.stringContaining('kraken:BTC/USD') })
    await made.recorder.stop()
    expect(gapsOf(made.directory)).not.toEqual([])
  })
})

describe('a venue that refuses too many at once', () => {
  it.each([
    ['binance', Array.from({ length: 9 }, (_, i) => `A${i}USDT`)],
    ['kraken', Array.from({ length: 9 }, (_, i) => `A${i}/USD`)],
    ['coinbase', Array.from({ length: 9 }, (_, i) => `A${i}-USD`)],
  ])('(%s) is asked for smaller shares until all are recorded', async (venue, symbols) => {
    const made = await scene(venue, symbols, { faults: { shareMax: 3 } })
    await eventually('all books', () => made.states().filter((one) => one.endsWith('book delivering')).length === 9)
    await made.recorder.stop()
    expect(made.warnings.join('\n')).toContain('smaller shares')
    expect(gapsOf(made.directory).filter(({ cause }) => cause === 'refused')).toEqual([])
    const books = readAll(made.directory, { types: ['book'] })
    expect(new Set(books.map(({ instrument }) => instrument)).size).toBe(9)
  })
})

describe('frames that nobody expected', () => {
  it('of text that is not UTF-8 are kept, and the connection goes on', async () => {
    const made = await scene('binance', ['BTCUSDT'], { faults: { invalidTextEvery: 20, limit: 3 } })
    await eventually('three of them', () => made.recorder.status().counters.rejectedFrames === 3)
    await made.recorder.stop()
    expect(readAll(made.directory, { types: ['text'] }).filter(({ reason }) => reason === 'unparseable')).toMatchObject(
      Array(3).fill({ base64: Buffer.of(0x7b, 0x22, 0xff, 0xc0, 0x80, 0x22, 0x7d).toString('base64') }),
    )
    expect(made.recorder.status().reconnects).toBe(0)
    expect(verify(made.directory)).toMatchObject({ ok: true, gaps: 0 })
  })

  it('that are larger than the ring are a drop record and a gap, and the book is joined again', async () => {
    const made = await scene(
      'binance',
      ['BTCUSDT'],
      { faults: { largeFrameAfter: { frames: 60, bytes: 3 << 20 }, limit: 1 } },
      { ringBytes: 1 << 20 },
    )
    await eventually('the frame', () => made.recorder.status().counters.droppedFrames === 1)
    await eventually(
      'a snapshot after it',
      () => {
        const soFar = readSoFar(made.directory, { types: ['drop', 'book'] })
        const drop = soFar.findIndex(({ type }) => type === 'drop')
        return drop >= 0 && soFar.slice(drop).some((book) => book.flags.includes('rest'))
      },
      LOOK_MS,
    )
    await made.recorder.stop()
    const records = readAll(made.directory)
    const drop = records.findIndex(({ type }) => type === 'drop')
    expect(records[drop + 1]).toMatchObject({ type: 'gap', cause: 'overflow' })
    const after = records.slice(drop).filter(({ type }) => type === 'book')
    expect(after[0]?.flags).toContain('maybe_bad_book')
    expect(after.some(({ flags }) => flags.includes('rest'))).toBe(true)
    expect(made.recorder.status().reconnects).toBe(0)
    expect(verify(made.directory)).toMatchObject({ ok: true, gaps: 1, drops: 1, continuity: { broken: 0 } })
  })

  it.each([
    ['binance-usdm', 'BTCUSDT'],
    ['kraken', 'BTC/USD'],
    ['coinbase', 'BTC-USD'],
  ])('of %s with words that are not documented are trades, with their messages beside them', async (venue, symbol) => {
    const made = await scene(venue, [symbol], { faults: { unknownWordEvery: 2, limit: 5 } })
    await eventually('five of them', () => made.recorder.status().counters.unknownWords >= 5)
    await made.recorder.stop()
    const texts = readAll(made.directory, { types: ['text'] }).filter(({ text }) =>
      String(text).includes('NOT_DOCUMENTED'),
    )
    const trades = readAll(made.directory, { types: ['trade'] })
    expect(texts.length).toBeGreaterThan(0)
    for (const { frame, connection } of texts)
      expect(trades.some((trade) => trade.frame === frame && trade.connection === connection)).toBe(true)
    expect(made.warnings).toEqual([expect.stringContaining('NOT_DOCUMENTED')])
  })
})
