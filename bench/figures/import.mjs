// Frames a second of a whole import, from the capture's file to synced segments, beside JSON.parse of the same frames.
import { importCaptures } from '../../dist/import/import.js'
import { verify } from '../../dist/log/verify.js'
import { Log } from '../../dist/open-log.js'
import { Flag } from '../../dist/records/layout.js'
import { findCaptures, splitFrames } from '../lib/captures.mjs'
import { freshDirectory, removeDirectory } from '../lib/files.mjs'
import { compare, expectEqual, ratioAtLeast, toFigure } from '../lib/measure.mjs'

const REACH = ratioAtLeast(0.4)

export async function run(context) {
  const steps = Math.max(10_000, context.trades / 50)
  const { source, captures } = findCaptures({ ...context, steps })
  const figures = []
  for (const capture of captures) {
    try {
      figures.push(...(await compareImport(context, capture)))
    } catch (error) {
      // The other kinds are still worth knowing.
      process.stderr.write(`import of ${capture.name}: ${error.message}\n`)
      process.exitCode = 1
    }
  }
  if (figures.length > 1) figures.push(total(figures))
  return figures.map((figure) => ({ ...figure, source }))
}

async function compareImport(context, capture) {
  const frames = await splitFrames(capture)
  return compare(context, {
    figure: 'import',
    unit: 'frames/s',
    count: frames.length,
    limit: {
      name: 'JSON.parse alone',
      run: () => parseAll(frames),
      after: (_, objects) => expectEqual('parsed frames', objects, frames.length),
    },
    ours: [
      {
        name: `${capture.name}, whole`,
        reach: REACH,
        before: () => freshDirectory(context.directory),
        run: (directory) => importCaptures({ directory, format: capture.format, paths: capture.paths }),
        after(directory, report) {
          expectEqual('imported frames', report.frames, frames.length)
          expectEqual('rejected frames', report.rejectedFrames, 0)
          const verified = verify(directory)
          if (!verified.ok) throw new Error(`verify: ${verified.problems.join('; ')}`)
          expectEqual('checksums passed', verified.checksums.passed, report.checksums.passed)
          expectEqual('records read back', countRecords(directory), report.records)
          removeDirectory(directory)
        },
      },
    ],
  })
}

/** Every result is looked at, so that none can be left out. */
function parseAll(frames) {
  let objects = 0
  for (const frame of frames) if (typeof JSON.parse(frame.latin1Slice()) === 'object') objects++
  return objects
}

/** Without those that the writer adds: the segment's own and copies of definitions. */
function countRecords(directory) {
  const log = new Log(directory)
  let count = 0
  for (const batch of log.replay()) {
    for (const record of batch) if (record.type !== 'segment' && (record.flags & Flag.copy) === 0) count++
  }
  log.close()
  return count
}

/** All kinds one after the other, from their medians. */
function total(figures) {
  const count = figures.reduce((sum, figure) => sum + figure.count, 0)
  const side = (name) => {
    const parts = figures.map((figure) => figure[name])
    const seconds = parts.reduce((sum, part) => sum + part.seconds, 0)
    const mean = (field) => parts.reduce((sum, part) => sum + (part[field] ?? 0) * part.seconds, 0) / seconds
    const rateOf = (field) => count / parts.reduce((sum, part, i) => sum + figures[i].count / part[field], 0)
    return {
      name: name === 'ours' ? 'total' : parts[0].name,
      seconds,
      value: count / seconds,
      low: rateOf('low'),
      high: rateOf('high'),
      user: mean('user'),
      system: mean('system'),
      others: mean('others'),
      disk: parts[0].disk === undefined ? undefined : mean('disk'),
    }
  }
  return toFigure({
    figure: 'import',
    unit: 'frames/s',
    count,
    limit: side('limit'),
    ours: side('ours'),
    reach: figures[0].reach,
  })
}
