// Encodes one best bid and ask, once all of it was read.
import type { CellWriter } from '../records/cell-writer.ts'
import { Flag, QUOTE_SEQUENCE, QUOTE_TS_SENT, QUOTE_UPDATE_ID, RecordType } from '../records/layout.ts'

const NONE_HIGH = -2147483648
const EVENT = 8
const SENT = 10
const SEQUENCE = 12

/** Set what the venue gives, in any order, then write(). Everything is "none" again afterwards. Two words a number. */
export class QuoteEncoder {
  readonly #writer: CellWriter
  readonly #words = new Int32Array(14)

  constructor(writer: CellWriter) {
    this.#writer = writer
    this.reset()
  }

  reset(): void {
    this.#words.fill(0)
    for (let high = 1; high <= SENT + 1; high += 2) this.#words[high] = NONE_HIGH
    this.#words.fill(-1, SEQUENCE)
  }

  bidPrice(low: number, high: number): void {
    this.#set(0, low, high)
  }

  bidSize(low: number, high: number): void {
    this.#set(2, low, high)
  }

  askPrice(low: number, high: number): void {
    this.#set(4, low, high)
  }

  askSize(low: number, high: number): void {
    this.#set(6, low, high)
  }

  event(low: number, high: number): void {
    this.#set(EVENT, low, high)
  }

  sent(low: number, high: number): void {
    this.#set(SENT, low, high)
  }

  sequence(low: number, high: number): void {
    this.#set(SEQUENCE, low, high)
  }

  /** Writes the record, with an extension cell if it has something to say. `instrument`: the definition's number. */
  write(instrument: number): void {
    const w = this.#words
    const writer = this.#writer
    const sent = w[SENT + 1] !== NONE_HIGH || w[SENT] !== 0
    const extension = sent || w[SEQUENCE] !== -1 || w[SEQUENCE + 1] !== -1
    const flags = Flag.last | (extension ? Flag.extension : 0)
    const at = writer.beginValues(
      RecordType.quote,
      extension ? 2 : 1,
      flags,
      instrument,
      w[EVENT] as number,
      w[EVENT + 1] as number,
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
      writer.put64(at, QUOTE_TS_SENT, w[SENT] as number, w[SENT + 1] as number)
      writer.putNoId(at, QUOTE_UPDATE_ID)
      writer.put64(at, QUOTE_SEQUENCE, w[SEQUENCE] as number, w[SEQUENCE + 1] as number)
    }
    this.reset()
  }

  #set(at: number, low: number, high: number): void {
    this.#words[at] = low
    this.#words[at + 1] = high
  }
}
