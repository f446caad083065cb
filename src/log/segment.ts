// One segment, opened for reading: its index, its definitions, its blocks in windows.
import type { NativeSegment } from '../native/binding.ts'
import { loadNative } from '../native/binding.ts'
import { type InstrumentDefinition, readDefinition } from '../records/definition.ts'
import * as L from '../records/layout.ts'
import { CellArea } from '../records/record-view.ts'
import type { SegmentFile } from './directory.ts'

const ENTRY_WORDS = L.INDEX_ENTRY_BYTES / 8

/** Blocks that are mapped and checked at once: enough to keep the calls rare, little enough for a quick first record. */
export const WINDOW_BYTES = 4 << 20

/** Numbers a block in `Window.payloads`. */
export const PAYLOAD_FIELDS = 3

/** Some consecutive blocks in memory. Offsets are bytes from the start of the area. */
export interface Window {
  area: CellArea
  buffer: ArrayBuffer
  /** Number of the first block in the index. */
  first: number
  count: number
  /** Three numbers a block: offset and length of its payload (0 = the block is damaged), number of its first record. */
  payloads: Float64Array
}

/** Records that cannot be read, because their blocks fail their CRC or are gone. */
export interface Damage {
  path: string
  /** Numbers of the records, first inclusive, last exclusive. */
  firstRecord: bigint
  endRecord: bigint
  /** They were received between these (ns). */
  tsBefore: bigint
  tsAfter: bigint
}

export class Segment {
  readonly file: SegmentFile
  readonly native: NativeSegment
  readonly blockCount: number
  readonly minTsRecv: bigint
  readonly maxTsRecv: bigint
  /** By number. Grows while windows are read of a segment that is being recorded. */
  readonly definitions: (InstrumentDefinition | undefined)[] = []
  /** Found while reading; see also missing(). */
  readonly damage: Damage[] = []

  readonly #i64: BigInt64Array
  readonly #u16: Uint16Array
  readonly #u32: Uint32Array

  constructor(file: SegmentFile) {
    this.file = file
    this.native = loadNative().openSegment(file.path)
    const index = this.native.index
    this.blockCount = this.native.blockCount
    this.#i64 = new BigInt64Array(index)
    this.#u16 = new Uint16Array(index)
    this.#u32 = new Uint32Array(index)
    let min = L.NONE_I64
    for (let i = 0; i < this.blockCount; i++) {
      const value = this.min(i)
      if (i === 0 || value < min) min = value
    }
    this.minTsRecv = min
    this.maxTsRecv = this.blockCount === 0 ? L.NONE_I64 : this.field(this.blockCount - 1, L.INDEX_RUNNING_MAX_TS_RECV)
    this.#loadDefinitions()
  }

  close(): void {
    this.native.close()
  }

  min(block: number): bigint {
    return this.field(block, L.INDEX_MIN_TS_RECV)
  }
  max(block: number): bigint {
    return this.field(block, L.INDEX_MAX_TS_RECV)
  }
  records(block: number): number {
    return this.#u32[block * ENTRY_WORDS * 2 + (L.INDEX_RECORD_COUNT >> 2)] as number
  }
  firstRecord(block: number): bigint {
    return this.field(block, L.INDEX_FIRST_RECORD)
  }
  flags(block: number): number {
    return this.#u16[block * ENTRY_WORDS * 4 + (L.INDEX_FLAGS >> 1)] as number
  }
  private field(block: number, offset: number): bigint {
    return this.#i64[block * ENTRY_WORDS + (offset >> 3)] as bigint
  }

  /** Number of the first block that can hold a record at or after `ts`. */
  find(ts: bigint): number {
    return this.native.find(ts)
  }

