import { describe, expect, it } from 'vitest'
import { BookBuilder } from '../../src/integrity/book-builder.ts'
import { Flag, Integrity, NONE_U64 } from '../../src/records/layout.ts'

interface Given {
  ids?: [first: number, last: number, previous?: number]
  bids?: [price: number, size: number][]
  asks?: [price: number, size: number][]
  flags?: number
  /** Not the last part of its event. */
  more?: boolean
}

function builder(integrity: Integrity, bookDepth = 0): { b: BookBuilder; feed: (given: Given) => boolean } {
  const b = new BookBuilder({ integrity, bookDepth, priceDecimals: 0, sizeDecimals: 0 })
  const feed = ({ ids, bids = [], asks = [], flags = 0, more = false }: Given): boolean => {
    const mantissas = BigInt64Array.from([...bids, ...asks].flat().map(BigInt))
    return b.record({
      flags: flags | (more ? 0 : Flag.last),
      first: ids === undefined ? NONE_U64 : BigInt(ids[0]),
      last: ids === undefined ? NONE_U64 : BigInt(ids[1]),
      previous: ids?.[2] === undefined ? NONE_U64 : BigInt(ids[2]),
      words: new Int32Array(mantissas.buffer),
      at: 0,
      bidCount: bids.length,
      askCount: asks.length,
    })
  }
  return { b, feed }
}

const REST = Flag.snapshot | Flag.rest

function bids(b: BookBuilder): [number, number][] {
  return [...b.book.bids.levels()].map(({ price, size }) => [Number(price), Number(size)])
}

describe('a book of a venue with snapshots in its stream', () => {
  it('is in sync from the snapshot on', () => {
    const { b, feed } = builder(Integrity.none, 2)
    expect(feed({ bids: [[10, 1]] })).toBe(false)
    expect(b.book.bids.count).toBe(0)
    expect(
      feed({
        flags: Flag.snapshot,
        bids: [
          [9, 1],
          [8, 1],
        ],
      }),
    ).toBe(true)
    expect(feed({ bids: [[10, 5]] })).toBe(true)
    expect(bids(b)).toEqual([
      [10, 5],
      [9, 1],
    ])
  })

  it('waits for the last part of a snapshot that is split', () => {
    const { b, feed } = builder(Integrity.connectionSequence)
    expect(feed({ flags: Flag.snapshot, bids: [[9, 1]], more: true })).toBe(false)
    expect(feed({ flags: Flag.snapshot, bids: [[8, 1]] })).toBe(true)
    expect(bids(b)).toEqual([
      [9, 1],
      [8, 1],
    ])
  })

  it('is out of sync after a gap until the next snapshot', () => {
    const { b, feed } = builder(Integrity.none)
    feed({ flags: Flag.snapshot, bids: [[9, 1]] })
    b.gap()
    expect(b.inSync).toBe(false)
    expect(feed({ bids: [[10, 1]] })).toBe(false)
    expect(feed({ flags: Flag.snapshot, bids: [[7, 1]] })).toBe(true)
    expect(bids(b)).toEqual([[7, 1]])
  })

  it('does not trust updates that the feed marked as doubtful', () => {
    const { feed } = builder(Integrity.none)
    feed({ flags: Flag.snapshot, bids: [[9, 1]] })
    expect(feed({ flags: Flag.maybeBadBook, bids: [[10, 1]] })).toBe(false)
  })
})

