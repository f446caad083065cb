// Records a second that are acknowledged after they are on the disk, beside what the disk does for a program that only
// writes and syncs, and beside a sync for each record.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { freshDirectory, MIB, removeDirectory, scanWhole } from '../lib/files.mjs'
import { compare, expectEqual, ratioAtLeast } from '../lib/measure.mjs'
import { runProgram } from '../lib/program.mjs'

const SIZES = [MIB / 4, MIB, 4 * MIB, 16 * MIB]
const RING_MIB = 64
const ROUNDS_MAX = 3
/** The segment's own record. */
const OWN_RECORDS = 1

export async function run(context) {
  const seconds = context.quick ? 0.3 : 10
  const trial = context.quick ? 0.1 : 1.5
  const limits = [await bestSize(context, trial, 0), await bestSize(context, trial, 1)]
  const { directory } = context
  // Ten seconds a side are gigabytes: three rounds of them are enough.
  return compare(
    { ...context, rounds: Math.min(context.rounds, ROUNDS_MAX), warmUp: 0 },
    {
      figure: 'durable',
      unit: 'records/s',
      limits: [
        ...limits.map(({ size, direct }) => ({
          name: `pwrite ${size / MIB} MiB${direct ? ', O_DIRECT,' : ''} + fdatasync each (best size)`,
          reach: ratioAtLeast(0.85),
          ...plainWrites(directory, 'raw-sequential', { size, direct, seconds }),
        })),
        {
          name: 'fdatasync for each record',
          reach: ratioAtLeast(200),
          ...plainWrites(directory, 'raw-each-record', { seconds: Math.min(seconds, 2) }),
        },
      ],
      ours: [
        {
          name: `every batch synced and acknowledged, for ${seconds} s`,
          before: () => freshDirectory(directory),
          run: (log) => runProgram('durable-rate', { directory: log, seconds, ring: RING_MIB }),
          after(log, { count }) {
            expectEqual('records read back', scanWhole(log), count + OWN_RECORDS)
            removeDirectory(log)
          },
        },
      ],
    },
  )
}

/** The size of write with which plain writes are fastest here and now: the limit is to be the disk, not our choice. */
async function bestSize({ directory }, seconds, direct) {
  const path = join(directory, 'plain')
  let best = { rate: 0 }
  for (const size of SIZES) {
    const report = await runProgram('raw-sequential', { path, size, direct, seconds })
    rmSync(path)
    const rate = report.count / report.seconds
    if (rate > best.rate) best = { rate, size, direct }
  }
  return best
}

function plainWrites(directory, program, options) {
  const path = join(directory, 'plain')
  return { run: () => runProgram(program, { path, ...options }), after: () => rmSync(path) }
}
