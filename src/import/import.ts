// Captures of other recorders become ours: their frames, with their own receive times, through the same normalisers as
// live frames, merged by time, into new segments.
import { basename } from 'node:path'
import { TickforgeError } from '../errors.ts'
import type { Normalizer, NormalizerCounters, Venue } from '../feeds/feed.ts'
import { adapterFor, findVenue, VENUES } from '../feeds/registry.ts'
import { monotonicMs, ReceiveClock } from '../recorder/clock.ts'
import { addCounters } from '../recorder/counters.ts'
import { Journal } from '../recorder/journal.ts'
import type { CaptureEvent, CaptureRecord } from './capture.ts'
import { findCryptofeedSessions, readCryptofeed } from './cryptofeed.ts'
import { detectMarket, readHftbacktest } from './hftbacktest.ts'

export type CaptureFormat = 'hftbacktest' | 'cryptofeed'
export const CAPTURE_FORMATS: readonly CaptureFormat[] = ['hftbacktest', 'cryptofeed']

export interface ImportOptions {
  directory: string
  format: CaptureFormat
  paths: readonly string[]
  /** Venue of the files, where they do not say it themselves. */
  venue?: string
  /** Name of the journal, default 'import'. */
  journal?: string
  ringBytes?: number
  warn?: (message: string) => void
  /** Called now and then with the frames so far. */
  progress?: (frames: number) => void
}

export interface ImportReport {
  /** Frames (of hftbacktest's logs: lines). */
  frames: number
  records: number
  /** Kept as text, because they are not what the venue documents. */
  rejectedFrames: number
  /** Kept as text: acknowledgements, heartbeats, channels that have no record type. */
  textFrames: number
  restAnswers: number
  gaps: number
  checksums: { passed: number; failed: number }
  files: number
  seconds: number
}

/** Files of one market continue each other across midnight if no more than this lies between them (ns). */
const CONTINUES_NS = 60_000_000_000n
const PROGRESS_EVERY = 16384

/** Events of one capture, in order. */
interface Source {
  venue: Venue
  /** Connections of this source by name. Sources that may continue each other share them. */
  connections: Map<string, ImportedConnection>
  /** The source is one connection, whatever its events call it: files of one market that follow each other are one recording. */
  isOneConnection: boolean
  events: AsyncIterator<readonly CaptureEvent[]>
  batch: readonly CaptureEvent[]
  at: number
}

/**
 * Imports captures. Everything is durable when it resolves. Throws TF_UNKNOWN_FORMAT, TF_UNKNOWN_VENUE, TF_LOCKED, TF_DISK_FULL, TF_IO.
 */
export async function importCaptures(options: ImportOptions): Promise<ImportReport> {
  const started = monotonicMs()
  const sources =
    options.format === 'hftbacktest' ? await hftbacktestSources(options) : await cryptofeedSources(options)
  const journal = new Journal({
    directory: options.directory,
    name: options.journal ?? 'import',
    newPart: true,
    durability: 'os',
    ...(options.ringBytes === undefined ? {} : { ringBytes: options.ringBytes }),
  })
  const feeder = new Feeder(journal, options)
  try {
    await merge(sources, feeder)
    feeder.finish()
  } catch (error) {
    await journal.close().catch(() => undefined)
    throw error
  }
  await journal.close()
  return feeder.report(sources.length, (monotonicMs() - started) / 1000)
}

/** Feeds the sources' events in order of time; those of one source keep their order. */
async function merge(sources: readonly Source[], feeder: Feeder): Promise<void> {
  const open: Source[] = []
  for (const source of sources) if (await advance(source)) open.push(source)
  while (open.length > 0) {
    let source = open[0] as Source
    let next: bigint | undefined
    for (const other of open) if (timeOf(other) < timeOf(source)) source = other
    for (const other of open) if (other !== source && (next === undefined || timeOf(other) < next)) next = timeOf(other)
    // One source at a time for as long as it is the earliest.
    do {
      feeder.feed(source, source.batch[source.at] as CaptureEvent)
      source.at++
      if (source.at === source.batch.length && !(await advance(source))) {
        feeder.ended(source)
        open.splice(open.indexOf(source), 1)
        break
      }
    } while (next === undefined || timeOf(source) <= next)
  }
}

async function advance(source: Source): Promise<boolean> {
  do {
    const { value, done } = await source.events.next()
    if (done === true) return false
    source.batch = value
    source.at = 0
  } while (source.batch.length === 0)
  return true
}

/** A broken line has no time: it comes at once. */
function timeOf(source: Source): bigint {
  const event = source.batch[source.at] as CaptureEvent
  return event.kind === 'broken' ? 0n : event.tsRecv
}

interface ImportedConnection {
  id: number
  normalizer: Normalizer
  /** Receive time of its last frame. */
  last: bigint
  /** Its source is read to the end; the next one may go on with it. */
  ended: boolean
}

