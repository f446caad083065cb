// What can be proved of records once their blocks are whole: that no update is missing, and that the venue's own
// checksums come out of what was stored (docs/FORMAT.md, "Continuity" and "Checksums").
import { Kraken10 } from '../integrity/checksum.ts'
import { BookContinuity, SequenceContinuity } from '../integrity/continuity.ts'
import { firstLevelWord, OrderBook } from '../integrity/order-book.ts'
import type { InstrumentDefinition } from '../records/definition.ts'
import * as L from '../records/layout.ts'
import { breaksChain } from '../records/loss-records.ts'
import type { CellArea } from '../records/record-view.ts'

export interface CheckCounts {
  gaps: number
  drops: number
  /** Frames kept as text because they could not be read. */
  rejectedFrames: number
  continuity: { checked: number; broken: number }
  checksums: { checked: number; passed: number; failed: number }
}

const PROBLEMS_MAX = 16

/** Types that say what a venue's frame said; the others are our own words. */
const OF_FRAMES: ReadonlySet<number> = new Set([
  L.RecordType.trade,
  L.RecordType.quote,
  L.RecordType.book,
  L.RecordType.text,
])

/** One book of one connection. */
interface BookState {
  /** The connection has carried an update of the book. */
  carried: boolean
  key: string
  integrity: L.Integrity
  continuity: BookContinuity | undefined
  checksum: ChecksumState | undefined
}

interface ChecksumState {
  book: OrderBook
  crc: Kraken10
  /** The book began with a whole snapshot. */
  valid: boolean
  /** In the middle of a split snapshot: of one that counts, or of one whose beginning was lost. */
  snapshot: 'none' | 'taken' | 'lost'
}

interface ConnectionChecks {
  books: Map<string, BookState>
  sequence: SequenceContinuity | undefined
  lastFrame: number
  /** After damage: the next frame may have lost its beginning. Its number, once it is known. */
  doubtful: 'next' | number | undefined
}

/** Checks the records of one journal in order, across its segments. */
export class RecordChecks {
  readonly counts: CheckCounts = {
    gaps: 0,
    drops: 0,
    rejectedFrames: 0,
    continuity: { checked: 0, broken: 0 },
    checksums: { checked: 0, passed: 0, failed: 0 },
  }
  /** First problems in words. */
  readonly problems: string[] = []
  readonly #connections = new Map<number, ConnectionChecks>()
  /** Damage lies behind: connections may be doubtful. */
  #doubts = false
  /** Connections of the segment before that the new one has not opened with a copy yet. */
  #unconfirmed: Set<number> | undefined

  /** Takes the record at byte `at` of the area. */
  record(area: CellArea, at: number): void {
    const type = area.u8[at + L.HEAD_TYPE] as number
    if (this.#doubts && OF_FRAMES.has(type)) this.#doubt(area, at)
    if (type === L.RecordType.segment) this.#unconfirmed = new Set(this.#connections.keys())
    else if (this.#unconfirmed !== undefined && !isCopy(area, at)) this.#endUnconfirmed()
    if (type === L.RecordType.book) this.#book(area, at)
    else if (type === L.RecordType.gap) this.#gap(area, at)
    else if (type === L.RecordType.connection) this.#connection(area, at)
    else if (type === L.RecordType.drop) this.#drop(area, at)
    else if (type === L.RecordType.text) this.#text(area, at)
    else if (type === L.RecordType.trade) this.#sequence(area, at, L.TRADE_SEQUENCE)
    else if (type === L.RecordType.quote && isExtended(area, at)) this.#sequence(area, at, L.QUOTE_SEQUENCE)
  }

  /** Blocks are missing: whatever state there is proves nothing any more. */
  damaged(): void {
    this.#doubts = true
    for (const connection of this.#connections.values()) {
      resetAll(connection)
      connection.doubtful = 'next'
    }
  }

  #book(area: CellArea, at: number): void {
    const number = connectionOf(area, at)
    const connection = this.#get(number)
    if (connection.sequence !== undefined) this.#sequence(area, at, L.BOOK_LAST_UPDATE_ID)
    const definition = area.definitions[area.u32[(at + L.HEAD_INSTRUMENT) >> 2] as number]
    if (definition === undefined) return
    const flags = area.u16[(at + L.HEAD_FLAGS) >> 1] as number
    // The best levels alone are a book of their own: they say nothing of the one that changes build.
    if ((flags & L.Flag.top) !== 0) return
    const state = bookState(connection, definition)
    if (connection.doubtful === frameOf(area, at) && state.checksum !== undefined) state.checksum.snapshot = 'lost'
    if (state.continuity !== undefined && (flags & L.Flag.last) !== 0)
      this.#continuity(state, definition, area, at, flags)
    if (state.checksum !== undefined) this.#checksum(state.checksum, state.key, definition, area, at, flags)
  }

