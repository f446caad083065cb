// The contract between a venue's folder and whatever feeds it: a live session, an import, a re-normalisation.
// A venue declares what to subscribe and how to read a frame; it never opens a socket and never reads a clock.

import type { CellWriter } from '../records/cell-writer.ts'
import { type GapCause, type Integrity, RecordType } from '../records/layout.ts'

/** What a person asks for. */
export type Channel = 'trade' | 'quote' | 'book'
export const CHANNELS: readonly Channel[] = ['trade', 'quote', 'book']
export const RECORD_TYPES = { trade: RecordType.trade, quote: RecordType.quote, book: RecordType.book } as const
/** Of Instrument.delivered. A book that a REST answer brought is none that its subscription delivered. */
export const CHANNEL_BITS = { trade: 1, quote: 2, book: 4 } as const

/** One instrument of one venue, in the venue's own spelling. */
export interface Subscription {
  symbol: string
  channels: readonly Channel[]
}

/** Where a venue is reached; a test or `--endpoint` puts another base in place of the venue's own. */
export interface Endpoints {
  /** Scheme, host and port of the WebSocket, without a path: 'wss://stream.binance.com:9443'. */
  websocket: string
  /** The same of the REST interface: 'https://api.binance.com'. */
  rest: string
}

/** One channel of one symbol. */
export interface Topic {
  symbol: string
  channel: Channel
  /** The symbol in the venue's frames, where that is another one. */
  name?: string
}

/** What one frame of a plan's hello asks for. */
export interface SubscriptionRequest {
  /** Its index in hello. */
  frame: number
  /** By which the venue's answer names it, where the venue does so. */
  id?: number
  topics: readonly Topic[]
}

/**
 * What a venue answered to a subscription, as far as it says what it speaks of: the request's id, the symbol, the channel.
 * An answer that names nothing is for the first request of the connection that has none yet.
 */
export interface SubscriptionAnswer {
  connection: number
  accepted: boolean
  id?: number
  symbol?: string
  channel?: Channel
  /** The venue's words; '' when it accepts. */
  reason: string
}

/** One connection that a session opens and keeps open. */
export interface ConnectionPlan {
  url: string
  /** Text frames to send once the connection is open, in order, not faster than `sendIntervalMs` apart. */
  hello: readonly string[]
  sendIntervalMs: number
  /** A text frame to send at an interval, for venues with a ping of their own. */
  keepAlive?: { message: string; everyMs: number }
  /** The connection is given up when nothing at all has arrived for this long. */
  staleAfterMs: number
  /** The connection is renewed before the venue ends it. */
  maxLifetimeMs?: number
  subscriptions: readonly Subscription[]
  /** What the frames of hello ask for, in their order. Without them answers of the venue are told, but not followed. */
  requests?: readonly SubscriptionRequest[]
}

/** What a normaliser asks of whoever feeds it. An import ignores it; a live session carries it out. */
export type FeedRequest =
  | {
      kind: 'rest'
      /** Path and query below Endpoints.rest. */
      path: string
      /** What the answer is for, in words, for messages and logs. */
      purpose: string
      connection: number
    }
  | { kind: 'send'; connection: number; messages: readonly string[] }
  | { kind: 'reconnect'; connection: number; reason: string }

/**
 * Turns frames into records. Pure: the same calls give the same bytes, wherever they come from. State is what the
 * venue's protocol needs (definitions, ids of channels, last update ids), nothing else.
 */
