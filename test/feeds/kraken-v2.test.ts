import { crc32 } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { kraken } from '../../src/feeds/kraken/index.ts'
import {
  ChecksumRule,
  Flag,
  GAP_CAUSE,
  GapCause,
  NONE_I64,
  PrintRule,
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

const v2 = kraken.adapters[1] as (typeof kraken.adapters)[number]
const SYMBOL = 'BTC/USD'
const TIME = '2023-10-06T17:35:55.440295Z'

const INSTRUMENTS =
  '{"channel":"instrument","type":"snapshot","data":{"assets":[{"id":"USD","status":"enabled","precision":4}],"pairs":[' +
  '{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":1e-8,"price_precision":1,' +
  '"cost_precision":5,"marginable":true,"tick_size":0.1,"price_increment":0.1,"qty_min":0.0001},' +
  '{"symbol":"MATIC/USD","base":"MATIC","quote":"USD","status":"online","qty_precision":8,"qty_increment":0.00000001,' +
  '"price_precision":4,"cost_precision":5,"marginable":false,"price_increment":0.0001,"qty_min":10}]}}'
const ACK =
  '{"method":"subscribe","result":{"channel":"book","depth":25,"snapshot":true,"symbol":"BTC/USD"},"success":true,"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z"}'

/** Levels as JSON text: the digits are what matters. */
function side(list: readonly string[]): string {
  return `[${list.map((level) => `{"price":${level.split(' ')[0]},"qty":${level.split(' ')[1]}}`).join(',')}]`
}

function bookFrame(
  type: string,
  bids: readonly string[],
  asks: readonly string[],
  checksum: number,
  symbol = SYMBOL,
): string {
  return `{"channel":"book","type":"${type}","data":[{"symbol":"${symbol}","bids":${side(bids)},"asks":${side(asks)},"checksum":${checksum},"timestamp":"${TIME}"}]}`
}

/** Of levels in full decimals, best first. */
function sum(asks: readonly string[], bids: readonly string[]): number {
  return crc32(
    [...asks, ...bids]
      .flatMap((level) => level.split(' '))
      .map((text) => text.replace('.', '').replace(/^0+/, ''))
      .join(''),
  )
}

const ASKS = ['45285.2 0.00100000', '45286.4 1.54571953']
const BIDS = ['45283.0 0.10000000', '45282.5 1.00000000']
/** The same as the wire may print it. */
const SHORT_ASKS = ['45285.2 0.001', '45286.4 1.54571953']
const SHORT_BIDS = ['45283 0.1', '45282.5 1.00000000']

let bench: Bench

beforeEach(() => {
  bench = new Bench(v2, 'kraken')
  bench.opened(1, 'wss://ws.kraken.com/v2')
})

function start(): RawRecord[] {
  bench.frame(1, INSTRUMENTS)
  bench.frame(1, ACK)
  return bench.frame(1, bookFrame('snapshot', SHORT_BIDS, SHORT_ASKS, sum(ASKS, BIDS)))
}

describe('a book of Kraken v2', () => {
  it('has the decimals of the instrument channel and the depth of the acknowledgement', () => {
    const records = start()
    expect(records.map((r) => r.type)).toEqual([RecordType.instrument, RecordType.book])
    expect(decodeDefinition(records[0] as RawRecord)).toMatchObject({
      symbol: SYMBOL,
      base: 'BTC',
      quote: 'USD',
      adapter: 'kraken-v2',
      priceDecimals: 1,
      sizeDecimals: 8,
      pricePrint: PrintRule.minimal,
      checksumRule: ChecksumRule.kraken10,
      bookDepth: 25,
      tickSize: 1n,
      lotSize: 1n,
    })
    expect(levels(records[1] as RawRecord)).toEqual({
      bids: [
        { price: 452830n, size: 10000000n },
        { price: 452825n, size: 100000000n },
      ],
      asks: [
        { price: 452852n, size: 100000n },
        { price: 452864n, size: 154571953n },
      ],
    })
    expect(records[1]?.tsEvent).toBe(1696613755440295000n)
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 1, checksumsFailed: 0, textFrames: 1 })
  })

  it('takes numbers with exponents and removes a level at size 0', () => {
    start()
    bench.frame(
      1,
      bookFrame(
        'update',
        ['45283.0 0', '45282.5 1E-8'],
        ['4.52853e4 2e0'],
        sum(['45285.2 0.00100000', '45285.3 2.00000000', ASKS[1] as string], ['45282.5 0.00000001']),
      ),
    )
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 2, checksumsFailed: 0, rejectedFrames: 0 })
  })

  it('counts a failed checksum, writes the gap and subscribes to the book anew, once', () => {
    start()
    const records = bench.frame(1, bookFrame('update', ['45282.5 2'], [], 1))
    expect(records.map((r) => r.type)).toEqual([RecordType.gap, RecordType.book])
    expect(records[0]?.u8(GAP_CAUSE)).toBe(GapCause.checksum)
    expect(has(records[1], Flag.maybeBadBook)).toBe(true)
    bench.frame(1, bookFrame('update', ['45282.5 2'], [], 1))
    const params = { channel: 'book', symbol: [SYMBOL], depth: 25 }
    expect(bench.normalizer.takeRequests()).toEqual([
      {
        kind: 'send',
        connection: 1,
        messages: [
          JSON.stringify({ method: 'unsubscribe', params }),
          JSON.stringify({ method: 'subscribe', params: { ...params, snapshot: true } }),
        ],
      },
    ])
    bench.frame(1, bookFrame('snapshot', SHORT_BIDS, SHORT_ASKS, sum(ASKS, BIDS)))
    bench.frame(1, bookFrame('update', ['45282.5 2'], [], 1))
    expect(bench.normalizer.takeRequests()).toHaveLength(1)
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 2, checksumsFailed: 2, gaps: 2 })
  })

  it('does not ask again for a snapshot that fails its own checksum', () => {
    bench.frame(1, INSTRUMENTS)
    const records = bench.frame(1, bookFrame('snapshot', BIDS, ASKS, 1))
    expect(has(ofType(records, RecordType.book)[0], Flag.maybeBadBook)).toBe(true)
    expect(bench.normalizer.takeRequests()).toEqual([])
    expect(bench.warnings[0]).toContain('fails its own checksum')
  })

  it('checks nothing as long as the decimals are not known', () => {
    const records = bench.frame(1, bookFrame('snapshot', SHORT_BIDS, SHORT_ASKS, sum(ASKS, BIDS)))
    expect(decodeDefinition(records[0] as RawRecord)).toMatchObject({
      checksumRule: ChecksumRule.none,
      bookDepth: 10,
      sizeDecimals: 8,
    })
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 0, checksumsFailed: 0 })
  })

  it('starts checking when they become known, with what is in the book already', () => {
    bench.frame(1, bookFrame('snapshot', ['45283 0.1'], ['45285 0.001'], 5))
    bench.frame(1, INSTRUMENTS)
    const records = bench.frame(1, bookFrame('update', [], [], sum(['45285.0 0.00100000'], ['45283.0 0.10000000'])))
    expect(decodeDefinition(records[0] as RawRecord)).toMatchObject({
      checksumRule: ChecksumRule.kraken10,
      priceDecimals: 1,
      sizeDecimals: 8,
    })
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 1, checksumsFailed: 0 })
  })

  it('stops checking when a number has more decimals than the pair', () => {
    start()
    const records = bench.frame(1, bookFrame('update', ['45282.55 1'], [], 1))
    expect(decodeDefinition(records[0] as RawRecord)).toMatchObject({
      checksumRule: ChecksumRule.none,
      priceDecimals: 2,
    })
    expect(bench.normalizer.counters.checksumsFailed).toBe(0)
  })

  it('becomes one record for each element of a frame', () => {
    bench.frame(1, INSTRUMENTS)
    const element = (symbol: string): string =>
      `{"symbol":"${symbol}","bids":[],"asks":[{"price":0.5,"qty":1}],"checksum":0}`
    const records = bench.frame(
      1,
      `{"channel":"book","type":"snapshot","data":[${element(SYMBOL)},${element('MATIC/USD')}]}`,
    )
    const books = ofType(records, RecordType.book)
    expect(books.map((r) => r.instrument)).toEqual([1, 2])
    expect(books.map((r) => levels(r).asks[0]?.price)).toEqual([5n, 5000n])
    expect(books[0]?.tsEvent).toBe(NONE_I64)
  })

  it('keeps connections apart', () => {
    start()
    bench.opened(2, 'wss://ws.kraken.com/v2')
    const records = bench.frame(2, bookFrame('update', [], [], sum(ASKS, BIDS)))
    expect(has(ofType(records, RecordType.book)[0], Flag.maybeBadBook)).toBe(true)
    bench.frame(1, bookFrame('update', [], [], sum(ASKS, BIDS)))
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 2, checksumsFailed: 0 })
  })
})

