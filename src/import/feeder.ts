// Carries the events of captures to the normaliser of their venue and protocol, and counts by file what came of them.
import { asTickforgeError } from '../errors.ts'
import type { Normalizer, NormalizerCounters, Venue } from '../feeds/feed.ts'
import { adapterFor } from '../feeds/registry.ts'
import { ReceiveClock } from '../recorder/clock.ts'
import { addCounters } from '../recorder/counters.ts'
import type { Journal } from '../recorder/journal.ts'
import { GapCause } from '../records/layout.ts'
import type { BrokenLine, CaptureCut, CaptureEvent, CaptureRecord } from './capture.ts'
import type { FileTask, Source } from './source.ts'

/** Files of one market continue each other across midnight if no more than this lies between them (ns). */
export const CONTINUES_NS = 60_000_000_000n
const PROGRESS_EVERY = 16384
/** Broken lines of a file that are named one by one. */
const WARNINGS_MAX = 10

export interface ImportedConnection {
  id: number
  normalizer: Normalizer
  /** Receive time of its last frame. */
  last: bigint
  /** Its source is read to the end; the next one may go on with it. */
  ended: boolean
}

/** What was fed, and what came of it. */
export interface FeedCounts {
  /** Frames (of hftbacktest's logs: lines). */
  frames: number
  records: number
  /** Kept as text, because they are not what the venue documents; and lines that are none. */
  rejectedFrames: number
  /** Kept as text: acknowledgements, heartbeats, channels that have no record type. */
  textFrames: number
  restAnswers: number
  gaps: number
  checksums: { passed: number; failed: number }
}

export interface FeederOptions {
  warn: (message: string) => void
  /** Called now and then with the frames so far. */
  progress: (frames: number) => void
  /** Gives the next connection number. */
  nextConnection: () => number
}

export class Feeder {
  readonly #journal: Journal
  readonly #options: FeederOptions
  readonly #clock = new ReceiveClock()
  readonly #normalizers = new Map<string, Normalizer>()
  readonly #open = new Set<ImportedConnection>()
  /** Files whose end is missing, by the normaliser that will say so. */
  readonly #cut = new Map<Normalizer, FileTask>()
  #frames = 0
  #rest = 0
  #broken = 0

  constructor(journal: Journal, options: FeederOptions) {
    this.#journal = journal
    this.#options = options
  }

  feed(source: Source, event: CaptureEvent): void {
    const task = taskOf(source, event)
    if (event.kind === 'broken') this.#brokenLine(task, event)
    else if (event.kind === 'cut') this.#cutOff(source, task, event)
    else if (event.kind !== 'sent') this.#received(source, task, event)
  }

