import { describe, expect, it } from 'vitest'
import { Log, openLog } from '../../src/open-log.ts'
import { GapCause } from '../../src/records/layout.ts'
import type { RecordName } from '../../src/records/record-view.ts'
import { codeThrown } from '../helpers/error-codes.ts'
import { DAY, HandWriter, NOON, readAll, replayed, SECOND, tradeIds } from '../helpers/logs.ts'
import { sharedDirectory, temporaryDirectory } from '../helpers/temporary.ts'

/** A log of trades: each group becomes one block of the segment. */
async function blocksOf(
  directory: string,
  groups: readonly (readonly bigint[])[],
  name = 'main',
  key = 'binance:BTCUSDT',
): Promise<void> {
  const hand = new HandWriter(directory, { name })
  let id = 0
  for (const group of groups) {
    for (const ts of group) hand.trade(ts, hand.instrument(ts, key), ++id)
    await hand.journal.flush()
  }
  await hand.close()
}

const at = (...seconds: number[]): bigint[] => seconds.map((second) => NOON + BigInt(second) * SECOND)

describe('a range of a log', async () => {
  const directory = sharedDirectory()
  await blocksOf(directory, [at(0, 1, 2), at(3, 4), at(5, 5, 6), at(7, 8, 9)])
  const log = await openLog(directory)

  it('begins with its first time and ends before its last', () => {
    const [from, to] = [NOON + 3n * SECOND, NOON + 7n * SECOND]
    expect(tradeIds(log, { from, to })).toEqual([4, 5, 6, 7, 8])
    expect(tradeIds(log, { from: from + 1n, to })).toEqual([5, 6, 7, 8])
    expect(tradeIds(log, { from: from - 1n, to })).toEqual([4, 5, 6, 7, 8])
    expect(tradeIds(log, { from, to: to + 1n })).toEqual([4, 5, 6, 7, 8, 9])
    expect(tradeIds(log, { from, to: to - 1n })).toEqual([4, 5, 6, 7, 8])
  })

  it('and the one behind it hold every record exactly once, wherever the edge lies', () => {
    const all = Array.from({ length: 11 }, (_, i) => i + 1)
    for (let edge = NOON - SECOND; edge <= NOON + 10n * SECOND; edge += SECOND / 2n) {
      for (const cut of [edge - 1n, edge, edge + 1n]) {
        expect([...tradeIds(log, { to: cut }), ...tradeIds(log, { from: cut })]).toEqual(all)
      }
    }
  })

  it('takes times as ISO text, integer text, bigint and Date', () => {
    const ids = tradeIds(log, { from: NOON + 3n * SECOND })
    for (const from of [
      '2024-08-08T12:00:03Z',
      '2024-08-08T12:00:03.000000000Z',
      String(NOON + 3n * SECOND),
      new Date('2024-08-08T12:00:03Z'),
    ]) {
      expect(tradeIds(log, { from })).toEqual(ids)
    }
    expect(tradeIds(log, { from: '2024-08-08T12:00:03.000000001Z' })).toEqual(ids.slice(1))
  })

  it('may be empty: between two records, of no length, or outside of the log', () => {
    expect(replayed(log, { from: NOON + 3n * SECOND + 1n, to: NOON + 4n * SECOND })).toEqual([])
    expect(replayed(log, { from: NOON + 3n * SECOND, to: NOON + 3n * SECOND })).toEqual([])
    expect(replayed(log, { from: NOON + DAY })).toEqual([])
    expect(replayed(log, { to: NOON - DAY })).toEqual([])
  })

  it('that makes no sense is refused before anything is read', () => {
    expect(codeThrown(() => log.replay({ from: NOON + 1n, to: NOON }))).toBe('TF_BAD_RANGE')
    expect(codeThrown(() => log.replay({ from: 'yesterday' }))).toBe('TF_BAD_TIME')
    expect(codeThrown(() => log.replay({ to: '2024-02-30' }))).toBe('TF_BAD_TIME')
    expect(codeThrown(() => log.replay({ instruments: ['binance:BTCUSDC'] }))).toBe('TF_UNKNOWN_INSTRUMENT')
    expect(codeThrown(() => log.replay({ types: ['trades' as RecordName] }))).toBe('TF_USAGE')
  })

  it('is the same by for, by for await, and when it is read again', async () => {
    const batches = log.replay({ types: ['trade'] })
    const prices = (): string[] =>
      [...batches].flatMap((batch) => Array.from(batch, (r) => (r.type === 'trade' ? r.price : '')))
    const waited: string[] = []
    for await (const batch of batches) for (const r of batch) if (r.type === 'trade') waited.push(r.price)
    expect(prices()).toEqual(waited)
    expect(prices()).toEqual(waited)
    expect(waited).toEqual(['0.01', '0.02', '0.03', '0.04', '0.05', '0.06', '0.07', '0.08', '0.09', '0.10', '0.11'])
  })

  it('yields views that are reused, whose copies stay what they were', () => {
    const [batch] = log.replay({ types: ['trade'] })
    const [views, copies, prices] = [[], [], []] as [unknown[], unknown[], string[]]
    for (const record of batch as Iterable<Parameters<typeof views.push>[0] & { price: string; toJson(): unknown }>) {
      views.push(record)
      copies.push(record.toJson())
      prices.push(record.price)
    }
    expect(new Set(views).size).toBe(1)
    expect(copies.map((copy) => (copy as { price: string }).price)).toEqual(prices)
    expect(new Set(prices).size).toBe(11)
  })

  it('is what toArrow() makes a table of', async () => {
    const range = { from: NOON + 2n * SECOND, to: NOON + 8n * SECOND }
    const table = await log.toArrow({ type: 'trade', ...range })
    const records = replayed(log, { types: ['trade'], ...range })
    expect(table.numRows).toBe(records.length)
    expect([...(table.getChild('trade_id') ?? [])]).toEqual(records.map((record) => BigInt(record.trade_id as string)))
    // Mantissas of the same decimals: 0.04 is 4 at two decimals.
    const prices = [...(table.getChild('price') ?? [])].map((price) => BigInt(String(price)))
    expect(prices).toEqual(records.map((record) => BigInt((record.price as string).replace('.', ''))))
  })
})

