// Proves that no book update is missing, from the numbers that a venue puts on its updates. The live feeds and
// `verify` use the same code: what a feed reports as a gap is what a verifier finds in the records.
import { Integrity, NONE_U64 } from '../records/layout.ts'

/** The number that had to come, and the one that came. */
export interface Break {
  expected: bigint
  received: bigint
}

/** Updates kept for joining a snapshot that is still to come; at 100 ms an update, seven minutes of them. */
const HISTORY_MAX = 4096

interface Update {
  first: bigint
  last: bigint
  previous: bigint
}

/**
 * Continuity of one book on one connection.
 *
 * - range (Binance spot): an update's first id is the one before's last id plus 1. A snapshot with id S joins at the
 *   first update whose last id is above S; that one must begin at S + 1 or before.
 * - previous (Binance futures): an update names the one before's last id. A snapshot S joins at the first update whose
 *   last id is at least S; the update before that must end at S or before. (The venue asks for "first <= S <= last",
 *   which is narrower: ids are shared by all symbols, so a snapshot can also lie between two updates of its symbol.)
 *
 * A snapshot that is too old to join is no break: nothing is missing from the updates. Another one is needed. A snapshot of the
 * stream itself begins the chain (FORMAT.md, Continuity).
 */
export class BookContinuity {
  /** Comparisons made, of updates and of snapshots that joined, and how many updates did not follow. */
  checked = 0
  broken = 0
  /** Snapshots that were too old to join. */
  stale = 0
  /** True once a snapshot and the updates after it fit together, until the next break. */
  joined = false

  readonly #rule: Integrity
  #last = NONE_U64
  #history: Update[] = []
  #snapshot = NONE_U64
  /** The newest update, while the history is not needed. */
  readonly #newest: Update = { first: NONE_U64, last: NONE_U64, previous: NONE_U64 }

  constructor(rule: Integrity) {
    this.#rule = rule
  }

  /** Id of the last update, NONE_U64 before the first. */
  get last(): bigint {
    return this.#last
  }

  /** True while the book cannot be built and no snapshot is at hand that a coming update may join. */
  get needsSnapshot(): boolean {
    return !this.joined && this.#snapshot === NONE_U64
  }

  /** The break that update() will find between the update before and this one; nothing is taken. */
  check(first: bigint, previous: bigint): Break | undefined {
    if (this.#last === NONE_U64) return undefined
    const range = this.#rule === Integrity.range
    const expected = range ? this.#last + 1n : this.#last
    const received = range ? first : previous
    return expected === received ? undefined : { expected, received }
  }

  /**
   * Takes the next update; either way it is the new last one. Returns the break if it does not follow on the one
   * before, or if it shows that the snapshot at hand is too old.
   */
  update(first: bigint, last: bigint, previous: bigint): Break | undefined {
    const missing = this.check(first, previous)
    if (this.#last !== NONE_U64) this.checked++
    this.#last = last
    if (missing !== undefined) {
      this.broken++
      this.joined = false
      this.#history = []
      this.#snapshot = NONE_U64
    }
    if (this.joined && this.#snapshot === NONE_U64) {
      this.#newest.first = first
      this.#newest.last = last
      this.#newest.previous = previous
      return missing
    }
    if (this.#history.length === HISTORY_MAX) this.#history.splice(0, HISTORY_MAX / 2)
    this.#history.push({ first, last, previous })
    return missing ?? this.#join()
  }

  /** Takes a snapshot of the venue's REST interface; returns the break if the updates at hand do not reach back to it. */
  snapshot(id: bigint): Break | undefined {
    // Behind a book that is joined, an older snapshot proves nothing that is not proven.
    if (this.joined && id < this.#last) return undefined
    this.#snapshot = id
    // It may be as new as the last update.
    if (this.joined && this.#history.length === 0 && this.#newest.last !== NONE_U64)
      this.#history.push({ ...this.#newest })
    return this.#join()
  }

  /**
   * Takes a whole book of the stream: it begins the chain, and needs no join. The next update is compared with it; without an
   * id (NONE_U64) the next update only gives the first number.
   */
  streamSnapshot(last: bigint): void {
    this.reset()
    this.#last = last
    this.joined = true
  }

  /** A gap is on record: what follows starts anew. */
  reset(): void {
    this.#last = NONE_U64
    this.#history = []
    this.#snapshot = NONE_U64
    this.#newest.last = NONE_U64
    this.joined = false
  }

  /** Fits the snapshot at hand into the history, once an update that follows on it is there. */
  #join(): Break | undefined {
    const id = this.#snapshot
    if (id === NONE_U64) return undefined
    const range = this.#rule === Integrity.range
    const next = this.#history.find((update) => (range ? update.last > id : update.last >= id))
    if (next === undefined) return undefined
    this.#snapshot = NONE_U64
    if (range ? next.first <= id + 1n : next.first <= id || next.previous <= id) {
      this.checked++
      this.joined = true
      this.#history = []
      return undefined
    }
    this.stale++
    return { expected: range ? id + 1n : id, received: next.first }
  }
}

/** Continuity of a connection whose venue numbers every frame: each is the one before plus 1. */
export class SequenceContinuity {
  checked = 0
  broken = 0
  #last = NONE_U64

  /** What next() would say. */
  peek(sequence: bigint): Break | undefined {
    const expected = this.#last + 1n
    return this.#last === NONE_U64 || sequence === expected ? undefined : { expected, received: sequence }
  }

  /** Takes the next frame's number; returns the break if it does not follow on the one before. */
  next(sequence: bigint): Break | undefined {
    const missing = this.peek(sequence)
    if (this.#last !== NONE_U64) this.checked++
    if (missing !== undefined) this.broken++
    this.#last = sequence
    return missing
  }

  reset(): void {
    this.#last = NONE_U64
  }
}
