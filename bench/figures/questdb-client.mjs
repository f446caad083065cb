// Rows a second that QuestDB's own client for Node sends as lines, into a journal and to a server that throws them away: the
// difference is what recording them costs the client.
import { Sender } from '@questdb/nodejs-client'
import { freshDirectory, removeDirectory, scanWhole } from '../lib/files.mjs'
import { compare, expectEqual } from '../lib/measure.mjs'
import { startProgram } from '../lib/program.mjs'

const FIRST_NS = 1_723_075_200_000_000_000n
const ROWS_A_FLUSH = 1000

export function run(context) {
  const { directory, quick } = context
  const rows = quick ? 2000 : 500_000
  const served = (program, options) => ({
    async before() {
      const log = freshDirectory(directory)
      const server = startProgram(program, { listen: 'tcp:127.0.0.1:0', clients: 1, ...options(log) })
      return { log, server, port: await server.ready }
    },
    async run({ server, port }) {
      await send(port, rows)
      return await server.report.then(() => undefined)
    },
  })
  return compare(context, {
    figure: 'lines',
    unit: 'rows/s',
    count: rows,
    limit: {
      name: 'the same client, to a server that throws away',
      ...served('sink-server', () => ({})),
      after: ({ log }) => removeDirectory(log),
    },
    ours: [
      {
        name: "QuestDB's client into a journal",
        ...served('ingest-server', (log) => ({ directory: log })),
        async after({ log, server }) {
          const { trades, lines } = await server.report
          expectEqual('lines', lines, rows)
          expectEqual('lines that became a trade', trades, rows)
          if (!(scanWhole(log) > rows)) throw new Error('rows are missing from the log')
          removeDirectory(log)
        },
      },
    ],
  })
}

async function send(port, rows) {
  const target = `tcp::addr=127.0.0.1:${port};protocol_version=2;auto_flush_rows=${ROWS_A_FLUSH}`
  const sender = await Sender.fromConfig(target, { log: () => undefined })
  await sender.connect()
  for (let i = 0; i < rows; i++) {
    await sender
      .table('trades')
      .symbol('symbol', i % 3 === 0 ? 'ETH-USD' : 'BTC-USD')
      .symbol('side', i % 2 === 0 ? 'sell' : 'buy')
      .floatColumn('price', 2615.54 + (i % 1000) / 100)
      .floatColumn('amount', (1 + (i % 5000)) / 10_000)
      .at(FIRST_NS + BigInt(i) * 1000n, 'ns')
  }
  await sender.flush()
  await sender.close()
}
