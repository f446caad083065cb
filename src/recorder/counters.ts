import type { NormalizerCounters } from '../feeds/feed.ts'

/** Sum of counters. */
export function addCounters(all: readonly NormalizerCounters[]): NormalizerCounters {
  const sum = {
    frames: 0,
    records: 0,
    rejectedFrames: 0,
    textFrames: 0,
    gaps: 0,
    checksumsPassed: 0,
    checksumsFailed: 0,
  }
  for (const counters of all)
    for (const name of Object.keys(sum) as (keyof NormalizerCounters)[]) sum[name] += counters[name]
  return sum
}
