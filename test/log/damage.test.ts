// Files that are not what they should be: what can be read is read, what cannot is named, and nothing is guessed.
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { verify } from '../../src/log/verify.ts'
import { Log } from '../../src/open-log.ts'
import * as L from '../../src/records/layout.ts'
import { blockOffsets, damageBlock, flipByte, indexPath, overwrite, seal, segmentPath } from '../helpers/damage.ts'
import { codeThrown } from '../helpers/error-codes.ts'
import { fiveBlocks, HandWriter, NOON, readAll, replayed, SECOND, tradeIds } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
/** Without the trades of block 2, which is the third one. */
const SPARED = [...range(0, 10), ...range(20, 40)]

describe('a block in the middle that fails its CRC', () => {
  it.each(['payload', 'header'] as const)('(%s) becomes a gap in its place; all others are read', async (part) => {
    const directory = await fiveBlocks()
    damageBlock(directory, 2, part)
    const log = new Log(directory)
    const records = replayed(log, { types: ['trade', 'gap'] })
    expect(records.map(({ type, trade_id }) => (type === 'gap' ? 'gap' : Number(trade_id)))).toEqual([
      ...range(0, 10),
      'gap',
      ...range(20, 40),
    ])
    expect(records[10]).toMatchObject({
      cause: 'corrupt_block',
      ts_recv: String(NOON + 20n * SECOND),
      ts_last_good: String(NOON + 9n * SECOND),
      expected_id: '12',
      received_id: '22',
    })
    expect(log.damage).toEqual([
      {
        path: segmentPath(directory),
        firstRecord: 12n,
        endRecord: 22n,
        tsBefore: NOON + 9n * SECOND,
        tsAfter: NOON + 20n * SECOND,
      },
    ])
    log.close()
    expect(verify(directory)).toMatchObject({ ok: false, corruptBlocks: 1, tornTailBytes: 0, records: 32 })
  })

  it('is in every replay of a log, not only in the first that meets it', async () => {
    const directory = await fiveBlocks()
    damageBlock(directory, 2, 'payload')
    const log = new Log(directory)
    log.summarize()
    for (let i = 0; i < 2; i++) expect(replayed(log, { types: ['gap'] })).toHaveLength(1)
    expect(log.damage).toHaveLength(1)
    log.close()
  })

  it('is in the ranges that it could have records of, and in no others', async () => {
    const directory = await fiveBlocks()
    damageBlock(directory, 2, 'payload')
    const gaps = (from: number, to: number): number =>
      readAll(directory, { types: ['gap'], from: NOON + BigInt(from) * SECOND, to: NOON + BigInt(to) * SECOND }).length
    expect([gaps(0, 9), gaps(12, 15), gaps(0, 40), gaps(25, 40)]).toEqual([0, 1, 1, 0])
  })

  it('is a row of exported gaps, and the next trade of an export is behind a gap', async () => {
    const directory = await fiveBlocks()
    damageBlock(directory, 2, 'payload')
    const log = new Log(directory)
    const gaps = await log.toArrow({ type: 'gap', from: NOON + 12n * SECOND, to: NOON + 15n * SECOND })
    const [cause, record] = ['cause', 'record'].map((name) => [...(gaps.getChild(name) ?? [])])
    expect([cause, record]).toEqual([['corrupt_block'], [12n]])
    const trades = await log.toArrow({ type: 'trade' })
    const [ids, quality] = ['trade_id', 'quality'].map((name) => [...(trades.getChild(name) ?? [])])
    expect(ids).toEqual(SPARED.map(BigInt))
    expect(quality).toEqual(SPARED.map((id) => (id === 20 ? 'after_gap' : 'ok')))
    log.close()
  })

  it('is a gap for every instrument, and not told where gaps are not asked for', async () => {
    const directory = await fiveBlocks()
    damageBlock(directory, 2, 'payload')
    expect(readAll(directory, { types: ['gap'], instruments: ['binance:BTCUSDT'] })).toHaveLength(1)
    const log = new Log(directory)
    expect(tradeIds(log)).toEqual(SPARED)
    expect(log.damage).toHaveLength(1)
    log.close()
  })

  it('keeps its place when segments are merged', async () => {
    const directory = await fiveBlocks()
    damageBlock(directory, 2, 'payload')
    await fiveBlocks('other', directory)
    const records = readAll(directory, { types: ['trade', 'gap'] })
    const gap = records.findIndex(({ type }) => type === 'gap')
    expect(records).toHaveLength(30 + 40 + 1)
    const times = records.map((record) => BigInt(record.ts_recv))
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
    expect(Number((times[gap] as bigint) - NOON)).toBe(Number(20n * SECOND))
  })

  it('whose index is lost too is found by the numbers of its neighbours', async () => {
    const directory = await fiveBlocks()
    damageBlock(directory, 2, 'header')
    rmSync(indexPath(directory))
    const log = new Log(directory)
    const records = replayed(log, { types: ['trade', 'gap'] })
    expect(records.map(({ type, trade_id }) => (type === 'gap' ? 'gap' : Number(trade_id)))).toEqual([
      ...range(0, 10),
      'gap',
      ...range(20, 40),
    ])
    expect(log.damage.map(({ firstRecord, endRecord }) => [firstRecord, endRecord])).toEqual([[12n, 22n]])
    log.close()
  })

  it('at the very beginning takes the definitions with it, and the trades are still there', async () => {
    const directory = await fiveBlocks()
    damageBlock(directory, 0, 'header')
    rmSync(indexPath(directory))
    const log = new Log(directory)
    expect(tradeIds(log)).toEqual(range(0, 40))
    expect(log.span).toEqual({ from: NOON, to: NOON + 39n * SECOND })
    expect(log.summarize()).toMatchObject([{ day: '2024-08-08', records: 40, damaged: 2, from: NOON }])
    expect(replayed(log, { types: ['gap'] })).toMatchObject([{ cause: 'corrupt_block', ts_recv: String(NOON) }])
    log.close()
  })

  it('is counted by summarize() and named by verify()', async () => {
    const directory = await fiveBlocks()
    damageBlock(directory, 2, 'payload')
    const log = new Log(directory)
    expect(log.summarize()).toMatchObject([{ records: 32, damaged: 10, gaps: 0 }])
    log.close()
    const { problems } = verify(directory)
    expect(problems.join('\n')).toContain(segmentPath(directory))
    expect(problems.join('\n')).toContain(String(blockOffsets(segmentPath(directory))[2]))
  })
})

