// Captures of other recorders as logs of ours: order, connections, days, and what happens to what cannot be read.
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { type CaptureFormat, importCaptures } from '../../src/import/import.ts'
import { verify } from '../../src/log/verify.ts'
import { Journal } from '../../src/recorder/journal.ts'
import { codeRejected } from '../helpers/error-codes.ts'
import { DAY, NOON, readAll, SECOND } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const MIDNIGHT = NOON + DAY / 2n

/** Lines of hftbacktest's format; messages as Binance documents them. */
const trade = (ts: bigint, id: number, symbol = 'BTCUSDT'): string =>
  `${ts} {"stream":"${symbol.toLowerCase()}@trade","data":{"e":"trade","E":1723118400000,"s":"${symbol}","t":${id},"p":"61837.63000000","q":"0.02000000","T":1723118400001,"m":true,"M":true}}\n`
const update = (ts: bigint, first: number, last: number): string =>
  `${ts} {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723118400000,"s":"BTCUSDT","U":${first},"u":${last},"b":[["61800.10000000","1.50000000"]],"a":[]}}\n`
const snapshot = (ts: bigint, id: number): string =>
  `${ts} {"lastUpdateId":${id},"bids":[["61800.00000000","2.00000000"]],"asks":[]}\n`

interface Place {
  directory: string
  file: (name: string, text: string) => string
}

function place(): Place {
  const root = temporaryDirectory()
  return {
    directory: join(root, 'log'),
    file: (name, text) => {
      const path = join(root, name)
      writeFileSync(path, name.endsWith('.gz') ? gzipSync(text) : text)
      return path
    },
  }
}

