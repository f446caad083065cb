// Reads a frame's JSON on demand: members are found where they are asked for, numbers are read digit by digit into
// integers, and nothing else is built. Two reasons: JSON.parse turns numbers into float64, which a price must never
// pass through, and this is faster than building objects that live for a microsecond.
import { JsonCursor } from './json-cursor.ts'
import { isDigit, latin1, MINUS, NINE, PLUS, POINT, QUOTE, ZERO } from './json-scanner.ts'

export { FrameError, key, keys } from './json-scanner.ts'

export const DECIMAL_OK = 0
/** The mantissa does not fit 64 bits at the wanted number of decimals. */
export const DECIMAL_OVERFLOW = -1

const TWO_16 = 65536
const TWO_32 = 4294967296
const INT32_MAX = 2147483647
const TWO_47 = 140737488355328
/** A float64 holds every integer of this many digits. */
const EXACT_DIGITS = 15
const POWERS = Float64Array.from({ length: EXACT_DIGITS + 1 }, (_, i) => 10 ** i)

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n
const UINT64_MAX = 2n ** 64n - 1n
const NONE_HIGH = -2147483648

const scratch64 = new BigInt64Array(1)
const scratchU64 = new BigUint64Array(scratch64.buffer)
const scratch32 = new Int32Array(scratch64.buffer)

export class JsonReader extends JsonCursor {
  /** Result of decimal(), unsigned() and the time functions: the two words of an i64 or u64. */
  low = 0
  high = 0

  /** Of the digits that #digits() read: their value, exact where it is a safe integer of up to 16, and how many. */
  #value = 0
  #count = 0

  #dayKey = -1
  #daySeconds = 0

  /**
   * Takes an exact decimal, a JSON number or the same text in a string, as a mantissa at `decimals` decimals in
   * low/high. Returns DECIMAL_OK, DECIMAL_OVERFLOW, or the number of decimals that the value needs when that is more.
   * `minimal`: trailing zeros are not kept (they are counted otherwise, because a venue's own text had them).
   */
  decimal(decimals: number, minimal: boolean): number {
    this.need()
    const bytes = this.bytes
    let pos = this.pos
    const quoted = bytes[pos] === QUOTE
    if (quoted) pos++
    const start = pos
    const negative = bytes[pos] === MINUS
    if (negative) pos++
    const integerStart = pos
    // Nine digits fit an int32, which is faster than a float64; both parts are gathered by themselves.
    let byte = bytes[pos] as number
    let whole = 0
    while (byte >= ZERO && byte <= NINE && pos - integerStart < 9) {
      whole = (Math.imul(whole, 10) + byte - ZERO) | 0
      byte = bytes[++pos] as number
    }
    while (byte >= ZERO && byte <= NINE) {
      whole = whole * 10 + (byte - ZERO)
      byte = bytes[++pos] as number
    }
    const wholeDigits = pos - integerStart
    if (wholeDigits === 0) return this.fail('a number was expected')
    if (wholeDigits > 1 && bytes[integerStart] === ZERO) return this.fail('a number starts with 0')
    let part = 0
    let fraction = 0
    if (byte === POINT) {
      const fractionStart = ++pos
      byte = bytes[pos] as number
      while (byte >= ZERO && byte <= NINE && pos - fractionStart < 9) {
        part = (Math.imul(part, 10) + byte - ZERO) | 0
        byte = bytes[++pos] as number
      }
      while (byte >= ZERO && byte <= NINE) {
        part = part * 10 + (byte - ZERO)
        byte = bytes[++pos] as number
      }
      fraction = pos - fractionStart
      if (fraction === 0) return this.fail('a digit was expected')
    }
    const simple = byte !== 0x65 && byte !== 0x45 && wholeDigits <= EXACT_DIGITS && fraction <= EXACT_DIGITS
    if (!simple || decimals > EXACT_DIGITS || (minimal && fraction > decimals && bytes[pos - 1] === ZERO)) {
      return this.#decimalSlow(start, quoted, decimals, minimal)
    }
    if (quoted && byte !== QUOTE) return this.fail('a number was expected')
    if (fraction > decimals) {
      this.take(quoted ? pos + 1 : pos)
      return fraction
    }
    const unit = POWERS[decimals] as number
    const rest = part * (POWERS[decimals - fraction] as number)
    const mantissa = whole * unit + rest
    if (mantissa <= Number.MAX_SAFE_INTEGER) {
      const value = negative ? -mantissa : mantissa
      this.low = value | 0
      this.high = Math.floor(value / TWO_32)
    } else if (negative || !this.#product(whole, unit, rest)) {
      return this.#decimalSlow(start, quoted, decimals, minimal)
    }
    this.take(quoted ? pos + 1 : pos)
    return DECIMAL_OK
  }

