// Records as objects over mapped memory. One view object a type is reused for every record: nothing is allocated until
// a field is read, and a view is valid only until the next record is asked for. `toJson()` copies.
import { isUtf8 } from 'node:buffer'
import type { Decimal } from 'decimal.js'
import { decimalText, toDecimal } from './decimal-text.ts'
import { type InstrumentDefinition, readDefinition, readStrings } from './definition.ts'
import * as L from './layout.ts'

/** Mapped cells under the typed arrays that the views read, and the definitions of their segment. */
export class CellArea {
  readonly i32: Int32Array
  readonly u32: Uint32Array
  readonly u16: Uint16Array
  readonly u8: Uint8Array
  readonly i64: BigInt64Array
  readonly u64: BigUint64Array
  /** By definition number. */
  readonly definitions: readonly (InstrumentDefinition | undefined)[]

  constructor(buffer: ArrayBuffer, definitions: readonly (InstrumentDefinition | undefined)[]) {
    this.i32 = new Int32Array(buffer)
    this.u32 = new Uint32Array(buffer)
    this.u16 = new Uint16Array(buffer)
    this.u8 = new Uint8Array(buffer)
    this.i64 = new BigInt64Array(buffer)
    this.u64 = new BigUint64Array(buffer)
    this.definitions = definitions
  }
}

const NAMES = new Map<number, RecordName>(
  (Object.entries(L.RecordType) as [RecordName, number][]).map(([name, number]) => [number, name]),
)
export type RecordName = keyof typeof L.RecordType

/** Name of a value of one of the generated enumerations; its number as text if it is newer than this reader. */
function nameOf(enumeration: Record<string, number>, value: number): string {
  for (const [name, number] of Object.entries(enumeration))
    if (number === value) return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
  return String(value)
}

