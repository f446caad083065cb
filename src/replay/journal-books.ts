// The books of one journal, record by record: one book per connection and instrument.
import { BookBuilder, type BookFields } from '../integrity/book-builder.ts'
import { Kraken10 } from '../integrity/checksum.ts'
import { firstLevelWord } from '../integrity/order-book.ts'
import type { InstrumentDefinition } from '../records/definition.ts'
import * as L from '../records/layout.ts'
import { breaksChain } from '../records/loss-records.ts'
import type { BookView, RecordView } from '../records/record-view.ts'
import { type BookDoubt, doubt } from './book-doubt.ts'
import { BookLevels, type BookNumbers } from './book-levels.ts'

/** A book after one event, or when it ceased to be right. */
export interface BookStep {
  /** Receive time (ns) of the event. */
  readonly tsRecv: bigint
  /** 'venue:symbol'. */
  readonly instrument: string
  /** Number of the connection whose updates build the book. */
  readonly connection: number
  /** The venue's number of the last update in the book; null when it gives none, or the book is not in sync. */
  readonly lastUpdateId: bigint | null
  /** Valid until the next step: copy() keeps it. Empty when it ceased to be right. */
  readonly book: BookLevels
  /** Whether the book is proved to be the venue's as of this event. */
  readonly inSync: boolean
  /** Why not; undefined while inSync. */
  readonly why: BookDoubt | undefined
}

/** Record types that a book depends on. */
export const BOOK_TYPES = ['segment', 'connection', 'book', 'gap', 'drop'] as const

interface State {
  readonly instrument: string
  readonly connection: number
  readonly integrity: L.Integrity
  readonly builder: BookBuilder
  /** Mutable: a newer definition may come. */
  readonly numbers: { -readonly [Key in keyof BookNumbers]: BookNumbers[Key] }
  readonly levels: BookLevels
  readonly checksum: Kraken10 | undefined
  doubt: BookDoubt
  /** Since when the book is crossed, while it is. */
  crossed: BookDoubt | undefined
  /** The state is the same wherever reading began before. */
  whole: boolean
}

export class JournalBooks {
  readonly #wanted: ReadonlySet<string> | undefined
  readonly #depth: number
  readonly #connections = new Map<number, Map<string, State>>()
  /** Connections that were opened before the records that were read, and whose books may be older than these. */
  readonly #older = new Set<number>()
  /** Connections whose opening was read. */
  readonly #begun = new Set<number>()
  /** Connections of the segment before that the new one has not opened with a copy yet. */
  #unconfirmed: Set<number> | undefined
  #steps: BookStep[] = []

  constructor(wanted: ReadonlySet<string> | undefined, depth: number) {
    this.#wanted = wanted
    this.#depth = depth
  }

