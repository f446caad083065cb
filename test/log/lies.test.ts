// Blocks whose CRCs are right and whose fields are not: what a defect of a writer, or a bit that flips before the CRC is made,
// leaves behind. Readers come to an end, and say damage where there is damage.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { asTickforgeError } from '../../src/errors.ts'
import { createColumns, fillColumns, reused } from '../../src/export/columns.ts'
import { csvText } from '../../src/export/csv.ts'
import { tablePlan } from '../../src/export/plan.ts'
import { verify } from '../../src/log/verify.ts'
import { loadNative } from '../../src/native/binding.ts'
import { Log } from '../../src/open-log.ts'
import * as L from '../../src/records/layout.ts'
import { formatTime } from '../../src/records/time.ts'
import { blockOffsets, indexPath, segmentPath } from '../helpers/damage.ts'
import { fiveBlocks, NOON, readAll } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const GOLDEN = join(import.meta.dirname, '../golden/v1/venues')

/** Changes a block in place, payload and header, and makes its CRCs right again. */
function rewrite(bytes: Buffer, offset: number, change: (header: Buffer, payload: Buffer) => void): void {
  const header = bytes.subarray(offset, offset + L.BLOCK_HEADER_BYTES)
  const length = header.readUInt32LE(L.BLOCK_PAYLOAD_LENGTH)
  const payload = bytes.subarray(offset + L.BLOCK_HEADER_BYTES, offset + L.BLOCK_HEADER_BYTES + length)
  change(header, payload)
  header.writeUInt32LE(loadNative().crc32c(payload), L.BLOCK_PAYLOAD_CRC)
  header.writeUInt32LE(loadNative().crc32c(header.subarray(0, 60)), 60)
}

/** Offsets of the records of a payload. */
function recordsOf(payload: Buffer): number[] {
  const found: number[] = []
  for (let at = 0; at < payload.length; at += payload.readUInt8(at) * L.CELL_BYTES) found.push(at)
  return found
}

/** Rows of a table with columns of decimals. */
function tableRows(log: Log, type: 'trade' | 'quote' | 'book'): number {
  const source = log.exportSource({})
  const columns = createColumns(type, 1 << 12, 'decimal')
  const filled = fillColumns(source, tablePlan(source, 'decimal'), reused(columns))
  return [...filled].reduce((sum, { rows }) => sum + rows, 0)
}

/** Everything that reads, once over the whole directory. Returns what is a defect of it, or ''. */
function readEverything(directory: string, type: 'trade' | 'quote' | 'book' = 'trade'): string {
  const acts: ((log: Log) => unknown)[] = [
    (log) => log.summarize(),
    (log) => log.instruments.length,
    (log) => log.span,
    (log) => log.seek(NOON),
    (log) => {
      for (const batch of log.replay())
        for (const record of batch) if (JSON.stringify(record.toJson()) === formatTime(record.tsRecv)) throw new Error()
    },
    (log) => {
      for (const { book } of log.books()) if (book.bids.count < 0) throw new Error()
    },
    (log) => [...csvText(log.exportSource({}), type)],
    (log) => tableRows(log, type),
  ]
  const codes = new Set<string>()
  const attempt = (act: () => unknown): void => {
    try {
      act()
    } catch (thrown) {
      const error = asTickforgeError(thrown)
      codes.add(error.code === 'TF_INTERNAL' ? `TF_INTERNAL ${(thrown as Error).stack}` : error.code)
    }
  }
  attempt(() => verify(directory))
  attempt(() => {
    const log = new Log(directory)
    for (const act of acts) attempt(() => act(log))
    log.close()
  })
  return [...codes].filter((code) => code.startsWith('TF_INTERNAL')).join('\n')
}

/** Numbers that are as good as random to a reader, and the same in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield state / 2 ** 32
  }
}

/** More of them with TICKFORGE_FUZZ_ROUNDS. */
const ROUNDS = Number(process.env.TICKFORGE_FUZZ_ROUNDS ?? 40)
const TYPES = ['trade', 'quote', 'book'] as const
const EDGES = [0n, 1n, 2n, 18n, 63n, 64n, 127n, 128n, 255n, 0x7fffn, 0xffffn, 0x7fffffffn, 0xffffffffn]
const LARGE = [2n ** 52n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]

