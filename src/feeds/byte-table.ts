// Objects by the exact bytes of a text, so that a symbol or a stream's name in a frame leads to what is known of it
// without a string being made.

const SLOTS_MAX = 1 << 17

interface Entry<Value> {
  bytes: Uint8Array
  hash: number
  value: Value
}

/** An open hash table. The hash of the bytes is FNV's with a start of 0, as JsonCursor.intern() computes it. */
export class ByteTable<Value> {
  /** Makes the value of a text that is not in the table. Called again if the table was full and started anew. */
  readonly make: (text: string) => Value
  #slots: (Entry<Value> | undefined)[] = new Array<Entry<Value> | undefined>(64).fill(undefined)
  #size = 0

  constructor(make: (text: string) => Value) {
    this.make = make
  }

  get size(): number {
    return this.#size
  }

  find(bytes: Uint8Array, start: number, end: number, hash: number): Value | undefined {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = spread(hash) & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]
      if (entry === undefined) return undefined
      if (entry.hash === hash && same(entry.bytes, bytes, start, end)) return entry.value
    }
  }

  add(bytes: Uint8Array, start: number, end: number, hash: number, text: string): Value {
    const value = this.make(text)
    if (this.#size * 2 >= this.#slots.length) this.#grow()
    this.#insert({ bytes: bytes.slice(start, end), hash, value })
    return value
  }

  #insert(entry: Entry<Value>): void {
    const mask = this.#slots.length - 1
    let slot = spread(entry.hash) & mask
    while (this.#slots[slot] !== undefined) slot = (slot + 1) & mask
    this.#slots[slot] = entry
    this.#size++
  }

  /** Doubles the table; one that only garbage can have filled is emptied instead. */
  #grow(): void {
    const entries = this.#slots.length < SLOTS_MAX ? this.#slots : []
    this.#slots = new Array<Entry<Value> | undefined>(Math.max(64, entries.length * 2)).fill(undefined)
    this.#size = 0
    for (const entry of entries) if (entry !== undefined) this.#insert(entry)
  }
}

function same(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  const length = known.length
  if (end - start !== length) return false
  for (let i = 0; i < length; i++) if (known[i] !== bytes[start + i]) return false
  return true
}

/** The low bits of FNV's hash depend on few of the input's: the high ones are folded in. */
function spread(hash: number): number {
  return hash ^ (hash >>> 15)
}
