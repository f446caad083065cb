import { describe, expect, it } from 'vitest'
import { Flag, InstrumentKind, Integrity, TextReason, TradeKind } from '../../src/records/layout.ts'
import { type DecodedRecord, Definitions, ofType } from '../helpers/cells.ts'
import { Harness } from '../helpers/normalize.ts'

const MS = 1_000_000n
const on = (stream: string, data: unknown) => ({ stream, data })

const spotTrade = {
  e: 'trade',
  E: 1700000000123,
  s: 'BTCUSDT',
  t: 3735683259,
  p: '61837.63000000',
  q: '0.02000000',
  T: 1700000000100,
  m: true,
  M: true,
}
const usdmTrade = {
  e: 'trade',
  E: 1700000000123,
  T: 1700000000100,
  s: 'BTCUSDT',
  t: 77,
  p: '61800.30',
  q: '0.006',
  X: 'MARKET',
  m: false,
}
const spotQuote = { u: 400900217, s: 'BNBUSDT', b: '25.35190000', B: '31.21000000', a: '25.36520000', A: '40.66000000' }
const usdmQuote = {
  e: 'bookTicker',
  u: 600859600576,
  s: 'SUSHIUSDT',
  b: '7.6110',
  B: '2',
  a: '7.6120',
  A: '297',
  T: 1700000000012,
  E: 1700000000017,
}

/** The one record of a type that a frame gives on a new connection, with what is printed of it. */
function single<Type extends DecodedRecord['type']>(venue: string, message: unknown, type: Type) {
  const harness = new Harness(venue).frame(message)
  const records = harness.records()
  const found = ofType(records, type)
  expect(harness.warnings).toEqual([])
  expect(found).toHaveLength(1)
  return { record: found[0] as (typeof found)[0], definitions: new Definitions(records) }
}

