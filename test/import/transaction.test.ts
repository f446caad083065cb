// An import takes each file whole or not at all, and once: whatever the files are, and whenever it was interrupted.
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { CaptureBytes } from '../../src/import/capture-bytes.ts'
import { type ImportOptions, type ImportReport, importCaptures } from '../../src/import/import.ts'
import { Staging } from '../../src/import/staging.ts'
import { verify } from '../../src/log/verify.ts'
import { Log } from '../../src/open-log.ts'
import { codeRejected } from '../helpers/error-codes.ts'
import { DAY, NOON, readAll, SECOND } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const trade = (ts: bigint, id: number, symbol = 'BTCUSDT'): string =>
  `${ts} {"stream":"${symbol.toLowerCase()}@trade","data":{"e":"trade","E":1723118400000,"s":"${symbol}","t":${id},"p":"61837.63000000","q":"0.02000000","T":1723118400001,"m":true,"M":true}}\n`
const trades = (from: bigint, count: number, symbol = 'BTCUSDT'): string =>
  Array.from({ length: count }, (_, i) => trade(from + BigInt(i), i, symbol)).join('')

class Place {
  readonly root = temporaryDirectory()
  readonly directory = join(this.root, 'log')
  readonly warnings: string[] = []

  file(name: string, content: string | Buffer): string {
    const path = join(this.root, name)
    writeFileSync(path, content)
    return path
  }
  import(paths: string[], options: Partial<ImportOptions> = {}): Promise<ImportReport> {
    const warn = (message: string): unknown => this.warnings.push(message)
    return importCaptures({ directory: this.directory, format: 'hftbacktest', paths, warn, ...options })
  }
  /** Trades of an instrument in the log. */
  count(symbol = 'BTCUSDT'): number {
    return readAll(this.directory, { types: ['trade'] }).filter(({ instrument }) => instrument === `binance:${symbol}`)
      .length
  }
  segments(): string[] {
    return readdirSync(this.directory)
      .filter((name) => name.endsWith('.tfs'))
      .sort()
  }
}

const outcomes = ({ outcomes }: ImportReport): string[] => outcomes.map(({ outcome }) => outcome)

describe('a file that is cut off', () => {
  it('comes in to its last whole line, with a gap behind it, and its neighbours to their ends', async () => {
    const place = new Place()
    const whole = gzipSync(trades(NOON, 8_000))
    const cut = place.file('btcusdt_20240808.gz', whole.subarray(0, whole.length * 0.6))
    const other = place.file('ethusdt_20240808.gz', gzipSync(trades(NOON, 8_000, 'ETHUSDT')))
    const report = await place.import([cut, other])
    expect(outcomes(report)).toEqual(['cut', 'imported'])
    expect(report.outcomes[0]).toMatchObject({
      gaps: 1,
      note: expect.stringContaining(`byte ${Math.trunc(whole.length * 0.6)}`),
    })
    expect(place.warnings.join()).toContain(cut)
    const taken = place.count()
    expect(taken).toBeGreaterThan(2000)
    expect(taken).toBe(report.outcomes[0]!.frames - 1)
    expect(place.count('ETHUSDT')).toBe(8_000)
    expect(readAll(place.directory, { types: ['gap'] })).toMatchObject([
      { cause: 'unclean_stop', instrument: 'binance:BTCUSDT', ts_last_good: String(NOON + BigInt(taken) - 1n) },
    ])
    expect(verify(place.directory)).toMatchObject({ ok: true, gaps: 1 })
  })

  it('ends before a last line that has no end, unless that is whole', async () => {
    const place = new Place()
    const line = trade(NOON + 1n, 2)
    const cut = place.file('a_20240808.txt', trade(NOON, 1) + line.slice(0, -20))
    const nul = place.file('b_20240808.txt', trade(NOON, 1, 'ETHUSDT') + '\0'.repeat(5000))
    const whole = place.file('c_20240808.txt', trade(NOON, 1, 'SOLUSDT') + trade(NOON + 1n, 2, 'SOLUSDT').trimEnd())
    const report = await place.import([cut, nul, whole])
    expect(outcomes(report)).toEqual(['cut', 'cut', 'imported'])
    expect(report.outcomes[0]).toMatchObject({
      rejected: 1,
      note: expect.stringContaining(`byte ${trade(NOON, 1).length}:`),
    })
    expect([place.count(), place.count('ETHUSDT'), place.count('SOLUSDT')]).toEqual([1, 1, 2])
  })

  it('is followed by the next one of its recording on a connection of its own', async () => {
    const place = new Place()
    const first = place.file('btcusdt_20240808.txt', `${trade(NOON, 1)}${NOON + 1n} {"str`)
    const second = place.file('btcusdt_20240809.txt', trade(NOON + 10n * SECOND, 2))
    await place.import([first, second])
    expect(readAll(place.directory, { types: ['gap'] })).toMatchObject([
      { cause: 'unclean_stop', ts_last_good: String(NOON), ts_recv: String(NOON + 10n * SECOND) },
    ])
    expect(readAll(place.directory, { types: ['trade'] }).map(({ connection }) => connection)).toEqual([1, 2])
  })
})

