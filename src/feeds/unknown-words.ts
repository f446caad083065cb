// Words of a venue that no enumeration of ours has: the record is written all the same, and the message kept beside it.

/** Words that are told once each; a venue that makes up words without end is only counted. */
const TOLD_MAX = 100
const SHOWN_CHARACTERS_MAX = 80

export class UnknownWords {
  readonly #told = new Set<string>()
  readonly #fresh: string[] = []
  readonly #warn: (message: string) => void

  constructor(warn: (message: string) => void) {
    this.#warn = warn
  }

  /** A word of the frame that is being read. `field`: what it says of what, 'kind of trade'. */
  note(field: string, word: string): void {
    this.#fresh.push(`the ${field} ${JSON.stringify(word.slice(0, SHOWN_CHARACTERS_MAX))}`)
  }

  /** A word of a definition, which goes without it: nothing is kept beside it. */
  tell(field: string, word: string): void {
    this.#tell(`the ${field} ${JSON.stringify(word.slice(0, SHOWN_CHARACTERS_MAX))}`, "it counts as 'not known'")
  }

  /** The frame is taken back, to be read again or not at all. */
  forget(): void {
    if (this.#fresh.length !== 0) this.#fresh.length = 0
  }

  /** The frame was read: tells of words that are new, and returns how many there were. */
  settle(): number {
    const count = this.#fresh.length
    if (count === 0) return 0
    for (const word of new Set(this.#fresh))
      this.#tell(word, "it is recorded as 'other' or none, and its message is kept as text beside it")
    this.#fresh.length = 0
    return count
  }

  #tell(word: string, consequence: string): void {
    if (this.#told.has(word) || this.#told.size >= TOLD_MAX) return
    this.#told.add(word)
    this.#warn(`${word} is not known: ${consequence}`)
  }
}
