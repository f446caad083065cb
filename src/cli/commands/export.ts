import type { Command } from 'commander'
import { TickforgeError } from '../../errors.ts'
import type { ColumnTableType } from '../../native/binding.ts'
import { Log } from '../../open-log.ts'
import { query, type RangeOptions, shared } from '../options.ts'
import { clearProgress, count, print, printJson, shareProgress, warn } from '../output.ts'

/** Loaded when they are used: apache-arrow would double the time that any other command takes to start. */
const WRITERS = {
  arrow: async () => (await import('../../export/arrow.ts')).writeArrowFile,
  parquet: async () => (await import('../../export/parquet.ts')).writeParquetFile,
  csv: async () => (await import('../../export/csv.ts')).writeCsvFile,
}
const TYPES: readonly ColumnTableType[] = ['trade', 'quote', 'book']

interface Options extends Omit<RangeOptions, 'type'> {
  type: string
  format: string
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
    .requiredOption('--type <type>', TYPES.join(', '))
    .option('--format <format>', Object.keys(WRITERS).join(', '), 'arrow')
    .requiredOption('--out <file>', 'the file; written whole or not at all')
    .option('--json', 'print one JSON document')
    .action(async (directory: string, options: Options) => {
      const { rows, seconds, damaged } = await exportFile(directory, options)
      if (options.json === true) {
        await printJson({ file: options.out, format: options.format, type: options.type, rows, seconds, damaged })
        return
      }
      await print(`${options.out}: ${count(rows)} rows\n`)
    })
}

async function exportFile(
  directory: string,
  options: Options,
): Promise<{ rows: number; seconds: number; damaged: number }> {
  if (!TYPES.includes(options.type as ColumnTableType)) {
    throw new TickforgeError('TF_USAGE', `--type: '${options.type}' is none of ${TYPES.join(', ')}`)
  }
  if (!Object.hasOwn(WRITERS, options.format)) {
    throw new TickforgeError('TF_USAGE', `--format: '${options.format}' is none of ${Object.keys(WRITERS).join(', ')}`)
  }
  const startedAt = performance.now()
  const log = new Log(directory)
  try {
    const { type: _, ...range } = options
    const source = log.exportSource(query(range), shareProgress('exporting'))
    const write = await WRITERS[options.format as keyof typeof WRITERS]()
    const rows = await write(source, options.type as ColumnTableType, options.out)
    clearProgress()
    for (const damage of log.damage) {
      warn(
        `${damage.path}: records ${damage.firstRecord} to ${damage.endRecord - 1n} cannot be read and are not in the file (TF_CORRUPT)`,
      )
    }
    const damaged = log.damage.reduce((sum, { firstRecord, endRecord }) => sum + Number(endRecord - firstRecord), 0)
    return { rows, seconds: (performance.now() - startedAt) / 1000, damaged }
  } finally {
    log.close()
  }
}
