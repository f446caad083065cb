import { beforeEach, describe, expect, it } from 'vitest'
import { coinbase } from '../../src/feeds/coinbase/index.ts'
import {
  BOOK_FIRST_UPDATE_ID,
  BOOK_LAST_UPDATE_ID,
  BOOK_SEQUENCE,
  BOOK_TS_SENT,
  Flag,
  GAP_CAUSE,
  GAP_EXPECTED_ID,
  GAP_RECEIVED_ID,
  GapCause,
  InstrumentKind,
  Integrity,
  NONE_I64,
  NONE_U64,
  PrintRule,
  QUOTE_ASK_PRICE,
  QUOTE_ASK_SIZE,
  QUOTE_BID_PRICE,
  QUOTE_BID_SIZE,
  QUOTE_SEQUENCE,
  QUOTE_TS_SENT,
  QUOTE_UPDATE_ID,
  RecordType,
  TEXT_REASON,
  TEXT_SEQUENCE,
  TextReason,
  TRADE_FIRST_ID,
  TRADE_ID,
  TRADE_ID_TEXT,
  TRADE_ID_TEXT_LENGTH,
  TRADE_PRICE,
  TRADE_SEQUENCE,
  TRADE_TS_SENT,
} from '../../src/records/layout.ts'
import { decodeDefinition, levels, type RawRecord } from '../helpers/cells.ts'
import { Bench, has, ofType } from './bench.ts'

const adapter = coinbase.adapters[0] as (typeof coinbase.adapters)[number]
const SENT = '2026-08-09T21:05:48.228568804Z'
const SENT_NS = 1786309548228568804n
const EVENT = '2026-08-09T21:05:48.170326Z'
const EVENT_NS = 1786309548170326000n

type Row = readonly [side: 'bid' | 'offer', price: string, size: string, time?: string]

let bench: Bench

beforeEach(() => {
  bench = new Bench(adapter, 'coinbase')
  bench.opened(1, 'wss://advanced-trade-ws.coinbase.com')
})

function send(channel: string, sequence: number | string, events: unknown, connection = 1): RawRecord[] {
  const tail = `"events":${JSON.stringify(events)}}`
  return bench.frame(
    connection,
    `{"channel":"${channel}","client_id":"","timestamp":"${SENT}","sequence_num":${sequence},${tail}`,
  )
}

function event(type: string, rows: readonly Row[], product = 'BTC-USD'): object {
  const updates = rows.map(([side, price, size, time = EVENT]) => ({
    side,
    event_time: time,
    price_level: price,
    new_quantity: size,
  }))
  return { type, product_id: product, updates }
}

function snapshot(sequence: number, connection = 1): RawRecord[] {
  return send(
    'l2_data',
    sequence,
    [
      event('snapshot', [
        ['bid', '100.1', '1'],
        ['offer', '100.2', '2'],
      ]),
    ],
    connection,
  )
}

function update(sequence: number, connection = 1): RawRecord[] {
  return send('l2_data', sequence, [event('update', [['bid', '100.1', '3']])], connection)
}

