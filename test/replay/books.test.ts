import { describe, expect, it } from 'vitest'
import { openLog } from '../../src/open-log.ts'
import { Flag, GapCause, Integrity } from '../../src/records/layout.ts'
import { HandWriter, NOON, SECOND } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

const REST = Flag.snapshot | Flag.rest

/** Updates newer than the snapshot stand before it; later a gap. */
async function race(directory: string): Promise<void> {
  const hand = new HandWriter(directory)
  const number = hand.instrument(NOON, 'binance:BTCUSDT', { integrity: Integrity.range })
  const at = (second: number): bigint => NOON + BigInt(second) * SECOND
  hand.book(at(1), number, [5, 9], [100, 200])
  hand.book(at(2), number, [10, 12], [150, 201])
  hand.book(at(3), number, [9, 9], [90, 210], REST)
  hand.book(at(4), number, [13, 13], [151, 202])
  hand.gap(at(5), number, GapCause.sequence)
  hand.book(at(6), number, [20, 20], [152, 203])
  await hand.close()
}

describe('the books of a log', () => {
  it('join a snapshot with newer updates that stand before it, and are doubtful after a gap', async () => {
    const directory = temporaryDirectory()
    await race(directory)
    const log = await openLog(directory)
    const steps = Array.from(log.books(), ({ book, inSync, why }) => [
      inSync,
      why,
      inSync ? book.bids.price(0) : undefined,
    ])
    expect(steps).toEqual([
      [false, 'no_snapshot', undefined],
      [false, 'no_snapshot', undefined],
      [true, undefined, 150n],
      [true, undefined, 151n],
      [false, 'gap', undefined],
    ])
    log.close()
  })

  it('are right from the first step of a range that begins after the snapshot', async () => {
    const directory = temporaryDirectory()
    await race(directory)
    const log = await openLog(directory)
    const [first] = log.books({ from: NOON + 4n * SECOND, to: NOON + 5n * SECOND })
    expect([first?.inSync, first?.book.bids.count, first?.book.bids.price(0)]).toEqual([true, 3, 151n])
    log.close()
  })
})
