// Follows every subscription of a venue: asked for, acknowledged or refused, delivering or silent. What a venue refuses or
// never sends is told, and is on record as a gap. What it refuses as too much at once is asked for in smaller shares.
import type {
  Channel,
  Normalizer,
  Subscription,
  SubscriptionAnswer,
  SubscriptionRequest,
  Topic,
} from '../feeds/feed.ts'
import { CHANNEL_BITS, CHANNELS } from '../feeds/feed.ts'
import { GapCause } from '../records/layout.ts'
import { monotonicMs, type ReceiveClock } from './clock.ts'
import type { TimeWords } from './producer.ts'

/** Silence of a subscription, ms, after which it is reported. Trades of a quiet market are rare; its prices are not. */
export const SILENCE_MS: Readonly<Record<Channel, number>> = { trade: 600_000, quote: 60_000, book: 60_000 }
/** The time doubles with each report of a subscription, up to this. */
const SILENCE_MS_MAX = 3_600_000
/** A connection of which the venue refuses everything is tried again after this; the pause doubles up to SILENCE_MS_MAX. */
const REFUSED_RETRY_MS = 60_000
/** Further connections for shares of what was refused. */
const SHARES_MAX = 256
const NAMED_MAX = 8

export type SubscriptionState = 'requested' | 'acknowledged' | 'delivering' | 'silent' | 'refused'

export interface SubscriptionStatus {
  /** 'kraken:BTC/USD'. */
  instrument: string
  channel: Channel
  state: SubscriptionState
  /** Why nothing comes, in words; '' while something does. */
  reason: string
  /** Nothing of it was ever received, and that is no wonder of a short time. */
  missing: boolean
}

/** The connection that a subscription is on, as far as it matters here. */
export interface DeliverySession {
  /** 0 while there is none. */
  readonly connection: number
  readonly subscriptions: readonly Subscription[]
  readonly requests: readonly SubscriptionRequest[]
  reconnect(connection: number, reason: string): boolean
}

export interface DeliveryHooks {
  warn: (message: string) => void
  /** How else the venue may spell a symbol that it refuses: 'BTC/USD' for 'XBT/USD'. */
  otherSpelling: (symbol: string) => string | undefined
  /** Makes connections for `shares`, each of its own, and takes what is in them from the session's next connection. */
  share: (session: DeliverySession, left: Subscription[], shares: Subscription[][]) => void
  /** Something was refused for good. */
  refused: () => void
}

interface Followed {
  readonly topic: Topic
  state: SubscriptionState
  reason: string
  /** It is silent, and was not even acknowledged. */
  unheard: boolean
  /** It has delivered, on whatever connection. */
  ever: boolean
  /** Of its silence: where it begins by both clocks, and when it is reported. */
  sinceMs: number
  since: TimeWords
  limitMs: number
}

interface FollowedSession {
  readonly session: DeliverySession
  /** The connection that the rest speaks of. */
  connection: number
  /** What was sent on it; the session's own requests are those of its next connection. */
  requests: readonly SubscriptionRequest[]
  /** Requests without an answer, in their order. */
  pending: SubscriptionRequest[]
  followed: Followed[]
  refusedMs: number
  retryMs: number
}

export class Delivery {
  readonly #venue: string
  readonly #normalizer: Normalizer
  readonly #clock: ReceiveClock
  readonly #silenceMs: Readonly<Record<Channel, number>>
  readonly #hooks: DeliveryHooks
  readonly #sessions: FollowedSession[] = []
  #shares = 0

  constructor(
    venue: string,
    normalizer: Normalizer,
    clock: ReceiveClock,
    silenceMs: Partial<Record<Channel, number>>,
    hooks: DeliveryHooks,
  ) {
    this.#venue = venue
    this.#normalizer = normalizer
    this.#clock = clock
    this.#silenceMs = { ...SILENCE_MS, ...silenceMs }
    this.#hooks = hooks
  }

