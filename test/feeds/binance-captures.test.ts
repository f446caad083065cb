// Real frames: what the normaliser wrote, printed, beside what an independent reading of the same frames says.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it, type TestContext } from 'vitest'
import type { Normalizer } from '../../src/feeds/feed.ts'
import { adapterFor, findVenue } from '../../src/feeds/registry.ts'
import { BookContinuity } from '../../src/integrity/continuity.ts'
import { CellWriter } from '../../src/records/cell-writer.ts'
import { CELL_BYTES, Flag, HEAD_TYPE, type Integrity, NONE_U64, RecordType } from '../../src/records/layout.ts'
import { type DecodedRecord, Definitions, decodeCells } from '../helpers/cells.ts'
import { TapMemory } from '../helpers/tap-memory.ts'
import { type CapturedLine, capture, play } from './captured.ts'

const FOLDER = process.env.TICKFORGE_CAPTURES ?? resolve(import.meta.dirname, '../../../shared/captures')

/** A frame as JSON.parse reads it. All ids and times of these captures are below 2^53, and all decimals are strings. */
type Frame = Record<string, string | number | boolean | [string, string][]>

const idOf = (value: bigint | undefined): number | undefined => (value === undefined ? undefined : Number(value))
const ms = (value: bigint | undefined): number | undefined =>
  value === undefined ? undefined : Number(value / 1_000_000n)

/** A record as the members of the frame that it came from. */
function membersOf(
  records: readonly DecodedRecord[],
  definitions: Definitions,
  rest: boolean,
): Record<string, unknown> {
  const first = records[0] as DecodedRecord
  const s = definitions.of(first).symbol
  if (first.type === 'trade') {
    const { price, size, id, firstId, lastId, buyerOrderId, sellerOrderId, tsSent } = first.trade
    const common = {
      s,
      E: ms(tsSent),
      T: ms(first.tsEvent),
      p: definitions.price(first, price),
      q: definitions.size(first, size),
      m: (first.flags & Flag.sell) !== 0,
    }
    const ids =
      (first.flags & Flag.aggregate) !== 0
        ? { a: idOf(id), f: idOf(firstId), l: idOf(lastId) }
        : { t: idOf(id), b: idOf(buyerOrderId), a: idOf(sellerOrderId) }
    return { ...common, ...ids }
  }
  if (first.type === 'quote') {
    const { bidPrice, bidSize, askPrice, askSize, updateId, tsSent } = first.quote
    const sides = {
      b: definitions.price(first, bidPrice),
      B: definitions.size(first, bidSize),
      a: definitions.price(first, askPrice),
      A: definitions.size(first, askSize),
    }
    return { s, u: idOf(updateId), ...sides, T: ms(first.tsEvent), E: ms(tsSent) }
  }
  const bids: [string, string][] = []
  const asks: [string, string][] = []
  for (const r of records) {
    if (r.type !== 'book') throw new Error(`a ${r.type} among the parts of a book`)
    bids.push(...definitions.levels(r, r.book.bids))
    asks.push(...definitions.levels(r, r.book.asks))
  }
  if (first.type !== 'book') throw new Error(`a ${first.type} where a book was expected`)
  const { first: U, last: u, previous, tsSent } = first.book
  if (rest) return { lastUpdateId: idOf(u), E: ms(tsSent), T: ms(first.tsEvent), bids, asks }
  const times = tsSent === undefined ? { E: ms(first.tsEvent) } : { E: ms(tsSent), T: ms(first.tsEvent) }
  return { s, U: idOf(U), u: idOf(u), pu: idOf(previous), ...times, b: bids, a: asks }
}

/** Of trades and quotes, which are many and simple, one in so many is compared number by number. Books all are. */
const SAMPLE = 8

/** Reads a capture, compares frames with their records, counts, and follows each book's ids in the records. */
class Comparison {
  readonly normalizer: Normalizer
  readonly counts: Record<string, number> = {}
  readonly warnings: string[] = []
  readonly books = new Map<string, BookContinuity>()
  readonly #definitions = new Definitions()
  #cells: Uint8Array[] = []
  #frames = 0

  constructor(venue: string, url?: string) {
    const memory = new TapMemory()
    memory.onCells = (cells) => this.#cells.push(cells)
    let instruments = 0
    this.normalizer = adapterFor(findVenue(venue), {
      tsRecv: 0n,
      ...(url === undefined ? {} : { url }),
    }).createNormalizer({
      venue,
      writer: new CellWriter(memory),
      stamp: { low: 0, high: 0 },
      nextInstrument: () => ++instruments,
      warn: (message) => this.warnings.push(message),
    })
  }

  opened(connection: number, url: string): void {
    this.normalizer.opened(connection, url)
    this.#take()
  }

  frame(connection: number, text: string): void {
    this.normalizer.frame(connection, Buffer.from(text), false)
    const channel = text.slice(text.indexOf('@') + 1, text.indexOf('"', text.indexOf('@')))
    this.counts[channel] = (this.counts[channel] ?? 0) + 1
    // Whatever is not one record of the right type is always looked at: definitions, gaps, texts.
    const type = channel === 'bookTicker' ? RecordType.quote : RecordType.trade
    const plain =
      this.#cells.length === 1 && this.#cells[0]?.length === 2 * CELL_BYTES && this.#cells[0][HEAD_TYPE] === type
    if (plain && this.#frames++ % SAMPLE !== 0) this.#cells = []
    else this.#compare(channel, (JSON.parse(text) as { data: Frame }).data, this.#take())
  }

  rest(connection: number, path: string, text: string): void {
    this.normalizer.rest(connection, path, Buffer.from(text))
    const records = this.#take()
    if (!text.startsWith('{"lastUpdateId"')) {
      expect(records).toEqual([])
      return
    }
    this.counts.REST = (this.counts.REST ?? 0) + 1
    this.#compare('REST', JSON.parse(text) as Frame, records)
  }

  #take(): DecodedRecord[] {
    const records = this.#cells.flatMap(decodeCells)
    this.#cells = []
    for (const record of records) {
      this.#definitions.take(record)
      if (record.type === 'book' && (record.flags & Flag.last) !== 0) this.#follow(record)
    }
    return records.filter((r) => r.type !== 'instrument' && r.type !== 'connection')
  }