describe('trades and tickers of Kraken v2', () => {
  const trade = (fields: string): string => `{"symbol":"BTC/USD",${fields},"timestamp":"${TIME}"}`

  it('keep exact numbers, ids, aggressor and order type; a snapshot is backlog', () => {
    const data = [
      trade('"side":"buy","price":105944.20,"qty":0.00027625,"ord_type":"limit","trade_id":9007199254740993'),
      trade('"side":"sell","price":105910.5,"qty":1.2E-7,"ord_type":"market","trade_id":10218209'),
    ]
    const trades = ofType(bench.frame(1, `{"channel":"trade","type":"snapshot","data":[${data}]}`), RecordType.trade)
    expect(trades.map((t) => t.i64(TRADE_PRICE))).toEqual([1059442n, 1059105n])
    expect(trades.map((t) => t.i64(TRADE_SIZE))).toEqual([27625n, 12n])
    expect(trades.map((t) => t.u64(TRADE_ID))).toEqual([9007199254740993n, 10218209n])
    expect(trades.map((t) => t.u8(TRADE_KIND))).toEqual([TradeKind.limit, TradeKind.market])
    expect(trades.map((t) => has(t, Flag.buy))).toEqual([true, false])
    expect(trades.every((t) => has(t, Flag.backlog))).toBe(true)
    const [live] = ofType(bench.frame(1, `{"channel":"trade","type":"update","data":[${data[0]}]}`), RecordType.trade)
    expect(has(live, Flag.backlog)).toBe(false)
  })

  it('give a quote, with an empty side as none', () => {
    const frame = `{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":105944.2,"bid_qty":2.5,"ask":null,"ask_qty":null,"last":1.5,"timestamp":"${TIME}"}]}`
    const [quote] = ofType(bench.frame(1, frame), RecordType.quote)
    expect([QUOTE_BID_PRICE, QUOTE_BID_SIZE, QUOTE_ASK_PRICE, QUOTE_ASK_SIZE].map((at) => quote?.i64(at))).toEqual([
      1059442n,
      25n,
      NONE_I64,
      NONE_I64,
    ])
    expect(quote?.tsEvent).toBe(1696613755440295000n)
  })
})

