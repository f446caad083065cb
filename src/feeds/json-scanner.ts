// Reads over JSON values in a frame's bytes, by the letter of RFC 8259. JsonCursor finds its way in them.

/** A frame is not what the venue documents. Its bytes go into the log as text. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FrameError'
  }
}

/** Name of a member, prepared for comparison. ASCII without escapes. */
export function key(name: string): Uint8Array {
  return Uint8Array.from(name, (c) => c.charCodeAt(0))
}

/** Several names at once. */
export function keys<const Name extends string>(...names: Name[]): Record<Name, Uint8Array> {
  return Object.fromEntries(names.map((name) => [name, key(name)])) as Record<Name, Uint8Array>
}

export const QUOTE = 0x22
export const PLUS = 0x2b
export const MINUS = 0x2d
export const POINT = 0x2e
export const ZERO = 0x30
export const NINE = 0x39
export const BACKSLASH = 0x5c
export const COMMA = 0x2c
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const SPACE = 0x20
const COLON = 0x3a

export const DEPTH_MAX = 64
const TRUE = key('true')
const FALSE = key('false')
const NULL = key('null')
const ESCAPES = new Set(Array.from('"\\/bfnrt', (c) => c.charCodeAt(0)))

export class JsonScanner {
  /** The frame and one zero byte behind it, which ends every loop: no read is ever out of bounds. */
  protected bytes: Uint8Array = new Uint8Array(1 << 16)
  protected pos = 0
  protected length = 0

  protected space(): void {
    const bytes = this.bytes
    let pos = this.pos
    let byte = bytes[pos] as number
    if (byte > SPACE) return
    while (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++pos] as number
    this.pos = pos
  }

  protected fail(message: string): never {
    throw new FrameError(`${this.pos >= this.length ? 'the frame ends in the middle' : message} at byte ${this.pos}`)
  }

  /** The colon behind a member's name. */
  protected colon(): void {
    this.space()
    if (this.bytes[this.pos] !== COLON) this.fail('a colon was expected')
    this.pos++
    this.space()
    if (this.pos >= this.length) this.fail('the frame ends in the middle')
  }

  /** Reads over a string; true when it is ASCII without escapes. */
  protected skipString(): boolean {
    const bytes = this.bytes
    let pos = this.pos
    if (bytes[pos] !== QUOTE) this.fail('a string was expected')
    let plain = true
    for (;;) {
      const byte = bytes[++pos] as number
      if (byte === QUOTE) break
      if (byte < SPACE) {
        this.pos = pos
        this.fail('a control character stands in a string')
      }
      if (byte >= 0x80) plain = false
      if (byte === BACKSLASH) {
        plain = false
        pos = this.#skipEscape(pos + 1)
      }
    }
    this.pos = pos + 1
    return plain
  }

  /** Position of the last byte of the escape whose letter stands at `pos`. */
  #skipEscape(pos: number): number {
    const bytes = this.bytes
    if (bytes[pos] === 0x75) {
      for (let i = 1; i <= 4; i++) if (!isHex(bytes[pos + i] as number)) this.fail('a \\u escape is broken')
      return pos + 4
    }
    if (!ESCAPES.has(bytes[pos] as number)) this.fail('an escape is unknown')
    return pos
  }

  /** Reads over the value at `pos`, inside of `depth` others. */
  protected skipValue(depth: number): void {
    const byte = this.bytes[this.pos] as number
    if (byte === QUOTE) {
      this.skipString()
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      this.#skipNested(depth, byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)
    } else if (byte === MINUS || (byte >= ZERO && byte <= NINE)) {
      this.#skipNumber()
    } else {
      const word = byte === 0x74 ? TRUE : byte === 0x66 ? FALSE : byte === 0x6e ? NULL : undefined
      if (word === undefined) this.fail('a value was expected')
      for (let i = 0; i < word.length; i++) if (this.bytes[this.pos + i] !== word[i]) this.fail('a value was expected')
      this.pos += word.length
    }
    this.space()
  }

  #skipNested(depth: number, close: number): void {
    const bytes = this.bytes
    if (depth >= DEPTH_MAX) this.fail('values are nested too deeply')
    this.pos++
    this.space()
    if (bytes[this.pos] === close) {
      this.pos++
      return
    }
    for (;;) {
      if (close === CLOSE_OBJECT) {
        this.skipString()
        this.colon()
      }
      this.skipValue(depth + 1)
      const byte = bytes[this.pos]
      if (byte === close) break
      if (byte !== COMMA) this.fail('a comma was expected')
      this.pos++
      this.space()
    }
    this.pos++
  }

  #skipNumber(): void {
    const bytes = this.bytes
    let pos = this.pos
    if (bytes[pos] === MINUS) pos++
    const integer = pos
    while (isDigit(bytes[pos] as number)) pos++
    if (pos === integer || (bytes[integer] === ZERO && pos > integer + 1)) this.fail('a number was expected')
    if (bytes[pos] === POINT) {
      const fraction = ++pos
      while (isDigit(bytes[pos] as number)) pos++
      if (pos === fraction) this.fail('a digit was expected')
    }
    if (bytes[pos] === 0x65 || bytes[pos] === 0x45) {
      pos++
      if (bytes[pos] === PLUS || bytes[pos] === MINUS) pos++
      const exponent = pos
      while (isDigit(bytes[pos] as number)) pos++
      if (pos === exponent) this.fail('a digit was expected')
    }
    this.pos = pos
  }
}

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE
}

function isHex(byte: number): boolean {
  return isDigit(byte) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)
}

export function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i] as number)
  return text
}
