// Logs written by hand, and logs read as plain objects.
import { readdirSync } from 'node:fs'
import { DEFINITION_DEFAULTS, type Definition, InstrumentTable } from '../../src/feeds/instruments.ts'
import { Log } from '../../src/open-log.ts'
import { Journal, type JournalSettings } from '../../src/recorder/journal.ts'
import { putConnection } from '../../src/records/connection-record.ts'
import * as L from '../../src/records/layout.ts'
import type { Query } from '../../src/replay/query.ts'
import { temporaryDirectory } from './temporary.ts'

/** 2024-08-08T12:00:00Z, in the middle of a day. */
export const NOON = 1_723_118_400_000_000_000n
export const SECOND = 1_000_000_000n
export const DAY = 86_400n * SECOND

const words = (value: bigint): [low: number, high: number] => [Number(BigInt.asIntN(32, value)), Number(value >> 32n)]

/** Five blocks: the definition, then ten trades each, a second apart. */
export async function fiveBlocks(name = 'main', directory = temporaryDirectory()): Promise<string> {
  const hand = new HandWriter(directory, { name })
  const number = hand.instrument(NOON, 'binance:BTCUSDT')
  await hand.journal.flush()
  for (let block = 0; block < 4; block++) {
    for (let i = 0; i < 10; i++) hand.trade(NOON + BigInt(block * 10 + i) * SECOND, number, block * 10 + i)
    await hand.journal.flush()
  }
  await hand.close()
  return directory
}

/** Writes records through a journal, each in a frame of its own. */
export class HandWriter {
  readonly journal: Journal
  readonly #tables = new Map<string, InstrumentTable>()
  #frame = 0

  constructor(where: string | Journal, settings: Partial<JournalSettings> = {}) {
    this.journal =
      typeof where === 'string'
        ? new Journal({ directory: where, name: 'main', durability: 'os', flushIntervalMs: 2, ...settings })
        : where
  }

  /** Writes the definition of 'venue:symbol' if there is none yet, or if it is to change; returns its number. */
  instrument(ts: bigint, key: string, change: Partial<Definition> = {}): number {
    const [venue, symbol] = key.split(':') as [string, string]
    let table = this.#tables.get(venue)
    if (table === undefined) {
      table = new InstrumentTable(venue, 'by-hand', this.journal.writer, this.journal.nextInstrument)
      this.#tables.set(venue, table)
    }
    const defaults = { ...DEFINITION_DEFAULTS, priceDecimals: 2, sizeDecimals: 3 }
    table.update(symbol, change, defaults)
    this.#begin(ts)
    const number = table.number(table.get(symbol, defaults))
    this.journal.writer.endFrame()
    return number
  }

  /** A trade whose id is also its price in hundredths and its size in thousandths. */
  trade(ts: bigint, instrument: number, id: number): this {
    const { writer } = this.journal
    this.#begin(ts)
    const at = writer.begin(L.RecordType.trade, 1, L.Flag.last | L.Flag.buy, instrument, ...words(ts - 5n))
    writer.put64(at, L.TRADE_PRICE, id, 0)
    writer.put64(at, L.TRADE_SIZE, id, 0)
    writer.put64(at, L.TRADE_ID, id, 0)
    writer.putNoId(at, L.TRADE_SEQUENCE)
    writer.endFrame()
    return this
  }

  quote(ts: bigint, instrument: number): this {
    const { writer } = this.journal
    this.#begin(ts)
    const at = writer.begin(L.RecordType.quote, 1, L.Flag.last, instrument, ...words(ts))
    for (const offset of [L.QUOTE_BID_PRICE, L.QUOTE_BID_SIZE, L.QUOTE_ASK_PRICE, L.QUOTE_ASK_SIZE])
      writer.put64(at, offset, 100, 0)
    writer.endFrame()
    return this
  }

