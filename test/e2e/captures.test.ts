// Real frames, imported: what the log holds is what an independent reading of the capture gives, and it verifies.
import { describe, expect, it } from 'vitest'
import { importCaptures } from '../../src/import/import.ts'
import { type VerifyReport, verify } from '../../src/log/verify.ts'
import { Log } from '../../src/open-log.ts'
import { capturePaths } from '../helpers/captures.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'
import { ExpectedRecords, expectLog } from './compare.ts'
import { binanceReading, coinbaseReading, krakenReading, type Reading } from './expected.ts'
import { cryptofeedMessages, hftbacktestMessages } from './wire.ts'

/** Files of one symbol in order: the later ones continue the earlier ones. */
const HFTBACKTEST: [venue: string, files: string[]][] = [
  ['binance', ['spot/btcusdt_20230405.dat.gz']],
  ['binance', ['spot/btcusdt_20240808.gz', 'spot/btcusdt_20240809.gz']],
  ['binance-usdm', ['usdm/btcusdt_20230404.dat.gz', 'usdm/btcusdt_20230405.dat.gz']],
  ['binance-usdm', ['usdm/btcusdt_20240808.gz']],
  ['binance-usdm', ['usdm/ethusdt_20240808.gz']],
  ['binance-coinm', ['cm/btcusd_perp_20240808.gz', 'cm/btcusd_perp_20240809.gz']],
]

/** What verify must find in the stored records of each session. */
const CRYPTOFEED: [name: string, proof: Partial<VerifyReport>, reading: () => Reading][] = [
  ['KRAKEN', { checksums: { checked: 4269, passed: 4269, failed: 0 } }, krakenReading],
  ['COINBASE', { continuity: { checked: 1029, broken: 0 } }, coinbaseReading],
  ['BINANCE', { continuity: { checked: 177, broken: 0 } }, () => binanceReading('binance')],
  ['BINANCE_FUTURES', { continuity: { checked: 764, broken: 0 } }, () => binanceReading('binance-usdm')],
  ['BINANCE_DELIVERY', { continuity: { checked: 2047, broken: 0 } }, () => binanceReading('binance-coinm')],
]

describe("an import of hftbacktest's logs", () => {
  it('holds every record of all files of three markets, decimal for decimal, and breaks no continuity', async (context) => {
    const chains = HFTBACKTEST.map(([venue, files]) => ({
      venue,
      files,
      paths: capturePaths(
        context,
        files.map((file) => `hftbacktest/${file}`),
      ),
    }))
    const directory = temporaryDirectory()
    const report = await importCaptures({
      directory,
      format: 'hftbacktest',
      paths: chains.flatMap(({ paths }) => paths),
    })
    expect(report).toMatchObject({ rejectedFrames: 0, gaps: 0, files: 9 })

    const verified = verify(directory)
    expect(verified).toMatchObject({
      ok: true,
      gaps: 0,
      drops: 0,
      rejectedFrames: 0,
      corruptBlocks: 0,
      tornTailBytes: 0,
      problems: [],
    })
    expect(verified.continuity).toMatchObject({ broken: 0 })
    expect(verified.continuity.checked).toBeGreaterThan(80_000)

    const log = new Log(directory)
    const counts = expectLog(
      log,
      chains.map(
        ({ venue, files, paths }) =>
          new ExpectedRecords(files.join(' '), hftbacktestMessages(paths), binanceReading(venue)),
      ),
    )
    log.close()
    expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(report.frames)
  }, 120_000)
})

describe("an import of cryptofeed's captures", () => {
  it.for(CRYPTOFEED)(
    'of %s holds every record, decimal for decimal, with no gap and nothing rejected',
    async ([name, proof, reading], context) => {
      const [path] = capturePaths(context, [`cryptofeed-v3/${name}.jsonl.zst`]) as [string]
      const directory = temporaryDirectory()
      const report = await importCaptures({ directory, format: 'cryptofeed', paths: [path] })
      expect(report).toMatchObject({ rejectedFrames: 0, gaps: 0 })

      expect(verify(directory)).toMatchObject({
        ok: true,
        gaps: 0,
        drops: 0,
        rejectedFrames: 0,
        problems: [],
        ...proof,
      })

      const log = new Log(directory)
      expectLog(
        log,
        [...cryptofeedMessages(path)].map(
          ([connection, messages]) => new ExpectedRecords(connection, messages, reading()),
        ),
      )
      log.close()
    },
  )
})
