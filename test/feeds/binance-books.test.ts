import { describe, expect, it } from 'vitest'
import { Flag, GapCause, RecordType, TextReason } from '../../src/records/layout.ts'
import { Definitions, ofType } from '../helpers/cells.ts'
import { Harness } from '../helpers/normalize.ts'

const MS = 1_000_000n
const DEPTH = '/api/v3/depth?symbol=BTCUSDT&limit=5000'

/** Spot: changes U to u. */
const change = (
  U: number,
  u: number,
  s = 'BTCUSDT',
  b: unknown = [['61730.17000000', '0.50000000']],
  a: unknown = [],
) => ({
  stream: `${s.toLowerCase()}@depth@100ms`,
  data: { e: 'depthUpdate', E: 1700000000000 + u, s, U, u, b, a },
})
/** Futures: the update after pu. */
const follow = (pu: number, U: number, u: number, s = 'BTCUSDT') => ({
  stream: `${s.toLowerCase()}@depth@0ms`,
  data: {
    e: 'depthUpdate',
    E: 1700000000020,
    T: 1700000000010,
    s,
    U,
    u,
    pu,
    b: [['22300.00', '2.788']],
    a: [['28145.20', '0.000']],
  },
})
const snapshot = (lastUpdateId: number, more = {}) => ({
  lastUpdateId,
  ...more,
  bids: [['4.00000000', '431.00000000']],
  asks: [['4.00000200', '12.00000000']],
})

/** As an import reads: the connection has no address, and answers have no question. */
const imported = (venue: string): Harness => {
  const harness = new Harness(venue)
  harness.normalizer.opened(1, '')
  return harness
}

const books = (harness: Harness) => ofType(harness.records(), 'book')
const gaps = (harness: Harness) => ofType(harness.records(), 'gap')
const suspect = (harness: Harness) => books(harness).map((r) => (r.flags & Flag.maybeBadBook) !== 0)
const asked = (harness: Harness) => harness.requests().map((r) => (r.kind === 'rest' ? r.path : r.kind))

describe('a change of a book', () => {
  it('of spot keeps ids, time and every level as it was printed', () => {
    const b = [
      ['61737.63000000', '0.00000000'],
      ['0.00000001', '123456789.12345678'],
    ]
    const a = [['61837.64000000', '1.54698000']]
    const harness = new Harness('binance').frame(change(157, 160, 'BTCUSDT', b, a))
    const definitions = new Definitions(harness.records())
    const [record] = books(harness)
    expect(record).toMatchObject({ flags: Flag.last, tsEvent: 1700000000160n * MS })
    expect(record?.book).toMatchObject({ first: 157n, last: 160n, previous: undefined })
    expect(record && definitions.levels(record, record.book.bids)).toEqual(b)
    expect(record && definitions.levels(record, record.book.asks)).toEqual(a)
  })

  it('of futures keeps the time of the engine, the time of sending and the id before', () => {
    const harness = new Harness('binance-usdm').frame(follow(149, 157, 160))
    expect(books(harness)[0]).toMatchObject({ flags: Flag.last | Flag.extension, tsEvent: 1700000000010n * MS })
    expect(books(harness)[0]?.book).toMatchObject({
      first: 157n,
      last: 160n,
      previous: 149n,
      tsSent: 1700000000020n * MS,
      sequence: undefined,
    })
    expect(books(harness)[0]?.book.bids).toEqual([{ price: 2230000n, size: 2788n }])
  })

  it('of nothing is kept too', () => {
    const harness = new Harness('binance').frame(change(1, 2, 'BTCUSDT', [], []))
    expect(books(harness)[0]?.book).toMatchObject({ first: 1n, last: 2n, bids: [], asks: [] })
  })

  it.each([
    ['U', { U: undefined }],
    ['u', { u: null }],
    ['pu', { pu: undefined }],
    ['T', { T: undefined }],
    ['b', { b: undefined }],
    ['a', { a: {} }],
    ['a size', { a: [['1']] }],
    ['a price', { a: [[]] }],
    ['levels', { b: ['1', '2'] }],
  ])('without %s is refused and leaves no trace in the continuity', (_, wrong) => {
    const harness = new Harness('binance-usdm').frame(follow(1, 2, 3))
    const { stream, data } = follow(3, 4, 5)
    harness.frame({ stream, data: { ...data, ...wrong } })
    expect(harness.normalizer.counters.rejectedFrames).toBe(1)
    harness.frame(follow(3, 4, 5))
    expect(gaps(harness)).toEqual([])
    expect(books(harness)).toHaveLength(2)
  })
})

