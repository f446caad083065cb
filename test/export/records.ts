// Records in memory and a source over them: the exporters read these instead of files.
import type { ExportSource, ExportWindow } from '../../src/export/source.ts'
import type { InstrumentDefinition } from '../../src/records/definition.ts'
import * as L from '../../src/records/layout.ts'

export interface HeadFields {
  instrument?: number
  tsRecv?: bigint
  tsEvent?: bigint
  flags?: number
  frame?: bigint
}

function cells(count: number, type: number, head: HeadFields): DataView {
  const view = new DataView(new ArrayBuffer(count * L.CELL_BYTES))
  view.setUint8(L.HEAD_CELLS, count)
  view.setUint8(L.HEAD_TYPE, type)
  view.setUint16(L.HEAD_FLAGS, head.flags ?? 0, true)
  view.setUint32(L.HEAD_INSTRUMENT, head.instrument ?? 1, true)
  view.setBigInt64(L.HEAD_TS_RECV, head.tsRecv ?? 0n, true)
  view.setBigInt64(L.HEAD_TS_EVENT, head.tsEvent ?? L.NONE_I64, true)
  view.setBigUint64(L.HEAD_FRAME, head.frame ?? 0n, true)
  return view
}

export function trade(
  fields: HeadFields & {
    price: bigint
    size?: bigint
    id?: bigint
    sequence?: bigint
    tsSent?: bigint
    textId?: string
    /** Of the first and last trade, the buyer's and the seller's order. */
    ids?: readonly (bigint | undefined)[]
    kind?: number
  },
): DataView {
  const extended = [fields.tsSent, fields.textId, fields.ids, fields.kind].some((field) => field !== undefined)
  const flags = (fields.flags ?? 0) | (extended ? L.Flag.extension : 0)
  const view = cells(fields.textId !== undefined ? 3 : extended ? 2 : 1, L.RecordType.trade, { ...fields, flags })
  view.setBigInt64(L.TRADE_PRICE, fields.price, true)
  view.setBigInt64(L.TRADE_SIZE, fields.size ?? 1n, true)
  view.setBigUint64(L.TRADE_ID, fields.id ?? L.NONE_U64, true)
  view.setBigUint64(L.TRADE_SEQUENCE, fields.sequence ?? L.NONE_U64, true)
  if (extended) {
    view.setBigInt64(L.TRADE_TS_SENT, fields.tsSent ?? L.NONE_I64, true)
    const ids = [L.TRADE_FIRST_ID, L.TRADE_LAST_ID, L.TRADE_BUYER_ORDER_ID, L.TRADE_SELLER_ORDER_ID]
    for (const [i, at] of ids.entries()) view.setBigUint64(at, fields.ids?.[i] ?? L.NONE_U64, true)
    view.setUint8(L.TRADE_KIND, fields.kind ?? 0)
  }
  if (fields.textId !== undefined) {
    const text = Buffer.from(fields.textId)
    view.setUint8(L.TRADE_ID_TEXT_LENGTH, text.length)
    new Uint8Array(view.buffer).set(text, L.TRADE_ID_TEXT)
  }
  return view
}

export function quote(
  fields: HeadFields & { bid?: [bigint, bigint]; ask?: [bigint, bigint]; updateId?: bigint },
): DataView {
  const extended = fields.updateId !== undefined
  const flags = (fields.flags ?? 0) | (extended ? L.Flag.extension : 0)
  const view = cells(extended ? 2 : 1, L.RecordType.quote, { ...fields, flags })
  view.setBigInt64(L.QUOTE_BID_PRICE, fields.bid?.[0] ?? L.NONE_I64, true)
  view.setBigInt64(L.QUOTE_BID_SIZE, fields.bid?.[1] ?? L.NONE_I64, true)
  view.setBigInt64(L.QUOTE_ASK_PRICE, fields.ask?.[0] ?? L.NONE_I64, true)
  view.setBigInt64(L.QUOTE_ASK_SIZE, fields.ask?.[1] ?? L.NONE_I64, true)
  if (extended) {
    view.setBigInt64(L.QUOTE_TS_SENT, L.NONE_I64, true)
    view.setBigUint64(L.QUOTE_UPDATE_ID, fields.updateId ?? L.NONE_U64, true)
    view.setBigUint64(L.QUOTE_SEQUENCE, L.NONE_U64, true)
  }
  return view
}