describe('the instrument channel of Kraken v2', () => {
  it('leaves no record until an instrument is used', () => {
    expect(bench.frame(1, INSTRUMENTS)).toEqual([])
    expect(bench.normalizer.counters).toMatchObject({ textFrames: 0, rejectedFrames: 0 })
  })

  it('dates a new definition when a pair changes, and none when it is repeated', () => {
    start()
    bench.frame(1, INSTRUMENTS)
    expect(bench.frame(1, bookFrame('update', [], [], sum(ASKS, BIDS))).map((r) => r.type)).toEqual([RecordType.book])
    bench.frame(1, INSTRUMENTS.replace('"price_precision":1', '"price_precision":2').replace('"snapshot"', '"update"'))
    const finer = (list: string[]): string[] => list.map((level) => level.replace(' ', '0 '))
    const records = bench.frame(1, bookFrame('update', [], [], sum(finer(ASKS), finer(BIDS))))
    expect(decodeDefinition(records[0] as RawRecord)).toMatchObject({ priceDecimals: 2, tickSize: 10n, number: 2 })
    expect(bench.normalizer.counters).toMatchObject({ checksumsPassed: 3, checksumsFailed: 0 })
  })
})

describe('other frames of Kraken v2', () => {
  it.each([
    ['{"channel":"heartbeat"}', TextReason.control],
    [
      '{"channel":"status","type":"update","data":[{"version":"2.0.0","system":"online","api_version":"v2","connection_id":18239578009413566319}]}',
      TextReason.control,
    ],
    ['{"method":"pong","req_id":42,"time_in":"2023-09-25T09:05:00.123456Z"}', TextReason.control],
    ['{"channel":"ohlc","type":"update","data":[{"symbol":"BTC/USD","open":106038.2}]}', TextReason.unmapped],
    ['{"channel":"book","type":"update","data":[]}', TextReason.unmapped],
    ['{"channel":"trade","type":"update","data":[]}', TextReason.unmapped],
    ['{"hello":1}', TextReason.unmapped],
    ['{"channel":"ohlc","type":"update","data":[{', TextReason.unparseable],
    ['{"channel":"book","type":"other","data":[]}', TextReason.unparseable],
    ['{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[]}]}', TextReason.unparseable],
    [
      '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":"x","qty":1}],"asks":[]}]}',
      TextReason.unparseable,
    ],
    ['{"channel":"book","type":"update","data":[{"symbol":7,"bids":[],"asks":[]}]}', TextReason.unparseable],
    [
      '{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"A/B","base":"A","quote":"B","qty_precision":99,"price_precision":1}]}}',
      TextReason.unparseable,
    ],
    [
      '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":1e30,"qty":1}],"asks":[]}]}',
      TextReason.unrepresentable,
    ],
  ])('%s is kept as text', (frame, reason) => {
    const records = bench.frame(1, frame)
    expect(records.map((r) => r.type)).toEqual([RecordType.text])
    expect(records[0]?.u8(TEXT_REASON)).toBe(reason)
  })

  it('with words that are not known make a trade, and are kept beside it', () => {
    const data =
      '{"symbol":"A/B","side":"hold","price":1,"qty":1,"ord_type":"stop","trade_id":1,"timestamp":"2023-10-06T17:35:55Z"}'
    const records = bench.frame(1, `{"channel":"trade","type":"update","data":[${data}]}`)
    expect(records.map((r) => r.type)).toEqual([RecordType.instrument, RecordType.trade, RecordType.text])
    expect(records[1]?.u8(TRADE_KIND)).toBe(TradeKind.other)
    expect(bench.warnings).toHaveLength(2)
  })

  it('warn when a subscription is refused', () => {
    const [text] = bench.frame(
      1,
      '{"error":"Currency pair not supported FOO/BAR","method":"subscribe","success":false,"symbol":"FOO/BAR"}',
    )
    expect(text?.u8(TEXT_REASON)).toBe(TextReason.control)
    expect(bench.warnings[0]).toContain('Currency pair not supported FOO/BAR')
  })

  it('change nothing when they are cut off', () => {
    start()
    const good = bookFrame('update', ['45283.0 9'], [], 1)
    for (let end = 0; end < good.length; end++) bench.frame(1, good.slice(0, end))
    bench.frame(1, bookFrame('update', [], [], sum(ASKS, BIDS)))
    expect(bench.normalizer.counters).toMatchObject({
      checksumsPassed: 2,
      checksumsFailed: 0,
      gaps: 0,
      rejectedFrames: good.length,
    })
  })
})

