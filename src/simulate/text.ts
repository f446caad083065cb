// Numbers and times as venues write them, from integers. It shares nothing with the reading side, on purpose.

/** `units` of 10^-scale with all decimals: fixed(6183763, 2) is '61837.63'. Units are below 2^53. */
export function fixed(units: number, scale: number): string {
  if (scale === 0) return String(units)
  const digits = String(units).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${digits.slice(0, point)}.${digits.slice(point)}`
}

/** The same without trailing zeros: trimmed(6506250, 2) is '65062.5', trimmed(0, 8) is '0'. */
export function trimmed(units: number, scale: number): string {
  const text = fixed(units, scale)
  return scale === 0 ? text : text.replace(/\.?0+$/, '')
}

const NS_PER_SECOND = 1_000_000_000n

/** ISO 8601 in UTC with `digits` decimals of the second, for ns since 1970. */
export function isoTime(ns: bigint, digits: number): string {
  const seconds = new Date(Number(ns / NS_PER_SECOND) * 1000).toISOString().slice(0, 19)
  const fraction = String(ns % NS_PER_SECOND).padStart(9, '0')
  return `${seconds}.${fraction.slice(0, digits)}Z`
}

/** The same as Go prints it: without trailing zeros of the fraction. */
export function goTime(ns: bigint): string {
  return isoTime(ns, 9).replace(/\.?0+Z$/, 'Z')
}
