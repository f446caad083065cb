// Captures of other recorders become ours: their frames, with their own receive times, through the same normalisers as
// live frames, merged by time, into new segments. A file comes in whole or not at all, and once.
import { TickforgeError } from '../errors.ts'
import { monotonicMs } from '../recorder/clock.ts'
import { Journal } from '../recorder/journal.ts'
import { BadSource, type BatchResult, contentOf, feedBatch, isTaken, ledgerEntries } from './batch.ts'
import { digestOfFile, fileState } from './capture-bytes.ts'
import type { FeedCounts } from './feeder.ts'
import { type Known, Ledger } from './ledger.ts'
import { type CaptureFormat, type FileTask, findSources, type ImportedFile, refuse, type Source } from './source.ts'
import { Staging } from './staging.ts'

export { CAPTURE_FORMATS, type CaptureFormat, type FileOutcome, type ImportedFile } from './source.ts'

export interface ImportOptions {
  directory: string
  format: CaptureFormat
  paths: readonly string[]
  /** Venue of the files, where they do not say it themselves. */
  venue?: string
  /** Name of the journal, default 'import'. */
  journal?: string
  /** Take files in although they are in the log already. */
  again?: boolean
  ringBytes?: number
  warn?: (message: string) => void
  /** Called now and then with the frames so far. */
  progress?: (frames: number) => void
}

export interface ImportReport extends FeedCounts {
  /** Captures that were taken in: files, or sessions of cryptofeed. */
  files: number
  seconds: number
  /** Every file that was named, or came along, in that order, with what became of it. */
  outcomes: ImportedFile[]
}

/** The journal that holds the directory's lock writes nothing. */
const LOCK_RING_BYTES = 1 << 20

/**
 * Imports captures. What is reported as imported is durable when it resolves; what was refused is in `outcomes` and left nothing
 * behind. Throws the first refusal when no file could be taken; TF_UNKNOWN_VENUE, TF_LOCKED, and when the log cannot be written
 * TF_DISK_FULL, TF_IO: then the batches that were finished are in the log.
 */
export async function importCaptures(options: ImportOptions): Promise<ImportReport> {
  const started = monotonicMs()
  const { sources, tasks } = await findSources(options)
  const outcomes = tasks.map(({ report }) => report)
  const totals = noCounts()
  let files = 0
  if (sources.length > 0) {
    const run = new ImportRun(options, totals)
    files = await run.all(sources)
  }
  const failure = outcomes.every(({ outcome }) => outcome === 'refused' || outcome === 'empty')
    ? nothingTaken(tasks)
    : undefined
  for (const { report, error } of tasks) {
    if (report.outcome === 'imported' || (failure !== undefined && error === failure)) continue
    options.warn?.(error?.message ?? `${report.path}: ${report.note}`)
  }
  if (failure !== undefined) throw failure
  return { ...totals, files, seconds: (monotonicMs() - started) / 1000, outcomes }
}

function nothingTaken(tasks: readonly FileTask[]): TickforgeError {
  const error = tasks.find((task) => task.error !== undefined)?.error
  if (error !== undefined) return error
  const { path } = (tasks[0] as FileTask).report
  return new TickforgeError('TF_UNKNOWN_FORMAT', `'${path}' is empty: there is nothing to import`, { path })
}

function noCounts(): FeedCounts {
  return {
    frames: 0,
    records: 0,
    rejectedFrames: 0,
    textFrames: 0,
    restAnswers: 0,
    gaps: 0,
    checksums: { passed: 0, failed: 0 },
  }
}

/** One command: the directory is locked, what an earlier one left is settled, then batch after batch. */
class ImportRun {
  readonly #options: ImportOptions
  readonly #totals: FeedCounts
  readonly #name: string
  /** Content of the files that this run has taken in. */
  readonly #contents = new Map<string, string>()
  #connections = 0

  constructor(options: ImportOptions, totals: FeedCounts) {
    this.#options = options
    this.#totals = totals
    this.#name = options.journal ?? 'import'
  }

