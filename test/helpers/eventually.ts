// Waiting for what another thread, process or timer does: looked at often, and given up with the reason.
import { setTimeout as sleep } from 'node:timers/promises'

/** Less than vitest gives a test. A machine with ten times as much to do as it can is slow, not wrong. */
const GIVE_UP_MS = 100_000

/**
 * Resolves with the first value of `look` that is neither undefined nor false. `what` completes "waited in vain for ...";
 * `everyMs` is for looks that cost something.
 */
export async function eventually<T>(what: string, look: () => T | undefined | false, everyMs = 4): Promise<T> {
  const until = performance.now() + GIVE_UP_MS
  for (;;) {
    const value = look()
    if (value !== undefined && value !== false) return value
    if (performance.now() > until) throw new Error(`waited in vain for ${what}`)
    await sleep(everyMs)
  }
}
