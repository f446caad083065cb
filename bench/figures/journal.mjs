// Records a second through ring, writer thread and disk, beside plain writes of the same bytes.
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { loadNative } from '../../dist/native/binding.js'
import { CELL_BYTES } from '../../dist/records/layout.js'
import { freshDirectory, preparedMemory, removeDirectory, scanWhole, writePlain } from '../lib/files.mjs'
import { compare, expectEqual, ratioAtLeast } from '../lib/measure.mjs'

const REACH = ratioAtLeast(0.7)
/** The segment's own record. */
const OWN_RECORDS = 1

export async function run(context) {
  const atTheEnd = await compareWrites(context, 'os')
  const eachBatch = await compareWrites(context, 'batch')
  return [...atTheEnd, ...eachBatch]
}

function compareWrites(context, durability) {
  const { directory, trades } = context
  const native = loadNative()
  const memory = preparedMemory()
  const plain = join(directory, 'plain')
  return compare(context, {
    figure: 'journal',
    unit: 'records/s',
    count: trades,
    limit: {
      name: durability === 'batch' ? 'pwrite 1 MiB + fdatasync each' : 'pwrite 1 MiB, one fdatasync',
      run: () => writePlain(plain, trades * CELL_BYTES, memory, durability === 'batch' ? 'each' : 'end'),
      after() {
        expectEqual('plain bytes', statSync(plain).size, trades * CELL_BYTES)
        rmSync(plain)
      },
    },
    ours: [
      {
        name: durability === 'batch' ? 'each batch synced' : 'synced at the end',
        reach: REACH,
        before() {
          const log = freshDirectory(directory)
          const settings = { name: 'bench', ringBytes: 16 << 20, flushIntervalMs: 100, newPart: true, writer: 'bench' }
          return {
            log,
            journal: native.openJournal({ directory: log, durability, waitsForDisk: false, ...settings }),
          }
        },
        async run({ journal }) {
          native.benchFill(journal, trades)
          return await journal.flush()
        },
        async after({ log, journal }, marks) {
          expectEqual('durable records', Number(marks.durable), trades)
          await journal.close()
          expectEqual('records read back', scanWhole(log), trades + OWN_RECORDS)
          removeDirectory(log)
        },
      },
    ],
  })
}