describe('a skipped update', () => {
  it('becomes a gap in front of the next one, which asks for a snapshot and is marked until that joins', () => {
    const harness = new Harness('binance').at(1000n).frame(change(1, 2))
    expect(asked(harness)).toEqual([DEPTH])
    harness.rest(DEPTH, snapshot(1)).at(2000n).frame(change(3, 4))
    harness.at(2500n).frame({ stream: 'btcusdt@kline_1m', data: {} })
    harness.at(3000n).frame(change(7, 8)).frame(change(9, 10))
    expect(asked(harness)).toEqual([DEPTH])
    expect(gaps(harness)).toMatchObject([
      {
        tsRecv: 3000n,
        tsLastGood: 2000n,
        expected: 5n,
        received: 7n,
        cause: GapCause.sequence,
        recordType: RecordType.book,
      },
    ])
    const types = harness.records().map((r) => r.type)
    expect(types.slice(types.indexOf('gap'))).toEqual(['gap', 'book', 'book'])
    harness.rest(DEPTH, snapshot(9)).frame(change(11, 12))
    expect(suspect(harness)).toEqual([false, false, false, true, true, false, false])
    expect(asked(harness)).toEqual([])
    expect(harness.normalizer.counters.gaps).toBe(1)
  })

  it('of futures is seen by the id before', () => {
    const harness = new Harness('binance-usdm')
      .frame(follow(1, 5, 9))
      .frame(follow(9, 20, 30))
      .frame(follow(35, 40, 50))
    expect(gaps(harness)).toMatchObject([{ expected: 30n, received: 35n }])
    expect(asked(harness)).toEqual(['/fapi/v1/depth?symbol=BTCUSDT&limit=1000'])
  })

  it('of futures is mended by a snapshot, and nothing is asked for while updates follow', () => {
    const path = '/fapi/v1/depth?symbol=BTCUSDT&limit=1000'
    const times = { E: 1700000000002, T: 1700000000001 }
    const harness = new Harness('binance-usdm').frame(follow(1, 5, 9)).rest(path, snapshot(7, times))
    harness
      .frame(follow(9, 20, 30))
      .frame(follow(30, 31, 40))
      .frame(follow(45, 50, 60))
      .frame(follow(60, 61, 62))
    expect(asked(harness)).toEqual([path, path])
    harness
      .rest(path, snapshot(61, times))
      .frame(follow(62, 70, 80))
      .frame(follow(80, 90, 99))
    expect(asked(harness)).toEqual([])
    expect(suspect(harness)).toEqual([false, false, false, false, true, true, false, false, false])
    expect(gaps(harness)).toHaveLength(1)
  })

  it('of one symbol is none of another, nor of the same one on another connection', () => {
    const harness = new Harness('binance')
      .frame(change(1, 2, 'BTCUSDT'), 1)
      .frame(change(900, 901, 'ETHUSDT'), 1)
      .frame(change(1, 2, 'BTCUSDT'), 2)
      .frame(change(3, 3, 'BTCUSDT'), 1)
      .frame(change(902, 902, 'ETHUSDT'), 1)
      .frame(change(3, 3, 'BTCUSDT'), 2)
    expect(gaps(harness)).toEqual([])
    expect(harness.requests().map((r) => r.connection)).toEqual([1, 1, 2])
  })

  it('is not invented by an update that is larger than a record', () => {
    const levels = Array.from({ length: 2000 }, (_, i) => [`${i + 1}.00000000`, '1.00000000'])
    const harness = new Harness('binance').frame(change(1, 2)).frame(change(9, 9, 'BTCUSDT', levels, levels))
    const parts = books(harness).slice(1)
    expect(parts).toHaveLength(4)
    expect(parts.map((r) => [r.book.first, r.book.last, (r.flags & Flag.last) !== 0])).toEqual([
      [9n, 9n, false],
      [9n, 9n, false],
      [9n, 9n, false],
      [9n, 9n, true],
    ])
    expect(suspect(harness).slice(1)).toEqual([true, true, true, true])
    expect(gaps(harness)).toHaveLength(1)
  })

  it('is a gap as well when updates come twice or out of order', () => {
    const harness = new Harness('binance')
      .frame(change(1, 2))
      .frame(change(3, 4))
      .frame(change(3, 4))
      .frame(change(5, 6))
    expect(gaps(harness)).toMatchObject([{ expected: 5n, received: 3n }])
    expect(books(harness)).toHaveLength(4)
  })

  it('is found beyond 2^53', () => {
    const text = (U: string, u: string) => JSON.stringify(change(1, 2)).replace('"U":1,"u":2', `"U":${U},"u":${u}`)
    const harness = new Harness('binance')
      .frame(text('9007199254740992', '9007199254740993'))
      .frame(text('9007199254740994', '9007199254740994'))
      .frame(text('9007199254740996', '9007199254740996'))
    expect(gaps(harness)).toMatchObject([{ expected: 9007199254740995n, received: 9007199254740996n }])
  })
})

