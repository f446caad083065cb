// Which files of a directory are ours, and in which order they were written.
import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { TickforgeError } from '../errors.ts'
import { loadNative } from '../native/binding.ts'

/** `<day>.<journal>.<part>.tfs` (docs/FORMAT.md, "Files"). */
const SEGMENT_NAME = /^(\d{4}-\d{2}-\d{2})\.([a-z0-9_-]{1,32})\.(\d{3,})\.tfs$/

/** What is being imported: `<journal>.staging` and `<journal>.pending`. */
const STAGING_NAME = /^[a-z0-9_-]{1,32}\.staging$/
const PENDING_NAME = /^[a-z0-9_-]{1,32}\.pending$/

export interface SegmentFile {
  path: string
  /** '2024-08-08', UTC day of receive time. */
  day: string
  journal: string
  part: number
  /** Records from this number on are written again in the next part and do not count here; undefined: all do. */
  limit: bigint | undefined
}

/**
 * Segment files of a directory by day, journal and part, each with its limit. Throws TF_NO_DIRECTORY, or TF_FOREIGN_DIRECTORY when nothing in it is ours.
 */
export function listSegments(directory: string): SegmentFile[] {
  let entries: Dirent[]
  try {
    entries = readdirSync(directory, { withFileTypes: true })
  } catch (cause) {
    const file = statSync(directory, { throwIfNoEntry: false })?.isFile() === true
    const what = file ? `'${directory}' is a file, not a directory` : `there is no directory '${directory}'`
    throw new TickforgeError('TF_NO_DIRECTORY', what, { cause, path: directory })
  }
  const pending = pendingSegments(directory, entries)
  const files = entries.flatMap((entry): SegmentFile[] => {
    const parts = entry.isFile() ? SEGMENT_NAME.exec(entry.name) : null
    if (parts === null || pending.has(entry.name)) return []
    const [, day, journal, part] = parts as unknown as [string, string, string, string]
    return [{ path: join(directory, entry.name), day, journal, part: Number.parseInt(part, 10), limit: undefined }]
  })
  if (files.length === 0) {
    const ours = entries.some((entry) => entry.name === 'tickforge.lock' || entry.name.endsWith('.tfc'))
    const what = ours
      ? `nothing has been recorded into '${directory}' yet`
      : `'${directory}' holds no segments of tickforge`
    throw new TickforgeError(ours ? 'TF_EMPTY_RANGE' : 'TF_FOREIGN_DIRECTORY', what, { path: directory })
  }
  files.sort((a, b) => compare(a.day, b.day) || compare(a.journal, b.journal) || a.part - b.part)
  for (const [i, file] of files.entries()) {
    const before = files[i - 1]
    if (before?.day === file.day && before.journal === file.journal)
      before.limit = loadNative().limitOfPartBefore(file.path) ?? undefined
  }
  return files
}

/** Names of what imports left in a directory that were interrupted, or that still run. */
export function stagedImports(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => (entry.isDirectory() ? STAGING_NAME : PENDING_NAME).test(entry.name))
    .map(({ name }) => name)
}

/** Segments that an import is about to make part of the log, all of them in one step (docs/FORMAT.md, "Files"). */
function pendingSegments(directory: string, entries: readonly Dirent[]): Set<string> {
  const names = new Set<string>()
  for (const entry of entries) {
    if (!entry.isFile() || !PENDING_NAME.test(entry.name)) continue
    try {
      for (const name of readFileSync(join(directory, entry.name), 'utf8').split('\n')) names.add(name)
    } catch (cause) {
      // Gone in the meantime: the step is done.
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') continue
      throw new TickforgeError('TF_IO', `'${join(directory, entry.name)}' cannot be read`, { cause, path: directory })
    }
  }
  return names
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
