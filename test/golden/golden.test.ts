// The bytes of version 1 of the format are frozen: what these files hold must be read, verified and written the same for ever.
// To look at them: `npx tickforge inspect test/golden/v1/venues --block 0`.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { listSegments } from '../../src/log/directory.ts'
import { forEachRecord, Segment } from '../../src/log/segment.ts'
import { verify } from '../../src/log/verify.ts'
import { Log } from '../../src/open-log.ts'
import { Journal } from '../../src/recorder/journal.ts'
import { BufferMemory, CellWriter } from '../../src/records/cell-writer.ts'
import * as L from '../../src/records/layout.ts'
import { writeBooks } from './books.ts'
import { encode } from './encode.ts'
import { GOLDEN_FRAMES } from './frames.ts'

const GOLDEN = join(import.meta.dirname, 'v1')
const VENUES = join(GOLDEN, 'venues')

const BOOKS = join(GOLDEN, 'books')

/** Writes a golden directory once. A file of a released version is never written again. */
async function freeze(directory: string, write: (journal: Journal) => void): Promise<void> {
  mkdirSync(directory, { recursive: true })
  const journal = new Journal({ directory, name: 'golden', newPart: true })
  write(journal)
  await journal.close()
  for (const name of readdirSync(directory)) if (!/\.tf[si]$/.test(name)) rmSync(join(directory, name))
  writeFileSync(`${directory}.replay.jsonl`, lines(directory).join(''))
  writeFileSync(`${directory}.verify.json`, `${JSON.stringify(verify(directory), null, 2)}\n`)
}

const writeVenues = (journal: Journal) => encode(GOLDEN_FRAMES, journal.writer)

if (process.env.TICKFORGE_FREEZE_GOLDEN === '1') {
  if (!existsSync(VENUES)) await freeze(VENUES, writeVenues)
  if (!existsSync(BOOKS)) {
    await freeze(BOOKS, writeBooks)
    writeFileSync(`${BOOKS}.books.jsonl`, bookLines(BOOKS).join(''))
  }
}

/** A line per step of the books: what a reader is told. */
function bookLines(directory: string): string[] {
  const log = new Log(directory)
  const result: string[] = []
  for (const { tsRecv, instrument, connection, lastUpdateId, inSync, why, book } of log.books()) {
    const said = {
      ts_recv: String(tsRecv),
      instrument,
      connection,
      last_update_id: text(lastUpdateId),
      in_sync: inSync,
    }
    const doubt = why === undefined ? null : { code: why.code, since: String(why.since), cause: why.cause }
    result.push(`${JSON.stringify({ ...said, doubt, book })}\n`)
  }
  log.close()
  return result
}

function text(id: bigint | null): string | null {
  return id === null ? null : String(id)
}

function lines(directory: string): string[] {
  const log = new Log(directory)
  const result: string[] = []
  for (const batch of log.replay()) for (const record of batch) result.push(`${JSON.stringify(record.toJson())}\n`)
  log.close()
  return result
}

/** Cells of all records that producers wrote: without segment records and copies, which the writer adds. */
function producedCells(directory: string): Buffer {
  const parts: Buffer[] = []
  for (const file of listSegments(directory)) {
    const segment = new Segment(file)
    for (let block = 0; block < segment.blockCount; ) {
      const window = segment.window(block, segment.blockCount)
      const { area } = window
      forEachRecord(window, (at) => {
        const flags = area.u16[(at + L.HEAD_FLAGS) >> 1] as number
        if (area.u8[at + L.HEAD_TYPE] === L.RecordType.segment || (flags & L.Flag.copy) !== 0) return
        parts.push(Buffer.from(area.u8.subarray(at, at + (area.u8[at] as number) * L.CELL_BYTES)))
      })
      block += window.count
    }
    segment.close()
  }
  return Buffer.concat(parts)
}

describe('the golden files of format version 1', () => {
  it('are read as they were when they were frozen', () => {
    expect(lines(VENUES)).toEqual(readFileSync(join(GOLDEN, 'venues.replay.jsonl'), 'utf8').split(/(?<=\n)/))
  })

  it('verify as they did', () => {
    const report = JSON.parse(JSON.stringify(verify(VENUES)))
    expect(report).toEqual(JSON.parse(readFileSync(join(GOLDEN, 'venues.verify.json'), 'utf8')))
    expect(report).toMatchObject({ ok: true, segments: 2, rejectedFrames: 1, checksums: { failed: 0 } })
  })

  it('come out of the same frames byte for byte', () => {
    const memory = new BufferMemory()
    encode(GOLDEN_FRAMES, new CellWriter(memory))
    expect(producedCells(VENUES).equals(Buffer.from(memory.cells()))).toBe(true)
  })

  it('come out of the journal again byte for byte, but for the random segment id', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tickforge-golden-'))
    try {
      const journal = new Journal({ directory, name: 'golden', newPart: true })
      encode(GOLDEN_FRAMES, journal.writer)
      await journal.close()
      expect(listSegments(directory).map((f) => f.path.slice(directory.length))).toEqual(
        listSegments(VENUES).map((f) => f.path.slice(VENUES.length)),
      )
      expect(producedCells(directory).equals(producedCells(VENUES))).toBe(true)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it('are read without their index as with it', () => {
    const directory = mkdtempSync(join(tmpdir(), 'tickforge-golden-'))
    try {
      cpSync(VENUES, directory, { recursive: true })
      for (const name of readdirSync(directory)) if (name.endsWith('.tfi')) rmSync(join(directory, name))
      expect(lines(directory)).toEqual(lines(VENUES))
      expect(verify(directory)).toMatchObject({ ok: true, index: { ok: 0, missing: 2, wrong: 0 } })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})

describe('the golden books', () => {
  const frozen = (name: string) => readFileSync(`${BOOKS}.${name}`, 'utf8')

  it('begin, go on and are in doubt as they did when they were frozen', () => {
    expect(bookLines(BOOKS)).toEqual(frozen('books.jsonl').split(/(?<=\n)/))
  })

  it('are read and verified as they were', () => {
    expect(lines(BOOKS)).toEqual(frozen('replay.jsonl').split(/(?<=\n)/))
    const report = JSON.parse(JSON.stringify(verify(BOOKS)))
    expect(report).toEqual(JSON.parse(frozen('verify.json')))
    // Three updates do not follow, and no gap record says so.
    expect(report).toMatchObject({ continuity: { broken: 3 } })
  })

  it('are written the same again', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'tickforge-golden-'))
    try {
      const journal = new Journal({ directory, name: 'golden', newPart: true })
      writeBooks(journal)
      await journal.close()
      expect(producedCells(directory).equals(producedCells(BOOKS))).toBe(true)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
