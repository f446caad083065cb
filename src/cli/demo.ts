// `npm start`: the whole way on loopback, in a quarter of a minute. A built-in exchange server speaks the protocols of five real
// venues; they are recorded over WebSocket, shown, verified, replayed and exported.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { writeArrowFile } from '../export/arrow.ts'
import { writeCsvFile } from '../export/csv.ts'
import { writeParquetFile } from '../export/parquet.ts'
import { verify } from '../log/verify.ts'
import { loadNative } from '../native/binding.ts'
import { Log } from '../open-log.ts'
import { Recorder } from '../recorder/recorder.ts'
import { formatDuration, formatTime } from '../records/time.ts'
import { createSimulators, type SimulatorOptions } from '../simulate/simulator.ts'
import { statusLine } from './commands/record.ts'
import { bytes, count, fitted, outputIsTerminal, print, reportError, say, settleOutput, table } from './output.ts'

const SECONDS = Number(process.env.TICKFORGE_DEMO_SECONDS ?? 15)
const DIRECTORY = process.env.TICKFORGE_DEMO ?? 'data/demo'

const VENUES: (SimulatorOptions & { symbols: readonly string[] })[] = [
  { venue: 'binance', symbols: ['BTCUSDT', 'ETHUSDT'], rate: 400 },
  { venue: 'binance-usdm', symbols: ['BTCUSDT'], rate: 300 },
  { venue: 'binance-coinm', symbols: ['BTCUSD_PERP'], rate: 150 },
  // One update is left out, one frame is not the venue's JSON: both must show in the log.
  { venue: 'kraken', symbols: ['BTC/USD', 'ETH/USD'], rate: 200, faults: { skipEvery: 400, limit: 1 } },
  { venue: 'coinbase', symbols: ['BTC-USD'], rate: 200, faults: { garbageEvery: 300, limit: 1 } },
]

function heading(text: string): void {
  say(`\n── ${text} ${'─'.repeat(Math.max(3, 72 - text.length))}`)
}

/** Makes the directory, or empties it of an earlier demonstration; what is not ours stays. */
function clear(directory: string): void {
  mkdirSync(directory, { recursive: true })
  for (const name of readdirSync(directory)) {
    if (/\.tf[sic]$/.test(name) || name === 'tickforge.lock') rmSync(join(directory, name))
  }
}

async function record(): Promise<void> {
  const simulators = await createSimulators(VENUES.map((options) => ({ ...options, seed: 7 })))
  try {
    const recorder = new Recorder({
      directory: DIRECTORY,
      instruments: VENUES.flatMap(({ venue, symbols }) => symbols.map((symbol) => `${venue}:${symbol}`)),
      endpoints: Object.fromEntries(simulators.map((simulator) => [simulator.venue, simulator.endpoints])),
    })
    let failure: unknown
    recorder.on('failed', (error) => {
      failure = error
    })
    recorder.on('warning', (message) => say(`  ! ${message}`))
    say(
      `  five venues on loopback, recorded for ${SECONDS} s with ${loadNative().writerKind()}; on purpose, Kraken's server leaves`,
    )
    say("  one update out and Coinbase's sends one frame that is no JSON")
    await recorder.start()
    const startedAt = performance.now()
    const tty = outputIsTerminal()
    while (failure === undefined && performance.now() - startedAt < SECONDS * 1000) {
      await new Promise((resolve) => setTimeout(resolve, tty ? 250 : Math.min(3000, SECONDS * 200)))
      const line = `  ${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)} s  ${statusLine(recorder.status())}`
      if (tty) await print(`\r\x1b[K${fitted(line, process.stdout.columns)}`)
      else say(line)
    }
    if (tty) say()
    await recorder.stop()
    if (failure !== undefined) throw failure
  } finally {
    await Promise.all(simulators.map((simulator) => simulator.close()))
  }
}

