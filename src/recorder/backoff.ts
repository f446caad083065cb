// Pauses before a new attempt: doubling from 250 ms to 30 s, with jitter so that many clients do not come back at once.

const FIRST_MS = 250
const MAX_MS = 30_000

/** Pause before attempt `attempt` + 1, in milliseconds: at least half of its ceiling, so that pauses grow. `random` is in [0, 1). */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(MAX_MS, FIRST_MS * 2 ** Math.min(attempt, 20))
  return (ceiling / 2) * (1 + random())
}
