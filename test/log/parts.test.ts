// Parts of which the next one writes the end again, after a failed write: every record is read once.
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { rawPlan } from '../../src/export/plan.ts'
import { listSegments } from '../../src/log/directory.ts'
import { verify } from '../../src/log/verify.ts'
import { loadNative } from '../../src/native/binding.ts'
import { Log } from '../../src/open-log.ts'
import * as L from '../../src/records/layout.ts'
import { blockOffsets, flipByte, seal } from '../helpers/damage.ts'
import { HandWriter, NOON, readAll, replayed, SECOND, tradeIds } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const KEY = 'binance:BTCUSDT'
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
/** Trades a block. */
const BLOCK = 10

/** Adds a part whose block 0 ends with the gap record that a recorder begins it with, then has blocks of ten trades. */
async function addPart(directory: string, blocks: readonly number[], limit?: bigint): Promise<void> {
  const hand = new HandWriter(directory, { newPart: true })
  if (limit !== undefined) {
    hand.gap(NOON, 0, L.GapCause.writeError, 0)
    await hand.journal.flush()
  }
  const number = hand.instrument(NOON, KEY)
  await hand.journal.flush()
  for (const block of blocks) {
    for (let i = 0; i < BLOCK; i++) hand.trade(NOON + BigInt(block * BLOCK + i) * SECOND, number, block * BLOCK + i)
    await hand.journal.flush()
  }
  await hand.close()
  if (limit !== undefined) setLimit((listSegments(directory).at(-1) as { path: string }).path, limit)
}

/** Makes the first gap record of a segment one of the journal that names a limit. */
function setLimit(path: string, limit: bigint): void {
  const bytes = readFileSync(path)
  let at = L.BLOCK_HEADER_BYTES
  while (bytes[at + L.HEAD_TYPE] !== L.RecordType.gap) at += (bytes[at + L.HEAD_CELLS] as number) * L.CELL_BYTES
  bytes.writeBigUInt64LE(0n, at + L.HEAD_FRAME)
  bytes.writeBigUInt64LE(limit, at + L.GAP_EXPECTED_ID)
  bytes[at + L.GAP_CAUSE] = L.GapCause.writeError
  const payload = bytes.subarray(
    L.BLOCK_HEADER_BYTES,
    L.BLOCK_HEADER_BYTES + bytes.readUInt32LE(L.BLOCK_PAYLOAD_LENGTH),
  )
  bytes.writeUInt32LE(loadNative().crc32c(payload), L.BLOCK_PAYLOAD_CRC)
  seal(bytes.subarray(0, L.BLOCK_HEADER_BYTES))
  writeFileSync(path, bytes)
}

/** Number of the first record of a block of the only part so far. */
function firstRecord(directory: string, block: number): bigint {
  const { path } = listSegments(directory)[0] as { path: string }
  return readFileSync(path).readBigUInt64LE((blockOffsets(path)[block] as number) + L.BLOCK_FIRST_RECORD)
}

/** Part 0 has the trades 0 to 39 in its blocks 1 to 4; part 1 begins again with block 3 of it and goes on to 59. */
async function twoParts(): Promise<string> {
  const directory = temporaryDirectory()
  await addPart(directory, [0, 1, 2, 3])
  await addPart(directory, [2, 3, 4, 5], firstRecord(directory, 3))
  return directory
}

