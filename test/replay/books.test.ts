import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Definition } from '../../src/feeds/instruments.ts'
import { openLog } from '../../src/open-log.ts'
import { ConnectionEvent, Flag, GapCause, Integrity } from '../../src/records/layout.ts'
import type { BookStep, BooksQuery } from '../../src/replay/books.ts'
import { DAY, HandWriter, NOON, SECOND } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const REST = Flag.snapshot | Flag.rest
const at = (second: number): bigint => NOON + BigInt(second) * SECOND

/** A directory with one journal of hand-written records of binance:BTCUSDT. */
async function written(write: (hand: HandWriter, number: number) => void, definition: Partial<Definition> = {}) {
  const directory = temporaryDirectory()
  const hand = new HandWriter(directory)
  write(hand, hand.instrument(NOON, 'binance:BTCUSDT', { integrity: Integrity.range, ...definition }))
  await hand.close()
  return directory
}

async function stepsOf<T>(directory: string, read: (step: BookStep) => T, query: BooksQuery = {}): Promise<T[]> {
  const log = await openLog(directory)
  try {
    return Array.from(log.books(query), read)
  } finally {
    log.close()
  }
}

/** What a step says, as plain values that outlive it. */
function told({ tsRecv, instrument, connection, lastUpdateId, book, inSync, why }: BookStep) {
  return { tsRecv, instrument, connection, lastUpdateId, book: book.toJSON(), inSync, why }
}

const briefly = ({ inSync, why, book }: BookStep) => [why?.code, inSync ? book.bids.priceText(0) : undefined]

/** Updates newer than the snapshot stand before it; later a gap. */
function race(hand: HandWriter, number: number): void {
  hand.book(at(1), number, [5, 9], [100, 200])
  hand.book(at(2), number, [10, 12], [150, 201])
  hand.book(at(3), number, [9, 9], [90, 210], REST)
  hand.book(at(4), number, [13, 13], [151, 202])
  hand.gap(at(5), number, GapCause.sequence)
  hand.book(at(6), number, [20, 20], [152, 203])
}

