// Decimals as text by string arithmetic alone: what the product's own printing is compared with.

/** A mantissa with a point put before its last digits: (2816547n, 2) is "28165.47"; "none" for none. */
export function decimalOf(mantissa: bigint | undefined, decimals: number): string {
  if (mantissa === undefined) return 'none'
  const sign = mantissa < 0n ? '-' : ''
  const digits = String(mantissa < 0n ? -mantissa : mantissa).padStart(decimals + 1, '0')
  const point = digits.length - decimals
  return decimals === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}
