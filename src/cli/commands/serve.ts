import type { Command } from 'commander'
import { TickforgeError } from '../../errors.ts'
import type { Durability } from '../../native/binding.ts'
import { readText, readToken, Serve, type ServeStatus } from '../../serve/serve.ts'
import { numberFrom, repeated, shared, wholeFrom } from '../options.ts'
import { count, lostMessages, printLine, warn } from '../output.ts'
import { Run, reportRecovery, watermarksText } from '../run.ts'
import type { OnHangup } from '../signals.ts'

interface Options {
  dir: string
  listen: string[]
  journal: string
  tokenFile?: string
  mapping?: string
  durability: Durability
  flushMs: number
  /** Bytes. */
  ringMb: number
  maxClients: number
  maxFrameKb: number
  idleS: number
  duration?: number
  onHangup: OnHangup
  json?: boolean
}

/** The limits of the native core. */
const CLIENTS_MAX = 1_000_000
const FRAME_KIB_MAX = 262_144
const IDLE_S_MAX = 604_800

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('record what clients send, over Unix sockets and TCP, until Ctrl-C')
    .addOption(shared.directory())
    .requiredOption('--listen <address>', 'unix:PATH or tcp:HOST:PORT, any number of times', repeated)
    .addOption(shared.journal())
    .option('--token-file <file>', 'what every client must show; TICKFORGE_TOKEN in the environment does it too')
    .option('--mapping <file>', 'JSON: what lines of text become (docs/INGEST.md)')
    .addOption(shared.durability())
    .addOption(shared.flushMs())
    .addOption(shared.ringBytes())
    .option('--max-clients <n>', 'clients at once, 1 to 1000000', wholeFrom(1, CLIENTS_MAX), 1024)
    .option('--max-frame-kb <KiB>', 'largest batch of a client, 1 to 262144', numberFrom(1, FRAME_KIB_MAX), 1024)
    .option(
      '--idle-s <s>',
      'close a client that is silent for so long, at most 604800; 0 = never',
      numberFrom(0, IDLE_S_MAX),
      300,
    )
    .addOption(shared.duration())
    .addOption(shared.onHangup())
    .option('--json', 'print a line of JSON on what recovery found, on the addresses, and on what was recorded')
    .action(serve)
}

/** From the file, or from the environment: a command line can be read by everybody on the machine. */
function tokenOf(options: Options): string | undefined {
  if (options.tokenFile !== undefined) return readToken(options.tokenFile)
  const token = process.env.TICKFORGE_TOKEN
  if (token === '') throw new TickforgeError('TF_USAGE', 'TICKFORGE_TOKEN is empty')
  return token
}

async function serve(options: Options): Promise<void> {
  const startedAt = performance.now()
  const run = new Run(options.duration, options.onHangup)
  const token = tokenOf(options)
  const server = await Serve.start({
    directory: options.dir,
    listen: options.listen,
    journal: options.journal,
    ...(token === undefined ? {} : { token }),
    ...(options.mapping === undefined ? {} : { mapping: readText(options.mapping) }),
    durability: options.durability,
    flushIntervalMs: options.flushMs,
    ringBytes: options.ringMb,
    maxClients: options.maxClients,
    maxFrameBytes: options.maxFrameKb * 1024,
    idleMs: options.idleS * 1000,
  })
  server.on('warning', warn)
  server.on('failed', (error) => run.fail(error))
  reportRecovery(server.recovery, options.json)
  if (options.json === true) printLine({ listening: server.addresses })
  else for (const address of server.addresses) warn(`listening on ${address}`)
  await run.until(
    () => Promise.resolve(),
    () => statusLine(server.status()),
  )
  const watermarks = await server.stop().catch((error: unknown) => {
    run.fail(error)
    return server.status().watermarks
  })
  const seconds = (performance.now() - startedAt) / 1000
  const final = { ...server.status(), watermarks, seconds, messagesLost: lostMessages() }
  if (options.json === true) printLine(final)
  else {
    warn(
      `${count(final.clientsTotal)} clients, ${count(final.batches)} batches, ${count(final.lines)} lines, ${count(watermarks.durable)} records on the disk, ${refusals(final)} refused`,
    )
  }
  run.end()
}

function refusals({ refused, clientsRefused }: ServeStatus): string {
  return count(Object.values(refused).reduce((sum, n) => sum + n, clientsRefused))
}

/** One line for a terminal. */
function statusLine(status: ServeStatus): string {
  return [
    `${count(status.clients)} clients`,
    watermarksText(status.watermarks),
    `${count(status.batches)} batches`,
    `${count(status.rows)} rows`,
    `${refusals(status)} refused`,
  ].join(' · ')
}
