import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { kraken } from '../../src/feeds/kraken/index.ts'
import {
  BOOK_CHECKSUM,
  ChecksumRule,
  Flag,
  GAP_CAUSE,
  GAP_EXPECTED_ID,
  GAP_RECEIVED_ID,
  GAP_RECORD_TYPE,
  GapCause,
  NONE_I64,
  NONE_U64,
  QUOTE_ASK_PRICE,
  QUOTE_ASK_SIZE,
  QUOTE_BID_PRICE,
  QUOTE_BID_SIZE,
  RecordType,
  TEXT_REASON,
  TextReason,
  TRADE_ID,
  TRADE_KIND,
  TRADE_PRICE,
  TRADE_SIZE,
  TradeKind,
} from '../../src/records/layout.ts'
import { decodeDefinition, levels, type RawRecord } from '../helpers/cells.ts'
import { Bench, has, ofType } from './bench.ts'

const v1 = kraken.adapters[0] as (typeof kraken.adapters)[number]
const PAIR = 'XBT/USD'
const TIME = '1618678133.365913'

type Row = readonly [price: string, volume: string, time?: string, more?: string]

/** Rows as the wire has them. */
function rows(list: readonly Row[]): string[][] {
  return list.map(([price, volume, time = TIME, ...more]) => [price, volume, time, ...(more as string[])])
}

/** Kraken's rule, from text alone: best asks, then best bids, as given. */
function sum(asks: readonly Row[], bids: readonly Row[]): string {
  const digits = (text: string): string => text.replace('.', '').replace(/^0+/, '')
  return String(crc32([...asks, ...bids].map(([price, volume]) => digits(price) + digits(volume)).join('')))
}

const ASKS: Row[] = [
  ['56218.3', '0.15000000'],
  ['56218.4', '0.02970000'],
]
const BIDS: Row[] = [
  ['56210.0', '1.00000000'],
  ['56209.9', '2.50000000'],
]

let bench: Bench

beforeEach(() => {
  bench = new Bench(v1, 'kraken')
  bench.opened(1, 'wss://ws.kraken.com')
})

function snapshot(connection = 1, depth = 10): RawRecord[] {
  return bench.frame(connection, [7, { as: rows(ASKS), bs: rows(BIDS) }, `book-${depth}`, PAIR])
}

function update(payload: object, connection = 1): RawRecord[] {
  return bench.frame(connection, [7, payload, 'book-10', PAIR])
}

describe('a book of Kraken v1', () => {
  it('becomes a definition with the depth of its channel and a snapshot record, bids first', () => {
    const records = snapshot()
    expect(records.map((r) => r.type)).toEqual([RecordType.instrument, RecordType.book])
    expect(decodeDefinition(records[0] as RawRecord)).toMatchObject({
      symbol: PAIR,
      base: 'XBT',
      quote: 'USD',
      adapter: 'kraken-v1',
      priceDecimals: 1,
      sizeDecimals: 8,
      checksumRule: ChecksumRule.kraken10,
      bookDepth: 10,
    })
    const book = records[1] as RawRecord
    expect(has(book, Flag.snapshot)).toBe(true)
    expect(has(book, Flag.checksum)).toBe(false)
    expect(book.tsEvent).toBe(1618678133365913000n)
    expect(levels(book)).toEqual({
      bids: [
        { price: 562100n, size: 100000000n },
        { price: 562099n, size: 250000000n },
      ],
      asks: [
        { price: 562183n, size: 15000000n },
        { price: 562184n, size: 2970000n },
      ],
    })
  })

  it('passes the checksum of an update with both sides in two objects and takes the latest time', () => {
    snapshot()
    const ask: Row = ['56218.2', '3.00000000', '1618678145.920470']
    const bid: Row = ['56210.0', '0.00000000', '1618678145.920708']
    const c = sum([ask, ...ASKS], [BIDS[1] as Row])
    const records = bench.frame(1, [7, { a: rows([ask]) }, { b: rows([bid]), c }, 'book-10', PAIR])
    expect(records).toHaveLength(1)
    expect(records[0]?.u32(BOOK_CHECKSUM)).toBe(Number(c))
    expect(records[0]?.tsEvent).toBe(1618678145920708000n)
    expect(has(records[0], Flag.checksum)).toBe(true)
    expect(has(records[0], Flag.maybeBadBook)).toBe(false)
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 1, checksumsFailed: 0, rejectedFrames: 0 })
  })

  it('takes a republished level as any other', () => {
    snapshot()
    update({ a: rows([['56218.3', '0.15000000', TIME, 'r']]), c: sum(ASKS, BIDS) })
    expect(bench.normalizer.counters.checksumsPassed).toBe(1)
  })

  it('forgets levels below the depth of the channel', () => {
    const asks = Array.from({ length: 10 }, (_, i): Row => [`${100 + i}.0`, '1.00000000'])
    bench.frame(1, [7, { as: rows(asks), bs: [] }, 'book-10', PAIR])
    const better: Row = ['99.0', '1.00000000']
    update({ a: rows([better]), c: sum([better, ...asks.slice(0, 9)], []) })
    // The level at 109.0 is gone for good: it does not come back when there is room again.
    update({ a: rows([['99.0', '0.00000000']]), c: sum(asks.slice(0, 9), []) })
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 2, checksumsFailed: 0 })
  })

  it('dates a new definition when a price has more decimals, and its checksum still holds', () => {
    snapshot()
    const finer: Row = ['56218.25', '1.00000000']
    const records = update({
      a: rows([finer]),
      c: sum(
        [finer, ...ASKS.map(([p, v]): Row => [`${p}0`, v])],
        BIDS.map(([p, v]): Row => [`${p}0`, v]),
      ),
    })
    expect(decodeDefinition(records[0] as RawRecord)).toMatchObject({ priceDecimals: 2, number: 2 })
    expect(records[1]?.instrument).toBe(2)
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 1, checksumsFailed: 0 })
  })
})

