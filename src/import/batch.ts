// One batch of captures: sources that overlap in time or follow on each other, merged by time into one set of segments.
import { join } from 'node:path'
import type { Journal } from '../recorder/journal.ts'
import { formatTime } from '../records/time.ts'
import type { CaptureEvent } from './capture.ts'
import { CONTINUES_NS, type FeedCounts, Feeder, type FeederOptions } from './feeder.ts'
import { type LedgerEntry, segmentId } from './ledger.ts'
import type { FileTask, Source } from './source.ts'
import type { Staging } from './staging.ts'

/** A file turned out to be no good while its batch was written: the batch is written again without it. */
export class BadSource extends Error {
  readonly source: Source

  constructor(source: Source, cause: unknown) {
    super('a source cannot be read to its end', { cause })
    this.source = source
  }
}

interface OpenSource {
  source: Source
  events: AsyncIterator<readonly CaptureEvent[]>
  batch: readonly CaptureEvent[]
  at: number
}

/** What a batch took in. */
export interface BatchResult {
  /** As many of the sources given, from the first on. */
  sources: number
  counts: FeedCounts
}

/**
 * Feeds sources, which are in order of their beginnings, until nothing of them is left that the next one could continue. Throws
 * BadSource, and what the journal throws.
 */
export async function feedBatch(
  sources: readonly Source[],
  journal: Journal,
  options: FeederOptions,
): Promise<BatchResult> {
  const feeder = new Feeder(journal, options)
  const merger = new Merger(sources, feeder)
  for (const { connections, tasks } of sources) {
    connections.clear()
    for (const task of tasks) startAnew(task)
  }
  await merger.run()
  feeder.finish()
  return { sources: merger.taken, counts: feeder.counts() }
}

function startAnew(task: FileTask): void {
  Object.assign(task, { from: 0n, to: 0n, content: undefined, error: undefined })
  Object.assign(task.report, { outcome: 'imported', records: 0, gaps: 0, frames: 0, rejected: 0, note: '' })
}

/** Feeds the sources' events in order of time; those of one source keep their order. */
class Merger {
  /** Sources that were opened so far. */
  taken = 0
  readonly #sources: readonly Source[]
  readonly #feeder: Feeder
  readonly #open: OpenSource[] = []
  /** Newest receive time. */
  #now = 0n

  constructor(sources: readonly Source[], feeder: Feeder) {
    this.#sources = sources
    this.#feeder = feeder
  }

  async run(): Promise<void> {
    await this.#openUpTo(0n)
    while (this.#open.length > 0) {
      await this.#openUpTo(timeOf(this.#earliest()))
      const open = this.#earliest()
      await this.#feedFrom(open, this.#nextOf(open))
    }
  }

  /** One source at a time for as long as it is the earliest. */
  async #feedFrom(open: OpenSource, next: bigint | undefined): Promise<void> {
    do {
      const event = open.batch[open.at] as CaptureEvent
      this.#feeder.feed(open.source, event)
      if (event.kind !== 'broken' && event.tsRecv > this.#now) this.#now = event.tsRecv
      open.at++
      if (open.at === open.batch.length && !(await this.#advance(open))) {
        this.#feeder.ended(open.source)
        this.#open.splice(this.#open.indexOf(open), 1)
        return this.#openUpTo(0n)
      }
    } while (next === undefined || timeOf(open) <= next)
  }

  /** Opens the sources that begin up to `until`; when none is open, also those that go on where the last one ended. */
  async #openUpTo(until: bigint): Promise<void> {
    for (; this.taken < this.#sources.length; this.taken++) {
      const source = this.#sources[this.taken] as Source
      const goesOn = this.taken === 0 || source.first <= this.#now + CONTINUES_NS
      const due = source.first <= until || (this.#open.length === 0 && goesOn)
      if (!due) return
      const open: OpenSource = { source, events: source.open(), batch: [], at: 0 }
      if (await this.#advance(open)) this.#open.push(open)
    }
  }

  #earliest(): OpenSource {
    let earliest = this.#open[0] as OpenSource
    for (const other of this.#open) if (timeOf(other) < timeOf(earliest)) earliest = other
    return earliest
  }

  /** When another source is next, open or not; undefined when there is no other. */
  #nextOf(open: OpenSource): bigint | undefined {
    let next = this.#sources[this.taken]?.first
    for (const other of this.#open) {
      if (other !== open && (next === undefined || timeOf(other) < next)) next = timeOf(other)
    }
    return next
  }

  async #advance(open: OpenSource): Promise<boolean> {
    try {
      do {
        const { value, done } = await open.events.next()
        if (done === true) return false
        open.batch = value
        open.at = 0
      } while (open.batch.length === 0)
      return true
    } catch (thrown) {
      throw new BadSource(open.source, thrown)
    }
  }
}

/** A broken line has no time: it comes at once, and so does the end of a cut file. */
function timeOf({ batch, at }: OpenSource): bigint {
  const event = batch[at] as CaptureEvent
  return event.kind === 'broken' || event.kind === 'cut' ? 0n : event.tsRecv
}

/** What the ledger keeps of the files of a batch: each names the segments of the days that it spans. */
export function ledgerEntries(sources: readonly Source[], format: string, staging: Staging): LedgerEntry[] {
  const segments = staging.segments().map((name) => ({ name, id: segmentId(join(staging.path, name)) ?? '' }))
  return sources.flatMap(({ venue, tasks }) =>
    tasks.filter(isTaken).map((task): LedgerEntry => {
      const [from, to] = [dayOf(task.from), dayOf(task.to)]
      const own = segments.filter(({ name }) => name.slice(0, 10) >= from && name.slice(0, 10) <= to)
      return {
        format,
        venue: venue.name,
        file: task.digest,
        content: contentOf(task),
        name: task.report.path,
        records: task.report.records,
        ...(task.report.outcome === 'cut' ? { cutBytes: task.state.bytes } : {}),
        // A clock that was set back: its records are in a later day's segment.
        segments: own.length > 0 ? own : segments,
      }
    }),
  )
}

function dayOf(ns: bigint): string {
  return formatTime(ns).slice(0, 10)
}

/** Whether something of a file came into the log. */
export function isTaken({ report }: FileTask): boolean {
  return report.outcome === 'imported' || report.outcome === 'cut'
}

const contents = new WeakMap<object, string>()

/** SHA-256 of a file's content, which was read. */
export function contentOf({ content }: FileTask): string {
  if (content === undefined) return ''
  let digest = contents.get(content)
  if (digest === undefined) {
    digest = content.digest()
    contents.set(content, digest)
  }
  return digest
}
