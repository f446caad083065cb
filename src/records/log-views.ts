// What the recorder says: definitions, connections, gaps, drops, and frames that it kept as text.
import { isUtf8 } from 'node:buffer'
import { decimalText } from './decimal-text.ts'
import { readDefinition } from './definition.ts'
import * as L from './layout.ts'
import { nameOf, optional, RECORD_NAMES, type RecordName, text, View } from './view.ts'

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
    return RECORD_NAMES.get(this.u8(L.GAP_RECORD_TYPE)) ?? null
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