describe('the end of a segment', () => {
  it('that is torn is not read, and verify counts its bytes', async () => {
    const directory = await fiveBlocks()
    const path = segmentPath(directory)
    truncateSync(path, (blockOffsets(path)[4] as number) + 300)
    const log = new Log(directory)
    expect(tradeIds(log)).toEqual(range(0, 30))
    expect(log.damage).toEqual([])
    log.close()
    expect(verify(directory)).toMatchObject({ ok: false, corruptBlocks: 0, records: 32 })
    expect(verify(directory).tornTailBytes).toBeGreaterThan(0)
  })

  it('that was set aside and never written is no damage', async () => {
    const directory = await fiveBlocks()
    const path = segmentPath(directory)
    truncateSync(path, readFileSync(path).length + (1 << 20))
    expect(verify(directory)).toMatchObject({ ok: true, tornTailBytes: 0, records: 42 })
    expect(readAll(directory, { types: ['trade'] })).toHaveLength(40)
  })

  it('is where another segment of a recycled file goes on', async () => {
    const [directory, other] = [await fiveBlocks(), await fiveBlocks()]
    const path = segmentPath(directory)
    writeFileSync(path, Buffer.concat([readFileSync(path), readFileSync(segmentPath(other))]))
    expect(readAll(directory, { types: ['trade'] })).toHaveLength(40)
  })
})

describe('an index', () => {
  it.each([
    ['is deleted', (path: string) => rmSync(path)],
    ['is empty', (path: string) => truncateSync(path, 0)],
    ['is behind', (path: string) => truncateSync(path, 64 + 2 * 64)],
    ['is torn in an entry', (path: string) => truncateSync(path, 64 + 2 * 64 + 17)],
    ['holds noise', (path: string) => writeFileSync(path, Buffer.alloc(64 * 6, 0xa7))],
    ['has a wrong byte', (path: string) => flipByte(path, 64 * 3 + 20)],
  ])('that %s changes nothing of what is read', async (_, damage) => {
    const directory = await fiveBlocks()
    damage(indexPath(directory))
    const log = new Log(directory)
    expect(tradeIds(log)).toEqual(range(0, 40))
    expect(tradeIds(log, { from: NOON + 15n * SECOND, to: NOON + 25n * SECOND })).toEqual(range(15, 25))
    log.close()
    const report = verify(directory)
    expect(report).toMatchObject({ ok: true, records: 42, index: { ok: 0 } })
    expect(report.index.missing + report.index.wrong).toBe(1)
    expect(report.problems.join()).toContain('index')
  })

  it('of another segment is not believed', async () => {
    const [directory, other] = [await fiveBlocks(), await fiveBlocks()]
    copyFileSync(indexPath(other), indexPath(directory))
    expect(readAll(directory, { types: ['trade'] })).toHaveLength(40)
    expect(verify(directory)).toMatchObject({ ok: true, index: { wrong: 1 } })
  })

  it.each([
    ['too early', -100n],
    ['too late', 100n],
  ])('that lies about times (%s), with a CRC that holds, hides no record of a range', async (_, shift) => {
    const directory = await fiveBlocks()
    const path = indexPath(directory)
    const bytes = readFileSync(path)
    // Entry 2 holds the trades 10 to 19. The entries behind it must agree with it, or nobody would believe it.
    for (let i = 2; i < 5; i++) {
      const entry = bytes.subarray(64 + i * 64, 128 + i * 64)
      const view = new DataView(entry.buffer, entry.byteOffset, 64)
      for (const offset of [L.INDEX_MIN_TS_RECV, L.INDEX_MAX_TS_RECV]) {
        if (i === 2) view.setBigInt64(offset, view.getBigInt64(offset, true) + shift * SECOND, true)
      }
      const before = new DataView(bytes.buffer, bytes.byteOffset + i * 64, 64)
      const running = before.getBigInt64(L.INDEX_RUNNING_MAX_TS_RECV, true)
      const max = view.getBigInt64(L.INDEX_MAX_TS_RECV, true)
      view.setBigInt64(L.INDEX_RUNNING_MAX_TS_RECV, max > running ? max : running, true)
      const steps = before.getUint32(L.INDEX_BACK_STEPS, true)
      view.setUint32(L.INDEX_BACK_STEPS, steps + (view.getBigInt64(L.INDEX_MIN_TS_RECV, true) < running ? 1 : 0), true)
      overwrite(path, 64 + i * 64, seal(entry))
    }
    expect(verify(directory)).toMatchObject({ ok: true, index: { wrong: 1 } })
    for (const [from, to] of [
      [10, 20],
      [15, 18],
      [0, 40],
      [19, 21],
      [9, 11],
    ] as const) {
      const log = new Log(directory)
      const ids = tradeIds(log, { from: NOON + BigInt(from) * SECOND, to: NOON + BigInt(to) * SECOND })
      expect(ids, `${from} to ${to}`).toEqual(range(from, to))
      log.close()
    }
  })
})

