// `npm run bench [-- options]`: measures what the project promises, each figure beside its limit on this machine.
//   --quick        few records, one round: shows that all of it works, its numbers say nothing
//   --only A,B     only these figures; an unknown name prints them all
//   --full         the figure 'day' with a hundred million records, which takes 6.4 GB
//   --rounds N     rounds of (limit, ours), default 5
//   --dir DIR      where the files go, a file system on a real disk; default bench/results
//   --synthetic    import frames of the built-in simulator, even where there are captures
//   --json FILE    append the results to FILE as one line of JSON
import { fork } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadAverage, machine } from './lib/machine.mjs'
import { buildProgram } from './lib/program.mjs'
import { table } from './lib/table.mjs'

const FIGURES = [
  'durable',
  'durable-latency',
  'ring',
  'lines',
  'questdb-client',
  'day',
  'visible',
  'ingest',
  'idle',
  'cell-writer',
  'journal',
  'import',
  'replay',
  'arrow-table',
  'arrow-file',
]
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

function parse() {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      rounds: { type: 'string' },
      dir: { type: 'string', default: here('results') },
      full: { type: 'boolean', default: false },
      synthetic: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  const names = values.only?.split(',') ?? FIGURES
  const unknown = names.find((name) => !FIGURES.includes(name))
  if (unknown !== undefined) throw new Error(`--only: '${unknown}' is not a figure (${FIGURES.join(', ')})`)
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5))
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds: '${values.rounds}' is not a count`)
  const trades = values.quick ? 100_000 : 10_000_000
  return { ...values, names, rounds, trades, warmUp: values.quick ? 0 : 1 }
}

/**
 * Runs one figure in a process of its own: what one left behind in V8 or in memory cannot change another. Resolves to
 * what could be measured; a part that failed has said so and makes the exit code 1.
 */
function runFigure(name, context) {
  const child = fork(here('lib/figure-process.mjs'), [name, JSON.stringify(context)], { execArgv: ['--expose-gc'] })
  let results
  child.on('message', (message) => {
    results = message
  })
  return new Promise((done, failed) => {
    child.on('error', failed)
    child.on('exit', (code, signal) => {
      if (code !== 0) process.exitCode = 1
      if (results !== undefined) done(results)
      else failed(new Error(`${name} failed (${signal ?? `exit code ${code}`})`))
    })
  })
}

async function main() {
  const options = parse()
  mkdirSync(options.dir, { recursive: true })
  const directory = mkdtempSync(join(resolve(options.dir), 'run-'))
  const stop = () => process.exit(130)
  process.once('SIGINT', stop).once('SIGTERM', stop)
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))

  const where = machine(directory)
  process.stdout.write(`${where.text}\n`)
  const { trades, rounds, warmUp, synthetic, quick, full } = options
  await buildProgram()
  const before = loadAverage()
  const figures = []
  for (const name of options.names) {
    process.stderr.write(`${name} ...\n`)
    try {
      figures.push(
        ...(await runFigure(name, { directory, trades, rounds, warmUp, synthetic, quick, full, judged: !quick })),
      )
    } catch (error) {
      process.stderr.write(`${error.message}\n`)
      process.exitCode = 1
    }
  }
  const load = { before, after: loadAverage() }
  process.stdout.write(
    `load average ${load.before} before, ${load.after} after; ${rounds} rounds, medians [fastest..slowest]\n\n${table(figures)}`,
  )
  if (quick) process.stdout.write('\n--quick: too few records for numbers that mean something\n')
  if (options.json !== undefined) {
    mkdirSync(dirname(resolve(options.json)), { recursive: true })
    const line = { at: new Date().toISOString(), machine: where, quick: options.quick, rounds, trades, load, figures }
    appendFileSync(options.json, `${JSON.stringify(line)}\n`)
  }
}

await main().catch((error) => {
  process.stderr.write(`bench: ${error.message}\n`)
  process.exitCode = 2
})