describe('a level 2 event of Coinbase', () => {
  it('becomes a book record with bids first, whatever the order on the wire', () => {
    const later = '2026-08-09T21:05:48.170327Z'
    const rows: Row[] = [
      ['offer', '65083.67', '0.15556334'],
      ['bid', '65062.5', '0.00583', later],
      ['offer', '65084', '0'],
      ['bid', '65061.91', '1.50000000'],
    ]
    const [, book] = send('l2_data', 14, [event('update', rows)]) as [RawRecord, RawRecord]
    expect(levels(book)).toEqual({
      bids: [
        { price: 6506250n, size: 583000n },
        { price: 6506191n, size: 150000000n },
      ],
      asks: [
        { price: 6508367n, size: 15556334n },
        { price: 6508400n, size: 0n },
      ],
    })
    expect(book.tsEvent).toBe(EVENT_NS + 1000n)
    expect(book.i64(BOOK_TS_SENT)).toBe(SENT_NS)
    expect(book.u64(BOOK_SEQUENCE)).toBe(14n)
    expect(book.u64(BOOK_LAST_UPDATE_ID)).toBe(14n)
    expect(book.u64(BOOK_FIRST_UPDATE_ID)).toBe(NONE_U64)
  })

  it('is marked as doubtful until the book had a snapshot on its connection', () => {
    expect(has(ofType(update(0), RecordType.book)[0], Flag.maybeBadBook)).toBe(true)
    const [first] = snapshot(1)
    expect(has(first, Flag.snapshot)).toBe(true)
    expect(has(first, Flag.maybeBadBook)).toBe(false)
    expect(has(update(2)[0], Flag.maybeBadBook)).toBe(false)
    bench.opened(2, 'wss://advanced-trade-ws.coinbase.com')
    expect(has(update(0, 2)[0], Flag.maybeBadBook)).toBe(true)
    expect(has(update(3)[0], Flag.maybeBadBook)).toBe(false)
  })

  it('takes the time of the frame when it has no levels', () => {
    const [, book] = send('l2_data', 0, [event('update', [])]) as [RawRecord, RawRecord]
    expect(levels(book)).toEqual({ bids: [], asks: [] })
    expect(book.tsEvent).toBe(SENT_NS)
  })

  it('stands for one product; a frame may hold several', () => {
    const records = send('l2_data', 0, [
      event('snapshot', [['bid', '1', '1']]),
      event('snapshot', [['offer', '2', '2']], 'ETH-USD'),
    ])
    expect(ofType(records, RecordType.instrument).map((r) => decodeDefinition(r).symbol)).toEqual([
      'BTC-USD',
      'ETH-USD',
    ])
    expect(ofType(records, RecordType.book).map((r) => r.instrument)).toEqual([1, 2])
    expect(new Set(records.map((r) => r.tsRecv)).size).toBe(1)
  })

  it('is split when it has more levels than a record holds; only the last part says so', () => {
    const rows = Array.from({ length: 2500 }, (_, i): Row => [i < 1300 ? 'bid' : 'offer', `${i + 1}.5`, '1e-8'])
    const books = ofType(send('l2_data', 5, [event('snapshot', rows)]), RecordType.book)
    expect(books.length).toBeGreaterThan(2)
    expect(books.map((b) => has(b, Flag.last))).toEqual(books.map((_, i) => i === books.length - 1))
    expect(
      books.every((b) => b.u64(BOOK_SEQUENCE) === 5n && b.tsEvent === EVENT_NS && b.i64(BOOK_TS_SENT) === SENT_NS),
    ).toBe(true)
    const all = books.map(levels)
    expect(all.flatMap((l) => l.bids).map((l) => l.price)).toEqual(
      rows.slice(0, 1300).map((_, i) => BigInt(i + 1) * 100n + 50n),
    )
    expect(all.flatMap((l) => l.asks)).toHaveLength(1200)
    expect(all.flatMap((l) => l.asks).every((l) => l.size === 1n)).toBe(true)
  })

  it('dates a new definition when a number has more decimals', () => {
    update(0)
    const records = send('l2_data', 1, [event('update', [['bid', '0.00001305', '985']])])
    expect(decodeDefinition(records[0] as RawRecord)).toMatchObject({
      number: 2,
      priceDecimals: 8,
      sizeDecimals: 8,
      pricePrint: PrintRule.minimal,
    })
    expect(levels(records[1] as RawRecord).bids).toEqual([{ price: 1305n, size: 98500000000n }])
  })
})

