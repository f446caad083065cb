// Encodes one book event as one record, or as several when it has more levels than a record holds.
import type { CellWriter } from '../records/cell-writer.ts'
import {
  BOOK_ASK_COUNT,
  BOOK_BID_COUNT,
  BOOK_CHECKSUM,
  BOOK_FIRST_UPDATE_ID,
  BOOK_LAST_UPDATE_ID,
  BOOK_PREVIOUS_UPDATE_ID,
  BOOK_SEQUENCE,
  BOOK_TS_SENT,
  CELL_BYTES,
  CELLS_PER_RECORD_MAX,
  Flag,
  LEVEL_BYTES,
  LEVELS_PER_CELL,
  RecordType,
} from '../records/layout.ts'

const ids = new BigUint64Array(3)
const idWords = new Int32Array(ids.buffer)

const BID = 0
const ASK = 1

/**
 * begin(), then bids, then asks with level(), then the set functions in any order, then finish(). Every part of a split event repeats the
 * event's numbers and times; Flag.last is on the last part only.
 */
export class BookEncoder {
  readonly #writer: CellWriter
  #parts: number[] = []
  #flags = 0
  #instrument = 0
  #extension = 0
  #at = 0
  #bids = 0
  #asks = 0
  #cells = 0

  constructor(writer: CellWriter) {
    this.#writer = writer
  }

  /** `instrument` is the definition's number; `extension`: the venue gives a sent time or a sequence number as well. */
  begin(instrument: number, flags: number, extension: boolean): void {
    this.#instrument = instrument
    this.#extension = extension ? 1 : 0
    this.#flags = extension ? flags | Flag.extension : flags
    this.#parts.length = 0
    this.#part()
  }

  /** Levels so far, of all parts. */
  levels = 0

  bid(priceLow: number, priceHigh: number, sizeLow: number, sizeHigh: number): void {
    if (this.#asks !== 0) this.#part()
    this.#level(BID, priceLow, priceHigh, sizeLow, sizeHigh)
  }

  ask(priceLow: number, priceHigh: number, sizeLow: number, sizeHigh: number): void {
    this.#level(ASK, priceLow, priceHigh, sizeLow, sizeHigh)
  }

  /** Two words each, as the JSON reader left them; ids that are not set are "none". */
  setFirst(low: number, high: number): void {
    this.#all(BOOK_FIRST_UPDATE_ID, low, high)
  }

  /** All three ids at once, as bigints. */
  setIds(first: bigint, last: bigint, previous: bigint): void {
    ids[0] = first
    ids[1] = last
    ids[2] = previous
    for (const at of this.#parts) this.#writer.words.set(idWords, at + (BOOK_FIRST_UPDATE_ID >> 2))
  }

  setLast(low: number, high: number): void {
    this.#all(BOOK_LAST_UPDATE_ID, low, high)
  }

  setPrevious(low: number, high: number): void {
    this.#all(BOOK_PREVIOUS_UPDATE_ID, low, high)
  }

  /** Only after begin(..., true). */
  setSent(low: number, high: number): void {
    this.#all(BOOK_TS_SENT, low, high)
  }

  /** Only after begin(..., true). */
  setSequence(low: number, high: number): void {
    this.#all(BOOK_SEQUENCE, low, high)
  }

  setEvent(low: number, high: number): void {
    for (const at of this.#parts) this.#writer.setEvent(at, low, high)
  }

  /** The venue's own CRC-32, unsigned. It belongs to the event: it stands in the last part. */
  setChecksum(value: number): void {
    this.#writer.put32(this.#at, BOOK_CHECKSUM, value | 0)
    this.#flags |= Flag.checksum
  }

  /** Adds flags to every part of the event. */
  addFlags(flags: number): void {
    this.#flags |= flags
  }

  finish(): void {
    this.#counts()
    const last = this.#parts.length - 1
    this.#parts.forEach((at, i) => {
      const flags = i === last ? this.#flags | Flag.last : this.#flags & ~Flag.checksum
      this.#writer.setFlags(at, flags)
    })
  }

  #all(offset: number, low: number, high: number): void {
    for (const at of this.#parts) this.#writer.put64(at, offset, low, high)
  }

  #part(): void {
    if (this.#parts.length !== 0) this.#counts()
    else this.levels = 0
    const writer = this.#writer
    const previous = this.#at
    this.#cells = 1 + this.#extension
    this.#at = writer.begin(RecordType.book, this.#cells, this.#flags, this.#instrument, 0, -2147483648)
    this.#bids = 0
    this.#asks = 0
    const words = this.#parts.length === 0 ? undefined : writer.words
    this.#parts.push(this.#at)
    if (words === undefined) {
      writer.putNoId(this.#at, BOOK_FIRST_UPDATE_ID)
      writer.putNoId(this.#at, BOOK_LAST_UPDATE_ID)
      writer.putNoId(this.#at, BOOK_PREVIOUS_UPDATE_ID)
      if (this.#extension !== 0) {
        writer.putNone(this.#at, BOOK_TS_SENT)
        writer.putNoId(this.#at, BOOK_SEQUENCE)
      }
      return
    }
    // What was set before this part began holds for it too: event time, ids, and the extension.
    words.copyWithin(this.#at + 4, previous + 4, previous + 6)
    words.copyWithin(this.#at + 8, previous + 8, previous + 14)
    if (this.#extension !== 0) words.copyWithin(this.#at + 16, previous + 16, previous + 32)
  }

  #level(side: number, priceLow: number, priceHigh: number, sizeLow: number, sizeHigh: number): void {
    let count = this.#bids + this.#asks
    if (count % LEVELS_PER_CELL === 0) {
      if (this.#cells === CELLS_PER_RECORD_MAX) {
        this.#part()
        count = 0
      }
      this.#writer.extend(this.#at, 1)
      this.#cells++
    }
    const offset = CELL_BYTES * (1 + this.#extension) + count * LEVEL_BYTES
    this.#writer.put64(this.#at, offset, priceLow, priceHigh)
    this.#writer.put64(this.#at, offset + 8, sizeLow, sizeHigh)
    if (side === BID) this.#bids++
    else this.#asks++
    this.levels++
  }

  #counts(): void {
    this.#writer.put16(this.#at, BOOK_BID_COUNT, this.#bids)
    this.#writer.put16(this.#at, BOOK_ASK_COUNT, this.#asks)
  }
}
