import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Kraken10, kraken10 } from '../../src/integrity/checksum.ts'
import { OrderBook } from '../../src/integrity/order-book.ts'

function bookOf(asks: readonly string[], bids: readonly string[]): OrderBook {
  const book = new OrderBook()
  for (const [side, lines] of [
    [book.asks, asks],
    [book.bids, bids],
  ] as const) {
    for (const line of lines) {
      const [price, size] = line.split(' ').map((text) => BigInt(text.replace('.', '')))
      side.set(price as bigint, size as bigint)
    }
  }
  return book
}

/** Kraken's own words: without points, without leading zeros, one after the other. */
function bySpecification(book: OrderBook): number {
  const text = [...book.asks.levels(10), ...book.bids.levels(10)].map(
    ({ price, size }) => `${price || ''}${size || ''}`,
  )
  return crc32(text.join(''))
}

describe('kraken10', () => {
  it("gives the checksum of the example in Kraken's documentation of v1", () => {
    const asks = ['005', '010', '015', '020', '025', '030', '035', '040', '045', '050'].map(
      (p) => `0.05${p} 0.00000500`,
    )
    const bids = ['5000', '4995', '4990', '4980', '4975', '4970', '4965', '4960', '4955', '4950'].map(
      (p) => `0.0${p} 0.00000500`,
    )
    expect(kraken10(bookOf(asks, bids))).toBe(974947235)
  })

  it("gives the checksum of the example in Kraken's documentation of v2", () => {
    const asks = [
      '45285.2 0.00100000',
      '45286.4 1.54571953',
      '45286.6 1.54571109',
      '45289.6 1.54560911',
      '45290.2 0.15890660',
      '45291.8 1.54553491',
      '45294.7 0.04454749',
      '45296.1 0.35380000',
      '45297.5 0.09945542',
      '45299.5 0.18772827',
    ]
    const bids = [
      '45283.5 0.10000000',
      '45283.4 1.54582015',
      '45282.1 0.10000000',
      '45281.0 0.10000000',
      '45280.3 1.54592586',
      '45279.0 0.07990000',
      '45277.6 0.03310103',
      '45277.5 0.30000000',
      '45277.3 1.54602737',
      '45276.6 0.15445238',
    ]
    expect(kraken10(bookOf(asks, bids))).toBe(3310070434)
  })

  it('takes the levels there are when a side has fewer than ten', () => {
    expect(kraken10(bookOf(['1.1 0.05'], []))).toBe(crc32('115'))
    expect(kraken10(new OrderBook())).toBe(0)
  })

  it('ignores the eleventh level', () => {
    const asks = Array.from({ length: 11 }, (_, i) => `${100 + i} 1`)
    expect(kraken10(bookOf(asks, []))).toBe(kraken10(bookOf(asks.slice(0, 10), [])))
  })

  it('depends on trailing zeros', () => {
    expect(kraken10(bookOf(['1.10 0.05'], []))).not.toBe(kraken10(bookOf(['1.1 0.05'], [])))
  })

  it('prints a zero as nothing and numbers above 2^53 to the last digit', () => {
    const book = new OrderBook()
    book.asks.set(0n, 2n ** 63n - 1n)
    book.asks.set(100_000_000n, 9_007_199_254_740_993n)
    expect(kraken10(book)).toBe(crc32('92233720368547758071000000009007199254740993'))
  })
})

describe('Kraken10', () => {
  it('agrees with the specification after every change of a book', () => {
    const mantissa = fc.oneof(fc.bigInt(1n, 30n), fc.bigInt(99_999_990n, 100_000_010n), fc.bigInt(1n, 2n ** 63n - 1n))
    const change = fc.record({
      bid: fc.boolean(),
      price: mantissa,
      size: fc.oneof(fc.constant(0n), mantissa),
      clear: fc.nat(40),
    })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
        const book = new OrderBook()
        const checksum = new Kraken10(book)
        for (const { bid, price, size, clear } of changes) {
          if (clear === 0) book.clear()
          const side = bid ? book.bids : book.asks
          side.set(price, size)
          book.truncate(12)
          expect(checksum.value()).toBe(bySpecification(book))
          expect(kraken10(book)).toBe(bySpecification(book))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('follows a book whose decimals grow', () => {
    const book = bookOf(['1.5 2'], ['1.4 3'])
    const checksum = new Kraken10(book)
    expect(checksum.value()).toBe(crc32('152143'))
    book.setDecimals(1, 1)
    expect(checksum.value()).toBe(crc32('1502014030'))
  })
})