  /** Returns how many sources were taken in. */
  async all(sources: readonly Source[]): Promise<number> {
    const { directory } = this.#options
    // No record goes through this one: it holds the lock of the directory as long as it is open.
    const lock = new Journal({
      directory,
      name: this.#name,
      newPart: true,
      durability: 'os',
      ringBytes: LOCK_RING_BYTES,
    })
    try {
      const staging = new Staging(directory, this.#name)
      this.#settle(staging)
      const ledger = new Ledger(directory, this.#name)
      let left = await this.#unknown(sources, ledger)
      let taken = 0
      while (left.length > 0) {
        const before = left
        const done = await this.#batch(before, staging, ledger)
        left = before.slice(done).filter(({ tasks }) => tasks.length > 0)
        taken += before.slice(0, done).filter(({ tasks }) => tasks.some(isTaken)).length
      }
      return taken
    } finally {
      await lock.close()
    }
  }

  #settle(staging: Staging): void {
    const found = staging.recover()
    const said = {
      nothing: undefined,
      completed: 'an import that was interrupted in its last step was completed',
      undone: 'what an import that was interrupted had written was taken back',
    }[found]
    if (said !== undefined) this.#options.warn?.(said)
  }

  /** Leaves out the files that are in the log, by their own digests. */
  async #unknown(sources: readonly Source[], ledger: Ledger): Promise<Source[]> {
    const { format } = this.#options
    const seen = new Map<string, string>()
    for (const source of sources) {
      for (const task of source.tasks) {
        const { path } = task.report
        try {
          task.digest = await digestOfFile(path)
        } catch (thrown) {
          refuse(task, thrown)
          continue
        }
        const key = `${source.venue.name} ${task.digest}`
        const twice = seen.get(key)
        seen.set(key, twice ?? path)
        if (twice !== undefined) passOver(task, twice === path ? 'it was named twice' : `it is the same as ${twice}`)
        else this.#judge(task, ledger.find({ format, venue: source.venue.name, file: task.digest }))
        if (isTaken(task) && this.#options.again !== true) await this.#refuseLonger(task, source.venue.name, ledger)
      }
      source.tasks = source.tasks.filter(isTaken)
    }
    return sources.filter(({ tasks }) => tasks.length > 0)
  }

  /** A file whose beginning came in when it was cut off there would bring that beginning once more. */
  async #refuseLonger(task: FileTask, venue: string, ledger: Ledger): Promise<void> {
    const { path } = task.report
    for (const entry of ledger.cuts({ format: this.#options.format, venue }, task.state.bytes)) {
      if ((await digestOfFile(path, entry.cutBytes)) !== entry.file) continue
      const segments = entry.segments.map(({ name }) => name).join(', ')
      const message =
        `'${path}' goes on where ${entry.name} was cut off, which is in the log: ` +
        `remove ${segments} to import all of it, or --again to have its beginning twice`
      refuse(task, new TickforgeError('TF_UNKNOWN_FORMAT', message, { path }))
      return
    }
  }

  /** Passes a file over that the ledger knows. */
  #judge(task: FileTask, known: Known | undefined): void {
    if (known === undefined || this.#options.again === true) return
    if (known.state === 'there') {
      passOver(task, 'it is in the log already')
      return
    }
    const { path } = task.report
    const gone = known.missing.join(', ')
    const message = `'${path}' was imported, and of its segments ${gone} are gone: --again imports all of it once more`
    refuse(task, new TickforgeError('TF_UNKNOWN_FORMAT', message, { path }))
  }

  /** Imports as many of the first sources as belong together. Returns how many; 0: files were found that it must do without. */
  async #batch(left: readonly Source[], staging: Staging, ledger: Ledger): Promise<number> {
    const first = left[0] as Source
    const candidates = first.standsAlone ? [first] : left
    staging.begin()
    try {
      const result = await this.#write(candidates, staging)
      const batch = candidates.slice(0, result.sources)
      if (await this.#finds(batch, ledger)) return 0
      if (batch.some(({ tasks }) => tasks.some(isTaken))) {
        staging.commit(ledger.add(ledgerEntries(batch, this.#options.format, staging)))
        this.#count(result.counts)
      }
      return result.sources
    } catch (thrown) {
      if (!(thrown instanceof BadSource)) throw thrown
      for (const task of thrown.source.tasks) refuse(task, thrown.cause)
      thrown.source.tasks = []
      return 0
    } finally {
      staging.discard()
    }
  }

  async #write(sources: readonly Source[], staging: Staging): Promise<BatchResult> {
    const { ringBytes, warn = () => undefined, progress = () => undefined } = this.#options
    const journal = new Journal({
      directory: staging.path,
      name: this.#name,
      newPart: true,
      durability: 'os',
      ...(ringBytes === undefined ? {} : { ringBytes }),
    })
    const connections = this.#connections
    try {
      const result = await feedBatch(sources, journal, {
        warn,
        progress: (frames) => progress(this.#totals.frames + frames),
        nextConnection: () => {
          this.#connections = (this.#connections % 65535) + 1
          return this.#connections
        },
      })
      await journal.close()
      return { ...result, counts: { ...result.counts, records: journal.writer.records } }
    } catch (thrown) {
      this.#connections = connections
      await journal.close().catch(() => undefined)
      throw thrown
    }
  }

  /** Looks for files that changed while they were read, or whose content is in the log under another digest; takes them out. */
  async #finds(batch: readonly Source[], ledger: Ledger): Promise<boolean> {
    let found = false
    const contents = new Map(this.#contents)
    for (const source of batch) {
      const taken = source.tasks.filter(isTaken)
      for (const task of taken) await this.#look(source.venue.name, task, ledger, contents)
      if (taken.every(isTaken)) continue
      found = true
      source.tasks = taken.filter(isTaken)
    }
    if (!found) for (const [content, path] of contents) this.#contents.set(content, path)
    return found
  }

  async #look(venue: string, task: FileTask, ledger: Ledger, contents: Map<string, string>): Promise<void> {
    const { path } = task.report
    const now = await fileState(path).catch(() => undefined)
    const { bytes, modifiedNs, inode } = task.state
    if (now === undefined || now.bytes !== bytes || now.modifiedNs !== modifiedNs || now.inode !== inode) {
      const message = `'${path}' changed while it was read: import it when its recorder is done with it`
      refuse(task, new TickforgeError('TF_IO', message, { path }))
      return
    }
    const content = contentOf(task)
    const key = `${venue} ${content}`
    const twice = contents.get(key)
    if (twice !== undefined) {
      passOver(task, `it has the content of ${twice}`)
      return
    }
    contents.set(key, path)
    this.#judge(task, ledger.find({ format: this.#options.format, venue, content }))
  }

  #count(counts: FeedCounts): void {
    const totals = this.#totals
    for (const name of ['frames', 'records', 'rejectedFrames', 'textFrames', 'restAnswers', 'gaps'] as const)
      totals[name] += counts[name]
    totals.checksums.passed += counts.checksums.passed
    totals.checksums.failed += counts.checksums.failed
  }
}

function passOver(task: FileTask, note: string): void {
  Object.assign(task.report, { outcome: 'known', records: 0, gaps: 0, frames: 0, rejected: 0, note })
}
