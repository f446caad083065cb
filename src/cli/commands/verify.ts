import type { Command } from 'commander'
import { TickforgeError } from '../../errors.ts'
import { listSegments } from '../../log/directory.ts'
import { type VerifyReport, verify } from '../../log/verify.ts'
import { loadNative } from '../../native/binding.ts'
import { bytes, clearProgress, count, print, printJson, shareProgress, warn } from '../output.ts'
import { printable } from '../printable.ts'

export function addVerify(program: Command): void {
  program
    .command('verify')
    .description("check every block's CRC, order, index, continuity and venue checksums")
    .argument('<directory>')
    .option('--repair', 'first cut torn tails off and write indexes anew; nothing may be recording')
    .option('--json', 'print one JSON document')
    .action(async (directory: string, options: { repair?: boolean; json?: boolean }) => {
      if (options.repair === true) repair(directory)
      const report = verify(directory, shareProgress('verifying'))
      clearProgress()
      if (options.json === true) await printJson(report)
      else await print(describe(report))
      const newer = report.unreadable.find(({ code }) => code === 'TF_NEWER_FORMAT')
      if (newer !== undefined) throw new TickforgeError(newer.code, newer.message, { path: newer.path })
      if (!report.ok)
        throw new TickforgeError('TF_VERIFY_FAILED', `'${directory}' is not in order`, { path: directory })
    })
}

function repair(directory: string): void {
  for (const file of listSegments(directory)) {
    // What a failed write left behind is not to be touched; nothing behind the limit is read anyway.
    if (file.limit !== undefined) continue
    const done = loadNative().repairSegment(file.path)
    if (done.tornTailBytes > 0) warn(`${file.path}: ${done.tornTailBytes} torn bytes were cut off`)
    if (done.indexRebuilt) warn(`${file.path}: the index was written anew`)
  }
}

function describe(report: VerifyReport): string {
  const { continuity, checksums, index } = report
  const lines = [
    `${count(report.records)} records in ${count(report.blocks)} blocks of ${report.segments} segments, ${bytes(report.bytes)}`,
    `blocks:     ${report.corruptBlocks} corrupt, ${report.tornTailBytes} bytes of torn tail, ${report.orderErrors} out of order`,
    `continuity: ${count(continuity.checked)} checked, ${continuity.broken} broken; ${report.gaps} gaps and ${report.drops} drops on record`,
    `checksums:  ${count(checksums.checked)} checked, ${count(checksums.passed)} passed, ${checksums.failed} failed`,
    `index:      ${index.ok} right, ${index.missing} missing, ${index.wrong} wrong`,
    ...(report.rejectedFrames === 0
      ? []
      : [`${count(report.rejectedFrames)} frames that could not be read are kept as text`]),
    ...report.unreadable.map(({ code, message }) => printable(`  ${code}: ${message}`)),
    ...report.problems.map((problem) => printable(`  ${problem}`)),
    ...report.remarks.map((remark) => printable(`  remark: ${remark}`)),
    report.ok ? 'all in order' : 'NOT in order',
  ]
  return `${lines.join('\n')}\n`
}
