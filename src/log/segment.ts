// One segment, opened for reading: its index, its definitions, its blocks in windows.
import { asTickforgeError } from '../errors.ts'
import type { LoadedBlocks, NativeSegment } from '../native/binding.ts'
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
  /** Three numbers a block: offset and length of its payload (0 if it cannot be read), number of its first record. */
  payloads: Float64Array
  /** Positions of blocks that fail their CRC or are gone. A whole block may be empty. */
  unreadable: ReadonlySet<number>
  /** What cannot be read in front of or instead of blocks of this window, in order. */
  damage: readonly PlacedDamage[]
}

/** Records that cannot be read, because their blocks fail their CRC or are gone. */
export interface Damage {
  path: string
  /** Numbers of the records, first inclusive, last exclusive. */
  firstRecord: bigint
  endRecord: bigint
  /** They were received between these (ns); NONE_I64 when nothing comes before. */
  tsBefore: bigint
  tsAfter: bigint
}

export interface PlacedDamage {
  /** Position in the window of the block whose records come next, or would. */
  before: number
  damage: Damage
}

export class Segment {
  readonly file: SegmentFile
  readonly native: NativeSegment
  /** By number. */
  readonly definitions: (InstrumentDefinition | undefined)[] = []
  /** Found while reading; each window names its own. */
  readonly damage: Damage[] = []

  #index!: ArrayBuffer
  #i64!: BigInt64Array
  #u16!: Uint16Array
  #u32!: Uint32Array
  #minTsRecv = L.NONE_I64

  /** Throws TF_NO_DIRECTORY, TF_FOREIGN_DIRECTORY, TF_NEWER_FORMAT, TF_CORRUPT, TF_IO. */
  constructor(file: SegmentFile) {
    this.file = file
    try {
      this.native = loadNative().openSegment(file.path)
    } catch (thrown) {
      throw asTickforgeError(thrown)
    }
    this.#takeIndex()
  }