export interface Normalizer {
  /** A connection was opened: writes its connection record. `url` as connected to. */
  opened(connection: number, url: string): void
  /** It was closed: writes its connection record. The gap is written when something arrives again, or by stopped(). */
  closed(connection: number, code: number, reason: string): void
  /** One text (or binary) frame of the venue. All of its records are published at once. Never throws on bad input. */
  frame(connection: number, bytes: Uint8Array, binary: boolean): void
  /** A REST answer's body. `path` as asked for, with query. */
  rest(connection: number, path: string, body: Uint8Array): void
  /**
   * There is no answer to a request: it was refused, or failed, or was too large; `beginning` is then what there was of it, and
   * is kept as text. What depends on the answer is doubtful, and asked for again in time.
   */
  restFailed(connection: number, path: string, beginning?: Uint8Array): void
  /** The connection is lost or given up: what is missing from `tsLastGood` on (ns) will be a gap of this cause. */
  interrupted(connection: number, cause: number): void
  /** The session ends: writes the gaps that are still open. */
  stopped(): void
  /** A message that is none of the venue's by its form, such as text that is not UTF-8: it is kept, counted as rejected. */
  unreadable(connection: number, bytes: Uint8Array, why: string): void
  /** Writes a gap: what was subscribed to has not come since `since`. `cause`: refused or silent. */
  missing(symbol: string, channel: Channel, cause: GapCause, since: Stamp): void
  /** Channels of a subscription's symbol that brought something since the last call, as CHANNEL_BITS. */
  takeDelivered(symbol: string): number
  /** Answers to subscriptions since the last call. */
  takeAnswers(): SubscriptionAnswer[]
  /** Requests since the last call. */
  takeRequests(): FeedRequest[]
  readonly counters: NormalizerCounters
}

export interface NormalizerCounters {
  frames: number
  records: number
  /** Kept as text, because they are not what the venue documents. */
  rejectedFrames: number
  /** Kept as text: channels that have no record type yet, acknowledgements, heartbeats. */
  textFrames: number
  /** Not even kept as text, because the ring has no room for it: a drop record says so. Rejected ones as well. */
  droppedFrames: number
  /** Words of the venue that no enumeration has. */
  unknownWords: number
  gaps: number
  checksumsPassed: number
  checksumsFailed: number
}

/** Counters of which nothing has been counted yet. */
export function noCounters(): NormalizerCounters {
  return {
    frames: 0,
    records: 0,
    rejectedFrames: 0,
    textFrames: 0,
    droppedFrames: 0,
    unknownWords: 0,
    gaps: 0,
    checksumsPassed: 0,
    checksumsFailed: 0,
  }
}

/** The receive stamp of the frame that is about to be fed. The feeder sets it before each call. */
export interface Stamp {
  /** Two words of an i64, ns since the epoch. */
  low: number
  high: number
}

export interface NormalizerContext {
  venue: string
  writer: CellWriter
  stamp: Stamp
  /** Next free definition number of the segment. */
  nextInstrument: () => number
  /** First problems of a connection in words, for the log of a person. */
  warn: (message: string) => void
  /** Whoever feeds it takes the answers to subscriptions; otherwise a refusal is a warning. */
  followsAnswers?: boolean
}

/** One protocol of a venue. Protocols change: `until` dates the ones that ended. */
export interface Adapter {
  /** 'kraken-v1'. Written into every definition. */
  readonly name: string
  /** ISO time of receive from which the next adapter of the venue's list is used; absent on the current one. */
  readonly until?: string
  /** Continuity of a connection as a whole. */
  readonly connectionIntegrity: Integrity
  /** True for the addresses that speak this protocol, for captures that name one. */
  speaks(url: string): boolean
  plan(subscriptions: readonly Subscription[], endpoints: Endpoints): ConnectionPlan[]
  createNormalizer(context: NormalizerContext): Normalizer
}

/** What a venue lets one address ask by REST. */
export interface RestLimits {
  /** Venues that count together have one name here. */
  readonly pool: string
  /** In the venue's own units. */
  readonly weightPerMinute: number
  /** Weight of a request, by its path with query. */
  weightOf(path: string): number
}

/** One venue: its protocols, oldest first, and how captures of other recorders name it. */
export interface Venue {
  /** 'binance', 'binance-usdm': the part before the colon of an instrument. */
  readonly name: string
  readonly title: string
  readonly endpoints: Endpoints
  readonly adapters: readonly Adapter[]
  /** Exchange names in cryptofeed's captures. */
  readonly cryptofeedNames: readonly string[]
  readonly rest: RestLimits
  /** What the venue says by REST when it does not know a symbol. */
  readonly unknownSymbol?: RegExp
  /** REST paths that are asked for at the start of a session for the definitions of `symbols`. */
  definitionPaths(symbols: readonly string[]): readonly string[]
  /** How the venue spells a symbol that people know by another name; undefined if it may be right as it is. */
  otherSpelling?(symbol: string): string | undefined
  /** An example for messages: 'BTCUSDT'. */
  readonly exampleSymbol: string
  /** True if this could be a symbol of the venue by its form. */
  isSymbol(symbol: string): boolean
}