  /** First block behind those that can hold a record before `ts`, from `block` on. */
  end(block: number, ts: bigint): number {
    const steps = (i: number): number => this.#u32[i * ENTRY_WORDS * 2 + (L.INDEX_BACK_STEPS >> 2)] as number
    const last = this.blockCount - 1
    if (block > last) return this.blockCount
    if (steps(block) === steps(last)) {
      // Times only increase from here on: a binary search.
      let low = block
      let high = this.blockCount
      while (low < high) {
        const middle = (low + high) >> 1
        if (this.min(middle) >= ts) high = middle
        else low = middle + 1
      }
      return low
    }
    let end = this.blockCount
    while (end > block && this.min(end - 1) >= ts) end--
    return end
  }

  /** Maps blocks from `first` on, up to `end` or a window's size. Damaged ones are noted and have no payload. */
  window(first: number, end: number, maxBytes = WINDOW_BYTES): Window {
    const base = this.field(first, L.INDEX_OFFSET)
    const loaded = this.native.load(first, maxBytes)
    const count = Math.min(loaded.count, end - first)
    const payloads = new Float64Array(count * PAYLOAD_FIELDS)
    for (let i = 0; i < count; i++) {
      const at = PAYLOAD_FIELDS * i
      payloads[at] = Number(this.field(first + i, L.INDEX_OFFSET) - base) + L.BLOCK_HEADER_BYTES
      payloads[at + 2] = Number(this.firstRecord(first + i))
      payloads[at + 1] = (this.#u32[(first + i) * ENTRY_WORDS * 2 + (L.INDEX_LENGTH >> 2)] as number) - L.BLOCK_HEADER_BYTES
    }
    for (const position of loaded.damaged) {
      if (position >= count) continue
      payloads[PAYLOAD_FIELDS * position + 1] = 0
      const block = first + position
      const from = this.firstRecord(block)
      this.#note(from, from + BigInt(this.records(block)), block)
    }
    for (let i = 0; i < count; i++) this.#noteMissing(first + i)
    return { area: new CellArea(loaded.buffer, this.definitions), buffer: loaded.buffer, first, count, payloads }
  }

  /** False when blocks between a block and the one before it in the index are gone. */
  follows(block: number): boolean {
    return this.firstRecord(block) === this.#expectedRecord(block)
  }

  #expectedRecord(block: number): bigint {
    return block === 0 ? 0n : this.firstRecord(block - 1) + BigInt(this.records(block - 1))
  }

  #noteMissing(block: number): void {
    if (!this.follows(block)) this.#note(this.#expectedRecord(block), this.firstRecord(block), block)
  }

  #note(firstRecord: bigint, endRecord: bigint, block: number): void {
    if (this.damage.some((known) => known.firstRecord === firstRecord)) return
    const tsBefore = block === 0 ? this.min(0) : this.max(block - 1)
    const tsAfter = block + 1 < this.blockCount ? this.min(block + 1) : this.max(block)
    this.damage.push({ path: this.file.path, firstRecord, endRecord, tsBefore, tsAfter })
  }

  #loadDefinitions(): void {
    for (let block = 0; block < this.blockCount; block++) {
      if ((this.flags(block) & L.BlockFlag.hasDefinitions) === 0) continue
      const window = this.window(block, block + 1, 1)
      forEachRecord(window, (at) => {
        if (window.area.u8[at + L.HEAD_TYPE] !== L.RecordType.instrument) return
        const definition = readDefinition(window.area.u8, at)
        this.definitions[definition.number] = definition
      })
    }
  }
}

/** Calls `each` with the byte offset of every record of a window; stops when it returns false. */
export function forEachRecord(window: Window, each: (at: number) => boolean | undefined | void): void {
  for (let i = 0; i < window.count; i++) if (!forEachRecordOfBlock(window, i, each)) return
}

/** The same for one block of a window, counted from 0. Returns false when `each` did. */
export function forEachRecordOfBlock(window: Window, block: number, each: (at: number) => boolean | undefined | void): boolean {
  const u8 = window.area.u8
  const start = window.payloads[PAYLOAD_FIELDS * block] as number
  const end = start + (window.payloads[PAYLOAD_FIELDS * block + 1] as number)
  for (let at = start; at < end; at += (u8[at] as number) * L.CELL_BYTES) if (each(at) === false) return false
  return true
}
