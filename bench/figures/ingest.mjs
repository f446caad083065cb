// Records a second that the ingest server takes from many clients, beside a server that only reads and throws away the same
// bytes of the same clients. Into a ring that is only emptied, and into a journal on the disk, where the last batch of each
// client is acknowledged when it is durable.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { freshDirectory, removeDirectory, scanWhole } from '../lib/files.mjs'
import { compare, expectEqual, ratioAtLeast } from '../lib/measure.mjs'
import { runProgram, startProgram } from '../lib/program.mjs'

const BATCH = 256
const CLIENTS = [1, 64, 512]
const ACKNOWLEDGED = { nothing: 0, appended: 1, durable: 3 }
/** The segment's own record and the definition that all clients share. */
const OWN_RECORDS = 2
const DEFINITION_CELLS = 2

export async function run(context) {
  const figures = []
  for (const transport of ['unix', 'tcp']) {
    for (const clients of CLIENTS) figures.push(...(await compareServers(context, transport, clients)))
  }
  return figures
}

function compareServers(context, transport, clients) {
  const { directory, quick } = context
  const batches = Math.ceil((quick ? 20_000 : 32_000_000) / BATCH / clients)
  const count = batches * BATCH * clients
  const path = join(directory, 'socket')
  const listen = transport === 'unix' ? `unix:${path}` : 'tcp:127.0.0.1:0'
  const load = { clients, batches }
  const who = `${transport}, ${clients} client${clients === 1 ? '' : 's'}`
  const reach = ratioAtLeast(0.7)
  const after = () => rmSync(path, { force: true })
  return compare(
    { ...context, rounds: Math.min(context.rounds, 3) },
    {
      figure: 'ingest',
      unit: 'records/s',
      limit: {
        name: 'a server that reads and throws away',
        run: () => serve('sink-server', { listen, clients }, { ...load, level: ACKNOWLEDGED.nothing }),
        after,
      },
      ours: [
        {
          name: `${who}, into a ring`,
          reach,
          run: () => serve('ingest-server', { listen, clients }, { ...load, level: ACKNOWLEDGED.appended }),
          after(_, { server }) {
            expectEqual('records that the server took', server.records, clients + count)
            expectEqual('cells taken from the ring', server.cells, DEFINITION_CELLS + count)
            after()
          },
        },
        {
          name: `${who}, into a journal, durable`,
          reach,
          before: () => freshDirectory(directory),
          run: (log) =>
            serve('ingest-server', { listen, clients, directory: log }, { ...load, level: ACKNOWLEDGED.durable }),
          after(log) {
            expectEqual('records read back', scanWhole(log), count + OWN_RECORDS)
            removeDirectory(log)
            after()
          },
        },
      ],
    },
  )
}

/** Starts a server, sends, and adds up what both needed. The time is that of the sender. */
async function serve(program, options, load) {
  const server = startProgram(program, options)
  try {
    const port = await server.ready
    const sent = await runProgram('sender', { ...load, to: options.listen.replace(/:0$/, `:${port}`) })
    const served = await server.report
    return {
      count: sent.count,
      seconds: sent.seconds,
      user: sent.user + served.user,
      system: sent.system + served.system,
      cpu: sent.cpu + served.cpu,
      server: served,
    }
  } finally {
    server.stop()
  }
}
