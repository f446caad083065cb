import { type Table, tableToIPC } from 'apache-arrow'
import { describe, expect, it } from 'vitest'
import { toArrowTable } from '../../src/export/arrow.ts'
import type { ExportWindow } from '../../src/export/source.ts'
import { Flag, GapCause, RecordType, TradeKind } from '../../src/records/layout.ts'
import { book, definition, drop, gap, quote, sourceOf, trade, windowOf } from './records.ts'

const BTC = definition(1, 'binance:BTCUSDT')
const ETH = definition(2, 'binance:ETHUSDT')

/** Values of a column; bigints as they are, null where there is none. */
function column(table: Table, name: string): unknown[] {
  const found = table.getChild(name)
  if (found === null) throw new Error(`no column ${name}`)
  return [...found]
}

const onConnection = (number: number): bigint => BigInt(number) << 48n

describe('columns of trades', () => {
  const source = sourceOf([
    windowOf(
      [BTC],
      [
        trade({ price: 1n, kind: TradeKind.insuranceFund, ids: [0n, 7n, undefined, 2n ** 63n] }),
        trade({ price: 1n }),
        trade({ price: 1n, kind: 99 }),
      ],
    ),
  ])
  const table = toArrowTable(source, 'trade')

  it('have the kind as text, null where the venue gave none, and say so when it is newer than this version', () => {
    expect(column(table, 'kind')).toEqual(['insurance_fund', null, 'unknown'])
  })

  it('tell a kind that the venue has a word of its own for from one that is newer than this version', () => {
    const kinds = [TradeKind.other, 6, 127, 128, 254].map((kind) => trade({ price: 1n, kind }))
    const others = toArrowTable(sourceOf([windowOf([BTC], kinds)]), 'trade')
    expect(column(others, 'kind')).toEqual(['other', 'unknown', 'unknown', 'unknown', 'unknown'])
  })

  it('have the ids of aggregates and orders; 0 is an id', () => {
    expect(column(table, 'first_trade_id')).toEqual([0n, null, null])
    expect(column(table, 'last_trade_id')).toEqual([7n, null, null])
    expect(column(table, 'buyer_order_id')).toEqual([null, null, null])
    expect(column(table, 'seller_order_id')).toEqual([2n ** 63n, null, null])
  })
})

describe('columns of books', () => {
  it('have the checksum only where the venue gave one, and the place of a level on its side', () => {
    const bids: [bigint, bigint][] = [
      [5n, 1n],
      [4n, 1n],
    ]
    const records = [
      book({ bids, asks: [[6n, 1n]], checksum: 0, flags: Flag.checksum }),
      book({ bids: [], asks: [[6n, 1n]], checksum: 17 }),
    ]
    const table = toArrowTable(sourceOf([windowOf([BTC], records)]), 'book')
    expect(column(table, 'checksum')).toEqual([0, 0, 0, null])
    expect(column(table, 'level')).toEqual([0, 1, 0, 0])
    expect(column(table, 'sequence')).toEqual([null, null, null, null])
  })
})

describe('segment and record', () => {
  it('are unique over days, where the number alone is not', () => {
    const day = (segment: number): ExportWindow => ({
      ...windowOf([BTC], [trade({ price: 1n }), trade({ price: 2n })]),
      segment,
    })
    const table = toArrowTable(sourceOf([day(0), day(1)]), 'trade')
    expect(column(table, 'record')).toEqual([0n, 1n, 0n, 1n])
    expect(column(table, 'segment')).toEqual([
      '2024-08-08.main.000',
      '2024-08-08.main.000',
      '2024-08-09.main.000',
      '2024-08-09.main.000',
    ])
  })
})

describe('quality', () => {
  it('names what is known against a row', () => {
    const records = [
      quote({}),
      quote({ flags: Flag.maybeBadBook }),
      quote({ flags: Flag.badTsRecv | Flag.maybeBadBook }),
      gap({ cause: GapCause.stop }),
      quote({ flags: Flag.badTsRecv }),
      quote({}),
    ]
    expect(column(toArrowTable(sourceOf([windowOf([BTC], records)]), 'quote'), 'quality')).toEqual([
      'ok',
      'maybe_bad_book',
      'maybe_bad_book+bad_ts_recv',
      'bad_ts_recv+after_gap',
      'ok',
    ])
  })

  it('is after_gap for every instrument of a connection that was lost, and for no other connection', () => {
    const records = [
      gap({ cause: GapCause.disconnect, frame: onConnection(1) }),
      trade({ price: 1n, frame: onConnection(2), instrument: 2 }),
      trade({ price: 2n, frame: onConnection(1) }),
      trade({ price: 3n, frame: onConnection(1), instrument: 2 }),
      trade({ price: 4n, frame: onConnection(1) }),
    ]
    const table = toArrowTable(sourceOf([windowOf([BTC, ETH], records)]), 'trade')
    expect(column(table, 'quality')).toEqual(['ok', 'after_gap', 'after_gap', 'ok'])
  })

  it('goes over the seam of two batches and of two segments', () => {
    const many = Array.from({ length: 1 << 10 }, () => trade({ price: 1n }))
    const first = windowOf([BTC], [...many, gap({ cause: GapCause.stop })])
    const second = { ...windowOf([definition(9, BTC.key)], [trade({ price: 1n, instrument: 9 })]), segment: 1 }
    const filling = Array.from({ length: 1023 }, () => windowOf([BTC], many))
    const table = toArrowTable(sourceOf([...filling, first, second]), 'trade')
    expect(table.batches).toHaveLength(2)
    expect(table.getChild('quality')?.get((1 << 20) - 1)).toBe('ok')
    expect(table.getChild('quality')?.get(1 << 20)).toBe('after_gap')
  })

  it('is not after_gap in one journal for a gap of another', () => {
    const lost = { ...windowOf([BTC], [gap({ cause: GapCause.stop })]), journal: 1 }
    const table = toArrowTable(sourceOf([lost, windowOf([BTC], [trade({ price: 1n })])]), 'trade')
    expect(column(table, 'quality')).toEqual(['ok'])
  })
})

describe('gaps and drops', () => {
  const records = [
    trade({ price: 1n }),
    gap({ cause: GapCause.sequence, instrument: 1, recordType: RecordType.book, expected: 0n, frame: onConnection(3) }),
    gap({ cause: 200 }),
    drop({ cause: GapCause.overflow, count: 12n, instrument: 1 }),
  ]
  const source = sourceOf([windowOf([BTC], records)])

  it('are tables of their own', () => {
    const gaps = toArrowTable(source, 'gap')
    expect(column(gaps, 'cause')).toEqual(['sequence', 'unknown'])
    expect(column(gaps, 'instrument')).toEqual(['binance:BTCUSDT', null])
    expect(column(gaps, 'record_type')).toEqual(['book', null])
    expect(column(gaps, 'expected_id')).toEqual([0n, null])
    expect(column(gaps, 'record')).toEqual([1n, 2n])
    const drops = toArrowTable(source, 'drop')
    expect(column(drops, 'count')).toEqual([12n])
    expect(column(drops, 'cause')).toEqual(['overflow'])
    expect(column(drops, 'ts_first')).toEqual([null])
  })

  it('can be written when there are none', () => {
    const none = toArrowTable(sourceOf([windowOf([BTC], [])]), 'drop')
    expect([none.numRows, tableToIPC(none).length > 0]).toEqual([0, true])
  })
})
