// What decides what clients are told: a synthetic market behind a venue's protocol, or a capture.
import { setTimeout as sleep } from 'node:timers/promises'
import { nowNs } from './clock.ts'
import type { ClientConnection, SimulatorStats } from './connection.ts'
import type { SyntheticMarket } from './market.ts'
import type { Playback, PlaybackState } from './playback.ts'
import type { RestAnswer, SimulatedVenue } from './venues/venue.ts'

/** A machine that cannot keep up loses market time, not memory. */
const STEPS_PER_TICK_MAX = 5_000
/** Steps before the first client, so that snapshots hold a history of trades; each of this many ns. */
const WARM_UP_STEPS = 600
const WARM_UP_STEP_NS = 20_000_000n

/** What clients are told comes from a market or from a capture. */
export interface Driver {
  readonly playback: PlaybackState | undefined
  readonly finished: Promise<void>
  accepts(url: URL): boolean
  connected(connection: ClientConnection): void
  message(connection: ClientConnection, text: string): void
  disconnected(connection: ClientConnection): void
  rest(url: URL): Promise<{ answer: RestAnswer; delivered: () => void }>
  /** Called every few ms while there are connections. */
  tick(elapsedMs: number, stats: SimulatorStats): void
  close(): void
}

export class SyntheticDriver implements Driver {
  readonly playback = undefined
  readonly finished = new Promise<void>(() => {})
  readonly #market: SyntheticMarket
  readonly #venue: SimulatedVenue
  readonly #rate: number
  readonly #bookLagMs: number
  readonly #closed = new AbortController()
  #due = 0
  #booksAsked = 0

  /** `bookLagMs`: how long every other order book of REST is under way, from the first one on. */
  constructor(market: SyntheticMarket, venue: SimulatedVenue, rate: number, bookLagMs: number) {
    this.#market = market
    this.#venue = venue
    this.#rate = rate
    this.#bookLagMs = bookLagMs
    const begin = nowNs() - BigInt(WARM_UP_STEPS) * WARM_UP_STEP_NS
    for (let step = 0; step < WARM_UP_STEPS; step++) {
      venue.marketEvent(market.step(), begin + BigInt(step) * WARM_UP_STEP_NS)
    }
    // Empties what the venue has batched, while there is nobody to send it to.
    venue.tick(nowNs())
  }

  accepts(url: URL): boolean {
    return this.#venue.accepts(url)
  }

  connected(connection: ClientConnection): void {
    this.#venue.connected(connection, nowNs())
  }

  message(connection: ClientConnection, text: string): void {
    this.#venue.message(connection, text, nowNs())
  }

  disconnected(connection: ClientConnection): void {
    this.#venue.disconnected(connection)
  }

  async rest(url: URL): Promise<{ answer: RestAnswer; delivered: () => void }> {
    const answer = this.#venue.rest(url, nowNs())
    // As of a real venue: while the answer is under way, the streams go on, and updates that are newer arrive before it.
    if (url.pathname.endsWith('/depth') && answer.status === 200 && this.#booksAsked++ % 2 === 0)
      await sleep(this.#bookLagMs, undefined, { signal: this.#closed.signal }).catch(() => {})
    return { answer, delivered: () => {} }
  }

  tick(elapsedMs: number, stats: SimulatorStats): void {
    this.#due += (elapsedMs * this.#rate) / 1000
    const steps = Math.min(Math.floor(this.#due), STEPS_PER_TICK_MAX)
    this.#due = Math.min(this.#due - steps, STEPS_PER_TICK_MAX)
    for (let step = 0; step < steps; step++) this.#venue.marketEvent(this.#market.step(), nowNs())
    stats.marketEvents += steps
    this.#venue.tick(nowNs())
  }

  close(): void {
    this.#closed.abort()
  }
}

export class CaptureDriver implements Driver {
  readonly #playback: Playback

  constructor(playback: Playback) {
    this.#playback = playback
  }

  get playback(): PlaybackState {
    return this.#playback.state
  }

  get finished(): Promise<void> {
    return this.#playback.finished
  }

  accepts(): boolean {
    return true
  }

  connected(connection: ClientConnection): void {
    this.#playback.connected(connection)
  }

  message(connection: ClientConnection, text: string): void {
    this.#playback.message(connection, text)
  }

  disconnected(connection: ClientConnection): void {
    this.#playback.disconnected(connection)
  }

  rest(url: URL): Promise<{ answer: RestAnswer; delivered: () => void }> {
    return this.#playback.rest(url)
  }

  tick(): void {}

  close(): void {
    this.#playback.close()
  }
}