  /** From now on what the session subscribes to is followed. */
  follow(session: DeliverySession): void {
    const topics = topicsOf(session)
    const followed = topics.map((topic) => this.#follow(topic))
    const none = { connection: 0, requests: [], pending: [] }
    this.#sessions.push({ session, ...none, followed, refusedMs: 0, retryMs: REFUSED_RETRY_MS })
  }

  /** Takes what the venue has answered. Cheap when there is nothing. */
  takeAnswers(): void {
    const answers = this.#normalizer.takeAnswers()
    if (answers.length === 0) return
    this.#look()
    for (const answer of answers) this.#answered(answer)
  }

  /** The venue does not know the symbol, though it may have acknowledged a subscription of it. */
  unknown(symbol: string, reason: string): void {
    this.#collect()
    const meant = this.#sessions
      .flatMap(({ followed }) => followed)
      .filter(({ topic, state }) => topic.symbol === symbol && state !== 'refused' && state !== 'delivering')
    for (const one of meant) this.#refuse(one, reason)
    if (meant.length > 0) this.#hooks.refused()
  }

  /** Looks at what came and what did not; a few times a second. May throw what writing a record throws. */
  tick(): void {
    this.#look()
    this.#collect()
    const now = monotonicMs()
    const silent: Followed[] = []
    for (const one of this.#sessions) {
      if (one.connection === 0) continue
      for (const followed of one.followed) {
        if (followed.state !== 'refused' && now - followed.sinceMs >= followed.limitMs) silent.push(followed)
      }
      this.#askAgain(one, now)
    }
    if (silent.length > 0) this.#reportSilence(silent, now)
  }

  /** The recording ends: what is still missing is on record up to now. */
  end(): void {
    this.#collect()
    for (const { followed } of this.#sessions) {
      for (const one of followed) {
        if (one.state === 'refused') this.#missing(one, GapCause.refused)
        else if (one.state === 'silent') this.#missing(one, GapCause.silent)
      }
    }
  }

  status(): SubscriptionStatus[] {
    const heard = this.#heard()
    return this.#sessions.flatMap(({ followed }) =>
      followed.map((one) => ({
        instrument: `${this.#venue}:${one.topic.symbol}`,
        channel: one.topic.channel,
        state: one.state,
        reason: reasonOf(one),
        missing: this.#isMissing(one, heard),
      })),
    )
  }

  #follow(topic: Topic): Followed {
    this.#clock.now()
    return {
      topic,
      state: 'requested',
      reason: '',
      unheard: false,
      ever: false,
      sinceMs: monotonicMs(),
      since: { low: this.#clock.low, high: this.#clock.high },
      limitMs: this.#silenceMs[topic.channel],
    }
  }