describe('the sequence of a connection to Coinbase', () => {
  it('counts frames of all channels', () => {
    send('subscriptions', 0, [{ subscriptions: { level2: ['BTC-USD'] } }])
    snapshot(1)
    send('heartbeats', 2, [{ current_time: '2026-08-09 21:05:48 +0000 UTC m=+41691.26', heartbeat_counter: 41691 }])
    send('market_trades', 3, [{ type: 'update', trades: [] }])
    send('candles', 4, [{ type: 'snapshot', candles: [] }])
    update(5)
    expect(bench.normalizer.counters).toMatchObject({ gaps: 0, rejectedFrames: 0, textFrames: 4 })
    const texts = ofType(bench.all(), RecordType.text)
    expect(texts.map((t) => t.u64(TEXT_SEQUENCE))).toEqual([0n, 2n, 3n, 4n])
    expect(texts.map((t) => t.u8(TEXT_REASON))).toEqual([
      TextReason.control,
      TextReason.control,
      TextReason.unmapped,
      TextReason.unmapped,
    ])
  })

  it('breaks: one gap record for the whole connection, a reconnect, and doubt until the next snapshot', () => {
    snapshot(0)
    const records = update(2)
    expect(records.map((r) => r.type)).toEqual([RecordType.gap, RecordType.book])
    const [gap, book] = records as [RawRecord, RawRecord]
    expect(gap.instrument).toBe(0)
    expect(gap.u8(GAP_CAUSE)).toBe(GapCause.sequence)
    expect([gap.u64(GAP_EXPECTED_ID), gap.u64(GAP_RECEIVED_ID)]).toEqual([1n, 2n])
    expect(has(book, Flag.maybeBadBook)).toBe(true)
    expect(bench.normalizer.takeRequests()).toMatchObject([{ kind: 'reconnect', connection: 1 }])
    expect(has(update(3)[0], Flag.maybeBadBook)).toBe(true)
    expect(bench.normalizer.takeRequests()).toEqual([])
    snapshot(4)
    expect(has(update(5)[0], Flag.maybeBadBook)).toBe(false)
    expect(bench.normalizer.counters.gaps).toBe(1)
  })

  it('breaks at a frame that is kept as text, too', () => {
    snapshot(0)
    const records = send('heartbeats', 7, [])
    expect(records.map((r) => r.type)).toEqual([RecordType.gap, RecordType.text])
    expect(has(update(8)[0], Flag.maybeBadBook)).toBe(true)
  })

  it('breaks behind a frame that could not be read, since its changes are missing', () => {
    snapshot(0)
    const rejected = send('l2_data', 1, [event('update', [['bid', 'x', '3']])])
    expect(rejected.map((r) => r.type)).toEqual([RecordType.text])
    // Its text holds the number; the record does not vouch for it.
    expect(rejected[0]?.u64(TEXT_SEQUENCE)).toBe(NONE_U64)
    expect(update(2).map((r) => r.type)).toEqual([RecordType.gap, RecordType.book])
    expect(bench.normalizer.counters).toMatchObject({ gaps: 1, rejectedFrames: 1 })
  })

  it('starts anew with each connection', () => {
    snapshot(0)
    bench.opened(2, 'wss://advanced-trade-ws.coinbase.com')
    snapshot(0, 2)
    update(1)
    update(1, 2)
    bench.normalizer.closed(1, 1006, '')
    bench.opened(1, 'wss://advanced-trade-ws.coinbase.com')
    snapshot(0)
    expect(bench.normalizer.counters.gaps).toBe(0)
  })

  it('goes through 2^53 exactly', () => {
    send('heartbeats', '9007199254740992', [])
    send('heartbeats', '9007199254740993', [])
    expect(bench.normalizer.counters.gaps).toBe(0)
    send('heartbeats', '9007199254740993', [])
    expect(bench.normalizer.counters.gaps).toBe(1)
  })
})

