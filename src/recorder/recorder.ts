// Venues in, one journal out: wires sessions, normalisers and the journal together, and stops them in order.
import { EventEmitter } from 'node:events'
import { TickforgeError } from '../errors.ts'
import type {
  Adapter,
  Channel,
  ConnectionPlan,
  Endpoints,
  FeedRequest,
  Normalizer,
  NormalizerCounters,
  Subscription,
  Venue,
} from '../feeds/feed.ts'
import { CHANNELS } from '../feeds/feed.ts'
import { adapterFor, findVenue, parseInstrument } from '../feeds/registry.ts'
import type { Durability, RecoveryReport, Watermarks } from '../native/binding.ts'
import { GapCause } from '../records/layout.ts'
import { formatTime } from '../records/time.ts'
import { ReceiveClock } from './clock.ts'
import { addCounters } from './counters.ts'
import { Delivery, type SubscriptionStatus } from './delivery.ts'
import { Journal } from './journal.ts'
import { RING_BYTES_DEFAULT, type TimeWords } from './producer.ts'
import { RestClient, VenueRefusal } from './rest.ts'
import { RingFull } from './ring-memory.ts'
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
  /** Silence of a subscription after which it is reported and on record as a gap, by channel, in place of SILENCE_MS. */
  silenceMs?: Partial<Record<Channel, number>>
  ringBytes?: number
  flushIntervalMs?: number
  /** Default: 'batch'. */
  durability?: Durability
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
  /** Records, and frames that nobody read, that were refused because ring and disk were full. The log holds as many. */
  dropped: bigint
  /** What nothing was received of. */
  missing: SubscriptionStatus[]
}

