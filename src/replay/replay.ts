// Records of a time range in order of receipt, out of any number of segments, in batches over mapped memory.
import { type Damage, PAYLOAD_FIELDS, type Segment, type Window } from '../log/segment.ts'
import * as L from '../records/layout.ts'
import { CellArea, type RecordView, RecordViews } from '../records/record-view.ts'
import { RecordFilter } from './filter.ts'
import type { ResolvedQuery } from './query.ts'

/** Records of a batch when several segments are merged. */
const MERGED_BATCH = 4096

/** Some records. Iterate it at once: the view that it yields is reused. */
export interface RecordBatch extends Iterable<RecordView> {}

/** A gap record that is on no disk, and the position in its window of the block that comes next. */
interface PlacedGap {
  before: number
  area: CellArea
}

/** Receive times: first inclusive, last exclusive. */
type TimeRange = Pick<ResolvedQuery, 'from' | 'to'>

/** Some of what cannot be read may have been received within the range. */
function concerns(damage: Damage, { from, to }: TimeRange): boolean {
  return damage.tsAfter >= from && damage.tsBefore < to
}

/** What a query wants of one segment. */
class Filter extends RecordFilter {
  constructor(segment: Segment, query: ResolvedQuery) {
    super(segment.definitions, query)
  }

  /** Gaps for what cannot be read in front of or instead of a window's blocks, by the block that comes next. */
  gapsOf(window: Window): PlacedGap[] {
    if (window.damage.length === 0 || this.query.wanted[L.RecordType.gap] !== 1) return []
    return window.damage
      .filter(({ damage }) => concerns(damage, this.query))
      .map(({ before, damage }) => ({ before, area: gapOf(damage) }))
  }
}

/** A window's records that a filter takes. */
class WindowBatch implements RecordBatch {
  readonly #window: Window
  readonly #filter: Filter
  readonly #views: RecordViews

  constructor(window: Window, filter: Filter, views: RecordViews) {
    this.#window = window
    this.#filter = filter
    this.#views = views
  }

  [Symbol.iterator](): Iterator<RecordView> {
    return new WindowIterator(this.#window, this.#filter, this.#views)
  }
}

/** Written by hand, with one result object: a generator costs several times as much a record. */
class WindowIterator implements Iterator<RecordView> {
  readonly #window: Window
  readonly #area: CellArea
  readonly #u8: Uint8Array
  readonly #filter: Filter
  readonly #views: RecordViews
  readonly #gaps: PlacedGap[]
  readonly #result: { done: boolean; value: RecordView } = { done: false, value: undefined as unknown as RecordView }
  #block = -1
  #at = 0
  #end = 0

  constructor(window: Window, filter: Filter, views: RecordViews) {
    this.#window = window
    this.#area = window.area
    this.#u8 = window.area.u8
    this.#filter = filter
    this.#views = views
    this.#gaps = filter.gapsOf(window)
  }

  next(): IteratorResult<RecordView> {
    for (;;) {
      while (this.#at < this.#end) {
        const at = this.#at
        this.#at = at + (this.#u8[at] as number) * L.CELL_BYTES
        if (!this.#filter.takes(this.#area, at)) continue
        const view = this.#views.view(this.#area, at)
        if (view === undefined) continue
        this.#result.value = view
        return this.#result as IteratorResult<RecordView>
      }
      if (this.#gaps[0]?.before === this.#block + 1) {
        const { area } = this.#gaps.shift() as PlacedGap
        this.#result.value = this.#views.view(area, 0) as RecordView
        return this.#result as IteratorResult<RecordView>
      }
      this.#block++
      if (this.#block >= this.#window.count) {
        this.#result.done = true
        return this.#result as IteratorResult<RecordView>
      }
      this.#at = this.#window.payloads[PAYLOAD_FIELDS * this.#block] as number
      this.#end = this.#at + (this.#window.payloads[PAYLOAD_FIELDS * this.#block + 1] as number)
    }
  }
}

/** Walks the wanted records of one segment, for merging. */
class Cursor {
  area!: CellArea
  at = 0
  done = false
  /** Receive time of the record at the cursor. */
  high = 0
  low = 0

