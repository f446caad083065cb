// A producer in TypeScript: when its frames are published, and what becomes of those that find no room.
import { spawnSync } from 'node:child_process'
import { describe, expect, it, onTestFinished } from 'vitest'
import { verify } from '../../src/log/verify.ts'
import { Journal, type JournalSettings } from '../../src/recorder/journal.ts'
import type { CellWriter } from '../../src/records/cell-writer.ts'
import * as L from '../../src/records/layout.ts'
import { eventually } from '../helpers/eventually.ts'
import { NOON, readAll } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const RING = 1 << 20
/** Records of one cell: nearly a ring. */
const MANY = Math.floor((RING / L.CELL_BYTES) * 0.9)

function journalOf(settings: Partial<JournalSettings>): { journal: Journal; directory: string } {
  const directory = temporaryDirectory()
  const journal = new Journal({ directory, name: 'main', durability: 'os', ringBytes: RING, ...settings })
  onTestFinished(async () => void (await journal.close().catch(() => undefined)))
  return { journal, directory }
}

const at = (ns: bigint): { low: number; high: number } => ({
  low: Number(BigInt.asIntN(32, ns)),
  high: Number(ns >> 32n),
})

let next = 0
function texts(count: number): (writer: CellWriter) => void {
  return (writer) => {
    for (let i = 0; i < count; i++) {
      const record = writer.begin(L.RecordType.text, 1, L.Flag.last, 0, 0, -2147483648)
      writer.putNoId(record, L.TEXT_SEQUENCE)
      writer.put32(record, L.TEXT_OFFSET, next++)
    }
  }
}

describe('a frame', () => {
  it('reaches the writer by the end of the turn, without a flush', async () => {
    const { journal } = journalOf({ flushIntervalMs: 0 })
    journal.frame(at(NOON), 1, 1, texts(3))
    await eventually('the writer to have it', () => journal.watermarks().appended === 3n)
  })

  it('reaches the writer within a turn that goes on and on', () => {
    const { journal } = journalOf({ flushIntervalMs: 0 })
    const deadline = performance.now() + 10_000
    let frames = 0
    while (journal.watermarks().appended === 0n && performance.now() < deadline) {
      journal.frame(at(NOON + BigInt(frames)), 1, ++frames, texts(1))
    }
    expect(journal.watermarks().appended).toBeGreaterThan(0n)
  })

  it('is written when the process ends in the same turn', () => {
    const directory = temporaryDirectory()
    const script = `
      import { Journal } from ${JSON.stringify(new URL('../../dist/recorder/journal.js', import.meta.url).href)}
      const journal = new Journal({ directory: ${JSON.stringify(directory)}, name: 'main' })
      journal.writer.beginFrame(${at(NOON).low}, ${at(NOON).high}, 1, 1)
      journal.writer.begin(${L.RecordType.text}, 1, ${L.Flag.last}, 0, 0, 0)
      journal.writer.endFrame()
      process.exit(0)`
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(readAll(directory).map(({ type }) => type)).toEqual(['segment', 'text'])
  })
})

describe('a producer that is to drop what finds no room', () => {
  it('loses whole frames, knows it, and has them counted in the log where they are missing', async () => {
    const { journal, directory } = journalOf({ whenFull: 'drop' })
    let kept = 0
    let frames = 0
    while (journal.frame(at(NOON + BigInt(frames)), 1, ++frames, texts(MANY)) && frames < 1000) kept += MANY
    expect(frames).toBeLessThan(1000)
    // Refused at once, also when there is room: the record of the loss comes first.
    const refusedAt = NOON + BigInt(frames - 1)
    const counted = journal.dropped
    expect(counted).toBeGreaterThan(0n)
    expect(counted).toBeLessThanOrEqual(BigInt(MANY))
    expect(journal.drops).toBe(true)

    await eventually('room', () => journal.frame(at(NOON + 2000n), 1, ++frames, texts(1)))
    expect(journal.drops).toBe(false)
    const { dropped } = journal
    await journal.close()
    const log = readAll(directory)
    expect(log.filter(({ type }) => type === 'text')).toHaveLength(kept + 1)
    expect(log.slice(-2)).toMatchObject([
      {
        type: 'drop',
        count: String(dropped),
        cause: 'overflow',
        ts_first: String(refusedAt),
        ts_recv: String(NOON + 2000n),
        connection: 0,
      },
      { type: 'text', frame: frames },
    ])
    expect(verify(directory)).toMatchObject({ ok: true, drops: 1 })
  })

  it('takes a frame back that throws, and nothing else', async () => {
    const { journal, directory } = journalOf({ whenFull: 'drop' })
    expect(journal.frame(at(NOON), 1, 1, texts(2))).toBe(true)
    const fill = (writer: CellWriter): void => {
      texts(3)(writer)
      throw new Error('of the caller')
    }
    expect(() => journal.frame(at(NOON), 1, 2, fill)).toThrow('of the caller')
    expect(journal.frame(at(NOON), 1, 3, texts(1))).toBe(true)
    expect(journal.dropped).toBe(0n)
    await journal.close()
    expect(readAll(directory, { types: ['text'] }).map(({ frame }) => frame)).toEqual([1, 1, 3])
  })
})

describe('a producer that is to wait', () => {
  it('loses nothing, however fast it is', async () => {
    const { journal, directory } = journalOf({})
    for (let frame = 1; frame <= 20; frame++) expect(journal.frame(at(NOON), 1, frame, texts(MANY))).toBe(true)
    expect([journal.dropped, journal.drops]).toEqual([0n, false])
    expect(journal.waits).toBeGreaterThan(0)
    await journal.close()
    expect(verify(directory)).toMatchObject({ ok: true, drops: 0, records: 20 * MANY + 1 })
  })

  it('is told of a frame that no ring can hold', () => {
    const { journal } = journalOf({})
    expect(() => journal.frame(at(NOON), 1, 1, texts(2 * MANY))).toThrow(
      expect.objectContaining({ code: 'TF_FRAME_TOO_LARGE' }),
    )
    expect(journal.frame(at(NOON), 1, 2, texts(1))).toBe(true)
  })
})
