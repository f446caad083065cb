// The order books of a range, out of any number of journals.
import { TickforgeError } from '../errors.ts'
import type { Segment } from '../log/segment.ts'
import { Flag, RecordType } from '../records/layout.ts'
import { TIME_MIN } from '../records/time.ts'
import { BOOK_TYPES, type BookStep, JournalBooks } from './journal-books.ts'
import type { Query, ResolvedQuery } from './query.ts'
import { replay } from './replay.ts'

export type { BookDoubt, BookDoubtCode } from './book-doubt.ts'
export type { BookLevels, SideLevels } from './book-levels.ts'
export type { BookStep } from './journal-books.ts'

export interface BooksQuery extends Omit<Query, 'types'> {
  /** Levels of each side that steps hold, at least 1. Default: all that the venue sends. */
  depth?: number
}

/** Throws TF_USAGE for a depth that is none. */
export function checkDepth(depth: number | undefined): number {
  if (depth === undefined) return Number.POSITIVE_INFINITY
  if (!Number.isSafeInteger(depth) || depth < 1)
    throw new TickforgeError('TF_USAGE', `depth must be a whole number of levels, at least 1, and is ${String(depth)}`)
  return depth
}

/** Books of a range by receive time, right from the first step on. */
export function* books(segments: readonly Segment[], query: ResolvedQuery, depth: number): Generator<BookStep> {
  const used = segments.filter((segment) => segment.blockCount > 0)
  const journals = new Set(used.map((segment) => segment.file.journal))
  const sources = [...journals].map((name) =>
    journalSteps(
      used.filter((segment) => segment.file.journal === name),
      query,
      depth,
    ),
  )
  if (sources.length === 1) yield* sources[0] as Generator<BookStep>
  else yield* merged(sources)
}

function* merged(sources: readonly Generator<BookStep>[]): Generator<BookStep> {
  const heads = sources.map((source) => source.next())
  for (;;) {
    let best = -1
    let step: BookStep | undefined
    for (const [i, head] of heads.entries()) {
      if (head.done === true || (step !== undefined && head.value.tsRecv >= step.tsRecv)) continue
      best = i
      step = head.value
    }
    if (step === undefined) return
    yield step
    heads[best] = (sources[best] as Generator<BookStep>).next()
  }
}

/**
 * The steps of one journal. A book at `from` depends on records before it: reading begins with the segment of `from`, and when
 * a book turns out to be older than that, again so many segments earlier, twice as many each time.
 */
function* journalSteps(segments: readonly Segment[], query: ResolvedQuery, depth: number): Generator<BookStep> {
  const first = segments.findIndex((segment) => segment.maxTsRecv >= query.from)
  if (first < 0) return
  for (let back = 0; ; back = back * 2 + 1) {
    const start = Math.max(0, first - back)
    if (yield* stepsFrom(segments.slice(start), query, depth, start === 0)) return
  }
}

/** False, before any step, when books at the beginning of the range are older than the segments. */
function* stepsFrom(
  segments: readonly Segment[],
  query: ResolvedQuery,
  depth: number,
  isAll: boolean,
): Generator<BookStep, boolean> {
  const wanted = new Uint8Array(256)
  for (const type of BOOK_TYPES) wanted[RecordType[type]] = 1
  // Connections name no instrument, and segments are read one by one: their order is that of the journal.
  const everything = { from: TIME_MIN, to: query.to, instruments: undefined, wanted }
  const books = new JournalBooks(query.instruments, depth)
  let begun = isAll
  for (const segment of segments) {
    for (const batch of replay([segment], everything)) {
      for (const record of batch) {
        if (!begun && record.tsRecv >= query.from && record.type !== 'segment' && (record.flags & Flag.copy) === 0) {
          if (!books.isWhole) return false
          begun = true
        }
        for (const step of books.take(record)) if (step.tsRecv >= query.from) yield step
      }
    }
  }
  return true
}
