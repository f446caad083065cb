// Records a second from one JavaScript thread into the ring, while the writer empties it to the disk.
import { CELL_BYTES } from '../../dist/records/layout.js'
import { freshDirectory, removeDirectory, scanWhole } from '../lib/files.mjs'
import { compare, expectEqual } from '../lib/measure.mjs'
import { definer, openJournal, writeTrades } from '../lib/trades.mjs'

const WORDS = CELL_BYTES / 4
const RING_WORDS = (16 << 20) / 4
/** The segment's own record and the instrument's definition. */
const OWN_RECORDS = 2

export async function run(context) {
  const { directory, trades } = context
  const memory = new Int32Array(RING_WORDS)
  return compare(context, {
    figure: 'from JavaScript',
    unit: 'records/s',
    count: trades,
    limit: {
      name: 'a loop that stores the same words',
      run: () => storeWords(memory, trades),
      after: (_, last) => expectEqual('last word', memory[(trades * WORDS - 1) % RING_WORDS], last),
    },
    ours: [
      {
        name: 'CellWriter to ring and disk',
        before() {
          const log = freshDirectory(directory)
          return { log, journal: openJournal(log) }
        },
        run: ({ journal }) => writeTrades(journal.writer, trades, definer(journal)),
        async after({ log, journal }) {
          await journal.close()
          expectEqual('records read back', scanWhole(log), trades + OWN_RECORDS)
          removeDirectory(log)
        },
      },
    ],
  })
}

function storeWords(memory, records) {
  let value = 0
  for (let i = 0, at = 0; i < records; i++) {
    for (let word = 0; word < WORDS; word++) memory[at + word] = value++
    at = (at + WORDS) % RING_WORDS
  }
  return (value - 1) | 0
}