describe('a skipped update of Kraken v1', () => {
  const missed: Row = ['56218.0', '1.00000000']
  const next: Row = ['56209.8', '1.00000000']

  function skip(): RawRecord[] {
    snapshot()
    return update({ b: rows([next]), c: sum([missed, ...ASKS], [...BIDS, next]) })
  }

  it('fails the checksum: a gap record stands before the doubtful update', () => {
    const records = skip()
    expect(records.map((r) => r.type)).toEqual([RecordType.gap, RecordType.book])
    const [gap, book] = records as [RawRecord, RawRecord]
    expect(gap.u8(GAP_CAUSE)).toBe(GapCause.checksum)
    expect(gap.u8(GAP_RECORD_TYPE)).toBe(RecordType.book)
    expect(gap.instrument).toBe(book.instrument)
    expect(gap.u64(GAP_EXPECTED_ID)).toBe(BigInt(sum(ASKS, [...BIDS, next])))
    expect(gap.u64(GAP_RECEIVED_ID)).toBe(BigInt(sum([missed, ...ASKS], [...BIDS, next])))
    expect(has(book, Flag.maybeBadBook)).toBe(true)
    expect(bench.normalizer.counters).toMatchObject({ checksumsFailed: 1, gaps: 1 })
  })

  it('asks once for a new subscription of that book', () => {
    skip()
    update({ b: rows([next]), c: '1' })
    const requests = bench.normalizer.takeRequests()
    expect(requests).toHaveLength(1)
    expect(requests[0]).toMatchObject({ kind: 'send', connection: 1 })
    const messages = requests[0]?.kind === 'send' ? requests[0].messages.map((m) => JSON.parse(m)) : []
    expect(messages).toEqual([
      { event: 'unsubscribe', pair: [PAIR], subscription: { name: 'book', depth: 10 } },
      { event: 'subscribe', pair: [PAIR], subscription: { name: 'book', depth: 10 } },
    ])
    expect(bench.normalizer.takeRequests()).toEqual([])
  })

  it('is healed by the next snapshot', () => {
    skip()
    expect(has(update({ b: rows([next]), c: '1' })[0], Flag.maybeBadBook)).toBe(true)
    snapshot()
    const records = update({ b: rows([next]), c: sum(ASKS, [...BIDS, next]) })
    expect(has(records[0], Flag.maybeBadBook)).toBe(false)
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 1, checksumsFailed: 1, gaps: 1 })
  })
})