  #continuity(state: BookState, definition: InstrumentDefinition, area: CellArea, at: number, flags: number): void {
    const id = (offset: number): bigint => area.u64[(at + offset) >> 3] as bigint
    const last = id(L.BOOK_LAST_UPDATE_ID)
    if ((flags & L.Flag.snapshot) !== 0) {
      if ((flags & L.Flag.rest) === 0) {
        state.continuity?.streamSnapshot(last)
        return
      }
      const number = connectionOf(area, at)
      const all = [...this.#connections.values()].map(({ books }) => books.get(definition.key))
      const concerned = number === 0 ? all.filter((one) => one?.carried === true) : [state]
      for (const one of concerned) {
        const joining = one?.continuity
        if (joining !== undefined) this.#count(joining, state.key, () => joining.snapshot(last))
      }
      return
    }
    state.carried = true
    const continuity = state.continuity as BookContinuity
    this.#count(continuity, state.key, () =>
      continuity.update(id(L.BOOK_FIRST_UPDATE_ID), last, id(L.BOOK_PREVIOUS_UPDATE_ID)),
    )
  }

  /** The first frame of a connection behind damage: parts of a snapshot that are left of it are not a whole one. */
  #doubt(area: CellArea, at: number): void {
    const connection = this.#connections.get(connectionOf(area, at))
    if (connection?.doubtful === undefined) return
    const frame = frameOf(area, at)
    if (connection.doubtful === 'next') connection.doubtful = frame
    else if (connection.doubtful !== frame) connection.doubtful = undefined
  }

  #checksum(
    check: ChecksumState,
    key: string,
    definition: InstrumentDefinition,
    area: CellArea,
    at: number,
    flags: number,
  ): void {
    const { book, crc } = check
    const last = (flags & L.Flag.last) !== 0
    if ((flags & L.Flag.snapshot) !== 0) {
      if (check.snapshot === 'none') {
        book.clear()
        check.valid = true
        check.snapshot = 'taken'
      }
    }
    const lost = check.snapshot === 'lost'
    if (last) check.snapshot = 'none'
    if (lost) return
    if (definition.checksumRule !== L.ChecksumRule.kraken10) check.valid = false
    if (!book.setDecimals(definition.priceDecimals, definition.sizeDecimals)) check.valid = false
    const bids = area.u16[(at + L.BOOK_BID_COUNT) >> 1] as number
    const asks = area.u16[(at + L.BOOK_ASK_COUNT) >> 1] as number
    book.applyLevels(area.i32, (at >> 2) + firstLevelWord(isExtended(area, at)), bids, asks)
    if (!last) return
    book.truncate(definition.bookDepth)
    if ((flags & L.Flag.checksum) === 0 || !check.valid) return
    const stored = area.u32[(at + L.BOOK_CHECKSUM) >> 2] as number
    this.counts.checksums.checked++
    if (crc.value() === stored) {
      this.counts.checksums.passed++
    } else {
      this.counts.checksums.failed++
      this.#problem(
        `${key}: the book gives the checksum ${crc.value()}, the venue's is ${stored} (ts_recv ${area.i64[(at + L.HEAD_TS_RECV) >> 3]})`,
      )
    }
  }

  #gap(area: CellArea, at: number): void {
    this.counts.gaps++
    if (breaksChain(area.u8[at + L.GAP_CAUSE] as number)) this.#startAnew(area, at)
  }

  #drop(area: CellArea, at: number): void {
    this.counts.drops++
    this.#startAnew(area, at)
  }

  /** Something is missing before this record, of its instrument, its connection or the journal. */
  #startAnew(area: CellArea, at: number): void {
    const connection = connectionOf(area, at)
    const instrument = area.u32[(at + L.HEAD_INSTRUMENT) >> 2] as number
    const key = area.definitions[instrument]?.key
    const concerned = connection === 0 ? [...this.#connections.values()] : [this.#get(connection)]
    for (const one of concerned) {
      if (instrument === 0) resetAll(one)
      else if (key !== undefined) resetBook(one.books.get(key))
    }
  }

  #connection(area: CellArea, at: number): void {
    const number = connectionOf(area, at)
    const copied = isCopy(area, at)
    if (copied) this.#unconfirmed?.delete(number)
    if (area.u8[at + L.CONNECTION_EVENT] !== L.ConnectionEvent.open) {
      this.#connections.delete(number)
    } else if (!copied || !this.#connections.has(number)) {
      const numbered = area.u8[at + L.CONNECTION_INTEGRITY] === L.Integrity.connectionSequence
      this.#connections.set(number, newConnection(numbered))
    }
  }

  #text(area: CellArea, at: number): void {
    if (((area.u16[(at + L.HEAD_FLAGS) >> 1] as number) & L.Flag.last) !== 0) {
      const reason = area.u8[at + L.TEXT_REASON]
      if (reason === L.TextReason.unparseable || reason === L.TextReason.unrepresentable) this.counts.rejectedFrames++
    }
    this.#sequence(area, at, L.TEXT_SEQUENCE)
  }

  /** The number of a frame on a connection that numbers them; every frame counts once. */
  #sequence(area: CellArea, at: number, offset: number): void {
    const connection = this.#connections.get(connectionOf(area, at))
    if (connection?.sequence === undefined) return
    const frame = frameOf(area, at)
    if (frame === connection.lastFrame) return
    const sequence = area.u64[(at + offset) >> 3] as bigint
    if (sequence === L.NONE_U64) return
    connection.lastFrame = frame
    const checks = connection.sequence
    this.#count(checks, `connection ${connectionOf(area, at)}`, () => checks.next(sequence))
  }

  #count(
    of: { checked: number; broken: number },
    name: string,
    act: () => { expected: bigint; received: bigint } | undefined,
  ): void {
    const { checked, broken } = of
    const missing = act()
    this.counts.continuity.checked += of.checked - checked
    this.counts.continuity.broken += of.broken - broken
    // What does not join a snapshot is no break: the snapshot was too old.
    if (missing !== undefined && of.broken !== broken)
      this.#problem(`${name}: ${missing.expected} was expected, ${missing.received} came, and no gap is on record`)
  }

  #endUnconfirmed(): void {
    for (const number of this.#unconfirmed ?? []) this.#connections.delete(number)
    this.#unconfirmed = undefined
  }

  #get(number: number): ConnectionChecks {
    let connection = this.#connections.get(number)
    if (connection === undefined) {
      connection = newConnection(false)
      this.#connections.set(number, connection)
    }
    return connection
  }

  #problem(text: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(text)
  }
}

