import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CaptureEvent, CaptureRecord } from '../../src/import/capture.ts'
import { detectMarket, readHftbacktest } from '../../src/import/hftbacktest.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickforge-hftbacktest-'))
})

afterAll(() => rm(folder, { recursive: true }))

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

async function read(path: string): Promise<CaptureEvent[]> {
  const events: CaptureEvent[] = []
  for await (const batch of readHftbacktest(path)) events.push(...batch)
  return events
}

function text(event: CaptureEvent | undefined): string {
  return Buffer.from((event as CaptureRecord).data).toString('utf8')
}

describe('a log of hftbacktest', () => {
  test('gives each line its time in ns, whatever the unit, and its payload byte for byte', async () => {
    const path = await file(
      'units.log',
      '1723161256172216567 {"a":"é"}\n1680652800004107 {"b":1} \n1680652800004 [3]\n1723161256172216569 {"lastUpdateId":7}\n',
    )
    const events = (await read(path)) as CaptureRecord[]
    expect(events.map((event) => [event.kind, event.tsRecv])).toEqual([
      ['frame', 1723161256172216567n],
      ['frame', 1680652800004107000n],
      ['frame', 1680652800004000000n],
      ['rest', 1723161256172216569n],
    ])
    expect(events.map(text)).toEqual(['{"a":"é"}', '{"b":1} ', '[3]', '{"lastUpdateId":7}'])
    expect(new Set(events.map((event) => event.connection))).toEqual(new Set(['units.log']))
  })

  test('is read from gzip, with CRLF, and without a line end at the end', async () => {
    const path = await file('crlf.gz', gzipSync('1680652800004107 {"a":1}\r\n1680652800004108 {"a":2}'))
    expect((await read(path)).map(text)).toEqual(['{"a":1}', '{"a":2}'])
  })

  test('keeps lines whole that lie across the chunks of the reading', async () => {
    const lines = Array.from(
      { length: 30 },
      (_, at) => `16806528000041${String(at).padStart(2, '0')} {"n":"${'x'.repeat(40_000 + at)}"}`,
    )
    const path = await file('long.gz', gzipSync(`${lines.join('\n')}\n`))
    const events = await read(path)
    expect(events.map((event) => `${(event as CaptureRecord).tsRecv / 1000n} ${text(event)}`)).toEqual(lines)
  })

  test('reports each broken line with its number and reads on', async () => {
    const path = await file(
      'broken.log',
      [
        '1680652800004107 {"a":1}',
        '',
        '168065280000410x {"a":2}',
        '12345 {"a":3}',
        'nothing',
        '1680652800004107 ',
        '1680652800004109 {"a":4}',
      ].join('\n'),
    )
    const events = await read(path)
    expect(events.map((event) => (event.kind === 'broken' ? [event.line, event.reason] : event.kind))).toEqual([
      'frame',
      [2, 'the line is empty'],
      [3, 'the time is not a whole number'],
      [4, 'a time of 5 characters is neither ns, µs nor ms since 1970'],
      [5, 'there is no space after the time'],
      [6, 'there is no payload'],
      'frame',
    ])
  })

  test('that is missing or damaged ends in an error that names it, one that is cut off in a cut', async () => {
    await expect(read(join(folder, 'none.gz'))).rejects.toMatchObject({
      code: 'TF_NO_FILE',
      path: join(folder, 'none.gz'),
    })
    const whole = gzipSync(
      Array.from({ length: 9000 }, (_, at) => `${1680652800004000 + at} {"a":${at * at}}`).join('\n'),
    )
    const cut = await file('cut.gz', whole.subarray(0, whole.length - 200))
    const events = await read(cut)
    expect(events.length).toBeGreaterThan(8000)
    expect(events.at(-1)).toMatchObject({
      kind: 'cut',
      path: cut,
      offset: whole.length - 200,
      reason: expect.stringContaining('gzip'),
    })
    const damaged = Buffer.from(whole)
    damaged.fill(0xff, damaged.length - 8, damaged.length - 4)
    await expect(read(await file('damaged.gz', damaged))).rejects.toMatchObject({
      code: 'TF_UNKNOWN_FORMAT',
      message: expect.stringContaining('damaged.gz'),
    })
    expect(await read(await file('empty.log', ''))).toEqual([])
  })

  const MARKETS: [string | undefined, string][] = [
    ['binance', '{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}'],
    ['binance', '{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}}'],
    ['binance', '{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true,"M":true}'],
    ['binance', '{"lastUpdateId":1,"bids":[],"asks":[]}'],
    [
      'binance-usdm',
      '{"stream":"x","data":{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}}',
    ],
    [
      'binance-usdm',
      '{"stream":"x","data":{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","X":"MARKET","m":true}}',
    ],
    ['binance-usdm', '{"lastUpdateId":1,"E":1,"T":1,"bids":[],"asks":[]}'],
    [
      'binance-coinm',
      '{"stream":"x","data":{"u":1,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"1","B":"1","a":"2","A":"1"}}',
    ],
    ['binance-coinm', '{"lastUpdateId":1,"E":1,"T":1,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[],"asks":[]}'],
    ['hyperliquid', '{"channel":"trades","data":[]}'],
    [undefined, '{"stream":"x","data":{"e":"kline"}}'],
  ]
  test.each(MARKETS)('is of market %s by %s', async (market, payload) => {
    const path = await file('market.log', `1680652800004107 not JSON\n1680652800004107 ${payload}\n`)
    expect(await detectMarket(path)).toBe(market)
  })
})
