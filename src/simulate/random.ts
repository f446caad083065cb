// xoshiro128** (Blackman and Vigna, public domain), seeded by splitmix32: the same seed gives the same market everywhere.

export class Random {
  readonly #state = new Uint32Array(4)

  constructor(seed: number) {
    let at = seed >>> 0
    for (let i = 0; i < 4; i++) {
      at = (at + 0x9e3779b9) >>> 0
      let mixed = Math.imul(at ^ (at >>> 16), 0x21f0aaad)
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
      this.#state[i] = mixed ^ (mixed >>> 15)
    }
  }

  /** Uniform in [0, 2^32). */
  next(): number {
    const state = this.#state
    const s1 = state[1]!
    const scaled = Math.imul(s1, 5)
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0
    state[2]! ^= state[0]!
    state[3]! ^= s1
    state[1]! ^= state[2]!
    state[0]! ^= state[3]!
    state[2]! ^= s1 << 9
    const s3 = state[3]!
    state[3] = (s3 << 11) | (s3 >>> 21)
    return result
  }

  /** Uniform in [0, limit) for limits far below 2^32; the bias is limit / 2^32. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit)
  }

  /** True `percent` times in a hundred. */
  percent(percent: number): boolean {
    return this.below(100) < percent
  }
}