describe('trades of Coinbase', () => {
  const trade = (id: string, side: string, time: string, product = 'BTC-USD'): object => ({
    product_id: product,
    trade_id: id,
    price: '65083.67',
    size: '0.002186',
    time: `2026-08-09T21:05:${time}Z`,
    side,
  })

  it('are written oldest first, with the taker as aggressor: the wire names the maker', () => {
    const wire = [trade('12', 'SELL', '42.514318'), trade('11', 'BUY', '42.5'), trade('10', 'SELL', '41')]
    const trades = ofType(send('market_trades', 9, [{ type: 'snapshot', trades: wire }]), RecordType.trade)
    expect(trades.map((t) => t.u64(TRADE_ID))).toEqual([10n, 11n, 12n])
    expect(trades.map((t) => (has(t, Flag.buy) ? 'buy' : has(t, Flag.sell) ? 'sell' : ''))).toEqual([
      'buy',
      'sell',
      'buy',
    ])
    expect(
      trades.every((t) => has(t, Flag.backlog) && t.u64(TRADE_SEQUENCE) === 9n && t.i64(TRADE_TS_SENT) === SENT_NS),
    ).toBe(true)
    expect(trades[2]?.tsEvent).toBe(1786309542514318000n)
    expect(trades[0]?.i64(TRADE_PRICE)).toBe(6508367n)
    expect(trades[0]?.u64(TRADE_FIRST_ID)).toBe(NONE_U64)
    const [live] = ofType(send('market_trades', 10, [{ type: 'update', trades: wire.slice(0, 1) }]), RecordType.trade)
    expect(has(live, Flag.backlog)).toBe(false)
  })

  it('keep the order of the wire when that is oldest first already', () => {
    const wire = [trade('10', 'SELL', '41'), trade('11', 'BUY', '42')]
    const trades = ofType(send('market_trades', 0, [{ type: 'update', trades: wire }]), RecordType.trade)
    expect(trades.map((t) => t.u64(TRADE_ID))).toEqual([10n, 11n])
  })

  it('keep ids that do not fit 64 bits as text', () => {
    const ids = ['18446744073709551614', '18446744073709551615', '007', 'a2c0-ff']
    const wire = ids.map((id, i) => trade(id, 'BUY', `4${i}`))
    const trades = ofType(send('market_trades', 0, [{ type: 'update', trades: wire }]), RecordType.trade)
    const text = (t: RawRecord): string => (t.cells < 3 ? '' : t.text(TRADE_ID_TEXT, t.u8(TRADE_ID_TEXT_LENGTH)))
    expect(trades.map((t) => [t.u64(TRADE_ID), text(t)])).toEqual([
      [18446744073709551614n, ''],
      [NONE_U64, '18446744073709551615'],
      [NONE_U64, '007'],
      [NONE_U64, 'a2c0-ff'],
    ])
  })
})

describe('tickers of Coinbase', () => {
  it('give a quote with the time and the sequence of the frame', () => {
    const ticker = {
      type: 'ticker',
      product_id: 'BTC-USD',
      price: '65086.18',
      best_bid: '65083.66',
      best_ask: '65083.67',
      best_bid_quantity: '0.20371215',
      best_ask_quantity: '0.24290402',
    }
    const [quote] = ofType(send('ticker', 6, [{ type: 'snapshot', tickers: [ticker] }]), RecordType.quote)
    expect([QUOTE_BID_PRICE, QUOTE_BID_SIZE, QUOTE_ASK_PRICE, QUOTE_ASK_SIZE].map((at) => quote?.i64(at))).toEqual([
      6508366n,
      20371215n,
      6508367n,
      24290402n,
    ])
    expect(quote?.tsEvent).toBe(SENT_NS)
    expect(quote?.i64(QUOTE_TS_SENT)).toBe(SENT_NS)
    expect(quote?.u64(QUOTE_SEQUENCE)).toBe(6n)
    expect(quote?.u64(QUOTE_UPDATE_ID)).toBe(NONE_U64)
  })

  it('have none where a side is empty or missing', () => {
    const ticker = { type: 'ticker', product_id: 'BTC-USD', best_bid: '', best_bid_quantity: '', best_ask: '65083.67' }
    const [quote] = ofType(send('ticker', 6, [{ type: 'update', tickers: [ticker] }]), RecordType.quote)
    expect([QUOTE_BID_PRICE, QUOTE_BID_SIZE, QUOTE_ASK_PRICE, QUOTE_ASK_SIZE].map((at) => quote?.i64(at))).toEqual([
      NONE_I64,
      NONE_I64,
      6508367n,
      NONE_I64,
    ])
  })
})