const FLAG_NAMES = (Object.keys(L.Flag) as (keyof typeof L.Flag)[]).map(
  (name) => [name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`), L.Flag[name]] as const,
)

/** What every record has. Times are ns since the epoch, UTC. */
abstract class View {
  abstract readonly type: RecordName
  /** @internal */
  area: CellArea
  /** @internal Byte offset of the record in the area. */
  at = 0

  constructor(area: CellArea) {
    this.area = area
  }

  get tsRecv(): bigint {
    return this.area.i64[(this.at + L.HEAD_TS_RECV) >> 3] as bigint
  }
  /** The venue's time; null when it gave none. */
  get tsEvent(): bigint | null {
    return this.time(L.HEAD_TS_EVENT)
  }
  get flags(): number {
    return this.area.u16[(this.at + L.HEAD_FLAGS) >> 1] as number
  }
  get cells(): number {
    return this.area.u8[this.at + L.HEAD_CELLS] as number
  }
  /** Number of the definition; 0 = none. */
  get instrumentNumber(): number {
    return this.area.u32[(this.at + L.HEAD_INSTRUMENT) >> 2] as number
  }
  get definition(): InstrumentDefinition | undefined {
    return this.area.definitions[this.instrumentNumber]
  }
  /** 'binance:BTCUSDT'; '' for a record that concerns no instrument. */
  get instrument(): string {
    return this.definition?.key ?? ''
  }
  /** Number of the connection, 0 = none. */
  get connection(): number {
    return this.area.u16[(this.at + L.HEAD_FRAME + 6) >> 1] as number
  }
  /** Number of the raw frame on its connection, from 1. */
  get frame(): number {
    const at = (this.at + L.HEAD_FRAME) >> 1
    const u16 = this.area.u16
    return (u16[at + 2] as number) * 4294967296 + (u16[at + 1] as number) * 65536 + (u16[at] as number)
  }

  /** A copy of everything, with the names of docs/FORMAT.md; 64-bit integers and decimals are strings. */
  toJson(): Record<string, unknown> {
    return {
      type: this.type,
      ...(this.instrument === '' ? {} : { instrument: this.instrument }),
      ts_recv: String(this.tsRecv),
      ts_event: text(this.tsEvent),
      ...this.fields(),
      flags: FLAG_NAMES.filter(([, bit]) => (this.flags & bit) !== 0).map(([name]) => name),
      connection: this.connection,
      frame: this.frame,
    }
  }

  protected abstract fields(): Record<string, unknown>

  protected get extended(): boolean {
    return (this.flags & L.Flag.extension) !== 0
  }
  protected i64(offset: number): bigint {
    return this.area.i64[(this.at + offset) >> 3] as bigint
  }
  protected u16(offset: number): number {
    return this.area.u16[(this.at + offset) >> 1] as number
  }
  protected u32(offset: number): number {
    return this.area.u32[(this.at + offset) >> 2] as number
  }
  protected u8(offset: number): number {
    return this.area.u8[this.at + offset] as number
  }
  protected time(offset: number): bigint | null {
    const value = this.i64(offset)
    return value === L.NONE_I64 ? null : value
  }
  protected id(offset: number): bigint | null {
    const value = this.area.u64[(this.at + offset) >> 3] as bigint
    return value === L.NONE_U64 ? null : value
  }
  protected strings(lengths: readonly number[]): string[] {
    return readStrings(this.area.u8, this.at + L.CELL_BYTES, lengths)
  }
  /** Exact text of a price or size; null for none, and when the definition is lost. */
  protected decimal(offset: number, kind: 'price' | 'size'): string | null {
    const word = (this.at + offset) >> 2
    const low = this.area.u32[word] as number
    const high = this.area.i32[word + 1] as number
    if (high === -2147483648 && low === 0) return null
    const definition = this.definition
    // Without its definition, which damage can take away, a mantissa says nothing.
    if (definition === undefined) return null
    const decimals = kind === 'price' ? definition.priceDecimals : definition.sizeDecimals
    const print = kind === 'price' ? definition.pricePrint : definition.sizePrint
    // Below 2^53 the two words are one exact integer number, which prints faster than a bigint.
    const mantissa = high >= 0 && high < 0x200000 ? high * 4294967296 + low : this.i64(offset)
    return decimalText(mantissa, decimals, print)
  }
}

function text(value: bigint | null): string | null {
  return value === null ? null : String(value)
}

export class TradeView extends View {
  readonly type = 'trade'
  /** Exact text as the venue prints it; '' when damage took the definition away. */
  get price(): string {
    return this.decimal(L.TRADE_PRICE, 'price') ?? ''
  }
  get size(): string {
    return this.decimal(L.TRADE_SIZE, 'size') ?? ''
  }
  /** Mantissas: value = mantissa / 10^definition.priceDecimals. */
  get priceMantissa(): bigint {
    return this.i64(L.TRADE_PRICE)
  }
  get sizeMantissa(): bigint {
    return this.i64(L.TRADE_SIZE)
  }
  get priceDecimal(): Decimal | null {
    return toDecimal(this.priceMantissa, this.definition?.priceDecimals ?? 0)
  }
  get sizeDecimal(): Decimal | null {
    return toDecimal(this.sizeMantissa, this.definition?.sizeDecimals ?? 0)
  }
  /** Aggressor side; null when the venue does not say. */
  get side(): 'buy' | 'sell' | null {
    const flags = this.flags
    return (flags & L.Flag.buy) !== 0 ? 'buy' : (flags & L.Flag.sell) !== 0 ? 'sell' : null
  }
  /** The venue's id: a number, or its text if it is not one. */
  get tradeId(): bigint | string | null {
    if (this.cells < 3) return this.id(L.TRADE_ID)
    return readStrings(this.area.u8, this.at + L.TRADE_ID_TEXT, [this.u8(L.TRADE_ID_TEXT_LENGTH)])[0] as string
  }
  get sequence(): bigint | null {
    return this.id(L.TRADE_SEQUENCE)
  }
  get tsSent(): bigint | null {
    return this.extended ? this.time(L.TRADE_TS_SENT) : null
  }
  /** One record for several matches, trades firstTradeId to lastTradeId. */
  get aggregate(): boolean {
    return (this.flags & L.Flag.aggregate) !== 0
  }
  get firstTradeId(): bigint | null {
    return this.extended ? this.id(L.TRADE_FIRST_ID) : null
  }
  get lastTradeId(): bigint | null {
    return this.extended ? this.id(L.TRADE_LAST_ID) : null
  }
  get buyerOrderId(): bigint | null {
    return this.extended ? this.id(L.TRADE_BUYER_ORDER_ID) : null
  }
  get sellerOrderId(): bigint | null {
    return this.extended ? this.id(L.TRADE_SELLER_ORDER_ID) : null
  }
  get kind(): string | null {
    const kind = this.extended ? this.u8(L.TRADE_KIND) : 0
    return kind === 0 ? null : nameOf(L.TradeKind, kind)
  }
  protected fields(): Record<string, unknown> {
    const id = this.tradeId
    return {
      price: this.decimal(L.TRADE_PRICE, 'price'),
      size: this.decimal(L.TRADE_SIZE, 'size'),
      side: this.side,
      trade_id: id === null ? null : String(id),
      ...optional('sequence', this.sequence),
      ...optional('ts_sent', this.tsSent),
      ...optional('first_trade_id', this.firstTradeId),
      ...optional('last_trade_id', this.lastTradeId),
      ...optional('buyer_order_id', this.buyerOrderId),
      ...optional('seller_order_id', this.sellerOrderId),
      ...optional('kind', this.kind),
    }
  }
}

function optional(name: string, value: bigint | string | null): Record<string, string> {
  return value === null ? {} : { [name]: String(value) }
}

export class QuoteView extends View {
  readonly type = 'quote'
  /** Exact texts; null when the side is empty. */
  get bidPrice(): string | null {
    return this.decimal(L.QUOTE_BID_PRICE, 'price')
  }
  get bidSize(): string | null {
    return this.decimal(L.QUOTE_BID_SIZE, 'size')
  }
  get askPrice(): string | null {
    return this.decimal(L.QUOTE_ASK_PRICE, 'price')
  }
  get askSize(): string | null {
    return this.decimal(L.QUOTE_ASK_SIZE, 'size')
  }
  get bidPriceMantissa(): bigint {
    return this.i64(L.QUOTE_BID_PRICE)
  }
  get bidSizeMantissa(): bigint {
    return this.i64(L.QUOTE_BID_SIZE)
  }
  get askPriceMantissa(): bigint {
    return this.i64(L.QUOTE_ASK_PRICE)
  }
  get askSizeMantissa(): bigint {
    return this.i64(L.QUOTE_ASK_SIZE)
  }
  get updateId(): bigint | null {
    return this.extended ? this.id(L.QUOTE_UPDATE_ID) : null
  }
  get sequence(): bigint | null {
    return this.extended ? this.id(L.QUOTE_SEQUENCE) : null
  }
  get tsSent(): bigint | null {
    return this.extended ? this.time(L.QUOTE_TS_SENT) : null
  }
  protected fields(): Record<string, unknown> {
    return {
      bid_price: this.bidPrice,
      bid_size: this.bidSize,
      ask_price: this.askPrice,
      ask_size: this.askSize,
      ...optional('update_id', this.updateId),
      ...optional('sequence', this.sequence),
      ...optional('ts_sent', this.tsSent),
    }
  }
}

export class BookView extends View {
  readonly type = 'book'
  get firstUpdateId(): bigint | null {
    return this.id(L.BOOK_FIRST_UPDATE_ID)
  }
  get lastUpdateId(): bigint | null {
    return this.id(L.BOOK_LAST_UPDATE_ID)
  }
  get previousUpdateId(): bigint | null {
    return this.id(L.BOOK_PREVIOUS_UPDATE_ID)
  }
  get bidCount(): number {
    return this.u16(L.BOOK_BID_COUNT)
  }
  get askCount(): number {
    return this.u16(L.BOOK_ASK_COUNT)
  }
  /** A whole book, not a change. */
  get snapshot(): boolean {
    return (this.flags & L.Flag.snapshot) !== 0
  }
  /** Last part of its event. */
  get last(): boolean {
    return (this.flags & L.Flag.last) !== 0
  }
  /** The venue's CRC-32, unsigned; null when it gave none. */
  get checksum(): number | null {
    return (this.flags & L.Flag.checksum) !== 0 ? this.u32(L.BOOK_CHECKSUM) : null
  }
  get sequence(): bigint | null {
    return this.extended ? this.id(L.BOOK_SEQUENCE) : null
  }
  get tsSent(): bigint | null {
    return this.extended ? this.time(L.BOOK_TS_SENT) : null
  }
  /** Byte offset of level `i` (bids first) within the record. */
  private level(i: number): number {
    return L.CELL_BYTES * (this.extended ? 2 : 1) + i * L.LEVEL_BYTES
  }
  /** Levels are numbered from 0, bids first, then asks. In an update a size of 0 removes the level. */
  levelPrice(i: number): string {
    return this.decimal(this.level(i), 'price') ?? ''
  }
  levelSize(i: number): string {
    return this.decimal(this.level(i) + 8, 'size') ?? ''
  }
  levelPriceMantissa(i: number): bigint {
    return this.i64(this.level(i))
  }
  levelSizeMantissa(i: number): bigint {
    return this.i64(this.level(i) + 8)
  }
  /** Copies of the levels as exact texts. */
  get bids(): [price: string, size: string][] {
    return Array.from({ length: this.bidCount }, (_, i) => [this.levelPrice(i), this.levelSize(i)])
  }
  get asks(): [price: string, size: string][] {
    const bids = this.bidCount
    return Array.from({ length: this.askCount }, (_, i) => [this.levelPrice(bids + i), this.levelSize(bids + i)])
  }
  protected fields(): Record<string, unknown> {
    return {
      snapshot: this.snapshot,
      ...optional('first_update_id', this.firstUpdateId),
      ...optional('last_update_id', this.lastUpdateId),
      ...optional('previous_update_id', this.previousUpdateId),
      ...(this.checksum === null ? {} : { checksum: this.checksum }),
      ...optional('sequence', this.sequence),
      ...optional('ts_sent', this.tsSent),
      bids: this.bids,
      asks: this.asks,
    }
  }
}

export class GapView extends View {
  readonly type = 'gap'
  get expectedId(): bigint | null {
    return this.id(L.GAP_EXPECTED_ID)
  }
  get receivedId(): bigint | null {
    return this.id(L.GAP_RECEIVED_ID)
  }
  get tsLastGood(): bigint | null {
    return this.time(L.GAP_TS_LAST_GOOD)
  }
  /** 'sequence', 'disconnect', ...: a name of GapCause. */
  get cause(): string {
    return nameOf(L.GapCause, this.u8(L.GAP_CAUSE))
  }
  get causeNumber(): number {
    return this.u8(L.GAP_CAUSE)
  }
  /** What is missing; null = everything. */
  get recordType(): RecordName | null {
    return NAMES.get(this.u8(L.GAP_RECORD_TYPE)) ?? null
  }
  protected fields(): Record<string, unknown> {
    return {
      cause: this.cause,
      ts_last_good: text(this.tsLastGood),
      ...optional('expected_id', this.expectedId),
      ...optional('received_id', this.receivedId),
      ...optional('record_type', this.recordType),
    }
  }
}

export class DropView extends View {
  readonly type = 'drop'
  get count(): bigint {
    return this.i64(L.DROP_COUNT)
  }
  get tsFirst(): bigint | null {
    return this.time(L.DROP_TS_FIRST)
  }
  get cause(): string {
    return nameOf(L.GapCause, this.u8(L.DROP_CAUSE))
  }
  protected fields(): Record<string, unknown> {
    return { count: String(this.count), ts_first: text(this.tsFirst), cause: this.cause }
  }
}

export class TextView extends View {
  readonly type = 'text'
  get reason(): string {
    return nameOf(L.TextReason, this.u8(L.TEXT_REASON))
  }
  get binary(): boolean {
    return this.u8(L.TEXT_BINARY) !== 0
  }
  get offset(): number {
    return this.u32(L.TEXT_OFFSET)
  }
  get totalLength(): number {
    return this.u32(L.TEXT_TOTAL_LENGTH)
  }
  get sequence(): bigint | null {
    return this.id(L.TEXT_SEQUENCE)
  }
  /** A copy of the bytes in this record: a part of the frame if it is long. */
  get bytes(): Buffer {
    const from = this.at + L.CELL_BYTES
    return Buffer.from(this.area.u8.subarray(from, from + this.u16(L.TEXT_LENGTH)))
  }
  protected fields(): Record<string, unknown> {
    const whole = this.offset === 0 && this.bytes.length === this.totalLength
    return {
      reason: this.reason,
      ...optional('sequence', this.sequence),
      ...(whole ? {} : { offset: this.offset, total_length: this.totalLength }),
      ...(this.binary || !isUtf8(this.bytes)
        ? { base64: this.bytes.toString('base64') }
        : { text: this.bytes.toString('utf8') }),
    }
  }
}

export class ConnectionView extends View {
  readonly type = 'connection'
  get event(): 'open' | 'close' {
    return this.u8(L.CONNECTION_EVENT) === L.ConnectionEvent.open ? 'open' : 'close'
  }
  get integrity(): L.Integrity {
    return this.u8(L.CONNECTION_INTEGRITY) as L.Integrity
  }
  get closeCode(): number {
    return this.u16(L.CONNECTION_CLOSE_CODE)
  }
  get venue(): string {
    return this.texts[0] as string
  }
  get url(): string {
    return this.texts[1] as string
  }
  get reason(): string {
    return this.texts[2] as string
  }
  private get texts(): string[] {
    return this.strings([
      this.u8(L.CONNECTION_VENUE_LENGTH),
      this.u16(L.CONNECTION_URL_LENGTH),
      this.u16(L.CONNECTION_REASON_LENGTH),
    ])
  }
  protected fields(): Record<string, unknown> {
    const close = this.event === 'close' ? { close_code: this.closeCode, reason: this.reason } : {}
    return { event: this.event, venue: this.venue, url: this.url, ...close }
  }
}

export class InstrumentView extends View {
  readonly type = 'instrument'
  protected fields(): Record<string, unknown> {
    const d = readDefinition(this.area.u8, this.at)
    const rules = { integrity: nameOf(L.Integrity, d.integrity), checksum_rule: nameOf(L.ChecksumRule, d.checksumRule) }
    return {
      number: d.number,
      price_exponent: -d.priceDecimals,
      size_exponent: -d.sizeDecimals,
      price_print: nameOf(L.PrintRule, d.pricePrint),
      size_print: nameOf(L.PrintRule, d.sizePrint),
      ...rules,
      book_depth: d.bookDepth,
      tick_size: d.tickSize === 0n ? null : decimalText(d.tickSize, d.priceDecimals, L.PrintRule.minimal),
      lot_size: d.lotSize === 0n ? null : decimalText(d.lotSize, d.sizeDecimals, L.PrintRule.minimal),
      kind: nameOf(L.InstrumentKind, d.kind),
      base: d.base,
      quote: d.quote,
      adapter: d.adapter,
    }
  }
}

export class SegmentView extends View {
  readonly type = 'segment'
  protected fields(): Record<string, unknown> {
    const [journal, writer] = this.strings([this.u8(L.SEGMENT_JOURNAL_LENGTH), this.u8(L.SEGMENT_WRITER_LENGTH)])
    return {
      version: this.u16(L.SEGMENT_VERSION),
      journal,
      writer,
      part: this.u32(L.SEGMENT_PART),
      day: this.area.i32[(this.at + L.SEGMENT_DAY) >> 2],
      segment_id: (this.area.u64[(this.at + L.SEGMENT_ID) >> 3] as bigint).toString(16).padStart(16, '0'),
    }
  }
}

export type RecordView =
  | TradeView
  | QuoteView
  | BookView
  | GapView
  | DropView
  | TextView
  | ConnectionView
  | InstrumentView
  | SegmentView

/** One reusable view a type. */
export class RecordViews {
  readonly #views: (RecordView | undefined)[] = []

  constructor(area: CellArea) {
    const views = [
      TradeView,
      QuoteView,
      BookView,
      GapView,
      DropView,
      TextView,
      ConnectionView,
      InstrumentView,
      SegmentView,
    ]
    for (const view of views) {
      const made = new view(area)
      this.#views[L.RecordType[made.type]] = made
    }
  }

  /** The view of the record at byte `at`; undefined for a type that this version does not know. */
  view(area: CellArea, at: number): RecordView | undefined {
    const view = this.#views[area.u8[at + L.HEAD_TYPE] as number]
    if (view !== undefined) {
      view.area = area
      view.at = at
    }
    return view
  }
}
