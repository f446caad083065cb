// Whose book a REST answer is that does not say so: captures of other recorders hold answers without the question.
import { Integrity } from '../../records/layout.ts'

/** Updates kept a symbol: a snapshot is late by seconds, not by minutes. */
const RECENT_MAX = 1024
/** Ids of one book are this near to each other within RECENT_MAX updates; those of other books seldom are. */
const NEAR = 50_000_000n

interface Ids {
  first: bigint
  last: bigint
  previous: bigint
}

/** Ids of the newest updates of one book. */
export class RecentIds {
  readonly #rule: Integrity
  #updates: Ids[] = []

  constructor(rule: Integrity) {
    this.#rule = rule
  }

  push(first: bigint, last: bigint, previous: bigint): void {
    if (this.#updates.length === RECENT_MAX) this.#updates = this.#updates.slice(RECENT_MAX / 2)
    this.#updates.push({ first, last, previous })
  }

  /** Whether a snapshot of this id lies within the updates, so that one of them follows on it. */
  holds(id: bigint): boolean {
    const range = this.#rule === Integrity.range
    const next = this.#updates.find(({ last }) => (range ? last > id : last >= id))
    const newest = this.#updates.at(-1)
    if (next === undefined) return newest?.last === id
    return range ? next.first <= id + 1n : next.first <= id || next.previous <= id
  }

  /** False if the id cannot be one of this book: it is far from all that are known. */
  mayHold(id: bigint): boolean {
    const newest = this.#updates.at(-1)
    if (newest === undefined) return true
    const distance = id > newest.last ? id - newest.last : newest.last - id
    return distance < NEAR
  }
}

/**
 * The only book of all that a snapshot of this id lies within. Of a connection with one symbol also a book that it may
 * belong to: it may be ahead of the updates, or too old. Undefined if that is not clear.
 */
export function ownerOf<Book extends { recent: RecentIds }>(books: readonly Book[], id: bigint): Book | undefined {
  const holding = books.filter((book) => book.recent.holds(id))
  if (holding.length === 1) return holding[0]
  const [only, another] = books
  return another === undefined && only?.recent.mayHold(id) === true ? only : undefined
}