describe('definitions of Coinbase', () => {
  const PATH = '/api/v3/brokerage/market/products?product_ids=BTC-USD'
  const product = (id: string, price: string, base: string): object => ({
    product_id: id,
    base_increment: base,
    quote_increment: '0.01',
    product_type: 'SPOT',
    quote_currency_id: id.split('-')[1],
    base_currency_id: id.split('-')[0],
    price_increment: price,
  })

  it('come from the list of products, which leaves no record itself', () => {
    expect(
      bench.rest(1, PATH, {
        products: [product('BTC-USD', '0.01', '0.00000001'), product('SHIB-USD', '0.000000010', '1')],
        num_products: 2,
      }),
    ).toEqual([])
    const records = send('l2_data', 0, [event('update', [['bid', '0.00001305', '985']], 'SHIB-USD')])
    expect(decodeDefinition(records[0] as RawRecord)).toEqual({
      number: 1,
      venue: 'coinbase',
      symbol: 'SHIB-USD',
      base: 'SHIB',
      quote: 'USD',
      adapter: 'coinbase-advanced',
      priceDecimals: 8,
      sizeDecimals: 0,
      pricePrint: PrintRule.minimal,
      integrity: Integrity.connectionSequence,
      checksumRule: 0,
      bookDepth: 0,
      kind: InstrumentKind.spot,
      tickSize: 1n,
      lotSize: 1n,
    })
  })

  it('start at 2 and 8 decimals without it, and are dated anew when it comes later', () => {
    expect(decodeDefinition(update(0)[0] as RawRecord)).toMatchObject({
      priceDecimals: 2,
      sizeDecimals: 8,
      tickSize: 0n,
      base: 'BTC',
      quote: 'USD',
    })
    bench.rest(1, PATH, { products: [product('BTC-USD', '0.5', '0.001')] })
    expect(decodeDefinition(update(1)[0] as RawRecord)).toMatchObject({
      number: 2,
      priceDecimals: 2,
      sizeDecimals: 8,
      tickSize: 50n,
      lotSize: 100000n,
    })
  })

  it('are unharmed by an answer that is not what Coinbase documents', () => {
    for (const body of [
      '',
      '{}',
      '{"products":[{}]}',
      '{"products":[{"product_id":"BTC-USD","base_increment":"x"}]}',
      '<html>',
    ]) {
      const records = bench.rest(1, PATH, body)
      expect(records.map((r) => [r.type, r.u8(TEXT_REASON), has(r, Flag.rest)])).toEqual([
        [RecordType.text, TextReason.unparseable, true],
      ])
    }
    expect(decodeDefinition(update(0)[0] as RawRecord)).toMatchObject({ priceDecimals: 2, sizeDecimals: 8 })
  })
})

