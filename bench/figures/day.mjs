// Any instant of a day of many records, and the start of a recorder after the one of that day was killed: a day on which a
// connection is lost and an instrument defined anew so often that hardly a block is without. A hundred million records
// (6.4 GB) with --full, ten million otherwise.
import { countMarks, freshDirectory, removeDirectory, scanWhole } from '../lib/files.mjs'
import { atMost, compare, expectEqual } from '../lib/measure.mjs'
import { runProgram } from '../lib/program.mjs'

/** The segment's own record; and the gap record of the start after the kill. */
const OWN_RECORDS = 2
const RECOVERY_MIB_MAX = 64
/** A definition and a connection record. */
const RECORDS_A_RECONNECT = 2

export async function run(context) {
  const { directory, quick, full } = context
  const records = quick ? 100_000 : full ? 100_000_000 : 10_000_000
  const log = freshDirectory(directory)
  const once = { ...context, warmUp: 0, rounds: quick ? 1 : 3 }
  try {
    const { first, step, batch } = await runProgram('day-fill', { directory: log, records })
    const find = (options) => runProgram('day-find', { directory: log, records, first, step, ...options })
    const figures = await compare(once, {
      figure: 'day',
      metrics: [
        { name: 'p50', unit: 'ms', of: (result) => result.p50 },
        { name: 'p99', unit: 'ms', of: (result) => result.p99 },
      ],
      ours: [
        {
          name: `first record of any instant of ${records.toLocaleString('en')}, warm`,
          reach: { p50: atMost(1) },
          run: () => find({ samples: quick ? 100 : 5000 }),
        },
      ],
    })
    const cold = await compare(once, {
      figure: 'day',
      metrics: [
        { name: 'p50', unit: 'ms', of: (result) => result.p50 },
        { name: 'major page faults', unit: 'most', of: (result) => result.faults },
        { name: 'KiB from the disk', unit: 'most', of: (result) => result.kib },
      ],
      ours: [
        {
          name: 'the same, nothing of it in the page cache',
          reach: { 'major page faults': atMost(4) },
          run: () => find({ samples: quick ? 5 : 100, cold: 1 }),
        },
      ],
    })
    return [...figures, ...cold, ...(await recover({ ...once, rounds: 1 }, log, records, batch))]
  } finally {
    removeDirectory(log)
  }
}

/** Once: the start mends what it finds. */
function recover(context, log, records, batch) {
  const published = records + RECORDS_A_RECONNECT * Math.ceil(records / batch)
  // The writer's own count takes them in; what is read back leaves them out.
  const marks = countMarks(log)
  return compare(context, {
    figure: 'day',
    metrics: [
      { name: 'read', unit: 'MiB', of: (result) => result.mebibytes },
      { name: 'time', unit: 'ms', of: (result) => result.seconds * 1000 },
    ],
    ours: [
      {
        name: `start after a kill, ${records.toLocaleString('en')} records`,
        reach: { read: atMost(RECOVERY_MIB_MAX) },
        run: () => runProgram('day-recover', { directory: log }),
        after(_, result) {
          expectEqual('records that the start found', result.records, published + marks + 1)
          expectEqual('records read back', scanWhole(log), published + OWN_RECORDS)
        },
      },
    ],
  })
}
