// What a venue is asked by REST while it is recorded: definitions at the start, and what its normaliser asks for. Nothing
// that goes wrong here touches the venue's connections: trades and quotes go on, and what is missing is asked for again.
import type { FeedRequest, Normalizer, Venue } from '../feeds/feed.ts'
import { backoffMs } from './backoff.ts'
import { pause } from './pause.ts'
import type { RepeatedWarnings } from './repeats.ts'
import { type GetOptions, RestClient, type RestCounters, VenueRefusal } from './rest.ts'
import type { RestPool } from './rest-pool.ts'

/** Definitions only add tick sizes and names: they may come late. */
const DEFINITION_ATTEMPTS = 3
const DEFINITION_PAUSE_MS = 30_000
const DEFINITION_PAUSE_MS_MAX = 3_600_000

export interface VenueRestHooks {
  /** Stamps, calls, and carries out what the normaliser asks for then; an error of the journal ends the recording. */
  feed: (act: () => void) => void
  /** The connection is open. */
  isOpen: (connection: number) => boolean
  /** The venue does not know the symbol. */
  unknown: (symbol: string, reason: string) => void
  warnings: RepeatedWarnings
}

export class VenueRest {
  readonly #venue: Venue
  readonly #normalizer: Normalizer
  readonly #stop: AbortSignal
  readonly #hooks: VenueRestHooks
  readonly #client: RestClient

  constructor(
    venue: Venue,
    base: string,
    pool: RestPool,
    normalizer: Normalizer,
    stop: AbortSignal,
    hooks: VenueRestHooks,
  ) {
    this.#venue = venue
    this.#normalizer = normalizer
    this.#stop = stop
    this.#hooks = hooks
    this.#client = new RestClient(base, pool, stop, (key, message) => hooks.warnings.warn(`${base} ${key}`, message))
  }

  get counters(): RestCounters {
    return this.#client.counters
  }

  /** Asks for the definitions of symbols until they are there. Resolves then, or when the recording ends; never throws. */
  async define(symbols: readonly string[]): Promise<void> {
    for (const path of this.#venue.definitionPaths(symbols)) {
      for (let attempt = 0; !this.#stop.aborted; attempt++) {
        try {
          await this.#get(path, 0, { attempts: DEFINITION_ATTEMPTS, priority: 1 })
          this.#hooks.warnings.forget(this.#definitions)
          break
        } catch (error) {
          if (this.#stop.aborted) return
          if (error instanceof VenueRefusal && this.#knowsNot(error)) {
            await this.#findUnknown(symbols, error)
            break
          }
          const message = `${this.#venue.name}: recording without the venue's definitions, which are asked for again: ${messageOf(error)}`
          this.#hooks.warnings.warn(this.#definitions, message)
          await this.#pause(attempt)
        }
      }
    }
  }

  /** Carries out what a normaliser asks for. What fails is told to it: it asks again in its own time. */
  ask(request: FeedRequest & { kind: 'rest' }): void {
    const { path, purpose, connection } = request
    const key = `${this.#venue.name} ${purpose}`
    const done = (): void => this.#hooks.warnings.forget(key)
    this.#get(path, connection, {}).then(done, (error: unknown) => {
      if (this.#stop.aborted) return
      const message = `${this.#venue.name}: ${purpose} could not be had, and is asked for again: ${messageOf(error)}`
      this.#hooks.warnings.warn(key, message)
      const beginning = error instanceof VenueRefusal ? error.beginning : undefined
      this.#hooks.feed(() => this.#normalizer.restFailed(connection, path, beginning))
    })
  }

  get #definitions(): string {
    return `${this.#venue.name} definitions`
  }

  #knowsNot({ status, message }: VenueRefusal): boolean {
    return status >= 400 && status < 500 && this.#venue.unknownSymbol?.test(message) === true
  }

  /** One symbol that a venue does not know spoils the answer for all: halves tell which one it is. */
  async #findUnknown(symbols: readonly string[], refusal: VenueRefusal): Promise<void> {
    if (symbols.length === 1) {
      this.#hooks.unknown(symbols[0] as string, refusal.message)
      return
    }
    const half = Math.ceil(symbols.length / 2)
    await this.define(symbols.slice(0, half))
    await this.define(symbols.slice(half))
  }

  async #get(path: string, connection: number, options: GetOptions): Promise<void> {
    // An answer for a connection that is gone would join nothing: the one that follows asks for its own.
    const wanted = (): boolean => !this.#stop.aborted && (connection === 0 || this.#hooks.isOpen(connection))
    const received = (body: Uint8Array): void => this.#hooks.feed(() => this.#normalizer.rest(connection, path, body))
    await this.#client.get(path, received, { wanted, ...options })
  }

  async #pause(attempt: number): Promise<void> {
    const ms = Math.min(DEFINITION_PAUSE_MS * 2 ** Math.min(attempt, 20), DEFINITION_PAUSE_MS_MAX)
    await pause(ms + backoffMs(0), this.#stop).catch(() => undefined)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
