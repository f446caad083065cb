// The journal's N-API surface alone: cells are written by hand, as any producer may.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type JournalOptions,
  loadNative,
  type NativeJournal,
  RING_CONSUMER_WAITING,
  RING_ERROR,
  RING_HEAD,
  RING_TAIL,
} from '../../src/native/binding.ts'
import {
  BLOCK_HEADER_BYTES,
  CELL_BYTES,
  HEAD_CELLS,
  HEAD_INSTRUMENT,
  HEAD_TS_RECV,
  HEAD_TYPE,
  NONE_I64,
  RecordType,
  TRADE_PRICE,
} from '../../src/records/layout.ts'
import { eventually } from '../helpers/eventually.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const native = loadNative()
const addon = fileURLToPath(new URL('../../build/release/tickforge.node', import.meta.url))

const optionsFor = (directory: string, changes: Partial<JournalOptions> = {}): JournalOptions => ({
  directory,
  name: 'test',
  ringBytes: 1 << 20,
  flushIntervalMs: 5,
  durability: 'os',
  waitsForDisk: false,
  newPart: false,
  writer: 'journal.test',
  ...changes,
})

function open(directory: string, changes: Partial<JournalOptions> = {}): NativeJournal {
  const journal = native.openJournal(optionsFor(directory, changes))
  onTestFinished(async () => {
    await journal.close().catch(() => {})
  })
  return journal
}

/** Publishes one-cell trades with these prices, all at once. */
function publishTrades(journal: NativeJournal, prices: bigint[], type: number = RecordType.trade): void {
  const control = new Int32Array(journal.ringControl)
  const cells = new DataView(journal.ringCells)
  const mask = journal.ringCells.byteLength / 2 / CELL_BYTES - 1
  const head = Atomics.load(control, RING_HEAD)
  prices.forEach((price, i) => {
    const at = ((head + i) & mask) * CELL_BYTES
    cells.setUint8(at + HEAD_CELLS, 1)
    cells.setUint8(at + HEAD_TYPE, type)
    cells.setUint32(at + HEAD_INSTRUMENT, 1, true)
    cells.setBigInt64(at + HEAD_TS_RECV, native.now(), true)
    cells.setBigInt64(at + TRADE_PRICE, price, true)
  })
  Atomics.store(control, RING_HEAD, (head + prices.length) | 0)
  if (Atomics.load(control, RING_CONSUMER_WAITING) !== 0) journal.wake()
}

/** Prices of the trades in the first block of the only segment. */
function storedPrices(directory: string): bigint[] {
  const names = readdirSync(directory).filter((name) => name.endsWith('.tfs'))
  expect(names).toHaveLength(1)
  const bytes = readFileSync(join(directory, names[0] as string))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const prices: bigint[] = []
  for (let at = BLOCK_HEADER_BYTES; at < bytes.length && view.getUint8(at + HEAD_CELLS) !== 0; ) {
    if (view.getUint8(at + HEAD_TYPE) === RecordType.trade) prices.push(view.getBigInt64(at + TRADE_PRICE, true))
    at += view.getUint8(at + HEAD_CELLS) * CELL_BYTES
  }
  return prices
}

