import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BookContinuity, SequenceContinuity } from '../../src/integrity/continuity.ts'
import { Integrity, NONE_U64 } from '../../src/records/layout.ts'

const range = () => new BookContinuity(Integrity.range)
const previous = () => new BookContinuity(Integrity.previous)

describe('BookContinuity of ranges', () => {
  it('accepts updates that follow on each other', () => {
    const book = range()
    for (const [first, last] of [
      [10n, 12n],
      [13n, 13n],
      [14n, 20n],
    ] as const) {
      expect(book.update(first, last, NONE_U64)).toBeUndefined()
    }
    expect([book.checked, book.broken, book.last]).toEqual([2, 0, 20n])
  })

  it('names the number that had to come when an update was skipped, once', () => {
    const book = range()
    book.update(10n, 12n, NONE_U64)
    expect(book.check(15n, NONE_U64)).toEqual({ expected: 13n, received: 15n })
    expect(book.update(15n, 16n, NONE_U64)).toEqual({ expected: 13n, received: 15n })
    expect(book.update(17n, 17n, NONE_U64)).toBeUndefined()
    expect(book.broken).toBe(1)
  })

  it('takes an update that came twice, or out of order, for a break', () => {
    const book = range()
    book.update(10n, 12n, NONE_U64)
    expect(book.update(10n, 12n, NONE_U64)).toEqual({ expected: 13n, received: 10n })
    book.update(13n, 14n, NONE_U64)
    expect(book.update(9n, 9n, NONE_U64)).toEqual({ expected: 15n, received: 9n })
  })

  it('joins a snapshot to the update that spans it', () => {
    for (const id of [9n, 10n, 11n]) {
      const book = range()
      book.update(10n, 12n, NONE_U64)
      expect(book.snapshot(id)).toBeUndefined()
      expect([id, book.joined]).toEqual([id, true])
    }
  })

  it('waits for the update that a snapshot is ahead of', () => {
    const book = range()
    book.update(10n, 12n, NONE_U64)
    expect(book.needsSnapshot).toBe(true)
    expect(book.snapshot(14n)).toBeUndefined()
    expect([book.joined, book.needsSnapshot]).toEqual([false, false])
    book.update(13n, 14n, NONE_U64)
    expect(book.joined).toBe(false)
    book.update(15n, 15n, NONE_U64)
    expect(book.joined).toBe(true)
  })

  it('takes a snapshot that came before the first update', () => {
    const book = range()
    book.snapshot(9n)
    expect(book.update(10n, 12n, NONE_U64)).toBeUndefined()
    expect(book.joined).toBe(true)
  })

  it('says that a snapshot is too old without counting a break, and wants another', () => {
    const book = range()
    book.update(10n, 12n, NONE_U64)
    expect(book.snapshot(8n)).toEqual({ expected: 9n, received: 10n })
    expect([book.joined, book.needsSnapshot, book.broken, book.stale]).toEqual([false, true, 0, 1])
    book.snapshot(12n)
    book.update(13n, 13n, NONE_U64)
    expect([book.joined, book.checked, book.broken]).toEqual([true, 2, 0])
  })

  it('says so too when the update shows it', () => {
    const book = range()
    book.snapshot(8n)
    expect(book.update(10n, 12n, NONE_U64)).toEqual({ expected: 9n, received: 10n })
    expect([book.needsSnapshot, book.broken, book.stale]).toEqual([true, 0, 1])
  })

  it('needs a new snapshot after a break', () => {
    const book = range()
    book.update(10n, 12n, NONE_U64)
    book.snapshot(10n)
    book.update(20n, 21n, NONE_U64)
    expect([book.joined, book.needsSnapshot]).toEqual([false, true])
    book.snapshot(20n)
    expect(book.joined).toBe(true)
  })

  it('stays joined when a snapshot from before is repeated', () => {
    const book = range()
    book.update(10n, 12n, NONE_U64)
    book.snapshot(11n)
    book.update(13n, 14n, NONE_U64)
    expect(book.snapshot(5n)).toBeUndefined()
    expect([book.joined, book.stale]).toEqual([true, 0])
  })

  it('forgets everything on reset', () => {
    const book = range()
    book.update(10n, 12n, NONE_U64)
    book.snapshot(11n)
    book.reset()
    expect([book.joined, book.last]).toEqual([false, NONE_U64])
    expect(book.update(99n, 99n, NONE_U64)).toBeUndefined()
  })

  it('joins a snapshot that comes after thousands of updates', () => {
    const book = range()
    for (let id = 1n; id <= 10_000n; id++) book.update(id, id, NONE_U64)
    expect(book.snapshot(1n)).toBeDefined()
    book.snapshot(9_500n)
    expect(book.joined).toBe(true)
  })

  it('finds exactly the updates that are left out of a stream', () => {
    const widths = fc.array(fc.bigInt({ min: 1n, max: 9n }), { minLength: 3, maxLength: 60 })
    const start = fc.bigInt({ min: 0n, max: 2n ** 63n })
    fc.assert(
      fc.property(start, widths, fc.infiniteStream(fc.nat(5)), (id, sizes, random) => {
        let at = id
        const updates = sizes.map((size) => {
          const first = at
          at += size
          return { first, last: at - 1n }
        })
        const kept = updates.filter((_, i) => i === 0 || (random.next().value as number) !== 0)
        const holes = kept.filter(
          ({ first }, i) => i > 0 && first !== (kept[i - 1] as { last: bigint }).last + 1n,
        ).length
        const book = range()
        const breaks = kept.filter(({ first, last }) => book.update(first, last, NONE_U64) !== undefined).length
        expect([breaks, book.broken, book.checked]).toEqual([holes, holes, kept.length - 1])
      }),
    )
  })
})