  readonly #windows: Iterator<Window>
  readonly #filter: Filter
  #window: Window | undefined
  #gaps: PlacedGap[] = []
  #block = 0
  #next = 0
  #end = 0

  constructor(segment: Segment, query: ResolvedQuery) {
    this.#windows = windows(segment, query)
    this.#filter = new Filter(segment, query)
    this.advance()
  }

  advance(): void {
    for (;;) {
      while (this.#next < this.#end) {
        const { area } = this.#window as Window
        const at = this.#next
        this.#next = at + (area.u8[at] as number) * L.CELL_BYTES
        if (!this.#filter.takes(area, at)) continue
        this.#standAt(area, at)
        return
      }
      if (this.#window !== undefined && this.#gaps[0]?.before === this.#block) {
        this.#standAt((this.#gaps.shift() as PlacedGap).area, 0)
        return
      }
      if (this.#window === undefined || this.#block === this.#window.count) {
        const next = this.#windows.next()
        if (next.done === true) {
          this.done = true
          return
        }
        this.#window = next.value
        this.#gaps = this.#filter.gapsOf(next.value)
        this.#block = 0
        continue
      }
      this.#next = this.#window.payloads[PAYLOAD_FIELDS * this.#block] as number
      this.#end = this.#next + (this.#window.payloads[PAYLOAD_FIELDS * this.#block + 1] as number)
      this.#block++
    }
  }

  #standAt(area: CellArea, at: number): void {
    this.area = area
    this.at = at
    const word = (at + L.HEAD_TS_RECV) >> 2
    this.high = area.i32[word + 1] as number
    this.low = area.u32[word] as number
  }
}

/**
 * The record that a replay from `ts` on begins with, if nothing there is damaged; undefined when there is none. Looks the place up in
 * the indexes: a few pages of them and one block are read.
 */
export function firstAt(segments: readonly Segment[], ts: bigint): RecordView | undefined {
  let first: { area: CellArea; at: number } | undefined
  let firstTs = 0n
  for (const segment of segments) {
    if (segment.maxTsRecv < ts) continue
    if (first !== undefined && segment.native.beginsBehind(firstTs)) continue
    const found = segment.seek(ts)
    if (found === undefined) continue
    const foundTs = found.area.i64[(found.at + L.HEAD_TS_RECV) >> 3] as bigint
    if (first !== undefined && foundTs >= firstTs) continue
    first = found
    firstTs = foundTs
  }
  return first === undefined ? undefined : new RecordViews(first.area).view(first.area, first.at)
}

/** Windows of a segment that can hold records of a query. */
export function* windows(segment: Segment, query: { from: bigint; to: bigint }, maxBytes?: number): Generator<Window> {
  let [block, end] = segment.range(query.from, query.to)
  let known = segment.generation
  while (block < end) {
    const window = segment.window(block, end, maxBytes)
    if (segment.generation !== known) {
      // The index was wrong about this block: the end that it gave may be wrong as well.
      known = segment.generation
      end = segment.range(query.from, query.to)[1]
    }
    yield window
    block += window.count
  }
}

/**
 * All wanted records, by receive time. Within a segment the order of arrival is kept, even where the clock was set back;
 * segments that overlap in time are merged.
 */
export function* replay(segments: readonly Segment[], query: ResolvedQuery): Generator<RecordBatch> {
  for (const group of overlapping(segments, query)) {
    const first = group[0] as Segment
    if (group.length === 1) {
      const filter = new Filter(first, query)
      let views: RecordViews | undefined
      for (const window of windows(first, query)) {
        views ??= new RecordViews(window.area)
        yield new WindowBatch(window, filter, views)
      }
    } else {
      yield* merged(group, query)
    }
  }
}

function* merged(group: readonly Segment[], query: ResolvedQuery): Generator<RecordBatch> {
  const cursors = group.map((segment) => new Cursor(segment, query)).filter((cursor) => !cursor.done)
  if (cursors.length === 0) return
  const views = new RecordViews((cursors[0] as Cursor).area)
  while (cursors.length > 0) {
    const areas: CellArea[] = []
    const ats = new Int32Array(MERGED_BATCH)
    let count = 0
    while (count < MERGED_BATCH && cursors.length > 0) {
      let best = 0
      for (let i = 1; i < cursors.length; i++) {
        const a = cursors[i] as Cursor
        const b = cursors[best] as Cursor
        if (a.high < b.high || (a.high === b.high && a.low < b.low)) best = i
      }
      const cursor = cursors[best] as Cursor
      areas.push(cursor.area)
      ats[count++] = cursor.at
      cursor.advance()
      if (cursor.done) cursors.splice(best, 1)
    }
    yield {
      *[Symbol.iterator]() {
        for (let i = 0; i < count; i++) {
          const view = views.view(areas[i] as CellArea, ats[i] as number)
          if (view !== undefined) yield view
        }
      },
    }
  }
}

/** Whole blocks of a window, or the gap record for what cannot be read in front of the next ones. */
export interface Piece extends Pick<Window, 'buffer' | 'payloads'> {
  /** The gap record, which holds in the whole range of the query. */
  readonly isGap: boolean
}

/** A window's blocks in order, with a gap record in every place where some cannot be read that may be of the query. */
export function* pieces({ buffer, payloads, damage }: Window, query: TimeRange): Generator<Piece> {
  let start = 0
  for (const { before, damage: found } of damage.filter((placed) => concerns(placed.damage, query))) {
    const end = before * PAYLOAD_FIELDS
    if (end > start) yield { buffer, payloads: payloads.subarray(start, end), isGap: false }
    start = end
    const gap = gapOf(found).u8.buffer as ArrayBuffer
    yield { buffer: gap, payloads: Float64Array.of(0, L.CELL_BYTES, Number(found.firstRecord)), isGap: true }
  }
  if (payloads.length > start) yield { buffer, payloads: payloads.subarray(start), isGap: false }
}

/** A gap record in the place of what cannot be read: a reader must not take what it reads for whole. */
function gapOf(damage: Damage): CellArea {
  const area = new CellArea(new ArrayBuffer(L.CELL_BYTES), { definitions: [] })
  area.u8[L.HEAD_CELLS] = 1
  area.u8[L.HEAD_TYPE] = L.RecordType.gap
  area.u16[L.HEAD_FLAGS >> 1] = L.Flag.last
  area.i64[L.HEAD_TS_RECV >> 3] = damage.tsAfter
  area.i64[L.HEAD_TS_EVENT >> 3] = L.NONE_I64
  area.u64[L.GAP_EXPECTED_ID >> 3] = damage.firstRecord
  area.u64[L.GAP_RECEIVED_ID >> 3] = damage.endRecord
  area.i64[L.GAP_TS_LAST_GOOD >> 3] = damage.tsBefore
  area.u8[L.GAP_CAUSE] = L.GapCause.corruptBlock
  return area
}

/** Segments that hold something of the range, in groups whose times overlap. */
function overlapping(segments: readonly Segment[], query: ResolvedQuery): Segment[][] {
  const relevant = segments.filter((s) => s.blockCount > 0 && s.maxTsRecv >= query.from && s.minTsRecv < query.to)
  relevant.sort((a, b) => (a.minTsRecv < b.minTsRecv ? -1 : a.minTsRecv > b.minTsRecv ? 1 : 0))
  const groups: Segment[][] = []
  let end = 0n
  for (const segment of relevant) {
    const group = groups.at(-1)
    if (group !== undefined && segment.minTsRecv <= end) group.push(segment)
    else groups.push([segment])
    if (group === undefined || segment.maxTsRecv > end) end = segment.maxTsRecv
  }
  return groups
}
