// From a record's scheduled time to its durability, at 10,000 records a second, beside 4 KiB written over an initialised
// file and synced.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { freshDirectory, removeDirectory, scanWhole } from '../lib/files.mjs'
import { compare, expectEqual, percentiles, ratioAtMost } from '../lib/measure.mjs'
import { runProgram } from '../lib/program.mjs'

const RATE = 10_000
/** The segment's own record. */
const OWN_RECORDS = 1

export async function run(context) {
  const { directory } = context
  const seconds = context.quick ? 0.2 : 2
  const path = join(directory, 'plain')
  return compare(context, {
    figure: 'durable latency',
    metrics: percentiles('µs'),
    limit: {
      name: 'pwrite 4 KiB over an initialised file + fdatasync',
      run: () => runProgram('raw-overwrite', { path, direct: 0, seconds }),
      after: () => rmSync(path),
    },
    ours: [
      {
        name: `${RATE} records/s, open loop`,
        reach: { p50: ratioAtMost(1.5) },
        before: () => freshDirectory(directory),
        run: (log) => runProgram('durable-latency', { directory: log, rate: RATE, seconds }),
        after(log, { count }) {
          expectEqual('records read back', scanWhole(log), count + OWN_RECORDS)
          removeDirectory(log)
        },
      },
    ],
  })
}
