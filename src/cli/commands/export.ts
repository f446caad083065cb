import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { TickforgeError } from '../../errors.ts'
import { outputTarget } from '../../export/output-target.ts'
import { removeTemporaries } from '../../export/temporary-file.ts'
import type { ColumnTableType, PriceType } from '../../native/binding.ts'
import { Log } from '../../open-log.ts'
import { query, type RangeOptions, shared } from '../options.ts'
import { clearProgress, count, print, printJson, shareProgress, warn } from '../output.ts'

/** Loaded when they are used: apache-arrow would double the time that any other command takes to start. */
const WRITERS = {
  arrow: async () => (await import('../../export/arrow.ts')).writeArrowFile,
  parquet: async () => (await import('../../export/parquet.ts')).writeParquetFile,
  csv: async () => (await import('../../export/csv.ts')).writeCsvFile,
}
type Format = keyof typeof WRITERS
const FORMATS = Object.keys(WRITERS) as Format[]

/** Endings of a file's name, and the format that each stands for. */
const ENDINGS: Readonly<Record<string, Format>> = {
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.arrow': 'arrow',
  '.feather': 'arrow',
  '.ipc': 'arrow',
  '.csv': 'csv',
  '.csv.gz': 'csv',
}
const TYPES: readonly ColumnTableType[] = ['trade', 'quote', 'book', 'gap', 'drop']
const PRICES: readonly PriceType[] = ['decimal', 'float64', 'int64']
const STDOUT = '/dev/fd/1'

interface Options extends Omit<RangeOptions, 'type'> {
  type: ColumnTableType
  format?: Format
  price: PriceType
  out: string
  json?: boolean
}

export function addExport(program: Command): void {
  program
    .command('export')
    .description('write the records of a range into an Arrow, Parquet or CSV file')
    .argument('<directory>')
    .addOption(shared.from())
    .addOption(shared.to())
    .addOption(shared.instrument())
    .addOption(new Option('--type <type>', 'the records').choices(TYPES).makeOptionMandatory())
    .addOption(new Option('--format <format>', 'default: what the ending of --out says').choices(FORMATS))
    .addOption(
      new Option(
        '--price <type>',
        'prices and sizes as exact decimals, as float64 (lossy: rounded to the nearest), or as int64 mantissas of one exponent',
      )
        .choices(PRICES)
        .default('decimal'),
    )
    .requiredOption(
      '--out <file>',
      'the file, written whole or not at all; a pipe or device is written to; - is standard output',
    )
    .option('--json', 'print one JSON document')
    .action(async (directory: string, options: Options) => {
      const format = options.format ?? formatOf(options.out)
      if (format === 'csv' && options.price !== 'decimal')
        throw new TickforgeError('TF_USAGE', `--price ${options.price}: CSV has every number as its exact text`)
      const out = options.out === '-' ? STDOUT : options.out
      const toStdout = await isStandardOutput(out)
      const { rows, seconds, damaged } = await exportFile(directory, { ...options, format, out }).catch((error) => {
        if (toStdout && isReaderGone(error)) return { rows: 0, seconds: 0, damaged: 0 }
        throw error
      })
      if (toStdout) return
      if (options.json === true)
        await printJson({ file: options.out, format, type: options.type, rows, seconds, damaged })
      else await print(`${options.out}: ${count(rows)} rows\n`)
    })
}

/** `| head` has seen enough. */
function isReaderGone(error: unknown): boolean {
  return error instanceof TickforgeError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EPIPE'
}

/** The rows are there already: nothing else may be printed among them. */
async function isStandardOutput(path: string): Promise<boolean> {
  const target = await outputTarget(path).catch(() => undefined)
  return target?.kind === 'descriptor' && target.fd === 1
}

/** Throws TF_USAGE when the name says nothing. */
function formatOf(path: string): Format {
  const name = basename(path).toLowerCase()
  const ending = Object.keys(ENDINGS).find((known) => name.endsWith(known))
  if (ending !== undefined) return ENDINGS[ending] as Format
  throw new TickforgeError(
    'TF_USAGE',
    `--out: the name '${path}' ends in none of ${Object.keys(ENDINGS).join(', ')}: say --format ${FORMATS.join(', ')}`,
  )
}

async function exportFile(
  directory: string,
  options: Options & { format: Format },
): Promise<{ rows: number; seconds: number; damaged: number }> {
  const startedAt = performance.now()
  const log = new Log(directory)
  const stopCleaning = cleanOnSignals()
  try {
    const { type, price: priceType, ...range } = options
    const source = log.exportSource(query(range), shareProgress('exporting'))
    const write = await WRITERS[options.format]()
    const rows = await write(source, type, options.out, { priceType })
    clearProgress()
    for (const damage of log.damage) {
      warn(
        `${damage.path}: records ${damage.firstRecord} to ${damage.endRecord - 1n} cannot be read and are not in the file (TF_CORRUPT)`,
      )
    }
    const damaged = log.damage.reduce((sum, { firstRecord, endRecord }) => sum + Number(endRecord - firstRecord), 0)
    return { rows, seconds: (performance.now() - startedAt) / 1000, damaged }
  } finally {
    stopCleaning()
    log.close()
  }
}

/** A signal ends the command as ever, but leaves no half of a file. */
function cleanOnSignals(): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  const end = (signal: NodeJS.Signals): void => {
    removeTemporaries()
    stop()
    process.kill(process.pid, signal)
  }
  const stop = (): void => {
    for (const signal of signals) process.off(signal, end)
  }
  for (const signal of signals) process.on(signal, end)
  return stop
}
