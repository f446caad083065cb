// Walks a frame's JSON straight in its bytes, on demand: members are found where they are asked for, and nothing is
// built. JsonReader adds the numbers and times.
//
// The cursor accepts RFC 8259 JSON. Anything else throws FrameError, also in parts of the frame that nobody asks for,
// as long as the caller ends with leave() and end().
import type { ByteTable } from './byte-table.ts'
import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COMMA,
  DEPTH_MAX,
  JsonScanner,
  latin1,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  SPACE,
} from './json-scanner.ts'

export class JsonCursor extends JsonScanner {
  /** True between find()/next() and the call that takes the value. */
  protected atValue = false

  /** Objects that are open. */
  #depth = 0
  /** Of each: first byte behind the brace; */
  readonly #starts = new Int32Array(DEPTH_MAX)
  /** where the scan goes on after a value further back was asked for, or -1; */
  readonly #resume = new Int32Array(DEPTH_MAX)
  /** where its members start in #members. */
  readonly #bases = new Int32Array(DEPTH_MAX)
  /** Members that the scan has passed: start of the name, start of the value. */
  #members = new Int32Array(512)
  #count = 0
  #firstElement = false

  /** Takes a new frame; the cursor stands at its root value. The bytes are copied: they may change afterwards. */
  reset(frame: Uint8Array): void {
    const length = frame.length
    if (length >= this.bytes.length) this.bytes = new Uint8Array(2 ** Math.ceil(Math.log2(length + 1)))
    this.bytes.set(frame)
    this.bytes[length] = 0
    this.length = length
    this.rewind()
  }

  /**
   * Moves to the last (1) or the last but one (2) element of the root array, if that and what follows are plain strings;
   * false otherwise. For protocols that say at a frame's end what it is. It is a look at the end, not a proof: rewind(),
   * and read the frame to the end.
   */
  toLastString(nth: number): boolean {
    const bytes = this.bytes
    let pos = this.#spaceBefore(this.length)
    let close: number = CLOSE_ARRAY
    for (let i = 0; i < nth; i++, close = COMMA) {
      if (pos < 1 || bytes[pos - 1] !== close) return false
      pos = this.#spaceBefore(pos - 1) - 1
      if (pos < 1 || bytes[pos] !== QUOTE) return false
      do pos--
      while (pos > 0 && bytes[pos] !== QUOTE)
      if (i + 1 < nth) pos = this.#spaceBefore(pos)
    }
    this.pos = pos
    this.atValue = true
    return true
  }

