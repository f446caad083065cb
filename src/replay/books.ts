// Order books out of stored records, each with a word that says whether it is proved to be the venue's.
import { BookBuilder, type BookFields } from '../integrity/book-builder.ts'
import { firstLevelWord, type OrderBook } from '../integrity/order-book.ts'
import type { Segment } from '../log/segment.ts'
import * as L from '../records/layout.ts'
import type { BookView, RecordView } from '../records/record-view.ts'
import type { ResolvedQuery } from './query.ts'
import { replay } from './replay.ts'

/** Why a book is not proved to be right. 'gap' covers gaps, drops and updates that do not follow. */
export type BookDoubt = 'no_snapshot' | 'waiting_for_join' | 'gap' | 'crossed'

/** A book after one event. `book` is valid until the next step. */
export interface BookStep {
  /** Receive time (ns) of the event. */
  tsRecv: bigint
  /** 'venue:symbol'. */
  instrument: string
  connection: number
  book: OrderBook
  /** Whether the book is proved to be the venue's as of this event. */
  inSync: boolean
  /** Undefined while inSync. */
  why: BookDoubt | undefined
}

interface State {
  builder: BookBuilder
  integrity: L.Integrity
  doubt: BookDoubt
}

/** The books of one journal: state is kept per connection and instrument. */
class JournalBooks {
  readonly #wanted: ReadonlySet<string> | undefined
  readonly #connections = new Map<number, Map<string, State>>()
  /** Connections of the segment before that the new one has not opened with a copy yet. */
  #unconfirmed: Set<number> | undefined

  constructor(wanted: ReadonlySet<string> | undefined) {
    this.#wanted = wanted
  }

  *take(record: RecordView): Generator<BookStep> {
    const copied = (record.flags & L.Flag.copy) !== 0
    if (record.type === 'segment') this.#unconfirmed = new Set(this.#connections.keys())
    else if (!copied) this.#endUnconfirmed()
    if (record.type === 'book') yield* this.#book(record)
    else if (record.type === 'drop') this.#gap(record)
    else if (record.type === 'gap' && record.causeNumber !== L.GapCause.writeError) this.#gap(record)
    else if (record.type === 'connection') {
      if (copied && record.event === 'open') this.#unconfirmed?.delete(record.connection)
      else this.#connections.delete(record.connection)
    }
  }

  *#book(record: BookView): Generator<BookStep> {
    const { instrument, connection, tsRecv } = record
    if (instrument === '' || this.#wanted?.has(instrument) === false) return
    const fields = fieldsOf(record)
    for (const state of this.#concerned(record)) {
      const { builder } = state
      const before = builder.inSync
      builder.record(fields)
      if (before && !builder.inSync) state.doubt = 'gap'
      if (!record.last) continue
      const crossed = isCrossed(builder.book)
      const inSync = builder.inSync && !crossed
      const doubt = builder.waitsForJoin ? 'waiting_for_join' : state.doubt
      const why = inSync ? undefined : builder.inSync ? 'crossed' : doubt
      yield { tsRecv, instrument, connection, book: builder.book, inSync, why }
    }
  }

  /** A snapshot of no connection concerns every connection that carried an update of the instrument. */
  #concerned(record: BookView): State[] {
    if (record.connection !== 0 || !record.snapshot) return [this.#state(record, record.connection)]
    return [...this.#connections]
      .filter(([, books]) => books.has(record.instrument))
      .map(([n]) => this.#state(record, n))
  }

  #state(record: BookView, connection: number): State {
    const definition = record.definition as NonNullable<BookView['definition']>
    const books = this.#connections.get(connection) ?? new Map<string, State>()
    this.#connections.set(connection, books)
    let state = books.get(record.instrument)
    if (state === undefined || state.integrity !== definition.integrity) {
      const { integrity } = definition
      state = { builder: new BookBuilder(definition), integrity, doubt: 'no_snapshot' }
      books.set(record.instrument, state)
    }
    // Numbers are those of a segment: the same one may mean another definition in the next.
    state.builder.define(definition)
    return state
  }

  #gap(record: RecordView): void {
    for (const [number, books] of this.#connections) {
      if (record.connection !== 0 && record.connection !== number) continue
      for (const [instrument, state] of books) {
        if (record.instrumentNumber !== 0 && record.instrument !== instrument) continue
        state.builder.gap()
        state.doubt = 'gap'
      }
    }
  }

  #endUnconfirmed(): void {
    for (const number of this.#unconfirmed ?? []) this.#connections.delete(number)
    this.#unconfirmed = undefined
  }
}

function isCrossed({ bids, asks }: OrderBook): boolean {
  return bids.count > 0 && asks.count > 0 && bids.price(0) >= asks.price(0)
}

function fieldsOf({ area, at, flags, bidCount, askCount }: BookView): BookFields {
  const id = (offset: number): bigint => area.u64[(at + offset) >> 3] as bigint
  return {
    flags,
    first: id(L.BOOK_FIRST_UPDATE_ID),
    last: id(L.BOOK_LAST_UPDATE_ID),
    previous: id(L.BOOK_PREVIOUS_UPDATE_ID),
    words: area.i32,
    at: (at >> 2) + firstLevelWord((flags & L.Flag.extension) !== 0),
    bidCount,
    askCount,
  }
}

function* journalBooks(segments: readonly Segment[], query: ResolvedQuery): Generator<BookStep> {
  const books = new JournalBooks(query.instruments)
  const everything = { ...query, from: -(2n ** 63n) + 1n, instruments: undefined, wanted: new Uint8Array(256).fill(1) }
  for (const batch of replay(segments, everything))
    for (const record of batch) for (const step of books.take(record)) if (step.tsRecv >= query.from) yield step
}

/** Books of a range by receive time. Reads from the beginning of the log, so that the first one is right. */
export function* books(segments: readonly Segment[], query: ResolvedQuery): Generator<BookStep> {
  const journals = new Set(segments.map((segment) => segment.file.journal))
  const sources = [...journals].map((name) =>
    journalBooks(
      segments.filter((segment) => segment.file.journal === name),
      query,
    ),
  )
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
