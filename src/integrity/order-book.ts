// A price-level book over exact i64 mantissas. Kraken's feed checks its checksums with it, `verify` does the same from
// stored records, and users of a replay build books with it. A level is four words, {price low, price high, size low,
// size high}, as in a record (native/format/record.h): no number is ever made a float64 or, on the way in, a bigint.
import { CELL_BYTES, LEVEL_BYTES } from '../records/layout.ts'

const WORDS = LEVEL_BYTES / 4
const CAPACITY_MIN = 64

/** One level as a person reads it: mantissas at the instrument's exponents. */
export interface BookLevel {
  price: bigint
  size: bigint
}

/**
 * One side, best first. Levels lie in the middle of their memory and an insertion moves the shorter end: changes near
 * the top of a deep book are as cheap as a snapshot that arrives best first.
 */
export class BookSide {
  /** Number of levels. */
  count = 0

  #words = new Int32Array(CAPACITY_MIN * WORDS)
  #capacity = CAPACITY_MIN
  #first = CAPACITY_MIN >> 1
  #changed = 0
  /** -1 when the best price is the highest. */
  readonly #order: 1 | -1

  constructor(bids: boolean) {
    this.#order = bids ? -1 : 1
  }

  /** Sets the total size at a price; 0 removes the level. Returns its index from the top, or where it would be. */
  apply(priceLow: number, priceHigh: number, sizeLow: number, sizeHigh: number): number {
    const words = this.#words
    const order = this.#order
    const unsignedLow = priceLow >>> 0
    let from = this.#first
    let to = from + this.count
    while (from < to) {
      const middle = (from + to) >>> 1
      const high = words[middle * WORDS + 1] as number
      const low = (words[middle * WORDS] as number) >>> 0
      const difference = high !== priceHigh ? high - priceHigh : low - unsignedLow
      if (difference === 0) {
        const index = middle - this.#first
        if ((sizeLow | sizeHigh) === 0) {
          this.#remove(index)
        } else {
          words[middle * WORDS + 2] = sizeLow
          words[middle * WORDS + 3] = sizeHigh
          this.#touch(index)
        }
        return index
      }
      if (difference * order < 0) from = middle + 1
      else to = middle
    }
    const index = from - this.#first
    if ((sizeLow | sizeHigh) !== 0) this.#insert(index, priceLow, priceHigh, sizeLow, sizeHigh)
    return index
  }

  /** apply() for `count` levels that lie one after the other in `words`, from word `at` on. */
  applyLevels(words: Int32Array, at: number, count: number): void {
    for (let i = 0, word = at; i < count; i++, word += WORDS) {
      this.apply(words[word] as number, words[word + 1] as number, words[word + 2] as number, words[word + 3] as number)
    }
  }

  /** apply() with bigints. */
  set(price: bigint, size: bigint): void {
    scratch[0] = price
    scratch[1] = size
    this.applyLevels(scratchWords, 0, 1)
  }

  /** Price mantissa of level `index` from the top. */
  price(index: number): bigint {
    return this.#read(index, 0)
  }

  size(index: number): bigint {
    return this.#read(index, 2)
  }

  /** One of the four words of level `index`: 0 and 1 are the price, 2 and 3 the size. Not checked against count. */
  word(index: number, which: number): number {
    return this.#words[(this.#first + index) * WORDS + which] as number
  }

  /** Levels from the best one on. The book must not change meanwhile. */
  *levels(depth: number = this.count): IterableIterator<BookLevel> {
    for (let i = 0; i < depth && i < this.count; i++) yield { price: this.price(i), size: this.size(i) }
  }

  /** Drops what lies below the best `depth` levels. */
  truncate(depth: number): void {
    if (this.count <= depth) return
    this.count = depth
    this.#touch(depth)
  }

  clear(): void {
    this.count = 0
    this.#first = this.#capacity >> 1
    this.#changed = 0
  }

  /**
   * Lowest index that changed since the last call, Infinity if none did. For one caller, which caches what it made of
   * the top.
   */
  takeChanged(): number {
    const changed = this.#changed
    this.#changed = Number.POSITIVE_INFINITY
    return changed
  }

  /** Brings all mantissas to so many more decimals, or fewer. False if one does not fit any more, or loses a digit. */
  scale(morePrice: number, moreSize: number): boolean {
    for (let i = 0; i < this.count; i++) {
      const price = this.price(i)
      const size = this.size(i)
      scratch[0] = price
      scratch[1] = size
      if (!scaleLevels(scratch, morePrice, moreSize)) return false
      this.#words.set(scratchWords, (this.#first + i) * WORDS)
    }
    this.#changed = 0
    return true
  }

