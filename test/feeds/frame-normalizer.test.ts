import { describe, expect, it } from 'vitest'
import { TickforgeError } from '../../src/errors.ts'
import type { NormalizerContext } from '../../src/feeds/feed.ts'
import { type ConnectionState, FrameNormalizer, READ, type ReadResult } from '../../src/feeds/frame-normalizer.ts'
import { DEFINITION_DEFAULTS, type Definition, type Instrument } from '../../src/feeds/instruments.ts'
import { keys } from '../../src/feeds/json-reader.ts'
import { BufferMemory, type CellMemory, CellWriter } from '../../src/records/cell-writer.ts'
import {
  ConnectionEvent,
  Flag,
  GapCause,
  Integrity,
  RecordType,
  TextReason,
  TRADE_PRICE,
  TRADE_SIZE,
} from '../../src/records/layout.ts'
import { Definitions, decodeCells, ofType, rawRecords } from '../helpers/cells.ts'
import { bytesOf } from '../helpers/normalize.ts'

const K = keys('s', 'p', 'q', 'b', 'a', 'text')
const DEFAULTS: Definition = { ...DEFINITION_DEFAULTS, tickSize: 1n }

/** A venue of {"s","p","q"} trades, {"s","b","a"} books and {"text"} messages. */
class Toy extends FrameNormalizer {
  constructor(context: NormalizerContext) {
    super('toy-1', Integrity.none, context)
  }

  protected override read(connection: ConnectionState): ReadResult {
    const { reader } = this
    reader.enter()
    if (reader.find(K.text)) return TextReason.control
    reader.require(K.s)
    const instrument = this.table.get(reader.string(), DEFAULTS)
    const number = this.number(connection, instrument)
    if (reader.find(K.b)) {
      this.book.begin(number, 0, false)
      this.readLevels(instrument, true)
      reader.require(K.a)
      this.readLevels(instrument, false)
      this.book.finish()
    } else {
      const at = this.writer.begin(RecordType.trade, 1, Flag.last, number, 0, 0)
      reader.require(K.p)
      this.putPrice(at, TRADE_PRICE, instrument)
      reader.require(K.q)
      this.putSize(at, TRADE_SIZE, instrument)
    }
    reader.leave()
    return READ
  }

  protected override instrumentOf(symbol: string): Instrument {
    return this.table.get(symbol, DEFAULTS)
  }

  protected override readRest(connection: ConnectionState, path: string): ReadResult {
    return path === '/trade' ? this.read(connection) : TextReason.unmapped
  }
}

function toy(memory: CellMemory = new BufferMemory()) {
  const stamp = { low: 0, high: 0 }
  const warnings: string[] = []
  let instruments = 0
  const normalizer = new Toy({
    venue: 'toy',
    writer: new CellWriter(memory),
    stamp,
    nextInstrument: () => ++instruments,
    warn: (message) => warnings.push(message),
  })
  const frame = (message: unknown, connection = 1, binary = false): void => {
    stamp.low++
    normalizer.frame(connection, bytesOf(message), binary)
  }
  const records = () => decodeCells((memory as BufferMemory).cells())
  return { normalizer, warnings, frame, records, stamp }
}

const trade = (p: string, q = '1', s = 'X') => ({ s, p, q })

