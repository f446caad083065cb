// The ring of the native writer thread as a cell writer's memory, and what happens when it has no room.
import { asTickforgeError, type ErrorCode, TickforgeError } from '../errors.ts'
import {
  type NativeError,
  type NativeRing,
  RING_CONSUMER_WAITING,
  RING_DROPPED,
  RING_DROPPED_TOTAL,
  RING_ERROR,
  RING_HEAD,
  RING_READER_WAITING,
  RING_TAIL,
  RING_TS_FIRST_DROPPED,
  RING_WAKE_POSITION,
} from '../native/binding.ts'
import type { CellMemory } from '../records/cell-writer.ts'
import { CELL_BYTES } from '../records/layout.ts'

/** How long a producer is held up before it looks whether the writer still lives and the disk still has space. */
const WAIT_MS = 250

/**
 * Whole frames of so many cells may wait for their publication while JavaScript goes on without a pause. They are published
 * together, because one publication costs as much as writing a record.
 */
const UNPUBLISHED_CELLS_MAX = 64

const settled = Promise.resolve()
/** Memories whose frames may wait for the end of the turn. */
const unpublished = new Set<RingMemory>()

// A process may end without another turn.
process.on('exit', () => {
  for (const memory of unpublished) memory.publishAll()
})

/**
 * 'block': the producer is held up until the writer has caught up, and refused only while the writer itself waits for disk
 * space. 'drop': it is never held up.
 */
export type WhenFull = 'block' | 'drop'

/** A ring, and what its writer says. */
export interface RingOwner extends NativeRing {
  /** Why nothing is taken over any more; null while something is. */
  error(): NativeError | null
  /** TF_DISK_FULL while the writer waits for space, else null. */
  stalled(): NativeError | null
}

/** The ring has no room: the frame that is being written is to be taken back. */
export class RingFull extends TickforgeError {
  /** Records of the frame that are refused: those so far, and the one that found no room. */
  readonly records: number

  constructor(code: ErrorCode, message: string, records: number) {
    super(code, message)
    this.records = records
  }
}

/** What was refused, not yet on record. */
export interface Dropped {
  count: bigint
  /** Receive time of the first, ns. */
  tsFirst: bigint
}

/**
 * Publishing is one atomic store, and a system call only if the writer sleeps. It is done at the end of the turn of the event
 * loop at the latest, after its callback and before anything else runs; and earlier when much is to be published.
 */