describe('connections of Kraken v1', () => {
  it('mark an update that came before any snapshot, and do not check it', () => {
    const records = update({ b: rows(BIDS), c: '1' })
    expect(has(ofType(records, RecordType.book)[0], Flag.maybeBadBook)).toBe(true)
    expect(bench.normalizer.counters).toMatchObject({ checksumsFailed: 0, gaps: 0 })
  })

  it('keep a book each', () => {
    snapshot()
    bench.opened(2, 'wss://ws.kraken.com')
    const changed: Row = ['56210.0', '9.00000000']
    update({ b: rows([changed]), c: sum(ASKS, [changed, BIDS[1] as Row]) })
    snapshot(2)
    update({ b: rows([['56209.9', '0.00000000']]), c: sum(ASKS, [BIDS[0] as Row]) }, 2)
    update({ b: rows([['56209.9', '0.00000000']]), c: sum(ASKS, [changed]) })
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 3, checksumsFailed: 0 })
  })

  it('forget their books when they are closed', () => {
    snapshot()
    bench.normalizer.closed(1, 1006, '')
    bench.opened(1, 'wss://ws.kraken.com')
    expect(has(update({ b: rows(BIDS), c: '1' })[0], Flag.maybeBadBook)).toBe(true)
  })
})

describe('trades and tickers of Kraken v1', () => {
  it('keep price, volume, time, aggressor and order type', () => {
    const frame = [
      [
        ['354.11000000', '0.89594024', '1618678142.557535', 's', 'l', ''],
        ['354.55000000', '1.25690315', '1618678145.715785', 'b', 'm', ''],
      ],
    ]
    const trades = ofType(bench.frame(1, [993, ...frame, 'trade', 'XMR/USD']), RecordType.trade)
    expect(trades.map((t) => t.i64(TRADE_PRICE))).toEqual([35411000000n, 35455000000n])
    expect(trades.map((t) => t.i64(TRADE_SIZE))).toEqual([89594024n, 125690315n])
    expect(trades.map((t) => t.u8(TRADE_KIND))).toEqual([TradeKind.limit, TradeKind.market])
    expect(trades.map((t) => [has(t, Flag.buy), has(t, Flag.sell)])).toEqual([
      [false, true],
      [true, false],
    ])
    expect(trades[0]?.tsEvent).toBe(1618678142557535000n)
    expect(trades[0]?.u64(TRADE_ID)).toBe(NONE_U64)
  })

  it('have no extension cell when the order type is not given', () => {
    const trades = ofType(
      bench.frame(1, [993, [['354.11', '1', '1618678142', 's']], 'trade', 'XMR/USD']),
      RecordType.trade,
    )
    expect(trades[0]?.cells).toBe(1)
    expect(has(trades[0], Flag.extension)).toBe(false)
  })

  it('give the best bid and ask with the size of the level, not the whole lots', () => {
    const ticker = { a: ['355.24000000', 27, '27.19106411'], b: ['354.32000000', 6, '6.87748868'], c: ['355.2', '1.2'] }
    const [quote] = ofType(bench.frame(1, [996, ticker, 'ticker', 'XMR/USD']), RecordType.quote)
    expect([QUOTE_BID_PRICE, QUOTE_BID_SIZE, QUOTE_ASK_PRICE, QUOTE_ASK_SIZE].map((at) => quote?.i64(at))).toEqual([
      35432000000n,
      687748868n,
      35524000000n,
      2719106411n,
    ])
    expect(quote?.tsEvent).toBe(NONE_I64)
    expect(quote?.cells).toBe(1)
  })
})

