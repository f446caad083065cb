import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ColumnSource, loadNative } from '../../src/native/binding.ts'
import { INDEX_ENTRY_BYTES } from '../../src/records/layout.ts'

const native = loadNative()
const RECORDS = 20_000

let directory: string
let path: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tickforge-'))
  const options = {
    directory,
    name: 'test',
    ringBytes: 1 << 20,
    flushIntervalMs: 10,
    durability: 'os' as const,
    waitsForDisk: false,
    newPart: false,
    writer: 'test',
  }
  const journal = native.openJournal(options)
  native.benchFill(journal, RECORDS)
  await journal.close()
  path = join(directory, readdirSync(directory).find((name) => name.endsWith('.tfs')) as string)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('a segment handle', () => {
  it('tells the same as a scan of every byte', () => {
    const segment = native.openSegment(path)
    const scan = native.scanSegment(path)
    expect(scan).toMatchObject({
      corruptBlocks: 0,
      tornTailBytes: 0,
      orderErrors: 0,
      indexState: 'ok',
      closed: true,
      problems: [],
    })
    expect(scan.records).toBeGreaterThanOrEqual(BigInt(RECORDS))
    expect(segment).toMatchObject({
      path,
      segmentId: scan.segmentId,
      version: 1,
      journal: 'test',
      part: 0,
      indexState: 'ok',
      closed: true,
    })
    expect(segment.blockCount).toBe(scan.blocks)
    expect(segment.recordCount).toBe(scan.records)
    expect(segment.validBytes).toBe(scan.fileBytes)
    expect(segment.index.byteLength).toBe(scan.blocks * INDEX_ENTRY_BYTES)
    expect(segment.index).toBe(segment.index)
    expect(segment.find(scan.maxTsRecv)).toBeLessThan(scan.blocks)
    expect(segment.find(scan.maxTsRecv + 1n)).toBe(scan.blocks)
    segment.close()
  })

  it('yields memory that may be written into, without touching the file, and that outlives it', () => {
    const before = readFileSync(path)
    const segment = native.openSegment(path)
    const { buffer, count, damaged } = segment.load(0, 1 << 30)
    segment.close()
    expect(count).toBeGreaterThan(1)
    expect(damaged).toEqual([])
    new Uint8Array(buffer).fill(0xff)
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('refuses arguments that make no sense, and work after close', () => {
    const segment = native.openSegment(path)
    const load = segment.load.bind(segment) as (...args: unknown[]) => unknown
    for (const args of [
      [],
      [-1, 1],
      [Number.NaN, 1],
      [segment.blockCount, 1],
      ['0', 1],
      [0, -1],
      [0, Number.NaN],
      [0n, 1],
    ]) {
      expect(() => load(...args), JSON.stringify(args.map(String))).toThrow(TypeError)
    }
    for (const ts of [1, '1', 2n ** 63n, undefined]) expect(() => segment.find(ts as bigint)).toThrow(TypeError)
    segment.close()
    segment.close()
    expect(() => segment.blockCount).toThrow('closed')
    expect(() => segment.load(0, 1)).toThrow('closed')
    expect(() => new (segment.constructor as new () => unknown)()).toThrow(TypeError)
  })

  it('throws errors with a code, the path and the errno', () => {
    const missing = join(directory, '2024-08-08.none.000.tfs')
    for (const act of [native.openSegment, native.scanSegment, native.repairSegment]) {
      expect(() => act(missing)).toThrow(expect.objectContaining({ code: 'TF_NO_DIRECTORY', path: missing, errno: 2 }))
      expect(() => act(undefined as unknown as string)).toThrow(TypeError)
    }
    const foreign = join(directory, '2024-08-08.foreign.000.tfs')
    writeFileSync(foreign, 'time,price\n')
    for (const act of [native.openSegment, native.scanSegment, native.repairSegment]) {
      expect(() => act(foreign)).toThrow(
        expect.objectContaining({ code: 'TF_FOREIGN_DIRECTORY', path: foreign, errno: 0 }),
      )
    }
  })

  it('repairs a torn tail and a lost index', () => {
    const copy = join(directory, '2024-08-08.copy.000.tfs')
    writeFileSync(copy, readFileSync(path))
    truncateSync(copy, readFileSync(path).length - 5000)
    const torn = native.scanSegment(copy)
    expect(torn).toMatchObject({ indexState: 'missing', closed: false })
    expect(native.repairSegment(copy)).toEqual({ tornTailBytes: torn.tornTailBytes, indexRebuilt: true })
    expect(native.scanSegment(copy)).toMatchObject({ tornTailBytes: 0, indexState: 'ok', blocks: torn.blocks })
    unlinkSync(copy)
  })

  it('works in a worker while another thread uses it', async () => {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads')
      const segment = require(workerData.addon).openSegment(workerData.path)
      parentPort.postMessage(segment.load(0, 1 << 20).count)`
    const addon = join(import.meta.dirname, '../../build/release/tickforge.node')
    const worker = new Worker(code, { eval: true, workerData: { addon, path } })
    const count = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    const segment = native.openSegment(path)
    expect(segment.load(0, 1 << 20).count).toBe(count)
    segment.close()
    await worker.terminate()
  })
})

describe('a columns handle', () => {
  const source = (change: object = {}): ColumnSource => ({
    buffer: new ArrayBuffer(128),
    payloads: new Float64Array(3),
    position: new Float64Array(4),
    from: 0n,
    to: 1n,
    instruments: new Int32Array(2),
    priceShift: new Uint8Array(2),
    sizeShift: new Uint8Array(2),
    priceScale: 0,
    sizeScale: 0,
    segment: 0,
    journal: 0,
    named: Uint8Array.of(1, 1, 1),
    ...change,
  })

  it('refuses sources that would lead it out of their memory', () => {
    const columns = native.createColumns('trade', 0)
    expect(columns.extract(source())).toBe(true)
    const bad: object[] = [
      { buffer: new Uint8Array(128) },
      { payloads: Float64Array.of(0, 129, 0) },
      { payloads: Float64Array.of(64, 128, 0) },
      { payloads: Float64Array.of(-1, 1, 0) },
      { payloads: Float64Array.of(4, 64, 0) },
      { payloads: Float64Array.of(Number.NaN, 64, 0) },
      { payloads: Float64Array.of(0, 64) },
      { payloads: [0, 64, 0] },
      { position: new Float64Array(3) },
      { position: Float64Array.of(0, 7, 0, 0) },
      { position: Float64Array.of(2, 0, 0, 0) },
      { position: Float64Array.of(0, 0, 0, 2000) },
      { from: 0 },
      { to: 2n ** 64n },
      { instruments: new Uint32Array(2) },
      { priceShift: Uint8Array.of(0, 19) },
      { sizeShift: undefined },
      { priceScale: 256 },
      { sizeScale: -1 },
      { segment: 0.5 },
      { journal: 2 ** 16 },
      { named: Uint8Array.of(1, 1) },
      { named: Uint8Array.of(128, 1, 1) },
    ]
    for (const change of bad)
      expect(() => columns.extract(source(change)), JSON.stringify(Object.keys(change))).toThrow(TypeError)
    expect(() => columns.extract(undefined as unknown as ColumnSource)).toThrow(TypeError)
    expect(columns.rows).toBe(0)
  })

  it('never writes into memory that was transferred away', () => {
    const columns = native.createColumns('book', 0)
    const moved = structuredClone(columns.buffer, { transfer: [columns.buffer] })
    expect(moved.byteLength).toBeGreaterThan(0)
    // Node 20 copies memory of an addon instead of moving it; where it moves, the handle has nothing left to write to.
    if (columns.buffer.byteLength > 0) expect(columns.extract(source())).toBe(true)
    else expect(() => columns.extract(source())).toThrow('transferred')
  })

  it('refuses tables and sizes that do not exist', () => {
    const create = native.createColumns as (type: unknown, rows: unknown, form?: unknown, before?: unknown) => unknown
    for (const [type, rows, form, before] of [
      ['text', 1],
      ['trade', 1, 'float32'],
      ['trade', 1, 'decimal', {}],
      [1, 1],
      ['trade', -1],
      ['trade', 1.5],
      ['trade', 2 ** 40],
      ['trade', '1'],
    ]) {
      expect(() => create(type, rows, form, before)).toThrow(TypeError)
    }
  })
})
