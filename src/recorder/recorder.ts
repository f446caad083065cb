// Venues in, one journal out: wires sessions, normalisers and the journal together, and stops them in order.
import { EventEmitter } from 'node:events'
import { TickforgeError } from '../errors.ts'
import type {
  Adapter,
  Channel,
  Endpoints,
  FeedRequest,
  Normalizer,
  NormalizerCounters,
  Subscription,
  Venue,
} from '../feeds/feed.ts'
import { CHANNELS } from '../feeds/feed.ts'
import { adapterFor, findVenue, parseInstrument } from '../feeds/registry.ts'
import type { RecoveryReport, Watermarks } from '../native/binding.ts'
import { ReceiveClock } from './clock.ts'
import { addCounters } from './counters.ts'
import { Journal, RING_BYTES_DEFAULT } from './journal.ts'
import { RestClient, VenueRefusal } from './rest.ts'
import { Session } from './session.ts'

export interface RecorderOptions {
  directory: string
  /** 'binance:BTCUSDT', 'kraken:BTC/USD' ... */
  instruments: readonly string[]
  /** Default: all three. */
  channels?: readonly Channel[]
  /** Name of the journal, default 'main'. */
  journal?: string
  /** Addresses in place of a venue's own, by venue. */
  endpoints?: Readonly<Record<string, Partial<Endpoints>>>
  /** Older protocols in place of a venue's current one, by venue: {kraken: 'kraken-v1'}. For servers that play captures. */
  protocols?: Readonly<Record<string, string>>
  /** Silence after which a connection is given up, in place of the venues' own times. */
  staleAfterMs?: number
  ringBytes?: number
  flushIntervalMs?: number
  syncEachBatch?: boolean
}

export interface RecorderStatus {
  frames: number
  bytes: number
  reconnects: number
  counters: NormalizerCounters
  watermarks: Watermarks
  /** Open connections and how many there should be. */
  open: number
  sessions: number
  /** Times the ring was full. */
  waits: number
}

interface VenueRun {
  venue: Venue
  endpoints: Endpoints
  normalizer: Normalizer
  sessions: Session[]
  rest: RestClient
}

/** How often the writer is looked after while nothing arrives. */
const CHECK_MS = 250
/** Recording starts without the venue's definitions rather than late: they only add tick sizes and names. */
const DEFINITION_ATTEMPTS = 3

/**
 * Events: 'warning' (message: string), 'failed' (error: TickforgeError): recording cannot go on; stop() is still to be called.
 */
export class Recorder extends EventEmitter<{ warning: [string]; failed: [unknown] }> {
  readonly recovery: RecoveryReport
  readonly #journal: Journal
  readonly #clock = new ReceiveClock()
  readonly #abort = new AbortController()
  readonly #runs: VenueRun[]
  #connections = 0
  #failed = false
  #check: NodeJS.Timeout | undefined
  #diskFull = false