describe('frames', () => {
  it('carry the number of their connection and count up, REST answers too', () => {
    const { normalizer, frame, records } = toy()
    normalizer.opened(3, 'wss://venue/ws')
    frame(trade('1'), 3)
    normalizer.rest(3, '/trade', bytesOf(trade('2')))
    frame(trade('3'), 3)
    frame(trade('4'), 4)
    expect(ofType(records(), 'trade').map((r) => [r.connection, r.frame])).toEqual([
      [3, 1n],
      [3, 2n],
      [3, 3n],
      [4, 1n],
    ])
  })

  it('start from one again when a connection number is opened anew', () => {
    const { normalizer, frame, records } = toy()
    normalizer.opened(1, 'wss://venue/ws')
    frame(trade('1'))
    normalizer.opened(1, 'wss://venue/ws')
    frame(trade('2'))
    expect(ofType(records(), 'trade').map((r) => r.frame)).toEqual([1n, 1n])
  })

  it('write a connection record for what was opened and closed, and for frames out of nowhere', () => {
    const { normalizer, frame, records } = toy()
    normalizer.opened(1, 'wss://venue/ws?x=é')
    normalizer.closed(1, 1006, 'connection reset')
    normalizer.closed(1, 1006, 'again')
    frame(trade('1'), 2)
    expect(
      ofType(records(), 'connection').map((r) => [r.connection, r.event, r.code, r.venue, r.url, r.reason]),
    ).toEqual([
      [1, ConnectionEvent.open, 0, 'toy', 'wss://venue/ws?x=é', ''],
      [1, ConnectionEvent.close, 1006, 'toy', 'wss://venue/ws?x=é', 'connection reset'],
      [2, ConnectionEvent.open, 0, 'toy', '', ''],
    ])
  })
})

describe('text records', () => {
  it('keep what is no JSON, what the venue does not document, and binary frames, byte for byte', () => {
    const { normalizer, frame, records, warnings } = toy()
    const broken = [
      '{"s":"X","p":"1","q":"1"',
      '{"s":"X","p":"1"}',
      '{"s":7,"p":"1","q":"1"}',
      '{"s":"X","p":"1","q":"1"}x',
      '',
      'null',
      '{"text":"a"',
    ]
    for (const text of broken) frame(text)
    frame(Uint8Array.of(1, 2, 3), 1, true)
    frame({ text: 'hello' })
    const texts = ofType(records(), 'text')
    expect(texts.map((r) => [r.reason, r.text])).toEqual([
      ...broken.map((text) => [TextReason.unparseable, text]),
      [TextReason.unparseable, '\u0001\u0002\u0003'],
      [TextReason.control, '{"text":"hello"}'],
    ])
    expect(texts.map((r) => r.binary)).toEqual([...broken.map(() => false), true, false])
    expect(normalizer.counters).toMatchObject({ frames: 9, rejectedFrames: 8, textFrames: 1 })
    expect(warnings).toHaveLength(8)
    expect(ofType(records(), 'trade')).toEqual([])
  })

  it('are not made of a binary frame that holds what a text frame would', () => {
    const { normalizer, frame, records } = toy()
    frame({ s: 'X', p: '1', q: '1' }, 1, true)
    expect(ofType(records(), 'trade')).toHaveLength(1)
    expect(normalizer.counters).toMatchObject({ rejectedFrames: 0, textFrames: 0 })
  })

  it('split a long frame and mark the last part', () => {
    const { frame, records } = toy()
    const long = `{"text":"${'é'.repeat(20_000)}"}`
    frame(long)
    const texts = ofType(records(), 'text')
    expect(texts.length).toBeGreaterThan(2)
    expect(texts.map((r) => (r.flags & Flag.last) !== 0)).toEqual(texts.map((_, i) => i === texts.length - 1))
    expect(new Set(texts.map((r) => r.totalLength))).toEqual(new Set([Buffer.byteLength(long)]))
    const cells = texts.map((r) => r.offset)
    expect(cells).toEqual([...cells].sort((a, b) => a - b))
    expect(texts.reduce((sum, r) => sum + (r.text.match(/é/g)?.length ?? 0), 0)).toBeGreaterThanOrEqual(
      20_000 - texts.length,
    )
  })

  it('stop warning a person after a while, but not counting', () => {
    const { normalizer, frame, warnings } = toy()
    for (let i = 0; i < 50; i++) frame('{')
    expect(warnings).toHaveLength(21)
    expect(warnings.at(-1)).toContain('only counted')
    expect(normalizer.counters.rejectedFrames).toBe(50)
  })
})