export class RingMemory implements CellMemory {
  readonly words: Int32Array
  readonly bytes: Uint8Array
  readonly mask: number
  /** Everything is refused, room or not, so that nothing stands in the log before the record of what is missing. */
  refuses = false
  /** Times the producer was held up, for the counters. */
  waits = 0
  readonly #native: RingOwner
  readonly #whenFull: WhenFull
  readonly #control: Int32Array
  readonly #counts: BigInt64Array
  readonly #capacity: number
  #published: number
  /** End of the last whole frame. */
  #ended: number
  /** A frame that ends up to here may wait: the end of the turn publishes it, and it is not much. */
  #quietTo: number
  readonly #atEndOfTurn = (): void => {
    unpublished.delete(this)
    this.publishAll()
    // The next frame is the first one of another turn.
    this.#quietTo = this.#published
  }

  constructor(native: RingOwner, whenFull: WhenFull) {
    this.#native = native
    this.#whenFull = whenFull
    this.words = new Int32Array(native.ringCells)
    this.bytes = new Uint8Array(native.ringCells)
    this.#control = new Int32Array(native.ringControl)
    this.#counts = new BigInt64Array(native.ringControl)
    this.#capacity = native.ringCells.byteLength / 2 / CELL_BYTES
    this.mask = this.#capacity - 1
    this.#published = Atomics.load(this.#control, RING_HEAD)
    this.#ended = this.#published
    this.#quietTo = this.#published
  }

  get position(): number {
    return this.#ended
  }

  /** Half of the ring is free: enough to begin again without being full at once. */
  get hasRoom(): boolean {
    return ((this.#ended - Atomics.load(this.#control, RING_TAIL)) | 0) <= this.#capacity / 2
  }

  reserve(position: number, cells: number, records: number): number {
    if (this.refuses) throw new RingFull('TF_RING_FULL', 'the ring takes nothing before a loss is on record', records)
    const needed = (position + cells - this.#ended) | 0
    if (needed > this.#capacity) {
      throw new TickforgeError(
        'TF_FRAME_TOO_LARGE',
        `one frame needs more than the ring of ${this.#capacity * CELL_BYTES} bytes`,
      )
    }
    for (let first = true; ; first = false) {
      // Pairs with the writer's release of the tail: cells before it are no longer read.
      const limit = (Atomics.load(this.#control, RING_TAIL) + this.#capacity) | 0
      if (((limit - position - cells) | 0) >= 0) return limit
      this.#throwIfEnded()
      // What waits for room must not wait for its own frames. From here on `needed` counts from the ring's head.
      this.publishAll()
      if (first) this.waits++
      this.#refuseIfHopeless(records)
      this.#native.waitForSpace(needed, WAIT_MS)
    }
  }

  publish(position: number): void {
    this.#ended = position
    if (((position - this.#quietTo) | 0) > 0) this.#attend()
  }

  /** Publishes every whole frame now. */
  publishAll(): void {
    const position = this.#ended
    if (position === this.#published) return
    this.#published = position
    // Sequentially consistent, like the loads behind it: whoever is about to sleep sees the new head, or we see that it
    // sleeps and wake it.
    Atomics.store(this.#control, RING_HEAD, position)
    if (Atomics.load(this.#control, RING_READER_WAITING) !== 0) this.#native.wake()
    else if (Atomics.load(this.#control, RING_CONSUMER_WAITING) === 0) return
    else if (((position - Atomics.load(this.#control, RING_WAKE_POSITION)) | 0) >= 0) this.#native.wake()
  }

  /** Throws the writer's error if it has stopped. One load while it has not; a writer that was killed has said nothing. */
  check(): void {
    if (Atomics.load(this.#control, RING_ERROR) === 0) return
    this.#throwIfEnded()
    throw new TickforgeError('TF_IO', 'the writer stopped')
  }

  /** Counts what was refused. The words are shared: the writer puts what is left of them on record when the journal ends. */
  countDropped(count: bigint, tsRecv: bigint): void {
    if (Atomics.load(this.#counts, RING_DROPPED / 2) === 0n) {
      Atomics.store(this.#counts, RING_TS_FIRST_DROPPED / 2, tsRecv)
    }
    Atomics.add(this.#counts, RING_DROPPED / 2, count)
    Atomics.add(this.#counts, RING_DROPPED_TOTAL / 2, count)
  }

  get dropped(): Dropped {
    return {
      count: Atomics.load(this.#counts, RING_DROPPED / 2),
      tsFirst: Atomics.load(this.#counts, RING_TS_FIRST_DROPPED / 2),
    }
  }

  /** Of all times. */
  get droppedTotal(): bigint {
    return Atomics.load(this.#counts, RING_DROPPED_TOTAL / 2)
  }

  /** The drop record is published. */
  forgetDropped(): void {
    Atomics.store(this.#counts, RING_DROPPED / 2, 0n)
  }

  /** Sees to it that the end of the turn publishes, and publishes at once what is much. */
  #attend(): void {
    if (!unpublished.has(this)) {
      unpublished.add(this)
      settled.then(this.#atEndOfTurn)
    }
    if (((this.#ended - this.#published) | 0) >= UNPUBLISHED_CELLS_MAX) this.publishAll()
    this.#quietTo = (this.#published + UNPUBLISHED_CELLS_MAX - 1) | 0
  }

  /** Throws also when the writer was killed, which only its owner can find out. */
  #throwIfEnded(): void {
    const error = this.#native.error()
    if (error !== null) throw fromNative(error)
  }

  #refuseIfHopeless(records: number): void {
    if (this.#whenFull === 'drop') throw new RingFull('TF_RING_FULL', 'the ring is full', records)
    // Nobody knows when there is space again.
    const stalled = this.#native.stalled()
    if (stalled !== null) throw new RingFull('TF_DISK_FULL', stalled.message, records)
  }
}

export function fromNative(error: Partial<NativeError> & { message: string }): TickforgeError {
  return asTickforgeError(Object.assign(new Error(error.message), error))
}
