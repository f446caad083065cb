import type { Command } from 'commander'
import { Tail } from '../../tail/tail.ts'
import { query, type RangeOptions, shared } from '../options.ts'
import { outputClosed } from '../output.ts'
import { jsonLine, Lines, textLine } from '../record-lines.ts'
import { onStop } from '../signals.ts'

interface Options extends RangeOptions {
  journal: string
  json?: true
  spin?: true
}

export function addTail(program: Command): void {
  program
    .command('tail')
    .description('print records as they are published, before they are on the disk, until it is stopped')
    .argument('<directory>')
    .addOption(shared.instrument())
    .addOption(shared.type())
    .option('--from <place>', 'now, start, a time (ISO 8601 or integer ns), or SEGMENT:RECORD; default now')
    .addOption(shared.journal())
    .option('--json', 'JSON lines, as replay prints them')
    .option('--spin', 'never sleep while the recorder lives: the shortest delay, for a whole core')
    .action(tail)
}

async function tail(directory: string, options: Options): Promise<void> {
  const stop = new AbortController()
  const records = new Tail(directory, {
    ...query(options),
    journal: options.journal,
    spin: options.spin === true,
    signal: stop.signal,
  })
  onStop(() => stop.abort())
  // Somebody who has read enough (`| head`) is noticed although nothing more may ever come.
  outputClosed(() => stop.abort())
  const line = options.json === true ? jsonLine : textLine
  const lines = new Lines()
  // A reader that does not read must not keep a command that was told to stop.
  const stopped = new Promise<false>((resolve) => stop.signal.addEventListener('abort', () => resolve(false)))
  const flush = (): Promise<boolean> => Promise.race([lines.flush(), stopped])
  for await (const batch of records) {
    for (const record of batch) {
      lines.put(line(record))
      if (lines.full && !(await flush())) return
    }
    if (!(await flush())) return
  }
}
