import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BookSide, OrderBook } from '../../src/integrity/order-book.ts'

const INT64_MAX = 2n ** 63n - 1n

function prices(side: BookSide): bigint[] {
  return [...side.levels()].map((level) => level.price)
}

describe('a side of a book', () => {
  it('keeps bids from the highest price down and asks from the lowest up', () => {
    const book = new OrderBook()
    for (const price of [5n, 1n, 9n, 3n]) {
      book.bids.set(price, 1n)
      book.asks.set(price, 1n)
    }
    expect(prices(book.bids)).toEqual([9n, 5n, 3n, 1n])
    expect(prices(book.asks)).toEqual([1n, 3n, 5n, 9n])
  })

  it('replaces the size of a price it has and removes it at size 0', () => {
    const side = new BookSide(true)
    side.set(7n, 1n)
    side.set(7n, 2n)
    expect([...side.levels()]).toEqual([{ price: 7n, size: 2n }])
    side.set(7n, 0n)
    expect(side.count).toBe(0)
  })

  it('ignores the removal of a price it does not have', () => {
    const side = new BookSide(false)
    side.set(7n, 1n)
    side.set(8n, 0n)
    expect(prices(side)).toEqual([7n])
  })

  it('tells prices apart that a float64 cannot', () => {
    const side = new BookSide(true)
    const price = 2n ** 60n
    for (const distance of [0n, 2n, 1n]) side.set(price + distance, INT64_MAX - distance)
    expect([...side.levels()]).toEqual([
      { price: price + 2n, size: INT64_MAX - 2n },
      { price: price + 1n, size: INT64_MAX - 1n },
      { price, size: INT64_MAX },
    ])
  })

  it('orders negative prices and prices whose low words look negative', () => {
    const side = new BookSide(false)
    for (const price of [2n ** 31n, -1n, 2n ** 32n - 1n, 0n, -(2n ** 40n), 1n]) side.set(price, 1n)
    expect(prices(side)).toEqual([-(2n ** 40n), -1n, 0n, 1n, 2n ** 31n, 2n ** 32n - 1n])
  })

  it('keeps a size whose low word is 0', () => {
    const side = new BookSide(true)
    side.set(1n, 2n ** 32n)
    expect(side.size(0)).toBe(2n ** 32n)
  })

  it('forgets what lies below its depth, also when the space above was free', () => {
    const side = new BookSide(true)
    for (let price = 1n; price <= 300n; price++) side.set(price, price)
    side.truncate(2)
    expect(prices(side)).toEqual([300n, 299n])
    side.set(250n, 1n)
    expect(prices(side)).toEqual([300n, 299n, 250n])
  })

  it('throws for a level that it does not have', () => {
    expect(() => new BookSide(true).price(0)).toThrow(RangeError)
  })

  it('reports the highest level that changed, once', () => {
    const side = new BookSide(false)
    side.takeChanged()
    for (const price of [10n, 20n, 30n, 40n]) side.set(price, 1n)
    expect(side.takeChanged()).toBe(0)
    expect(side.takeChanged()).toBe(Number.POSITIVE_INFINITY)
    side.set(40n, 2n)
    side.set(30n, 0n)
    expect(side.takeChanged()).toBe(2)
  })

  it('equals a sorted map after any sequence of changes', () => {
    const change = fc.record({
      price: fc.bigInt(-40n, 40n),
      size: fc.bigInt(0n, 2n),
      depth: fc.option(fc.nat(60), { freq: 30 }),
    })
    fc.assert(
      fc.property(fc.boolean(), fc.array(change, { maxLength: 400 }), (bids, changes) => {
        const side = new BookSide(bids)
        let model: [bigint, bigint][] = []
        for (const { price, size, depth } of changes) {
          side.set(price, size)
          model = model.filter(([p]) => p !== price)
          if (size !== 0n) model.push([price, size])
          model.sort(([a], [b]) => (a < b === bids ? 1 : -1))
          if (depth !== null) {
            side.truncate(depth)
            model = model.slice(0, depth)
          }
        }
        expect([...side.levels()]).toEqual(model.map(([price, size]) => ({ price, size })))
      }),
      { numRuns: 60 },
    )
  })
})

describe('a book', () => {
  it('takes the levels of a record in place', () => {
    const words = new Int32Array(BigInt64Array.of(0n, 0n, 101n, 5n, 100n, 6n, 102n, 7n).buffer)
    const book = new OrderBook()
    book.applyLevels(words, 4, 2, 1)
    expect([...book.bids.levels()]).toEqual([
      { price: 101n, size: 5n },
      { price: 100n, size: 6n },
    ])
    expect([...book.asks.levels()]).toEqual([{ price: 102n, size: 7n }])
  })

  it('brings its levels to more decimals', () => {
    const book = new OrderBook()
    book.setDecimals(1, 2)
    book.bids.set(15n, 25n)
    expect(book.setDecimals(3, 2)).toBe(true)
    expect([...book.bids.levels()]).toEqual([{ price: 1500n, size: 25n }])
  })

  it('is empty, and says so, when its levels do not fit the new decimals', () => {
    const book = new OrderBook()
    book.bids.set(INT64_MAX / 10n, 1n)
    expect(book.setDecimals(2, 0)).toBe(false)
    expect(book.bids.count).toBe(0)
    book.bids.set(1n, 1n)
    expect(book.setDecimals(1, 0)).toBe(false)
  })

  it('keeps everything at depth 0', () => {
    const book = new OrderBook()
    for (let price = 1n; price <= 5n; price++) book.asks.set(price, 1n)
    book.truncate(0)
    expect(book.asks.count).toBe(5)
    book.truncate(3)
    expect(prices(book.asks)).toEqual([1n, 2n, 3n])
  })
})