describe('an import', () => {
  it('keeps the receive times of the capture, puts files in order of time, and keeps the order within each', async () => {
    const { directory, file } = place()
    const paths = [
      // The clock of this recorder was set back by a second.
      file(
        'ethusdt_20240808.gz',
        trade(NOON + 2n, 11, 'ETHUSDT') +
          trade(NOON + 2n * SECOND, 12, 'ETHUSDT') +
          trade(NOON + SECOND, 13, 'ETHUSDT'),
      ),
      file('btcusdt_20240808.gz', trade(NOON + 1n, 1) + trade(NOON + 3n, 2) + trade(NOON + 3n * SECOND, 3)),
    ]
    const report = await importCaptures({ directory, format: 'hftbacktest', paths })
    expect(report).toMatchObject({ frames: 6, files: 2, rejectedFrames: 0, textFrames: 0, restAnswers: 0, gaps: 0 })
    const trades = readAll(directory, { types: ['trade'] })
    expect(trades.map((record) => [record.trade_id, BigInt(record.ts_recv) - NOON])).toEqual([
      ['1', 1n],
      ['11', 2n],
      ['2', 3n],
      ['12', 2n * SECOND],
      ['13', SECOND],
      ['3', 3n * SECOND],
    ])
    expect(new Set(trades.map(({ connection }) => connection)).size).toBe(2)
    expect(readAll(directory, { types: ['connection'] }).map(({ event, venue }) => [event, venue])).toEqual([
      ['open', 'binance'],
      ['open', 'binance'],
      ['close', 'binance'],
      ['close', 'binance'],
    ])
    expect(verify(directory)).toMatchObject({ ok: true, gaps: 0 })
  })

  it('goes on over midnight on the same connection, in the next day’s segment', async () => {
    const { directory, file } = place()
    const paths = [
      file(
        'btcusdt_20240808.gz',
        update(MIDNIGHT - 3n, 100, 101) + snapshot(MIDNIGHT - 2n, 101) + update(MIDNIGHT - 1n, 102, 103),
      ),
      file('btcusdt_20240809.gz', update(MIDNIGHT, 104, 105) + update(MIDNIGHT + 1n, 106, 107)),
    ]
    await importCaptures({ directory, format: 'hftbacktest', paths: paths.toReversed() })
    expect(
      readdirSync(directory)
        .filter((name) => name.endsWith('.tfs'))
        .sort(),
    ).toEqual(['2024-08-08.import.000.tfs', '2024-08-09.import.000.tfs'])
    const updates = readAll(directory, { types: ['book'] }).filter((book) => book.snapshot === false)
    expect(updates.map((book) => [book.last_update_id, book.connection])).toEqual(
      [101, 103, 105, 107].map((id) => [String(id), 1]),
    )
    // Three comparisons of updates and the join of the snapshot.
    expect(verify(directory)).toMatchObject({ ok: true, gaps: 0, continuity: { checked: 4, broken: 0 } })
  })

  it('takes files that are days apart for connections of their own', async () => {
    const { directory, file } = place()
    const paths = [
      file('btcusdt_20240808.gz', update(NOON, 100, 101)),
      file('btcusdt_20240810.gz', update(NOON + 2n * DAY, 900, 901)),
    ]
    await importCaptures({ directory, format: 'hftbacktest', paths })
    expect(readAll(directory, { types: ['book'] }).map(({ connection }) => connection)).toEqual([1, 2])
    expect(verify(directory)).toMatchObject({ ok: true, gaps: 0, continuity: { broken: 0 } })
  })

  it('puts a gap where the capture lacks an update', async () => {
    const { directory, file } = place()
    const paths = [file('btcusdt_20240808.gz', update(NOON, 100, 101) + update(NOON + 1n, 105, 106))]
    expect(await importCaptures({ directory, format: 'hftbacktest', paths })).toMatchObject({ gaps: 1 })
    expect(readAll(directory, { types: ['gap'] })).toMatchObject([
      {
        cause: 'sequence',
        instrument: 'binance:BTCUSDT',
        expected_id: '102',
        received_id: '105',
        ts_last_good: String(NOON),
        ts_recv: String(NOON + 1n),
      },
    ])
    expect(verify(directory)).toMatchObject({ ok: true, gaps: 1 })
  })

  it('counts and names lines that are no lines, keeps messages that are no messages, and goes on', async () => {
    const { directory, file } = place()
    const warnings: string[] = []
    const broken = `${NOON + 1n} {"stream":"btcusdt@trade","data":{"e":"trade","s":"BTC\n`
    const path = file('btcusdt_20240808.txt', `${trade(NOON, 1)}hello\n${broken}17 {}\n${trade(NOON + 2n, 2)}`)
    const report = await importCaptures({
      directory,
      format: 'hftbacktest',
      paths: [path],
      warn: (message) => warnings.push(message),
    })
    expect(report).toMatchObject({ frames: 5, rejectedFrames: 3 })
    expect(warnings.map((warning) => /\.txt:(\d)/.exec(warning)?.[1]).filter((line) => line !== undefined)).toEqual([
      '2',
      '4',
    ])
    expect(readAll(directory, { types: ['trade', 'text'] })).toMatchObject([
      { trade_id: '1' },
      { type: 'text', reason: 'unparseable', text: '{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTC' },
      { trade_id: '2' },
    ])
  })

  it('always starts a new part, beside whatever is there', async () => {
    const { directory, file } = place()
    const paths = [file('btcusdt_20240808.gz', trade(NOON, 1))]
    for (let i = 0; i < 2; i++) await importCaptures({ directory, format: 'hftbacktest', paths, again: true })
    await importCaptures({ directory, format: 'hftbacktest', paths, journal: 'other' })
    expect(
      readdirSync(directory)
        .filter((name) => name.endsWith('.tfs'))
        .sort(),
    ).toEqual(['2024-08-08.import.000.tfs', '2024-08-08.import.001.tfs', '2024-08-08.other.000.tfs'])
    expect(verify(directory)).toMatchObject({ ok: true, segments: 3, gaps: 0 })
  })

  it('takes the venue from the messages, or from who knows it', async () => {
    const { directory, file } = place()
    const path = file('btcusdt_20240808.gz', trade(NOON, 1))
    await importCaptures({ directory, format: 'hftbacktest', paths: [path], venue: 'binance-us' })
    expect(readAll(directory, { types: ['trade'] })).toMatchObject([{ instrument: 'binance-us:BTCUSDT' }])
  })

  it('refuses what it cannot know before it writes anything', async () => {
    const { directory, file } = place()
    const run = (path: string, format: CaptureFormat, venue?: string): Promise<string> =>
      codeRejected(importCaptures({ directory, format, paths: [path], ...(venue === undefined ? {} : { venue }) }))
    const good = file('btcusdt_20240808.gz', trade(NOON, 1))
    expect(await run(file('notes.txt', 'nothing\n'), 'hftbacktest')).toBe('TF_UNKNOWN_FORMAT')
    expect(await run(file('empty.gz', ''), 'hftbacktest')).toBe('TF_UNKNOWN_FORMAT')
    expect(await run(join(directory, 'missing.gz'), 'hftbacktest')).toBe('TF_NO_FILE')
    expect(await run(good, 'hftbacktest', 'mtgox')).toBe('TF_UNKNOWN_VENUE')
    expect(await run(good, 'cryptofeed')).toBe('TF_UNKNOWN_FORMAT')
    expect(await run(file('MTGOX.jsonl', '{"t":"header"}\n'), 'cryptofeed')).toBe('TF_UNKNOWN_VENUE')
    expect(readdirSync(join(directory, '..')).includes('log')).toBe(false)
  })

  it('refuses a directory that is being recorded into', async () => {
    const { directory, file } = place()
    const path = file('btcusdt_20240808.gz', trade(NOON, 1))
    const journal = new Journal({ directory, name: 'main' })
    expect(await codeRejected(importCaptures({ directory, format: 'hftbacktest', paths: [path] }))).toBe('TF_LOCKED')
    await journal.close()
    expect(await codeRejected(importCaptures({ directory, format: 'hftbacktest', paths: [path] }))).toBe(
      'nothing was thrown',
    )
  })

  it('of a session of cryptofeed tells its connections and REST answers apart', async () => {
    const { directory, file } = place()
    const line = (fields: Record<string, string>, ts: string): string =>
      `${JSON.stringify(fields).slice(0, -1)},"ts":${ts}}\n`
    const addr = 'wss://ws.kraken.com'
    const ticker = '[1,{"a":["5.2",0,"1.000"],"b":["5.1",0,"2.000"]},"ticker","XBT/USD"]'
    const path = file(
      'KRAKEN.jsonl',
      [
        line(
          { t: 'http', conn: 'h', url: 'https://api.kraken.com/0/public/AssetPairs', data: '{"error":[]}' },
          '1723118400.000001',
        ),
        line({ t: 'connect', conn: 'a', addr }, '1723118400.000002'),
        line({ t: 'send', conn: 'a', addr, data: '{"event":"subscribe"}' }, '1723118400.000003'),
        line({ t: 'recv', conn: 'a', data: ticker }, '1723118400.000006'),
        line({ t: 'connect', conn: 'b', addr }, '1723118400.000004'),
        line({ t: 'recv', conn: 'b', data: '{"event":"heartbeat"}' }, '1723118400.000005'),
      ].join(''),
    )
    const report = await importCaptures({ directory, format: 'cryptofeed', paths: [path] })
    expect(report).toMatchObject({ frames: 2, restAnswers: 1, rejectedFrames: 0, textFrames: 2 })
    const records = readAll(directory).filter(({ type }) => type !== 'segment' && type !== 'instrument')
    expect(
      records.map(({ type, event, connection, ts_recv }) => [event ?? type, connection, BigInt(ts_recv) - NOON]),
    ).toEqual([
      ['text', 0, 1000n],
      ['open', 1, 2000n],
      ['open', 2, 4000n],
      ['text', 2, 5000n],
      ['quote', 1, 6000n],
      ['close', 1, 6000n],
      ['close', 2, 6000n],
    ])
    expect(records.find(({ type }) => type === 'quote')).toMatchObject({
      bid_price: '5.1',
      ask_size: '1.000',
      instrument: 'kraken:XBT/USD',
    })
  })
})