describe('files that are no captures', () => {
  it('stop no good one: each is named with what is wrong', async () => {
    const place = new Place()
    const damaged = gzipSync(trades(NOON, 5000, 'ETHUSDT'))
    damaged.fill(0x55, damaged.length - 8, damaged.length - 4)
    mkdirSync(join(place.root, 'folder'))
    const paths = [
      place.file('good_20240808.gz', gzipSync(trades(NOON, 100))),
      place.file('empty.gz', ''),
      place.file('empty2.gz', gzipSync('')),
      place.file('notes.txt', 'nothing\n'),
      place.file('utf16.txt', Buffer.from(`\ufeff${trade(NOON, 1)}`, 'utf16le')),
      place.file('x.xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])),
      place.file('damaged_20240808.gz', damaged),
      join(place.root, 'missing.gz'),
      join(place.root, 'folder'),
    ]
    const report = await place.import(paths)
    expect(outcomes(report)).toEqual(['imported', 'empty', ...Array(7).fill('refused')])
    const notes = report.outcomes.map(({ note }) => note)
    for (const [i, word] of [
      '',
      'no bytes',
      'no line',
      'no line',
      'UTF-16',
      'xz',
      'damaged gzip',
      'no file',
      'folder',
    ].entries())
      expect(notes[i]).toContain(word)
    expect(place.count()).toBe(100)
    // Whatever could be read of the damaged one is not there.
    expect(place.count('ETHUSDT')).toBe(0)
    expect(report).toMatchObject({ frames: 100, files: 1 })
    expect(verify(place.directory)).toMatchObject({ ok: true, segments: 1 })
  })

  it('alone are an error, and leave nothing behind', async () => {
    const place = new Place()
    expect(await codeRejected(place.import([place.file('empty.gz', '')]))).toBe('TF_UNKNOWN_FORMAT')
    expect(existsSync(place.directory)).toBe(false)
  })

  it('count their broken lines by file, also in a session of cryptofeed', async () => {
    const place = new Place()
    const line = (ts: string, id: number): string => `${ts}: ${trade(0n, id).slice(2)}`
    const folder = join(place.root, 'session')
    mkdirSync(folder)
    const head = 'wss://stream.binance.com:9443/stream <-> 1723118400.5\n'
    writeFileSync(join(folder, 'BINANCE.ws.1.0'), `${head}${line('1723118401.5', 1)}garbage\n`)
    writeFileSync(join(folder, 'BINANCE.ws.1.1'), line('1723118402.5', 2))
    writeFileSync(join(folder, 'BINANCE.ws.1.2'), 'no line\n')
    writeFileSync(join(folder, 'BINANCE.ws.1.3'), '')
    const report = await place.import([folder], { format: 'cryptofeed' })
    expect(report.outcomes.map(({ outcome, rejected }) => [outcome, rejected])).toEqual([
      ['imported', 1],
      ['imported', 0],
      ['refused', 0],
      ['empty', 0],
    ])
    expect(place.count()).toBe(2)
  })
})

describe('input of odd forms', () => {
  it('of several gzip members, padded with zero bytes, behind a byte order mark, with CRLF, is read to its end', async () => {
    const place = new Place()
    const crlf = (text: string): string => text.replaceAll('\n', '\r\n')
    const members = [trades(NOON, 3), trades(NOON + 10n, 3), trades(NOON + 20n, 3)].map((text) => gzipSync(crlf(text)))
    const zeros = Buffer.alloc(700)
    const report = await place.import([
      place.file('a_20240808.gz', Buffer.concat([members[0]!, members[1]!, zeros, members[2]!, zeros])),
      place.file('b_20240808.txt', `\ufeff${crlf(trades(NOON, 4, 'ETHUSDT'))}`),
    ])
    expect(outcomes(report)).toEqual(['imported', 'imported'])
    expect(report.rejectedFrames).toBe(0)
    expect([place.count(), place.count('ETHUSDT')]).toEqual([9, 4])
  })

  it('that is a bomb of zstd is read in pieces that fit into memory', async () => {
    const place = new Place()
    const blocks = 1500
    // Blocks of one byte 131,072 times, in 4 bytes each (RFC 8878, 3.1.1.2): 187 MiB in 6 KB.
    const block = (last: number): Buffer =>
      Buffer.from([((131_072 << 3) & 0xff) | 2 | last, ((131_072 << 3) >> 8) & 0xff, (131_072 << 3) >> 16, 0x78])
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68])
    const path = place.file('KRAKEN.jsonl.zst', Buffer.concat([frame, ...Array(blocks).fill(block(0)), block(1)]))
    const sizes: number[] = []
    for await (const chunk of new CaptureBytes(path).chunks()) sizes.push(chunk.length)
    expect(sizes.reduce((sum, size) => sum + size)).toBe((blocks + 1) * 131_072)
    expect(Math.max(...sizes)).toBe(131_072)
    const wide = place.file('WIDE.jsonl.zst', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0, 0, 0, 0]))
    expect(await codeRejected(place.import([wide], { format: 'cryptofeed', venue: 'kraken' }))).toBe(
      'TF_UNKNOWN_FORMAT',
    )
    expect(place.warnings.join()).toBe('')
  })

  it('with a line without end or times that are none loses that line alone', async () => {
    const place = new Place()
    const bomb = gzipSync(Buffer.alloc(70 << 20), { level: 1 })
    const report = await place.import([
      place.file(
        'a_20240808.gz',
        Buffer.concat([gzipSync(trade(NOON, 1)), bomb, gzipSync(`\n${trade(NOON + 1n, 2)}`)]),
      ),
      place.file('b_20240808.txt', `${'9'.repeat(19)} {}\n${'1'.repeat(13)} {}\n${trade(NOON, 1, 'ETHUSDT')}`),
    ])
    expect(report.outcomes.map(({ rejected }) => rejected)).toEqual([1, 2])
    expect([place.count(), place.count('ETHUSDT')]).toEqual([2, 1])
  })
})

