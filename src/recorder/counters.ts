import { type NormalizerCounters, noCounters } from '../feeds/feed.ts'

/** Sum of counters. */
export function addCounters(all: readonly NormalizerCounters[]): NormalizerCounters {
  const sum = noCounters()
  for (const counters of all)
    for (const name of Object.keys(sum) as (keyof NormalizerCounters)[]) sum[name] += counters[name]
  return sum
}
