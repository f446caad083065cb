import type { Command } from 'commander'
import { TickforgeError } from '../../errors.ts'
import { CAPTURE_FORMATS, type CaptureFormat, type ImportReport, importCaptures } from '../../import/import.ts'
import { shared } from '../options.ts'
import { clearProgress, count, print, printJson, progress, table, warn } from '../output.ts'

interface Options {
  dir: string
  venue?: string
  again?: boolean
  json?: boolean
}

export function addImport(program: Command): void {
  program
    .command('import')
    .description('make raw logs of other recorders ours, with their own receive times')
    .argument('<format>', CAPTURE_FORMATS.join(' or '))
    .argument('<files...>', 'files, or for cryptofeed folders')
    .addOption(shared.directory())
    .option('--venue <venue>', 'venue of the files, where they do not say it themselves')
    .option('--again', 'import files although they are in the log already')
    .option('--json', 'print one JSON document')
    .action(async (format: string, paths: string[], options: Options) => {
      if (!CAPTURE_FORMATS.includes(format as CaptureFormat)) {
        throw new TickforgeError(
          'TF_UNKNOWN_FORMAT',
          `'${format}' is not a capture format (${CAPTURE_FORMATS.join(', ')})`,
        )
      }
      const startedAt = performance.now()
      const report = await importCaptures({
        directory: options.dir,
        format: format as CaptureFormat,
        paths,
        ...(options.venue === undefined ? {} : { venue: options.venue }),
        again: options.again === true,
        warn,
        progress: (frames) => progress(`${count(frames)} frames`, startedAt),
      })
      clearProgress()
      if (options.json === true) await printJson(report)
      else await print(reportText(report))
      const refused = report.outcomes.filter(({ outcome }) => outcome === 'refused')
      if (refused.length === 0) return
      const which = refused.length === 1 ? `'${refused[0]?.path}' was` : `${refused.length} files were`
      throw new TickforgeError('TF_IMPORT_INCOMPLETE', `${which} not imported; all others were`)
    })
}

function reportText(report: ImportReport): string {
  const { checksums, outcomes } = report
  const rows = outcomes.map(({ path, outcome, records, gaps, note }) => [
    path,
    outcome,
    count(records),
    count(gaps),
    note === '' ? '' : note.replace(`'${path}' `, ''),
  ])
  const lines = [
    table(['FILE', 'OUTCOME', 'RECORDS', 'GAPS', 'NOTE'], rows, new Set([2, 3])).trimEnd(),
    `${count(report.frames)} frames of ${report.files} captures became ${count(report.records)} records in ${report.seconds.toFixed(2)} s`,
    `${report.rejectedFrames} rejected, ${count(report.textFrames)} kept as text, ${count(report.restAnswers)} REST answers, ${report.gaps} gaps`,
  ]
  if (checksums.passed + checksums.failed > 0)
    lines.push(`checksums: ${count(checksums.passed)} passed, ${checksums.failed} failed`)
  return `${lines.join('\n')}\n`
}
