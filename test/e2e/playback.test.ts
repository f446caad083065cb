// A capture played by the exchange server over a real WebSocket, recorded as a venue is recorded: the log holds what an
// import of the capture holds, but for what only the two recordings know (receive times, connections, frame numbers).
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CaptureFormat, importCaptures } from '../../src/import/import.ts'
import { verify } from '../../src/log/verify.ts'
import { createSimulator } from '../../src/simulate/simulator.ts'
import { capturePaths } from '../helpers/captures.ts'
import { eventually } from '../helpers/eventually.ts'
import { type JsonRecord, readAll } from '../helpers/logs.ts'
import { testRecorder } from '../helpers/recorders.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

interface Played {
  venue: string
  format: CaptureFormat
  capture: string
  /** What to ask for; the capture decides what comes. */
  instrument: string
  protocol?: string
}

const CAPTURES: Played[] = [
  {
    venue: 'binance',
    format: 'hftbacktest',
    capture: 'hftbacktest/spot/btcusdt_20240808.gz',
    instrument: 'binance:BTCUSDT',
  },
  {
    venue: 'binance-usdm',
    format: 'hftbacktest',
    capture: 'hftbacktest/usdm/btcusdt_20230404.dat.gz',
    instrument: 'binance-usdm:BTCUSDT',
    protocol: 'binance-usdm-1',
  },
  {
    venue: 'binance-coinm',
    format: 'cryptofeed',
    capture: 'cryptofeed-v3/BINANCE_DELIVERY.jsonl.zst',
    instrument: 'binance-coinm:BTCUSD_PERP',
    protocol: 'binance-coinm-1',
  },
  {
    venue: 'kraken',
    format: 'cryptofeed',
    capture: 'cryptofeed-v3/KRAKEN.jsonl.zst',
    instrument: 'kraken:XBT/USD',
    protocol: 'kraken-v1',
  },
  {
    venue: 'coinbase',
    format: 'cryptofeed',
    capture: 'cryptofeed-v3/COINBASE.jsonl.zst',
    instrument: 'coinbase:BTC-USD',
  },
]

/** Plays a capture to a recorder as fast as it reads. */
async function record(capture: string, played: Played, directory: string): Promise<void> {
  const { venue, instrument, protocol } = played
  const simulator = await createSimulator({ venue, capture, speed: 'max' })
  const { recorder, failed } = testRecorder({
    directory,
    instruments: [instrument],
    endpoints: { [venue]: simulator.endpoints },
    ...(protocol === undefined ? {} : { protocols: { [venue]: protocol } }),
  })
  try {
    await Promise.race([failed, recorder.start().then(() => simulator.finished)])
    await eventually('the last frame', () => recorder.status().frames >= simulator.stats.framesSent)
    await recorder.stop()
  } finally {
    await simulator.close()
  }
}

/** The text of a record without what the two recordings cannot share. */
function comparable(record: JsonRecord): string {
  const { ts_recv: _ts, connection: _connection, frame: _frame, ...fields } = record
  return JSON.stringify(fields)
}

const DATA = new Set(['trade', 'quote', 'book', 'text'])

function split(directory: string): { streamed: string[]; snapshots: Set<string>; gaps: JsonRecord[] } {
  const records = readAll(directory)
  const data = records.filter((record) => DATA.has(record.type))
  const isRest = (record: JsonRecord): boolean => record.flags.includes('rest')
  return {
    streamed: data.filter((record) => !isRest(record)).map(comparable),
    snapshots: new Set(data.filter((record) => isRest(record) && record.type === 'book').map(comparable)),
    gaps: records.filter((record) => record.type === 'gap'),
  }
}

describe('a capture that is played over a WebSocket', () => {
  it.for(CAPTURES)('becomes the same records as its import: $capture', async (played, context) => {
    const [capture] = capturePaths(context, [played.capture]) as [string]
    const directory = temporaryDirectory()
    const [live, imported] = [join(directory, 'live'), join(directory, 'imported')]
    await importCaptures({ directory: imported, format: played.format, paths: [capture] })
    await record(capture, played, live)

    const [recording, original] = [split(live), split(imported)]
    // Element by element: a diff of a hundred thousand lines would say nothing.
    const different = original.streamed.findIndex((text, i) => text !== recording.streamed[i])
    expect(recording.streamed[different], `record ${different}`).toBe(original.streamed[different])
    expect(recording.streamed).toHaveLength(original.streamed.length)
    // Snapshots arrive when they are asked for, and not all of them are.
    if (original.snapshots.size > 0) {
      expect(recording.snapshots.size).toBeGreaterThan(0)
      expect([...recording.snapshots].filter((text) => !original.snapshots.has(text))).toEqual([])
    }
    // The server closes the connection when all is played: only what was missing then is on record.
    expect(recording.gaps.filter((gap) => gap.cause !== 'disconnect')).toEqual([])

    const [a, b] = [verify(live), verify(imported)]
    expect(a).toMatchObject({ ok: true, checksums: b.checksums, continuity: { broken: 0 } })
  })
})
