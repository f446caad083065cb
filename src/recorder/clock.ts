// The receive clock: one reading, at the socket, in nanoseconds.
import type { Stamp } from '../feeds/feed.ts'
import { loadNative } from '../native/binding.ts'

/** A stamp that now() sets from the native clock; no bigint, no allocation. */
export class ReceiveClock implements Stamp {
  low = 0
  high = 0
  readonly #native = loadNative()
  readonly #words = new Int32Array(2)

  /** Reads the clock into this stamp. */
  now(): void {
    this.#native.stamp(this.#words)
    this.low = this.#words[0] as number
    this.high = this.#words[1] as number
  }

  /** Takes over an earlier reading. */
  set(low: number, high: number): void {
    this.low = low
    this.high = high
  }

  /** Takes over a time of a capture (ns). */
  setTime(ns: bigint): void {
    scratch64[0] = ns
    this.low = scratch32[0] as number
    this.high = scratch32[1] as number
  }
}

const scratch64 = new BigInt64Array(1)
const scratch32 = new Int32Array(scratch64.buffer)

/** Milliseconds since 1970, for dates that a venue gives. */
export function wallMs(): number {
  return Date.now()
}

/** Milliseconds of a clock that never steps, for intervals. */
export function monotonicMs(): number {
  return performance.now()
}