function newConnection(numbered: boolean): ConnectionChecks {
  return {
    books: new Map(),
    sequence: numbered ? new SequenceContinuity() : undefined,
    lastFrame: -1,
    doubtful: undefined,
  }
}

/** The rules are those of the record's own definition; another rule starts anew. */
function bookState(connection: ConnectionChecks, definition: InstrumentDefinition): BookState {
  let state = connection.books.get(definition.key)
  if (state === undefined) {
    state = {
      key: definition.key,
      carried: false,
      integrity: L.Integrity.none,
      continuity: undefined,
      checksum: undefined,
    }
    connection.books.set(definition.key, state)
  }
  const { integrity } = definition
  if (state.integrity !== integrity) {
    const numbered = integrity === L.Integrity.range || integrity === L.Integrity.previous
    state.integrity = integrity
    state.continuity = numbered ? new BookContinuity(integrity) : undefined
  }
  if (state.checksum === undefined && definition.checksumRule === L.ChecksumRule.kraken10) {
    const book = new OrderBook()
    state.checksum = { book, crc: new Kraken10(book), valid: false, snapshot: 'none' }
  }
  return state
}

function resetBook(state: BookState | undefined): void {
  if (state === undefined) return
  state.continuity?.reset()
  if (state.checksum !== undefined) {
    state.checksum.valid = false
    state.checksum.book.clear()
    // The rest of a snapshot that is under way is no whole one.
    if (state.checksum.snapshot === 'taken') state.checksum.snapshot = 'lost'
  }
}

function resetAll(connection: ConnectionChecks): void {
  connection.sequence?.reset()
  connection.lastFrame = -1
  for (const state of connection.books.values()) resetBook(state)
}

function connectionOf(area: CellArea, at: number): number {
  return area.u16[(at + L.HEAD_FRAME + 6) >> 1] as number
}

function frameOf(area: CellArea, at: number): number {
  return (
    (area.u32[(at + L.HEAD_FRAME) >> 2] as number) + (area.u16[(at + L.HEAD_FRAME + 4) >> 1] as number) * 4294967296
  )
}

function isCopy(area: CellArea, at: number): boolean {
  return ((area.u16[(at + L.HEAD_FLAGS) >> 1] as number) & L.Flag.copy) !== 0
}

function isExtended(area: CellArea, at: number): boolean {
  return ((area.u16[(at + L.HEAD_FLAGS) >> 1] as number) & L.Flag.extension) !== 0
}