describe('definitions', () => {
  it('stand before their first record and are dated anew when a number has more decimals', () => {
    const { frame, records } = toy()
    for (const p of ['10', '10.5', '10.25', '11', '3.125']) frame(trade(p))
    const definitions = new Definitions()
    const seen = records().map((r) => {
      definitions.take(r)
      return r.type === 'trade' ? definitions.price(r, r.trade.price) : r.type
    })
    expect(seen).toEqual([
      'connection',
      'instrument',
      '10',
      'instrument',
      '10.5',
      'instrument',
      '10.25',
      '11.00',
      'instrument',
      '3.125',
    ])
    const sizes = ofType(records(), 'instrument').map((r) => [r.definition.priceDecimals, r.definition.tickSize])
    expect(sizes).toEqual([
      [0, 1n],
      [1, 10n],
      [2, 100n],
      [3, 1000n],
    ])
  })

  it('are written once for several instruments of one venue', () => {
    const { frame, records } = toy()
    for (const s of ['X', 'Y', 'X', 'Y']) frame(trade('1', '1', s))
    expect(ofType(records(), 'instrument').map((r) => r.definition.symbol)).toEqual(['X', 'Y'])
    expect(ofType(records(), 'trade').map((r) => r.instrument)).toEqual([1, 2, 1, 2])
  })

  it('are written again when the frame that first had them is taken back', () => {
    const { frame, records } = toy()
    frame({ s: 'X', p: '1' })
    frame(trade('1'))
    const all = records()
    expect(all.map((r) => r.type)).toEqual(['connection', 'text', 'instrument', 'trade'])
    expect(all.at(-1)?.instrument).toBe(all.at(-2)?.instrument)
  })

  it('are not changed by a frame that is refused after all', () => {
    const { frame, records } = toy()
    frame(trade('1'))
    frame('{"s":"X","p":"1.12345678","q":"1"')
    frame(trade('2'))
    expect(ofType(records(), 'instrument')).toHaveLength(1)
    expect(ofType(records(), 'trade').map((r) => r.instrument)).toEqual([1, 1])
  })

  it('do not let a number that fits no 64 bits through, and survive it', () => {
    const { normalizer, frame, records, warnings } = toy()
    for (const p of ['1.5', '9223372036854775808', '922337203685477580.8', '0.0000000000000000001', '1e400', '2.5'])
      frame(trade(p))
    const definitions = new Definitions(records())
    expect(ofType(records(), 'trade').map((r) => definitions.price(r, r.trade.price))).toEqual(['1.5', '2.5'])
    expect(ofType(records(), 'text').map((r) => r.reason)).toEqual(Array(4).fill(TextReason.unrepresentable))
    expect(normalizer.counters.rejectedFrames).toBe(4)
    expect(ofType(records(), 'instrument')).toHaveLength(1)
    expect(warnings[0]).toContain('does not fit 64 bits')
  })

  it('lose decimals again when one tiny number has made ordinary ones unrepresentable', () => {
    const { normalizer, frame, records } = toy()
    const prices = ['61837.63', '0.000000000000000001', '61837.64', '61837.65']
    for (const p of prices) frame(trade(p))
    const definitions = new Definitions()
    const seen: string[] = []
    for (const r of records()) {
      definitions.take(r)
      if (r.type === 'trade') seen.push(definitions.price(r, r.trade.price))
    }
    expect(seen).toEqual(prices)
    expect(ofType(records(), 'instrument').map((r) => r.definition.priceDecimals)).toEqual([2, 18, 2])
    expect(normalizer.counters.rejectedFrames).toBe(0)
  })
})

/** Room for so many cells a frame. */
class SmallMemory extends BufferMemory {
  readonly #cells: number

  constructor(cells: number) {
    super()
    this.#cells = cells
  }

