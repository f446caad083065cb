// A journal that is filled by clients alone: opens it, lets them in, stops both in order.
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { asTickforgeError, TickforgeError } from '../errors.ts'
import type { Durability, NativeServer, RecoveryReport, ServerStats, Watermarks } from '../native/binding.ts'
import { Journal } from '../recorder/journal.ts'
import { RING_BYTES_DEFAULT } from '../recorder/producer.ts'

export interface ServeOptions {
  directory: string
  /** 'unix:PATH', 'tcp:HOST:PORT'; port 0 lets the system choose. */
  listen: readonly string[]
  /** Name of the journal, default 'main'. */
  journal?: string
  /** What every client must show. Without it only Unix sockets and loopback addresses are allowed. */
  token?: string
  /** What lines of text become: the JSON of docs/INGEST.md. */
  mapping?: string
  durability?: Durability
  flushIntervalMs?: number
  maxClients?: number
  /** Largest payload of a batch. */
  maxFrameBytes?: number
  /** A client that is silent for so long is closed; 0 = never. */
  idleMs?: number
  ringBytes?: number
}

export interface ServeStatus extends ServerStats {
  watermarks: Watermarks
}

/** The recorder's own ring: nothing of JavaScript goes through it. */
const OWN_RING_BYTES = 1 << 20
const CHECK_MS = 250
const DEFAULTS = { maxClients: 1024, maxFrameBytes: 1 << 20, idleMs: 300_000 }

/** Events: 'warning' (message), 'failed' (error): nothing is recorded any more; stop() is still to be called. */
export class Serve extends EventEmitter<{ warning: [string]; failed: [unknown] }> {
  readonly recovery: RecoveryReport
  /** As given, with the ports that the system chose. */
  readonly addresses: readonly string[]
  readonly #journal: Journal
  readonly #server: NativeServer
  readonly #check: NodeJS.Timeout
  #diskFull = false

  private constructor(journal: Journal, server: NativeServer) {
    super()
    this.#journal = journal
    this.#server = server
    this.recovery = journal.recovery
    this.addresses = server.addresses
    this.#check = setInterval(() => this.#checkJournal(), CHECK_MS)
  }

  /** Throws TF_LOCKED, TF_LISTEN, TF_INSECURE_LISTEN, TF_LINE_MAPPING ...; nothing stays open then. */
  static async start(options: ServeOptions): Promise<Serve> {
    if (options.listen.length === 0) throw new TickforgeError('TF_USAGE', 'name at least one address to listen on')
    const journal = new Journal({
      directory: options.directory,
      name: options.journal ?? 'main',
      ringBytes: OWN_RING_BYTES,
      ...(options.flushIntervalMs === undefined ? {} : { flushIntervalMs: options.flushIntervalMs }),
      ...(options.durability === undefined ? {} : { durability: options.durability }),
      waitsForDisk: true,
    })
    try {
      const server = journal.startServer({
        listen: [...options.listen],
        token: options.token ?? '',
        maxClients: options.maxClients ?? DEFAULTS.maxClients,
        maxFrameBytes: options.maxFrameBytes ?? DEFAULTS.maxFrameBytes,
        idleMs: options.idleMs ?? DEFAULTS.idleMs,
        ringBytes: options.ringBytes ?? RING_BYTES_DEFAULT,
        mapping: options.mapping ?? '',
      })
      return new Serve(journal, server)
    } catch (thrown) {
      await journal.close().catch(() => undefined)
      throw asTickforgeError(thrown)
    }
  }

  status(): ServeStatus {
    return { ...this.#server.stats(), watermarks: this.#journal.watermarks() }
  }

  /** Ends the clients, writes and syncs what they sent, closes the segment. Throws the writer's error. */
  async stop(): Promise<Watermarks> {
    clearInterval(this.#check)
    await this.#server.close()
    return await this.#journal.close()
  }

  /** Says once that the writer waits for space, and once that it goes on; clients are held up meanwhile, and lose nothing. */
  #checkJournal(): void {
    try {
      this.#journal.check()
    } catch (error) {
      clearInterval(this.#check)
      this.emit('failed', error)
      return
    }
    const reserve = this.#journal.reserveWarning()
    if (reserve !== undefined) this.emit('warning', reserve)
    const { stalled } = this.#journal
    if ((stalled !== undefined) === this.#diskFull) return
    this.#diskFull = stalled !== undefined
    const goesOn = 'the disk has space again: nothing was lost'
    this.emit('warning', stalled === undefined ? goesOn : `waiting for disk space, clients wait too: ${stalled}`)
  }
}

/** The text of a token file, without the end of its line. Throws TF_NO_FILE, TF_USAGE when it is empty. */
export function readToken(path: string): string {
  const token = readText(path).trimEnd()
  if (token === '') throw new TickforgeError('TF_USAGE', `the token file '${path}' is empty`, { path })
  return token
}

/** The text of a file that an option names. Throws TF_NO_FILE. */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    throw new TickforgeError('TF_NO_FILE', `'${path}' cannot be read: ${message}`, { cause: thrown, path })
  }
}
