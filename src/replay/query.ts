// What a reader asks of a log: a time range, instruments, record types.
import { TickforgeError } from '../errors.ts'
import * as L from '../records/layout.ts'
import type { RecordName } from '../records/record-view.ts'
import { clampTime, formatTime, parseTime, TIME_MAX, TIME_MIN } from '../records/time.ts'

/** A time: ISO 8601, integer nanoseconds (as text or bigint), or a Date. */
export type TimeInput = string | bigint | Date

export interface Query {
  /** First receive time, inclusive. Default: the beginning. */
  from?: TimeInput
  /** Last receive time, exclusive. Default: the end. */
  to?: TimeInput
  /** 'venue:symbol'. Default: all. Records that concern no instrument (connections, texts) come only without it. */
  instruments?: readonly string[]
  /** Default: all. */
  types?: readonly RecordName[]
}

/** A query with its words resolved. */
export interface ResolvedQuery {
  from: bigint
  to: bigint
  instruments: ReadonlySet<string> | undefined
  /** By record type number: 1 = wanted. */
  wanted: Uint8Array
}

/** Checks a query. Throws TF_BAD_TIME, TF_BAD_RANGE, TF_USAGE (record type) or TF_UNKNOWN_INSTRUMENT. */
export function resolveQuery(query: Query, known: ReadonlySet<string>): ResolvedQuery {
  const from = query.from === undefined ? TIME_MIN : toTime(query.from, 'from')
  const to = query.to === undefined ? TIME_MAX : toTime(query.to, 'to')
  if (from > to) throw new TickforgeError('TF_BAD_RANGE', `from (${formatTime(from)}) is after to (${formatTime(to)})`)
  checkList(query.instruments, 'instruments')
  checkList(query.types, 'types')
  for (const instrument of query.instruments ?? []) {
    if (!known.has(instrument))
      throw new TickforgeError('TF_UNKNOWN_INSTRUMENT', `nothing was recorded of '${instrument}'`)
  }
  const wanted = new Uint8Array(256).fill(query.types === undefined ? 1 : 0)
  for (const type of query.types ?? []) {
    const number = (L.RecordType as Record<string, number>)[type]
    if (number === undefined) {
      throw new TickforgeError('TF_USAGE', `'${type}' is not a record type (${Object.keys(L.RecordType).join(', ')})`)
    }
    wanted[number] = 1
  }
  return { from, to, instruments: query.instruments === undefined ? undefined : new Set(query.instruments), wanted }
}

/**
 * ns since the epoch. A time that no record can have (1600-01-01, 9999-12-31) is the first or the last one that a record can
 * have: who writes it means an open end. Throws TF_BAD_TIME, which names the option.
 */
export function toTime(input: TimeInput, option: string): bigint {
  if (typeof input === 'bigint') return clampTime(input)
  if (typeof input === 'string') return clampTime(parseTime(input, option))
  const ms = input instanceof Date ? input.getTime() : Number.NaN
  if (Number.isNaN(ms))
    throw new TickforgeError(
      'TF_BAD_TIME',
      `${option}: '${String(input)}' is neither a Date, a text nor a bigint of ns`,
    )
  return clampTime(BigInt(Math.floor(ms)) * 1_000_000n)
}

/** Throws TF_USAGE for what JavaScript callers may give in place of a list. */
function checkList(list: unknown, option: string): void {
  if (list !== undefined && !(Array.isArray(list) && list.every((item) => typeof item === 'string')))
    throw new TickforgeError('TF_USAGE', `${option} must be an array of strings`)
}
