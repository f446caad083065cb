// The journal as the recorder and the importers use it: its first producer, and the one that opens and closes it.
import { asTickforgeError } from '../errors.ts'
import {
  type Durability,
  loadNative,
  type NativeJournal,
  type NativeServer,
  type RecoveryReport,
  type ServerOptions,
  type Watermarks,
} from '../native/binding.ts'
import { VERSION } from '../version.ts'
import { Producer, RING_BYTES_DEFAULT } from './producer.ts'
import type { WhenFull } from './ring-memory.ts'

export interface JournalSettings {
  directory: string
  name: string
  ringBytes?: number
  flushIntervalMs?: number
  /** Default: 'batch'. */
  durability?: Durability
  waitsForDisk?: boolean
  newPart?: boolean
  /** Default 'block'. */
  whenFull?: WhenFull
}

export class Journal extends Producer {
  readonly recovery: RecoveryReport
  readonly #native: NativeJournal
  #reserveMissing = 0

  /** Opens a journal, recovering what an earlier run left. Throws TF_LOCKED, TF_DISK_FULL, TF_IO, TF_FOREIGN_DIRECTORY ... */
  constructor(settings: JournalSettings) {
    const native = open(settings)
    super(native, settings.whenFull ?? 'block')
    this.#native = native
    this.recovery = native.recovery
  }

  watermarks(): Watermarks {
    return this.#native.watermarks()
  }

  /** What the disk said, while the writer waits for space; undefined otherwise. */
  get stalled(): string | undefined {
    return this.#native.stalled()?.message
  }

  /**
   * Says once that the disk has too little space for the reserve: what is in memory at a stop on a full disk is lost then.
   * Undefined when that was said, or nothing is missing. It is tried again every 10 s.
   */
  reserveWarning(): string | undefined {
    const missing = this.#native.reserveMissing()
    const before = this.#reserveMissing
    this.#reserveMissing = missing
    if (missing === 0 || before !== 0) return undefined
    const mebibytes = Math.ceil(missing / 2 ** 20)
    return `${mebibytes} MiB of disk space are missing for the reserve: a stop on a full disk would lose what is in memory`
  }

  /** Lets clients in. Throws TF_USAGE, TF_LISTEN, TF_INSECURE_LISTEN, TF_LINE_MAPPING, TF_SHARED_MEMORY. */
  startServer(options: ServerOptions): NativeServer {
    try {
      return this.#native.startServer(options)
    } catch (thrown) {
      throw asTickforgeError(thrown)
    }
  }

  /** Resolves when all that was written so far is on the disk. */
  async flush(): Promise<Watermarks> {
    this.publish()
    return await this.#native.flush().catch(rethrow)
  }

  /** Writes out everything, closes the segment in order, gives the lock back. */
  async close(): Promise<Watermarks> {
    this.publish()
    return await this.#native.close().catch(rethrow)
  }
}

function rethrow(thrown: unknown): never {
  throw asTickforgeError(thrown)
}

function open(settings: JournalSettings): NativeJournal {
  try {
    return loadNative().openJournal({
      directory: settings.directory,
      name: settings.name,
      ringBytes: settings.ringBytes ?? RING_BYTES_DEFAULT,
      flushIntervalMs: settings.flushIntervalMs ?? 100,
      durability: settings.durability ?? 'batch',
      waitsForDisk: settings.waitsForDisk ?? false,
      newPart: settings.newPart ?? false,
      writer: `tickforge ${VERSION}`,
    })
  } catch (thrown) {
    throw asTickforgeError(thrown)
  }
}
