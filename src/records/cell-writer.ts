// Encodes records into cells, straight into the memory that the journal's writer reads. No allocation, no native call.
import { TickforgeError } from '../errors.ts'
import { CELL_BYTES, CELLS_PER_RECORD_MAX } from './layout.ts'

const WORDS = CELL_BYTES / 4
const WORDS_SHIFT = 4
/** V8 folds a constant of this file; an imported one is loaded and looked at for every record. */
const CELLS_MAX = CELLS_PER_RECORD_MAX
/**
 * No memory has more cells: JavaScript has no array of so many words. Masking with a constant changes nothing, but tells V8
 * that the words of a record are numbered within 32 bits, so that it need not look at each sum.
 */
const INDEX_MASK = 2 ** 27 - 1

/** Where cells go. Positions count cells modulo 2^32; the memory of a record is always contiguous. */
export interface CellMemory {
  /** The same bytes twice. Cell `position & mask` starts at word `(position & mask) * 16`. */
  readonly words: Int32Array
  readonly bytes: Uint8Array
  readonly mask: number
  /**
   * Makes room for `cells` cells from `position` on and returns the position up to which all is free. Throws when it cannot.
   * `records`: how many the frame has so far, the one that needs the cells included.
   */
  reserve(position: number, cells: number, records: number): number
  /** Hands everything before `position` over to the reader of this memory. */
  publish(position: number): void
}

/**
 * One writer a memory. Use: beginFrame(), any number of begin() ... end(), then endFrame() to publish, or
 * rollback() to take back all of the frame.
 */
export class CellWriter {
  /** Alias of the memory's words; index = word index as begin() returns it plus a byte offset / 4. */
  words: Int32Array
  bytes: Uint8Array

  readonly #memory: CellMemory
  /** Two words each. */
  #pairs: Float64Array
  #mask: number
  #position = 0
  #frameStart = 0
  #limit = 0
  /** Records since the start, those of this frame included, and without them. */
  #begun = 0
  #published = 0
  #tsLow = 0
  #tsHigh = 0
  #frameLow = 0
  #frameHigh = 0

  constructor(memory: CellMemory, position = 0) {
    this.#memory = memory
    this.words = memory.words
    this.bytes = memory.bytes
    this.#pairs = pairsOf(memory.words)
    this.#mask = memory.mask
    this.#position = position
    this.#frameStart = position
    this.#limit = position
  }

  /** Records begun in this frame. */
  get frameRecords(): number {
    return this.#begun - this.#published
  }

  /** Records published since the start. */
  get records(): number {
    return this.#published
  }

  /**
   * Starts a frame: everything that follows carries this receive time (two words of an i64, ns), this connection
   * (1 to 65535, 0 = none) and this frame number (below 2^48).
   */
  beginFrame(tsLow: number, tsHigh: number, connection: number, frameNumber: number): void {
    this.#tsLow = tsLow
    this.#tsHigh = tsHigh
    // `| 0` takes it modulo 2^32. Remainders and quotients of doubles take longer, and few numbers need them.
    this.#frameLow = frameNumber | 0
    const high = this.#frameLow === frameNumber ? 0 : Math.floor(frameNumber / 4294967296)
    this.#frameHigh = (connection << 16) | high
  }

