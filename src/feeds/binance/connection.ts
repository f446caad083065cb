// What is known of one connection: its streams and its symbols, both found by the bytes of the frame.
import { BookContinuity } from '../../integrity/continuity.ts'
import { ByteTable } from '../byte-table.ts'
import type { ConnectionState } from '../frame-normalizer.ts'
import type { Instrument } from '../instruments.ts'
import { FrameError, key } from '../json-reader.ts'
import type { Market } from './market.ts'
import { ownerOf, RecentIds } from './owner.ts'

const SYMBOL_BYTES_MAX = 64
/** Updates that go by before a snapshot is asked for again when the first answer was of no use. */
export const PATIENCE = 500
/** The same when a second snapshot in a row was too old to join; after the first one there is no pause. Grows like the other. */
export const STALE_PATIENCE = 4

/** What a frame is about. `other` has no record type and stays text. */
export type FrameKind = 'trade' | 'aggTrade' | 'bookTicker' | 'depth' | 'partialDepth' | 'serverShutdown' | 'other'

/** One symbol on one connection. */
export interface SymbolState {
  readonly symbol: string
  readonly bytes: Uint8Array
  readonly instrument: Instrument
  readonly continuity: BookContinuity
  /** Kept only where answers may come without their question: on connections without an address. */
  readonly recent: RecentIds
  /** Updates are missing and no snapshot has joined since. */
  suspect: boolean
  /** A snapshot was asked for and has not come. */
  requested: boolean
  /** Receive time of the last update. */
  lastLow: number
  lastHigh: number
  /** Updates to let go by before the next request. */
  pause: number
  /** The pause after the next answer that is of no use. */
  patience: number
  /** A snapshot came, and has not joined so far. */
  answered: boolean
  /** The pause after the next snapshot that does not join. */
  stalePatience: number
}

/** One stream of a combined connection: "btcusdt@depth@100ms". */
export interface StreamState {
  readonly kind: FrameKind
  readonly symbol: SymbolState | undefined
}

export interface SymbolSource {
  readonly market: Market
  instrument(symbol: string): Instrument
  /** Whether updates of the symbol have been missing since its last book that was whole, on any connection. */
  isSuspect(symbol: string): boolean
}

const KINDS: Record<string, FrameKind> = {
  trade: 'trade',
  aggTrade: 'aggTrade',
  bookTicker: 'bookTicker',
  depthUpdate: 'depth',
  serverShutdown: 'serverShutdown',
}

/** Kind of a frame by its member "e". */
export function eventKinds(): ByteTable<FrameKind> {
  return new ByteTable((name) => KINDS[name] ?? 'other')
}

/** Kind of a frame by what follows the first @ of its stream's name. */
function streamKind(channel: string): FrameKind {
  if (channel === 'trade' || channel === 'aggTrade' || channel === 'bookTicker') return channel
  if (/^depth(@\d+ms)?$/.test(channel)) return 'depth'
  if (/^depth\d+(@\d+ms)?$/.test(channel)) return 'partialDepth'
  return 'other'
}

export class BinanceConnection implements ConnectionState {
  readonly id: number
  url: string
  frames: number
  lastLow: number
  lastHigh: number
  readonly instruments: Set<Instrument>

  readonly streams = new ByteTable((name) => this.#stream(name))
  readonly symbols = new ByteTable((symbol) => this.symbol(symbol))
  /** The stream of a /ws/ address that has one: its frames do not name it. */
  readonly only: StreamState | undefined

  readonly #source: SymbolSource
  readonly #states = new Map<string, SymbolState>()

  constructor(state: ConnectionState, source: SymbolSource) {
    this.id = state.id
    this.url = state.url
    this.frames = state.frames
    this.lastLow = state.lastLow
    this.lastHigh = state.lastHigh
    this.instruments = state.instruments
    this.#source = source
    const name = /\/ws\/([^/?]+)(\?|$)/.exec(state.url)?.[1]
    this.only = name === undefined ? undefined : this.#stream(name)
  }

  /** Every symbol of which anything was said. */
  known(): Iterable<SymbolState> {
    return this.#states.values()
  }

  /** The symbol that a book of this id belongs to when its answer does not say; undefined if that is not clear. */
  ownerOf(id: bigint): SymbolState | undefined {
    return ownerOf([...this.#states.values()], id)
  }

  symbol(symbol: string): SymbolState {
    let state = this.#states.get(symbol)
    if (state === undefined) {
      const bytes = Buffer.from(symbol, 'utf8')
      if (bytes.length === 0 || bytes.length > SYMBOL_BYTES_MAX) throw new FrameError('a symbol is empty or too long')
      state = {
        symbol,
        bytes: /^[ -~]+$/.test(symbol) ? key(symbol) : new Uint8Array(bytes),
        instrument: this.#source.instrument(symbol),
        continuity: new BookContinuity(this.#source.market.integrity),
        recent: new RecentIds(this.#source.market.integrity),
        suspect: this.#source.isSuspect(symbol),
        requested: false,
        lastLow: this.lastLow,
        lastHigh: this.lastHigh,
        pause: 0,
        patience: PATIENCE,
        answered: false,
        stalePatience: 0,
      }
      this.#states.set(symbol, state)
    }
    return state
  }

  #stream(name: string): StreamState {
    const at = name.indexOf('@')
    const kind = at <= 0 || name.startsWith('!') ? 'other' : streamKind(name.slice(at + 1))
    return { kind, symbol: kind === 'other' ? undefined : this.symbol(name.slice(0, at).toUpperCase()) }
  }
}
