// Checksums that venues put on their books. Computed from mantissas, live and from stored records alike: a checksum
// that holds proves that every level of the top is exact to the last zero.
import { crc32 } from 'node:zlib'
import type { BookSide, OrderBook } from './order-book.ts'

const DEPTH = 10
/** A mantissa has at most 19 digits; a sign is possible in theory. */
const LEVEL_TEXT_MAX = 2 * 20

/**
 * Kraken's book checksum: CRC-32 (IEEE) over the ten best asks, low to high, then the ten best bids, high to low, each
 * as the price's digits and the size's digits without point and leading zeros. That is the decimal text of the two
 * mantissas; a zero has no digits at all. A side with fewer levels gives what it has.
 *
 * Keeps what it printed: an update below the top costs nothing. One instance a book.
 * Source: docs.kraken.com, "Spot WebSockets book checksum", v1 and v2.
 */
export class Kraken10 {
  readonly #asks: TopText
  readonly #bids: TopText
  #asksCrc: number
  #crc: number

  constructor(book: OrderBook) {
    this.#asks = new TopText(book.asks)
    this.#bids = new TopText(book.bids)
    this.#asksCrc = crc32(this.#asks.text())
    this.#crc = crc32(this.#bids.text(), this.#asksCrc)
  }

  /** The checksum of the book as it is now, unsigned. */
  value(): number {
    const asks = this.#asks.update()
    if (asks) this.#asksCrc = crc32(this.#asks.text())
    if (this.#bids.update() || asks) this.#crc = crc32(this.#bids.text(), this.#asksCrc)
    return this.#crc
  }
}

/** Kraken10 for one question: nothing is kept, and the book's takeChanged() is left alone. */
export function kraken10(book: OrderBook): number {
  return crc32(new TopText(book.bids).text(), crc32(new TopText(book.asks).text()))
}

/** Digits of the ten best levels of one side. */
class TopText {
  readonly #side: BookSide
  readonly #bytes = Buffer.alloc(DEPTH * LEVEL_TEXT_MAX)
  /** Where the text of each level ends. */
  readonly #ends = new Int32Array(DEPTH + 1)
  #levels = 0

  constructor(side: BookSide) {
    this.#side = side
    this.#print(0)
  }

  /** True if the text changed. */
  update(): boolean {
    const changed = this.#side.takeChanged()
    if (changed >= DEPTH) return false
    this.#print(Math.min(changed, this.#levels))
    return true
  }

  text(): Buffer {
    return this.#bytes.subarray(0, this.#ends[this.#levels])
  }

  #print(from: number): void {
    const side = this.#side
    const levels = Math.min(side.count, DEPTH)
    let at = this.#ends[from] as number
    for (let i = from; i < levels; i++) {
      at = putDigits(this.#bytes, at, side.word(i, 0), side.word(i, 1))
      at = putDigits(this.#bytes, at, side.word(i, 2), side.word(i, 3))
      this.#ends[i + 1] = at
    }
    this.#levels = levels
  }
}

const SAFE_HIGH = 2 ** 21
const HALF = 100_000_000
const scratch = new BigInt64Array(1)
const scratchWords = new Int32Array(scratch.buffer)

/** Writes the decimal digits of an i64 in two words, nothing for 0; returns the position behind them. */
function putDigits(bytes: Buffer, at: number, low: number, high: number): number {
  if (high < 0 || high >= SAFE_HIGH) {
    scratchWords[0] = low
    scratchWords[1] = high
    return at + bytes.write(magnitude(scratch[0] as bigint).toString(), at, 'latin1')
  }
  // Exact: below 2^53. In two halves, so that the divisions are those of small integers.
  const value = high * 4294967296 + (low >>> 0)
  if (value === 0) return at
  const upper = Math.floor(value / HALF) | 0
  let lower = (value - upper * HALF) | 0
  const end = at + digitsOf(value)
  let to = end
  if (upper !== 0) {
    for (let i = 0; i < 8; i++) {
      const next = (lower / 10) | 0
      bytes[--to] = 0x30 + lower - next * 10
      lower = next
    }
    lower = upper
  }
  while (to > at) {
    const next = (lower / 10) | 0
    bytes[--to] = 0x30 + lower - next * 10
    lower = next
  }
  return end
}

/** The rule leaves the sign out. */
function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value
}

function digitsOf(value: number): number {
  let digits = 1
  for (let power = 10; value >= power; power *= 10) digits++
  return digits
}
