// What a recorder costs when nothing happens, and how seldom it asks the kernel when very much does.
import { freshDirectory, removeDirectory, scanWhole } from '../lib/files.mjs'
import { atMost, compare, expectEqual } from '../lib/measure.mjs'
import { PROGRAM, words } from '../lib/program.mjs'
import { systemCallCounter } from '../lib/system-calls.mjs'
import { defineInstrument, openJournal, Walk, writeTrades } from '../lib/trades.mjs'

const MILLION = 1_000_000
/** The segment's own record. */
const OWN_RECORDS = 1

export async function run(context) {
  return [...(await measureIdle(context)), ...(await countSystemCalls(context))]
}

/** The CPU time of a whole Node process with an open journal in which a second ago something was written. */
function measureIdle(context) {
  const { directory, quick } = context
  const seconds = quick ? 0.3 : 5
  return compare(
    { ...context, rounds: quick ? 1 : 3, warmUp: 0 },
    {
      figure: 'idle',
      metrics: [{ name: 'CPU', unit: '% of a core', of: (percent) => percent }],
      ours: [
        {
          name: `a process with an open journal, over ${seconds} s`,
          reach: { CPU: atMost(0.5) },
          async before() {
            const log = freshDirectory(directory)
            const journal = openJournal(log)
            writeTrades(journal.writer, new Walk(), 1000, defineInstrument(journal))
            await journal.flush()
            await sleep(1)
            return { log, journal }
          },
          async run() {
            const before = process.cpuUsage()
            const started = process.hrtime.bigint()
            await sleep(seconds)
            const { user, system } = process.cpuUsage(before)
            return ((user + system) * 100_000) / Number(process.hrtime.bigint() - started)
          },
          async after({ log, journal }) {
            await journal.close()
            removeDirectory(log)
          },
        },
      ],
    },
  )
}

function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}

/** Of a native producer at full rate, every batch synced: two million records less one million, so that start and end do not count. */
function countSystemCalls(context) {
  const counter = systemCallCounter()
  if (counter === undefined) {
    process.stderr.write('system calls: not counted, because neither perf nor strace works here\n')
    return []
  }
  const count = (records) => {
    const log = freshDirectory(context.directory)
    const calls = counter.count(PROGRAM, words('durable-rate', { directory: log, records }))
    expectEqual('records read back', scanWhole(log), records + OWN_RECORDS)
    removeDirectory(log)
    return calls
  }
  return compare(
    { ...context, rounds: context.quick ? 1 : 3, warmUp: 0 },
    {
      figure: 'idle',
      metrics: [{ name: 'system calls', unit: 'a million records', of: (calls) => calls }],
      ours: [
        {
          name: `at full rate, each batch synced (${counter.name})`,
          reach: { 'system calls': atMost(1000) },
          run: () => count(2 * MILLION) - count(MILLION),
        },
      ],
    },
  )
}