  /** Takes note of connections that are new: all is asked for again on them. */
  #look(): void {
    for (const one of this.#sessions) {
      const { connection } = one.session
      if (connection === one.connection) continue
      one.connection = connection
      one.requests = one.session.requests
      one.pending = [...one.requests]
      if (connection === 0) continue
      for (const followed of one.followed) {
        followed.state = 'requested'
        followed.unheard = false
        followed.sinceMs = monotonicMs()
        if (followed.ever) this.#mark(followed)
      }
    }
  }

  /** Asks the normaliser what has come, once a symbol: several connections may carry channels of one. */
  #collect(): void {
    const delivered = new Map<string, number>()
    for (const { followed } of this.#sessions) {
      for (const one of followed) {
        const name = one.topic.name ?? one.topic.symbol
        let bits = delivered.get(name)
        if (bits === undefined) {
          bits = this.#normalizer.takeDelivered(name)
          delivered.set(name, bits)
        }
        if ((bits & CHANNEL_BITS[one.topic.channel]) === 0) continue
        one.ever = true
        one.state = 'delivering'
        one.sinceMs = monotonicMs()
        this.#mark(one)
      }
    }
  }

  /** Its silence begins now. */
  #mark(one: Followed): void {
    this.#clock.now()
    one.since = { low: this.#clock.low, high: this.#clock.high }
  }

  #reportSilence(silent: readonly Followed[], now: number): void {
    const names = nameAll(silent.map(({ topic }) => topic))
    const unheard = silent.some((one) => one.state === 'requested' || one.unheard)
    this.#hooks.warn(
      `${this.#venue}: nothing came of ${names}${unheard ? '' : ', though it was acknowledged'}; it is on record as a gap`,
    )
    for (const one of silent) {
      this.#missing(one, GapCause.silent)
      one.unheard = one.state === 'requested' || one.unheard
      one.state = 'silent'
      one.sinceMs = now
      one.limitMs = Math.min(one.limitMs * 2, Math.max(SILENCE_MS_MAX, one.limitMs))
    }
  }

  #missing(one: Followed, cause: GapCause): void {
    const { topic, since } = one
    this.#clock.now()
    this.#normalizer.missing(topic.name ?? topic.symbol, topic.channel, cause, since)
    this.#mark(one)
  }

  #answered(answer: SubscriptionAnswer): void {
    const one = this.#sessions.find(({ connection }) => connection === answer.connection)
    if (one === undefined) return
    const { topics, whole } = spokenOf(one, answer)
    const meant = one.followed.filter(({ topic }) => topics.some((spoken) => isSame(spoken, topic)))
    if (answer.accepted) {
      for (const followed of meant) {
        followed.unheard = false
        if (followed.state === 'requested') followed.state = 'acknowledged'
      }
      return
    }
    const reason = answer.reason === '' ? 'without a reason' : answer.reason
    // What is acknowledged on this connection is not taken back by a refusal of a second request.
    const refused = meant.filter(({ state }) => state === 'requested' || state === 'silent')
    if (refused.length === 0) {
      this.#hooks.warn(`${this.#venue}: the venue refused ${answer.symbol ?? 'a request'}: ${reason}`)
    } else if (whole && symbolsOf(refused).length > 1 && this.#shares < SHARES_MAX) {
      this.#share(one, refused, reason)
    } else {
      for (const followed of refused) this.#refuse(followed, reason)
      one.refusedMs = monotonicMs()
      this.#hooks.refused()
    }
  }

  /**
   * All at once are too many, or one of them is bad: each half gets a connection of its own, until it is clear which. Where
   * the venue names the bad ones, the others need no halves.
   */
  #share(one: FollowedSession, refused: readonly Followed[], reason: string): void {
    const symbols = symbolsOf(refused)
    const named = symbols.filter((symbol) => names(reason, symbol))
    const split = named.length === 0 || named.length === symbols.length
    const half = Math.ceil(symbols.length / 2)
    const parts = split
      ? [symbols.slice(0, half), symbols.slice(half)]
      : [named, symbols.filter((symbol) => !named.includes(symbol))]
    this.#hooks.warn(
      `${this.#venue}: the venue refused at once ${nameAll(refused.map(({ topic }) => topic))}: ${reason}; they are asked for in smaller shares, on connections of their own`,
    )
    one.followed = one.followed.filter((followed) => !refused.includes(followed))
    const shares = parts.map((part) => toSubscriptions(refused.filter(({ topic }) => part.includes(topic.symbol))))
    this.#shares += shares.length
    this.#hooks.share(one.session, toSubscriptions(one.followed), shares)
  }

  #refuse(one: Followed, reason: string): void {
    const { symbol, channel } = one.topic
    const other = this.#hooks.otherSpelling(symbol)
    const hint = other === undefined ? '' : `; the venue spells it ${this.#venue}:${other}`
    const known = one.reason !== ''
    one.state = 'refused'
    one.reason = `${reason}${hint}`
    if (!known) this.#hooks.warn(`${this.#venue}:${symbol} ${channel} was refused: ${one.reason}`)
    this.#missing(one, GapCause.refused)
  }

  /** A connection that everything was refused on is made anew after a while: the venue may have changed its mind. */
  #askAgain(one: FollowedSession, now: number): void {
    if (one.followed.length === 0 || one.followed.some(({ state }) => state !== 'refused')) return
    if (now - one.refusedMs < one.retryMs) return
    one.retryMs = Math.min(one.retryMs * 2, SILENCE_MS_MAX)
    one.session.reconnect(one.connection, 'all that was asked for on it was refused')
  }

  /** A trade of a quiet market may be late: it is missed after its time, or when nothing at all came of the instrument. */
  #isMissing(one: Followed, heard: ReadonlySet<string>): boolean {
    if (one.state === 'refused') return true
    if (one.ever) return false
    const inTime = one.topic.channel === 'trade' && one.limitMs === this.#silenceMs.trade
    return !(inTime && heard.has(one.topic.symbol))
  }

  /** Symbols of which anything came. */
  #heard(): Set<string> {
    const heard = new Set<string>()
    for (const { followed } of this.#sessions) for (const { ever, topic } of followed) if (ever) heard.add(topic.symbol)
    return heard
  }
}

