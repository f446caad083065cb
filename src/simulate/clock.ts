// The only clock of the simulator.

const anchor = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint()

/** ns since 1970, never going backwards in a process. */
export function nowNs(): bigint {
  return anchor + process.hrtime.bigint()
}

/** ms since the process began, with fractions. */
export function monotonicMs(): number {
  return performance.now()
}