  /** Checks the options and opens the journal. Throws TF_UNKNOWN_VENUE, TF_UNKNOWN_SYMBOL, TF_LOCKED ... */
  constructor(options: RecorderOptions) {
    super()
    const wanted = groupByVenue(options.instruments, options.channels ?? CHANNELS).map(([venue, subscriptions]) => ({
      venue,
      subscriptions,
      adapter: protocolOf(venue, options.protocols?.[venue.name]),
    }))
    this.#journal = new Journal({
      directory: options.directory,
      name: options.journal ?? 'main',
      ringBytes: options.ringBytes ?? RING_BYTES_DEFAULT,
      ...(options.flushIntervalMs === undefined ? {} : { flushIntervalMs: options.flushIntervalMs }),
      ...(options.syncEachBatch === undefined ? {} : { syncEachBatch: options.syncEachBatch }),
      waitsForDisk: true,
    })
    this.recovery = this.#journal.recovery
    this.#runs = wanted.map(({ venue, subscriptions, adapter }) =>
      this.#prepare(venue, adapter, subscriptions, options),
    )
  }

  /** Asks for definitions, then connects. Resolves when all connections were tried once; recording goes on until stop(). */
  async start(): Promise<void> {
    this.#check = setInterval(() => this.#guard(() => this.#checkJournal()), CHECK_MS)
    await Promise.all(this.#runs.map((run) => this.#startVenue(run)))
  }

  /** Closes connections and journal in order: what was received is on the disk when it resolves. Throws the writer's error. */
  async stop(): Promise<Watermarks> {
    clearInterval(this.#check)
    this.#abort.abort()
    await Promise.all(this.#runs.flatMap((run) => run.sessions.map((session) => session.stop())))
    if (!this.#failed) {
      this.#clock.now()
      for (const run of this.#runs) this.#guard(() => run.normalizer.stopped())
    }
    return await this.#journal.close()
  }

  status(): RecorderStatus {
    const sessions = this.#runs.flatMap((run) => run.sessions)
    const sum = (of: (session: Session) => number): number =>
      sessions.reduce((total, session) => total + of(session), 0)
    return {
      frames: sum((s) => s.frames),
      bytes: sum((s) => s.bytes),
      reconnects: sum((s) => s.reconnects),
      counters: addCounters(this.#runs.map((run) => run.normalizer.counters)),
      watermarks: this.#journal.watermarks(),
      open: sum((s) => (s.state === 'open' ? 1 : 0)),
      sessions: sessions.length,
      waits: this.#journal.waits,
    }
  }

  /** Throws what stopped the writer. Says once that it waits for space, and once that it goes on. */
  #checkJournal(): void {
    this.#journal.check()
    const stalled = this.#journal.stalled
    if ((stalled !== undefined) === this.#diskFull) return
    this.#diskFull = stalled !== undefined
    const goesOn = 'the disk has space again: nothing was lost'
    this.emit('warning', stalled === undefined ? goesOn : `waiting for disk space, in memory meanwhile: ${stalled}`)
  }

  #prepare(venue: Venue, adapter: Adapter, subscriptions: Subscription[], options: RecorderOptions): VenueRun {
    const endpoints = { ...venue.endpoints, ...options.endpoints?.[venue.name] }
    const warn = (message: string): void => void this.emit('warning', message)
    const normalizer = adapter.createNormalizer({
      venue: venue.name,
      writer: this.#journal.writer,
      stamp: this.#clock,
      nextInstrument: this.#journal.nextInstrument,
      warn,
    })
    const run: VenueRun = {
      venue,
      endpoints,
      normalizer,
      sessions: [],
      rest: new RestClient(endpoints.rest, this.#abort.signal, warn),
    }
    const hooks = {
      nextConnection: () => (this.#connections = (this.#connections % 65535) + 1),
      afterFrame: () => this.#carryOut(run),
      failed: (error: unknown) => this.#fail(error),
      warn,
    }
    const { staleAfterMs } = options
    run.sessions = adapter
      .plan(subscriptions, endpoints)
      .map((plan) => (staleAfterMs === undefined ? plan : { ...plan, staleAfterMs }))
      .map((plan) => new Session(plan, normalizer, this.#clock, hooks))
    return run
  }

  async #startVenue(run: VenueRun): Promise<void> {
    const symbols = [...new Set(run.sessions.flatMap((session) => session.symbols))]
    for (const path of run.venue.definitionPaths(symbols)) {
      try {
        await this.#rest(run, path, 0, DEFINITION_ATTEMPTS)
      } catch (error) {
        if (this.#abort.signal.aborted) return
        // Other refusals (a country that is not served, a server without definitions) say nothing of the symbols.
        if (error instanceof VenueRefusal && error.status === 400) {
          throw new TickforgeError(
            'TF_UNKNOWN_SYMBOL',
            `${run.venue.name} does not know one of ${symbols.join(', ')}: ${error.message}`,
          )
        }
        this.emit('warning', `${run.venue.name}: recording without the venue's definitions: ${messageOf(error)}`)
      }
    }
    if (this.#abort.signal.aborted) return
    for (const session of run.sessions) session.start()
  }

  /** Does what the normaliser asks for. */
  #carryOut(run: VenueRun): void {
    for (const request of run.normalizer.takeRequests()) this.#request(run, request)
  }

  #request(run: VenueRun, request: FeedRequest): void {
    if (request.kind === 'send') {
      run.sessions.some((session) => session.send(request.connection, request.messages))
    } else if (request.kind === 'reconnect') {
      run.sessions.some((session) => session.reconnect(request.connection, request.reason))
    } else {
      this.#rest(run, request.path, request.connection).catch((error: unknown) => {
        if (this.#abort.signal.aborted) return
        this.emit('warning', `${run.venue.name}: no ${request.purpose}: ${messageOf(error)}`)
        // Without the snapshot the book stays unknown: a new connection starts it over.
        run.sessions.some((session) => session.reconnect(request.connection, `no ${request.purpose}`))
      })
    }
  }

  async #rest(run: VenueRun, path: string, connection: number, attempts?: number): Promise<void> {
    const received = (body: Uint8Array): void =>
      this.#guard(() => {
        this.#clock.now()
        run.normalizer.rest(connection, path, body)
        this.#carryOut(run)
      })
    // An answer for a connection that is gone would join nothing: the one that follows asks for its own.
    const wanted = (): boolean =>
      !this.#abort.signal.aborted &&
      (connection === 0 || run.sessions.some((session) => session.connection === connection))
    await run.rest.get(path, received, { wanted, ...(attempts === undefined ? {} : { attempts }) })
  }

  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    clearInterval(this.#check)
    this.emit('failed', error)
  }
}

function protocolOf(venue: Venue, name: string | undefined): Adapter {
  if (name === undefined) return adapterFor(venue, {})
  const adapter = venue.adapters.find((candidate) => candidate.name === name)
  if (adapter !== undefined) return adapter
  const known = venue.adapters.map((candidate) => candidate.name).join(', ')
  throw new TickforgeError('TF_USAGE', `'${name}' is no protocol of ${venue.name}; known are ${known}`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function groupByVenue(instruments: readonly string[], channels: readonly Channel[]): [Venue, Subscription[]][] {
  if (instruments.length === 0)
    throw new TickforgeError('TF_USAGE', 'name at least one instrument, such as binance:BTCUSDT')
  const groups = new Map<Venue, Subscription[]>()
  for (const key of new Set(instruments)) {
    const { venue: name, symbol } = parseInstrument(key)
    const venue = findVenue(name)
    const group = groups.get(venue) ?? []
    group.push({ symbol, channels })
    groups.set(venue, group)
  }
  return [...groups]
}