export function gap(fields: HeadFields & { cause: number; recordType?: number; expected?: bigint }): DataView {
  const view = cells(1, L.RecordType.gap, { instrument: 0, ...fields })
  view.setBigUint64(L.GAP_EXPECTED_ID, fields.expected ?? L.NONE_U64, true)
  view.setBigUint64(L.GAP_RECEIVED_ID, L.NONE_U64, true)
  view.setBigInt64(L.GAP_TS_LAST_GOOD, L.NONE_I64, true)
  view.setUint8(L.GAP_CAUSE, fields.cause)
  view.setUint8(L.GAP_RECORD_TYPE, fields.recordType ?? 0)
  return view
}

export function drop(fields: HeadFields & { count: bigint; cause: number }): DataView {
  const view = cells(1, L.RecordType.drop, { instrument: 0, ...fields })
  view.setBigUint64(L.DROP_COUNT, fields.count, true)
  view.setBigInt64(L.DROP_TS_FIRST, L.NONE_I64, true)
  view.setUint8(L.DROP_CAUSE, fields.cause)
  return view
}

export function book(
  fields: HeadFields & {
    bids: [bigint, bigint][]
    asks: [bigint, bigint][]
    first?: bigint
    lastId?: bigint
    checksum?: number
  },
): DataView {
  const levels = [...fields.bids, ...fields.asks]
  const view = cells(1 + Math.ceil(levels.length / L.LEVELS_PER_CELL), L.RecordType.book, fields)
  view.setBigUint64(L.BOOK_FIRST_UPDATE_ID, fields.first ?? L.NONE_U64, true)
  view.setBigUint64(L.BOOK_LAST_UPDATE_ID, fields.lastId ?? L.NONE_U64, true)
  view.setBigUint64(L.BOOK_PREVIOUS_UPDATE_ID, L.NONE_U64, true)
  view.setUint16(L.BOOK_BID_COUNT, fields.bids.length, true)
  view.setUint16(L.BOOK_ASK_COUNT, fields.asks.length, true)
  view.setUint32(L.BOOK_CHECKSUM, fields.checksum ?? 0, true)
  for (const [i, [price, size]] of levels.entries()) {
    view.setBigInt64(L.CELL_BYTES + i * L.LEVEL_BYTES, price, true)
    view.setBigInt64(L.CELL_BYTES + i * L.LEVEL_BYTES + 8, size, true)
  }
  return view
}

export function definition(
  number: number,
  key: string,
  fields: Partial<InstrumentDefinition> = {},
): InstrumentDefinition {
  const [venue, symbol] = key.split(':') as [string, string]
  return {
    number,
    key,
    venue,
    symbol,
    base: '',
    quote: '',
    adapter: '',
    priceDecimals: 2,
    sizeDecimals: 3,
    pricePrint: L.PrintRule.fixed,
    sizePrint: L.PrintRule.fixed,
    integrity: L.Integrity.none,
    checksumRule: L.ChecksumRule.none,
    bookDepth: 0,
    tickSize: 0n,
    lotSize: 0n,
    kind: L.InstrumentKind.spot,
    ...fields,
  }
}

/** One window a list of records, each in a payload of its own. Record numbers count from 0 in every window. */
export function windowOf(definitions: readonly InstrumentDefinition[], records: readonly DataView[]): ExportWindow {
  const buffer = Buffer.concat(records.map((record) => new Uint8Array(record.buffer)))
  const payloads = new Float64Array(records.length * 3)
  let at = 0
  for (const [i, record] of records.entries()) {
    payloads.set([at, record.byteLength, i], i * 3)
    at += record.byteLength
  }
  const byNumber: (InstrumentDefinition | undefined)[] = []
  for (const known of definitions) byNumber[known.number] = known
  const place = { segment: 0, journal: 0 }
  return { buffer: new Uint8Array(buffer).buffer, payloads, definitions: Array.from(byNumber), ...place }
}

export function sourceOf(
  windows: readonly ExportWindow[],
  range: { from?: bigint; to?: bigint; instruments?: string[] } = {},
): ExportSource {
  return {
    from: range.from ?? -(2n ** 63n),
    to: range.to ?? 2n ** 63n - 1n,
    segments: ['2024-08-08.main.000', '2024-08-09.main.000'],
    instruments: range.instruments === undefined ? undefined : new Set(range.instruments),
    definitions: () => windows.flatMap((window) => window.definitions.filter((known) => known !== undefined)),
    windows: () => windows,
  }
}
