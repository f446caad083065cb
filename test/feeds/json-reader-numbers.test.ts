import { Decimal } from 'decimal.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DECIMAL_OK, DECIMAL_OVERFLOW, FrameError, JsonReader } from '../../src/feeds/json-reader.ts'
import { NONE_I64 } from '../../src/records/layout.ts'
import { decimalOf } from '../helpers/decimals.ts'

const INT64_MAX = 2n ** 63n - 1n
const Exact = Decimal.clone({ precision: 200, toExpNeg: -1e9, toExpPos: 1e9 })

function reading(text: string): JsonReader {
  const reader = new JsonReader()
  reader.reset(Buffer.from(text))
  return reader
}

/** The two words as one signed integer, from the words alone. */
const signed = (reader: JsonReader): bigint => (BigInt(reader.high) << 32n) | BigInt(reader.low >>> 0)

/** A mantissa, or the status when there is none. */
function decimal(text: string, decimals: number, minimal = false): bigint | string {
  const reader = reading(text)
  const status = reader.decimal(decimals, minimal)
  reader.end()
  if (status === DECIMAL_OK) return signed(reader)
  return status === DECIMAL_OVERFLOW ? 'overflow' : `needs ${status}`
}

describe('decimal', () => {
  const mantissas = fc.oneof(
    fc.bigInt({ min: -INT64_MAX, max: INT64_MAX }),
    fc.bigInt({ min: -(2n ** 54n), max: 2n ** 54n }),
    fc.bigInt({ min: -1000n, max: 1000n }),
    fc.constantFrom(
      INT64_MAX,
      -INT64_MAX,
      2n ** 53n,
      2n ** 53n + 1n,
      999_999_999n,
      1_000_000_000n,
      9_999_999_999_999_999n,
    ),
  )

  it('takes every mantissa at its own decimals, as a string and as a number', () => {
    fc.assert(
      fc.property(mantissas, fc.nat(18), (mantissa, decimals) => {
        const text = decimalOf(mantissa, decimals)
        expect(decimal(`"${text}"`, decimals)).toBe(mantissa)
        expect(decimal(text, decimals)).toBe(mantissa)
      }),
      { numRuns: 1000 },
    )
  })

  it('rescales as BigInt arithmetic does, and says when it cannot', () => {
    fc.assert(
      fc.property(mantissas, fc.nat(18), fc.nat(18), (mantissa, written, decimals) => {
        const scaled = mantissa * 10n ** BigInt(Math.max(0, decimals - written))
        const fits = scaled <= INT64_MAX && scaled >= -INT64_MAX
        const expected = decimals < written ? `needs ${written}` : fits ? scaled : 'overflow'
        expect(decimal(`"${decimalOf(mantissa, written)}"`, decimals)).toBe(expected)
      }),
      { numRuns: 1000 },
    )
  })

  it('drops trailing zeros where the venue prints none, and agrees with decimal.js on exponents', () => {
    const exponents = fc.integer({ min: -20, max: 20 })
    fc.assert(
      fc.property(
        mantissas,
        fc.nat(6),
        exponents,
        fc.constantFrom('e', 'E', 'e+'),
        (mantissa, point, exponent, letter) => {
          const sign = letter === 'e+' && exponent < 0 ? 'e' : letter
          const text = `${decimalOf(mantissa, point)}${sign}${exponent}`
          const value = new Exact(mantissa.toString()).mul(new Exact(10).pow(exponent - point))
          const scaled = value.mul(new Exact(10).pow(18))
          const needs = value.isZero() ? 0 : value.decimalPlaces()
          const fits = scaled.abs().lte(INT64_MAX.toString())
          const expected = needs > 18 ? `needs ${needs}` : fits ? BigInt(scaled.toFixed(0)) : 'overflow'
          expect(decimal(text, 18, true)).toBe(expected)
          expect(decimal(text, 18, false)).toBe(expected)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['9.121E-7', 10, 9121n],
    ['9.121E-7', 9, 'needs 10'],
    ['"1127313210.00855204"', 8, 112731321000855204n],
    ['"12345678901.00000000"', 8, 1234567890100000000n],
    ['"0.00000000"', 8, 0n],
    ['-0.5', 1, -5n],
    ['1e3', 0, 1000n],
    ['0e99', 0, 0n],
    ['"92233720368.54775807"', 8, INT64_MAX],
    ['"92233720368.54775808"', 8, 'overflow'],
    // Its bytes would be those of "none".
    ['"-92233720368.54775808"', 8, 'overflow'],
    ['1e999', 0, 'overflow'],
    ['"1.50"', 1, 'needs 2'],
  ])('takes %s at %i decimals', (text, decimals, expected) => {
    expect(decimal(text, decimals)).toBe(expected)
  })

  it('keeps trailing zeros or drops them as the rule says', () => {
    expect(decimal('"1.50"', 1, true)).toBe(15n)
    expect(decimal('"100.00"', 0, true)).toBe(100n)
    expect(decimal('"0.000"', 0, true)).toBe(0n)
    expect(decimal('1000', 0, true)).toBe(1000n)
  })

  it.each([
    '""',
    '"',
    '"-"',
    '-',
    '"."',
    '".5"',
    '"1."',
    '1.',
    '01',
    '"01.5"',
    '-01',
    '+1',
    '"+1"',
    '" 1"',
    '"1 "',
    '"1,5"',
    '1.2.3',
    '"1.2.3"',
    '"0x10"',
    '"NaN"',
    '"Infinity"',
    'null',
    'true',
    '[1]',
    '{}',
    '1e',
    '"1e+"',
    '1e1.5',
    '"1e1234"',
    '--1',
    '"१"',
    '1_000',
  ])('refuses %s', (text) => {
    expect(() => decimal(text, 8)).toThrow(FrameError)
  })
})

describe('unsigned', () => {
  it('takes every id below the mark of "none" exactly, as a number and as a string', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 2n }), fc.bigInt({ min: 0n, max: 2n ** 54n })),
        (id) => {
          for (const text of [`${id}`, `"${id}"`]) {
            const reader = reading(text)
            reader.unsigned()
            reader.end()
            expect(reader.bigint).toBe(id)
            expect(BigInt.asUintN(64, signed(reader))).toBe(id)
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  it.each([
    '18446744073709551615',
    '99999999999999999999',
    '-1',
    '1.0',
    '1e3',
    '""',
    '"1',
    '"1 "',
    '007',
    'null',
    '"abc"',
  ])('refuses %s', (text) => {
    const reader = reading(text)
    expect(() => {
      reader.unsigned()
      reader.end()
    }).toThrow(FrameError)
  })
})

describe('times', () => {
  const take = (text: string, how: (reader: JsonReader) => void): bigint => {
    const reader = reading(text)
    how(reader)
    reader.end()
    return signed(reader)
  }
  const HOW = {
    milliseconds: (reader: JsonReader) => reader.milliseconds(),
    microseconds: (reader: JsonReader) => reader.microseconds(),
    either: (reader: JsonReader) => reader.millisOrMicros(),
    seconds: (reader: JsonReader) => reader.seconds(),
    iso: (reader: JsonReader) => reader.isoTime(),
  }
  /** Up to the year 2200. */
  const nanos = fc.bigInt({ min: 0n, max: 7_258_118_400_000_000_000n })

  it('gives ns for milliseconds and microseconds, and tells the two apart by their size', () => {
    fc.assert(
      fc.property(nanos, (ns) => {
        expect(take(`${ns / 1_000_000n}`, HOW.milliseconds)).toBe((ns / 1_000_000n) * 1_000_000n)
        expect(take(`"${ns / 1000n}"`, HOW.microseconds)).toBe((ns / 1000n) * 1000n)
        expect(take(`${ns / 1_000_000n}`, HOW.either)).toBe((ns / 1_000_000n) * 1_000_000n)
      }),
    )
    expect(take('1723161255343', HOW.either)).toBe(1723161255343000000n)
    expect(take('1723161255343217', HOW.either)).toBe(1723161255343217000n)
  })

  it('gives ns for seconds with up to nine decimals and for ISO texts', () => {
    fc.assert(
      fc.property(nanos, fc.nat(9), (ns, digits) => {
        const kept = ns - (ns % 10n ** BigInt(9 - digits))
        const fraction = decimalOf(kept, 9).split('.')[1]?.slice(0, digits)
        const point = digits === 0 ? '' : `.${fraction}`
        expect(take(`${kept / 1_000_000_000n}${point}`, HOW.seconds)).toBe(kept)
        const date = new Date(Number(kept / 1_000_000n)).toISOString().slice(0, 19)
        expect(take(`"${date}${point}Z"`, HOW.iso)).toBe(kept)
      }),
    )
  })

  it('reads the zero time of some venues as none', () => {
    expect(take('"0001-01-01T00:00:00Z"', HOW.iso)).toBe(NONE_I64)
  })

  it.each([
    ['either', '17231612553432170'],
    ['either', '-1'],
    ['either', '1723161255343.5'],
    ['milliseconds', '99999999999999999'],
    ['seconds', '1618678136.2281551234'],
    ['seconds', '1618678136.'],
    ['seconds', '"1618678136'],
    ['seconds', '1.6e9'],
    ['iso', '"2026-02-30T00:00:00Z"'],
    ['iso', '"2026-13-01T00:00:00Z"'],
    ['iso', '"2026-01-01T24:00:00Z"'],
    ['iso', '"2026-01-01T00:60:00Z"'],
    ['iso', '"2026-01-01 00:00:00Z"'],
    ['iso', '"2026-01-01T00:00:00+01:00"'],
    ['iso', '"2026-01-01T00:00:00.Z"'],
    ['iso', '"2026-01-01T00:00:00.1234567890Z"'],
    ['iso', '"2026/01/01T00:00:00Z"'],
    ['iso', '"2026"'],
    ['iso', '""'],
    ['iso', '1767225600'],
    ['iso', '"1969-12-31T23:59:59Z"'],
  ] as const)('refuses %s %s', (how, text) => {
    expect(() => take(text, HOW[how])).toThrow(FrameError)
  })
})
