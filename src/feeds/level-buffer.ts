// Levels that were read from a frame and wait: for the other side, or until nothing in the frame can fail any more.
import { LEVEL_BYTES } from '../records/layout.ts'

export const LEVEL_WORDS = LEVEL_BYTES / 4

/** Levels of four words each, {price low, price high, size low, size high}. Grows, never shrinks. */
export class LevelBuffer {
  words = new Int32Array(256 * LEVEL_WORDS)
  count = 0

  clear(): void {
    this.count = 0
  }

  push(priceLow: number, priceHigh: number, sizeLow: number, sizeHigh: number): void {
    const at = this.count * LEVEL_WORDS
    if (at === this.words.length) this.#grow()
    const words = this.words
    words[at] = priceLow
    words[at + 1] = priceHigh
    words[at + 2] = sizeLow
    words[at + 3] = sizeHigh
    this.count++
  }

  #grow(): void {
    const words = new Int32Array(this.words.length * 2)
    words.set(this.words)
    this.words = words
  }
}