describe('segments of one day', () => {
  it('are merged by receive time, with equal times in the order of the segments', async () => {
    const directory = temporaryDirectory()
    await blocksOf(directory, [at(0, 2, 4), at(6, 8)], 'a')
    const hand = new HandWriter(directory, { name: 'b' })
    for (const [i, ts] of at(1, 2, 3, 7, 9).entries()) hand.trade(ts, hand.instrument(ts, 'kraken:BTC/USD'), 101 + i)
    await hand.close()

    const log = new Log(directory)
    expect(log.segments).toHaveLength(2)
    expect(tradeIds(log)).toEqual([1, 101, 2, 102, 103, 3, 4, 104, 5, 105])
    expect(tradeIds(log, { from: NOON + 2n * SECOND, to: NOON + 7n * SECOND })).toEqual([2, 102, 103, 3, 4])
    expect(tradeIds(log, { instruments: ['kraken:BTC/USD'] })).toEqual([101, 102, 103, 104, 105])
    // Definitions are the segment's own: both of them have number 1.
    expect(replayed(log, { types: ['trade'] }).map((record) => record.instrument)).toContain('kraken:BTC/USD')
    log.close()
  })

  it('that are parts of one journal follow each other', async () => {
    const directory = temporaryDirectory()
    await blocksOf(directory, [at(0, 1)])
    const hand = new HandWriter(directory, { newPart: true })
    const number = hand.instrument(NOON + 5n * SECOND, 'binance:BTCUSDT')
    await hand
      .trade(NOON + 5n * SECOND, number, 50)
      .trade(NOON + 6n * SECOND, number, 51)
      .close()
    const log = new Log(directory)
    expect(log.segments.map(({ file }) => file.part)).toEqual([0, 1])
    expect(tradeIds(log)).toEqual([1, 2, 50, 51])
    log.close()
  })
})

