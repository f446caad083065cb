// What venues say: trades, quotes, books.
import type { Decimal } from 'decimal.js'
import { toDecimal } from './decimal-text.ts'
import { readStrings } from './definition.ts'
import * as L from './layout.ts'
import { nameOf, optional, View } from './view.ts'

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
      bids: this.levelTexts(0, this.bidCount),
      asks: this.levelTexts(this.bidCount, this.askCount),
    }
  }

  /** Null in place of a text when the definition is lost. */
  private levelTexts(first: number, count: number): [string | null, string | null][] {
    return Array.from({ length: count }, (_, i) => {
      const level = this.level(first + i)
      return [this.decimal(level, 'price'), this.decimal(level + 8, 'size')]
    })
  }
}