interface VenueRun {
  venue: Venue
  endpoints: Endpoints
  normalizer: Normalizer
  sessions: Session[]
  delivery: Delivery
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
  #failed = false
  #check: NodeJS.Timeout | undefined
  #diskFull = false
  /** Receive time of what was taken over last. */
  readonly #lastGood: TimeWords

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
      ...(options.durability === undefined ? {} : { durability: options.durability }),
      waitsForDisk: true,
    })
    this.recovery = this.#journal.recovery
    const { lastTsRecv } = this.recovery
    this.#lastGood = { low: Number(BigInt.asIntN(32, lastTsRecv)), high: Number(lastTsRecv >> 32n) }
    this.#runs = wanted.map(({ venue, subscriptions, adapter }) =>
      this.#prepare(venue, adapter, subscriptions, options),
    )
  }

  /** Asks for definitions, then connects. Resolves when all connections were tried once; recording goes on until stop(). */
  async start(): Promise<void> {
    this.#check = setInterval(() => {
      this.#guard(() => this.#checkJournal())
      if (!this.#journal.drops && !this.#failed) this.#guard(() => this.#checkDelivery())
    }, CHECK_MS)
    await Promise.all(
      this.#runs.map(async (run) => {
        await this.#define(run)
        this.#connect(run)
      }),
    )
  }

  /** Closes connections and journal in order: what was received is on the disk when it resolves. Throws the writer's error. */
  async stop(): Promise<Watermarks> {
    clearInterval(this.#check)
    this.#abort.abort()
    await Promise.all(this.#runs.flatMap((run) => run.sessions.map((session) => session.stop())))
    if (!this.#failed) this.#guard(() => this.#end())
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
      dropped: this.#journal.dropped,
      missing: this.subscriptions().filter(({ missing }) => missing),
    }
  }

  /** Every subscription, and whether something comes. */
  subscriptions(): SubscriptionStatus[] {
    return this.#runs.flatMap((run) => run.delivery.status())
  }

  /** Throws what stopped the writer. Says once that it waits for space, and once that it goes on. */
  #checkJournal(): void {
    this.#journal.check()
    const stalled = this.#journal.stalled
    const diskFull = stalled !== undefined
    if (diskFull !== this.#diskFull) {
      this.#diskFull = diskFull
      if (diskFull) this.emit('warning', `waiting for disk space, in memory meanwhile: ${stalled}`)
      else if (!this.#journal.drops) this.emit('warning', 'the disk has space again: nothing was lost')
    }
    if (this.#journal.drops && this.#goOn()) for (const run of this.#runs) this.#comeBack(run)
  }

  #checkDelivery(): void {
    for (const run of this.#runs) {
      run.delivery.tick()
      this.#carryOut(run)
    }
  }

  /** Nothing that was asked for exists: no recording can come of it. */
  #checkRefusals(): void {
    const all = this.subscriptions()
    if (all.some(({ state, reason }) => state !== 'refused' || isPassing(reason))) return
    const [first] = all as [SubscriptionStatus]
    const message = `nothing that was asked for is to be had: ${first.instrument} was refused: ${first.reason}`
    this.emit('failed', new TickforgeError('TF_UNKNOWN_SYMBOL', message))
  }

  /**
   * Disk and ring are full. The connections are given up, because books cannot be kept right without all of their updates;
   * what still arrives is counted.
   */
  #overflow(full: RingFull): void {
    const begins = !this.#journal.drops
    this.#journal.drop(this.#clock, full.records)
    if (!begins) return
    this.emit('warning', `the ring is full too, what arrives is lost until there is space: ${full.message}`)
    for (const run of this.#runs) for (const session of run.sessions) session.suspend(GapCause.overflow)
  }

  /** Puts the loss on record once there is room; false before. */
  #goOn(): boolean {
    this.#clock.now()
    const loss = this.#journal.goOn(this.#clock, this.#lastGood)
    if (loss === undefined) return false
    const now = (BigInt(this.#clock.high) << 32n) | BigInt(this.#clock.low >>> 0)
    const range = `from ${formatTime(loss.tsFirst)} to ${formatTime(now)}`
    this.emit(
      'warning',
      `there is space again: ${loss.count} records were lost ${range}, and what the venues sent meanwhile`,
    )
    return true
  }

  /** Asks for the definitions anew, since some may be lost, and connects. */
  async #comeBack(run: VenueRun): Promise<void> {
    for (const session of run.sessions) session.settle()
    try {
      await this.#define(run)
    } catch (error) {
      this.emit('warning', messageOf(error))
    }
    this.#connect(run)
  }

  /** What is left to write when the last connection is closed. */
  #end(): void {
    if (this.#journal.drops && !this.#goOn()) return
    for (const run of this.#runs) {
      for (const session of run.sessions) session.settle()
      run.delivery.end()
      this.#clock.now()
      run.normalizer.stopped()
    }
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
      followsAnswers: true,
    })
    const delivery = new Delivery(venue.name, normalizer, this.#clock, options.silenceMs ?? {}, {
      warn,
      otherSpelling: (symbol) => venue.otherSpelling?.(symbol),
      share: (session, left, shares) => share(session as Session, left, shares),
      refused: () => this.#checkRefusals(),
    })
    const run: VenueRun = {
      venue,
      endpoints,
      normalizer,
      sessions: [],
      delivery,
      rest: new RestClient(endpoints.rest, this.#abort.signal, warn),
    }
    const hooks = {
      nextConnection: this.#journal.nextConnection,
      freeConnection: this.#journal.freeConnection,
      afterFrame: () => this.#carryOut(run),
      failed: (error: unknown) => this.#fail(error),
      warn,
    }
    const { staleAfterMs } = options
    const planned = (wanted: readonly Subscription[]): ConnectionPlan[] =>
      adapter.plan(wanted, endpoints).map((plan) => (staleAfterMs === undefined ? plan : { ...plan, staleAfterMs }))
    const connections = (wanted: readonly Subscription[]): Session[] =>
      planned(wanted).map((plan) => {
        const session = new Session(plan, normalizer, this.#clock, hooks)
        delivery.follow(session)
        run.sessions.push(session)
        return session
      })
    const share = (session: Session, left: Subscription[], shares: Subscription[][]): void => {
      const [plan] = planned(left)
      if (plan !== undefined) session.replan(plan)
      else {
        run.sessions = run.sessions.filter((one) => one !== session)
        void session.stop()
      }
      const made = shares.flatMap((part) => connections(part))
      if (!this.#journal.drops && !this.#abort.signal.aborted) for (const one of made) one.start()
    }
    connections(subscriptions)
    return run
  }

  /** Asks for the venue's definitions. Throws TF_UNKNOWN_SYMBOL. */
  async #define(run: VenueRun): Promise<void> {
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
  }

  /** Not while records are refused: whoever ends that connects. */
  #connect(run: VenueRun): void {
    if (this.#abort.signal.aborted || this.#journal.drops) return
    for (const session of run.sessions) session.start()
  }

  /** Does what the normaliser asks for, after it has taken something over. */
  #carryOut(run: VenueRun): void {
    if (!this.#journal.drops) {
      this.#lastGood.low = this.#clock.low
      this.#lastGood.high = this.#clock.high
    }
    run.delivery.takeAnswers()
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
    if (error instanceof RingFull) {
      this.#overflow(error)
      return
    }
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

/** A refusal that says nothing of the symbol. */
function isPassing(reason: string): boolean {
  return /too many|limit|rate|exceed|temporar|unavailable|maintenance|try again/i.test(reason)
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
