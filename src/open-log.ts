// A directory of segments as one log: the entry point of everything that reads.
import { basename } from 'node:path'
import type { toArrowTable } from './export/arrow.ts'
import type { ExportSource, ExportWindow } from './export/source.ts'
import { listSegments } from './log/directory.ts'
import { type Damage, Segment } from './log/segment.ts'
import { type DaySummary, summarize } from './log/summary.ts'
import type { ColumnTableType, PriceType } from './native/binding.ts'
import type { RecordView } from './records/record-view.ts'
import { type BookStep, type BooksQuery, books, checkDepth } from './replay/books.ts'
import { type Query, type ResolvedQuery, resolveQuery, type TimeInput, toTime } from './replay/query.ts'
import { firstAt, pieces, type RecordBatch, replay, windows } from './replay/replay.ts'
import { Tail, type TailQuery } from './tail/tail.ts'

/** Blocks that an export maps at once. */
const EXPORT_WINDOW_BYTES = 16 << 20

export interface TableQuery extends Omit<Query, 'types'> {
  type: ColumnTableType
  /** How prices and sizes are stored: see PriceType. Default: 'decimal'. */
  priceType?: PriceType
}

/** Opens a directory that tickforge recorded into. Throws TF_NO_DIRECTORY, TF_FOREIGN_DIRECTORY, TF_NEWER_FORMAT, TF_IO. */
export async function openLog(directory: string): Promise<Log> {
  return new Log(directory)
}

export class Log {
  readonly directory: string
  /** By day, journal and part. */
  readonly segments: readonly Segment[]

  /** Opens every segment of a directory. Throws TF_NO_DIRECTORY, TF_FOREIGN_DIRECTORY, TF_NEWER_FORMAT, TF_IO. */
  constructor(directory: string) {
    this.directory = directory
    const segments: Segment[] = []
    try {
      for (const file of listSegments(directory)) segments.push(new Segment(file))
    } catch (error) {
      for (const segment of segments) segment.close()
      throw error
    }
    this.segments = segments
  }

  /** 'venue:symbol' of everything that was recorded, sorted. */
  get instruments(): string[] {
    return [...this.#known()].sort()
  }

  /** Receive times of the first and last record (ns); undefined for an empty log. */
  get span(): { from: bigint; to: bigint } | undefined {
    const used = this.segments.filter((segment) => segment.blockCount > 0)
    if (used.length === 0) return undefined
    const from = used.reduce((min, s) => (s.minTsRecv < min ? s.minTsRecv : min), (used[0] as Segment).minTsRecv)
    const to = used.reduce((max, s) => (s.maxTsRecv > max ? s.maxTsRecv : max), (used[0] as Segment).maxTsRecv)
    return { from, to }
  }

  /** What could not be read so far. */
  get damage(): Damage[] {
    return this.segments.flatMap((segment) => segment.damage)
  }

  /** Checks a query against what was recorded. Throws TF_BAD_TIME, TF_BAD_RANGE, TF_UNKNOWN_INSTRUMENT, TF_USAGE. */
  resolve(query: Query): ResolvedQuery {
    return resolveQuery(query, this.#known())
  }

  /**
   * Records of a range in order of receipt, in batches. Iterate a batch before you ask for the next: its records are views that are
   * reused. Blocks that fail their CRC become gap records of cause 'corrupt_block', if `types` has gaps, and `damage`.
   */
  replay(query: Query = {}): AsyncIterable<RecordBatch> & Iterable<RecordBatch> {
    const resolved = this.resolve(query)
    const segments = this.segments
    return {
      [Symbol.iterator]: () => replay(segments, resolved),
      async *[Symbol.asyncIterator]() {
        for (const batch of replay(segments, resolved)) yield batch
      },
    }
  }

  /**
   * The books of a range: a step after each whole book event of the instruments, and one when a book ceases to be right, in order of
   * receipt. Snapshots from REST are joined with the updates around them, which may stand before them in the log. A step's `book` is
   * valid until the next step; `copy()` keeps it. For the first step the records before `from` are read, back to where its book began.
   * Throws TF_USAGE for a wrong depth, and as replay() does.
   */
  books({ depth, ...query }: BooksQuery = {}): AsyncIterable<BookStep> & Iterable<BookStep> {
    const levels = checkDepth(depth)
    const resolved = this.resolve(query)
    const segments = this.segments
    return {
      [Symbol.iterator]: () => books(segments, resolved, levels),
      async *[Symbol.asyncIterator]() {
        for (const step of books(segments, resolved, levels)) yield step
      },
    }
  }

  /**
   * The first record at or after a time that can be read, of whatever type; undefined when there is none. Reads a few pages of an index
   * and one block, whatever the size of the log; the first one that names an instrument waits for the definitions of its segment.
   * Throws TF_BAD_TIME, TF_IO.
   */
  seek(time: TimeInput): RecordView | undefined {
    return firstAt(this.segments, toTime(time, 'time'))
  }

  /**
   * The records of a journal of the directory as they are recorded, in batches, until the signal of the query or a `break`
   * ends it. A log need not be opened to follow one: `new Tail(directory, query)` does the same.
   */
  tail(query: TailQuery = {}): Tail {
    return new Tail(this.directory, query)
  }

  /**
   * Records of one type as an apache-arrow Table over native memory, segment after segment. Prices and sizes are exact decimals unless
   * `priceType` says otherwise, times ns. docs/EXPORT.md lists the columns. Throws as replay() does, and TF_SCALE when the instruments' decimals are too far apart for one column.
   */
  async toArrow(query: TableQuery): Promise<ReturnType<typeof toArrowTable>> {
    // apache-arrow takes longer to load than all the rest: only who asks for a table waits for it.
    const arrow = await import('./export/arrow.ts')
    return arrow.toArrowTable(this.exportSource(query), query.type, query.priceType)
  }

  /**
   * The same range for the exporters of src/export, segment after segment. `progress` is called with the share that is done, 0 to 1.
   */
  exportSource(query: Omit<Query, 'types'>, progress: (done: number) => void = () => undefined): ExportSource {
    const { from, to, instruments } = this.resolve(query)
    const { segments } = this
    const journals = [...new Set(segments.map(({ file }) => file.journal))]
    return {
      from,
      to,
      instruments,
      segments: segments.map(({ file }) => basename(file.path, '.tfs')),
      *definitions() {
        for (const segment of segments)
          for (const definition of segment.definitions) if (definition !== undefined) yield definition
      },
      *windows(): Generator<ExportWindow> {
        for (const [i, segment] of segments.entries()) {
          for (const window of windows(segment, { from, to }, EXPORT_WINDOW_BYTES)) {
            const { definitions } = window.area
            const journal = journals.indexOf(segment.file.journal)
            for (const piece of pieces(window, { from, to })) yield { ...piece, definitions, segment: i, journal }
            progress((i + (window.first + window.count) / segment.blockCount) / segments.length)
          }
        }
      },
    }
  }

  /** Counts by day and instrument; reads every block once. */
  summarize(progress?: (done: number) => void): DaySummary[] {
    return summarize(this.segments, progress)
  }

  /** Lets go of the files. Batches that were not read to their end must not be used any more. */
  close(): void {
    for (const segment of this.segments) segment.close()
  }

  #known(): Set<string> {
    const known = new Set<string>()
    for (const segment of this.segments)
      for (const definition of segment.definitions) if (definition !== undefined) known.add(definition.key)
    return known
  }
}
