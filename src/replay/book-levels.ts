// A book as its readers see it: levels of exact numbers, best first, with the texts of the venue.
import type { Decimal } from 'decimal.js'
import { type BookLevel, type BookSide, OrderBook } from '../integrity/order-book.ts'
import { decimalText, toDecimal } from '../records/decimal-text.ts'
import type { InstrumentDefinition } from '../records/definition.ts'

/** What a definition says of the numbers of a book. */
export type BookNumbers = Pick<InstrumentDefinition, 'priceDecimals' | 'sizeDecimals' | 'pricePrint' | 'sizePrint'>

/** One side of a book. Level 0 is the best one. Methods that take a level throw RangeError for one that is not there. */
export class SideLevels {
  readonly #side: BookSide
  readonly #depth: number
  readonly #numbers: BookNumbers

  constructor(side: BookSide, numbers: BookNumbers, depth: number) {
    this.#side = side
    this.#numbers = numbers
    this.#depth = depth
  }

  /** Number of levels, at most the depth that was asked for. */
  get count(): number {
    return Math.min(this.#side.count, this.#depth)
  }
  /** Mantissa of a level's price: value = mantissa / 10^priceDecimals of the book. */
  price(level: number): bigint {
    return this.#side.price(this.#checked(level))
  }
  /** Mantissa of the total size at a level: value = mantissa / 10^sizeDecimals of the book. */
  size(level: number): bigint {
    return this.#side.size(this.#checked(level))
  }
  /** The price as the venue prints it. */
  priceText(level: number): string {
    return decimalText(this.price(level), this.#numbers.priceDecimals, this.#numbers.pricePrint)
  }
  sizeText(level: number): string {
    return decimalText(this.size(level), this.#numbers.sizeDecimals, this.#numbers.sizePrint)
  }
  priceDecimal(level: number): Decimal {
    return toDecimal(this.price(level), this.#numbers.priceDecimals) as Decimal
  }
  sizeDecimal(level: number): Decimal {
    return toDecimal(this.size(level), this.#numbers.sizeDecimals) as Decimal
  }
  /** Mantissas of all levels, best first. */
  *levels(): IterableIterator<BookLevel> {
    yield* this.#side.levels(this.count)
  }

  #checked(level: number): number {
    if (!(level >= 0 && level < this.count)) throw new RangeError(`level ${level} of a side with ${this.count} levels`)
    return level
  }
}

/** Both sides of a book, not to be changed. It follows the book until the next step; copy() stays as it is. */
export class BookLevels {
  readonly bids: SideLevels
  readonly asks: SideLevels
  readonly #numbers: BookNumbers
  readonly #depth: number

  /** The best `depth` levels of each side. */
  constructor(book: OrderBook, numbers: BookNumbers, depth: number) {
    this.#numbers = numbers
    this.#depth = depth
    this.bids = new SideLevels(book.bids, numbers, depth)
    this.asks = new SideLevels(book.asks, numbers, depth)
  }

  /** Decimals of the mantissas. */
  get priceDecimals(): number {
    return this.#numbers.priceDecimals
  }
  get sizeDecimals(): number {
    return this.#numbers.sizeDecimals
  }
  /** The best bid is not below the best ask. */
  get crossed(): boolean {
    return this.bids.count > 0 && this.asks.count > 0 && this.bids.price(0) >= this.asks.price(0)
  }

  copy(): BookLevels {
    const { priceDecimals, sizeDecimals, pricePrint, sizePrint } = this.#numbers
    const book = new OrderBook()
    book.setDecimals(priceDecimals, sizeDecimals)
    for (const { price, size } of this.bids.levels()) book.bids.set(price, size)
    for (const { price, size } of this.asks.levels()) book.asks.set(price, size)
    return new BookLevels(book, { priceDecimals, sizeDecimals, pricePrint, sizePrint }, this.#depth)
  }

  /** Exact texts, best first: what JSON.stringify() prints. */
  toJSON(): { bids: [price: string, size: string][]; asks: [price: string, size: string][] } {
    const texts = (side: SideLevels): [string, string][] =>
      Array.from({ length: side.count }, (_, level) => [side.priceText(level), side.sizeText(level)])
    return { bids: texts(this.bids), asks: texts(this.asks) }
  }
}
