// The one way to measure: the limit and ours in turns, in the same process, so that both meet the same machine.
import { busySeconds, diskCounters } from './machine.mjs'

/**
 * A side of a comparison. `before` prepares and its result is given to the others; `run` is timed; `after` checks what
 * `run` returned, throws when it is wrong, and tidies up. `collect` frees the garbage first; it also costs V8 what it has
 * learnt about code whose objects are all gone, so it is for runs whose memory would add up.
 * @typedef {{ name: string, before?: () => any, run: (state: any) => any, after?: (state: any, result: any) => any, collect?: boolean }} Side
 */

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
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  const used = process.resourceUsage()
  const busyAfter = busySeconds()
  const diskAfter = diskCounters(directory)
  await side.after?.(state, result)
  const user = (used.userCPUTime - usage.userCPUTime) / 1e6
  const system = (used.systemCPUTime - usage.systemCPUTime) / 1e6
  return {
    seconds,
    // Cores, each as a share of the time that it took.
    user: user / seconds,
    system: system / seconds,
    others: Math.max(0, busyAfter - busy - user - system) / seconds,
    disk: disk === undefined ? undefined : (diskAfter.busySeconds - disk.busySeconds) / seconds,
  }
}

function summary(side, count, runs) {
  const seconds = runs.map((run) => run.seconds)
  const of = (name) => (runs[0][name] === undefined ? undefined : median(runs.map((run) => run[name])))
  return {
    name: side.name,
    seconds: median(seconds),
    rate: count / median(seconds),
    fastest: count / Math.min(...seconds),
    slowest: count / Math.max(...seconds),
    user: of('user'),
    system: of('system'),
    others: of('others'),
    disk: of('disk'),
  }
}

/**
 * Measures one limit against any number of ours, (limit, ours, ours, ...) a round, after `warmUp` rounds that do not count.
 * Each of ours may have a `reach`, a share of the limit's rate, or a `reachRate`; both count only when the run is `judged`.
 */
export async function compare({ directory, rounds, warmUp, judged }, { figure, unit, count, limit, ours }) {
  const sides = [limit, ...ours]
  const runs = sides.map(() => [])
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, side] of sides.entries()) {
      const run = await measure(side, directory)
      if (round >= 0) runs[i].push(run)
    }
  }
  const limitSummary = summary(limit, count, runs[0])
  return ours.map((side, i) => {
    const own = summary(side, count, runs[i + 1])
    const reach = judged ? { reach: side.reach, reachRate: side.reachRate } : {}
    return toFigure({ figure, unit, count, limit: limitSummary, ours: own, ...reach })
  })
}

/** Every check has passed when this is called: a failed one throws. */
export function toFigure(figure) {
  const ratio = figure.ours.rate / figure.limit.rate
  const reached =
    figure.reach !== undefined
      ? ratio >= figure.reach
      : figure.reachRate !== undefined
        ? figure.ours.rate >= figure.reachRate
        : undefined
  return { ...figure, ratio, reached, verified: true }
}