describe('the venue Kraken', () => {
  it('asks for instruments before anything else, then trades, quotes by best bid and offer, and books', () => {
    const [plan] = v2.plan([{ symbol: SYMBOL, channels: ['trade', 'quote', 'book'] }], kraken.endpoints)
    expect(plan?.url).toBe('wss://ws.kraken.com/v2')
    expect(plan?.hello.map((m) => JSON.parse(m))).toEqual([
      { method: 'subscribe', params: { channel: 'instrument', snapshot: true } },
      { method: 'subscribe', params: { channel: 'trade', snapshot: true, symbol: [SYMBOL] }, req_id: 2 },
      {
        method: 'subscribe',
        params: { channel: 'ticker', event_trigger: 'bbo', snapshot: true, symbol: [SYMBOL] },
        req_id: 3,
      },
      { method: 'subscribe', params: { channel: 'book', depth: 1000, snapshot: true, symbol: [SYMBOL] }, req_id: 4 },
    ])
  })

  it('has one protocol for each address and only its last one open-ended', () => {
    expect(v2.speaks('wss://ws.kraken.com/v2')).toBe(true)
    expect(v2.speaks('wss://ws.kraken.com/')).toBe(false)
    expect(kraken.adapters.map((a) => a.until === undefined)).toEqual([false, true])
  })

  it('knows its symbols by their form', () => {
    expect(['BTC/USD', '1INCH/EUR', 'AAPLx/USD'].every(kraken.isSymbol)).toBe(true)
    expect(['BTCUSD', 'BTC-USD', '/', 'A/B/C'].some(kraken.isSymbol)).toBe(false)
  })
})
