import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CaptureEvent, CaptureRecord } from '../../src/import/capture.ts'
import { findCryptofeedSessions, readCryptofeed } from '../../src/import/cryptofeed.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickforge-cryptofeed-'))
})

afterAll(() => rm(folder, { recursive: true }))

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, content)
  return path
}

/** A Zstandard frame of raw blocks, which every decoder takes: magic, no content size, a window of 8 MiB. */
function zstd(content: string): Buffer {
  const data = Buffer.from(content)
  const parts = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68])]
  for (let from = 0; from < data.length; from += 1000) {
    const block = data.subarray(from, from + 1000)
    const header = (block.length << 3) | (from + 1000 >= data.length ? 1 : 0)
    parts.push(Buffer.from([header & 0xff, (header >> 8) & 0xff, header >> 16]), block)
  }
  return Buffer.concat(parts)
}

function short(event: CaptureEvent): [string, string, bigint, string] {
  const record = event as CaptureRecord
  return [record.kind, record.connection, record.tsRecv, Buffer.from(record.data).toString('latin1')]
}

describe('a cryptofeed session in jsonl', () => {
  test('is put in order of time, with times and payloads exact', async () => {
    const path = await write(
      'KRAKEN.jsonl.zst',
      zstd(
        [
          '{"t":"header","format":2,"exchange":"KRAKEN","config":{"ts":1}}',
          '{"t":"http","conn":"KRAKEN.http.sync","ts":1618678132.358447,"url":"https://x/0/public/AssetPairs","data":"{\\"a\\":1}"}',
          '{"t":"connect","conn":"KRAKEN.ws.1","ts":1618678132.368463,"addr":"wss://ws.kraken.com"}',
          '{"t":"send","conn":"KRAKEN.ws.1","ts":1618678132.4,"addr":"wss://ws.kraken.com","data":"hello"}',
          '{"t":"recv","conn":"KRAKEN.ws.1","ts":1618678132.9348822,"data":"{\\"p\\":\\"1.10\\",\\"t\\":\\"\\u00e9\\\\\\"ts\\\\\\":5\\"}"}',
          '{"t":"recv","conn":"KRAKEN.ws.1","ts":1618678133.5,"data":"later"}',
          '{"t":"connect","conn":"KRAKEN.ws.2","ts":1618678132.5,"addr":"wss://other"}',
          '{"t":"recv","conn":"KRAKEN.ws.2","ts":1618678132.9348822,"b64":"AP8Q"}',
          '',
        ].join('\n'),
      ),
    )
    const capture = await readCryptofeed(path)
    expect(capture.exchange).toBe('KRAKEN')
    expect(capture.events.map(short)).toEqual([
      ['rest', 'KRAKEN.http.sync', 1618678132358447000n, '{"a":1}'],
      ['open', 'KRAKEN.ws.1', 1618678132368463000n, ''],
      ['sent', 'KRAKEN.ws.1', 1618678132400000000n, 'hello'],
      ['open', 'KRAKEN.ws.2', 1618678132500000000n, ''],
      ['frame', 'KRAKEN.ws.1', 1618678132934882200n, Buffer.from('{"p":"1.10","t":"é\\"ts\\":5"}').toString('latin1')],
      ['frame', 'KRAKEN.ws.2', 1618678132934882200n, '\x00\xff\x10'],
      ['frame', 'KRAKEN.ws.1', 1618678133500000000n, 'later'],
    ])
    const frames = capture.events.filter((event) => event.kind === 'frame') as CaptureRecord[]
    expect(frames.map((frame) => [frame.url, frame.binary])).toEqual([
      ['wss://ws.kraken.com', false],
      ['wss://other', true],
      ['wss://ws.kraken.com', false],
    ])
  })

  test('keeps the order of a connection whose clock steps back', async () => {
    const path = await write(
      'STEP.jsonl',
      [
        '{"t":"recv","conn":"a","ts":1600000010.5,"data":"1"}',
        '{"t":"recv","conn":"a","ts":1600000010.2,"data":"2"}',
        '{"t":"recv","conn":"b","ts":1600000010.3,"data":"3"}',
        '{"t":"recv","conn":"b","ts":1600000010.6,"data":"4"}',
      ].join('\r\n'),
    )
    const { events } = await readCryptofeed(path)
    expect(events.map((event) => short(event)[3])).toEqual(['3', '1', '2', '4'])
    expect(events.map((event) => short(event)[2])).toEqual(
      [10.3, 10.5, 10.2, 10.6].map((seconds) => 1_600_000_000_000_000_000n + BigInt(seconds * 1e9)),
    )
  })

  test('reports broken lines and reads on', async () => {
    const path = await write(
      'BROKEN.jsonl',
      [
        '{"t":"recv","conn":"a","ts":1600000001.5,"data":"1"}',
        '{"t":"recv",',
        '{"t":"recv","conn":"a","ts":1e9,"data":"1"}',
        '[1]',
        '{"t":"recv","conn":"a","ts":1.5,"data":"1"}',
        '{"t":"recv","conn":"a","ts":99999999999,"data":"1"}',
        '{"t":"odd","conn":"a","ts":1600000001.5}',
        '{"t":"recv","conn":"a","ts":1600000001.5}',
      ].join('\n'),
    )
    const { events } = await readCryptofeed(path)
    const broken = events.filter((event) => event.kind === 'broken')
    expect(broken.map((event) => event.line)).toEqual([2, 3, 4, 5, 6, 7, 8])
    expect(broken[0]!.reason).toMatch(/not JSON/)
    expect(events).toHaveLength(8)
  })
})