describe('a clock that was set back', () => {
  it('leaves the order of arrival as it was, and every range finds its records', async () => {
    const directory = temporaryDirectory()
    await blocksOf(directory, [at(10, 11), at(20, 21), at(5, 6), at(30, 31), at(15, 22), at(40)])
    const log = new Log(directory)
    expect(tradeIds(log)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    const ids = (from: number, to: number): number[] =>
      tradeIds(log, { from: NOON + BigInt(from) * SECOND, to: NOON + BigInt(to) * SECOND })
    expect(ids(5, 7)).toEqual([5, 6])
    expect(ids(0, 11)).toEqual([1, 5, 6])
    expect(ids(15, 23)).toEqual([3, 4, 9, 10])
    expect(ids(30, 41)).toEqual([7, 8, 11])
    expect(ids(41, 99)).toEqual([])
    expect(log.span).toEqual({ from: NOON + 5n * SECOND, to: NOON + 40n * SECOND })
    log.close()
  })

  it('does not take the segment back to the day before', async () => {
    const directory = temporaryDirectory()
    const midnight = NOON + DAY / 2n
    await blocksOf(directory, [[midnight, midnight - SECOND, midnight + SECOND]])
    const log = new Log(directory)
    expect(log.segments.map(({ file }) => file.day)).toEqual(['2024-08-09'])
    expect(tradeIds(log, { to: midnight })).toEqual([2])
    log.close()
  })
})

describe('midnight', () => {
  it('lies between two segments, each of which explains itself', async () => {
    const directory = temporaryDirectory()
    const midnight = NOON + DAY / 2n
    const hand = new HandWriter(directory)
    const number = hand.instrument(midnight - 2n, 'binance:BTCUSDT')
    const other = hand.instrument(midnight - 2n, 'binance:ETHUSDT')
    for (let i = -2; i < 3; i++) hand.trade(midnight + BigInt(i), i === 2 ? other : number, 10 + i)
    await hand.close()

    const log = new Log(directory)
    expect(log.segments.map(({ file }) => file.day)).toEqual(['2024-08-08', '2024-08-09'])
    expect(tradeIds(log)).toEqual([8, 9, 10, 11, 12])
    expect(tradeIds(log, { to: midnight })).toEqual([8, 9])
    expect(tradeIds(log, { from: midnight })).toEqual([10, 11, 12])
    expect(tradeIds(log, { instruments: ['binance:BTCUSDT'], from: midnight })).toEqual([10, 11])
    expect(tradeIds(log, { instruments: ['binance:ETHUSDT'] })).toEqual([12])
    const second = replayed(log, { from: midnight })
    expect(second.slice(0, 3).map(({ type, flags }) => [type, flags.includes('copy')])).toEqual([
      ['segment', false],
      ['instrument', true],
      ['instrument', true],
    ])
    log.close()
  })
})

describe('a filter', async () => {
  const directory = sharedDirectory()
  const hand = new HandWriter(directory)
  const btc = hand.instrument(NOON, 'binance:BTCUSDT')
  const eth = hand.instrument(NOON, 'binance:ETHUSDT')
  hand
    .trade(NOON + 1n, btc, 1)
    .trade(NOON + 2n, eth, 2)
    .quote(NOON + 3n, btc)
    .quote(NOON + 4n, eth)
  hand.gap(NOON + 5n, btc, GapCause.sequence).gap(NOON + 6n, eth, GapCause.sequence)
  hand
    .gap(NOON + 7n, 0, GapCause.disconnect)
    .gap(NOON + 8n, 0, GapCause.stop, 0)
    .text(NOON + 9n, 'hello')
  // More digits date a new definition: the same instrument under another number.
  const finer = hand.instrument(NOON + 10n, 'binance:BTCUSDT', { priceDecimals: 4 })
  hand.trade(NOON + 11n, finer, 3)
  await hand.close()
  const summary = (query: Parameters<typeof readAll>[1]): string[] =>
    readAll(directory, query).map((record) => `${record.type} ${BigInt(record.ts_recv) - NOON}`)

  it('by instrument passes the gaps that concern all of them, and nothing else that names none', () => {
    expect(summary({ instruments: ['binance:BTCUSDT'], from: NOON + 1n })).toEqual([
      'trade 1',
      'quote 3',
      'gap 5',
      'gap 7',
      'gap 8',
      'instrument 10',
      'trade 11',
    ])
    expect(summary({ instruments: ['binance:ETHUSDT'], from: NOON + 1n })).toEqual([
      'trade 2',
      'quote 4',
      'gap 6',
      'gap 7',
      'gap 8',
    ])
  })

  it('by instrument finds it under every number that it had', () => {
    expect(finer).not.toBe(btc)
    const trades = readAll(directory, { instruments: ['binance:BTCUSDT'], types: ['trade'] })
    expect(trades.map((trade) => [trade.instrument, trade.price])).toEqual([
      ['binance:BTCUSDT', '0.01'],
      ['binance:BTCUSDT', '0.0003'],
    ])
  })

  it('by type passes these types only', () => {
    expect(summary({ types: ['gap', 'text'] })).toEqual(['gap 5', 'gap 6', 'gap 7', 'gap 8', 'text 9'])
    expect(summary({ types: ['quote'], instruments: ['binance:ETHUSDT'] })).toEqual(['quote 4'])
    expect(summary({ types: [] })).toEqual([])
  })
})