describe('a directory', () => {
  it('that is not there, is a file, or holds nothing of ours is told apart', () => {
    const directory = temporaryDirectory()
    expect(codeThrown(() => new Log(join(directory, 'nowhere')))).toBe('TF_NO_DIRECTORY')
    writeFileSync(join(directory, 'notes.txt'), 'nothing')
    expect(codeThrown(() => new Log(join(directory, 'notes.txt')))).toBe('TF_NO_DIRECTORY')
    expect(codeThrown(() => new Log(directory))).toBe('TF_FOREIGN_DIRECTORY')
    expect(codeThrown(() => verify(directory))).toBe('TF_FOREIGN_DIRECTORY')
  })

  it('with a segment of a newer version is refused as such, and the file is left alone', async () => {
    const directory = await fiveBlocks()
    const path = segmentPath(directory)
    const header = readFileSync(path).subarray(0, 64)
    header.writeUInt16LE(2, 4)
    overwrite(path, 0, seal(header))
    rmSync(indexPath(directory))
    const before = readFileSync(path)
    expect(codeThrown(() => new Log(directory))).toBe('TF_NEWER_FORMAT')
    expect(verify(directory)).toMatchObject({ ok: false, unreadable: [{ path, code: 'TF_NEWER_FORMAT' }] })
    expect(codeThrown(() => new HandWriter(directory))).toBe('TF_NEWER_FORMAT')
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('with a file that is only named like a segment is refused', async () => {
    const directory = await fiveBlocks()
    writeFileSync(join(directory, '2024-08-09.main.000.tfs'), 'this is no segment, whatever its name says'.repeat(200))
    expect(codeThrown(() => new Log(directory))).toBe('TF_FOREIGN_DIRECTORY')
  })

  it('may hold files of others and an empty segment', async () => {
    const directory = await fiveBlocks()
    writeFileSync(join(directory, 'notes.txt'), 'nothing')
    writeFileSync(join(directory, '2024-08-09.main.000.tfs'), '')
    expect(readAll(directory, { types: ['trade'] })).toHaveLength(40)
    expect(verify(directory)).toMatchObject({ ok: true, segments: 2, records: 42 })
  })

  it('whose segment was renamed is read by what the segment says', async () => {
    const directory = await fiveBlocks()
    const path = segmentPath(directory)
    renameSync(path, join(directory, '2024-08-08.main.007.tfs'))
    expect(readAll(directory, { types: ['trade'] })).toHaveLength(40)
    expect(readdirSync(directory)).toContain('2024-08-08.main.007.tfs')
  })

  it('that is being recorded can be read beside the recorder', async () => {
    const directory = temporaryDirectory()
    const hand = new HandWriter(directory)
    const number = hand.instrument(NOON, 'binance:BTCUSDT')
    await hand.trade(NOON, number, 1).journal.flush()
    const early = new Log(directory)
    expect(tradeIds(early)).toEqual([1])
    await hand.trade(NOON + SECOND, number, 2).journal.flush()
    // What was opened stays what it was; what is opened now sees more.
    expect(tradeIds(early)).toEqual([1])
    early.close()
    const later = new Log(directory)
    expect(tradeIds(later)).toEqual([1, 2])
    later.close()
    expect(verify(directory)).toMatchObject({ ok: true, records: 4, tornTailBytes: 0 })
    await hand.close()
    expect(readAll(directory, { types: ['trade'] })).toHaveLength(2)
  })
})