describe('the books of a log', () => {
  it('join a snapshot with newer updates that stand before it, and are doubtful from a gap on', async () => {
    expect(await stepsOf(await written(race), briefly)).toEqual([
      ['no_snapshot', undefined],
      ['no_snapshot', undefined],
      [undefined, '1.50'],
      [undefined, '1.51'],
      ['gap', undefined],
      ['gap', undefined],
    ])
  })

  it('say at once that something is missing, since when and why, with an empty book', async () => {
    const steps = await stepsOf(await written(race), told)
    expect(steps[4]).toMatchObject({
      tsRecv: at(5),
      lastUpdateId: null,
      book: { bids: [], asks: [] },
      why: {
        code: 'gap',
        since: at(5),
        cause: 'sequence',
        text: 'something is missing; a new snapshot is needed (sequence)',
      },
    })
    expect(steps[5]?.why?.since).toBe(at(5))
    expect(steps.map(({ lastUpdateId }) => lastUpdateId)).toEqual([null, null, 12n, 13n, null, null])
  })

  it('wait for an update after a snapshot that is newer than all, and need another one when it was too old', async () => {
    const directory = await written((hand, number) => {
      hand.book(at(1), number, [5, 9], [100, 200])
      hand.book(at(2), number, [11, 11], [90, 210], REST)
      hand.book(at(3), number, [10, 12], [150, 201])
      hand.gap(at(4), number, GapCause.disconnect)
      hand.book(at(5), number, [40, 40], [90, 210], REST)
      hand.book(at(6), number, [50, 51], [150, 201])
    })
    expect(await stepsOf(directory, briefly)).toEqual([
      ['no_snapshot', undefined],
      ['waiting_for_join', undefined],
      [undefined, '1.50'],
      ['gap', undefined],
      ['waiting_for_join', undefined],
      ['no_snapshot', undefined],
    ])
  })

  it('are not in sync while the best bid is not below the best ask', async () => {
    const directory = await written(
      (hand, number) => {
        hand.book(at(1), number, [1, 1], [100, 200], Flag.snapshot)
        hand.book(at(2), number, [2, 2], [200, 210])
        hand.book(at(3), number, [3, 3], [201, 220])
      },
      { integrity: Integrity.none },
    )
    const steps = await stepsOf(directory, ({ inSync, why }) => [inSync, why?.code, why?.since])
    expect(steps).toEqual([
      [true, undefined, undefined],
      [false, 'crossed', at(2)],
      [false, 'crossed', at(2)],
    ])
  })

  it('are in doubt after an update that does not follow, after a mark of the recorder, and at the end of a connection', async () => {
    const directory = await written((hand, number) => {
      hand.connection(at(0), 1, ConnectionEvent.open)
      hand.book(at(1), number, [1, 9], [100, 200], Flag.snapshot)
      hand.book(at(2), number, [12, 12], [101, 200])
      hand.book(at(3), number, [1, 20], [100, 200], Flag.snapshot)
      hand.book(at(4), number, [21, 21], [101, 200], Flag.maybeBadBook)
      hand.book(at(5), number, [1, 30], [100, 200], Flag.snapshot)
      hand.connection(at(6), 1, ConnectionEvent.close)
    })
    expect(await stepsOf(directory, ({ why }) => why?.code)).toEqual([
      undefined,
      'not_continuous',
      undefined,
      'maybe_bad_book',
      undefined,
      'connection',
    ])
  })

  it('pass over the best levels that a venue sends beside its changes', async () => {
    const directory = await written((hand, number) => {
      hand.book(at(1), number, [1, 9], [100, 200], Flag.snapshot)
      hand.book(at(2), number, [50, 50], [300, 400], Flag.snapshot | Flag.top)
      hand.book(at(3), number, [10, 10], [101, 201])
    })
    expect(await stepsOf(directory, briefly)).toEqual([
      [undefined, '1.00'],
      [undefined, '1.01'],
    ])
  })

  it('hold as many levels as are asked for, as exact numbers, and keep them in a copy', async () => {
    const directory = await written((hand, number) => {
      hand.book(at(1), number, [1, 9], [100, 200], Flag.snapshot)
      hand.book(at(2), number, [10, 10], [101, 199])
      hand.book(at(3), number, [11, 11], [102, 198])
    })
    const copies = await stepsOf(directory, ({ book }) => book.copy(), { depth: 2 })
    expect(copies.map((book) => book.toJSON().bids)).toEqual([
      [['1.00', '0.001']],
      [
        ['1.01', '0.001'],
        ['1.00', '0.001'],
      ],
      [
        ['1.02', '0.001'],
        ['1.01', '0.001'],
      ],
    ])
    const last = copies[2]
    expect([...(last?.asks.levels() ?? [])]).toEqual([
      { price: 198n, size: 1n },
      { price: 199n, size: 1n },
    ])
    expect([last?.asks.priceDecimal(0).toString(), last?.asks.sizeDecimal(0).toString()]).toEqual(['1.98', '0.001'])
    expect(() => last?.asks.price(2)).toThrow(RangeError)
    expect(last?.crossed).toBe(false)
  })

  it.each([0, -1, 1.5, Number.NaN, '5' as unknown as number])('refuse the depth %s', async (depth) => {
    const log = await openLog(await written(race))
    expect(() => log.books({ depth })).toThrow(/^depth must be a whole number of levels, at least 1/)
    log.close()
  })
})

/** What can happen to two instruments on two connections, half a day after the other. */
const EVENT = fc.record({
  what: fc.constantFrom(
    'update',
    'update',
    'update',
    'skip',
    'stream',
    'rest',
    'ownRest',
    'gap',
    'lost',
    'open',
    'close',
    'drop',
  ),
  connection: fc.constantFrom(1, 2),
  instrument: fc.constantFrom(0, 1),
  price: fc.integer({ min: 100, max: 120 }),
})