  #follow(record: Extract<DecodedRecord, { type: 'book' }>): void {
    const { symbol, integrity } = this.#definitions.of(record)
    const book = this.books.get(symbol) ?? new BookContinuity(integrity as Integrity)
    this.books.set(symbol, book)
    const { first, last, previous } = record.book
    if ((record.flags & Flag.rest) !== 0) book.snapshot(last as bigint)
    else book.update(first as bigint, last as bigint, previous ?? NONE_U64)
  }

  #compare(channel: string, data: Frame, records: DecodedRecord[]): void {
    if (!/^(trade|aggTrade|bookTicker|depth@.*|REST)$/.test(channel)) {
      expect(records.map((r) => r.type)).toEqual(['text'])
      return
    }
    const members = membersOf(records, this.#definitions, channel === 'REST')
    for (const [name, value] of Object.entries(members)) {
      const expected = data[name]
      // A comparison by hand: expect() on half a million frames takes minutes.
      if (typeof value === 'object' ? JSON.stringify(value) !== JSON.stringify(expected) : value !== expected) {
        expect({ channel, [name]: value }).toEqual({ channel, [name]: expected })
      }
    }
  }
}

/** Channels and their counts as the manifest has them for one file. */
function manifest(context: TestContext, file: string): Record<string, number> {
  const path = join(FOLDER, 'MANIFEST.tsv')
  if (!existsSync(path)) context.skip('needs the captures')
  const line = readFileSync(path, 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${file}\t`))
  if (line === undefined) throw new Error(`the manifest does not name ${file}`)
  const channels = line.split('\t')[5] as string
  return Object.fromEntries(
    [...channels.matchAll(/(\{[^}]*\}|[^,=]+)=(\d+)/g)].map(([, name, count]) => [
      name?.startsWith('{') ? 'REST' : name,
      Number(count),
    ]),
  )
}

function expectWhole(comparison: Comparison, counts: Record<string, number>, snapshots: boolean): void {
  const { warnings, normalizer } = comparison
  expect(warnings).toEqual([])
  expect(normalizer.counters).toMatchObject({ rejectedFrames: 0, gaps: 0 })
  expect(comparison.counts).toEqual(counts)
  for (const book of comparison.books.values()) expect([book.broken, book.stale]).toEqual([0, 0])
  if (snapshots) for (const [symbol, book] of comparison.books) expect([symbol, book.joined]).toEqual([symbol, true])
}

describe('hftbacktest', () => {
  const groups: [string, string, string[]][] = [
    ['binance', 'spot', ['btcusdt_20230405.dat.gz']],
    ['binance', 'spot', ['btcusdt_20240808.gz', 'btcusdt_20240809.gz']],
    ['binance-usdm', 'usdm', ['btcusdt_20230404.dat.gz', 'btcusdt_20230405.dat.gz']],
    ['binance-usdm', 'usdm', ['btcusdt_20240808.gz']],
    ['binance-usdm', 'usdm', ['ethusdt_20240808.gz']],
    ['binance-coinm', 'cm', ['btcusd_perp_20240808.gz', 'btcusd_perp_20240809.gz']],
  ]

  it('has no other files of Binance than these', (context) => {
    if (!existsSync(FOLDER)) context.skip('needs the captures')
    const found = ['spot', 'usdm', 'cm'].flatMap((folder) => readdirSync(join(FOLDER, 'hftbacktest', folder)))
    expect(groups.flatMap(([, , files]) => files).sort()).toEqual(found.sort())
  })

  for (const [venue, folder, files] of groups) {
    it(`${venue} ${files.join(' and ')}: every number as text, every update in its place`, (context) => {
      const counts: Record<string, number> = {}
      for (const file of files) {
        for (const [name, count] of Object.entries(manifest(context, `hftbacktest/${folder}/${file}`)))
          counts[name] = (counts[name] ?? 0) + count
      }
      const comparison = new Comparison(venue)
      for (const file of files) {
        const lines = gunzipSync(readFileSync(join(FOLDER, 'hftbacktest', folder, file)))
          .toString('utf8')
          .split('\n')
        for (const line of lines) {
          const payload = line.slice(line.indexOf(' ') + 1)
          if (payload.startsWith('{"lastUpdateId"')) comparison.rest(1, '', payload)
          else if (payload !== '') comparison.frame(1, payload)
        }
      }
      expectWhole(comparison, counts, counts.REST !== undefined)
    })
  }
})

describe('cryptofeed', () => {
  for (const [venue, name] of [
    ['binance', 'BINANCE'],
    ['binance-usdm', 'BINANCE_FUTURES'],
    ['binance-coinm', 'BINANCE_DELIVERY'],
  ] as const) {
    it(`${venue}: every number as text, every update in its place, every snapshot joined`, (context) => {
      const lines: CapturedLine[] = capture(context, name)
      const comparison = new Comparison(venue, lines.find((line) => line.t === 'connect')?.addr)
      play(lines, comparison)
      const answers = lines.filter((line) => line.url?.includes('/depth?')).length
      expectWhole(comparison, { ...manifest(context, `cryptofeed-v3/${name}.jsonl.zst`), REST: answers }, true)
    })
  }
})
