// Trades as an Arrow file, beside plain writes of a file of the same size.

import { readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { tableFromIPC } from 'apache-arrow'
import { writeArrowFile } from '../../dist/export/arrow.js'
import { Log } from '../../dist/open-log.js'
import { checkTable } from '../lib/arrow.mjs'
import { freshDirectory, preparedMemory, removeDirectory, writePlain } from '../lib/files.mjs'
import { compare, expectEqual, ratioAtLeast } from '../lib/measure.mjs'
import { makeTradeLog } from '../lib/trades.mjs'

const REACH = ratioAtLeast(0.7)

export async function run(context) {
  const { directory, trades } = context
  const path = freshDirectory(directory)
  const sum = await makeTradeLog(path, trades)
  const log = new Log(path)
  const arrow = join(directory, 'trades.arrow')
  const plain = join(directory, 'plain')
  const memory = preparedMemory()
  const write = () => writeArrowFile(log.exportSource({}), 'trade', arrow)
  await write()
  const size = statSync(arrow).size
  rmSync(arrow)
  try {
    return await compare(context, {
      figure: 'Arrow file',
      unit: 'trades/s',
      count: trades,
      limit: {
        name: 'pwrite 1 MiB, one fsync',
        run: () => writePlain(plain, size, memory, 'file'),
        after() {
          expectEqual('plain bytes', statSync(plain).size, size)
          rmSync(plain)
        },
      },
      ours: [
        {
          name: 'on the disk',
          reach: REACH,
          run: write,
          after(_, rows) {
            expectEqual('rows', rows, trades)
            expectEqual('bytes', statSync(arrow).size, size)
            checkTable(tableFromIPC(readFileSync(arrow)), trades, sum)
            rmSync(arrow)
          },
        },
      ],
    })
  } finally {
    log.close()
    removeDirectory(path)
  }
}
