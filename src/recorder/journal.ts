// The journal as the recorder and the importers use it: a cell writer over the ring of the native writer thread.
import { asTickforgeError, TickforgeError } from '../errors.ts'
import {
  loadNative,
  type NativeError,
  type NativeJournal,
  type RecoveryReport,
  RING_CONSUMER_WAITING,
  RING_ERROR,
  RING_HEAD,
  RING_TAIL,
  RING_WAKE_POSITION,
  type Watermarks,
} from '../native/binding.ts'
import { type CellMemory, CellWriter } from '../records/cell-writer.ts'
import { CELL_BYTES } from '../records/layout.ts'
import { VERSION } from '../version.ts'

/** How long a producer may be held up before it looks whether the writer still lives. */
const WAIT_MS = 1000

export interface JournalSettings {
  directory: string
  name: string
  ringBytes?: number
  flushIntervalMs?: number
  syncEachBatch?: boolean
  waitsForDisk?: boolean
  newPart?: boolean
}

/** 16 MiB: half a second of 500,000 records a second, and three times the largest frame that venues send. */
export const RING_BYTES_DEFAULT = 16 << 20

/**
 * The ring's memory. Publishing is one atomic store, and a system call only if the writer sleeps. When the ring is full the
 * calling thread is held up until the writer has caught up: nothing is dropped. Only for a full disk it is not held up for ever.
 */
class RingMemory implements CellMemory {
  readonly words: Int32Array
  readonly bytes: Uint8Array
  readonly mask: number
  readonly #native: NativeJournal
  readonly #control: Int32Array
  readonly #capacity: number
  #published: number
  #full: TickforgeError | undefined
  /** Times a producer was held up, for the counters. */
  waits = 0

  constructor(native: NativeJournal) {
    this.#native = native
    this.words = new Int32Array(native.ringCells)
    this.bytes = new Uint8Array(native.ringCells)
    this.#control = new Int32Array(native.ringControl)
    this.#capacity = native.ringCells.byteLength / 2 / CELL_BYTES
    this.mask = this.#capacity - 1
    this.#published = Atomics.load(this.#control, RING_HEAD)
  }

  get position(): number {
    return this.#published
  }

  reserve(position: number, cells: number): number {
    const needed = (position + cells - this.#published) | 0
    if (needed > this.#capacity) {
      throw new TickforgeError(
        'TF_FRAME_TOO_LARGE',
        `one frame needs more than the ring of ${this.#capacity * CELL_BYTES} bytes`,
      )
    }
    for (;;) {
      // Pairs with the writer's release of the tail: cells before it are no longer read.
      const limit = (Atomics.load(this.#control, RING_TAIL) + this.#capacity) | 0
      if (((limit - position - cells) | 0) >= 0) return limit
      this.waits++
      this.check()
      if (!this.#native.waitForSpace(needed, WAIT_MS)) this.#checkSpace()
    }
  }

  publish(position: number): void {
    this.#published = position
    // Sequentially consistent, like the load behind it: either the writer sees the new head before it sleeps, or we see
    // that it sleeps and wake it.
    Atomics.store(this.#control, RING_HEAD, position)
    if (Atomics.load(this.#control, RING_CONSUMER_WAITING) === 0) return
    if (((position - Atomics.load(this.#control, RING_WAKE_POSITION)) | 0) >= 0) this.#native.wake()
  }

  /** Throws the writer's error if it has stopped, or ours if we have. */
  check(): void {
    if (this.#full !== undefined) throw this.#full
    if (Atomics.load(this.#control, RING_ERROR) === 0) return
    throw fromNative(this.#native.error() ?? { code: 'TF_IO', message: 'the writer stopped' })
  }

  /** Gives up with TF_DISK_FULL if that is why the ring is full: nobody knows when there is space again. */
  #checkSpace(): void {
    const full = this.#native.stalled()
    if (full === null) return
    this.#full = fromNative(full)
    throw this.#full
  }
}

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
    this.#memory = new RingMemory(this.#native)
    this.writer = new CellWriter(this.#memory, this.#memory.position)
    this.recovery = this.#native.recovery
    this.#nextInstrument = this.recovery.lastInstrument + 1
  }

  /** A definition number that the segment has not used. */
  nextInstrument = (): number => this.#nextInstrument++

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

function fromNative(error: Partial<NativeError> & { message: string }): TickforgeError {
  return asTickforgeError(Object.assign(new Error(error.message), error))
}

function rethrow(thrown: unknown): never {
  throw asTickforgeError(thrown)
}