  /** A gap; of instrument 0 it concerns all instruments of its connection, of connection 0 too the whole journal. */
  gap(ts: bigint, instrument: number, cause: L.GapCause, connection = 1): this {
    const { writer } = this.journal
    this.#begin(ts, connection)
    const at = writer.begin(L.RecordType.gap, 1, L.Flag.last, instrument, ...words(L.NONE_I64))
    writer.putNoId(at, L.GAP_EXPECTED_ID)
    writer.putNoId(at, L.GAP_RECEIVED_ID)
    writer.put64(at, L.GAP_TS_LAST_GOOD, ...words(ts - SECOND))
    writer.put8(at, L.GAP_CAUSE, cause)
    writer.endFrame()
    return this
  }

  /** A book event of one bid and one ask; prices in hundredths, a size of 1. */
  book(
    ts: bigint,
    instrument: number,
    ids: [first: number, last: number],
    prices: [bid: number, ask: number],
    flags = 0,
    connection = 1,
  ): this {
    const { writer } = this.journal
    this.#begin(ts, connection)
    const at = writer.begin(L.RecordType.book, 2, L.Flag.last | flags, instrument, ...words(ts))
    writer.put64(at, L.BOOK_FIRST_UPDATE_ID, ids[0], 0)
    writer.put64(at, L.BOOK_LAST_UPDATE_ID, ids[1], 0)
    writer.putNoId(at, L.BOOK_PREVIOUS_UPDATE_ID)
    writer.put16(at, L.BOOK_BID_COUNT, 1)
    writer.put16(at, L.BOOK_ASK_COUNT, 1)
    for (const [i, price] of prices.entries()) {
      writer.put64(at, L.CELL_BYTES + i * L.LEVEL_BYTES, price, 0)
      writer.put64(at, L.CELL_BYTES + i * L.LEVEL_BYTES + 8, 1, 0)
    }
    writer.endFrame()
    return this
  }

  connection(ts: bigint, number: number, event: L.ConnectionEvent): this {
    const { writer } = this.journal
    this.#begin(ts, number)
    const said = { venue: 'binance', url: 'wss://example.test', code: 0, reason: '' }
    putConnection(writer, { event, integrity: L.Integrity.none, ...said })
    writer.endFrame()
    return this
  }

  text(ts: bigint, bytes: string): this {
    const { writer } = this.journal
    this.#begin(ts)
    const at = writer.begin(
      L.RecordType.text,
      1 + Math.ceil(bytes.length / L.CELL_BYTES),
      L.Flag.last,
      0,
      ...words(L.NONE_I64),
    )
    writer.put8(at, L.TEXT_REASON, L.TextReason.unmapped)
    writer.put16(at, L.TEXT_LENGTH, bytes.length)
    writer.put32(at, L.TEXT_TOTAL_LENGTH, bytes.length)
    writer.putNoId(at, L.TEXT_SEQUENCE)
    writer.putBytes(at, L.CELL_BYTES, Buffer.from(bytes))
    writer.endFrame()
    return this
  }

  async close(): Promise<void> {
    await this.journal.close()
  }

  #begin(ts: bigint, connection = 1): void {
    this.journal.writer.beginFrame(...words(ts), connection, ++this.#frame)
  }
}

export type JsonRecord = Record<string, unknown> & {
  type: string
  ts_recv: string
  flags: string[]
  connection: number
  frame: number
}

/** Copies of what replay() yields. */
export function replayed(log: Log, query: Query = {}): JsonRecord[] {
  const records: JsonRecord[] = []
  for (const batch of log.replay(query)) for (const record of batch) records.push(record.toJson() as JsonRecord)
  return records
}

/** Opens a directory, replays it, lets go of it. */
export function readAll(directory: string, query: Query = {}): JsonRecord[] {
  const log = new Log(directory)
  try {
    return replayed(log, query)
  } finally {
    log.close()
  }
}

/** Ids of the trades of a range, in order. */
export function tradeIds(log: Log, query: Query = {}): number[] {
  return replayed(log, { types: ['trade'], ...query }).map((record) => Number(record.trade_id))
}

/** What a running recorder has on the disk; nothing before its first block. */
export function readSoFar(directory: string, query: Query = {}): JsonRecord[] {
  const begun = readdirSync(directory).some((name) => name.endsWith('.tfs'))
  return begun ? readAll(directory, query) : []
}
