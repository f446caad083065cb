// Trades a second from JavaScript into the ring, one a frame as live feeds publish them, beside a loop that only stores the
// same bytes into memory of the same size. In bursts that the ring has room for, with the writer thread taking them over and
// writing them behind: what the disk takes for longer than that is the figure "durable".
import { RING_BYTES_DEFAULT } from '../../dist/recorder/producer.js'
import { BufferMemory, CellWriter } from '../../dist/records/cell-writer.js'
import { CELL_BYTES } from '../../dist/records/layout.js'
import { freshDirectory, removeDirectory, scanWhole } from '../lib/files.mjs'
import { compare, expectEqual, ratioAtLeast } from '../lib/measure.mjs'
import { defineInstrument, openJournal, storeTrades, sumOfLog, Walk, writeTrades } from '../lib/trades.mjs'

const BURST = 100_000
const CELLS = RING_BYTES_DEFAULT / CELL_BYTES
/** The segment's own record and the instrument's definition. */
const OWN_RECORDS = 2

export async function run(context) {
  const { directory, trades } = context
  const bursts = Math.max(1, trades / BURST)
  const words = new Int32Array(RING_BYTES_DEFAULT / 4)
  checkSameBytes(words)
  return compare(context, {
    figure: 'from JavaScript',
    unit: 'records/s',
    limit: {
      name: 'a loop that stores the same bytes',
      run: () => timeBursts(bursts, (walk) => storeTrades(words, walk.made & (CELLS - 1), walk, BURST, 1)),
      after: (_, { walk }) =>
        expectEqual('last word', words[((walk.made * 16 - 1) & (words.length - 1)) - 1], walk.made),
    },
    ours: [
      {
        name: 'CellWriter to ring',
        reach: ratioAtLeast(0.7),
        before() {
          const log = freshDirectory(directory)
          const journal = openJournal(log)
          return { log, journal, instrument: defineInstrument(journal) }
        },
        run: ({ journal, instrument }) =>
          timeBursts(
            bursts,
            (walk) => writeTrades(journal.writer, walk, BURST, instrument),
            () => journal.flush(),
          ),
        async after({ log, journal }, { walk, count }) {
          await journal.close()
          expectEqual('times that the ring was full', journal.waits, 0)
          expectEqual('records read back', scanWhole(log), count + OWN_RECORDS)
          expectEqual('sum of the price mantissas', sumOfLog(log), BigInt(walk.sum))
          removeDirectory(log)
        },
      },
    ],
  })
}

/** Only the bursts are timed; `between` empties the ring after each. */
async function timeBursts(bursts, write, between = () => undefined) {
  const walk = new Walk()
  const report = { walk, count: bursts * BURST, seconds: 0, user: 0, system: 0 }
  for (let i = 0; i < bursts; i++) {
    const usage = process.cpuUsage()
    const started = process.hrtime.bigint()
    write(walk)
    report.seconds += Number(process.hrtime.bigint() - started) / 1e9
    const used = process.cpuUsage(usage)
    report.user += used.user / 1e6
    report.system += used.system / 1e6
    await between()
  }
  return report
}

/** The limit must do the same work: what both write is compared once. */
function checkSameBytes(words) {
  const memory = new BufferMemory(BURST)
  writeTrades(new CellWriter(memory), new Walk(), BURST, 1)
  storeTrades(words, 0, new Walk(), BURST, 1)
  const stored = Buffer.from(words.buffer, 0, BURST * CELL_BYTES)
  expectEqual('bytes of the limit are ours', Buffer.from(memory.cells()).equals(stored), true)
}