describe('a trade', () => {
  it('of spot keeps price, size, id, side and both times', () => {
    const { record, definitions } = single('binance', on('btcusdt@trade', spotTrade), 'trade')
    expect(definitions.price(record, record.trade.price)).toBe('61837.63000000')
    expect(definitions.size(record, record.trade.size)).toBe('0.02000000')
    expect(record).toMatchObject({ flags: Flag.last | Flag.extension | Flag.sell, tsEvent: 1700000000100n * MS })
    expect(record.trade).toMatchObject({ id: 3735683259n, tsSent: 1700000000123n * MS, kind: TradeKind.none })
    const { sequence, firstId, lastId, buyerOrderId, sellerOrderId } = record.trade
    expect([sequence, firstId, lastId, buyerOrderId, sellerOrderId]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(definitions.of(record)).toMatchObject({
      venue: 'binance',
      symbol: 'BTCUSDT',
      adapter: 'binance-spot',
      priceDecimals: 8,
      sizeDecimals: 8,
      integrity: Integrity.range,
      kind: InstrumentKind.spot,
    })
  })

  it('of spot before 2023 keeps the orders too', () => {
    const { e, E, s, t, p, q, T, m, M } = spotTrade
    const { record } = single(
      'binance',
      on('btcusdt@trade', { e, E, s, t, p, q, b: 20720542158, a: 20720542592, T, m, M }),
      'trade',
    )
    expect(record.trade).toMatchObject({ buyerOrderId: 20720542158n, sellerOrderId: 20720542592n })
  })

  it.each([
    ['MARKET', TradeKind.market],
    ['INSURANCE_FUND', TradeKind.insuranceFund],
    ['ADL', TradeKind.adl],
    ['NA', TradeKind.notApplicable],
  ])('of futures keeps the kind %s', (X, kind) => {
    const { record, definitions } = single('binance-usdm', on('btcusdt@trade', { ...usdmTrade, X }), 'trade')
    expect(record.trade).toMatchObject({ price: 6180030n, size: 6n, id: 77n, kind, tsSent: 1700000000123n * MS })
    expect(record.flags & (Flag.buy | Flag.sell)).toBe(Flag.buy)
    expect(definitions.of(record)).toMatchObject({
      priceDecimals: 2,
      sizeDecimals: 3,
      integrity: Integrity.previous,
      kind: InstrumentKind.perpetual,
    })
  })

  it.each([
    ['RPI', 'RPI'],
    ['LIQUIDATION', 'LIQUIDATION'],
    ['', ''],
    [7, '7'],
  ])('of a kind that is not known, %j, is recorded as another, and its message kept beside it', (X, word) => {
    const harness = new Harness('binance-usdm')
    const message = on('btcusdt@trade', { ...usdmTrade, X })
    for (let i = 0; i < 3; i++) harness.frame(message)
    const trades = ofType(harness.records(), 'trade')
    expect(trades.map(({ trade }) => trade)).toEqual(
      Array(3).fill(expect.objectContaining({ price: 6180030n, size: 6n, kind: TradeKind.other })),
    )
    const texts = ofType(harness.records(), 'text')
    expect(texts.map(({ frame, text }) => [frame, text])).toEqual(
      trades.map(({ frame }) => [frame, JSON.stringify(message)]),
    )
    expect(harness.warnings).toEqual([expect.stringContaining(`kind of trade ${JSON.stringify(word)}`)])
    expect(harness.normalizer.counters).toMatchObject({ unknownWords: 3, rejectedFrames: 0 })
  })

  it('of more units than eight decimals hold gets a definition with those that it needs, and none are lost', () => {
    const sizes = ['92233720368.00000000', '92233720369.00000000', '125000000000.00000000', '0.12345678']
    const harness = new Harness('binance')
    for (const q of sizes) harness.frame(on('btcusdt@trade', { ...spotTrade, q }))
    const definitions = new Definitions(harness.records())
    const trades = ofType(harness.records(), 'trade')
    expect(ofType(harness.records(), 'text')).toEqual([])
    const read = trades.map((record) => {
      const { sizeDecimals } = definitions.of(record)
      return [record.trade.size, sizeDecimals]
    })
    expect(read).toEqual([
      [9223372036800000000n, 8],
      [92233720369n, 0],
      [125000000000n, 0],
      [12345678n, 8],
    ])
    expect(harness.warnings).toEqual([])
  })

  it('in microseconds keeps them', () => {
    const { record } = single(
      'binance',
      on('btcusdt@trade', { ...spotTrade, E: 1700000000123456, T: 1700000000100001 }),
      'trade',
    )
    expect([record.tsEvent, record.trade.tsSent]).toEqual([1700000000100001000n, 1700000000123456000n])
  })

  it('keeps ids that no float64 holds', () => {
    const text = JSON.stringify(on('btcusdt@trade', spotTrade)).replace('3735683259', '9007199254740993')
    expect(single('binance', text, 'trade').record.trade.id).toBe(9007199254740993n)
  })

  it('that stands for several says which', () => {
    const data = {
      e: 'aggTrade',
      E: 1700000000123,
      s: 'BTCUSDT',
      a: 26129,
      p: '0.01000000',
      q: '1.00000000',
      f: 100,
      l: 105,
      T: 1700000000100,
      m: false,
      M: true,
    }
    const { record } = single('binance', on('btcusdt@aggTrade', data), 'trade')
    expect(record.flags).toBe(Flag.last | Flag.extension | Flag.buy | Flag.aggregate)
    expect(record.trade).toMatchObject({ id: 26129n, firstId: 100n, lastId: 105n, price: 1_000_000n })
  })
})

describe('a quote', () => {
  it('of spot has no time of the venue', () => {
    const { record, definitions } = single('binance', on('bnbusdt@bookTicker', spotQuote), 'quote')
    const { quote } = record
    expect([definitions.price(record, quote.bidPrice), definitions.size(record, quote.bidSize)]).toEqual([
      '25.35190000',
      '31.21000000',
    ])
    expect([definitions.price(record, quote.askPrice), definitions.size(record, quote.askSize)]).toEqual([
      '25.36520000',
      '40.66000000',
    ])
    expect([record.tsEvent, quote.tsSent, quote.updateId, quote.sequence]).toEqual([
      undefined,
      undefined,
      400900217n,
      undefined,
    ])
  })

  it('of futures has both times, in the order of either market', () => {
    for (const venue of ['binance-usdm', 'binance-coinm']) {
      for (const data of [
        usdmQuote,
        { ...{ u: 600859600576, e: 'bookTicker', s: 'SUSHIUSDT', ps: 'SUSHI' }, ...usdmQuote, st: 1 },
      ]) {
        const { record } = single(venue, on('sushiusdt@bookTicker', data), 'quote')
        expect(record).toMatchObject({ tsEvent: 1700000000012n * MS, flags: Flag.last | Flag.extension })
        expect(record.quote).toEqual({
          bidPrice: 76110n,
          bidSize: 2n,
          askPrice: 76120n,
          askSize: 297n,
          tsSent: 1700000000017n * MS,
          updateId: 600859600576n,
          sequence: undefined,
        })
      }
    }
  })
})

describe('frames', () => {
  it('read alike with and without their stream’s name, in any order of members, and with spaces', () => {
    for (const [venue, stream, data] of [
      ['binance', 'btcusdt@trade', spotTrade],
      ['binance', 'bnbusdt@bookTicker', spotQuote],
      ['binance-usdm', 'btcusdt@trade', usdmTrade],
      ['binance-usdm', 'sushiusdt@bookTicker', usdmQuote],
    ] as const) {
      const reversed = Object.fromEntries(Object.entries(data).reverse())
      const expected = new Harness(venue).frame(on(stream, data)).cells()
      for (const message of [
        data,
        reversed,
        on(stream, reversed),
        { data, stream },
        JSON.stringify(on(stream, data), undefined, 2),
      ]) {
        expect(Buffer.compare(new Harness(venue).frame(message).cells(), expected)).toBe(0)
      }
    }
  })

  it('are of the symbol that they name, whatever the stream is called', () => {
    const harness = new Harness('binance').frame(on('ethusdt@trade', spotTrade)).frame(on('btcusdt@trade', spotTrade))
    expect(ofType(harness.records(), 'instrument').map((r) => r.definition.symbol)).toEqual(['BTCUSDT'])
  })

  it('of a symbol in another script are read', () => {
    const { record, definitions } = single(
      'binance',
      on('币安人生usdt@trade', { ...spotTrade, s: '币安人生USDT' }),
      'trade',
    )
    expect(definitions.of(record).symbol).toBe('币安人生USDT')
  })

  it('of delivery contracts say so', () => {
    const kinds = ['BTCUSDT_240927', 'BTCUSDT'].map((s) => {
      const { record, definitions } = single('binance-usdm', on('x@trade', { ...usdmTrade, s }), 'trade')
      return definitions.of(record).kind
    })
    expect(kinds).toEqual([InstrumentKind.future, InstrumentKind.perpetual])
  })

  it.each([
    [on('btcusdt@kline_1m', { e: 'kline', s: 'BTCUSDT', k: {} }), TextReason.unmapped],
    [on('btcusdt@markPrice@1s', { e: 'markPriceUpdate', s: 'BTCUSDT' }), TextReason.unmapped],
    [on('!ticker@arr', [{ e: '24hrTicker' }]), TextReason.unmapped],
    [on('!forceOrder@arr', { e: 'forceOrder', o: {} }), TextReason.unmapped],
    [{ e: 'somethingNew' }, TextReason.unmapped],
    [{ id: 'what' }, TextReason.unmapped],
    [[1, 2, 3], TextReason.unmapped],
    [{ result: null, id: 1 }, TextReason.control],
    [{ id: 3, result: ['btcusdt@trade'] }, TextReason.control],
  ])('without a record type stay text: %j', (message, reason) => {
    const harness = new Harness('binance').frame(message)
    expect(ofType(harness.records(), 'text')).toMatchObject([{ reason, text: JSON.stringify(message) }])
    expect(harness.normalizer.counters).toMatchObject({ textFrames: 1, rejectedFrames: 0 })
    expect(harness.warnings).toEqual([])
  })

  it.each([
    [{ error: { code: 2, msg: 'Invalid request: unknown stream' }, id: 1 }],
    [{ code: 2, msg: 'Invalid request: unknown stream', id: 1 }],
  ])('with an error of the venue are kept and told: %j', (message) => {
    const harness = new Harness('binance').frame(message)
    expect(ofType(harness.records(), 'text')).toMatchObject([{ reason: TextReason.control }])
    expect(harness.warnings).toHaveLength(1)
  })

  it('that announce a shutdown ask for another connection', () => {
    const harness = new Harness('binance').frame({ e: 'serverShutdown', E: 1700000000123 }, 4)
    expect(harness.requests()).toMatchObject([{ kind: 'reconnect', connection: 4 }])
    expect(ofType(harness.records(), 'text')).toMatchObject([{ reason: TextReason.control }])
  })
})

describe('a frame that is not as documented', () => {
  const wrong: [string, string, unknown][] = [
    ...Object.keys(spotTrade)
      .filter((member) => !'eM'.includes(member))
      .map((member): [string, string, unknown] => [
        `a trade without ${member}`,
        'binance',
        on('btcusdt@trade', { ...spotTrade, [member]: undefined }),
      ]),
    ...Object.keys(usdmQuote)
      .filter((member) => member !== 'e')
      .map((member): [string, string, unknown] => [
        `a quote without ${member}`,
        'binance-usdm',
        on('x@bookTicker', { ...usdmQuote, [member]: undefined }),
      ]),
    ['a price of letters', 'binance', on('btcusdt@trade', { ...spotTrade, p: 'abc' })],
    ['a price of nothing', 'binance', on('btcusdt@trade', { ...spotTrade, p: null })],
    ['a size in a list', 'binance', on('btcusdt@trade', { ...spotTrade, q: ['1'] })],
    ['a side of text', 'binance', on('btcusdt@trade', { ...spotTrade, m: 'true' })],
    ['an id with a point', 'binance', on('btcusdt@trade', { ...spotTrade, t: 1.5 })],
    ['a negative id', 'binance', on('btcusdt@trade', { ...spotTrade, t: -1 })],
    ['a time of text', 'binance', on('btcusdt@trade', { ...spotTrade, T: 'now' })],
    ['a symbol of a number', 'binance', on('btcusdt@trade', { ...spotTrade, s: 7 })],
    ['a symbol of nothing', 'binance', on('btcusdt@trade', { ...spotTrade, s: '' })],
    ['a symbol without end', 'binance', on('btcusdt@trade', { ...spotTrade, s: 'X'.repeat(65) })],
    ['a stream of a number', 'binance', on(7 as unknown as string, spotTrade)],
    ['a stream without data', 'binance', { stream: 'btcusdt@trade' }],
    ['more behind the end', 'binance', `${JSON.stringify(on('btcusdt@trade', spotTrade))}{}`],
    ['garbage', 'binance', Uint8Array.of(0, 255, 128, 123, 34)],
  ]

  it.each(wrong)('is kept as text and counted: %s', (_, venue, message) => {
    const harness = new Harness(venue).frame(message)
    expect(ofType(harness.records(), 'text')).toMatchObject([{ reason: TextReason.unparseable }])
    expect(harness.records().filter((r) => r.type !== 'text' && r.type !== 'connection')).toEqual([])
    expect(harness.normalizer.counters).toMatchObject({ frames: 1, rejectedFrames: 1, textFrames: 0 })
    expect(harness.warnings).toHaveLength(1)
  })

  it('at every length of a cut leaves nothing behind in the records of the next', () => {
    const whole = JSON.stringify(on('btcusdt@trade', usdmTrade))
    const harness = new Harness('binance-usdm')
    for (let length = 0; length < whole.length; length++) harness.frame(whole.slice(0, length))
    harness.frame(whole)
    expect(harness.normalizer.counters).toMatchObject({ frames: whole.length + 1, rejectedFrames: whole.length })
    const records = harness.records()
    expect(records.slice(-2).map((r) => r.type)).toEqual(['instrument', 'trade'])
    expect(ofType(records, 'instrument')).toMatchObject([{ instrument: 1 }])
  })

  it('of a value that fits no 64 bits says that', () => {
    const harness = new Harness('binance')
      .frame(on('btcusdt@trade', { ...spotTrade, p: '92233720368.54775808' }))
      .frame(on('btcusdt@trade', spotTrade))
    expect(ofType(harness.records(), 'text')).toMatchObject([{ reason: TextReason.unrepresentable }])
    expect(ofType(harness.records(), 'trade')).toHaveLength(1)
  })
})

describe('definitions', () => {
  it('of futures have their decimals from the first frame on, and one number', () => {
    const harness = new Harness('binance-usdm')
      .frame(on('btcusdt@trade', usdmTrade))
      .frame(on('btcusdt@trade', usdmTrade))
    expect(ofType(harness.records(), 'instrument').map((r) => r.instrument)).toEqual([1])
  })

  it('are dated anew by a number with more digits', () => {
    const harness = new Harness('binance-usdm')
      .frame(on('btcusdt@trade', usdmTrade))
      .frame(on('btcusdt@trade', { ...usdmTrade, p: '61800.305', q: '0.0061' }))
    const definitions = ofType(harness.records(), 'instrument').map((r) => [
      r.instrument,
      r.definition.priceDecimals,
      r.definition.sizeDecimals,
    ])
    expect(definitions).toEqual([
      [1, 2, 3],
      [2, 3, 4],
    ])
    expect(ofType(harness.records(), 'trade').map((r) => [r.instrument, r.trade.price])).toEqual([
      [1, 6180030n],
      [2, 61800305n],
    ])
  })

  const info = (symbol: string, tickSize: string, stepSize: string, contractType?: string) => ({
    symbol,
    contractType,
    status: 'TRADING',
    baseAsset: 'BTC',
    quoteAsset: 'USDT',
    filters: [
      { filterType: 'PRICE_FILTER', minPrice: '1', maxPrice: '9', tickSize },
      { filterType: 'LOT_SIZE', stepSize, maxQty: '9', minQty: '1' },
      { filterType: 'MARKET_LOT_SIZE', stepSize: '7' },
    ],
  })
  const answer = (...symbols: unknown[]) => ({ timezone: 'UTC', rateLimits: [{}], symbols, assets: [] })

  it('take steps and assets from exchangeInfo, before and after their first use, and leave no text', () => {
    const harness = new Harness('binance').rest(
      '/api/v3/exchangeInfo',
      answer(info('BTCUSDT', '0.01000000', '0.00001000'), info('XRPUSDT', '0.00010000', '1.00000000')),
    )
    expect(harness.records().map((r) => r.type)).toEqual(['connection'])
    harness.frame(on('btcusdt@trade', spotTrade))
    expect(ofType(harness.records(), 'instrument')).toMatchObject([
      {
        instrument: 1,
        definition: {
          symbol: 'BTCUSDT',
          base: 'BTC',
          quote: 'USDT',
          tickSize: 1_000_000n,
          lotSize: 1000n,
          priceDecimals: 8,
        },
      },
    ])
    harness.rest(
      '/api/v3/exchangeInfo?symbols=%5B%22BTCUSDT%22%5D',
      answer(info('BTCUSDT', '0.10000000', '0.00001000')),
    )
    harness.frame(on('btcusdt@trade', spotTrade)).frame(on('btcusdt@trade', spotTrade))
    expect(ofType(harness.records(), 'instrument').map((r) => [r.instrument, r.definition.tickSize])).toEqual([
      [1, 1_000_000n],
      [2, 10_000_000n],
    ])
    expect(ofType(harness.records(), 'trade').map((r) => r.instrument)).toEqual([1, 2, 2])
  })

  it('do not take decimals from exchangeInfo: a step that is finer than all numbers so far waits for them', () => {
    const harness = new Harness('binance-usdm')
      .rest('/fapi/v1/exchangeInfo', answer(info('BTCUSDT', '0.001', '0.001', 'PERPETUAL')))
      .frame(on('btcusdt@trade', usdmTrade))
      .frame(on('btcusdt@trade', { ...usdmTrade, p: '61800.305' }))
    expect(
      ofType(harness.records(), 'instrument').map((r) => [r.definition.priceDecimals, r.definition.tickSize]),
    ).toEqual([
      [2, 0n],
      [3, 1n],
    ])
  })

  it('take the kind of a contract from exchangeInfo', () => {
    const harness = new Harness('binance-usdm')
      .rest('/fapi/v1/exchangeInfo', answer(info('BTCUSDT', '1', '1', 'CURRENT_QUARTER')))
      .frame(on('btcusdt@trade', usdmTrade))
    expect(ofType(harness.records(), 'instrument')).toMatchObject([{ definition: { kind: InstrumentKind.future } }])
  })

  it('are not touched by an answer that was cut off or has another form', () => {
    const whole = JSON.stringify(answer(info('BTCUSDT', '0.01', '0.1')))
    for (const body of [whole.slice(0, -2), '{"symbols":{}}', '{"symbols":[7]}']) {
      const harness = new Harness('binance').rest('/api/v3/exchangeInfo', body).frame(on('btcusdt@trade', spotTrade))
      expect(ofType(harness.records(), 'instrument')).toMatchObject([{ definition: { base: '', tickSize: 0n } }])
      expect(harness.normalizer.counters.rejectedFrames).toBe(1)
      expect(ofType(harness.records(), 'text')).toMatchObject([{ flags: Flag.rest | Flag.last }])
    }
  })
})