function topicsOf(session: DeliverySession): Topic[] {
  const named = session.requests.flatMap(({ topics }) => topics)
  if (named.length > 0) return named
  return session.subscriptions.flatMap(({ symbol, channels }) => channels.map((channel) => ({ symbol, channel })))
}

/** What an answer speaks of; `whole`: a request with all of its topics. Takes the request from those without an answer. */
function spokenOf(one: FollowedSession, answer: SubscriptionAnswer): { topics: readonly Topic[]; whole: boolean } {
  const { id, symbol, channel } = answer
  const fits = (topic: Topic): boolean =>
    (symbol === undefined || symbol === topic.symbol || symbol === topic.name) &&
    (channel === undefined || channel === topic.channel)
  const all = one.requests
  if (symbol !== undefined) {
    const request =
      id === undefined
        ? all.find(({ topics }) => topics.some((topic) => fits(topic) && isOpen(one, topic)))
        : all.find((candidate) => candidate.id === id)
    return { topics: request?.topics.filter(fits) ?? [], whole: false }
  }
  const request = id === undefined ? one.pending[0] : all.find((candidate) => candidate.id === id)
  one.pending = one.pending.filter((candidate) => candidate !== request)
  return { topics: request?.topics ?? [], whole: true }
}

function isOpen(one: FollowedSession, topic: Topic): boolean {
  return one.followed.some((followed) => isSame(followed.topic, topic) && followed.state === 'requested')
}

function isSame(a: Topic, b: Topic): boolean {
  return a.symbol === b.symbol && a.channel === b.channel
}

function symbolsOf(followed: readonly Followed[]): string[] {
  return [...new Set(followed.map(({ topic }) => topic.symbol))]
}

function toSubscriptions(followed: readonly Followed[]): Subscription[] {
  return symbolsOf(followed).map((symbol) => ({
    symbol,
    channels: CHANNELS.filter((channel) =>
      followed.some(({ topic }) => topic.symbol === symbol && topic.channel === channel),
    ),
  }))
}

function reasonOf({ state, reason, ever, unheard }: Followed): string {
  if (state === 'refused') return reason
  if (unheard || (state === 'requested' && !ever)) return 'never acknowledged, and nothing came'
  if (state === 'silent' || !ever) return 'acknowledged, but nothing came'
  return ''
}

/** Whether a symbol stands in the text as a word. */
function names(text: string, symbol: string): boolean {
  return text.split(/[^\p{L}\p{N}./_-]+/u).some((word) => word === symbol || word === `${symbol}.`)
}

/** 'trade of BTCUSDT, ETHUSDT; book of BTCUSDT'. */
export function nameAll(topics: readonly Topic[]): string {
  return CHANNELS.map((channel) => {
    const symbols = topics.filter((topic) => topic.channel === channel).map(({ symbol }) => symbol)
    const more = symbols.length > NAMED_MAX ? ` and ${symbols.length - NAMED_MAX} more` : ''
    return symbols.length === 0 ? '' : `${channel} of ${symbols.slice(0, NAMED_MAX).join(', ')}${more}`
  })
    .filter((part) => part !== '')
    .join('; ')
}
