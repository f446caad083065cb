// Encodes one trade of a venue that says more than a trade's first cell holds.
import type { CellWriter } from '../records/cell-writer.ts'
import {
  Flag,
  RecordType,
  TRADE_BUYER_ORDER_ID,
  TRADE_FIRST_ID,
  TRADE_ID_TEXT,
  TRADE_ID_TEXT_LENGTH,
  TRADE_KIND,
  TRADE_LAST_ID,
  TRADE_SELLER_ORDER_ID,
  TRADE_TS_SENT,
  TradeKind,
} from '../records/layout.ts'
import { FrameError, type JsonReader } from './json-reader.ts'

const ID_TEXT_MAX = 63
const NONE_HIGH = -2147483648
const UNSIGNED = /^(?:0|[1-9]\d{0,19})$/
/** All ones mean "none". */
const ID_MAX = 2n ** 64n - 2n

const scratch = new BigUint64Array(1)
const scratchWords = new Int32Array(scratch.buffer)

/** Set what the venue gives, in any order, then write(). Everything is "none" again afterwards. Two words a number. */
export class TradeEncoder {
  flags = 0
  kind: TradeKind = TradeKind.none

  readonly #writer: CellWriter
  readonly #words = new Int32Array(12)
  #idText: Buffer | undefined

  constructor(writer: CellWriter) {
    this.#writer = writer
    this.reset()
  }

  reset(): void {
    this.#words.fill(0)
    this.#words.fill(-1, 4, 8)
    this.#words[9] = NONE_HIGH
    this.#words[11] = NONE_HIGH
    this.#idText = undefined
    this.flags = 0
    this.kind = TradeKind.none
  }

  price(low: number, high: number): void {
    this.#set(0, low, high)
  }

  size(low: number, high: number): void {
    this.#set(2, low, high)
  }

  id(low: number, high: number): void {
    this.#set(4, low, high)
  }

  sequence(low: number, high: number): void {
    this.#set(6, low, high)
  }

  event(low: number, high: number): void {
    this.#set(8, low, high)
  }

  sent(low: number, high: number): void {
    this.#set(10, low, high)
  }

  /** Takes the id at the reader's cursor: digits of a number below 2^64 - 1, or any text of up to 63 bytes. */
  readTextId(reader: JsonReader): void {
    const text = reader.string()
    if (UNSIGNED.test(text)) {
      const value = BigInt(text)
      if (value <= ID_MAX) {
        scratch[0] = value
        this.id(scratchWords[0] as number, scratchWords[1] as number)
        return
      }
    }
    const bytes = Buffer.from(text, 'utf8')
    if (bytes.length === 0 || bytes.length > ID_TEXT_MAX) throw new FrameError(`a trade id has ${bytes.length} bytes`)
    this.#idText = bytes
  }

  /** Writes the record with as many cells as it takes. `instrument` is the definition's number. */
  write(instrument: number): void {
    const w = this.#words
    const idText = this.#idText
    const extension = idText !== undefined || this.kind !== TradeKind.none || w[11] !== NONE_HIGH || w[10] !== 0
    const cells = idText !== undefined ? 3 : extension ? 2 : 1
    const flags = this.flags | Flag.last | (extension ? Flag.extension : 0)
    const writer = this.#writer
    const at = writer.beginValues(
      RecordType.trade,
      cells,
      flags,
      instrument,
      w[8] as number,
      w[9] as number,
      w[0] as number,
      w[1] as number,
      w[2] as number,
      w[3] as number,
      w[4] as number,
      w[5] as number,
      w[6] as number,
      w[7] as number,
    )
    if (extension) {
      writer.put64(at, TRADE_TS_SENT, w[10] as number, w[11] as number)
      writer.putNoId(at, TRADE_FIRST_ID)
      writer.putNoId(at, TRADE_LAST_ID)
      writer.putNoId(at, TRADE_BUYER_ORDER_ID)
      writer.putNoId(at, TRADE_SELLER_ORDER_ID)
      writer.put8(at, TRADE_KIND, this.kind)
    }
    if (idText !== undefined) {
      writer.put8(at, TRADE_ID_TEXT_LENGTH, idText.length)
      writer.putBytes(at, TRADE_ID_TEXT, idText)
    }
    this.reset()
  }

  #set(at: number, low: number, high: number): void {
    this.#words[at] = low
    this.#words[at + 1] = high
  }
}