  get blockCount(): number {
    return this.#index.byteLength / L.INDEX_ENTRY_BYTES
  }
  /** Smallest receive time of a block that is there, NONE_I64 without blocks. */
  get minTsRecv(): bigint {
    return this.#minTsRecv
  }
  get maxTsRecv(): bigint {
    return this.blockCount === 0 ? L.NONE_I64 : this.field(this.blockCount - 1, L.INDEX_RUNNING_MAX_TS_RECV)
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

  /**
   * Blocks that can hold a record of [from, to): the first one, and the one behind the last. The blocks on both sides of each edge
   * are held against the index, so that one that lies about times hides nothing there.
   */
  range(from: bigint, to: bigint): [first: number, end: number] {
    for (;;) {
      const index = this.#index
      const first = this.native.find(from)
      const end = this.#end(first, to)
      for (const block of [first - 1, first, end - 1, end]) {
        if (block >= 0 && block < this.blockCount) this.#load(block, 1)
      }
      if (index === this.#index) return [first, end]
    }
  }

  /** First block behind those that can hold a record before `ts`, from `block` on. */
  #end(block: number, ts: bigint): number {
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
    const loaded = this.#load(first, maxBytes)
    const base = this.field(first, L.INDEX_OFFSET)
    const count = Math.min(loaded.count, end - first)
    const payloads = new Float64Array(count * PAYLOAD_FIELDS)
    const unreadable = new Set(loaded.damaged)
    const damage: PlacedDamage[] = []
    for (let i = 0; i < count; i++) {
      const block = first + i
      const at = PAYLOAD_FIELDS * i
      const length = this.#length(block)
      const firstRecord = this.firstRecord(block)
      payloads[at] = Number(this.field(block, L.INDEX_OFFSET) - base) + L.BLOCK_HEADER_BYTES
      payloads[at + 1] = unreadable.has(i) ? 0 : length - L.BLOCK_HEADER_BYTES
      payloads[at + 2] = Number(firstRecord)
      // The place of a block that is gone: how much went with it is known from the next one that is there.
      if (length === 0) continue
      // Numbers that do not fit together without a lost block between them are a defect of the writer, not damage.
      const lost = block > 0 && this.#length(block - 1) === 0
      const expected = lost ? this.#expectedRecord(block) : firstRecord
      if (lost) damage.push({ before: i, damage: this.#note(expected, firstRecord, block, this.min(block)) })
      if (unreadable.has(i)) {
        const endRecord = firstRecord + BigInt(this.records(block))
        const tsAfter = block + 1 < this.blockCount ? this.min(block + 1) : this.max(block)
        damage.push({ before: i, damage: this.#note(firstRecord, endRecord, block, tsAfter) })
      }
    }
    const area = new CellArea(loaded.buffer, this.definitions)
    return { area, buffer: loaded.buffer, first, count, payloads, unreadable, damage: joined(damage) }
  }

  #expectedRecord(block: number): bigint {
    return block === 0 ? 0n : this.firstRecord(block - 1) + BigInt(this.records(block - 1))
  }

  #note(firstRecord: bigint, endRecord: bigint, block: number, tsAfter: bigint): Damage {
    const known = this.damage.find((one) => one.firstRecord === firstRecord && one.endRecord === endRecord)
    if (known !== undefined) return known
    const before = block === 0 ? L.NONE_I64 : this.field(block - 1, L.INDEX_RUNNING_MAX_TS_RECV)
    const found = { path: this.file.path, firstRecord, endRecord, tsBefore: before, tsAfter }
    this.damage.push(found)
    return found
  }

  #length(block: number): number {
    return this.#u32[block * ENTRY_WORDS * 2 + (L.INDEX_LENGTH >> 2)] as number
  }

  /** Loads blocks; the index is another one behind it if they contradicted it. */
  #load(first: number, maxBytes: number): LoadedBlocks {
    try {
      const loaded = this.native.load(first, maxBytes)
      if (this.native.index !== this.#index) this.#takeIndex()
      return loaded
    } catch (thrown) {
      throw asTickforgeError(thrown)
    }
  }

  #takeIndex(): void {
    const { index } = this.native
    this.#index = index
    this.#i64 = new BigInt64Array(index)
    this.#u16 = new Uint16Array(index)
    this.#u32 = new Uint32Array(index)
    this.#minTsRecv = L.NONE_I64
    for (let block = 0; block < this.blockCount; block++) {
      if (this.#length(block) === 0) continue
      if (this.#minTsRecv === L.NONE_I64 || this.min(block) < this.#minTsRecv) this.#minTsRecv = this.min(block)
    }
    this.#loadDefinitions()
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

/** Neighbouring damage as one. */
function joined(damage: readonly PlacedDamage[]): PlacedDamage[] {
  const result: PlacedDamage[] = []
  for (const one of damage) {
    const before = result.at(-1)?.damage
    if (before === undefined || before.endRecord !== one.damage.firstRecord) {
      result.push(one)
      continue
    }
    const { path, firstRecord, tsBefore } = before
    const { endRecord, tsAfter } = one.damage
    result[result.length - 1] = { before: one.before, damage: { path, firstRecord, endRecord, tsBefore, tsAfter } }
  }
  return result
}

/** Calls `each` with the byte offset of every record of a window, until it returns false. */
export function forEachRecord(window: Window, each: (at: number) => unknown): void {
  for (let i = 0; i < window.count; i++) if (!forEachRecordOfBlock(window, i, each)) return
}

/** The same for one block of a window, counted from 0. Returns false when `each` did. */
export function forEachRecordOfBlock(window: Window, block: number, each: (at: number) => unknown): boolean {
  const u8 = window.area.u8
  const start = window.payloads[PAYLOAD_FIELDS * block] as number
  const end = start + (window.payloads[PAYLOAD_FIELDS * block + 1] as number)
  for (let at = start; at < end; at += (u8[at] as number) * L.CELL_BYTES) if (each(at) === false) return false
  return true
}