describe('a file that is in the log', () => {
  it('is passed over, also under another name, packed otherwise, named twice, and after the directory was copied', async () => {
    const place = new Place()
    const path = place.file('btcusdt_20240808.txt', trades(NOON, 50))
    expect(outcomes(await place.import([path, path]))).toEqual(['imported', 'known'])
    expect(outcomes(await place.import([path]))).toEqual(['known'])
    const packed = place.file('other_20240808.gz', gzipSync(trades(NOON, 50)))
    expect(outcomes(await place.import([packed]))).toEqual(['known'])
    cpSync(place.directory, join(place.root, 'copy'), { recursive: true })
    expect(outcomes(await place.import([path], { directory: join(place.root, 'copy') }))).toEqual(['known'])
    expect(place.count()).toBe(50)
    expect(place.segments()).toHaveLength(1)
  })

  it('is imported once more when it is asked for, as another venue, or when its segments are gone', async () => {
    const place = new Place()
    const path = place.file('btcusdt_20240808.txt', trades(NOON, 50))
    await place.import([path])
    expect(outcomes(await place.import([path], { again: true }))).toEqual(['imported'])
    expect(outcomes(await place.import([path], { venue: 'binance-us' }))).toEqual(['imported'])
    for (const name of place.segments()) rmSync(join(place.directory, name))
    expect(outcomes(await place.import([path]))).toEqual(['imported'])
    expect(place.count()).toBe(50)
  })

  it('is refused when a part of its segments is gone: the rest would be there twice', async () => {
    const place = new Place()
    const path = place.file('btcusdt_20240808.txt', trade(NOON, 1) + trade(NOON + DAY, 2))
    await place.import([path])
    rmSync(join(place.directory, place.segments()[0]!))
    await expect(place.import([path])).rejects.toThrow(/2024-08-08.import.000.tfs.*--again/)
  })

  it('to where it was cut off is refused when there is more of it: its beginning would be there twice', async () => {
    const place = new Place()
    const text = trades(NOON, 50)
    await place.import([place.file('btcusdt_20240808.txt', text.slice(0, -30))])
    const whole = place.file('btcusdt_20240808.txt', text)
    await expect(place.import([whole])).rejects.toThrow(/was cut off.*remove 2024-08-08.import.000.tfs/)
    rmSync(join(place.directory, place.segments()[0]!))
    expect(outcomes(await place.import([whole]))).toEqual(['imported'])
    expect(place.count()).toBe(50)
  })

  it('that changes while it is read is refused', async () => {
    const place = new Place()
    const path = place.file('btcusdt_20240808.txt', trades(NOON, 17_000))
    const grow = (): void => appendFileSync(path, trade(NOON + SECOND, 7))
    const run = place.import([path], { progress: grow })
    await expect(run).rejects.toThrow(/changed while it was read/)
    expect(readdirSync(place.directory).filter((name) => name.includes('stag') || name.endsWith('.tfs'))).toEqual([])
  })
})

