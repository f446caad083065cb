// From a write in one process to its sight in another: the shared-memory tail, beside a bare flag and a bare futex.
import { freshDirectory, removeDirectory, scanWhole } from '../lib/files.mjs'
import { compare, expectEqual, percentiles, ratioAtMost } from '../lib/measure.mjs'
import { runProgram } from '../lib/program.mjs'

/** The segment's own record, and the one that the reader waits for before it follows. */
const OWN_RECORDS = 2

export async function run(context) {
  const seconds = context.quick ? 0.1 : 2
  const spinning = { samples: 20_000, seconds, parked: 0, interval: 20 }
  const parked = { samples: 20_000, seconds, parked: 1, interval: 200 }
  return [
    ...(await compareSight(context, 'spinning', 'a flag in shared memory', 1.5, spinning)),
    ...(await compareSight(context, 'parked', 'a futex wake', 1.2, parked)),
  ]
}

function compareSight(context, how, limit, reach, options) {
  return compare(context, {
    figure: 'visible',
    metrics: percentiles('ns'),
    limit: { name: limit, run: () => runProgram('raw-visible', options) },
    ours: [
      {
        name: how,
        reach: { p50: ratioAtMost(reach) },
        before: () => freshDirectory(context.directory),
        run: (directory) => runProgram('tail-visible', { ...options, directory }),
        after(directory, { samples }) {
          expectEqual('records read back', scanWhole(directory), samples + OWN_RECORDS)
          removeDirectory(directory)
        },
      },
    ],
  })
}
