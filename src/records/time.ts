// Times as people write them: ISO 8601 with up to nine fractional digits, or integer nanoseconds since 1970, UTC.
import { TickforgeError } from '../errors.ts'

const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})?)?$/
const NS_PER_SECOND = 1_000_000_000n
/** Receive times that a record can have: an i64 of ns, of which the least one means none. 1677-09-21 to 2262-04-11. */
export const TIME_MIN = -(2n ** 63n) + 1n
export const TIME_MAX = 2n ** 63n - 1n

/** The time that a record can have which is nearest to this one. */
export function clampTime(ns: bigint): bigint {
  if (ns < TIME_MIN) return TIME_MIN
  return ns > TIME_MAX ? TIME_MAX : ns
}

/** Nanoseconds of a time. Without a zone it is UTC. Throws TF_BAD_TIME naming `option`. */
export function parseTime(text: string, option: string): bigint {
  if (/^-?\d{1,40}$/.test(text) && !/^\d{4}$/.test(text)) return BigInt(text)
  const parts = ISO.exec(text.trim())
  if (parts === null) throw new TickforgeError('TF_BAD_TIME', `${option}: '${text}' is not a time`)
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = parts
  const fields = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  const back = new Date(Date.UTC(2000, 0, 1, fields[3], fields[4], fields[5]))
  const ms = back.setUTCFullYear(fields[0], fields[1] - 1, fields[2])
  if (
    back.getUTCMonth() !== fields[1] - 1 ||
    back.getUTCDate() !== fields[2] ||
    back.getUTCHours() !== fields[3] ||
    fields[4] > 59 ||
    fields[5] > 59
  ) {
    throw new TickforgeError('TF_BAD_TIME', `${option}: '${text}' is not in the calendar`)
  }
  let ns = BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
  if (zone !== 'Z') {
    const sign = zone.startsWith('-') ? 1n : -1n
    ns += sign * (BigInt(zone.slice(1, 3)) * 3600n + BigInt(zone.slice(-2)) * 60n) * NS_PER_SECOND
  }
  return ns
}

/** ISO 8601 with nine fractional digits, UTC: '2024-08-08T23:54:16.172217566Z'. */
export function formatTime(ns: bigint): string {
  const fraction = ((ns % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND
  const ms = Number((ns - fraction) / 1_000_000n)
  return `${new Date(ms).toISOString().slice(0, 19)}.${fraction.toString().padStart(9, '0')}Z`
}

/** Nanoseconds as a short duration for people: '1h 02m', '12.3 s', '850 ms'. */
export function formatDuration(ns: bigint): string {
  const seconds = Number(ns / 1_000_000n) / 1000
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m ${String(Math.floor(seconds % 60)).padStart(2, '0')}s`
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, '0')}m`
}