describe('other frames of Kraken v1', () => {
  it.each([
    ['{"event":"heartbeat"}', TextReason.control],
    [
      '{"connectionID":18239578009413566319,"event":"systemStatus","status":"online","version":"1.8.3"}',
      TextReason.control,
    ],
    ['[1,["1.1","1.2","1618678142.5","1","2"],"spread","XBT/USD"]', TextReason.unmapped],
    ['[1,["1618678142.5","1618678143.5","1","2","3","4","5","6",7],"ohlc-1","XBT/USD"]', TextReason.unmapped],
    ['[1,[],"trade","XBT/USD"]', TextReason.unmapped],
    ['[7,{"b":[["1.0","1.0","1618678142.5"]],"c":"1"},"book-10","XBT/USD"', TextReason.unparseable],
    ['[7,{"b":[["1.0","1.0","1618678142.5"]],"c":"1"},"book-10","XBT/U', TextReason.unparseable],
    ['[7,{"b":[["1.0","1.0"]],"c":"1"},"book-10","XBT/USD"]', TextReason.unparseable],
    ['[7,{"b":[["1.0",true,"1618678142.5"]],"c":"1"},"book-10","XBT/USD"]', TextReason.unparseable],
    ['[7,{"b":[["1.0","1.0","1618678142.5"]],"c":"4294967296"},"book-10","XBT/USD"]', TextReason.unparseable],
    ['[7,{"c":"1"},"book-10","XBT/USD"]', TextReason.unparseable],
    ['[7,"book-10","XBT/USD"]', TextReason.unparseable],
    ['["book-10","XBT/USD"]', TextReason.unparseable],
    ['[7,{"b":[["12345678901234567890.5","1","1618678142.5"]]},"book-10","XBT/USD"]', TextReason.unrepresentable],
    ['[]', TextReason.unparseable],
    ['17', TextReason.unparseable],
    ['', TextReason.unparseable],
  ])('%s is kept as text', (frame, reason) => {
    const records = bench.frame(1, frame)
    expect(records.map((r) => r.type)).toEqual([RecordType.text])
    expect(records[0]?.u8(TEXT_REASON)).toBe(reason)
    const rejected = reason === TextReason.unparseable || reason === TextReason.unrepresentable
    expect(bench.normalizer.counters.rejectedFrames).toBe(rejected ? 1 : 0)
  })

  it('with words that are not known make a trade, and are kept beside it', () => {
    const records = bench.frame(1, '[7,[["1","2","1618678142.5","x","t",""]],"trade","XBT/USD"]')
    expect(records.map((r) => r.type)).toEqual([RecordType.instrument, RecordType.trade, RecordType.text])
    expect(records[1]?.u8(TRADE_KIND)).toBe(TradeKind.other)
    expect(has(records[1], Flag.buy) || has(records[1], Flag.sell)).toBe(false)
    expect(bench.warnings).toHaveLength(2)
  })

  it('with sizes that eight decimals do not hold are recorded, and not checked against sums over eight', () => {
    snapshot()
    update({ a: rows([['56218.5', '92233720369.00000000']]), c: '1' })
    expect(ofType(bench.all(), RecordType.text)).toEqual([])
    expect(bench.normalizer.counters).toMatchObject({ checksumsFailed: 0, rejectedFrames: 0, gaps: 0 })
  })

  it('change no book when they are rejected', () => {
    snapshot()
    const good = JSON.stringify([7, { b: rows([['56210.0', '7.00000000']]), c: '1' }, 'book-10', PAIR])
    for (let end = 0; end < good.length; end++) bench.frame(1, good.slice(0, end))
    update({ a: rows([ASKS[0] as Row]), c: sum(ASKS, BIDS) })
    expect(bench.normalizer.counters).toMatchObject({
      checksumsPassed: 1,
      checksumsFailed: 0,
      rejectedFrames: good.length,
    })
  })

  it('warn when the venue refuses a subscription', () => {
    bench.frame(
      1,
      '{"errorMessage":"Currency pair not supported FOO/BAR","event":"subscriptionStatus","pair":"FOO/BAR","status":"error","subscription":{"name":"book"}}',
    )
    expect(bench.warnings).toHaveLength(1)
    expect(bench.warnings[0]).toContain('Currency pair not supported FOO/BAR')
  })

  it('tell the depth of a book before it is used', () => {
    bench.frame(
      1,
      '{"channelID":1,"channelName":"book-100","event":"subscriptionStatus","pair":"XBT/USD","status":"subscribed","subscription":{"depth":100,"name":"book"}}',
    )
    const records = bench.frame(1, [1, [['1.0', '1.0', TIME, 's', 'l', '']], 'trade', PAIR])
    expect(decodeDefinition(ofType(records, RecordType.instrument)[0] as RawRecord).bookDepth).toBe(100)
  })
})

describe('the adapter of Kraken v1', () => {
  it('speaks at the root of the host only', () => {
    for (const url of ['wss://ws.kraken.com', 'wss://ws.kraken.com/']) expect(v1.speaks(url)).toBe(true)
    for (const url of ['wss://ws.kraken.com/v2', '', 'nonsense']) expect(v1.speaks(url)).toBe(false)
  })

  it('subscribes under the names of v1', () => {
    const [plan] = v1.plan([{ symbol: 'BTC/USD', channels: ['book', 'trade'] }], kraken.endpoints)
    expect(plan?.hello.map((m) => JSON.parse(m))).toEqual([
      { event: 'subscribe', reqid: 1, pair: ['XBT/USD'], subscription: { name: 'trade' } },
      { event: 'subscribe', reqid: 2, pair: ['XBT/USD'], subscription: { name: 'book', depth: 1000 } },
    ])
  })

  it('gives the same bytes for the same calls', () => {
    const run = (): Uint8Array => {
      bench = new Bench(v1, 'kraken')
      snapshot()
      update({ b: rows([['1.123', '1']]), c: '1' })
      bench.frame(1, 'garbage')
      return bench.memory.cells().slice()
    }
    expect(run()).toEqual(run())
  })
})
