// REST answers that a venue's protocol needs: definitions, book snapshots. One request at a time a venue, retried with
// growing pauses, obedient to the venue's own limits.
import { setTimeout as sleep } from 'node:timers/promises'
import { TickforgeError } from '../errors.ts'
import { backoffMs } from './backoff.ts'

const TIMEOUT_MS = 10_000
const ATTEMPTS_MAX = 8
/** Pause after each request: Binance counts a full book as 250 of 6,000 units a minute. */
const INTERVAL_MS = 150

/** The venue answered, and refused. */
export class VenueRefusal extends TickforgeError {
  /** Of HTTP, 400 to 499. */
  readonly status: number

  constructor(status: number, message: string) {
    super('TF_VENUE_REFUSED', message)
    this.status = status
  }
}

export class RestClient {
  readonly #base: string
  readonly #signal: AbortSignal
  readonly #warn: (message: string) => void
  #queue: Promise<unknown> = Promise.resolve()

  constructor(base: string, signal: AbortSignal, warn: (message: string) => void) {
    this.#base = base
    this.#signal = signal
    this.#warn = warn
  }

  /**
   * Asks for a path. `received` is called with the answer as soon as it is there, so that it can be stamped. A refusal (4xx)
   * throws TF_VENUE_REFUSED at once; other failures are retried, `attempts` times in all, then throw TF_CONNECT. Once `wanted`
   * says no, there are no more attempts, and no answer.
   */
  get(
    path: string,
    received: (body: Uint8Array) => void,
    { wanted = () => true, attempts = ATTEMPTS_MAX }: { wanted?: () => boolean; attempts?: number } = {},
  ): Promise<void> {
    const result = this.#queue.then(() => this.#attempts(path, received, wanted, attempts))
    this.#queue = result.catch(() => undefined).then(() => this.#pause(INTERVAL_MS))
    return result
  }

  async #attempts(
    path: string,
    received: (body: Uint8Array) => void,
    wanted: () => boolean,
    attempts: number,
  ): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      this.#signal.throwIfAborted()
      if (!wanted()) return
      let problem: string
      let pause = backoffMs(attempt)
      try {
        const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(TIMEOUT_MS)])
        const answer = await fetch(this.#base + path, { signal, headers: { accept: 'application/json' } })
        const body = new Uint8Array(await answer.arrayBuffer())
        if (answer.ok) {
          if (wanted()) received(body)
          return
        }
        problem = `HTTP ${answer.status} ${Buffer.from(body.subarray(0, 200)).toString('utf8')}`
        const limited = answer.status === 429 || answer.status === 418
        if (answer.status < 500 && !limited) throw new VenueRefusal(answer.status, `${this.#base}${path}: ${problem}`)
        if (limited) pause = Math.max(pause, Number.parseInt(answer.headers.get('retry-after') ?? '1', 10) * 1000)
      } catch (thrown) {
        if (thrown instanceof TickforgeError || this.#signal.aborted) throw thrown
        problem = thrown instanceof Error ? describe(thrown) : String(thrown)
      }
      if (attempt + 1 >= attempts) throw new TickforgeError('TF_CONNECT', `${this.#base}${path}: ${problem}`)
      this.#warn(`${this.#base}${path}: ${problem}; trying again in ${Math.round(pause)} ms`)
      await this.#pause(pause)
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#signal }).catch(() => undefined)
  }
}

/** fetch hides the reason in `cause`. */
function describe(error: Error): string {
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}
