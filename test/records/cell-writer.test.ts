import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BufferMemory, type CellMemory, CellWriter } from '../../src/records/cell-writer.ts'
import {
  CELL_BYTES,
  CELLS_PER_RECORD_MAX,
  Flag,
  HEAD_CELLS,
  HEAD_INSTRUMENT,
  HEAD_TS_RECV,
  RecordType,
} from '../../src/records/layout.ts'
import { decodeCells } from '../helpers/cells.ts'

/** A ring whose reader takes everything at once when it is full; keeps what was published. */
class Ring implements CellMemory {
  readonly mask = 511
  readonly words = new Int32Array((this.mask + 1) * 16 * 2)
  readonly bytes = new Uint8Array(this.words.buffer)
  readonly taken: Uint8Array[] = []
  #head: number

  constructor(position: number) {
    this.#head = position
    // The reader never finds zeros of its own making.
    this.words.fill(-1)
  }

  reserve(position: number, cells: number): number {
    if (((position + cells - this.#head) | 0) > this.mask + 1) throw new Error('the frame is larger than the ring')
    return (this.#head + this.mask + 1) | 0
  }

  publish(position: number): void {
    for (let cell = this.#head; cell !== position; ) {
      const at = (cell & this.mask) * CELL_BYTES
      const size = (this.bytes[at] as number) * CELL_BYTES
      this.taken.push(this.bytes.slice(at, at + size))
      cell = (cell + size / CELL_BYTES) | 0
    }
    this.#head = position
  }
}

const trade = (writer: CellWriter, cells = 1): number => writer.begin(RecordType.trade, cells, Flag.last, 7, 0, 0)

describe('CellWriter', () => {
  it('writes head, payload and times where the format has them', () => {
    const memory = new BufferMemory()
    const writer = new CellWriter(memory)
    writer.beginFrame(-1, 0x17_000000, 513, 2 ** 40 + 5)
    const at = writer.begin(RecordType.trade, 1, Flag.last | Flag.checksum, 0xfffffff, 5, 1)
    writer.put64(at, 32, -2, -1)
    writer.endFrame()
    const view = new DataView(memory.cells().buffer, 0, CELL_BYTES)
    expect(view.getUint8(HEAD_CELLS)).toBe(1)
    expect(view.getUint32(HEAD_INSTRUMENT, true)).toBe(0xfffffff)
    expect(view.getBigInt64(HEAD_TS_RECV, true)).toBe((0x17_000000n << 32n) | 0xffffffffn)
    const [record] = decodeCells(memory.cells())
    expect(record).toMatchObject({
      flags: Flag.last | Flag.checksum,
      tsEvent: 2n ** 32n + 5n,
      connection: 513,
      frame: 2n ** 40n + 5n,
    })
    expect(view.getBigInt64(32, true)).toBe(-2n)
  })

  it('holds every connection and frame number', () => {
    const memory = new BufferMemory()
    const writer = new CellWriter(memory)
    const numbers = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, 2 ** 48 - 1]
    for (const number of numbers) {
      writer.beginFrame(0, 0, 65535, number)
      trade(writer)
      writer.endFrame()
    }
    expect(decodeCells(memory.cells()).map(({ connection, frame }) => [connection, frame])).toEqual(
      numbers.map((number) => [65535, BigInt(number)]),
    )
  })

  it('begins with four values what begin() and four puts write', () => {
    const written = (cells: number, write: (writer: CellWriter) => void): Uint8Array => {
      const memory = new BufferMemory()
      memory.words.fill(-1)
      const writer = new CellWriter(memory)
      writer.beginFrame(1, 2, 3, 4)
      write(writer)
      writer.endFrame()
      expect(memory.published).toBe(cells)
      return memory.cells()
    }
    for (const cells of [1, 2, 3]) {
      const values = written(cells, (writer) => {
        writer.beginValues(RecordType.trade, cells, Flag.last, 7, 5, 6, 1, -2, 3, -4, 5, -6, 7, -8)
      })
      const puts = written(cells, (writer) => {
        const at = writer.begin(RecordType.trade, cells, Flag.last, 7, 5, 6)
        for (let i = 0; i < 4; i++) writer.put64(at, 32 + i * 8, 2 * i + 1, -2 * i - 2)
      })
      expect(values).toEqual(puts)
    }
  })

  it('publishes a frame at once and nothing of one that is taken back', () => {
    const memory = new BufferMemory()
    const writer = new CellWriter(memory)
    writer.beginFrame(0, 0, 1, 1)
    trade(writer)
    expect(memory.published).toBe(0)
    writer.endFrame()
    expect(memory.published).toBe(1)
    writer.beginFrame(0, 0, 1, 2)
    trade(writer, 2)
    trade(writer, 3)
    expect(writer.frameRecords).toBe(2)
    writer.rollback()
    writer.endFrame()
    expect([memory.published, writer.records, writer.frameRecords]).toEqual([1, 1, 0])
  })

  it('gives memory that was used before zeroed to records', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: CELLS_PER_RECORD_MAX }), { minLength: 1, maxLength: 40 }),
        (sizes) => {
          // Positions are modulo 2^32 and signed: the ring passes both edges.
          for (const start of [0, 0x7fffff00, -200]) {
            const ring = new Ring(start)
            const writer = new CellWriter(ring, start)
            for (const cells of sizes) {
              writer.beginFrame(1, 2, 3, 4)
              const at = trade(writer, Math.min(cells, 3))
              if (cells > 3) writer.extend(at, cells - 3)
              writer.endFrame()
            }
            expect(ring.taken.map((record) => record[0])).toEqual(sizes)
            for (const record of ring.taken) expect(record.subarray(32).every((byte) => byte === 0)).toBe(true)
          }
        },
      ),
      { numRuns: 30 },
    )
  })

  it('keeps a record whole across the end of the ring', () => {
    const ring = new Ring(500)
    const writer = new CellWriter(ring, 500)
    writer.beginFrame(0, 0, 1, 1)
    const at = trade(writer, 30)
    for (let offset = 32; offset < 30 * CELL_BYTES; offset += 8) writer.put64(at, offset, offset, 1)
    writer.endFrame()
    const record = ring.taken[0] as Uint8Array
    const view = new DataView(record.buffer)
    const offsets = Array.from({ length: 30 * 8 - 4 }, (_, i) => 32 + i * 8)
    expect(offsets.map((offset) => view.getUint32(offset, true))).toEqual(offsets)
  })

  it('shortens and lengthens the record that was begun last', () => {
    const memory = new BufferMemory()
    const writer = new CellWriter(memory)
    writer.beginFrame(0, 0, 1, 1)
    const first = trade(writer, 4)
    writer.resize(first, 2)
    const second = trade(writer, 1)
    writer.extend(second, 1)
    writer.setFlags(second, Flag.buy)
    writer.setEvent(second, 9, 0)
    writer.endFrame()
    expect(decodeCells(memory.cells()).map((r) => [r.type, r.flags, r.tsEvent])).toEqual([
      ['trade', Flag.last, 0n],
      ['trade', Flag.buy, 9n],
    ])
    expect(memory.published).toBe(4)
  })

  it('does not let a record outgrow its cell count', () => {
    const writer = new CellWriter(new BufferMemory())
    writer.beginFrame(0, 0, 1, 1)
    expect(() => trade(writer, CELLS_PER_RECORD_MAX + 1)).toThrow(expect.objectContaining({ code: 'TF_INTERNAL' }))
    const at = trade(writer, CELLS_PER_RECORD_MAX)
    expect(() => writer.extend(at, 1)).toThrow(expect.objectContaining({ code: 'TF_INTERNAL' }))
  })

  it('hands on what the memory says when a frame does not fit', () => {
    const writer = new CellWriter(new Ring(0), 0)
    writer.beginFrame(0, 0, 1, 1)
    expect(() => {
      for (let i = 0; i < 5; i++) trade(writer, 200)
    }).toThrow('larger than the ring')
  })
})
