import { describe, expect, it } from 'vitest'
import { coinbase } from '../../src/feeds/coinbase/index.ts'
import { SequenceContinuity } from '../../src/integrity/continuity.ts'
import {
  BOOK_SEQUENCE,
  Flag,
  QUOTE_SEQUENCE,
  RecordType,
  TEXT_SEQUENCE,
  TRADE_ID,
  TRADE_PRICE,
  TRADE_SEQUENCE,
  TRADE_SIZE,
} from '../../src/records/layout.ts'
import { type DecodedDefinition, decodeDefinition, levels, type RawRecord } from '../helpers/cells.ts'
import { Bench, decimalText, has, ofType } from './bench.ts'
import { type CapturedLine, capture, play, singleFrames } from './captured.ts'

const adapter = coinbase.adapters[0] as (typeof coinbase.adapters)[number]

const SEQUENCE_AT = new Map<number, number>([
  [RecordType.book, BOOK_SEQUENCE],
  [RecordType.trade, TRADE_SEQUENCE],
  [RecordType.quote, QUOTE_SEQUENCE],
  [RecordType.text, TEXT_SEQUENCE],
])

interface WireEvent {
  type: string
  product_id: string
  updates?: { side: string; price_level: string; new_quantity: string }[]
  trades?: { product_id: string; trade_id: string; price: string; size: string; side: string }[]
}

function recorded(lines: readonly CapturedLine[]): {
  bench: Bench
  records: RawRecord[]
  defined: Map<number, DecodedDefinition>
} {
  const bench = new Bench(adapter, 'coinbase')
  play(lines, bench)
  const records = bench.all()
  const defined = new Map(
    records.filter((r) => r.type === RecordType.instrument).map((r) => [r.instrument, decodeDefinition(r)]),
  )
  return { bench, records, defined }
}

/** Events of one channel as the wire had them. */
function wireEvents(lines: readonly CapturedLine[], channel: string): WireEvent[] {
  return lines
    .filter((line) => line.t === 'recv')
    .map((line) => JSON.parse(line.data ?? '') as { channel: string; events: WireEvent[] })
    .filter((frame) => frame.channel === channel)
    .flatMap((frame) => frame.events)
}

describe('a capture of Coinbase', () => {
  it('is 1,030 frames in sequence, live and from the stored records alone', (context) => {
    const { bench, records } = recorded(capture(context, 'COINBASE'))
    expect(bench.normalizer.counters).toMatchObject({ frames: 1030, gaps: 0, rejectedFrames: 0 })
    const continuity = new SequenceContinuity()
    let last = -1n
    for (const record of records) {
      const at = SEQUENCE_AT.get(record.type)
      if (at === undefined) continue
      const sequence = record.u64(at)
      if (sequence === last) continue
      last = sequence
      expect(continuity.next(sequence)).toBeUndefined()
    }
    expect(continuity.checked).toBe(1029)
    expect(records.filter((r) => has(r, Flag.maybeBadBook))).toEqual([])
  })

  it('gives back every level as the wire had it', (context) => {
    const lines = capture(context, 'COINBASE')
    const { records, defined } = recorded(lines)
    const wire = wireEvents(lines, 'l2_data').flatMap(({ product_id, updates = [] }) =>
      ['bid', 'offer'].flatMap((side) =>
        updates.filter((u) => u.side === side).map((u) => `${product_id} ${side} ${u.price_level} ${u.new_quantity}`),
      ),
    )
    const stored = records
      .filter((r) => r.type === RecordType.book)
      .flatMap((r) => {
        const { symbol, priceDecimals, sizeDecimals } = defined.get(r.instrument) as DecodedDefinition
        const { bids, asks } = levels(r)
        const text = (side: string) => (l: { price: bigint; size: bigint }) =>
          `${symbol} ${side} ${decimalText(l.price, priceDecimals, false)} ${decimalText(l.size, sizeDecimals, false)}`
        return [...bids.map(text('bid')), ...asks.map(text('offer'))]
      })
    expect(wire.length).toBeGreaterThan(50_000)
    expect(stored).toEqual(wire)
  })

  it('gives back every trade, oldest first', (context) => {
    const lines = capture(context, 'COINBASE')
    const { records, defined } = recorded(lines)
    const wire = wireEvents(lines, 'market_trades').flatMap(({ trades = [] }) =>
      trades
        .toReversed()
        .map((t) => `${t.product_id} ${t.trade_id} ${t.price} ${t.size} ${t.side === 'SELL' ? 'buy' : 'sell'}`),
    )
    const stored = records
      .filter((r) => r.type === RecordType.trade)
      .map((r) => {
        const { symbol, priceDecimals, sizeDecimals } = defined.get(r.instrument) as DecodedDefinition
        const price = decimalText(r.i64(TRADE_PRICE), priceDecimals, false)
        const size = decimalText(r.i64(TRADE_SIZE), sizeDecimals, false)
        return `${symbol} ${r.u64(TRADE_ID)} ${price} ${size} ${has(r, Flag.buy) ? 'buy' : 'sell'}`
      })
    expect(stored).toEqual(wire)
  })
})

describe('single frames of Coinbase', () => {
  it.for([
    ['ws_l2_data_snapshot.json', 'book', 1],
    ['ws_l2_data_update.json', 'book', 1],
    ['ws_market_trades.json', 'trade', 2],
    ['ws_ticker.json', 'quote', 1],
    ['ws_subscriptions.json', 'text', 1],
    ['ws_heartbeats.json', 'text', 1],
    ['ws_candles.json', 'text', 1],
    ['ws_user.json', 'text', 1],
  ] as const)('%s becomes %s', ([name, type, count], context) => {
    const frame = singleFrames(context, 'coinbase').get(name) ?? ''
    const bench = new Bench(adapter, 'coinbase')
    bench.opened(1, 'wss://advanced-trade-ws.coinbase.com')
    expect(ofType(bench.frame(1, frame), RecordType[type])).toHaveLength(count)
    expect(bench.normalizer.counters.rejectedFrames).toBe(0)
  })
})
