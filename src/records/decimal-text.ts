// Exact decimals as text: a mantissa and a count of decimals, both ways. No float64 on the path.
import { Decimal } from 'decimal.js'
import { NONE_I64, PrintRule } from './layout.ts'

/**
 * The venue's own text of a mantissa: 2816547000000 at 8 decimals is "28165.47000000" (fixed) or "28165.47" (minimal).
 * `mantissa` is an i64; a safe integer may be given as a number.
 */
export function decimalText(mantissa: bigint | number, decimals: number, print: PrintRule): string {
  const negative = mantissa < 0
  let digits = (negative ? -mantissa : mantissa).toString()
  if (decimals > 0) {
    if (digits.length <= decimals) digits = digits.padStart(decimals + 1, '0')
    const point = digits.length - decimals
    let end = digits.length
    if (print === PrintRule.minimal) while (end > point && digits.charCodeAt(end - 1) === 0x30) end--
    digits = end === point ? digits.slice(0, point) : `${digits.slice(0, point)}.${digits.slice(point, end)}`
  }
  return negative ? `-${digits}` : digits
}

/** The same as a decimal.js value, for arithmetic; null for "none". */
export function toDecimal(mantissa: bigint, decimals: number): Decimal | null {
  return mantissa === NONE_I64 ? null : new Decimal(mantissa.toString()).mul(new Decimal(10).pow(-decimals))
}