function show(log: Log): void {
  for (const day of log.summarize()) {
    say(
      `  ${day.day}: ${count(day.records)} records, ${bytes(day.bytes)}, ${formatDuration(day.to - day.from)}, ${day.gaps} gaps`,
    )
    const rows = day.instruments.map((one) => [
      `  ${one.instrument}`,
      count(one.trades),
      count(one.quotes),
      count(one.books),
      String(one.gaps),
    ])
    say(table(['  INSTRUMENT', 'TRADES', 'QUOTES', 'BOOKS', 'GAPS'], rows, new Set([1, 2, 3, 4])).trimEnd())
  }
}

function check(): void {
  const report = verify(DIRECTORY)
  say(
    `  ${count(report.blocks)} blocks, ${report.corruptBlocks} corrupt; ${count(report.continuity.checked)} updates follow on each other, ${report.continuity.broken} do not`,
  )
  say(
    `  ${count(report.checksums.passed)} venue checksums computed from the stored records pass, ${report.checksums.failed} fail`,
  )
  say(
    `  ${report.gaps} gaps on record, ${report.rejectedFrames} unreadable frames kept as text: ${report.ok ? 'all in order' : 'NOT in order'}`,
  )
  for (const problem of report.problems) say(`    ${problem}`)
  if (!report.ok) process.exitCode = 8
}

function replayRange(log: Log): void {
  const span = log.span
  if (span === undefined) return
  const from = span.from + (span.to - span.from) / 2n
  const to = from + 1_000_000_000n
  say(`  ${formatTime(from)} and one second more:`)
  const counts = new Map<string, number>()
  let shown = 0
  for (const batch of log.replay({ from, to })) {
    for (const r of batch) {
      counts.set(r.type, (counts.get(r.type) ?? 0) + 1)
      if (r.type === 'trade' && shown < 5) {
        shown++
        say(
          `    ${formatTime(r.tsRecv).slice(11, 29)}  ${r.instrument.padEnd(24)} ${String(r.side).padEnd(4)} ${r.size} @ ${r.price}  #${r.tradeId}`,
        )
      }
    }
  }
  say(`    ... ${[...counts].map(([type, n]) => `${count(n)} ${type}`).join(', ')}`)
}

async function exportAll(log: Log): Promise<void> {
  const folder = join(DIRECTORY, 'export')
  mkdirSync(folder, { recursive: true })
  const source = log.exportSource({})
  const files = [
    ['trades.parquet', await writeParquetFile(source, 'trade', join(folder, 'trades.parquet'))],
    ['quotes.arrow', await writeArrowFile(source, 'quote', join(folder, 'quotes.arrow'))],
    ['book.arrow', await writeArrowFile(source, 'book', join(folder, 'book.arrow'))],
    ['trades.csv', await writeCsvFile(source, 'trade', join(folder, 'trades.csv'))],
  ] as const
  for (const [name, rows] of files) say(`  ${relative('.', join(folder, name))}: ${count(rows)} rows`)
}

try {
  clear(DIRECTORY)
  heading('recording')
  await record()
  const log = new Log(DIRECTORY)
  heading('what was recorded (tickforge ls)')
  show(log)
  heading('is it right? (tickforge verify)')
  check()
  heading('replay of one second (tickforge replay)')
  replayRange(log)
  heading('export (tickforge export)')
  await exportAll(log)
  log.close()
  heading('next')
  say(`  everything is in ${relative('.', DIRECTORY)}/; try`)
  say(`    npx tickforge ls ${DIRECTORY}`)
  say(`    npx tickforge replay ${DIRECTORY} --instrument kraken:BTC/USD --type gap,book | head`)
  say(`    npx tickforge record binance:BTCUSDT kraken:BTC/USD coinbase:BTC-USD --dir data/live`)
  say('    python: polars.read_parquet("data/demo/export/trades.parquet"); notebooks/00_quickstart.ipynb')
} catch (error) {
  reportError(error)
}
await settleOutput(true)
process.exit()
