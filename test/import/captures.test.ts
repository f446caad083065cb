// The real captures, where they are: what the readers count is what their manifest says.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readCryptofeed } from '../../src/import/cryptofeed.ts'
import { detectMarket, readHftbacktest } from '../../src/import/hftbacktest.ts'

const CAPTURES = process.env.TICKFORGE_CAPTURES ?? '../shared/captures'
const manifest = join(CAPTURES, 'MANIFEST.tsv')
const rows = existsSync(manifest)
  ? readFileSync(manifest, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.split('\t'))
  : []
const messagesOf = (path: string) => Number(rows.find((row) => row[0] === path)![6])
/** Receive times of the first and last line as their text gives them, in ns. */
function endsOf(path: string): bigint[] {
  const lines = gunzipSync(readFileSync(path)).toString('latin1').trimEnd().split('\n')
  return [lines[0]!, lines.at(-1)!].map((line) => BigInt(line.split(' ', 1)[0]!.padEnd(19, '0')))
}

describe.skipIf(rows.length === 0)('real captures', () => {
  test.each([
    ['hftbacktest/spot/btcusdt_20240808.gz', 'binance'],
    ['hftbacktest/usdm/btcusdt_20230404.dat.gz', 'binance-usdm'],
    ['hftbacktest/cm/btcusd_perp_20240808.gz', 'binance-coinm'],
    ['hftbacktest/hyperliquid/btcusd_20250126.gz', 'hyperliquid'],
  ])('%s has the lines of the manifest and is of %s', async (path, market) => {
    let events = 0
    let first: bigint | undefined
    let last = 0n
    for await (const batch of readHftbacktest(join(CAPTURES, path))) {
      for (const event of batch) {
        if (event.kind === 'broken') throw new Error(`line ${event.line}: ${event.reason}`)
        first ??= event.tsRecv
        last = event.tsRecv
        events++
      }
    }
    expect(events).toBe(messagesOf(path))
    expect([first, last]).toEqual(endsOf(join(CAPTURES, path)))
    expect(await detectMarket(join(CAPTURES, path))).toBe(market)
  })

  test.each(['KRAKEN', 'COINBASE', 'BINANCE_FUTURES', 'HUOBI'])(
    'cryptofeed-v3/%s has the frames of the manifest',
    async (name) => {
      const path = `cryptofeed-v3/${name}.jsonl.zst`
      const { exchange, events } = await readCryptofeed(join(CAPTURES, path))
      expect(exchange).toBe(name)
      expect(events.filter((event) => event.kind === 'frame')).toHaveLength(messagesOf(path))
      expect(events.filter((event) => event.kind === 'broken')).toEqual([])
    },
  )

  test.each([
    ['2021-04-05_BINANCE', 'BINANCE-b38f7c.0.zst', 'BINANCE'],
    ['2021-04-17_OKEX', 'OKEX.0.zst', 'OKEX'],
    ['2021-09-14_BINANCE', 'BINANCE.ws.1.0.zst', 'BINANCE'],
  ])('cryptofeed-v1/%s has the frames of the manifest', async (folder, file, name) => {
    const { exchange, files, events } = await readCryptofeed(join(CAPTURES, 'cryptofeed-v1', folder, file))
    expect(exchange).toBe(name)
    // Files with REST answers alone are rows of the manifest too; their note says so.
    const expected = files
      .map((path) => path.slice(CAPTURES.length + 1))
      .filter((path) => !rows.find((row) => row[0] === path)![5]!.startsWith('REST'))
      .reduce((sum, path) => sum + messagesOf(path), 0)
    expect(expected).toBeGreaterThan(0)
    expect(events.filter((event) => event.kind === 'frame')).toHaveLength(expected)
    expect(events.filter((event) => event.kind === 'broken')).toEqual([])
  })
})