describe('other frames of Coinbase', () => {
  it.each([
    ['{"type":"error","message":"channel not supported"}', TextReason.control],
    ['{"hello":1}', TextReason.unmapped],
    [`{"channel":"status","timestamp":"${SENT}","sequence_num":0,"events":[]}`, TextReason.unmapped],
    [`{"channel":"l2_data","timestamp":"${SENT}","sequence_num":0,"events":[]}`, TextReason.unmapped],
    [`{"channel":"l2_data","timestamp":"${SENT}","sequence_num":-1,"events":[]}`, TextReason.unparseable],
    [`{"channel":"l2_data","timestamp":"yesterday","sequence_num":0,"events":[]}`, TextReason.unparseable],
    [`{"channel":"l2_data","timestamp":"${SENT}","sequence_num":0,"events":{}}`, TextReason.unparseable],
    [
      `{"channel":"l2_data","timestamp":"${SENT}","sequence_num":0,"events":[{"type":"diff","product_id":"A-B","updates":[]}]}`,
      TextReason.unparseable,
    ],
    [
      `{"channel":"l2_data","timestamp":"${SENT}","sequence_num":0,"events":[{"type":"update","product_id":"A-B","updates":[{"side":"ask","event_time":"${EVENT}","price_level":"1","new_quantity":"1"}]}]}`,
      TextReason.unparseable,
    ],
    [
      `{"channel":"market_trades","timestamp":"${SENT}","sequence_num":0,"events":[{"type":"update","trades":[{"product_id":"A-B","trade_id":"","price":"1","size":"1","time":"${EVENT}","side":"BUY"}]}]}`,
      TextReason.unparseable,
    ],
    [`{"channel":"heartbeats","timestamp":"${SENT}","sequence_num":0,"events":[`, TextReason.unparseable],
    ['null', TextReason.unparseable],
  ])('%s is kept as text', (frame, reason) => {
    const records = bench.frame(1, frame)
    expect(records.map((r) => r.type)).toEqual([RecordType.text])
    expect(records[0]?.u8(TEXT_REASON)).toBe(reason)
  })

  it('warn when the venue refuses a request', () => {
    bench.frame(1, '{"type":"error","message":"authentication failure","reason":"bad key"}')
    expect(bench.warnings[0]).toContain('authentication failure: bad key')
  })

  it('change nothing when they are cut off', () => {
    snapshot(0)
    const good = `{"channel":"l2_data","timestamp":"${SENT}","sequence_num":1,"events":${JSON.stringify([event('snapshot', [['bid', '1.123', '1']], 'ETH-USD')])}}`
    for (let end = 0; end < good.length; end++) bench.frame(1, good.slice(0, end))
    expect(bench.normalizer.counters).toMatchObject({ rejectedFrames: good.length, gaps: 0 })
    expect(has(update(1)[0], Flag.maybeBadBook)).toBe(false)
    expect(
      has(ofType(send('l2_data', 2, [event('update', [], 'ETH-USD')]), RecordType.book)[0], Flag.maybeBadBook),
    ).toBe(true)
  })
})

describe('the venue Coinbase', () => {
  it('subscribes to one channel a message, heartbeats always', () => {
    const plans = adapter.plan(
      [
        { symbol: 'BTC-USD', channels: ['book', 'trade', 'quote'] },
        { symbol: 'ETH-USD', channels: ['trade'] },
      ],
      coinbase.endpoints,
    )
    expect(plans).toHaveLength(1)
    expect(plans[0]?.url).toBe('wss://advanced-trade-ws.coinbase.com')
    expect(plans[0]?.hello.map((m) => JSON.parse(m))).toEqual([
      { type: 'subscribe', channel: 'heartbeats' },
      { type: 'subscribe', product_ids: ['BTC-USD'], channel: 'level2' },
      { type: 'subscribe', product_ids: ['BTC-USD', 'ETH-USD'], channel: 'market_trades' },
      { type: 'subscribe', product_ids: ['BTC-USD'], channel: 'ticker' },
    ])
  })

  it('asks for the definitions of its symbols', () => {
    expect(coinbase.definitionPaths(['BTC-USD', 'ETH-USD'])).toEqual([
      '/api/v3/brokerage/market/products?product_ids=BTC-USD&product_ids=ETH-USD',
    ])
    expect(['BTC-USD', 'BIT-28AUG26-CDE'].every(coinbase.isSymbol)).toBe(true)
    expect(['BTCUSD', 'BTC/USD', 'btc-usd', '-'].some(coinbase.isSymbol)).toBe(false)
  })
})