  /** Where the white space that ends before `pos` starts. */
  #spaceBefore(pos: number): number {
    const bytes = this.bytes
    let start = pos
    while (start > 0 && (bytes[start - 1] as number) <= SPACE) start--
    return start
  }

  /** Back to the root value. */
  rewind(): void {
    this.pos = 0
    this.#depth = 0
    this.#count = 0
    this.#firstElement = false
    this.atValue = true
    this.space()
  }

  /** First byte of the value that the cursor stands at, as a character: '{', '[', '"', 't', 'f', 'n', '-' or a digit. */
  peek(): string {
    this.need()
    return String.fromCharCode(this.bytes[this.pos] as number)
  }

  isObject(): boolean {
    return this.atValue && this.bytes[this.pos] === OPEN_OBJECT
  }

  isArray(): boolean {
    return this.atValue && this.bytes[this.pos] === OPEN_ARRAY
  }

  isString(): boolean {
    return this.atValue && this.bytes[this.pos] === QUOTE
  }

  isNull(): boolean {
    return this.atValue && this.bytes[this.pos] === 0x6e
  }

  /** Enters the object at the cursor. */
  enter(): void {
    this.need()
    if (this.bytes[this.pos] !== OPEN_OBJECT) this.fail('an object was expected')
    const depth = this.#depth
    if (depth === DEPTH_MAX) this.fail('values are nested too deeply')
    this.pos++
    this.space()
    this.#starts[depth] = this.pos
    this.#resume[depth] = -1
    this.#bases[depth] = this.#count
    this.#depth = depth + 1
    this.atValue = false
  }

  /**
   * Looks for a member of the innermost object. True: the cursor stands at its value. Asking in the order of the frame
   * costs one pass; any other order works too, since the places of the members that were passed are kept.
   */
  find(name: Uint8Array): boolean {
    this.#toFrontier()
    const depth = this.#depth - 1
    const bytes = this.bytes
    let searched = false
    while (bytes[this.pos] !== CLOSE_OBJECT) {
      const before = this.pos
      this.#separator()
      const nameAt = this.pos
      if (this.#nameIs(nameAt, name)) {
        this.pos = nameAt + name.length + 2
        this.colon()
        this.#passed(nameAt, this.pos)
        this.atValue = true
        return true
      }
      if (!searched) {
        if (this.#findPassed(name)) {
          this.#resume[depth] = before
          return true
        }
        searched = true
      }
      this.skipString()
      this.colon()
      this.#passed(nameAt, this.pos)
      this.skipValue(0)
    }
    if (searched) return false
    const close = this.pos
    if (!this.#findPassed(name)) return false
    this.#resume[depth] = close
    return true
  }

  /** find() for a member that the venue documents as always there. */
  require(name: Uint8Array): void {
    if (!this.find(name)) this.fail(`the member "${String.fromCharCode(...name)}" is missing`)
  }

  /** Leaves the innermost object, reading over what is left of it. */
  leave(): void {
    this.#toFrontier()
    while (this.bytes[this.pos] !== CLOSE_OBJECT) {
      this.#separator()
      this.skipString()
      this.colon()
      this.skipValue(0)
    }
    this.#pop()
  }

  /** Calls `each` with every member's name of the object at the cursor; the value may be taken or left. */
  members(each: (name: string) => void): void {
    this.enter()
    const depth = this.#depth
    while (this.bytes[this.pos] !== CLOSE_OBJECT) {
      this.#separator()
      const name = this.text()
      this.colon()
      this.atValue = true
      each(name)
      if (this.atValue) this.skip()
      if (this.#depth !== depth) this.fail('an object was left open')
    }
    this.#pop()
  }

  /** Enters the array at the cursor. Follow with `while (next()) take a value`. */
  array(): void {
    this.need()
    if (this.bytes[this.pos] !== OPEN_ARRAY) this.fail('an array was expected')
    this.pos++
    this.space()
    this.atValue = false
    this.#firstElement = true
  }

  /** Moves to the next element; false: the array ended and was left. */
  next(): boolean {
    if (this.atValue) this.skip()
    const byte = this.bytes[this.pos]
    if (byte === CLOSE_ARRAY) {
      this.pos++
      this.space()
      this.#firstElement = false
      return false
    }
    if (this.#firstElement) {
      this.#firstElement = false
    } else {
      if (byte !== COMMA) this.fail('a comma was expected')
      this.pos++
      this.space()
      if (this.bytes[this.pos] === CLOSE_ARRAY) this.fail('a value was expected')
    }
    if (this.pos >= this.length) this.fail('the frame ends in the middle')
    this.atValue = true
    return true
  }

  /** Leaves the array that next() walks, reading over the elements that are left. */
  leaveArray(): void {
    while (this.next()) this.skip()
  }

  /** The frame must end here. */
  end(): void {
    if (this.atValue) this.skip()
    if (this.#depth !== 0) this.fail('an object was left open')
    if (this.pos !== this.length) this.fail('there is more behind the end')
  }

  /** Takes a string value. */
  string(): string {
    this.need()
    this.atValue = false
    return this.text()
  }

  /** Takes a string value and returns what the table holds for it. No string is made when the table knows it. */
  intern<Value>(table: ByteTable<Value>): Value {
    this.need()
    const bytes = this.bytes
    const start = this.pos + 1
    if (bytes[this.pos] !== QUOTE) this.fail('a string was expected')
    let pos = start
    let hash = 0
    let byte = bytes[pos] as number
    while (byte !== QUOTE && byte !== BACKSLASH && byte >= SPACE) {
      hash = Math.imul(hash ^ byte, 0x01000193)
      byte = bytes[++pos] as number
    }
    if (byte === QUOTE) {
      const known = table.find(bytes, start, pos, hash)
      if (known !== undefined) {
        this.take(pos + 1)
        return known
      }
    }
    const text = this.string()
    // An escaped text is not kept by its bytes: their hash is not that of the whole.
    return byte === QUOTE ? table.add(bytes, start, pos, hash, text) : table.make(text)
  }

  /** True and the value taken if it is a string of exactly these bytes; otherwise false and nothing taken. */
  takeIf(text: Uint8Array): boolean {
    this.need()
    if (!this.#nameIs(this.pos, text)) return false
    this.take(this.pos + text.length + 2)
    return true
  }

  boolean(): boolean {
    this.need()
    const value = this.bytes[this.pos] === 0x74
    if (!value && this.bytes[this.pos] !== 0x66) this.fail('true or false was expected')
    this.skip()
    return value
  }

  /** Takes a value of any kind as the text that it has in the frame, for messages. */
  raw(): string {
    const start = this.pos
    this.skip()
    return Buffer.from(this.bytes.subarray(start, this.pos)).toString('utf8').trim()
  }

  /** Reads over the value at the cursor. */
  skip(): void {
    this.need()
    this.atValue = false
    this.skipValue(0)
  }

  // ---- for JsonReader

  /** The value at the cursor ends before `pos`. */
  protected take(pos: number): void {
    this.pos = pos
    this.atValue = false
    this.space()
  }

  protected need(): void {
    if (!this.atValue) this.fail('no value is at the cursor')
    if (this.pos >= this.length) this.fail('the frame ends in the middle')
  }

  // ---- internals

  /** Reads over the value at the cursor, unless it lies behind what was scanned already, and goes on from there. */
  #toFrontier(): void {
    const depth = this.#depth - 1
    if (depth < 0) this.fail('no object is open')
    const resume = this.#resume[depth] as number
    if (resume >= 0) {
      this.pos = resume
      this.#resume[depth] = -1
      this.atValue = false
    } else if (this.atValue) {
      this.skip()
    }
  }

  #pop(): void {
    const depth = --this.#depth
    this.#count = this.#bases[depth] as number
    this.pos++
    this.space()
  }

  #passed(nameAt: number, valueAt: number): void {
    const at = this.#count
    if (at === this.#members.length) {
      const more = new Int32Array(at * 2)
      more.set(this.#members)
      this.#members = more
    }
    this.#members[at] = nameAt
    this.#members[at + 1] = valueAt
    this.#count = at + 2
  }

  #findPassed(name: Uint8Array): boolean {
    const members = this.#members
    for (let i = this.#bases[this.#depth - 1] as number; i < this.#count; i += 2) {
      if (this.#nameIs(members[i] as number, name)) {
        this.pos = members[i + 1] as number
        this.atValue = true
        return true
      }
    }
    return false
  }

  /** True if a string of exactly these bytes stands at `at`. */
  #nameIs(at: number, name: Uint8Array): boolean {
    const bytes = this.bytes
    const length = name.length
    if (bytes[at] !== QUOTE) return false
    for (let i = 0; i < length; i++) if (bytes[at + 1 + i] !== name[i]) return false
    return bytes[at + 1 + length] === QUOTE
  }

  /** Reads the comma between two members, or nothing before the first one, and checks that a name follows. */
  #separator(): void {
    const bytes = this.bytes
    if (this.pos !== this.#starts[this.#depth - 1]) {
      if (bytes[this.pos] !== COMMA) this.fail('a comma was expected')
      this.pos++
      this.space()
    }
    if (bytes[this.pos] !== QUOTE) this.fail('a member was expected')
  }

  protected text(): string {
    const start = this.pos
    const plain = this.skipString()
    const text = plain
      ? latin1(this.bytes, start + 1, this.pos - 1)
      : (JSON.parse(Buffer.from(this.bytes.subarray(start, this.pos)).toString('utf8')) as string)
    this.space()
    return text
  }
}
