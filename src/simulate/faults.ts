// Misbehaviour on demand. Every decision is a count of frames on one connection, so that a run can be repeated.
import { TickforgeError } from '../errors.ts'
import type { Random } from './random.ts'

/** Frames are counted on each connection, from 1. */
export interface FaultOptions {
  /** Half of the frame after this many is written, then the TCP connection is destroyed. */
  dropMidFrameAfter?: number
  /** One book update is left out of this many; snapshots are not. */
  skipEvery?: number
  /** A frame that is not the venue's JSON is sent before one frame of this many. */
  garbageEvery?: number
  /** Nothing at all is sent for `ms` once `frames` were; what there was to send follows then. */
  stallAfter?: { frames: number; ms: number }
  /** The connection is closed with 1001 after this many frames. */
  closeAfter?: number
  /** A text frame that is not UTF-8 is sent before one frame of this many. */
  invalidTextEvery?: number
  /** A frame of JSON of so many bytes follows on so many frames. */
  largeFrameAfter?: { frames: number; bytes: number }
  /** One trade of this many says a word that is not documented: its kind, or its side. */
  unknownWordEvery?: number
  /** Subscriptions that are acknowledged and deliver nothing: 'trade', 'book:BTCUSDT'. */
  silent?: readonly string[]
  /** Symbols that are refused in the venue's way. */
  refuse?: readonly string[]
  /** A request for more instruments than this is refused as a whole. */
  shareMax?: number
  /** Each kind of fault happens at most this often in the life of the simulator. */
  limit?: number
}

export interface FaultCounters {
  droppedMidFrame: number
  skipped: number
  garbage: number
  stalled: number
  closed: number
  invalidText: number
  largeFrames: number
  unknownWords: number
  silenced: number
  refused: number
}

/** Counters of which nothing has been counted yet. */
export function noFaults(): FaultCounters {
  return {
    droppedMidFrame: 0,
    skipped: 0,
    garbage: 0,
    stalled: 0,
    closed: 0,
    invalidText: 0,
    largeFrames: 0,
    unknownWords: 0,
    silenced: 0,
    refused: 0,
  }
}

export type FaultChannel = 'trade' | 'quote' | 'book'

/** What to do with one frame. */
export interface FaultDecision {
  garbageBefore: boolean
  invalidTextBefore: boolean
  unknownWord: boolean
  largeFrameAfter: boolean
  fate: 'send' | 'skip' | 'drop'
  stallMsAfter: number
  closeAfter: boolean
}

/** @throws TF_USAGE for counts that are not whole and positive. */
export function checkFaults(options: FaultOptions): void {
  const { dropMidFrameAfter, skipEvery, garbageEvery, stallAfter, closeAfter, limit } = options
  const { invalidTextEvery, largeFrameAfter, unknownWordEvery, shareMax } = options
  const counts = {
    ...{ dropMidFrameAfter, skipEvery, garbageEvery, closeAfter, limit, stallAfter: stallAfter?.frames },
    ...{ invalidTextEvery, unknownWordEvery, shareMax },
    ...{ largeFrameAfter: largeFrameAfter?.frames, largeFrameBytes: largeFrameAfter?.bytes },
  }
  for (const one of options.silent ?? []) {
    if (!/^(trade|quote|book)(:.+)?$/.test(one))
      throw new TickforgeError('TF_USAGE', `fault silent: '${one}' is no channel, such as trade or book:BTCUSDT`)
  }
  for (const [name, value] of Object.entries(counts)) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw new TickforgeError('TF_USAGE', `fault ${name}: ${value} is not a number of frames (1 or more)`)
    }
  }
  if (stallAfter !== undefined && !(stallAfter.ms > 0 && Number.isFinite(stallAfter.ms))) {
    throw new TickforgeError('TF_USAGE', `fault stallAfter: ${stallAfter.ms} is not a time in ms`)
  }
}

/** The faults of one connection. */
export class ConnectionFaults {
  readonly #options: FaultOptions
  readonly #counters: FaultCounters
  readonly #limit: number
  #frames = 0
  #bookUpdates = 0
  #words = 0

  constructor(options: FaultOptions, counters: FaultCounters) {
    this.#options = options
    this.#counters = counters
    this.#limit = options.limit ?? Number.POSITIVE_INFINITY
  }

