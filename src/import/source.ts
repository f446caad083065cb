// Captures that a command names, as sources of events: what each is, of which venue, and when it begins.
import { basename } from 'node:path'
import { asTickforgeError, TickforgeError } from '../errors.ts'
import type { Venue } from '../feeds/feed.ts'
import { findVenue, VENUES } from '../feeds/registry.ts'
import type { CaptureEvent } from './capture.ts'
import { CaptureBytes, type FileState, fileState } from './capture-bytes.ts'
import { type CryptofeedSession, findCryptofeedSessions, readCryptofeed } from './cryptofeed.ts'
import type { ImportedConnection } from './feeder.ts'
import { readHftbacktest, readHftbacktestHead } from './hftbacktest.ts'

export type CaptureFormat = 'hftbacktest' | 'cryptofeed'
export const CAPTURE_FORMATS: readonly CaptureFormat[] = ['hftbacktest', 'cryptofeed']

/**
 * What became of a file. `imported`: all of it; `cut`: to its last whole line, with a gap behind it; `known`: it is in the log
 * already; `empty`: nothing is in it; `refused`: nothing of it was taken.
 */
export type FileOutcome = 'imported' | 'cut' | 'known' | 'empty' | 'refused'

/** One line of an import's report. */
export interface ImportedFile {
  path: string
  outcome: FileOutcome
  /** Of the log: records that came of this file, and gap records among them. */
  records: number
  gaps: number
  /** Frames and REST answers of the file, and what of it was no line or no frame of the venue. */
  frames: number
  rejected: number
  /** What there is to say, in words. */
  note: string
}

/** A file while it is imported. */
export interface FileTask {
  report: ImportedFile
  error: TickforgeError | undefined
  /** As it was before it was looked at. */
  state: FileState
  /** SHA-256 of the file, once it was asked for. */
  digest: string
  content: CaptureBytes | undefined
  /** Receive times of its first and last event by time. */
  from: bigint
  to: bigint
}

/** Events of one capture, in order. */
export interface Source {
  venue: Venue
  tasks: FileTask[]
  /** Receive time at which it begins, or so; 0 where that is known only when it is read. */
  first: bigint
  /** Connections of this source by name. Sources that may continue each other share them. */
  connections: Map<string, ImportedConnection>
  /** The source is one connection, whatever its events call it: files of one market that follow each other are one recording. */
  isOneConnection: boolean
  /** No other source is merged with it. */
  standsAlone: boolean
  open(): AsyncIterator<readonly CaptureEvent[]>
}

export interface SourceOptions {
  format: CaptureFormat
  paths: readonly string[]
  venue?: string
}

/** Sources of all files that can be imported, by time, and the files that cannot. Throws TF_UNKNOWN_VENUE for an option. */
export async function findSources(options: SourceOptions): Promise<{ sources: Source[]; tasks: FileTask[] }> {
  if (options.venue !== undefined) findVenue(options.venue)
  const found = options.format === 'hftbacktest' ? await hftbacktestSources(options) : await cryptofeedSources(options)
  found.sources.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  return found
}

/** Marks a file as refused, or rethrows what is no fault of a file. */
export function refuse(task: FileTask, thrown: unknown): void {
  const error = asTickforgeError(thrown)
  if (error.code === 'TF_INTERNAL') throw thrown
  task.error = error
  task.report.outcome = 'refused'
  task.report.note = error.message
}

function newTask(path: string): FileTask {
  const report: ImportedFile = { path, outcome: 'imported', records: 0, gaps: 0, frames: 0, rejected: 0, note: '' }
  const state = { bytes: 0, modifiedNs: 0n, inode: 0n }
  return { report, error: undefined, state, digest: '', content: undefined, from: 0n, to: 0n }
}

/** Looks at a file's state; false when there is nothing to read, which the task then says. */
async function look(task: FileTask): Promise<boolean> {
  try {
    task.state = await fileState(task.report.path)
  } catch (thrown) {
    refuse(task, thrown)
    return false
  }
  if (task.state.bytes > 0) return true
  task.report.outcome = 'empty'
  task.report.note = 'the file has no bytes'
  return false
}