describe('the books of a range', () => {
  it('are those of the whole log from the first step on, wherever the range begins', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(EVENT, { minLength: 6, maxLength: 20 }), async (events) => {
        const directory = temporaryDirectory()
        const hand = new HandWriter(directory)
        const numbers = ['binance:BTCUSDT', 'binance:ETHUSDT'].map((key) =>
          hand.instrument(NOON, key, { integrity: Integrity.range }),
        )
        for (const connection of [1, 2]) hand.connection(NOON, connection, ConnectionEvent.open)
        let id = 10
        for (const [i, { what, connection, instrument, price }] of events.entries()) {
          const ts = NOON + (BigInt(i + 1) * DAY) / 2n
          const number = numbers[instrument] as number
          const prices: [number, number] = [price, price + 50]
          if (what === 'update') hand.book(ts, number, [id + 1, ++id], prices, 0, connection)
          else if (what === 'skip') hand.book(ts, number, [++id + 1, ++id], prices, 0, connection)
          else if (what === 'stream') hand.book(ts, number, [id, id], prices, Flag.snapshot, connection)
          else if (what === 'rest') hand.book(ts, number, [id, id], prices, REST, 0)
          else if (what === 'ownRest') hand.book(ts, number, [id, id], prices, REST, connection)
          else if (what === 'gap') hand.gap(ts, number, GapCause.sequence, connection)
          else if (what === 'lost') hand.gap(ts, 0, GapCause.disconnect, connection)
          else if (what === 'drop') hand.gap(ts, 0, GapCause.overflow, 0)
          else hand.connection(ts, connection, what === 'open' ? ConnectionEvent.open : ConnectionEvent.close)
        }
        await hand.close()
        const all = await stepsOf(directory, told)
        for (const day of [1, 2, 4, 7]) {
          const from = NOON + BigInt(day) * DAY
          const expected = all.filter(({ tsRecv }) => tsRecv >= from)
          const ofOne = expected.filter(({ instrument }) => instrument === 'binance:BTCUSDT')
          expect(await stepsOf(directory, told, { from })).toEqual(expected)
          expect(await stepsOf(directory, told, { from, instruments: ['binance:BTCUSDT'] })).toEqual(ofOne)
        }
      }),
      { numRuns: Number(process.env.TICKFORGE_BOOK_RUNS ?? 15) },
    )
  })

  it('does not read the days before the one in which its books began', async () => {
    const directory = temporaryDirectory()
    const hand = new HandWriter(directory)
    const number = hand.instrument(NOON, 'binance:BTCUSDT', { integrity: Integrity.none })
    for (let day = 0; day < 6; day++) {
      const ts = NOON + BigInt(day) * DAY
      hand.connection(ts, day + 1, ConnectionEvent.open)
      hand.book(ts + SECOND, number, [1, 9], [100 + day, 200], Flag.snapshot, day + 1)
      hand.connection(ts + 2n * SECOND, day + 1, ConnectionEvent.close)
    }
    await hand.close()
    const log = await openLog(directory)
    // Definitions are looked up once, in every day.
    expect(log.instruments).toEqual(['binance:BTCUSDT'])
    const read = log.segments.map((segment) => {
      let windows = 0
      const window = segment.window.bind(segment)
      segment.window = (...args) => {
        windows++
        return window(...args)
      }
      return () => windows
    })
    const instruments = ['binance:BTCUSDT']
    const steps = Array.from(log.books({ from: NOON + 4n * DAY, to: NOON + 5n * DAY, instruments }), briefly)
    expect(steps).toEqual([
      [undefined, '1.04'],
      ['connection', undefined],
    ])
    expect(read.map((windows) => windows() > 0)).toEqual([false, false, false, false, true, false])
    log.close()
  })
})