  override reserve(position: number, cells: number): number {
    if (position + cells - this.published > this.#cells) throw new TickforgeError('TF_FRAME_TOO_LARGE', 'no room')
    super.reserve(position, cells)
    return Math.min(this.mask + 1, this.published + this.#cells)
  }
}

describe('a frame that the ring has no room for', () => {
  const book = (levels: number) => ({ s: 'X', b: Array.from({ length: levels }, () => ['1', '1']), a: [] })

  it('is kept as text, which needs less room, and counted', () => {
    const { normalizer, frame, records, warnings } = toy(new SmallMemory(60))
    frame(trade('1'))
    frame(book(300))
    frame(trade('2'))
    expect(records().map((record) => record.type)).toEqual(['connection', 'instrument', 'trade', 'text', 'trade'])
    expect(ofType(records(), 'text')).toMatchObject([
      { reason: TextReason.unrepresentable, text: JSON.stringify(book(300)) },
    ])
    expect(normalizer.counters).toMatchObject({ rejectedFrames: 1, droppedFrames: 0 })
    expect(warnings).toEqual([expect.stringContaining('kept as text')])
  })

  it('not even as text is a drop record and a gap of its connection, which is made anew', () => {
    const memory = new SmallMemory(20)
    const { normalizer, frame, warnings } = toy(memory)
    frame(trade('1'))
    frame(book(300))
    frame(trade('2'))
    const types = ['connection', 'instrument', 'trade', 'drop', 'gap', 'trade']
    expect(rawRecords(memory.cells()).map(({ type }) => type)).toEqual(
      types.map((type) => RecordType[type as keyof typeof RecordType]),
    )
    expect(normalizer.counters).toMatchObject({ rejectedFrames: 1, droppedFrames: 1, gaps: 1 })
    expect(normalizer.takeRequests()).toMatchObject([{ kind: 'reconnect', connection: 1 }])
    expect(warnings).toEqual([expect.stringContaining('raise --ring-mb')])
  })

  it('of a REST answer is refused as a frame is, without a gap of the stream', () => {
    const { normalizer, frame, records, warnings } = toy(new SmallMemory(60))
    frame(trade('1'))
    normalizer.rest(1, '/trade', bytesOf(book(300)))
    frame(trade('2'))
    expect(ofType(records(), 'text')).toMatchObject([{ flags: Flag.rest | Flag.last }])
    expect(ofType(records(), 'gap')).toEqual([])
    normalizer.rest(1, '/trade', bytesOf(book(3000)))
    expect(normalizer.counters).toMatchObject({ rejectedFrames: 2, droppedFrames: 1, gaps: 0 })
    expect(normalizer.takeRequests()).toEqual([])
    expect(warnings).toHaveLength(2)
  })
})

describe('a message that is none by its form', () => {
  it('is kept byte by byte, counted as rejected, and the connection goes on', () => {
    const { normalizer, frame, records, warnings } = toy()
    frame(trade('1'))
    const bytes = Uint8Array.of(0x7b, 0xff, 0xfe)
    normalizer.unreadable(1, bytes, 'it is not UTF-8')
    frame(trade('2'))
    expect(ofType(records(), 'text')).toMatchObject([{ reason: TextReason.unparseable, binary: true, frame: 2n }])
    expect(normalizer.counters).toMatchObject({ frames: 3, rejectedFrames: 1 })
    expect(warnings).toEqual([expect.stringContaining('not UTF-8')])
  })
})

describe('what a subscription did not bring', () => {
  it.each(['refused', 'silent'] as const)('is a gap of its instrument and record type, of cause %s', (cause) => {
    const { normalizer, stamp, records } = toy()
    stamp.low = 50
    normalizer.missing('X', 'quote', GapCause[cause], { low: 20, high: 0 })
    const [gap] = ofType(records(), 'gap')
    expect(gap).toMatchObject({ instrument: 1, connection: 0, cause: GapCause[cause], recordType: RecordType.quote })
    expect([gap?.tsLastGood, gap?.tsRecv]).toEqual([20n, 50n])
    expect(ofType(records(), 'instrument')[0]?.definition.symbol).toBe('X')
    expect(normalizer.counters.gaps).toBe(1)
  })
})

describe('books', () => {
  const levels = (count: number, from: number): [string, string][] =>
    Array.from({ length: count }, (_, i) => [String(from + i), String(i)])

  it('split what is larger than a record, bids before asks, only the last part marked', () => {
    for (const [bids, asks] of [
      [0, 0],
      [1016, 0],
      [1016, 1],
      [1017, 3],
      [2500, 2500],
    ] as const) {
      const { frame, records } = toy()
      const b = levels(bids, 1)
      const a = levels(asks, 100_000)
      frame({ s: 'X', b, a })
      const definitions = new Definitions(records())
      const books = ofType(records(), 'book')
      expect(books.flatMap((r) => definitions.levels(r, r.book.bids))).toEqual(b)
      expect(books.flatMap((r) => definitions.levels(r, r.book.asks))).toEqual(a)
      expect(books.map((r) => (r.flags & Flag.last) !== 0)).toEqual(books.map((_, i) => i === books.length - 1))
      expect(books).toHaveLength(Math.max(1, Math.ceil((bids + asks) / 1016)))
    }
  })

  it('refuse levels that are not pairs', () => {
    const { normalizer, frame } = toy()
    for (const b of [[[]], [['1']], ['1'], [['1', null]], {}, null, [[1, 2], 3]]) frame({ s: 'X', b, a: [] })
    expect(normalizer.counters).toMatchObject({ frames: 7, rejectedFrames: 7 })
  })
})

describe('gaps', () => {
  it('are written before the first record after an interruption, for every instrument of the connection, once', () => {
    const { normalizer, frame, records, stamp } = toy()
    frame(trade('1', '1', 'X'), 1)
    frame(trade('1', '1', 'Y'), 1)
    frame(trade('1', '1', 'Z'), 2)
    const lastGood = BigInt(stamp.low)
    frame({ text: 'x' }, 1)
    normalizer.interrupted(1, GapCause.disconnect)
    normalizer.interrupted(1, GapCause.stale)
    normalizer.closed(1, 1006, '')
    frame(trade('2', '1', 'Y'), 3)
    frame(trade('2', '1', 'Z'), 2)
    frame(trade('2', '1', 'X'), 3)
    frame(trade('3', '1', 'X'), 3)
    const gaps = ofType(records(), 'gap')
    expect(gaps.map((r) => [r.instrument, r.cause, r.tsLastGood, r.recordType])).toEqual([
      [2, GapCause.disconnect, lastGood + 1n, 0],
      [1, GapCause.disconnect, lastGood + 1n, 0],
    ])
    expect(
      records()
        .map((r) => r.type)
        .slice(-6),
    ).toEqual(['gap', 'trade', 'trade', 'gap', 'trade', 'trade'])
    expect(normalizer.counters.gaps).toBe(2)
  })

  it('stay open when the frame that would end them is refused', () => {
    const { normalizer, frame, records } = toy()
    frame(trade('1'))
    normalizer.interrupted(1, GapCause.stale)
    frame({ s: 'X', p: '1' })
    expect(normalizer.counters.gaps).toBe(0)
    frame(trade('2'))
    expect(
      records()
        .map((r) => r.type)
        .slice(-3),
    ).toEqual(['text', 'gap', 'trade'])
    expect(normalizer.counters.gaps).toBe(1)
  })

  it('that are still open are written at the end', () => {
    const { normalizer, frame, records } = toy()
    frame(trade('1'))
    normalizer.interrupted(1, GapCause.disconnect)
    normalizer.stopped()
    normalizer.stopped()
    expect(ofType(records(), 'gap')).toHaveLength(1)
  })

  it('of a connection that is not known are none', () => {
    const { normalizer, records } = toy()
    normalizer.interrupted(9, GapCause.disconnect)
    normalizer.stopped()
    expect(records()).toEqual([])
  })
})

it('counts as records what was published', () => {
  const { normalizer, frame, records } = toy()
  for (const p of ['1', '1.5', 'x', '2']) frame(trade(p))
  expect(normalizer.counters.records).toBe(records().length)
})

it('hands on an error of the memory instead of calling the frame malformed', () => {
  const full: CellMemory = Object.assign(new BufferMemory(), {
    reserve: () => {
      throw new RangeError('full')
    },
  })
  const { normalizer } = toy(full)
  expect(() => normalizer.frame(1, bytesOf(trade('1')), false)).toThrow('full')
})
