// A journal written by hand that holds every way in which a book can begin, go on and be in doubt (FORMAT.md, Continuity).
import type { Journal } from '../../src/recorder/journal.ts'
import * as L from '../../src/records/layout.ts'
import { HandWriter, NOON, SECOND } from '../helpers/logs.ts'

type Side = [price: number, size: number][]

interface BookEvent {
  first?: number
  last?: number
  previous?: number
  bids?: Side
  asks?: Side
  /** Beside `last`. */
  flags?: number
  connection?: number
  /** Not the last record of its event. */
  part?: boolean
}

const SNAPSHOT = L.Flag.snapshot
const REST = L.Flag.snapshot | L.Flag.rest
const words = (value: bigint): [low: number, high: number] => [Number(BigInt.asIntN(32, value)), Number(value >> 32n)]

/** Writes the records, a second apart. */
export function writeBooks(journal: Journal): void {
  const hand = new HandWriter(journal)
  let second = 0
  let frame = 0
  const now = (): bigint => NOON + BigInt(++second) * SECOND
  const range = hand.instrument(NOON, 'binance:BTCUSDT', { integrity: L.Integrity.range })
  const previous = hand.instrument(NOON, 'binance-usdm:BTCUSDT', { integrity: L.Integrity.previous })
  const none = hand.instrument(NOON, 'kraken:BTC/USD', { integrity: L.Integrity.none, bookDepth: 2 })

  function book(instrument: number, event: BookEvent): void {
    const { first, last, previous, bids = [], asks = [], flags = 0, connection = 1, part = false } = event
    const { writer } = journal
    writer.beginFrame(...words(now()), connection, 1000 + ++frame)
    const cells = 1 + Math.ceil(((bids.length + asks.length) * L.LEVEL_BYTES) / L.CELL_BYTES)
    const at = writer.begin(L.RecordType.book, cells, flags | (part ? 0 : L.Flag.last), instrument, 0, -2147483648)
    const ids = [
      [L.BOOK_FIRST_UPDATE_ID, first],
      [L.BOOK_LAST_UPDATE_ID, last],
      [L.BOOK_PREVIOUS_UPDATE_ID, previous],
    ] as const
    for (const [offset, id] of ids) id === undefined ? writer.putNoId(at, offset) : writer.put64(at, offset, id, 0)
    writer.put16(at, L.BOOK_BID_COUNT, bids.length)
    writer.put16(at, L.BOOK_ASK_COUNT, asks.length)
    for (const [i, [price, size]] of [...bids, ...asks].entries()) {
      writer.put64(at, L.CELL_BYTES + i * L.LEVEL_BYTES, price, 0)
      writer.put64(at, L.CELL_BYTES + i * L.LEVEL_BYTES + 8, size, 0)
    }
    writer.endFrame()
  }
  const open = (connection: number): void => void hand.connection(now(), connection, L.ConnectionEvent.open)

  open(1)
  open(2)
  // The race: updates that are newer than the snapshot stand before it. It joins in the middle of them.
  book(range, { first: 5, last: 9, bids: [[10000, 1]], asks: [[10100, 1]] })
  book(range, { first: 10, last: 12, bids: [[10010, 2]] })
  book(range, { first: 13, last: 13, bids: [[10010, 0]], asks: [[10090, 3]] })
  book(range, { last: 11, bids: [[9990, 4]], asks: [[10110, 4]], flags: REST, connection: 0 })
  book(range, { first: 14, last: 15, bids: [[10020, 5]] })
  // One that is older than the book is passed over. The best levels alone change nothing.
  book(range, { last: 12, bids: [[1, 1]], flags: REST })
  book(range, { last: 15, bids: [[2, 2]], asks: [[3, 3]], flags: SNAPSHOT | L.Flag.top })
  // An update is missing, without a gap record; then a snapshot that is newer than all, and the update after it.
  book(range, { first: 20, last: 21, bids: [[10030, 1]] })
  book(range, { last: 25, bids: [[10040, 1]], asks: [[10080, 1]], flags: REST })
  book(range, { first: 22, last: 25, bids: [[1, 7]] })
  book(range, { first: 26, last: 30, bids: [[10050, 1]] })
  // A gap of the instrument, and a snapshot that was too old.
  hand.gap(now(), range, L.GapCause.sequence)
  book(range, { last: 31, bids: [[10060, 1]], asks: [[10070, 1]], flags: REST })
  book(range, { first: 40, last: 41, bids: [[10065, 1]] })
  // In the stream, in two parts, with an id: the next update must follow on it.
  book(range, { last: 50, bids: [[10000, 1]], flags: SNAPSHOT, part: true })
  book(range, { last: 50, asks: [[10100, 1]], flags: SNAPSHOT })
  book(range, { first: 51, last: 52, asks: [[10099, 1]] })
  book(range, { first: 54, last: 54, asks: [[10098, 1]] })
  // In the stream, without an id: the next update only gives the first number.
  book(range, { bids: [[10001, 1]], asks: [[10101, 1]], flags: SNAPSHOT })
  book(range, { first: 90, last: 95, bids: [[10002, 1]] })
  book(range, { first: 96, last: 97, asks: [[10100, 1]] })
  // The same instrument on another connection has a book of its own.
  book(range, { last: 97, bids: [[10002, 9]], asks: [[10100, 9]], flags: SNAPSHOT, connection: 2 })
  book(range, { first: 98, last: 99, bids: [[10003, 1]] })
  book(range, { first: 98, last: 99, bids: [[10003, 9]], connection: 2 })

  // Futures: an update names the one before; the snapshot lies between two, and joins the one that reaches it.
  book(previous, { first: 100, last: 110, previous: 90, bids: [[20000, 1]] })
  book(previous, { first: 130, last: 140, previous: 110, bids: [[20010, 1]] })
  book(previous, { last: 120, bids: [[20000, 2]], asks: [[20100, 2]], flags: REST })
  book(previous, { first: 150, last: 160, previous: 140, asks: [[20090, 1]] })
  // As new as the last update: it tells of nothing that is not in the book.
  book(previous, { last: 160, bids: [[5, 5]], flags: REST })
  book(previous, { first: 170, last: 180, previous: 161, bids: [[20020, 1]] })

  // Without numbers: in sync from the snapshot on, until the recorder doubts it or the connection is lost.
  book(none, { bids: [[300, 1]] })
  book(none, {
    bids: [
      [300, 1],
      [290, 1],
      [280, 1],
    ],
    asks: [[310, 1]],
    flags: SNAPSHOT,
  })
  book(none, { bids: [[305, 1]], asks: [[305, 2]] })
  book(none, { asks: [[305, 0]] })
  book(none, { bids: [[306, 1]], flags: L.Flag.maybeBadBook })
  book(none, { bids: [[301, 1]], asks: [[311, 1]], flags: SNAPSHOT })
  // More decimals: the book goes on at the new ones.
  const finer = hand.instrument(now(), 'kraken:BTC/USD', { priceDecimals: 4 })
  book(finer, { bids: [[30150, 1]] })
  hand.gap(now(), 0, L.GapCause.disconnect)
  book(finer, { bids: [[30160, 1]], asks: [[31100, 1]], flags: SNAPSHOT })
  hand.connection(now(), 1, L.ConnectionEvent.close)
}
