// A producer in a process of its own, beside the recorder's: records go through shared memory into the recorder's journal.
import { asTickforgeError, TickforgeError } from '../errors.ts'
import { loadNative, type NativeProducer, RING_ERROR } from '../native/binding.ts'
import { Producer, RING_BYTES_DEFAULT } from './producer.ts'
import type { RingOwner, WhenFull } from './ring-memory.ts'

export interface JoinSettings {
  /** Directory that another process records into. */
  directory: string
  /** Journal; default 'main'. */
  name?: string
  ringBytes?: number
  /** Default 'block'. */
  whenFull?: WhenFull
}

/** How long durable() waits at most before it looks whether the recorder was killed. */
const WAIT_MS = 1000

/**
 * Joins the journal that another process records. Records are written with `writer` or frame() as in the recorder itself; the
 * order of one producer's records is kept, that between producers is the order in which the writer came to them. Throws
 * TF_NOT_RECORDING, TF_TOO_MANY_PRODUCERS, TF_SHARED_MEMORY.
 */
export class JoinedProducer extends Producer {
  readonly #native: NativeProducer

  constructor(settings: JoinSettings) {
    const native = join(settings)
    const control = new Int32Array(native.ringControl)
    const stopped = {
      code: 'TF_NOT_RECORDING',
      message: 'the recorder has stopped',
      path: settings.directory,
      errno: 0,
    }
    const owner: RingOwner = Object.assign(native, {
      error: () => (native.ended() || Atomics.load(control, RING_ERROR) !== 0 ? stopped : null),
      // A full disk is the recorder's to wait for: this producer is held up as by any other full ring.
      stalled: () => null,
    })
    super(owner, settings.whenFull ?? 'block')
    this.#native = native
  }

  /** Resolves when all that was written so far is on the disk. Throws TF_NOT_RECORDING when that will not happen. */
  async durable(): Promise<void> {
    this.publish()
    while (!(await this.#native.waitDurable(WAIT_MS))) {
      this.check()
      if (this.#native.ended()) throw new TickforgeError('TF_NOT_RECORDING', 'the recorder has stopped')
    }
  }

  /** Leaves the journal. What was written is still recorded. */
  close(): void {
    this.publish()
    this.#native.close()
  }
}

function join(settings: JoinSettings): NativeProducer {
  try {
    return loadNative().joinJournal({
      directory: settings.directory,
      name: settings.name ?? 'main',
      ringBytes: settings.ringBytes ?? RING_BYTES_DEFAULT,
    })
  } catch (thrown) {
    throw asTickforgeError(thrown)
  }
}