  #received(source: Source, task: FileTask, event: CaptureRecord): void {
    if (task.from === 0n || event.tsRecv < task.from) task.from = event.tsRecv
    if (event.tsRecv > task.to) task.to = event.tsRecv
    this.#clock.setTime(event.tsRecv)
    const records = this.#journal.writer.records
    this.#record(source, task, event)
    task.report.records += this.#journal.writer.records - records
    if (this.#frames % PROGRESS_EVERY === 0) {
      this.#journal.check()
      this.#options.progress(this.#frames)
    }
  }

  /** A source has no more events. */
  ended(source: Source): void {
    for (const connection of source.connections.values()) connection.ended = true
  }

  finish(): void {
    for (const connection of this.#open) this.#close(connection, 1000, 'end of capture')
    for (const normalizer of this.#normalizers.values()) {
      const { gaps } = normalizer.counters
      normalizer.stopped()
      const task = this.#cut.get(normalizer)
      const written = normalizer.counters.gaps - gaps
      if (task === undefined) continue
      task.report.gaps += written
      task.report.records += written
    }
  }

  counts(): FeedCounts {
    const counters: NormalizerCounters = addCounters(
      [...this.#normalizers.values()].map((normalizer) => normalizer.counters),
    )
    return {
      frames: this.#frames,
      records: this.#journal.writer.records,
      rejectedFrames: counters.rejectedFrames + this.#broken,
      textFrames: counters.textFrames,
      restAnswers: this.#rest,
      gaps: counters.gaps,
      checksums: { passed: counters.checksumsPassed, failed: counters.checksumsFailed },
    }
  }

  #record(source: Source, task: FileTask, event: CaptureRecord): void {
    if (event.kind === 'rest') {
      this.#rest++
      task.report.frames++
      // A log without addresses holds its REST answers among its frames.
      if (event.url === '') this.#frames++
      this.#restAnswer(source, task, event)
      return
    }
    if (event.kind === 'open') {
      this.#opened(source, event)
      return
    }
    const connection = this.#connection(source, event)
    if (event.kind === 'close') {
      this.#close(connection, 1000, 'end of capture')
      source.connections.delete(nameOf(source, event))
      return
    }
    this.#frames++
    task.report.frames++
    connection.last = event.tsRecv
    this.#asking(task, event, connection.normalizer, () =>
      connection.normalizer.frame(connection.id, event.data, event.binary),
    )
  }

  #restAnswer(source: Source, task: FileTask, event: CaptureRecord): void {
    if (event.url === '') {
      const { id, normalizer } = this.#connection(source, event)
      this.#asking(task, event, normalizer, () => normalizer.rest(id, '', event.data))
      return
    }
    const path = pathOf(event.url)
    const normalizer = this.#normalizer(source.venue, undefined, event.tsRecv)
    this.#asking(task, event, normalizer, () => normalizer.rest(0, path, event.data))
  }

  /** Hands a message over and counts what came of it. One that fits no ring is left out, which is said. */
  #asking(task: FileTask, event: CaptureRecord, normalizer: Normalizer, act: () => void): void {
    const { gaps, rejectedFrames } = normalizer.counters
    try {
      act()
    } catch (thrown) {
      if (asTickforgeError(thrown).code !== 'TF_FRAME_TOO_LARGE') throw thrown
      this.#journal.writer.rollback()
      const reason = `a message of ${event.data.length} bytes is too large for the ring: it is left out`
      this.#brokenLine(task, { kind: 'broken', path: task.report.path, line: 0, reason })
    }
    // An import takes what it gets: requests for more have nobody to ask.
    normalizer.takeRequests()
    task.report.gaps += normalizer.counters.gaps - gaps
    task.report.rejected += normalizer.counters.rejectedFrames - rejectedFrames
  }

  #brokenLine(task: FileTask, { line, path, reason }: BrokenLine): void {
    this.#broken++
    if (line > 0) {
      this.#frames++
      task.report.frames++
    }
    task.report.rejected++
    const at = line > 0 ? `${path}:${line}` : path
    if (task.report.rejected <= WARNINGS_MAX) this.#options.warn(`${at}: ${reason}`)
    if (task.report.rejected === WARNINGS_MAX + 1) this.#options.warn(`${path}: further broken lines are counted only`)
  }

  /** The recorder of a capture ended in its middle: so does the connection, and what follows is missing. */
  #cutOff(source: Source, task: FileTask, cut: CaptureCut): void {
    // A cut file with several connections ends once.
    if (task.report.outcome !== 'cut' && cut.unfinished > 0) {
      this.#broken++
      this.#frames++
      task.report.frames++
      task.report.rejected++
    }
    task.report.outcome = 'cut'
    task.report.note = `${cut.reason}, at byte ${cut.offset}: imported to its last whole line`
    const name = nameOf(source, cut)
    const connection = source.connections.get(name)
    if (connection === undefined) return
    this.#clock.setTime(connection.last)
    connection.normalizer.interrupted(connection.id, GapCause.uncleanStop)
    this.#close(connection, 1006, 'the capture is cut off')
    source.connections.delete(name)
    this.#cut.set(connection.normalizer, task)
  }

  #connection(source: Source, event: CaptureRecord): ImportedConnection {
    const known = source.connections.get(nameOf(source, event))
    if (known !== undefined) {
      if (!known.ended || event.tsRecv - known.last <= CONTINUES_NS) {
        known.ended = false
        return known
      }
      this.#close(known, 1000, 'end of capture')
    }
    return this.#opened(source, event)
  }

  #opened(source: Source, event: CaptureRecord): ImportedConnection {
    const name = nameOf(source, event)
    const normalizer = this.#normalizer(source.venue, event.url === '' ? undefined : event.url, event.tsRecv)
    const before = source.connections.get(name)
    if (event.kind === 'open' && before !== undefined) this.#close(before, 1006, 'connected again')
    const connection = { id: this.#options.nextConnection(), normalizer, last: event.tsRecv, ended: false }
    source.connections.set(name, connection)
    this.#open.add(connection)
    normalizer.opened(connection.id, event.url)
    return connection
  }

  #close(connection: ImportedConnection, code: number, reason: string): void {
    connection.normalizer.closed(connection.id, code, reason)
    this.#open.delete(connection)
  }

  #normalizer(venue: Venue, url: string | undefined, tsRecv: bigint): Normalizer {
    const adapter = adapterFor(venue, { ...(url === undefined ? {} : { url }), tsRecv })
    const key = `${venue.name}/${adapter.name}`
    let normalizer = this.#normalizers.get(key)
    if (normalizer === undefined) {
      normalizer = adapter.createNormalizer({
        venue: venue.name,
        writer: this.#journal.writer,
        stamp: this.#clock,
        nextInstrument: this.#journal.nextInstrument,
        warn: this.#options.warn,
      })
      this.#normalizers.set(key, normalizer)
    }
    return normalizer
  }
}

function nameOf(source: Source, event: { connection: string }): string {
  return source.isOneConnection ? '' : event.connection
}

function taskOf(source: Source, event: CaptureEvent): FileTask {
  const only = source.tasks[0] as FileTask
  if (source.tasks.length === 1) return only
  return source.tasks.find(({ report }) => report.path === event.path) ?? only
}

/** Path and query of an address; as it is where it is none. */
function pathOf(url: string): string {
  try {
    const { pathname, search } = new URL(url)
    return pathname + search
  } catch {
    return url
  }
}
