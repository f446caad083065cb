// Venues in, one journal out: wires sessions, normalisers and the journal together, and stops them in order.
import { EventEmitter, setMaxListeners } from 'node:events'
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
import { RepeatedWarnings } from './repeats.ts'
import type { RestCounters } from './rest.ts'
import { RestPools } from './rest-pool.ts'
import { RingFull } from './ring-memory.ts'
import { Session } from './session.ts'
import { VenueRest } from './venue-rest.ts'

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
  /** What was asked of the venues by REST. */
  rest: RestCounters
  /** What nothing was received of. */
  missing: SubscriptionStatus[]
}

interface VenueRun {
  venue: Venue
  endpoints: Endpoints
  normalizer: Normalizer
  sessions: Session[]
  delivery: Delivery
  rest: VenueRest
}

/** How often the writer is looked after while nothing arrives. */
const CHECK_MS = 250

/**
 * Events: 'warning' (message: string), 'failed' (error: TickforgeError): recording cannot go on; stop() is still to be called.
 */
export class Recorder extends EventEmitter<{ warning: [string]; failed: [unknown] }> {
  readonly recovery: RecoveryReport
  readonly #journal: Journal
  readonly #clock = new ReceiveClock()
  readonly #abort = new AbortController()
  readonly #runs: VenueRun[]
  readonly #pools = new RestPools()
  #failed = false
  #check: NodeJS.Timeout | undefined
  #diskFull = false
  /** Receive time of what was taken over last. */
  readonly #lastGood: TimeWords

  /** Checks the options and opens the journal. Throws TF_UNKNOWN_VENUE, TF_UNKNOWN_SYMBOL, TF_LOCKED ... */
  constructor(options: RecorderOptions) {
    super()
    // Every request waits for it.
    setMaxListeners(0, this.#abort.signal)
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

  /** Connects, and asks for definitions meanwhile. Recording goes on until stop(). */
  async start(): Promise<void> {
    this.#check = setInterval(() => {
      this.#guard(() => this.#checkJournal())
      if (!this.#journal.drops && !this.#failed) this.#guard(() => this.#checkDelivery())
    }, CHECK_MS)
    for (const run of this.#runs) this.#begin(run)
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
      rest: sumOf(this.#runs.map((run) => run.rest.counters)),
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
    const reserve = this.#journal.reserveWarning()
    if (reserve !== undefined) this.emit('warning', reserve)
    const stalled = this.#journal.stalled
    const diskFull = stalled !== undefined
    if (diskFull !== this.#diskFull) {
      this.#diskFull = diskFull
      if (diskFull) this.emit('warning', `waiting for disk space, in memory meanwhile: ${stalled}`)
      else if (!this.#journal.drops) this.emit('warning', 'the disk has space again: nothing was lost')
    }
    if (this.#journal.drops && this.#goOn()) for (const run of this.#runs) this.#begin(run)
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

  /** Connects, and asks for the definitions; after a loss again, since some may be lost. They do not wait for each other. */
  #begin(run: VenueRun): void {
    for (const session of run.sessions) session.settle()
    this.#connect(run)
    void run.rest.define([...new Set(run.sessions.flatMap((session) => session.symbols))])
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
      rest: new VenueRest(venue, endpoints.rest, this.#pools.of(venue.rest), normalizer, this.#abort.signal, {
        feed: (act) =>
          this.#guard(() => {
            this.#clock.now()
            act()
            this.#carryOut(run)
          }),
        isOpen: (connection) => run.sessions.some((session) => session.connection === connection),
        unknown: (symbol, reason) => this.#guard(() => delivery.unknown(symbol, reason)),
        warnings: new RepeatedWarnings(warn),
      }),
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
      run.rest.ask(request)
    }
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

function sumOf(all: readonly RestCounters[]): RestCounters {
  const sum: RestCounters = { requests: 0, retried: 0, failed: 0, limited: 0, tooLarge: 0 }
  for (const counters of all) for (const name of Object.keys(sum) as (keyof RestCounters)[]) sum[name] += counters[name]
  return sum
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
