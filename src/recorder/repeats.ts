// Warnings that come again and again: said the first time, the second, the fourth, the eighth ..., with their count.

/** Keys may hold text from outside. */
const KEYS_MAX = 1000

export class RepeatedWarnings {
  readonly #warn: (message: string) => void
  readonly #counts = new Map<string, number>()

  constructor(warn: (message: string) => void) {
    this.#warn = warn
  }

  /** It is over: the next one is a first one. */
  forget(key: string): void {
    this.#counts.delete(key)
  }

  /** `key` says what the message is about; its words may differ. */
  warn(key: string, message: string): void {
    if (this.#counts.size >= KEYS_MAX) this.#counts.clear()
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, count)
    if (!Number.isInteger(Math.log2(count))) return
    this.#warn(count === 1 ? message : `${message} (${count} times so far)`)
  }
}
