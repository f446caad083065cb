// How often the crash tests kill, and their random moments.

export const ROUNDS = Number(process.env.TICKFORGE_CRASH_ROUNDS ?? 5)
export const SEED = Number(process.env.TICKFORGE_CRASH_SEED ?? Date.now() % 1_000_000)

/** A small generator, so that a seed repeats the moments of the kills as far as a machine can. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
}
