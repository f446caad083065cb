// The journal as the recorder and the importers use it: a cell writer over the ring of the native writer thread.
import { asTickforgeError } from '../errors.ts'
import { loadNative, type NativeJournal, type RecoveryReport, type Watermarks } from '../native/binding.ts'
import { CellWriter } from '../records/cell-writer.ts'
import { GapCause } from '../records/layout.ts'
import { putDrop, putGap } from '../records/loss-records.ts'
import { VERSION } from '../version.ts'
import { RingFull, RingMemory, type WhenFull } from './ring-memory.ts'

export interface JournalSettings {
  directory: string
  name: string
  ringBytes?: number
  flushIntervalMs?: number
  syncEachBatch?: boolean
  waitsForDisk?: boolean
  newPart?: boolean
  /** Default 'block'. */
  whenFull?: WhenFull
}

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

export class Journal {
  readonly writer: CellWriter
  readonly recovery: RecoveryReport
  readonly #native: NativeJournal
  readonly #memory: RingMemory
  #nextInstrument: number

  /** Opens a journal, recovering what an earlier run left. Throws TF_LOCKED, TF_DISK_FULL, TF_IO, TF_FOREIGN_DIRECTORY ... */
  constructor(settings: JournalSettings) {
    try {
      this.#native = loadNative().openJournal({
        directory: settings.directory,
        name: settings.name,
        ringBytes: settings.ringBytes ?? RING_BYTES_DEFAULT,
        flushIntervalMs: settings.flushIntervalMs ?? 100,
        syncEachBatch: settings.syncEachBatch ?? true,
        waitsForDisk: settings.waitsForDisk ?? false,
        newPart: settings.newPart ?? false,
        writer: `tickforge ${VERSION}`,
      })
    } catch (thrown) {
      throw asTickforgeError(thrown)
    }
    this.#memory = new RingMemory(this.#native, settings.whenFull ?? 'block')
    this.writer = new CellWriter(this.#memory, this.#memory.position)
    this.recovery = this.#native.recovery
    this.#nextInstrument = this.recovery.lastInstrument + 1
  }

  /** A definition number that the segment has not used. */
  nextInstrument = (): number => this.#nextInstrument++

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
    if (!this.#memory.hasRoom || this.#native.stalled() !== null) return undefined
    const loss = this.#memory.dropped
    this.#memory.refuses = false
    this.writer.beginFrame(ts.low, ts.high, 0, 0)
    putDrop(this.writer, loss.count, loss.tsFirst, GapCause.overflow)
    if (lastGood !== undefined) {
      putGap(this.writer, { instrument: 0, cause: GapCause.overflow, type: 0, lastGood })
    }
    this.writer.endFrame()
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

  watermarks(): Watermarks {
    return this.#native.watermarks()
  }

  /** Throws the error that stopped the writer, if it did. */
  check(): void {
    this.#memory.check()
  }

  /** What the disk said, while the writer waits for space; undefined otherwise. */
  get stalled(): string | undefined {
    return this.#native.stalled()?.message
  }

  /** Resolves when all that was published so far is on the disk. */
  async flush(): Promise<Watermarks> {
    return await this.#native.flush().catch(rethrow)
  }

  /** Writes out everything, closes the segment in order, gives the lock back. */
  async close(): Promise<Watermarks> {
    return await this.#native.close().catch(rethrow)
  }
}

function rethrow(thrown: unknown): never {
  throw asTickforgeError(thrown)
}

function toNs(ts: TimeWords): bigint {
  return (BigInt(ts.high) << 32n) | BigInt(ts.low >>> 0)
}
