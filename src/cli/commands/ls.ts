import type { Command } from 'commander'
import { Log } from '../../open-log.ts'
import { formatDuration, formatTime } from '../../records/time.ts'
import { bytes, clearProgress, count, print, printJson, shareProgress, table } from '../output.ts'
import { printable } from '../printable.ts'

export function addList(program: Command): void {
  program
    .command('ls')
    .description('days, instruments, record counts, time span, bytes, gaps')
    .argument('<directory>')
    .option('--json', 'print one JSON document')
    .action(async (directory: string, options: { json?: boolean }) => {
      const log = new Log(directory)
      const days = log.summarize(shareProgress('reading'))
      log.close()
      clearProgress()
      if (options.json === true) {
        await printJson({ directory, days })
        return
      }
      for (const day of days) {
        const span = `${formatTime(day.from)} to ${formatTime(day.to)} (${formatDuration(day.to - day.from)})`
        const notes = [
          `${count(day.records)} records`,
          bytes(day.bytes),
          `${day.segments} segment${day.segments === 1 ? '' : 's'}`,
          `${day.gaps} gap${day.gaps === 1 ? '' : 's'}`,
          ...(day.damaged === 0 ? [] : [`${count(day.damaged)} records DAMAGED`]),
        ]
        await print(`${day.day}  ${span}\n  ${notes.join(', ')}\n`)
        for (const remark of day.remarks) await print(`  ${printable(remark)}\n`)
        const rows = day.instruments.map((one) => [
          `  ${one.instrument}`,
          count(one.trades),
          count(one.quotes),
          count(one.books),
          String(one.gaps),
          formatTime(one.from).slice(11),
          formatTime(one.to).slice(11),
        ])
        await print(
          table(['  INSTRUMENT', 'TRADES', 'QUOTES', 'BOOKS', 'GAPS', 'FIRST', 'LAST'], rows, new Set([1, 2, 3, 4])),
        )
      }
    })
}