describe('fields that lie', () => {
  it.each([1, 2, 3, 4])('are no defect of any reader, whichever they are (seed %i)', (seed) => {
    const random = numbers(seed)
    const below = (limit: number): number => Math.floor(random.next().value * limit)
    const directory = join(temporaryDirectory(), 'log')
    const names = readdirSync(GOLDEN).filter((name) => name.endsWith('.tfs'))
    const originals = names.map((name) => readFileSync(join(GOLDEN, name)))
    cpSync(GOLDEN, directory, { recursive: true })
    const blocks = names.map((name) => blockOffsets(join(GOLDEN, name)))
    for (let round = 0; round < ROUNDS; round++) {
      const which = below(names.length)
      const bytes = Buffer.from(originals[which]!)
      const offset = blocks[which]![below(blocks[which]!.length)]!
      const said: string[] = []
      rewrite(bytes, offset, (header, payload) => {
        const records = recordsOf(payload)
        for (let i = 0; i <= below(3); i++) {
          // The first 60 bytes of the header but for magic, version and length, or of a record: mostly its first cell.
          const inHeader = below(4) === 0
          const target = inHeader ? header : payload
          const at = inHeader ? 8 + below(44) : records[below(records.length)]! + below(below(4) === 0 ? 64 : 128)
          const width = [1, 2, 4, 8][below(4)]!
          const value = [...EDGES, ...LARGE][below(EDGES.length + LARGE.length)]!
          if (at + width > target.length) continue
          const word = Buffer.alloc(8)
          word.writeBigUInt64LE(value)
          word.copy(target, at, 0, width)
          said.push(`${inHeader ? 'header' : 'payload'} ${at}: ${width} bytes of ${value}`)
        }
      })
      const path = join(directory, names[which]!)
      writeFileSync(path, bytes)
      expect(readEverything(directory, TYPES[round % 3]), `round ${round}: ${said.join(', ')}`).toBe('')
      writeFileSync(path, originals[which]!)
    }
  })
})

function lie(directory: string, block: number, change: (header: Buffer, payload: Buffer) => void): void {
  const path = segmentPath(directory)
  const bytes = readFileSync(path)
  rewrite(bytes, blockOffsets(path)[block]!, change)
  writeFileSync(path, bytes)
}

describe('a block that is whole and impossible', () => {
  it('by its record number is a gap in a replay and in an export, and damage to verify', async () => {
    const directory = await fiveBlocks()
    lie(directory, 2, (header) => header.writeBigUInt64LE(2n ** 55n + 12n, L.BLOCK_FIRST_RECORD))
    const records = readAll(directory, { types: ['trade', 'gap'] })
    expect(records).toHaveLength(31)
    expect(records[10]).toMatchObject({ cause: 'corrupt_block', expected_id: '12', received_id: '22' })
    const log = new Log(directory)
    expect(tableRows(log, 'trade')).toBe(30)
    expect(log.damage).toMatchObject([{ firstRecord: 12n, endRecord: 22n }])
    log.close()
    expect(verify(directory)).toMatchObject({ ok: false, corruptBlocks: 1 })
  })

  it.each([
    ['an exponent', (payload: Buffer, at: number) => payload.writeInt8(-100, at + L.INSTRUMENT_PRICE_EXPONENT)],
    ['an exponent above zero', (payload: Buffer, at: number) => payload.writeInt8(3, at + L.INSTRUMENT_SIZE_EXPONENT)],
    ['a number', (payload: Buffer, at: number) => payload.writeUInt32LE(4e9, at + L.HEAD_INSTRUMENT)],
  ])('by %s of a definition is damage', async (_, change) => {
    const directory = await fiveBlocks()
    lie(directory, 0, (_header, payload) => change(payload, recordsOf(payload).find((at) => payload[at + 1] === 2)!))
    expect(readAll(directory, { types: ['gap'] })).toMatchObject([{ cause: 'corrupt_block' }])
    expect(verify(directory)).toMatchObject({ ok: false, orderErrors: 1 })
    expect(readEverything(directory)).toBe('')
  })
})

describe('an index that cannot be read', () => {
  it.each([
    ['a directory', (path: string) => mkdirSync(path)],
    ['a link to itself', (path: string) => symlinkSync(path, path)],
    ['a file that is too short', (path: string) => writeFileSync(path, 'TFX1')],
    ['a device without content', (path: string) => symlinkSync('/dev/null', path)],
    ['memory that gives an I/O error', (path: string) => symlinkSync('/proc/self/mem', path)],
  ])('because it is %s is derived, and told', async (_, put) => {
    const directory = await fiveBlocks()
    const path = indexPath(directory)
    rmSync(path)
    put(path)
    expect(readAll(directory, { types: ['trade'] })).toHaveLength(40)
    expect(verify(directory)).toMatchObject({ ok: true, index: { ok: 0, missing: 0, wrong: 1 } })
  })
})