/** A batch of two days, staged as an import stages it. */
async function staged(place: Place): Promise<Staging> {
  const path = place.file('btcusdt_20240808.txt', trade(NOON, 1) + trade(NOON + DAY, 2))
  const twin = join(place.root, 'twin')
  await importCaptures({ directory: twin, format: 'hftbacktest', paths: [path] })
  const staging = new Staging(place.directory, 'import')
  if (!existsSync(place.directory)) mkdirSync(place.directory)
  staging.begin()
  for (const name of readdirSync(twin).filter((name) => /tf[si]$/.test(name)))
    renameSync(join(twin, name), join(staging.path, name))
  writeFileSync(join(staging.path, 'import.imports'), readFileSync(join(twin, 'import.imports')))
  return staging
}

describe('an import that was interrupted', () => {
  it('before its last step has left nothing that a reader sees, and is taken back by the next one', async () => {
    const place = new Place()
    await place.import([place.file('ethusdt_20240808.txt', trades(NOON, 5, 'ETHUSDT'))])
    await staged(place)
    const remarks = [expect.stringContaining('import.staging')]
    expect(verify(place.directory)).toMatchObject({ ok: true, segments: 1, remarks })
    expect(place.count()).toBe(0)
    const report = await place.import([join(place.root, 'btcusdt_20240808.txt')])
    expect(outcomes(report)).toEqual(['imported'])
    expect(place.warnings.join()).toContain('taken back')
    expect(place.count()).toBe(2)
  })

  it.each([0, 1, 2, 3, 4, 5])(
    'in its last step after %i renames is hidden until the next one completes it',
    async (renames) => {
      const place = new Place()
      const staging = await staged(place)
      const names = staging.segments()
      const files = [...names.flatMap((name) => [name.replace('.tfs', '.tfi'), name]), 'import.imports']
      writeFileSync(join(place.directory, 'import.pending'), `${names.join('\n')}\n`)
      for (const name of files.slice(0, renames)) renameSync(join(staging.path, name), join(place.directory, name))
      expect(() => new Log(place.directory)).toThrow()
      const report = await place.import([join(place.root, 'btcusdt_20240808.txt')])
      expect(outcomes(report)).toEqual(['known'])
      expect(place.warnings.join()).toContain('completed')
      expect(place.count()).toBe(2)
      expect(readdirSync(place.directory).filter((name) => /staging|pending/.test(name))).toEqual([])
    },
  )

  it('does not follow a link in the place of what it left', async () => {
    const place = new Place()
    const victim = join(place.root, 'victim')
    mkdirSync(victim)
    writeFileSync(join(victim, 'precious'), '')
    mkdirSync(place.directory)
    symlinkSync(victim, join(place.directory, 'import.staging'))
    const path = place.file('btcusdt_20240808.txt', trade(NOON, 1))
    expect(await codeRejected(place.import([path]))).toBe('TF_FOREIGN_DIRECTORY')
    expect(readdirSync(victim)).toEqual(['precious'])
  })

  it('keeps the batches that were finished: only the rest is imported again', async () => {
    const place = new Place()
    const first = place.file('btcusdt_20240808.txt', trade(NOON, 1))
    // A day later: nothing of the first one goes on in it.
    const second = place.file('btcusdt_20240810.txt', trades(NOON + 2n * DAY, 17_000))
    const stop = new Error('stopped')
    const run = place.import([first, second], {
      progress: () => {
        throw stop
      },
    })
    await expect(run).rejects.toBe(stop)
    expect(place.count()).toBe(1)
    expect(outcomes(await place.import([first, second]))).toEqual(['known', 'imported'])
    expect(place.count()).toBe(17_001)
  })
})