/** Carries events to the normaliser of their venue and protocol. */
class Feeder {
  readonly #journal: Journal
  readonly #options: ImportOptions
  readonly #clock = new ReceiveClock()
  readonly #normalizers = new Map<string, Normalizer>()
  readonly #open = new Set<ImportedConnection>()
  #connectionCount = 0
  #frames = 0
  #rest = 0
  #broken = 0

  constructor(journal: Journal, options: ImportOptions) {
    this.#journal = journal
    this.#options = options
  }

  feed(source: Source, event: CaptureEvent): void {
    if (event.kind === 'broken') {
      this.#broken++
      this.#frames++
      this.#options.warn?.(`${event.path}:${event.line}: ${event.reason}`)
      return
    }
    if (event.kind === 'sent') return
    this.#clock.setTime(event.tsRecv)
    if (event.kind === 'rest') {
      this.#rest++
      // A log without addresses holds its REST answers among its frames.
      if (event.url === '') this.#frames++
      this.#restAnswer(source, event)
    } else if (event.kind === 'open') {
      this.#opened(source, event)
    } else {
      const connection = this.#connection(source, event)
      if (event.kind === 'close') {
        this.#close(connection, 1000, 'end of capture')
        source.connections.delete(nameOf(source, event))
      } else {
        this.#frames++
        connection.last = event.tsRecv
        connection.normalizer.frame(connection.id, event.data, event.binary)
        // An import takes what it gets: requests for more have nobody to ask.
        connection.normalizer.takeRequests()
      }
    }
    if (this.#frames % PROGRESS_EVERY === 0) {
      this.#journal.check()
      this.#options.progress?.(this.#frames)
    }
  }

  ended(source: Source): void {
    for (const connection of source.connections.values()) connection.ended = true
  }

  finish(): void {
    for (const connection of this.#open) this.#close(connection, 1000, 'end of capture')
    for (const normalizer of this.#normalizers.values()) normalizer.stopped()
  }

  report(files: number, seconds: number): ImportReport {
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
      files,
      seconds,
    }
  }

  #restAnswer(source: Source, event: CaptureRecord): void {
    if (event.url === '') {
      const connection = this.#connection(source, event)
      connection.normalizer.rest(connection.id, '', event.data)
      connection.normalizer.takeRequests()
    } else {
      const url = new URL(event.url)
      const normalizer = this.#normalizer(source.venue, undefined, event.tsRecv)
      normalizer.rest(0, url.pathname + url.search, event.data)
      normalizer.takeRequests()
    }
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
    this.#connectionCount = (this.#connectionCount % 65535) + 1
    const connection = { id: this.#connectionCount, normalizer, last: event.tsRecv, ended: false }
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
        warn: this.#options.warn ?? (() => undefined),
      })
      this.#normalizers.set(key, normalizer)
    }
    return normalizer
  }
}

function nameOf(source: Source, event: CaptureRecord): string {
  return source.isOneConnection ? '' : event.connection
}

async function hftbacktestSources(options: ImportOptions): Promise<Source[]> {
  const sources: Source[] = []
  const recordings = new Map<string, Source['connections']>()
  for (const path of options.paths) {
    const market = options.venue ?? (await detectMarket(path))
    if (market === undefined) {
      throw new TickforgeError(
        'TF_UNKNOWN_FORMAT',
        `'${path}' holds no frames of a venue that is known; name it with --venue`,
        { path },
      )
    }
    // btcusdt_20240808.gz and btcusdt_20240809.gz are one recording: the date is not part of the name.
    const stem = basename(path)
      .replace(/[_.-]?\d{8}.*$/, '')
      .replace(/\.(gz|dat|log|txt)$/, '')
    const recording = `${market} ${stem}`
    const connections = recordings.get(recording) ?? new Map()
    recordings.set(recording, connections)
    const venue = findVenue(market)
    sources.push({ venue, connections, isOneConnection: true, events: readHftbacktest(path), batch: [], at: 0 })
  }
  return sources
}

async function cryptofeedSources(options: ImportOptions): Promise<Source[]> {
  const sources: Source[] = []
  for (const session of await findCryptofeedSessions(options.paths)) {
    const path = session.files[0] as string
    const venue =
      options.venue === undefined
        ? VENUES.find((candidate) => candidate.cryptofeedNames.includes(session.exchange))
        : findVenue(options.venue)
    if (venue === undefined) {
      const known = VENUES.flatMap((candidate) => candidate.cryptofeedNames).join(', ')
      throw new TickforgeError('TF_UNKNOWN_VENUE', `'${path}' is of ${session.exchange}; known are ${known}`, { path })
    }
    async function* events(): AsyncGenerator<readonly CaptureEvent[]> {
      yield (await readCryptofeed(session)).events
    }
    sources.push({ venue, connections: new Map(), isOneConnection: false, events: events(), batch: [], at: 0 })
  }
  return sources
}