describe('BookContinuity of previous ids', () => {
  it('follows the ids that updates name, which leave out numbers', () => {
    const book = previous()
    expect(book.update(100n, 120n, 90n)).toBeUndefined()
    expect(book.update(140n, 150n, 120n)).toBeUndefined()
    expect(book.update(160n, 170n, 155n)).toEqual({ expected: 150n, received: 155n })
  })

  it('joins a snapshot inside an update, at its end, and between two updates of the symbol', () => {
    for (const id of [100n, 110n, 120n, 130n]) {
      const book = previous()
      book.update(100n, 120n, 90n)
      book.update(140n, 150n, 120n)
      expect(book.snapshot(id)).toBeUndefined()
      expect([id, book.joined]).toEqual([id, true])
    }
  })

  it('refuses a snapshot from before the update that the first one follows on', () => {
    const book = previous()
    book.update(100n, 120n, 90n)
    expect(book.snapshot(89n)).toEqual({ expected: 89n, received: 100n })
    expect(book.joined).toBe(false)
  })
})

describe('a snapshot in the stream', () => {
  const rules = [Integrity.range, Integrity.previous]
  const next = (last: bigint): [bigint, bigint, bigint] => [last + 1n, last + 5n, last]

  it.each(rules)('begins the chain of rule %i, whatever came before, and needs no join', (rule) => {
    const continuity = new BookContinuity(rule)
    continuity.update(...next(0n))
    continuity.streamSnapshot(500n)
    expect({ joined: continuity.joined, needs: continuity.needsSnapshot, last: continuity.last }).toEqual({
      joined: true,
      needs: false,
      last: 500n,
    })
    expect(continuity.update(...next(500n))).toBeUndefined()
    expect(continuity.update(...next(600n))).toEqual(
      rule === Integrity.range ? { expected: 506n, received: 601n } : { expected: 505n, received: 600n },
    )
    expect({ checked: continuity.checked, broken: continuity.broken }).toEqual({ checked: 2, broken: 1 })
  })

  it.each(rules)('without an id lets the next update of rule %i give the first number', (rule) => {
    const continuity = new BookContinuity(rule)
    continuity.update(...next(0n))
    continuity.streamSnapshot(NONE_U64)
    expect([continuity.update(...next(90n)), continuity.update(...next(95n))]).toEqual([undefined, undefined])
    expect({ checked: continuity.checked, broken: continuity.broken }).toEqual({ checked: 1, broken: 0 })
  })

  it.each(rules)('forgets a snapshot of rule %i that waits', (rule) => {
    const continuity = new BookContinuity(rule)
    continuity.update(...next(0n))
    continuity.snapshot(120n)
    continuity.streamSnapshot(100n)
    continuity.update(...next(100n))
    expect({ checked: continuity.checked, stale: continuity.stale }).toEqual({ checked: 1, stale: 0 })
  })
})

describe('SequenceContinuity', () => {
  it('expects each number to be the one before plus one', () => {
    const connection = new SequenceContinuity()
    expect([7n, 8n, 9n].map((n) => connection.next(n))).toEqual([undefined, undefined, undefined])
    expect(connection.next(11n)).toEqual({ expected: 10n, received: 11n })
    expect(connection.next(12n)).toBeUndefined()
    expect([connection.checked, connection.broken]).toEqual([4, 1])
    connection.reset()
    expect(connection.next(0n)).toBeUndefined()
  })
})