describe('a snapshot over REST', () => {
  it('becomes a book record of its own', () => {
    const harness = new Harness('binance').frame(change(1, 2)).rest(DEPTH, snapshot(1))
    const record = books(harness)[1]
    expect(record).toMatchObject({ flags: Flag.snapshot | Flag.rest | Flag.last, tsEvent: undefined, frame: 2n })
    expect(record?.book).toMatchObject({
      first: undefined,
      last: 1n,
      previous: undefined,
      bids: [{ price: 400000000n, size: 43100000000n }],
    })
  })

  it('of futures has both times', () => {
    const harness = new Harness('binance-coinm').rest(
      '/dapi/v1/depth?symbol=BTCUSD_PERP&limit=1000',
      snapshot(7, { E: 1700000000002, T: 1700000000001, symbol: 'X', pair: 'BTCUSD' }),
    )
    expect(books(harness)[0]).toMatchObject({
      flags: Flag.snapshot | Flag.rest | Flag.last | Flag.extension,
      tsEvent: 1700000000001n * MS,
    })
    expect(books(harness)[0]?.book).toMatchObject({ last: 7n, tsSent: 1700000000002n * MS })
    expect(ofType(harness.records(), 'instrument')[0]?.definition.symbol).toBe('BTCUSD_PERP')
  })

  it('is asked for once until it is there', () => {
    const harness = new Harness('binance')
    for (let id = 1; id <= 100; id++) harness.frame(change(id, id))
    expect(asked(harness)).toEqual([DEPTH])
  })

  it('that came before the first update joins it', () => {
    const harness = new Harness('binance').rest(DEPTH, snapshot(10)).frame(change(9, 12)).frame(change(13, 13))
    expect(asked(harness)).toEqual([])
    expect(gaps(harness)).toEqual([])
  })

  it('that is ahead of all updates waits for them', () => {
    const harness = new Harness('binance')
      .frame(change(1, 2))
      .rest(DEPTH, snapshot(5))
      .frame(change(3, 4))
      .frame(change(5, 9))
    expect(asked(harness)).toEqual([DEPTH])
    expect(gaps(harness)).toEqual([])
  })

  it('that is too old is no gap, but asked for again', () => {
    const harness = new Harness('binance').frame(change(10, 12))
    expect(asked(harness)).toEqual([DEPTH])
    harness.rest(DEPTH, snapshot(8))
    expect(asked(harness)).toEqual([DEPTH])
    harness.frame(change(13, 14)).rest(DEPTH, snapshot(13))
    expect(asked(harness)).toEqual([])
    expect(gaps(harness)).toEqual([])
    expect(suspect(harness)).toEqual([false, false, false, false])
  })

  it('that an update shows to be too old is asked for again', () => {
    const harness = new Harness('binance').rest(DEPTH, snapshot(5)).frame(change(10, 12))
    expect(asked(harness)).toEqual([DEPTH])
    expect(gaps(harness)).toEqual([])
  })

  it('that is refused for its form is not taken', () => {
    const harness = new Harness('binance').frame(change(10, 12)).rest(DEPTH, JSON.stringify(snapshot(11)).slice(0, -1))
    expect(harness.normalizer.counters.rejectedFrames).toBe(1)
    harness.rest(DEPTH, snapshot(11))
    expect(books(harness)).toHaveLength(2)
  })

  it('that no 64 bits hold is kept as text, and asked for again after pauses that grow', () => {
    const levels = [
      ['0.00000036', '92233720369.00000000'],
      ['0.00000035', '0.00000001'],
    ]
    const harness = new Harness('binance')
    let id = 0
    const next = (count: number): string[] => {
      for (let i = 0; i < count; i++) harness.frame(change(++id, id))
      return asked(harness)
    }
    expect(next(1)).toEqual([DEPTH])
    harness.rest(DEPTH, { ...snapshot(1), bids: levels })
    expect(ofType(harness.records(), 'text')).toMatchObject([{ reason: TextReason.unrepresentable }])
    expect([next(500), next(1)]).toEqual([[], [DEPTH]])
    harness.rest(DEPTH, { ...snapshot(2), bids: levels })
    expect([next(1000), next(1)]).toEqual([[], [DEPTH]])
    harness.rest(DEPTH, snapshot(id))
    harness.frame(change(id + 1, id + 1))
    expect(suspect(harness).at(-1)).toBe(false)
    expect(gaps(harness)).toEqual([])
  })

  it('that the venue refuses is kept as text, told, and asked for again only after a while', () => {
    const harness = new Harness('binance').frame(change(1, 1))
    expect(asked(harness)).toEqual([DEPTH])
    harness.rest(DEPTH, { code: -1003, msg: 'Too many requests' })
    expect(ofType(harness.records(), 'text')).toMatchObject([
      { reason: TextReason.control, flags: Flag.rest | Flag.last },
    ])
    expect(harness.warnings).toHaveLength(1)
    for (let id = 2; id <= 400; id++) harness.frame(change(id, id))
    expect(asked(harness)).toEqual([])
    for (let id = 401; id <= 700; id++) harness.frame(change(id, id))
    expect(asked(harness)).toEqual([DEPTH])
  })

  it('without its question belongs to the symbol that it names', () => {
    const coinm = new Harness('binance-coinm').rest('', snapshot(7, { E: 1, T: 1, symbol: 'BTCUSD_PERP' }))
    expect(ofType(coinm.records(), 'instrument')[0]?.definition.symbol).toBe('BTCUSD_PERP')
  })

  it.each([
    ['binance', 500, 'ETHUSDT'],
    ['binance', 101, 'BTCUSDT'],
    ['binance-usdm', 500, 'ETHUSDT'],
    ['binance-usdm', 102, 'BTCUSDT'],
  ])('of %s without its question, with id %i, belongs to the one book that it lies within', (venue, id, owner) => {
    const harness = imported(venue)
    if (venue === 'binance') {
      harness
        .frame(change(100, 101))
        .frame(change(500, 501, 'ETHUSDT'))
        .frame(change(102, 102))
    } else {
      harness
        .frame(follow(99, 100, 101))
        .frame(follow(499, 500, 501, 'ETHUSDT'))
        .frame(follow(101, 102, 103))
    }
    harness.rest('', snapshot(id, venue === 'binance' ? {} : { E: 1, T: 1 }))
    const definitions = new Definitions(harness.records())
    const taken = books(harness).filter((record) => (record.flags & Flag.rest) !== 0)
    expect(taken.map((record) => definitions.of(record).symbol)).toEqual([owner])
    expect(harness.warnings).toEqual([])
  })

  it.each([
    ['that lies within two books', 101],
    ['that lies within none of two', 7_000],
  ])('without its question %s is nobody’s: it is kept as text and told', (_, id) => {
    const harness = imported('binance')
      .frame(change(100, 102))
      .frame(change(100, 103, 'ETHUSDT'))
      .rest('', snapshot(id))
    expect(books(harness)).toHaveLength(2)
    expect(ofType(harness.records(), 'text')).toMatchObject([
      { reason: TextReason.unmapped, text: JSON.stringify(snapshot(id)) },
    ])
    expect(harness.warnings).toEqual([expect.stringContaining('not clear which symbol')])
  })

  it('without its question is not taken for the only symbol’s when its id is far from all of that one', () => {
    const harness = imported('binance').frame(change(100, 102)).rest('', snapshot(50_093_239_218))
    expect(books(harness)).toHaveLength(1)
    expect(harness.warnings).toHaveLength(1)
  })

  it('without its question that comes before all updates belongs to the only symbol that there is', () => {
    const quote = (s: string) => ({ u: 1, s, b: '1.00000000', B: '1.00000000', a: '2.00000000', A: '1.00000000' })
    const one = new Harness('binance').frame(quote('ETHUSDT')).rest('', snapshot(1))
    expect(books(one).map((r) => r.instrument)).toEqual([1])
    const two = new Harness('binance').frame(quote('ETHUSDT')).frame(quote('BTCUSDT')).rest('', snapshot(1))
    expect(books(two)).toEqual([])
    expect(two.warnings).toHaveLength(1)
  })

  it('that belongs to nothing is kept as text and told', () => {
    const harness = new Harness('binance').rest('', snapshot(1))
    expect(ofType(harness.records(), 'text')).toMatchObject([{ reason: TextReason.unmapped }])
    expect(harness.warnings).toHaveLength(1)
  })

  it('of another path stays text', () => {
    const harness = new Harness('binance').rest('/api/v3/time', { serverTime: 1 }).rest('/api/v3/ping', [])
    expect(ofType(harness.records(), 'text').map((r) => r.reason)).toEqual([TextReason.unmapped, TextReason.unmapped])
  })
})

