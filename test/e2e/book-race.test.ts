// The race that every venue with REST snapshots has: the answer is older than updates that have come meanwhile.
import { describe, expect, it, onTestFinished } from 'vitest'
import { OrderBook } from '../../src/integrity/order-book.ts'
import { Log } from '../../src/open-log.ts'
import { createSimulator } from '../../src/simulate/simulator.ts'
import { eventually } from '../helpers/eventually.ts'
import { readSoFar } from '../helpers/logs.ts'
import { testRecorder } from '../helpers/recorders.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

/** Records a simulated market until updates have followed on the snapshots of all symbols; returns the log. */
async function recorded(venue: string, symbols: string[]): Promise<Log> {
  const simulator = await createSimulator({ venue, symbols, rate: 2000, seed: 5 })
  onTestFinished(() => simulator.close())
  const directory = temporaryDirectory()
  const instruments = symbols.map((symbol) => `${venue}:${symbol}`)
  const { recorder, failed } = testRecorder({ directory, instruments, endpoints: { [venue]: simulator.endpoints } })
  await Promise.race([failed, recorder.start()])
  await eventually('updates after every snapshot', () => {
    const books = readSoFar(directory, { types: ['book'] })
    return instruments.every((instrument) => {
      const own = books.filter((book) => book.instrument === instrument)
      const snapshot = own.findLastIndex((book) => book.snapshot === true)
      return snapshot >= 0 && own.length - snapshot > 5
    })
  })
  await recorder.stop()
  const log = new Log(directory)
  onTestFinished(() => log.close())
  return log
}

/** The best bid and ask of each instrument after applying book records in the order of the log. */
function inLogOrder(log: Log): Map<string, OrderBook> {
  const books = new Map<string, OrderBook>()
  for (const batch of log.replay({ types: ['book'] })) {
    for (const record of batch) {
      if (record.type !== 'book') continue
      const book = books.get(record.instrument) ?? new OrderBook()
      books.set(record.instrument, book)
      if (record.snapshot) book.clear()
      for (let level = 0; level < record.bidCount + record.askCount; level++) {
        const side = level < record.bidCount ? book.bids : book.asks
        side.set(record.levelPriceMantissa(level), record.levelSizeMantissa(level))
      }
    }
  }
  return books
}

/** What can be compared: all levels of a book. */
const levelsOf = ({ bids, asks }: Pick<OrderBook, 'bids' | 'asks'>) => [[...bids.levels()], [...asks.levels()]]

describe.each([
  ['binance', ['BTCUSDT', 'ETHUSDT']],
  ['binance-usdm', ['BTCUSDT', 'ETHUSDT', 'SOLUSDT']],
])('the books of a recording of %s', (venue, symbols) => {
  it('are right although updates newer than a snapshot stand before it', async () => {
    const log = await recorded(venue, symbols)
    const wrong = inLogOrder(log)
    const right = new Map<string, unknown[]>()
    const quotes = new Map<string, string>()
    for (const batch of log.replay({ types: ['quote'] }))
      for (const quote of batch)
        if (quote.type === 'quote')
          quotes.set(`${quote.instrument} ${quote.updateId}`, `${quote.bidPrice} ${quote.askPrice}`)
    let compared = 0
    for (const { instrument, lastUpdateId, book, inSync } of log.books()) {
      if (!inSync) continue
      expect(book.crossed).toBe(false)
      const { bids, asks } = book.copy()
      right.set(instrument, [[...bids.levels()], [...asks.levels()]])
      const quote = quotes.get(`${instrument} ${lastUpdateId}`)
      if (quote === undefined) continue
      expect(`${book.bids.priceText(0)} ${book.asks.priceText(0)}`).toBe(quote)
      compared++
    }
    expect([...right.keys()].sort()).toEqual(log.instruments)
    expect(compared).toBeGreaterThan(0)
    // It is a race: the order of the log alone gives another book.
    expect(
      [...wrong].some(([key, book]) => JSON.stringify(levelsOf(book), text) !== JSON.stringify(right.get(key), text)),
    ).toBe(true)
  })
})

function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
