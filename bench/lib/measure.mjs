// The one way to measure: the limits and ours in turns, in one run, so that all meet the same machine.
import { busySeconds, diskCounters } from './machine.mjs'

/**
 * A side of a comparison. `before` prepares and its result is given to the others; `run` is timed; `after` checks what
 * `run` returned, throws when it is wrong, and tidies up. What ran in a program of its own (lib/program.mjs) says itself
 * what it took: the `seconds`, `user` and `system` of its report count, and `cpu` is all that it used, preparation included.
 * `collect` frees the garbage first; it also costs V8 what it has learnt about code whose objects are all gone, so it is for
 * runs whose memory would add up. `reach` is what we want beside each limit, as ratioAtLeast(0.7) and the like; that
 * of a limit counts where ours has none. With several metrics it is an object with one by the name of each.
 * @typedef {{ name: string, before?: () => any, run: (state: any) => any, after?: (state: any, result: any) => any,
 *   collect?: boolean, reach?: object }} Side
 */

export const ratioAtLeast = (bound) => ({ of: 'ratio', least: bound })
export const ratioAtMost = (bound) => ({ of: 'ratio', most: bound })
export const atLeast = (bound) => ({ of: 'value', least: bound })
export const atMost = (bound) => ({ of: 'value', most: bound })

/** p50, p99 and p99.9 of a report in microseconds or nanoseconds. */
export const percentiles = (unit) => [
  { name: 'p50', unit, of: (result) => result.p50 },
  { name: 'p99', unit, of: (result) => result.p99 },
  { name: 'p99.9', unit, of: (result) => result.p999 },
]

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Throws unless `actual` is `expected`: a figure whose result is wrong is no figure. */
export function expectEqual(what, actual, expected) {
  if (actual !== expected) throw new Error(`${what}: ${actual}, expected ${expected}`)
}

async function measure(side, directory) {
  const state = await side.before?.()
  if (side.collect === true) globalThis.gc()
  const disk = diskCounters(directory)
  const busy = busySeconds()
  const usage = process.resourceUsage()
  const started = process.hrtime.bigint()
  const result = await side.run(state)
  const elapsed = Number(process.hrtime.bigint() - started) / 1e9
  const used = process.resourceUsage()
  const busyAfter = busySeconds()
  const diskAfter = diskCounters(directory)
  await side.after?.(state, result)
  const user = (used.userCPUTime - usage.userCPUTime) / 1e6
  const system = (used.systemCPUTime - usage.systemCPUTime) / 1e6
  const own = typeof result?.seconds === 'number' && typeof result.user === 'number' ? result : undefined
  const took = own ?? { seconds: elapsed, user, system }
  return {
    result,
    count: own?.count,
    seconds: took.seconds,
    // Cores, each as a share of the time that it took.
    user: took.user / took.seconds,
    system: took.system / took.seconds,
    others: Math.max(0, busyAfter - busy - user - system - (result?.cpu ?? 0)) / elapsed,
    disk: disk === undefined ? undefined : (diskAfter.busySeconds - disk.busySeconds) / elapsed,
  }
}

function summary(side, metric, count, runs) {
  const values = runs.map((run) => metric.of(run.result, (run.count ?? count) / run.seconds))
  const of = (name) => (runs[0][name] === undefined ? undefined : median(runs.map((run) => run[name])))
  return {
    name: metric.name === undefined ? side.name : `${side.name}, ${metric.name}`,
    value: median(values),
    low: Math.min(...values),
    high: Math.max(...values),
    seconds: of('seconds'),
    user: of('user'),
    system: of('system'),
    others: of('others'),
    disk: of('disk'),
  }
}

/**
 * Measures ours beside their limits, (limits, ours) a round, after `warmUp` rounds that do not count. A metric takes its
 * value from what `run` returned; without any it is the rate of `count`, or of the count that the report names. A reach
 * counts only when the run is `judged`.
 */
export async function compare({ directory, rounds, warmUp, judged }, spec) {
  const { figure, unit, count, ours } = spec
  const limits = spec.limits ?? (spec.limit === undefined ? [] : [spec.limit])
  const metrics = spec.metrics ?? [{ unit, of: (_, rate) => rate }]
  const runs = new Map([...limits, ...ours].map((side) => [side, []]))
  for (let round = -warmUp; round < rounds; round++) {
    for (const [side, kept] of runs) {
      const run = await measure(side, directory)
      if (round >= 0) kept.push(run)
    }
  }
  return ours.flatMap((side) =>
    metrics.flatMap((metric) =>
      (limits.length === 0 ? [undefined] : limits).map((limit) => {
        const wanted = side.reach ?? limit?.reach
        const reach = metric.name === undefined ? wanted : wanted?.[metric.name]
        return toFigure({
          figure,
          unit: metric.unit,
          count,
          ours: summary(side, metric, count, runs.get(side)),
          ...(limit && { limit: { ...summary(limit, metric, count, runs.get(limit)), name: limit.name } }),
          ...(judged && reach && { reach }),
        })
      }),
    ),
  )
}

/** Every check has passed when this is called: a failed one throws. */
export function toFigure(figure) {
  const ratio = figure.limit === undefined ? undefined : figure.ours.value / figure.limit.value
  return { ...figure, ratio, reached: isReached(figure, ratio), verified: true }
}

function isReached({ reach, ours }, ratio) {
  if (reach === undefined) return undefined
  const actual = reach.of === 'ratio' ? ratio : ours.value
  return actual >= (reach.least ?? Number.NEGATIVE_INFINITY) && actual <= (reach.most ?? Number.POSITIVE_INFINITY)
}