  #read(index: number, which: number): bigint {
    if (!(index >= 0 && index < this.count)) throw new RangeError(`level ${index} of a side with ${this.count} levels`)
    scratchWords[0] = this.word(index, which)
    scratchWords[1] = this.word(index, which + 1)
    return scratch[0] as bigint
  }

  #touch(index: number): void {
    if (index < this.#changed) this.#changed = index
  }

  #insert(index: number, priceLow: number, priceHigh: number, sizeLow: number, sizeHigh: number): void {
    let head = index < this.count >> 1
    if (head ? this.#first === 0 : this.#first + this.count === this.#capacity) {
      this.#makeRoom()
      head = index < this.count >> 1
    }
    const words = this.#words
    const first = this.#first
    if (head) {
      words.copyWithin((first - 1) * WORDS, first * WORDS, (first + index) * WORDS)
      this.#first = first - 1
    } else if (index !== this.count) {
      words.copyWithin((first + index + 1) * WORDS, (first + index) * WORDS, (first + this.count) * WORDS)
    }
    const at = (this.#first + index) * WORDS
    words[at] = priceLow
    words[at + 1] = priceHigh
    words[at + 2] = sizeLow
    words[at + 3] = sizeHigh
    this.count++
    this.#touch(index)
  }

  #remove(index: number): void {
    const words = this.#words
    const first = this.#first
    if (index < this.count >> 1) {
      words.copyWithin((first + 1) * WORDS, first * WORDS, (first + index) * WORDS)
      this.#first = first + 1
    } else {
      words.copyWithin((first + index) * WORDS, (first + index + 1) * WORDS, (first + this.count) * WORDS)
    }
    this.count--
    this.#touch(index)
  }

  /** Puts the levels into the middle again, of twice the memory when more than half of it is used. */
  #makeRoom(): void {
    if (this.count * 2 >= this.#capacity) this.#capacity *= 2
    const words = new Int32Array(this.#capacity * WORDS)
    const first = (this.#capacity - this.count) >> 1
    words.set(this.#words.subarray(this.#first * WORDS, (this.#first + this.count) * WORDS), first * WORDS)
    this.#words = words
    this.#first = first
  }
}

/** Both sides, at the exponents of one definition. */
export class OrderBook {
  readonly bids = new BookSide(true)
  readonly asks = new BookSide(false)
  #priceDecimals = 0
  #sizeDecimals = 0

  /**
   * States the decimals of the mantissas that follow. What is in the book is brought to them. False, and the book is
   * empty, when that cannot be: a mantissa does not fit any more, or decimals became fewer. With `mayShrink` they may
   * become fewer, if no mantissa loses a digit by it.
   */
  setDecimals(price: number, size: number, mayShrink = false): boolean {
    const morePrice = price - this.#priceDecimals
    const moreSize = size - this.#sizeDecimals
    if (morePrice === 0 && moreSize === 0) return true
    this.#priceDecimals = price
    this.#sizeDecimals = size
    if (this.bids.count + this.asks.count === 0) return true
    const allowed = mayShrink || (morePrice >= 0 && moreSize >= 0)
    if (allowed && this.bids.scale(morePrice, moreSize) && this.asks.scale(morePrice, moreSize)) return true
    this.clear()
    return false
  }

  /** Takes the levels of a book record: its bids and then its asks, from word `at` of `words` on. */
  applyLevels(words: Int32Array, at: number, bidCount: number, askCount: number): void {
    this.bids.applyLevels(words, at, bidCount)
    this.asks.applyLevels(words, at + bidCount * WORDS, askCount)
  }

  /** Keeps the best `depth` levels of each side; 0 keeps all. */
  truncate(depth: number): void {
    if (depth === 0) return
    this.bids.truncate(depth)
    this.asks.truncate(depth)
  }

  clear(): void {
    this.bids.clear()
    this.asks.clear()
  }
}

/** Word index of a book record's first level, from the record's first word on. */
export function firstLevelWord(extension: boolean): number {
  return (CELL_BYTES / 4) * (extension ? 2 : 1)
}

/** Prices and sizes by turns, in place; false if one does not fit 64 bits any more, or loses a digit. */
export function scaleLevels(mantissas: BigInt64Array, morePrice: number, moreSize: number): boolean {
  return mantissas.every((mantissa, i) => {
    const more = i % 2 === 0 ? morePrice : moreSize
    const factor = 10n ** BigInt(Math.abs(more))
    if (more < 0 && mantissa % factor !== 0n) return false
    const value = more < 0 ? mantissa / factor : mantissa * factor
    mantissas[i] = value
    return mantissas[i] === value
  })
}

const scratch = new BigInt64Array(2)
const scratchWords = new Int32Array(scratch.buffer)
