// Builds a book from stored book records and says when it can be trusted. The feeds report gaps; this is their reader's
// side: joining a REST snapshot with the updates around it, forgetting what a gap made doubtful.
import { Flag, Integrity, NONE_U64 } from '../records/layout.ts'
import { BookContinuity } from './continuity.ts'
import { OrderBook, scaleLevels } from './order-book.ts'

/** Updates that wait for a snapshot. As many as BookContinuity keeps for the same purpose. */
const WAITING_MAX = 4096

/** The fields of one book record that matter to a book. */
export interface BookFields {
  /** Flags of the head. */
  flags: number
  first: bigint
  last: bigint
  previous: bigint
  /** Where the levels lie, bids and then asks, four words each; they are copied when they must be kept. */
  words: Int32Array
  at: number
  bidCount: number
  askCount: number
}

interface Waiting {
  last: bigint
  levels: Int32Array
  bidCount: number
  askCount: number
}

/** What a definition says that a book depends on. */
export interface BookRules {
  integrity: Integrity
  /** Levels a side that the venue keeps up to date; 0 = all. */
  bookDepth: number
  priceDecimals: number
  sizeDecimals: number
}

/**
 * One book of one connection. Feed it every book record of the instrument in order, and gap() for every gap record that
 * concerns it (its own, its connection's, its journal's).
 *
 * - A venue that sends snapshots in its stream: in sync from the snapshot on.
 * - A venue with numbered updates and REST snapshots (range, previous): updates are kept until a snapshot comes; it is
 *   in sync once an update is known to follow on the snapshot.
 */
export class BookBuilder {
  readonly book = new OrderBook()
  /** True when the book is the venue's book as of the last record. */
  inSync = false

  #rules: BookRules
  readonly #continuity: BookContinuity | undefined
  #waiting: Waiting[] = []
  /** Id of a snapshot that is in the book and that no update has followed yet. */
  #snapshot: bigint | undefined
  /** The record before was not the last of its event. */
  #inEvent = false
  /** Whether the event that is being read concerns the book. */
  #takesPart = false

  constructor(rules: BookRules) {
    this.#rules = { ...rules }
    const numbered = rules.integrity === Integrity.range || rules.integrity === Integrity.previous
    this.#continuity = numbered ? new BookContinuity(rules.integrity) : undefined
    this.book.setDecimals(rules.priceDecimals, rules.sizeDecimals)
  }

  /** A snapshot is in the book, and no update has followed on it yet. */
  get waitsForJoin(): boolean {
    return this.#snapshot !== undefined
  }

  /** Id of the last update in a book that is in sync; undefined where updates have no ids of their own. */
  get lastUpdateId(): bigint | undefined {
    const last = this.#continuity?.last
    return last === NONE_U64 ? undefined : last
  }

  /** A newer definition is in force for the records that follow; a book that it cannot hold exactly is a gap. Its integrity rule must be the same. */
  define(rules: BookRules): void {
    if (rules.integrity !== this.#rules.integrity) throw new RangeError('the integrity rule of a book in use changes')
    const morePrice = rules.priceDecimals - this.#rules.priceDecimals
    const moreSize = rules.sizeDecimals - this.#rules.sizeDecimals
    this.#rules = { ...rules }
    if (morePrice === 0 && moreSize === 0) return
    const fits =
      this.book.setDecimals(rules.priceDecimals, rules.sizeDecimals, true) &&
      this.#waiting.every(({ levels }) => scaleLevels(new BigInt64Array(levels.buffer), morePrice, moreSize))
    if (!fits) this.gap()
  }

  /** Takes the next book record; returns inSync. */
  record(fields: BookFields): boolean {
    // The best levels alone are a book of their own.
    if ((fields.flags & Flag.top) !== 0) return this.inSync
    const start = !this.#inEvent
    const end = (fields.flags & Flag.last) !== 0
    if ((fields.flags & Flag.snapshot) === 0) this.#update(fields, start, end)
    else if (this.#continuity !== undefined && (fields.flags & Flag.rest) !== 0) this.#restSnapshot(fields, start, end)
    else this.#streamSnapshot(fields, start, end)
    this.#inEvent = !end
    return this.inSync
  }

  /** Something is missing before the record that comes next. */
  gap(): void {
    this.inSync = false
    this.#inEvent = false
    this.#snapshot = undefined
    this.#waiting = []
    this.#continuity?.reset()
    this.book.clear()
  }

  #update(fields: BookFields, start: boolean, end: boolean): void {
    if ((fields.flags & Flag.maybeBadBook) !== 0 && this.inSync) this.gap()
    if (start && this.#continuity !== undefined) this.#follow(this.#continuity, fields)
    // The book holds a snapshot that is waiting for its first update: what is older than the snapshot is in it already.
    const known = this.#snapshot !== undefined && !isNews(this.#rules.integrity, fields.last, this.#snapshot)
    if (this.inSync || (this.#snapshot !== undefined && !known)) this.#apply(fields, end)
    else if (this.#continuity !== undefined && !known) this.#keep(fields)
  }

  /** Compares ids and settles whether a waiting snapshot and this update fit together. */
  #follow(continuity: BookContinuity, fields: BookFields): void {
    const missing = continuity.update(fields.first, fields.last, fields.previous)
    if (missing !== undefined) {
      this.inSync = false
      this.#snapshot = undefined
      this.#waiting = []
      this.book.clear()
    } else if (continuity.joined) {
      this.inSync = true
      this.#snapshot = undefined
    }
  }

  #restSnapshot(fields: BookFields, start: boolean, end: boolean): void {
    const continuity = this.#continuity as BookContinuity
    // A book that is in sync learns nothing from a snapshot: the stream is ahead of the answer.
    if (start) this.#takesPart = !this.inSync
    if (!this.#takesPart) return
    if (start) this.book.clear()
    this.#apply(fields, end)
    if (!end) return
    if (continuity.snapshot(fields.last) !== undefined) {
      this.book.clear()
      return
    }
    for (const update of this.#waiting) {
      if (!isNews(this.#rules.integrity, update.last, fields.last)) continue
      this.book.applyLevels(update.levels, 0, update.bidCount, update.askCount)
      this.book.truncate(this.#rules.bookDepth)
    }
    this.#waiting = []
    this.inSync = continuity.joined
    this.#snapshot = continuity.joined ? undefined : fields.last
  }

  #streamSnapshot(fields: BookFields, start: boolean, end: boolean): void {
    if (start) this.gap()
    this.#apply(fields, end)
    if (!end || (fields.flags & Flag.maybeBadBook) !== 0) return
    this.#continuity?.streamSnapshot(fields.last)
    this.inSync = true
  }

  #apply(fields: BookFields, end: boolean): void {
    this.book.applyLevels(fields.words, fields.at, fields.bidCount, fields.askCount)
    if (end) this.book.truncate(this.#rules.bookDepth)
  }

  #keep(fields: BookFields): void {
    if (this.#waiting.length === WAITING_MAX) this.#waiting.shift()
    const { last, words, at, bidCount, askCount } = fields
    this.#waiting.push({ last, levels: words.slice(at, at + (bidCount + askCount) * 4), bidCount, askCount })
  }
}

/** Whether an update holds anything that a snapshot does not. */
function isNews(rule: Integrity, last: bigint, snapshot: bigint): boolean {
  return rule === Integrity.range ? last > snapshot : last >= snapshot
}
