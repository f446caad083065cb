// One segment, opened for reading: its index, its definitions, its blocks in windows.
import { asTickforgeError } from '../errors.ts'
import { loadNative, type NativeSegment } from '../native/binding.ts'
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
  /** Of the first block in the file. */
  offset: number
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
  /** Found while reading; each window names its own. */
  readonly damage: Damage[] = []

  /** By number; undefined until somebody asks for them. */
  #definitions: (InstrumentDefinition | undefined)[] | undefined
  /** Of the index that they were found with. */
  #definedBy = -1

  /** Throws TF_NO_DIRECTORY, TF_FOREIGN_DIRECTORY, TF_NEWER_FORMAT, TF_CORRUPT, TF_IO. */
  constructor(file: SegmentFile) {
    this.file = file
    this.native = asking(() => loadNative().openSegment(file.path, file.limit))
  }

  /** By number. The first one who asks waits for the whole index and all blocks with definitions. */
  get definitions(): readonly (InstrumentDefinition | undefined)[] {
    return this.#definitions ?? this.#loadDefinitions([])
  }
  get blockCount(): number {
    return this.native.blockCount
  }
  /** Grows when blocks have contradicted the index: block numbers that were not loaded yet may mean others, or more. */
  get generation(): number {
    return this.native.generation
  }
  /** Smallest receive time of a block that is there, NONE_I64 without blocks. */
  get minTsRecv(): bigint {
    return asking(() => this.native.minTsRecv)
  }
  get maxTsRecv(): bigint {
    return this.native.maxTsRecv
  }

  close(): void {
    this.native.close()
  }

  /**
   * Blocks that can hold a record of [from, to): the first one, and the one behind the last. The blocks on both sides of each edge
   * are held against the index, so that one that lies about times hides nothing there.
   */
  range(from: bigint, to: bigint): [first: number, end: number] {
    return asking(() => this.native.range(from, to))
  }

  /** The first record at or after `ts` that can be read, and where it begins in its block; undefined when there is none. */
  seek(ts: bigint): { area: CellArea; at: number } | undefined {
    const found = asking(() => this.native.seek(ts))
    return found === null ? undefined : { area: new CellArea(found.buffer, this), at: found.at }
  }

  /** Maps blocks from `first` on, up to `end` or a window's size. Damaged ones are noted and have no payload. */
  window(first: number, end: number, maxBytes = WINDOW_BYTES): Window {
    const loaded = asking(() => this.native.load(first, maxBytes))
    // An index that turned out to lie may have hidden some.
    if (this.#definitions !== undefined && this.#definedBy !== this.generation) this.#loadDefinitions(this.#definitions)
    const entries = new EntryList(loaded.entries)
    const base = entries.offset(0)
    const count = Math.min(loaded.count, end - first)
    const payloads = new Float64Array(count * PAYLOAD_FIELDS)
    const unreadable = new Set(loaded.damaged)
    const damage: PlacedDamage[] = []
    for (let i = 0; i < count; i++) {
      const at = PAYLOAD_FIELDS * i
      const length = entries.length(i)
      const firstRecord = entries.firstRecord(i)
      payloads[at] = Number(entries.offset(i) - base) + L.BLOCK_HEADER_BYTES
      payloads[at + 1] = unreadable.has(i) ? 0 : length - L.BLOCK_HEADER_BYTES
      payloads[at + 2] = Number(firstRecord)
      // The place of a block that is gone: how much went with it is known from the next one that is there.
      if (length === 0) continue
      // Numbers that do not fit together without a lost block between them are a defect of the writer, not damage.
      const before = first + i === 0 ? undefined : i - 1
      if (before !== undefined && entries.length(before) === 0) {
        damage.push({
          before: i,
          damage: this.#note(entries, before, entries.endRecord(before), firstRecord, entries.min(i)),
        })
      }
      if (unreadable.has(i)) {
        const tsAfter = first + i + 1 < this.blockCount ? entries.min(i + 1) : entries.max(i)
        damage.push({ before: i, damage: this.#note(entries, before, firstRecord, entries.endRecord(i), tsAfter) })
      }
    }
    const { limit } = this.file
    const { missingFrom } = this.native
    if (limit !== undefined && missingFrom !== null && first + count === this.blockCount) {
      const last = entries.max(count - 1)
      damage.push({ before: count, damage: this.#note(entries, count - 1, missingFrom, limit, last) })
    }
    const area = new CellArea(loaded.buffer, this)
    return {
      area,
      buffer: loaded.buffer,
      first,
      count,
      offset: Number(base),
      payloads,
      unreadable,
      damage: joined(damage),
    }
  }

  #note(
    entries: EntryList,
    before: number | undefined,
    firstRecord: bigint,
    endRecord: bigint,
    tsAfter: bigint,
  ): Damage {
    const known = this.damage.find((one) => one.firstRecord === firstRecord && one.endRecord === endRecord)
    if (known !== undefined) return known
    const tsBefore = before === undefined ? L.NONE_I64 : entries.runningMax(before)
    const found = { path: this.file.path, firstRecord, endRecord, tsBefore, tsAfter }
    this.damage.push(found)
    return found
  }

  #loadDefinitions(definitions: (InstrumentDefinition | undefined)[]): typeof definitions {
    this.#definitions = definitions
    // The first time, this reads the whole index.
    const blocks = asking(() => this.native.definitionBlocks)
    const known = this.generation
    this.#definedBy = known
    for (const block of blocks) {
      const window = this.window(block, block + 1, 1)
      // With another index came another list of blocks, and window() has gone through that.
      if (this.#definedBy !== known) break
      forEachRecord(window, (at) => {
        if (window.area.u8[at + L.HEAD_TYPE] !== L.RecordType.instrument) return
        const definition = readDefinition(window.area.u8, at)
        definitions[definition.number] = definition
      })
    }
    return definitions
  }
}

/** Entries of a loaded window by position; -1 is the block before it. */
class EntryList {
  readonly #i64: BigInt64Array
  readonly #u32: Uint32Array

  constructor(entries: ArrayBuffer) {
    this.#i64 = new BigInt64Array(entries)
    this.#u32 = new Uint32Array(entries)
  }
  offset(i: number): bigint {
    return this.#field(i, L.INDEX_OFFSET)
  }
  /** Of header and payload; 0 for a block that is gone. */
  length(i: number): number {
    return this.#u32[(i + 1) * ENTRY_WORDS * 2 + (L.INDEX_LENGTH >> 2)] as number
  }
  firstRecord(i: number): bigint {
    return this.#field(i, L.INDEX_FIRST_RECORD)
  }
  /** Number of the first record behind the block. */
  endRecord(i: number): bigint {
    return this.firstRecord(i) + BigInt(this.#u32[(i + 1) * ENTRY_WORDS * 2 + (L.INDEX_RECORD_COUNT >> 2)] as number)
  }
  min(i: number): bigint {
    return this.#field(i, L.INDEX_MIN_TS_RECV)
  }
  max(i: number): bigint {
    return this.#field(i, L.INDEX_MAX_TS_RECV)
  }
  runningMax(i: number): bigint {
    return this.#field(i, L.INDEX_RUNNING_MAX_TS_RECV)
  }
  #field(i: number, offset: number): bigint {
    return this.#i64[(i + 1) * ENTRY_WORDS + (offset >> 3)] as bigint
  }
}

function asking<Answer>(question: () => Answer): Answer {
  try {
    return question()
  } catch (thrown) {
    throw asTickforgeError(thrown)
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
