import { describe, expect, it } from 'vitest'
import type { Adapter } from '../../src/feeds/feed.ts'
import { kraken } from '../../src/feeds/kraken/index.ts'
import { BookBuilder } from '../../src/integrity/book-builder.ts'
import { kraken10 } from '../../src/integrity/checksum.ts'
import {
  BOOK_ASK_COUNT,
  BOOK_BID_COUNT,
  BOOK_CHECKSUM,
  BOOK_FIRST_UPDATE_ID,
  BOOK_LAST_UPDATE_ID,
  BOOK_PREVIOUS_UPDATE_ID,
  ChecksumRule,
  Flag,
  RecordType,
} from '../../src/records/layout.ts'
import { type DecodedDefinition, decodeDefinition, levels, levelsAt, type RawRecord } from '../helpers/cells.ts'
import { Bench, decimalText, has, ofType } from './bench.ts'
import { capture, play, singleFrames } from './captured.ts'

const [v1, v2] = kraken.adapters as [Adapter, Adapter]

function definitions(records: readonly RawRecord[]): Map<number, DecodedDefinition> {
  return new Map(
    records.filter((r) => r.type === RecordType.instrument).map((r) => [r.instrument, decodeDefinition(r)]),
  )
}

describe('a capture of Kraken v1', () => {
  it('passes every checksum live, and again from the stored records alone', (context) => {
    const lines = capture(context, 'KRAKEN')
    const bench = new Bench(v1, 'kraken')
    play(lines, bench)
    expect(bench.normalizer.counters).toMatchObject({
      frames: 4430,
      checksumsPassed: 4269,
      checksumsFailed: 0,
      rejectedFrames: 0,
      gaps: 0,
    })

    const records = bench.all()
    const defined = definitions(records)
    const books = new Map<string, BookBuilder>()
    let passed = 0
    let failed = 0
    for (const record of records) {
      if (record.type !== RecordType.book) continue
      const rules = defined.get(record.instrument) as DecodedDefinition
      expect(rules.checksumRule).toBe(ChecksumRule.kraken10)
      const name = `${record.connection} ${rules.symbol}`
      const builder = books.get(name) ?? new BookBuilder(rules)
      books.set(name, builder)
      const inSync = builder.record({
        flags: record.flags,
        first: record.u64(BOOK_FIRST_UPDATE_ID),
        last: record.u64(BOOK_LAST_UPDATE_ID),
        previous: record.u64(BOOK_PREVIOUS_UPDATE_ID),
        words: record.words,
        at: record.at + levelsAt(record) / 4,
        bidCount: record.u16(BOOK_BID_COUNT),
        askCount: record.u16(BOOK_ASK_COUNT),
      })
      if (!inSync || !has(record, Flag.checksum)) continue
      if (kraken10(builder.book) === record.u32(BOOK_CHECKSUM)) passed++
      else failed++
    }
    expect({ passed, failed }).toEqual({ passed: 4269, failed: 0 })
  })

  it('gives back every price and volume of the books as the wire had them', (context) => {
    const lines = capture(context, 'KRAKEN')
    const bench = new Bench(v1, 'kraken')
    play(lines, bench)
    const wire: string[] = []
    for (const line of lines) {
      const frame = line.t === 'recv' ? JSON.parse(line.data ?? '') : undefined
      if (!Array.isArray(frame) || !String(frame.at(-2)).startsWith('book')) continue
      const payload = Object.assign({}, ...frame.slice(1, -2)) as Record<string, string[][]>
      for (const side of ['bs', 'b', 'as', 'a'])
        for (const row of payload[side] ?? []) wire.push(`${frame.at(-1)} ${row[0]} ${row[1]}`)
    }
    const records = bench.all()
    const defined = definitions(records)
    const stored = records
      .filter((r) => r.type === RecordType.book)
      .flatMap((r) => {
        const { symbol, priceDecimals, sizeDecimals } = defined.get(r.instrument) as DecodedDefinition
        const { bids, asks } = levels(r)
        return [...bids, ...asks].map(
          (l) => `${symbol} ${decimalText(l.price, priceDecimals, true)} ${decimalText(l.size, sizeDecimals, true)}`,
        )
      })
    expect(wire.length).toBeGreaterThan(10_000)
    expect(stored).toEqual(wire)
  })
})

describe('single frames of Kraken v2', () => {
  it.for([
    ['ws_book_snapshot.json', 'book', 1],
    ['ws_book_update.json', 'book', 1],
    ['ws_trade_update.json', 'trade', 2],
    ['ws_ticker_snapshot.json', 'quote', 1],
    ['ws_subscribe_response.json', 'text', 1],
    ['ws_pong.json', 'text', 1],
    ['ws_l3_snapshot.json', 'text', 1],
    ['ws_ohlc_update.json', 'text', 1],
  ] as const)('%s becomes %s', ([name, type, count], context) => {
    const frame = singleFrames(context, 'kraken').get(name) ?? ''
    const bench = new Bench(v2, 'kraken')
    bench.opened(1, 'wss://ws.kraken.com/v2')
    expect(ofType(bench.frame(1, frame), RecordType[type])).toHaveLength(count)
    expect(bench.normalizer.counters.rejectedFrames).toBe(0)
  })
})
