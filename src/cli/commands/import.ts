import type { Command } from 'commander'
import { TickforgeError } from '../../errors.ts'
import { CAPTURE_FORMATS, type CaptureFormat, importCaptures } from '../../import/import.ts'
import { shared } from '../options.ts'
import { clearProgress, count, print, printJson, progress, warn } from '../output.ts'

interface Options {
  dir: string
  venue?: string
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
        warn,
        progress: (frames) => progress(`${count(frames)} frames`, startedAt),
      })
      clearProgress()
      if (options.json === true) {
        await printJson(report)
        return
      }
      const { checksums } = report
      const lines = [
        `${count(report.frames)} frames of ${report.files} captures became ${count(report.records)} records in ${report.seconds.toFixed(2)} s`,
        `${report.rejectedFrames} rejected, ${count(report.textFrames)} kept as text, ${count(report.restAnswers)} REST answers, ${report.gaps} gaps`,
      ]
      if (checksums.passed + checksums.failed > 0)
        lines.push(`checksums: ${count(checksums.passed)} passed, ${checksums.failed} failed`)
      await print(`${lines.join('\n')}\n`)
    })
}