describe('a journal', () => {
  it('writes cells that JavaScript publishes, and flush() makes them durable', async () => {
    const directory = temporaryDirectory()
    const journal = open(directory)
    expect(journal.recovery).toMatchObject({
      segment: '',
      clean: true,
      records: 0n,
      lastInstrument: 0,
      lastTsRecv: NONE_I64,
    })
    publishTrades(journal, [3n, -1n, 9_007_199_254_740_993n])
    expect(await journal.flush()).toEqual({ appended: 3n, written: 3n, durable: 3n })
    expect(storedPrices(directory)).toEqual([3n, -1n, 9_007_199_254_740_993n])
    expect(journal.error()).toBeNull()
  })

  it('takes over what was published when it sleeps, without a flush', async () => {
    const directory = temporaryDirectory()
    const journal = open(directory, { flushIntervalMs: 1 })
    const control = new Int32Array(journal.ringControl)
    const capacity = journal.ringCells.byteLength / 2 / CELL_BYTES
    for (let i = 0; i < 20; i++) {
      while (Atomics.load(control, RING_CONSUMER_WAITING) === 0) await new Promise((resolve) => setImmediate(resolve))
      publishTrades(journal, [BigInt(i)])
      expect(journal.waitForSpace(capacity, 20_000)).toBe(true)
      expect(Atomics.load(control, RING_TAIL)).toBe(i + 1)
    }
    // The watermarks are published after the room is given back.
    await eventually('all to be written', () => journal.watermarks().written === 20n)
    expect(journal.watermarks().appended).toBe(20n)
  })

  it('blocks a producer no longer than it allows, and writes what is in its way', () => {
    const journal = open(temporaryDirectory(), { flushIntervalMs: 3_600_000 })
    publishTrades(journal, [1n])
    const capacity = journal.ringCells.byteLength / 2 / CELL_BYTES
    expect(journal.waitForSpace(capacity, 0)).toBe(false)
    expect(journal.waitForSpace(1, 0)).toBe(true)
    // Whoever waits gets the room of the open block.
    expect(journal.waitForSpace(capacity, 20_000)).toBe(true)
  })

  it('shows the same cells twice, so that a record never wraps', () => {
    const journal = open(temporaryDirectory())
    const bytes = new Uint8Array(journal.ringCells)
    bytes[10] = 77
    expect(bytes[bytes.length / 2 + 10]).toBe(77)
  })

  it('can be flushed by many at once', async () => {
    const journal = open(temporaryDirectory())
    const flushes = Array.from({ length: 50 }, (_, i) => {
      publishTrades(journal, [BigInt(i)])
      return journal.flush()
    })
    const marks = await Promise.all(flushes)
    marks.forEach(({ durable }, i) => {
      expect(durable).toBeGreaterThanOrEqual(BigInt(i + 1))
    })
  })

  it('is closed once; closing again tells the same and flushing is an error', async () => {
    const directory = temporaryDirectory()
    const journal = open(directory)
    publishTrades(journal, [5n])
    const closed = [await journal.close(), await journal.close()]
    expect(closed).toEqual([
      { appended: 1n, written: 1n, durable: 1n },
      { appended: 1n, written: 1n, durable: 1n },
    ])
    await expect(journal.flush()).rejects.toMatchObject({ code: 'TF_USAGE' })
    expect(Atomics.load(new Int32Array(journal.ringControl), RING_ERROR)).not.toBe(0)
    expect(journal.waitForSpace(1, 20_000)).toBe(false)
    expect(() => native.benchFill(journal, 1)).toThrow(expect.objectContaining({ code: 'TF_USAGE' }))
    journal.wake()
    expect(storedPrices(directory)).toEqual([5n])
  })

  it('is the only one in its directory', async () => {
    const directory = temporaryDirectory()
    const journal = open(directory)
    expect(() => native.openJournal(optionsFor(directory, { name: 'other' }))).toThrow(
      expect.objectContaining({
        code: 'TF_LOCKED',
        path: directory,
        message: expect.stringContaining(String(process.pid)),
      }),
    )
    await journal.close()
    open(directory, { name: 'other' })
  })

  it('goes on in the segment of the day and reports what it found', async () => {
    const directory = temporaryDirectory()
    const first = open(directory)
    publishTrades(first, [1n, 2n])
    await first.close()
    const second = open(directory)
    expect(second.recovery).toMatchObject({ clean: true, blocks: 1, records: 3n, tornTailBytes: 0, corruptBlocks: 0 })
    expect(second.recovery.segment).toMatch(/\.test\.000\.tfs$/)
    expect(second.recovery.lastTsRecv).toBeGreaterThan(0n)
  })

  it('stops with an error, and not with a crash, when something else than records is published', async () => {
    const directory = temporaryDirectory()
    const journal = open(directory)
    publishTrades(journal, [1n])
    publishTrades(journal, [2n], 0)
    await expect(journal.flush()).rejects.toMatchObject({ code: 'TF_INTERNAL' })
    expect(journal.error()).toMatchObject({ code: 'TF_INTERNAL', message: expect.stringContaining('test') })
    expect(Atomics.load(new Int32Array(journal.ringControl), RING_ERROR)).toBe(1)
    await expect(journal.close()).rejects.toMatchObject({ code: 'TF_INTERNAL' })
    expect(storedPrices(directory)).toEqual([1n])
  })
})