describe('a part of which the next one writes the end again', () => {
  it('is replayed up to there, and the next one from there on', async () => {
    const directory = await twoParts()
    const log = new Log(directory)
    expect(tradeIds(log)).toEqual(range(0, 60))
    for (const second of [5, 19, 20, 25, 39, 40, 59]) {
      expect(tradeIds(log, { from: NOON + BigInt(second) * SECOND })).toEqual(range(second, 60))
      expect(tradeIds(log, { to: NOON + BigInt(second) * SECOND })).toEqual(range(0, second))
      expect(log.seek(NOON + BigInt(second) * SECOND)?.toJson()).toMatchObject({ trade_id: String(second) })
    }
    expect(log.seek(NOON + 60n * SECOND)).toBeUndefined()
    expect(log.damage).toEqual([])
    log.close()
  })

  it('is exported up to there', async () => {
    const log = new Log(await twoParts())
    const table = await log.toArrow({ type: 'trade' })
    const ids: BigUint64Array = table.getChild('trade_id')?.toArray() ?? []
    expect([...ids].map(Number)).toEqual(range(0, 60))
    expect(rawPlan(log.exportSource({})).definitions.map(({ key }) => key)).toEqual([KEY, KEY])
    log.close()
  })

  it('is told of by the gap record that says so, and is no fault', async () => {
    const directory = await twoParts()
    const gaps = readAll(directory, { types: ['gap'] })
    expect(gaps).toMatchObject([{ cause: 'write_error', expected_id: String(firstRecord(directory, 3)) }])
    const report = verify(directory)
    expect(report).toMatchObject({ ok: true, problems: [], gaps: 1, corruptBlocks: 0, tornTailBytes: 0 })
    expect(report.remarks).toEqual([expect.stringMatching(/000\.tfs: blocks 3 to \d+ are written again in part 1$/)])
  })

  it('is counted up to there, and so is what a list says of it', async () => {
    const log = new Log(await twoParts())
    const [day] = log.summarize()
    expect(day?.instruments).toMatchObject([{ instrument: KEY, trades: 60 }])
    expect(day?.remarks).toEqual([expect.stringContaining('part 0 of main ends before record')])
    expect(log.segments.map(({ native }) => native.closed)).toEqual([false, true])
    log.close()
  })

  it('may be broken behind that place', async () => {
    const directory = await twoParts()
    const { path } = listSegments(directory)[0] as { path: string }
    const offset = blockOffsets(path)[4] as number
    flipByte(path, offset + L.BLOCK_HEADER_BYTES + 9)
    flipByte(path, offset + 20)
    expect(verify(directory)).toMatchObject({ ok: true, problems: [] })
    unlinkSync(path.replace(/tfs$/, 'tfi'))
    const log = new Log(directory)
    expect(tradeIds(log)).toEqual(range(0, 60))
    log.close()
  })

  it.each(['with', 'without'])(
    'has damage at its end when what was in front of that place is gone (%s index)',
    async (index) => {
      const directory = await twoParts()
      const { path } = listSegments(directory)[0] as { path: string }
      const [, , offset] = blockOffsets(path) as [number, number, number]
      writeFileSync(path, readFileSync(path).subarray(0, offset))
      if (index === 'without') unlinkSync(path.replace(/tfs$/, 'tfi'))
      const log = new Log(directory)
      const records = replayed(log, { types: ['trade', 'gap'] })
      const lost = records.findIndex(({ cause }) => cause === 'corrupt_block')
      expect(records[lost]).toMatchObject({
        ts_recv: String(NOON + 9n * SECOND),
        ts_last_good: String(NOON + 9n * SECOND),
      })
      expect(BigInt(records[lost]?.received_id as string) - BigInt(records[lost]?.expected_id as string)).toBe(10n)
      expect(tradeIds(log)).toEqual([...range(0, 10), ...range(20, 60)])
      log.close()
      expect(verify(directory)).toMatchObject({ ok: false, corruptBlocks: 1, tornTailBytes: 0 })
    },
  )

  it('may be limited by a part that is limited itself', async () => {
    const directory = temporaryDirectory()
    await addPart(directory, [0, 1, 2, 3])
    const limit = firstRecord(directory, 3)
    await addPart(directory, [2, 3, 4, 5], limit)
    // Block 0: the notice; block 1: the definition and the trades of block 2 do not share one.
    const second = listSegments(directory)[1] as { path: string }
    const offset = blockOffsets(second.path)[3] as number
    await addPart(directory, [3, 4, 5, 6], readFileSync(second.path).readBigUInt64LE(offset + L.BLOCK_FIRST_RECORD))
    const log = new Log(directory)
    expect(tradeIds(log)).toEqual(range(0, 70))
    expect(log.segments.map(({ file }) => file.limit !== undefined)).toEqual([true, true, false])
    log.close()
  })
})
