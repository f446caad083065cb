// Timers of Node end at 2^31 - 1 ms, 24.8 days, and take a longer time for 1 ms.
const STEP_MS = 2 ** 30

/** Calls `act` after so many milliseconds, however many; returns what calls it off. */
export function after(ms: number, act: () => void): () => void {
  const due = performance.now() + ms
  let timer: NodeJS.Timeout
  const wait = (): void => {
    const left = due - performance.now()
    timer = left > STEP_MS ? setTimeout(wait, STEP_MS) : setTimeout(act, Math.max(0, left))
  }
  wait()
  return () => clearTimeout(timer)
}