describe('a book of Binance spot', () => {
  it('joins a snapshot with the updates that were kept, without those it holds already', () => {
    const { b, feed } = builder(Integrity.range)
    feed({ ids: [5, 9], bids: [[1, 1]] })
    feed({ ids: [10, 12], bids: [[2, 1]] })
    feed({ ids: [13, 15], bids: [[3, 0]] })
    expect(
      feed({
        ids: [11, 11],
        flags: REST,
        bids: [
          [3, 3],
          [4, 4],
        ],
      }),
    ).toBe(true)
    expect(bids(b)).toEqual([
      [4, 4],
      [2, 1],
    ])
    expect(feed({ ids: [16, 16], bids: [[4, 0]] })).toBe(true)
    expect(bids(b)).toEqual([[2, 1]])
  })

  it('waits for the first update behind a snapshot that came early', () => {
    const { b, feed } = builder(Integrity.range)
    expect(feed({ ids: [20, 20], flags: REST, bids: [[3, 3]] })).toBe(false)
    expect(feed({ ids: [15, 19], bids: [[3, 1]] })).toBe(false)
    expect(bids(b)).toEqual([[3, 3]])
    expect(feed({ ids: [20, 22], bids: [[2, 2]] })).toBe(true)
    expect(bids(b)).toEqual([
      [3, 3],
      [2, 2],
    ])
  })

  it('refuses a snapshot that the kept updates do not reach back to, and takes the next', () => {
    const { feed } = builder(Integrity.range)
    feed({ ids: [10, 12], bids: [[2, 1]] })
    expect(feed({ ids: [5, 5], flags: REST, bids: [[3, 3]] })).toBe(false)
    expect(feed({ ids: [11, 11], flags: REST, bids: [[3, 3]] })).toBe(true)
  })

  it('is out of sync when an id is missing and joins the next snapshot', () => {
    const { b, feed } = builder(Integrity.range)
    feed({ ids: [10, 12] })
    feed({ ids: [11, 11], flags: REST, bids: [[3, 3]] })
    expect(feed({ ids: [14, 14], bids: [[9, 9]] })).toBe(false)
    expect(feed({ ids: [15, 15], bids: [[8, 8]] })).toBe(false)
    expect(feed({ ids: [13, 13], flags: REST, bids: [[5, 5]] })).toBe(true)
    expect(bids(b)).toEqual([
      [9, 9],
      [8, 8],
      [5, 5],
    ])
  })

  it('takes all parts of an update that is split', () => {
    const { b, feed } = builder(Integrity.range)
    feed({ ids: [10, 12] })
    feed({ ids: [12, 12], flags: REST })
    feed({ ids: [13, 13], bids: [[2, 1]], more: true })
    feed({ ids: [13, 13], bids: [[1, 1]] })
    expect(feed({ ids: [14, 14] })).toBe(true)
    expect(bids(b)).toEqual([
      [2, 1],
      [1, 1],
    ])
  })

  it('keeps a book that is in sync when an older snapshot comes', () => {
    const { b, feed } = builder(Integrity.range)
    feed({ ids: [10, 12], bids: [[2, 1]] })
    feed({ ids: [11, 11], flags: REST })
    expect(feed({ ids: [9, 9], flags: REST, bids: [[7, 7]] })).toBe(true)
    expect(bids(b)).toEqual([[2, 1]])
    expect(feed({ ids: [13, 13] })).toBe(true)
  })

  it('brings kept updates to the decimals of a newer definition', () => {
    const { b, feed } = builder(Integrity.range)
    feed({ ids: [10, 12], bids: [[2, 1]] })
    b.define({ integrity: Integrity.range, bookDepth: 0, priceDecimals: 2, sizeDecimals: 1 })
    feed({ ids: [11, 11], flags: REST, bids: [[300, 30]] })
    expect(bids(b)).toEqual([
      [300, 30],
      [200, 10],
    ])
  })
})

describe('a book whose definition has fewer decimals than before', () => {
  const rules = { integrity: Integrity.range, bookDepth: 0, priceDecimals: 0, sizeDecimals: 0 }
  const wider = { ...rules, priceDecimals: 2, sizeDecimals: 1 }

  it('goes on when no digit is lost, with its kept updates', () => {
    const { b, feed } = builder(Integrity.range)
    b.define(wider)
    feed({ ids: [10, 12], bids: [[200, 10]] })
    b.define(rules)
    expect(feed({ ids: [11, 11], flags: REST, bids: [[3, 3]] })).toBe(true)
    b.define(wider)
    b.define(rules)
    expect(b.inSync).toBe(true)
    expect(bids(b)).toEqual([
      [3, 3],
      [2, 1],
    ])
  })

  it.each([
    ['a price', [[201, 10]]],
    ['a size', [[200, 11]]],
  ] as [string, [number, number][]][])('is a gap when %s would lose a digit', (_, levels) => {
    const { b, feed } = builder(Integrity.range)
    b.define(wider)
    expect(feed({ ids: [10, 12], flags: Flag.snapshot, bids: levels })).toBe(true)
    b.define(rules)
    expect([b.inSync, b.book.bids.count]).toEqual([false, 0])
  })
})

describe('a book of Binance futures', () => {
  it('joins at the update that covers the snapshot and follows the previous ids', () => {
    const { b, feed } = builder(Integrity.previous)
    feed({ ids: [90, 95, 89], bids: [[1, 1]] })
    feed({ ids: [98, 105, 95], bids: [[2, 2]] })
    expect(feed({ ids: [100, 100], flags: REST, bids: [[3, 3]] })).toBe(true)
    expect(bids(b)).toEqual([
      [3, 3],
      [2, 2],
    ])
    expect(feed({ ids: [110, 115, 105] })).toBe(true)
    expect(feed({ ids: [120, 125, 118] })).toBe(false)
  })
})