describe('a cryptofeed session in text files', () => {
  const WS = [
    'wss://real.okex.com:8443/ws/v3 <-> 1618678197.655403',
    'wss://real.okex.com:8443/ws/v3 <- 1618678198.5716841: {"op":"subscribe"}',
    "1618678198.881473: b'\\xabVJ\\\\ \\'\\n\\r\\t\"'",
    '1618678198.9: b"it\'s"',
    '1618678199: {"x":"a: b -> c"}',
    '',
    '',
  ].join('\n')

  test('brings its companion files along, and reads bytes literals', async () => {
    const path = await write('v1/OKEX.ws.56.0.zst', zstd(WS))
    await write(
      'v1/OKEX.0.zst',
      zstd('https://www.okex.com/api/spot?x=1 -> 1618678190.25: [1]\nconfiguration: {"a": 1}\n\n'),
    )
    await write('v1/OKEX.http.2.0', 'https://www.okex.com/depth?symbol=A -> 1618678198.7: {"lastUpdateId":1}\n')
    await write('v1/OKEX.ws.56.1', '1618678200.5: next file\n')
    await write('v1/OTHER.ws.1.0', WS)
    for (const given of [path, join(folder, 'v1/OKEX.0.zst')]) {
      const capture = await readCryptofeed(given)
      expect(capture.exchange).toBe('OKEX')
      expect(capture.files).toHaveLength(4)
      expect(capture.events.map(short)).toEqual([
        ['rest', 'OKEX', 1618678190250000000n, '[1]'],
        ['open', 'OKEX.ws.56', 1618678197655403000n, ''],
        ['sent', 'OKEX.ws.56', 1618678198571684100n, '{"op":"subscribe"}'],
        ['rest', 'OKEX.http.2', 1618678198700000000n, '{"lastUpdateId":1}'],
        ['frame', 'OKEX.ws.56', 1618678198881473000n, '\xabVJ\\ \'\n\r\t"'],
        ['frame', 'OKEX.ws.56', 1618678198900000000n, "it's"],
        ['frame', 'OKEX.ws.56', 1618678199000000000n, '{"x":"a: b -> c"}'],
        ['frame', 'OKEX.ws.56', 1618678200500000000n, 'next file'],
      ])
    }
    await expect(readCryptofeed(join(folder, 'v1'))).rejects.toMatchObject({ code: 'TF_UNKNOWN_FORMAT' })
    const sessions = await findCryptofeedSessions([join(folder, 'v1'), path])
    expect(sessions.map((session) => [session.exchange, session.files.length])).toEqual([
      ['OKEX', 4],
      ['OTHER', 1],
    ])
  })

  test('of 2021-04-05 holds everything in one file', async () => {
    const path = await write(
      'old/BINANCE_US-63b290.0',
      [
        'configuration: {"l2_book":["BTC-AUD"]}',
        'wss://stream.binance.us:9443/stream?streams=a@depth <-> 1617647600.5',
        '1617647603.4249449: {"stream":"a@depth","data":{}}',
        'https://www.binance.us/api/v1/depth?symbol=A&limit=1000 -> 1617647603.8164911: {"lastUpdateId":1}',
        'garbage',
        "1617647604.5: b'\\x4'",
      ].join('\n'),
    )
    const capture = await readCryptofeed(path)
    expect(capture.exchange).toBe('BINANCE_US')
    expect(capture.events.map((event) => event.kind)).toEqual(['broken', 'broken', 'open', 'frame', 'rest'])
    expect(capture.events[4]).toMatchObject({ url: 'https://www.binance.us/api/v1/depth?symbol=A&limit=1000' })
  })
})

describe('what is no cryptofeed capture', () => {
  test('is refused by name, content or damage', async () => {
    await expect(readCryptofeed(join(folder, 'NONE.jsonl'))).rejects.toMatchObject({ code: 'TF_NO_FILE' })
    await expect(readCryptofeed(await write('notes.txt', 'x'))).rejects.toMatchObject({ code: 'TF_UNKNOWN_FORMAT' })
    const binary = await write('X.jsonl', 'neither this\nnor that\n')
    await expect(readCryptofeed(binary)).rejects.toMatchObject({ code: 'TF_UNKNOWN_FORMAT', path: binary })
    const whole = zstd(`{"t":"recv","conn":"a","ts":1600000001.5,"data":"${'1'.repeat(3000)}"}`)
    const cut = await write('CUT.jsonl.zst', whole.subarray(0, 1500))
    await expect(readCryptofeed(cut)).rejects.toMatchObject({
      code: 'TF_UNKNOWN_FORMAT',
      message: expect.stringContaining('zstd'),
    })
  })
})
