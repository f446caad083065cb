// What a directory holds: days, instruments, counts, time span, bytes, gaps.
import * as L from '../records/layout.ts'
import { forEachRecord, type Segment } from './segment.ts'

export interface InstrumentSummary {
  instrument: string
  trades: number
  quotes: number
  books: number
  gaps: number
  /** Receive time of the first and last record (ns). */
  from: bigint
  to: bigint
}

export interface DaySummary {
  day: string
  segments: number
  blocks: number
  records: number
  bytes: number
  from: bigint
  to: bigint
  gaps: number
  texts: number
  /** Records that cannot be read. */
  damaged: number
  /** What is worth knowing and no fault, in words. */
  remarks: string[]
  instruments: InstrumentSummary[]
}

/** Reads every block once. `progress` is called with the share that is done, 0 to 1. */
export function summarize(
  segments: readonly Segment[],
  progress: (done: number) => void = () => undefined,
): DaySummary[] {
  const days = new Map<string, { day: DaySummary; instruments: Map<string, InstrumentSummary> }>()
  segments.forEach((segment, i) => {
    const { day: name } = segment.file
    let entry = days.get(name)
    if (entry === undefined) {
      const day = {
        day: name,
        segments: 0,
        blocks: 0,
        records: 0,
        bytes: 0,
        from: 0n,
        to: 0n,
        gaps: 0,
        texts: 0,
        damaged: 0,
        remarks: [],
        instruments: [],
      }
      entry = { day, instruments: new Map() }
      days.set(name, entry)
    }
    addSegment(entry.day, entry.instruments, segment)
    progress((i + 1) / segments.length)
  })
  return [...days.values()].map(({ day, instruments }) => {
    day.instruments = [...instruments.values()].sort((a, b) => (a.instrument < b.instrument ? -1 : 1))
    return day
  })
}

function addSegment(day: DaySummary, instruments: Map<string, InstrumentSummary>, segment: Segment): void {
  day.segments++
  day.blocks += segment.blockCount
  day.bytes += segment.native.fileBytes
  const { limit, part, journal } = segment.file
  if (limit !== undefined)
    day.remarks.push(
      `part ${part} of ${journal} ends before record ${limit}: what follows is written again in the next part`,
    )
  if (segment.blockCount === 0) return
  if (day.records === 0 || segment.minTsRecv < day.from) day.from = segment.minTsRecv
  if (day.records === 0 || segment.maxTsRecv > day.to) day.to = segment.maxTsRecv
  for (let block = 0; block < segment.blockCount; ) {
    const window = segment.window(block, segment.blockCount)
    const { area } = window
    forEachRecord(window, (at) => {
      day.records++
      const type = area.u8[at + L.HEAD_TYPE] as number
      if (type === L.RecordType.text) day.texts++
      if (type === L.RecordType.gap) day.gaps++
      if (type < L.RecordType.trade || type > L.RecordType.gap) return
      const key = area.definitions[area.u32[(at + L.HEAD_INSTRUMENT) >> 2] as number]?.key
      if (key === undefined) return
      let one = instruments.get(key)
      const ts = area.i64[(at + L.HEAD_TS_RECV) >> 3] as bigint
      if (one === undefined) {
        one = { instrument: key, trades: 0, quotes: 0, books: 0, gaps: 0, from: ts, to: ts }
        instruments.set(key, one)
      }
      if (type === L.RecordType.trade) one.trades++
      else if (type === L.RecordType.quote) one.quotes++
      else if (type === L.RecordType.gap) one.gaps++
      // A split book is one event.
      else if (((area.u16[(at + L.HEAD_FLAGS) >> 1] as number) & L.Flag.last) !== 0) one.books++
      if (ts < one.from) one.from = ts
      if (ts > one.to) one.to = ts
    })
    block += window.count
  }
  for (const { firstRecord, endRecord } of segment.damage) day.damaged += Number(endRecord - firstRecord)
}
