// Trades as an Arrow table in memory, beside a copy of the segment's bytes into fresh memory.
import { readFileSync } from 'node:fs'
import { Log } from '../../dist/open-log.js'
import { checkTable } from '../lib/arrow.mjs'
import { freshDirectory, removeDirectory } from '../lib/files.mjs'
import { compare, expectEqual, ratioAtLeast } from '../lib/measure.mjs'
import { makeTradeLog } from '../lib/trades.mjs'

const REACH = ratioAtLeast(0.4)

export async function run(context) {
  const { directory, trades } = context
  const path = freshDirectory(directory)
  const sum = await makeTradeLog(path, trades)
  const log = new Log(path)
  const bytes = readFileSync(log.segments[0].file.path)
  try {
    return await compare(context, {
      figure: 'Arrow table',
      unit: 'trades/s',
      count: trades,
      limit: {
        name: 'memcpy of the segment into fresh memory',
        collect: true,
        run() {
          // Not zeroed, and too large for any pool: the kernel gives the pages while they are written.
          const copy = Buffer.allocUnsafeSlow(bytes.byteLength)
          bytes.copy(copy)
          return copy
        },
        after: (_, copy) => expectEqual('copied bytes', copy.equals(bytes), true),
      },
      ours: [
        {
          name: 'in memory',
          reach: REACH,
          collect: true,
          run: () => log.toArrow({ type: 'trade' }),
          after: (_, table) => checkTable(table, trades, sum),
        },
      ],
    })
  } finally {
    log.close()
    removeDirectory(path)
  }
}