describe('a new connection', () => {
  it('after one that was lost marks updates until a snapshot joins', () => {
    const harness = new Harness('binance').frame(change(1, 2), 1).rest(DEPTH, snapshot(1), 1)
    harness.normalizer.interrupted(1, GapCause.disconnect)
    harness.normalizer.closed(1, 1006, 'reset')
    harness.requests()
    harness.frame(change(50, 51), 2).frame(change(52, 53), 2)
    expect(harness.requests()).toMatchObject([{ kind: 'rest', path: DEPTH, connection: 2 }])
    harness.rest(DEPTH, snapshot(51), 2).frame(change(54, 55), 2)
    expect(gaps(harness)).toMatchObject([{ cause: GapCause.disconnect, recordType: 0 }])
    expect(suspect(harness)).toEqual([false, false, true, true, false, false])
  })

  it('beside one that goes on starts its own book unmarked', () => {
    const harness = new Harness('binance').frame(change(1, 2), 1).frame(change(1, 2), 2)
    expect(suspect(harness)).toEqual([false, false])
  })
})

describe('the best levels of a partial stream', () => {
  const top = { lastUpdateId: 160, bids: [['1.00000000', '2.00000000']], asks: [] }

  it('of spot are a snapshot of the symbol in the stream’s name', () => {
    const harness = new Harness('binance').frame({ stream: 'btcusdt@depth5@100ms', data: top })
    expect(books(harness)[0]).toMatchObject({
      flags: Flag.snapshot | Flag.top | Flag.last,
      book: { last: 160n, first: undefined },
    })
    expect(ofType(harness.records(), 'instrument')[0]?.definition.symbol).toBe('BTCUSDT')
  })

  it('without a name belong to the stream in the address', () => {
    const harness = new Harness('binance')
    harness.normalizer.opened(1, 'wss://stream.binance.com:9443/ws/ethusdt@depth20?timeUnit=MICROSECOND')
    harness.frame(top)
    expect(ofType(harness.records(), 'instrument')[0]?.definition.symbol).toBe('ETHUSDT')
    expect(ofType(new Harness('binance').frame(top).records(), 'text')).toMatchObject([{ reason: TextReason.unmapped }])
  })

  it('say nothing about the continuity of changes', () => {
    const partial = (id: number) => ({ ...follow(0, id, id), stream: 'btcusdt@depth5' })
    const harness = new Harness('binance-usdm')
      .frame(follow(1, 2, 3))
      .frame(partial(90))
      .frame(follow(3, 4, 5))
      .frame(partial(50))
    expect(gaps(harness)).toEqual([])
    expect(books(harness).map((r) => (r.flags & Flag.snapshot) !== 0)).toEqual([false, true, false, true])
  })
})

it('the same calls give the same bytes, wherever definitions are numbered from', () => {
  const run = (firstInstrument: number) => {
    const harness = new Harness('binance-usdm', { firstInstrument })
    harness.normalizer.opened(1, 'wss://x/public/stream')
    harness
      .at(5n)
      .frame(follow(1, 2, 3))
      .frame('{')
      .at(6n)
      .frame(follow(4, 5, 6))
      .rest('/fapi/v1/depth?symbol=BTCUSDT', snapshot(5, { E: 1, T: 1 }))
    harness.normalizer.interrupted(1, GapCause.stale)
    harness.frame(follow(6, 7, 8))
    harness.normalizer.stopped()
    return harness
  }
  expect(Buffer.compare(run(1).cells(), run(1).cells())).toBe(0)
  const shifted = run(100)
    .records()
    .map((r) => ({ ...r, instrument: r.instrument === 0 ? 0 : r.instrument - 99 }))
    .map((r) => (r.type === 'instrument' ? { ...r, definition: { ...r.definition, number: r.instrument } } : r))
  expect(shifted).toEqual(run(1).records())
})