  /** Takes an unsigned integer below 2^64, a number or the same digits in a string, into low/high. */
  unsigned(): void {
    const start = this.#digits('an unsigned integer was expected')
    if (this.#count > EXACT_DIGITS) {
      const big = BigInt(latin1(this.bytes, start, start + this.#count))
      // The largest one is the mark of "none" and so not a value.
      if (big >= UINT64_MAX) this.fail('an integer does not fit 64 bits')
      scratchU64[0] = big
      this.low = scratch32[0] as number
      this.high = scratch32[1] as number
      return
    }
    const value = this.#value
    this.low = value | 0
    this.high = Math.floor(value / TWO_32)
  }

  /** The last low/high as an unsigned bigint. */
  get bigint(): bigint {
    scratch32[0] = this.low
    scratch32[1] = this.high
    return scratchU64[0] as bigint
  }

  /** Takes an integer of milliseconds since the epoch, as ns in low/high. */
  milliseconds(): void {
    this.#epoch(1_000_000)
  }

  /** Takes an integer of microseconds since the epoch, as ns in low/high. */
  microseconds(): void {
    this.#epoch(1_000)
  }

  /**
   * Takes an integer of milliseconds, or of microseconds if it has 16 digits or more, since the epoch, as ns in
   * low/high. The two cannot be taken for one another: as milliseconds, 16 digits lie behind the year 33000.
   */
  millisOrMicros(): void {
    this.#digits('a time was expected')
    this.#time(this.#safeValue(), this.#count > EXACT_DIGITS ? 1_000 : 1_000_000, 0)
  }

  /** Takes seconds since the epoch with up to nine decimals, "1618678136.228155", as ns in low/high. */
  seconds(): void {
    this.need()
    const bytes = this.bytes
    let pos = this.pos
    const quoted = bytes[pos] === QUOTE
    if (quoted) pos++
    const start = pos
    let seconds = 0
    for (; isDigit(bytes[pos] as number); pos++) seconds = seconds * 10 + ((bytes[pos] as number) - ZERO)
    if (pos === start || pos - start > 11 || (bytes[start] === ZERO && pos > start + 1))
      this.fail('a time was expected')
    let nanos = 0
    if (bytes[pos] === POINT) {
      const fraction = ++pos
      for (let scale = 100_000_000; isDigit(bytes[pos] as number); pos++, scale /= 10) {
        if (scale < 1) this.fail('a time has more than nine decimals')
        nanos += ((bytes[pos] as number) - ZERO) * scale
      }
      if (pos === fraction) this.fail('a digit was expected')
    }
    if (bytes[pos] === 0x65 || bytes[pos] === 0x45) this.fail('a time was expected')
    if (quoted && bytes[pos++] !== QUOTE) this.fail('a time was expected')
    this.take(pos)
    this.#time(seconds, 1_000_000_000, nanos)
  }

  /**
   * Takes an RFC 3339 time in UTC with up to nine fractional digits, "2026-08-09T21:05:48.228568804Z", as ns in
   * low/high. The year 1, a zero time that some venues send for "unknown", becomes "none".
   */
  isoTime(): void {
    this.need()
    const bytes = this.bytes
    const at = this.pos
    if (bytes[at] !== QUOTE || this.length - at < 21) this.fail('a time was expected')
    const year = this.#two(at + 1) * 100 + this.#two(at + 3)
    const month = this.#two(at + 6)
    const day = this.#two(at + 9)
    const dayKey = (year * 100 + month) * 100 + day
    if (dayKey !== this.#dayKey) this.#setDay(year, month, day, dayKey)
    const hour = this.#two(at + 12)
    const minute = this.#two(at + 15)
    const second = this.#two(at + 18)
    const separated =
      bytes[at + 5] === MINUS && bytes[at + 8] === MINUS && bytes[at + 14] === 0x3a && bytes[at + 17] === 0x3a
    if (!separated || bytes[at + 11] !== 0x54 || hour > 23 || minute > 59 || second > 60)
      this.fail('a time was expected')
    let pos = at + 20
    let nanos = 0
    if (bytes[pos] === POINT) {
      const fraction = ++pos
      for (let scale = 100_000_000; scale >= 1 && isDigit(bytes[pos] as number); scale /= 10) {
        nanos += ((bytes[pos++] as number) - ZERO) * scale
      }
      if (pos === fraction) this.fail('a digit was expected')
    }
    if (bytes[pos] !== 0x5a || bytes[pos + 1] !== QUOTE) this.fail('a time in UTC was expected')
    this.take(pos + 2)
    if (year === 1) {
      this.low = 0
      this.high = NONE_HIGH
    } else {
      this.#time(this.#daySeconds + hour * 3600 + minute * 60 + second, 1_000_000_000, nanos)
    }
  }

  // ---- internals

  /** Takes an unsigned integer into #value and #count; returns where its digits start. */
  #digits(expected: string): number {
    this.need()
    const bytes = this.bytes
    let pos = this.pos
    const quoted = bytes[pos] === QUOTE
    if (quoted) pos++
    const start = pos
    let first = 0
    let rest = 0
    let byte = bytes[pos] as number
    while (byte >= ZERO && byte <= NINE) {
      if (pos - start < 9) first = (Math.imul(first, 10) + byte - ZERO) | 0
      else rest = rest * 10 + (byte - ZERO)
      byte = bytes[++pos] as number
    }
    const count = pos - start
    if (count === 0 || (count > 1 && bytes[start] === ZERO)) this.fail(expected)
    if (quoted ? byte !== QUOTE : byte === POINT || byte === 0x65 || byte === 0x45) this.fail(expected)
    this.take(quoted ? pos + 1 : pos)
    this.#count = count
    this.#value = count <= 9 ? first : count <= EXACT_DIGITS + 1 ? first * (POWERS[count - 9] as number) + rest : 0
    return start
  }

  #two(at: number): number {
    const tens = (this.bytes[at] as number) - ZERO
    const ones = (this.bytes[at + 1] as number) - ZERO
    if (!(tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9)) this.fail('a time was expected')
    return tens * 10 + ones
  }

  #setDay(year: number, month: number, day: number, dayKey: number): void {
    const date = new Date(Date.UTC(year, month - 1, day))
    if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) this.fail('a time was expected')
    this.#dayKey = dayKey
    this.#daySeconds = date.getTime() / 1000
  }

  #time(value: number, unit: number, rest: number): void {
    if (!this.#product(value, unit, rest)) this.fail('a time is out of range')
  }

  #epoch(unit: number): void {
    this.#digits('a time was expected')
    this.#time(this.#safeValue(), unit, 0)
  }

  /** The digits that #digits() took, as a number; they must be a safe integer. */
  #safeValue(): number {
    if (this.#count > EXACT_DIGITS + 1 || this.#value > Number.MAX_SAFE_INTEGER) this.fail('a time is out of range')
    return this.#value
  }

  /** low/high = value * unit + rest, without losing a bit; false and nothing set if it may not fit 63 bits. */
  #product(value: number, unit: number, rest: number): boolean {
    const above = Math.floor(value / TWO_16)
    const highPart = above * unit
    const lowPart = (value - above * TWO_16) * unit + rest
    if (!(value >= 0 && highPart < TWO_47 && lowPart <= Number.MAX_SAFE_INTEGER)) return false
    const middle = Math.floor(highPart / TWO_16)
    const low = (highPart - middle * TWO_16) * TWO_16 + lowPart
    const high = middle + Math.floor(low / TWO_32)
    if (low > Number.MAX_SAFE_INTEGER || high > INT32_MAX) return false
    this.low = low | 0
    this.high = high
    return true
  }

  #setBig(magnitude: bigint, negative: boolean): number {
    const value = negative ? -magnitude : magnitude
    // The smallest i64 is the mark of "none" and so not a value.
    if (value > INT64_MAX || value <= INT64_MIN) return DECIMAL_OVERFLOW
    scratch64[0] = value
    this.low = scratch32[0] as number
    this.high = scratch32[1] as number
    return DECIMAL_OK
  }

  /** Exponents, more than 15 digits, trailing zeros to drop: rare, and so by bigint. */
  #decimalSlow(start: number, quoted: boolean, decimals: number, minimal: boolean): number {
    let end = start
    while (isNumberByte(this.bytes[end] as number)) end++
    const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(latin1(this.bytes, start, end))
    if (parts === null || (quoted && this.bytes[end] !== QUOTE)) return this.fail('a number was expected')
    this.take(quoted ? end + 1 : end)
    let digits = (parts[2] as string) + (parts[3] ?? '')
    let fraction = (parts[3] ?? '').length - Number.parseInt(parts[4] ?? '0', 10)
    if (minimal || parts[4] !== undefined) {
      const stripped = digits.replace(/0+$/, '')
      fraction = stripped === '' ? 0 : fraction - (digits.length - stripped.length)
      digits = stripped === '' ? '0' : stripped
    }
    if (fraction > decimals) return fraction
    const shift = decimals - fraction
    const magnitude = BigInt(digits)
    if (magnitude === 0n) return this.#setBig(0n, false)
    if (shift > 40) return DECIMAL_OVERFLOW
    return this.#setBig(magnitude * 10n ** BigInt(shift), parts[1] === '-')
  }
}

function isNumberByte(byte: number): boolean {
  return isDigit(byte) || byte === MINUS || byte === PLUS || byte === POINT || byte === 0x65 || byte === 0x45
}