  decide(isBookUpdate: () => boolean): FaultDecision {
    const { dropMidFrameAfter, skipEvery, garbageEvery, stallAfter, closeAfter } = this.#options
    this.#frames++
    const frames = this.#frames
    const decision: FaultDecision = {
      garbageBefore: false,
      invalidTextBefore: false,
      unknownWord: false,
      largeFrameAfter: false,
      fate: 'send',
      stallMsAfter: 0,
      closeAfter: false,
    }
    this.#decideContent(decision, frames)
    if (garbageEvery !== undefined && frames % garbageEvery === 0) decision.garbageBefore = this.#happens('garbage')
    if (
      skipEvery !== undefined &&
      isBookUpdate() &&
      ++this.#bookUpdates % skipEvery === 0 &&
      this.#happens('skipped')
    ) {
      decision.fate = 'skip'
    } else if (
      dropMidFrameAfter !== undefined &&
      frames === dropMidFrameAfter + 1 &&
      this.#happens('droppedMidFrame')
    ) {
      decision.fate = 'drop'
      return decision
    }
    if (stallAfter !== undefined && frames === stallAfter.frames && this.#happens('stalled')) {
      decision.stallMsAfter = stallAfter.ms
    }
    if (closeAfter !== undefined && frames === closeAfter) decision.closeAfter = this.#happens('closed')
    return decision
  }

  /** Whether a subscription that was acknowledged delivers anything. */
  delivers(channel: FaultChannel, symbol: string): boolean {
    const { silent } = this.#options
    if (silent?.some((one) => one === channel || one === `${channel}:${symbol}`) !== true) return true
    this.#counters.silenced++
    return false
  }

  /** Why a request is refused that names these instruments; undefined if it is not. */
  refusal(symbols: readonly string[]): string | undefined {
    const { shareMax, refuse } = this.#options
    const bad = symbols.find((symbol) => refuse?.includes(symbol))
    const many = shareMax !== undefined && symbols.length > shareMax
    if (bad === undefined && !many) return undefined
    this.#counters.refused++
    return many ? 'too many instruments requested in a single session' : `${bad} is not a valid symbol`
  }

  #decideContent(decision: FaultDecision, frames: number): void {
    const { invalidTextEvery, unknownWordEvery, largeFrameAfter } = this.#options
    if (invalidTextEvery !== undefined && frames % invalidTextEvery === 0)
      decision.invalidTextBefore = this.#happens('invalidText')
    decision.unknownWord = unknownWordEvery !== undefined
    if (largeFrameAfter?.frames === frames) decision.largeFrameAfter = this.#happens('largeFrames')
  }

  /** The frame with a word that is not documented, if it is the turn of one that has such a word. */
  withUnknownWord(frame: string | Uint8Array): string | Uint8Array {
    if (typeof frame !== 'string') return frame
    const changed = frame.replace(KNOWN_WORD, '$1"NOT_DOCUMENTED"')
    const every = this.#options.unknownWordEvery ?? 1
    if (changed === frame || ++this.#words % every !== 0 || !this.#happens('unknownWords')) return frame
    return changed
  }

  #happens(kind: keyof FaultCounters): boolean {
    if (this.#counters[kind] >= this.#limit) return false
    this.#counters[kind]++
    return true
  }
}

/** The kind of a trade (Binance futures, Kraken), or the side of one (Coinbase). */
const KNOWN_WORD = /("X":|"ord_type":|"time":"[^"]+","side":)"[A-Za-z_]+"/

/** Text that is not UTF-8: the start of an object, and bytes that begin no character. */
export const INVALID_TEXT = Uint8Array.of(0x7b, 0x22, 0xff, 0xc0, 0x80, 0x22, 0x7d)

/** JSON of so many bytes that says nothing. */
export function largeFrame(bytes: number): string {
  return `{"padding":"${'0'.repeat(Math.max(0, bytes - 14))}"}`
}

/** Something that no venue sends: words, half of a message, or bytes. Never a whole JSON text. */
export function garbage(random: Random, frame: string | Uint8Array): { data: string | Uint8Array; binary: boolean } {
  switch (random.below(3)) {
    case 0:
      return { data: '<html><body>502 Bad Gateway</body></html>', binary: false }
    case 1: {
      const text = typeof frame === 'string' ? frame : Buffer.from(frame).toString('utf8')
      return { data: text.slice(0, Math.max(1, Math.floor(text.length / 2))), binary: false }
    }
    default:
      return { data: Uint8Array.from({ length: 24 }, () => 0x80 + random.below(0x80)), binary: true }
  }
}
