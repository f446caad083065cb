// A producer of a journal: a cell writer over a ring that the journal's writer drains, and what happens when it is full.
import { CellWriter } from '../records/cell-writer.ts'
import { GapCause } from '../records/layout.ts'
import { putDrop, putGap } from '../records/loss-records.ts'
import { RingFull, RingMemory, type RingOwner, type WhenFull } from './ring-memory.ts'

/** A receive time: two words of an i64, ns. */
export interface TimeWords {
  low: number
  high: number
}

/** What was on record when a loss ended. */
export interface Loss {
  /** Records that were refused; a frame that nobody read counts as one. */
  count: bigint
  /** Receive time of the first of them, ns. */
  tsFirst: bigint
}

/** 16 MiB: half a second of 500,000 records a second, and three times the largest frame that venues send. */
export const RING_BYTES_DEFAULT = 16 << 20

export class Producer {
  readonly writer: CellWriter
  readonly #ring: RingOwner
  readonly #memory: RingMemory

  constructor(ring: RingOwner, whenFull: WhenFull) {
    this.#ring = ring
    this.#memory = new RingMemory(ring, whenFull)
    this.writer = new CellWriter(this.#memory, this.#memory.position)
  }

  /** A definition number that no producer of the journal has used. */
  nextInstrument = (): number => this.#ring.claimInstrument()

  /** A connection number that no producer of the journal uses; 0 when all 65,535 are taken. Give it back with freeConnection(). */
  nextConnection = (): number => this.#ring.claimConnection()

  freeConnection = (number: number): void => this.#ring.freeConnection(number)

  /**
   * Writes one frame. With `whenFull` 'drop' false says that the ring had no room: what `fill` wrote is taken back and
   * counted, and a drop record says so in the log before the next frame that finds the ring half empty.
   */
  frame(ts: TimeWords, connection: number, number: number, fill: (writer: CellWriter) => void): boolean {
    if (this.drops && this.goOn(ts) === undefined) {
      this.drop(ts, 1)
      return false
    }
    this.writer.beginFrame(ts.low, ts.high, connection, number)
    try {
      fill(this.writer)
      this.writer.endFrame()
      return true
    } catch (thrown) {
      if (thrown instanceof RingFull) {
        this.drop(ts, thrown.records)
        return false
      }
      this.writer.rollback()
      throw thrown
    }
  }

  /** Everything is refused with RingFull, from the first drop() to goOn(). */
  get drops(): boolean {
    return this.#memory.refuses
  }

  /** Takes back what the frame has so far and counts `records` as refused. */
  drop(ts: TimeWords, records: number): void {
    this.writer.rollback()
    this.#memory.refuses = true
    this.#memory.countDropped(BigInt(records), toNs(ts))
  }

  /**
   * Ends dropping when the writer does not wait for space and half of the ring is free: puts a drop record into the log, and
   * behind it, if `lastGood` is given, a gap record of the whole journal. Undefined while it is too early.
   */
  goOn(ts: TimeWords, lastGood?: TimeWords): Loss | undefined {
    if (!this.#memory.hasRoom || this.#ring.stalled() !== null) return undefined
    const loss = this.#memory.dropped
    this.#memory.refuses = false
    this.writer.beginFrame(ts.low, ts.high, 0, 0)
    putDrop(this.writer, loss.count, loss.tsFirst, GapCause.overflow)
    if (lastGood !== undefined) {
      putGap(this.writer, { instrument: 0, cause: GapCause.overflow, type: 0, lastGood })
    }
    this.writer.endFrame()
    this.publish()
    this.#memory.forgetDropped()
    return loss
  }

  /** Records that were refused since the start. */
  get dropped(): bigint {
    return this.#memory.droppedTotal
  }

  /** How often the producer was held up because the ring was full. */
  get waits(): number {
    return this.#memory.waits
  }

  /** Publishes every whole frame now, and not at the end of the turn. */
  publish(): void {
    this.#memory.publishAll()
  }

  /** Throws the error that stopped the journal's writer, if it did. */
  check(): void {
    this.#memory.check()
  }
}

function toNs(ts: TimeWords): bigint {
  return (BigInt(ts.high) << 32n) | BigInt(ts.low >>> 0)
}
