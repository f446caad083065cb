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
  /** Each kind of fault happens at most this often in the life of the simulator. */
  limit?: number
}

export interface FaultCounters {
  droppedMidFrame: number
  skipped: number
  garbage: number
  stalled: number
  closed: number
}

/** What to do with one frame. */
export interface FaultDecision {
  garbageBefore: boolean
  fate: 'send' | 'skip' | 'drop'
  stallMsAfter: number
  closeAfter: boolean
}

/** @throws TF_USAGE for counts that are not whole and positive. */
export function checkFaults(options: FaultOptions): void {
  const { dropMidFrameAfter, skipEvery, garbageEvery, stallAfter, closeAfter, limit } = options
  const counts = { dropMidFrameAfter, skipEvery, garbageEvery, closeAfter, limit, stallAfter: stallAfter?.frames }
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

  constructor(options: FaultOptions, counters: FaultCounters) {
    this.#options = options
    this.#counters = counters
    this.#limit = options.limit ?? Number.POSITIVE_INFINITY
  }

  decide(isBookUpdate: () => boolean): FaultDecision {
    const { dropMidFrameAfter, skipEvery, garbageEvery, stallAfter, closeAfter } = this.#options
    this.#frames++
    const frames = this.#frames
    const decision: FaultDecision = { garbageBefore: false, fate: 'send', stallMsAfter: 0, closeAfter: false }
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

  #happens(kind: keyof FaultCounters): boolean {
    if (this.#counters[kind] >= this.#limit) return false
    this.#counters[kind]++
    return true
  }
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
