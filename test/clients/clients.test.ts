// Other people's clients of the line protocol, unchanged, into `tickforge serve`, and everything back as it was sent.
// TICKFORGE_CLIENT_ROWS sets how many rows each of them sends (`npm run test:clients` sends 100,000).
import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { Sender } from '@questdb/nodejs-client'
import { describe, expect, it, onTestFinished, type TestContext } from 'vitest'
import { ROOT, VENV_PYTHON } from '../../scripts/lib/paths.mjs'
import { whyMissing } from '../../scripts/lib/set-up.mjs'
import { verify } from '../../src/log/verify.ts'
import { Log } from '../../src/open-log.ts'
import { start } from '../helpers/command-line.ts'
import { eventually } from '../helpers/eventually.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'
import { expected, type Form, row, withoutZeros } from './rows.ts'

const ROWS = Number(process.env.TICKFORGE_CLIENT_ROWS ?? 2000)
const TIMEOUT_MS = 20_000 + ROWS
/** Of Python's client, by version: repr() of a float, doubles, decimals. */
const FORMS: readonly Form[] = ['mixed', 'minimal', 'fixed']
const FIELDS = ['symbol', 'side', 'price', 'size', 'trade_id', 'ts_event'] as const

interface Server {
  directory: string
  /** HOST:PORT. */
  address: string
  /** Waits until `count` rows are taken over, stops the server, and returns its counts. */
  stop(): Promise<Record<string, unknown>>
}

async function serving(): Promise<Server> {
  const directory = join(temporaryDirectory(), 'data')
  const running = await start(['serve', '--dir', directory, '--listen', 'tcp:127.0.0.1:0', '--json'])
  onTestFinished(() => void running.child.kill('SIGKILL'))
  const [, address] = await running.prints(/\{"listening":\["tcp:([^"]+)"\]\}/)
  return {
    directory,
    address: address as string,
    stop: async () => {
      running.child.kill('SIGINT')
      const { code, stdout, stderr } = await running.ended
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return JSON.parse(stdout.trimEnd().split('\n').at(-1) as string) as Record<string, unknown>
    },
  }
}

function tradesOf(directory: string): number {
  if (!existsSync(directory)) return 0
  const log = new Log(directory)
  const records = log.segments.reduce((sum, { native }) => sum + Number(native.recordCount), 0)
  log.close()
  return records
}

/** Every row as it was sent, by the reader of the package and by that in Python; nothing else but definitions. */
async function check(server: Server, venue: string, form: Form): Promise<void> {
  // A client of a TCP connection that ends has handed its bytes to the kernel, not to the server.
  await eventually('the rows on the disk', () => tradesOf(server.directory) >= ROWS, 50)
  expect(await server.stop()).toMatchObject({ lines: String(ROWS), rows: String(ROWS) })
  expect(verify(server.directory)).toMatchObject({ ok: true, drops: 0 })
  const log = new Log(server.directory)
  onTestFinished(() => log.close())
  let i = 0
  for (const batch of log.replay({ types: ['trade', 'text'] })) {
    for (const record of batch) compare(record.toJson(), venue, i++, form)
  }
  expect(i).toBe(ROWS)
  if (!existsSync(VENV_PYTHON)) return
  const dump = spawn(VENV_PYTHON, ['tools/dump_records.py', server.directory, '--type', 'trade'], { cwd: ROOT })
  let j = 0
  for await (const line of createInterface({ input: dump.stdout })) compare(JSON.parse(line), venue, j++, form)
  expect(j).toBe(ROWS)
}

function compare(record: Record<string, unknown>, venue: string, i: number, form: Form): void {
  const wanted = expected(i, form)
  const got: Record<string, unknown> = { ...record, symbol: String(record.instrument).replace(`${venue}:`, '') }
  if (form === 'mixed') for (const field of ['price', 'size']) got[field] = withoutZeros(String(got[field]))
  // Only a difference is worth a message.
  if (FIELDS.some((field) => got[field] !== wanted[field])) expect({ i, ...got }).toMatchObject(wanted)
}

describe(`@questdb/nodejs-client writes ${ROWS} rows`, () => {
  it.for([
    ['tcp', 1],
    ['tcp', 2],
    ['tcp', 3],
    ['http', 1],
    ['http', 2],
    ['http', 3],
  ] as const)('over %s in version %i', { timeout: TIMEOUT_MS }, async ([protocol, version]) => {
    const server = await serving()
    const sender = await Sender.fromConfig(
      `${protocol}::addr=${server.address};protocol_version=${version};auto_flush_rows=1000`,
    )
    if (protocol === 'tcp') await sender.connect()
    for (let i = 0; i < ROWS; i++) {
      const { symbol, side, price, size, ts } = row(i)
      sender.table('trades').symbol('symbol', symbol).symbol('side', side)
      if (version === 3) sender.decimalColumn('price', BigInt(price), 2).decimalColumn('amount', BigInt(size), 5)
      else sender.floatColumn('price', price / 100).floatColumn('amount', size / 100_000)
      await sender.intColumn('id', i).at(ts, 'ns')
    }
    await sender.flush()
    await sender.close()
    await check(server, 'line', version === 3 ? 'fixed' : 'minimal')
  })
})

/** Runs a script of this folder with what .venv has; skips the test where that is not installed. */
async function python(context: TestContext, script: string, packageName: string, args: string[]): Promise<void> {
  if (!existsSync(VENV_PYTHON)) context.skip('needs .venv')
  const run = promisify(execFile)
  const installed = await run(VENV_PYTHON, ['-c', `import ${packageName}`]).then(
    () => true,
    () => false,
  )
  if (!installed) context.skip(`needs the Python package ${packageName}: ${whyMissing('python-clients')}`)
  await run(VENV_PYTHON, [join(import.meta.dirname, script), ...args], {
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
}

describe(`QuestDB's Python client writes ${ROWS} rows`, () => {
  it.for([
    ['tcp', 1],
    ['tcp', 2],
    ['tcp', 3],
    ['http', 1],
    ['http', 2],
    ['http', 3],
  ] as const)('over %s in version %i', { timeout: TIMEOUT_MS }, async ([protocol, version], context) => {
    const server = await serving()
    await python(context, 'questdb_rows.py', 'questdb', [protocol, server.address, String(version), String(ROWS)])
    await check(server, 'line', FORMS[version - 1] as Form)
  })
})

describe(`cryptofeed's QuestDB backend writes ${ROWS} rows`, () => {
  it('over tcp', { timeout: TIMEOUT_MS }, async (context) => {
    const server = await serving()
    await python(context, 'cryptofeed_rows.py', 'cryptofeed', [server.address, String(ROWS)])
    await check(server, 'coinbase', 'mixed')
  })
})