describe('openJournal', () => {
  const cases: [string, Partial<Record<keyof JournalOptions, unknown>>][] = [
    ['directory', { directory: 7 }],
    ['directory', { directory: '' }],
    ['directory', { directory: 'a\0b' }],
    ['name', { name: 'Has Spaces' }],
    ['name', { name: '../up' }],
    ['name', { name: '' }],
    ['ringBytes', { ringBytes: 1000 }],
    ['ringBytes', { ringBytes: 3 << 20 }],
    ['ringBytes', { ringBytes: Number.NaN }],
    ['ringBytes', { ringBytes: 2 ** 50 }],
    ['flushIntervalMs', { flushIntervalMs: -1 }],
    ['flushIntervalMs', { flushIntervalMs: '5' }],
    ['durability', { durability: undefined }],
    ['durability', { durability: 'always' }],
    ['durability', { durability: 0 }],
    ['durability', { durability: Number.NaN }],
    ['waitsForDisk', { waitsForDisk: 1 }],
    ['newPart', { newPart: 0 }],
    ['writer', { writer: null }],
    ['writer', { writer: 'x'.repeat(256) }],
  ]
  it.each(cases)('names the option %s when it is wrong: %o', (name, changes) => {
    const options = { ...optionsFor(temporaryDirectory()), ...changes } as JournalOptions
    expect(() => native.openJournal(options)).toThrow(TypeError)
    expect(() => native.openJournal(options)).toThrow(name)
  })

  it('wants an object', () => {
    const openJournal = native.openJournal as (options?: unknown) => unknown
    expect(() => openJournal()).toThrow(TypeError)
    expect(() => openJournal('data')).toThrow(TypeError)
  })

  it('lets an error of a getter through', () => {
    const options = Object.defineProperty({}, 'directory', {
      get: () => {
        throw new RangeError('mine')
      },
    }) as JournalOptions
    expect(() => native.openJournal(options)).toThrow('mine')
  })

  it('refuses a path that is a file, and one whose parent is missing', () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'file'), '')
    expect(() => native.openJournal(optionsFor(join(directory, 'file')))).toThrow(
      expect.objectContaining({ code: 'TF_FOREIGN_DIRECTORY' }),
    )
    expect(() => native.openJournal(optionsFor(join(directory, 'no/such')))).toThrow(
      expect.objectContaining({ code: 'TF_NO_DIRECTORY' }),
    )
  })

  it('names bad arguments of the methods', () => {
    const journal = open(temporaryDirectory())
    expect(() => journal.waitForSpace(-1, 0)).toThrow('cells')
    expect(() => journal.waitForSpace(1 << 30, 0)).toThrow('cells')
    expect(() => journal.waitForSpace(1, Number.NaN)).toThrow('timeoutMs')
    expect(() => native.benchFill({} as NativeJournal, 1)).toThrow('journal')
    expect(() => native.benchFill(journal, -1)).toThrow('records')
    expect(() => new (journal.constructor as new () => unknown)()).toThrow(TypeError)
  })
})

describe('the addon', () => {
  it('stamps the receive clock into a view', () => {
    const view = new Int32Array(4)
    const before = native.now()
    native.stamp(view.subarray(2))
    const stamped = new BigInt64Array(view.buffer)[1] as bigint
    expect(stamped).toBeGreaterThanOrEqual(before)
    expect(stamped).toBeLessThanOrEqual(native.now())
    expect(view[0]).toBe(0)
    expect(() => native.stamp(new Int32Array(1))).toThrow(TypeError)
  })

  it('says which kernel interface it writes through', () => {
    expect(native.writerKind()).toMatch(/^(io_uring$|pwritev \(io_uring: .+\)$)/)
  })

  it('works in several worker threads at once, one of which ends without closing', async () => {
    const source = `
      const { workerData, parentPort } = require('node:worker_threads')
      const native = require(workerData.addon)
      const journal = native.openJournal(workerData.options)
      native.benchFill(journal, 5000)
      if (workerData.close) journal.close().then((marks) => parentPort.postMessage(marks.durable))
      else journal.flush().then((marks) => parentPort.postMessage(marks.durable))
    `
    const run = (close: boolean): Promise<{ durable: unknown; directory: string }> =>
      new Promise((resolve, reject) => {
        const directory = temporaryDirectory()
        const worker = new Worker(source, { eval: true, workerData: { addon, close, options: optionsFor(directory) } })
        let durable: unknown
        worker.on('message', (value) => {
          durable = value
        })
        worker.on('error', reject)
        worker.on('exit', () => resolve({ durable, directory }))
      })
    for (const { durable, directory } of await Promise.all([run(true), run(false)])) {
      expect(durable).toBe(5000n)
      open(directory)
    }
  })

  it('writes what was published when the process exits, or collects the handle, without closing', () => {
    for (const ending of ['process.exit(0)', 'journal = null; gc(); setImmediate(() => gc())']) {
      const directory = temporaryDirectory()
      const script = `
        const native = require(${JSON.stringify(addon)})
        let journal = native.openJournal(${JSON.stringify(optionsFor(directory, { flushIntervalMs: 3_600_000 }))})
        const control = new Int32Array(journal.ringControl)
        const cells = new DataView(journal.ringCells)
        cells.setUint8(${HEAD_CELLS}, 1)
        cells.setUint8(${HEAD_TYPE}, ${RecordType.trade})
        cells.setBigInt64(${TRADE_PRICE}, 42n, true)
        Atomics.store(control, ${RING_HEAD}, 1)
        ${ending}
      `
      const child = spawnSync(process.execPath, ['--expose-gc', '-e', script], { encoding: 'utf8' })
      expect([child.status, child.signal, child.stderr]).toEqual([0, null, ''])
      expect(storedPrices(directory)).toEqual([42n])
    }
  })
})