  /** Takes the next record, of BOOK_TYPES. The steps are valid until the next call. */
  take(record: RecordView): readonly BookStep[] {
    if (this.#steps.length > 0) this.#steps = []
    const copied = (record.flags & L.Flag.copy) !== 0
    if (record.type === 'segment')
      this.#unconfirmed = new Set([...this.#connections.keys(), ...this.#older, ...this.#begun])
    else if (!copied && this.#unconfirmed !== undefined) this.#endUnconfirmed(record.tsRecv)
    if (record.type === 'book') this.#book(record)
    else if (record.type === 'drop') this.#lost(record, doubt('drop', record.tsRecv, record.cause))
    else if (record.type === 'gap' && breaksChain(record.causeNumber))
      this.#lost(record, doubt('gap', record.tsRecv, record.cause))
    else if (record.type === 'connection') this.#connection(record.connection, record.event === 'open', copied, record)
    return this.#steps
  }

  /** Whether reading from an earlier record would give the same books: what was built began within the records that were read. */
  get isWhole(): boolean {
    if (this.#older.size > 0 && this.#wanted === undefined) return false
    const states = [...this.#connections.values()].flatMap((books) => [...books.values()])
    if (states.some(({ whole }) => !whole)) return false
    // Of an instrument without a record an older connection may have a book.
    return [...this.#older].every((number) => {
      const books = this.#connections.get(number)
      return [...(this.#wanted ?? [])].every((instrument) => books?.has(instrument) === true)
    })
  }

  #book(record: BookView): void {
    const { instrument } = record
    if (instrument === '' || this.#wanted?.has(instrument) === false) return
    // The best levels alone are a book of their own.
    if ((record.flags & L.Flag.top) !== 0) return
    const fields = fieldsOf(record)
    if (record.connection !== 0 || !record.snapshot) {
      this.#event(this.#state(record, record.connection), record, fields)
      return
    }
    // A snapshot of no connection concerns every connection that carried an update of the instrument.
    for (const number of [...this.#connections.keys()].sort((a, b) => a - b))
      if (this.#connections.get(number)?.has(instrument)) this.#event(this.#state(record, number), record, fields)
  }

  #event(state: State, record: BookView, fields: BookFields): void {
    const { builder } = state
    const { inSync: wasInSync, waitsForJoin: waited } = builder
    builder.record(fields)
    if (record.snapshot && (record.flags & L.Flag.rest) === 0 && record.last) state.whole = true
    if (wasInSync && !builder.inSync) {
      const marked = (record.flags & L.Flag.maybeBadBook) !== 0
      state.doubt = doubt(marked ? 'maybe_bad_book' : 'not_continuous', record.tsRecv)
    } else if (waited !== builder.waitsForJoin) {
      state.doubt = doubt(waited ? 'no_snapshot' : 'waiting_for_join', record.tsRecv)
    }
    if (!record.last) return
    if (builder.inSync && state.checksum !== undefined && record.checksum !== null) {
      if (state.checksum.value() !== record.checksum) this.#spoil(state, doubt('checksum', record.tsRecv))
    }
    this.#step(state, record.tsRecv, record.lastUpdateId)
  }

  /** What `record` says is missing before it concerns its instrument, its connection or the journal. */
  #lost(record: RecordView, why: BookDoubt): void {
    const { connection, instrument, instrumentNumber } = record
    for (const number of connection === 0 ? this.#connections.keys() : [connection]) {
      for (const state of this.#connections.get(number)?.values() ?? [])
        if (instrumentNumber === 0 || instrument === state.instrument) this.#end(state, why)
    }
  }

  #connection(number: number, opened: boolean, copied: boolean, { tsRecv }: RecordView): void {
    if (copied && opened) {
      this.#unconfirmed?.delete(number)
      if (!this.#connections.has(number) && !this.#begun.has(number)) this.#older.add(number)
      return
    }
    this.#close(number, tsRecv)
    if (opened) this.#begun.add(number)
  }

  #close(number: number, tsRecv: bigint): void {
    for (const state of this.#connections.get(number)?.values() ?? []) this.#end(state, doubt('connection', tsRecv))
    this.#connections.delete(number)
    this.#older.delete(number)
    this.#begun.delete(number)
  }

  #endUnconfirmed(tsRecv: bigint): void {
    for (const number of this.#unconfirmed ?? []) this.#close(number, tsRecv)
    this.#unconfirmed = undefined
  }

  /** The book is in doubt from here on; whoever follows it is told once. */
  #end(state: State, why: BookDoubt): void {
    const wasInSync = state.builder.inSync
    this.#spoil(state, why)
    state.whole = true
    if (wasInSync) this.#step(state, why.since, null)
  }

  #spoil(state: State, why: BookDoubt): void {
    state.builder.gap()
    state.doubt = why
  }

  #step(state: State, tsRecv: bigint, recordId: bigint | null): void {
    const { builder, levels, instrument, connection } = state
    state.crossed = levels.crossed ? (state.crossed ?? doubt('crossed', tsRecv)) : undefined
    const why = builder.inSync ? state.crossed : state.doubt
    const inSync = why === undefined
    const lastUpdateId = inSync ? (builder.lastUpdateId ?? recordId) : null
    this.#steps.push({ tsRecv, instrument, connection, lastUpdateId, book: levels, inSync, why })
  }

  #state(record: BookView, connection: number): State {
    const { instrument } = record
    const definition = record.definition as InstrumentDefinition
    let books = this.#connections.get(connection)
    if (books === undefined) {
      books = new Map()
      this.#connections.set(connection, books)
    }
    let state = books.get(instrument)
    if (state === undefined || state.integrity !== definition.integrity) {
      state = this.#newState(record, definition, connection)
      books.set(instrument, state)
    }
    // Numbers are those of a segment: the same one may mean another definition in the next.
    state.builder.define(definition)
    const { priceDecimals, sizeDecimals, pricePrint, sizePrint } = definition
    Object.assign(state.numbers, { priceDecimals, sizeDecimals, pricePrint, sizePrint })
    return state
  }

  #newState({ instrument, tsRecv }: BookView, definition: InstrumentDefinition, connection: number): State {
    const builder = new BookBuilder(definition)
    const numbers = { ...definition }
    return {
      instrument,
      connection,
      integrity: definition.integrity,
      builder,
      numbers,
      levels: new BookLevels(builder.book, numbers, this.#depth),
      checksum: definition.checksumRule === L.ChecksumRule.kraken10 ? new Kraken10(builder.book) : undefined,
      doubt: doubt('no_snapshot', tsRecv),
      crossed: undefined,
      whole: this.#begun.has(connection),
    }
  }
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