  /** Publishes the frame's records at once: a reader sees all of a frame or nothing. */
  endFrame(): void {
    const position = this.#position
    if (position === this.#frameStart) return
    this.#frameStart = position
    this.#published = this.#begun
    this.#memory.publish(position)
  }

  /** Takes back every record since beginFrame() or since the last publishPart(). */
  rollback(): void {
    this.#position = this.#frameStart
    // The memory may have refused, and is asked again.
    this.#limit = this.#frameStart
    this.#begun = this.#published
  }

  /** Publishes what the frame has so far; it can no longer be taken back. For frames larger than the memory. */
  publishPart(): void {
    this.endFrame()
  }

  /** Goes on at the start of a memory that has forgotten what it had. Not within a frame. */
  restart(): void {
    this.#position = 0
    this.#frameStart = 0
    this.#limit = 0
  }

  /**
   * Starts a record of `cells` zeroed cells and writes its head. `event` words are the venue's time in ns.
   * Returns the word index of the record. The record may be made shorter with resize() before the next begin().
   */
  begin(type: number, cells: number, flags: number, instrument: number, eventLow: number, eventHigh: number): number {
    const at = this.#open(type, cells, flags, instrument, eventLow, eventHigh)
    // Most records are one cell, and its payload is zeroed by the fewest stores: a loop would take as long as all the rest.
    const pairs = this.#pairs
    const payload = (at >> 1) + 4
    pairs[payload] = 0
    pairs[payload + 1] = 0
    pairs[payload + 2] = 0
    pairs[payload + 3] = 0
    if (cells > 1) this.words.fill(0, at + WORDS, at + cells * WORDS)
    return at
  }

  /**
   * As begin(), for a record whose first cell is filled by four values of 64 bits, as trades and quotes are: nothing has to
   * be zeroed first, except further cells.
   */
  beginValues(
    type: number,
    cells: number,
    flags: number,
    instrument: number,
    eventLow: number,
    eventHigh: number,
    firstLow: number,
    firstHigh: number,
    secondLow: number,
    secondHigh: number,
    thirdLow: number,
    thirdHigh: number,
    fourthLow: number,
    fourthHigh: number,
  ): number {
    const at = this.#open(type, cells, flags, instrument, eventLow, eventHigh)
    const words = this.words
    words[at + 8] = firstLow
    words[at + 9] = firstHigh
    words[at + 10] = secondLow
    words[at + 11] = secondHigh
    words[at + 12] = thirdLow
    words[at + 13] = thirdHigh
    words[at + 14] = fourthLow
    words[at + 15] = fourthHigh
    if (cells > 1) words.fill(0, at + WORDS, at + cells * WORDS)
    return at
  }

  /** Gives back the last cells of the record that was begun last. */
  resize(at: number, cells: number): void {
    const words = this.words
    const had = (words[at] as number) & 0xff
    words[at] = ((words[at] as number) & ~0xff) | cells
    this.#position = (this.#position - had + cells) | 0
  }

  /** Adds zeroed cells to the record that was begun last. */
  extend(at: number, more: number): void {
    const position = this.#position
    if (((this.#limit - position - more) | 0) < 0) this.#reserve(more, this.frameRecords)
    const words = this.words
    const head = words[at] as number
    const cells = (head & 0xff) + more
    if (cells > CELLS_MAX) throw new TickforgeError('TF_INTERNAL', `a record grew to ${cells} cells`)
    const from = at + (head & 0xff) * WORDS
    for (let i = from; i < from + more * WORDS; i++) words[i] = 0
    words[at] = (head & ~0xff) | cells
    this.#position = (position + more) | 0
  }

  /** Replaces the flags of a record. */
  setFlags(at: number, flags: number): void {
    this.words[at] = ((this.words[at] as number) & 0xffff) | (flags << 16)
  }

  /** Replaces the event time of a record (ns, two words). */
  setEvent(at: number, low: number, high: number): void {
    this.words[at + 4] = low
    this.words[at + 5] = high
  }

  /** Writes an i64 or u64 at a byte offset of the record (a multiple of 4). */
  put64(at: number, offset: number, low: number, high: number): void {
    const word = at + (offset >> 2)
    this.words[word] = low
    this.words[word + 1] = high
  }

  /** The all-ones "none" of ids, kNoneU64. */
  putNoId(at: number, offset: number): void {
    this.put64(at, offset, -1, -1)
  }

  /** The "none" of times and prices, kNoneI64. */
  putNone(at: number, offset: number): void {
    this.put64(at, offset, 0, -2147483648)
  }

  put32(at: number, offset: number, value: number): void {
    this.words[at + (offset >> 2)] = value
  }

  put16(at: number, offset: number, value: number): void {
    const byte = at * 4 + offset
    this.bytes[byte] = value & 0xff
    this.bytes[byte + 1] = (value >> 8) & 0xff
  }

  put8(at: number, offset: number, value: number): void {
    this.bytes[at * 4 + offset] = value
  }

  putBytes(at: number, offset: number, source: Uint8Array): void {
    this.bytes.set(source, at * 4 + offset)
  }

  /** Makes room and writes the head. */
  #open(type: number, cells: number, flags: number, instrument: number, eventLow: number, eventHigh: number): number {
    if (cells > CELLS_MAX) throw new TickforgeError('TF_INTERNAL', `a record of ${cells} cells was begun`)
    const position = this.#position
    if (((this.#limit - position - cells) | 0) < 0) this.#reserve(cells, this.frameRecords + 1)
    const at = (position & this.#mask & INDEX_MASK) << WORDS_SHIFT
    const words = this.words
    words[at] = cells | (type << 8) | (flags << 16)
    words[at + 1] = instrument
    words[at + 2] = this.#tsLow
    words[at + 3] = this.#tsHigh
    words[at + 4] = eventLow
    words[at + 5] = eventHigh
    words[at + 6] = this.#frameLow
    words[at + 7] = this.#frameHigh
    this.#position = (position + cells) | 0
    this.#begun++
    return at
  }

  #reserve(cells: number, records: number): void {
    this.#limit = this.#memory.reserve(this.#position, cells, records)
    if (this.words !== this.#memory.words) {
      this.words = this.#memory.words
      this.bytes = this.#memory.bytes
      this.#pairs = pairsOf(this.words)
    }
    this.#mask = this.#memory.mask
  }
}

function pairsOf(words: Int32Array): Float64Array {
  return new Float64Array(words.buffer, words.byteOffset, words.length >> 1)
}

/** Cells in ordinary memory, growing as needed: for tests, golden files and re-normalisation. */
export class BufferMemory implements CellMemory {
  words: Int32Array
  bytes: Uint8Array
  mask: number
  published = 0

  constructor(cells = 1024) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(cells, CELLS_MAX + 1)))
    this.words = new Int32Array(size * WORDS)
    this.bytes = new Uint8Array(this.words.buffer)
    this.mask = size - 1
  }

  reserve(position: number, cells: number): number {
    const needed = position + cells
    if (needed > this.mask + 1) {
      const size = 2 ** Math.ceil(Math.log2(needed))
      const words = new Int32Array(size * WORDS)
      words.set(this.words)
      this.words = words
      this.bytes = new Uint8Array(words.buffer)
      this.mask = size - 1
    }
    return this.mask + 1
  }

  publish(position: number): void {
    this.published = position
  }

  /** The published cells, a view. */
  cells(): Uint8Array {
    return this.bytes.subarray(0, this.published * CELL_BYTES)
  }

  /** Forgets everything; a CellWriter on this memory is to restart(). */
  clear(): void {
    this.published = 0
  }
}
