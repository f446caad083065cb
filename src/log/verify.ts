// Verifies a directory: the bytes of every block by the native scan, then what the records themselves prove.
import { asTickforgeError, type ErrorCode } from '../errors.ts'
import { loadNative, type SegmentScan } from '../native/binding.ts'
import { listSegments, type SegmentFile, stagedImports } from './directory.ts'
import { RecordChecks } from './record-checks.ts'
import { forEachRecordOfBlock, Segment } from './segment.ts'

export interface VerifyReport {
  /** Nothing is damaged, torn, out of order, missing without a gap record, or different from the venue's checksum. */
  ok: boolean
  segments: number
  blocks: number
  records: number
  bytes: number
  corruptBlocks: number
  tornTailBytes: number
  orderErrors: number
  gaps: number
  drops: number
  rejectedFrames: number
  continuity: { checked: number; broken: number }
  checksums: { checked: number; passed: number; failed: number }
  /** An index that is missing or wrong is derived anew from the blocks: a remark, not a failure. */
  index: { ok: number; missing: number; wrong: number }
  /** Segments that could not be read at all: of a newer version, or not ours. */
  unreadable: { path: string; code: ErrorCode; message: string }[]
  /** What was found, in words, the first ones of each segment. */
  problems: string[]
  /** What is worth knowing and no fault, in words. */
  remarks: string[]
}

/** Blocks are read for the record checks in windows of this size. */
const WINDOW_BYTES = 16 << 20

/**
 * Verifies every segment of a directory. `progress` is called with the share that is done, 0 to 1. Throws TF_NO_DIRECTORY,
 * TF_FOREIGN_DIRECTORY, TF_NATIVE_MISSING.
 */
export function verify(directory: string, progress: (done: number) => void = () => undefined): VerifyReport {
  // Before the first file: that the core is missing says nothing of the files.
  const native = loadNative()
  const files = listSegments(directory)
  const report: VerifyReport = {
    ok: true,
    segments: 0,
    blocks: 0,
    records: 0,
    bytes: 0,
    corruptBlocks: 0,
    tornTailBytes: 0,
    orderErrors: 0,
    gaps: 0,
    drops: 0,
    rejectedFrames: 0,
    continuity: { checked: 0, broken: 0 },
    checksums: { checked: 0, passed: 0, failed: 0 },
    index: { ok: 0, missing: 0, wrong: 0 },
    unreadable: [],
    problems: [],
    remarks: stagedImports(directory).map(
      (name) => `${name} is of an import that runs or was interrupted: the next one completes it or takes it back`,
    ),
  }
  const journals = new Map<string, RecordChecks>()
  files.forEach((file, i) => {
    try {
      addScan(report, native.scanSegment(file.path, file.limit), files[i + 1])
      const checks = journals.get(file.journal) ?? new RecordChecks()
      journals.set(file.journal, checks)
      checkRecords(file, checks, (share) => progress((i + share) / files.length))
    } catch (thrown) {
      // One file that cannot be read must not hide the state of the others.
      const error = asTickforgeError(thrown)
      report.unreadable.push({ path: file.path, code: error.code, message: error.message })
      journals.get(file.journal)?.damaged()
    }
  })
  for (const { counts, problems } of journals.values()) {
    report.gaps += counts.gaps
    report.drops += counts.drops
    report.rejectedFrames += counts.rejectedFrames
    for (const name of ['checked', 'broken'] as const) report.continuity[name] += counts.continuity[name]
    for (const name of ['checked', 'passed', 'failed'] as const) report.checksums[name] += counts.checksums[name]
    report.problems.push(...problems)
  }
  report.ok =
    report.unreadable.length === 0 &&
    report.corruptBlocks === 0 &&
    report.tornTailBytes === 0 &&
    report.orderErrors === 0 &&
    report.continuity.broken === 0 &&
    report.checksums.failed === 0
  return report
}

function addScan(report: VerifyReport, scan: SegmentScan, next: SegmentFile | undefined): void {
  report.segments++
  report.blocks += scan.blocks
  report.records += Number(scan.records)
  report.bytes += scan.fileBytes
  report.corruptBlocks += scan.corruptBlocks
  report.tornTailBytes += scan.tornTailBytes
  report.orderErrors += scan.orderErrors
  report.index[scan.indexState]++
  report.problems.push(...scan.problems.map((problem) => `${scan.path}: ${problem}`))
  if (scan.indexState !== 'ok')
    report.problems.push(
      `${scan.path}: its index is ${scan.indexState}; it is derived from the blocks until the next recorder writes it anew`,
    )
  if (scan.rewrittenBlocks > 0) {
    const last = scan.rewrittenFirst + scan.rewrittenBlocks - 1
    const which = last === scan.rewrittenFirst ? `block ${last} is` : `blocks ${scan.rewrittenFirst} to ${last} are`
    report.remarks.push(`${scan.path}: ${which} written again in part ${next?.part}`)
  }
}

function checkRecords(file: SegmentFile, checks: RecordChecks, progress: (share: number) => void): void {
  const segment = new Segment(file)
  try {
    // Nothing is left of a part that others follow.
    if (segment.blockCount === 0 && segment.native.missingFrom !== null) checks.damaged()
    for (let block = 0; block < segment.blockCount; ) {
      const window = segment.window(block, segment.blockCount, WINDOW_BYTES)
      for (let i = 0; i < window.count; i++) {
        if (window.damage.some(({ before }) => before === i)) checks.damaged()
        forEachRecordOfBlock(window, i, (at) => checks.record(window.area, at))
      }
      if (window.damage.some(({ before }) => before === window.count)) checks.damaged()
      block += window.count
      progress(block / segment.blockCount)
    }
  } finally {
    segment.close()
  }
}