async function hftbacktestSources(options: SourceOptions): Promise<{ sources: Source[]; tasks: FileTask[] }> {
  const sources: Source[] = []
  const tasks: FileTask[] = []
  const recordings = new Map<string, Source['connections']>()
  for (const path of options.paths) {
    const task = newTask(path)
    tasks.push(task)
    if (!(await look(task))) continue
    try {
      const { first, market } = await hftbacktestHead(path, options.venue)
      const recording = `${market} ${stemOf(path)}`
      const connections = recordings.get(recording) ?? new Map()
      recordings.set(recording, connections)
      sources.push({
        venue: findVenue(market),
        tasks: [task],
        first,
        connections,
        isOneConnection: true,
        standsAlone: false,
        open: () => {
          task.content = new CaptureBytes(path)
          return readHftbacktest(task.content)
        },
      })
    } catch (thrown) {
      refuse(task, thrown)
    }
  }
  return { sources, tasks }
}

async function hftbacktestHead(path: string, venue: string | undefined): Promise<{ first: bigint; market: string }> {
  const { first, market } = await readHftbacktestHead(path, venue !== undefined)
  if (first === undefined)
    throw new TickforgeError('TF_UNKNOWN_FORMAT', `'${path}' has no line of a log of hftbacktest`, { path })
  const name = venue ?? market
  if (name !== undefined) return { first, market: name }
  throw new TickforgeError(
    'TF_UNKNOWN_FORMAT',
    `'${path}' holds no frames of a venue that is known; name it with --venue`,
    { path },
  )
}

/** btcusdt_20240808.gz and btcusdt_20240809.gz are one recording: the date is not part of the name. */
function stemOf(path: string): string {
  return basename(path)
    .replace(/[_.-]?\d{8}.*$/, '')
    .replace(/\.(gz|zst|dat|log|txt)$/, '')
}

async function cryptofeedSources(options: SourceOptions): Promise<{ sources: Source[]; tasks: FileTask[] }> {
  const sources: Source[] = []
  const tasks: FileTask[] = []
  const seen = new Set<string>()
  for (const path of options.paths) {
    let sessions: CryptofeedSession[]
    try {
      sessions = await findCryptofeedSessions([path])
    } catch (thrown) {
      const task = newTask(path)
      tasks.push(task)
      refuse(task, thrown)
      continue
    }
    for (const session of sessions) {
      // A file brings its companions along, and they it.
      if (seen.has(session.files[0] as string)) continue
      seen.add(session.files[0] as string)
      const own = session.files.map(newTask)
      tasks.push(...own)
      const source = await cryptofeedSource(session, own, options.venue)
      if (source !== undefined) sources.push(source)
    }
  }
  return { sources, tasks }
}

async function cryptofeedSource(
  session: CryptofeedSession,
  tasks: FileTask[],
  name: string | undefined,
): Promise<Source | undefined> {
  const venue =
    name === undefined
      ? VENUES.find((candidate) => candidate.cryptofeedNames.includes(session.exchange))
      : findVenue(name)
  const read: FileTask[] = []
  for (const task of tasks) if (await look(task)) read.push(task)
  if (venue === undefined) {
    const known = VENUES.flatMap((candidate) => candidate.cryptofeedNames).join(', ')
    for (const task of tasks) {
      const { path } = task.report
      const message = `'${path}' is of ${session.exchange}; known are ${known}`
      if (task.report.outcome !== 'refused') refuse(task, new TickforgeError('TF_UNKNOWN_VENUE', message, { path }))
    }
    return undefined
  }
  if (read.length === 0) return undefined
  const source: Source = {
    venue,
    tasks: read,
    first: 0n,
    connections: new Map(),
    isOneConnection: false,
    standsAlone: true,
    open: () => cryptofeedEvents(session, source),
  }
  return source
}

async function* cryptofeedEvents(session: CryptofeedSession, source: Source): AsyncGenerator<readonly CaptureEvent[]> {
  const { events, readings } = await readCryptofeed({
    exchange: session.exchange,
    files: source.tasks.map(({ report }) => report.path),
  })
  for (const [i, { content, lines, error }] of readings.entries()) {
    const task = source.tasks[i] as FileTask
    task.content = content
    if (error !== undefined) refuse(task, error)
    else if (lines === 0) {
      task.report.outcome = 'empty'
      task.report.note = 'the file has no line'
    }
  }
  yield events
}
