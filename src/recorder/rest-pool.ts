// What one address may ask of a venue by REST: so much weight a minute, and nothing at all while the venue holds us off.
// Venues that count together share a pool.
import { TokenBucket } from 'limiter'
import PQueue from 'p-queue'
import type { RestLimits } from '../feeds/feed.ts'
import { monotonicMs } from './clock.ts'
import { pause } from './pause.ts'

const MINUTE_MS = 60_000
/** Of the venue's limit half a minute, and a twelfth at once: in no minute more than 60 %, since other programs of the address ask too. */
const SHARE = 1 / 2
const BURST_SHARE = 1 / 12
/** Without a word of the venue on how long; doubles each time in a row. */
const HOLD_MS = 1000
const HOLD_MS_MAX = 60_000
/** Answers that are slow do not hold up all others. */
const CONCURRENCY = 3

export class RestPool {
  readonly #bucket: TokenBucket
  readonly #limits: RestLimits
  readonly #queue = new PQueue({ concurrency: CONCURRENCY })
  #heldUntil = 0
  #limited = 0

  constructor(limits: RestLimits) {
    this.#limits = limits
    const bucketSize = Math.max(1, limits.weightPerMinute * BURST_SHARE)
    const tokensPerInterval = limits.weightPerMinute * SHARE
    this.#bucket = new TokenBucket({ bucketSize, tokensPerInterval, interval: MINUTE_MS })
    this.#bucket.content = bucketSize
  }

  /** Runs `act` when its turn has come and the budget allows it. Requests of one priority are served in the order of asking. */
  async run<T>(path: string, signal: AbortSignal, act: () => Promise<T>, priority = 0): Promise<T> {
    return await this.#queue.add(
      async () => {
        await this.#wait(Math.min(this.#limits.weightOf(path), this.#bucket.bucketSize), signal)
        return await act()
      },
      { signal, priority },
    )
  }

  /**
   * The venue was asked too often: nothing is asked for as long as it says, or for a time of our own. One limit for all:
   * whatever else waits here would be refused too, and counted. Returns the time, ms.
   */
  limited(ms: number | undefined): number {
    const own = Math.min(HOLD_MS * 2 ** Math.min(this.#limited++, 20), HOLD_MS_MAX)
    const hold = Math.max(ms ?? 0, own)
    this.#heldUntil = Math.max(this.#heldUntil, monotonicMs() + hold)
    return hold
  }

  /** The venue has answered. */
  accepted(): void {
    this.#limited = 0
  }

  /** The venue's own count of the weight of the last minute: other programs of this address are in it. */
  used(weight: number): void {
    const left = this.#limits.weightPerMinute * SHARE - weight
    // Below zero it is a debt, which takes its time.
    if (Number.isFinite(left)) this.#bucket.content = Math.min(this.#bucket.content, left)
  }

  async #wait(weight: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const held = this.#heldUntil - monotonicMs()
      if (held <= 0 && this.#bucket.tryRemoveTokens(weight)) return
      const wait = held > 0 ? held : this.#bucket.getWaitTime(weight)
      await pause(Math.min(Math.max(1, wait), MINUTE_MS), signal)
    }
  }
}

/** The pools of one recorder. */
export class RestPools {
  readonly #pools = new Map<string, RestPool>()

  of(limits: RestLimits): RestPool {
    let pool = this.#pools.get(limits.pool)
    if (pool === undefined) {
      pool = new RestPool(limits)
      this.#pools.set(limits.pool, pool)
    }
    return pool
  }
}
