// Options that several commands share, checked once.
import { InvalidArgumentError, Option } from 'commander'
import { TickforgeError } from '../errors.ts'
import type { Endpoints } from '../feeds/feed.ts'
import { VENUES } from '../feeds/registry.ts'
import type { Durability } from '../native/binding.ts'
import { RecordType } from '../records/layout.ts'
import type { RecordName } from '../records/record-view.ts'
import type { Query } from '../replay/query.ts'
import { HANGUP_CHOICES } from './signals.ts'

/** The limits of the native core. */
const DURABILITY_MS_MIN = 1
const DURABILITY_MS_MAX = 3_600_000
const FLUSH_MS_MAX = 3_600_000
const RING_MIB_MAX = 16_384

const DURABILITY_HELP =
  'when it is on the disk: batch (synced as it is written), an interval such as 50ms, or os (when the operating system likes)'

/** Types that a reader hands out. */
const RECORD_TYPES: readonly string[] = Object.keys(RecordType).filter((name) => name !== 'invalid' && name !== 'mark')

/** 'a,b' given any number of times. */
export function list(value: string, before: string[] | undefined): string[] {
  return [
    ...(before ?? []),
    ...value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  ]
}

/** A number of the command line: digits with an optional fraction and exponent. No hex, no empty text, no Infinity. */
function numberOf(value: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim()) ? Number(value) : Number.NaN
}

/** Text of a range for messages and help: '1 to 65,535'. */
function rangeText(min: number, max: number): string {
  const format = new Intl.NumberFormat('en-US', { maximumFractionDigits: 6 })
  return `${format.format(min)} to ${format.format(max)}`
}

/** Parser of a number in a range, both ends included. */
export function numberFrom(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = numberOf(value)
    if (!(number >= min && number <= max))
      throw new InvalidArgumentError(`a number from ${rangeText(min, max)} was expected`)
    return number
  }
}

/** Parser of a whole number in a range, both ends included. */
export function wholeFrom(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = numberOf(value)
    if (!(Number.isInteger(number) && number >= min && number <= max))
      throw new InvalidArgumentError(`a whole number from ${rangeText(min, max)} was expected`)
    return number
  }
}

/** Parser of a list whose items are some of `choices`: 'a,b', any number of times. */
export function choicesOf(choices: readonly string[]): (value: string, before: string[] | undefined) => string[] {
  return (value, before) => {
    const items = list(value, before)
    const wrong = items.find((item) => !choices.includes(item))
    if (wrong !== undefined) throw new InvalidArgumentError(`'${wrong}' is none of ${choices.join(', ')}`)
    if (items.length === 0) throw new InvalidArgumentError(`one or more of ${choices.join(', ')} were expected`)
    return items
  }
}

/**
 * 'binance:BTCUSDT,kraken:BTC/USD' any number of times. A comma separates instruments only where a venue and a colon follow:
 * symbols may hold commas.
 */
export function instrumentList(value: string, before: string[] | undefined): string[] {
  const items = value
    .split(/,(?=\s*[a-z0-9_-]+:)/)
    .map((part) => part.replace(/^[\s,]+|[\s,]+$/g, ''))
    .filter((part) => part !== '')
  if (items.length === 0) throw new InvalidArgumentError('VENUE:SYMBOL was expected')
  return [...(before ?? []), ...items]
}

/** A value that contains commas, so that only repetition separates it from the next. */
export function repeated(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}

/** 'batch', 'os' or an interval: '50ms', '2s'. */
export function durability(value: string): Durability {
  if (value === 'batch' || value === 'os') return value
  const parts = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(value)
  const ms = parts === null ? 0 : Number(parts[1]) * (parts[2] === 's' ? 1000 : 1)
  if (!(ms >= DURABILITY_MS_MIN && ms <= DURABILITY_MS_MAX))
    throw new InvalidArgumentError('batch, os or an interval such as 50ms was expected, from 1ms to 3600s')
  return ms
}

const UNIT_SECONDS: Record<string, number> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }
const DURATION_S_MAX = 100 * 366 * 86_400

/** '15', '15s', '2m', '1h', '30d' in seconds. */
export function duration(value: string): number {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(value)
  const seconds = parts === null ? Number.NaN : Number(parts[1]) * (UNIT_SECONDS[parts[2] ?? 's'] as number)
  if (!(seconds <= DURATION_S_MAX))
    throw new InvalidArgumentError('a duration was expected, such as 15s, 2m, 1h or 30d, of at most 100 years')
  return seconds
}

/** The name of a journal. */
export function journalName(value: string): string {
  if (!/^[a-z0-9_-]{1,32}$/.test(value))
    throw new InvalidArgumentError('1 to 32 of the characters a to z, 0 to 9, _ and - were expected')
  return value
}

/** Bytes of a ring: MiB, a power of two. */
export function ringBytes(value: string): number {
  const mib = numberOf(value)
  if (!(Number.isInteger(Math.log2(mib)) && mib >= 1 && mib <= RING_MIB_MAX))
    throw new InvalidArgumentError(`a power of two from 1 to ${RING_MIB_MAX} was expected: 8, 16, 32 ...`)
  return mib * 1024 * 1024
}

/** Options that several commands have, each with the same words. A new one for each command: commander keeps state in it. */
export const shared = {
  directory: (): Option =>
    new Option('--dir <directory>', 'where to record to; created if it is not there')
      .env('TICKFORGE_DIR')
      .makeOptionMandatory(),
  journal: (): Option => new Option('--journal <name>', 'name of the journal').argParser(journalName).default('main'),
  durability: (): Option => new Option('--durability <when>', DURABILITY_HELP).argParser(durability).default('batch'),
  flushMs: (): Option =>
    new Option('--flush-ms <ms>', 'write a block that is not full after this time, at most 3600000')
      .argParser(numberFrom(0, FLUSH_MS_MAX))
      .default(100),
  ringBytes: (): Option =>
    new Option('--ring-mb <MiB>', `memory between receiving and writing, a power of two from 1 to ${RING_MIB_MAX}`)
      .argParser(ringBytes)
      .default(16 * 1024 * 1024, '16'),
  duration: (): Option => new Option('--duration <time>', 'stop by itself: 15s, 2m, 1h, 30d').argParser(duration),
  onHangup: (): Option =>
    new Option(
      '--on-hangup <what>',
      'at SIGHUP (a terminal is closed): stop in order, ignore it, or auto: ignore it under nohup, else stop',
    )
      .choices(HANGUP_CHOICES)
      .default('auto')
      .env('TICKFORGE_ON_HANGUP'),
  from: (): Option => new Option('--from <time>', 'first receive time, inclusive: ISO 8601 or integer ns'),
  to: (): Option => new Option('--to <time>', 'last receive time, exclusive'),
  instrument: (): Option =>
    new Option('--instrument <list>', 'VENUE:SYMBOL,...; default all').argParser(instrumentList),
  type: (): Option =>
    new Option('--type <list>', `some of ${RECORD_TYPES.join(',')}; default all`).argParser(choicesOf(RECORD_TYPES)),
}

export interface RangeOptions {
  from?: string
  to?: string
  instrument?: string[]
  type?: string[]
}

export function query(options: RangeOptions): Query {
  return {
    ...(options.from === undefined ? {} : { from: options.from }),
    ...(options.to === undefined ? {} : { to: options.to }),
    ...(options.instrument === undefined ? {} : { instruments: options.instrument }),
    ...(options.type === undefined ? {} : { types: options.type as RecordName[] }),
  }
}

/**
 * 'binance=127.0.0.1:9443' or 'binance=wss://host:443,https://host': other addresses of venues.
 * Throws TF_USAGE, also for a venue of which nothing is `recorded`: a slip of the pen would reach the real one.
 */
export function endpoints(
  values: readonly string[] | undefined,
  recorded: ReadonlySet<string>,
): Record<string, Partial<Endpoints>> {
  const result: Record<string, Partial<Endpoints>> = {}
  for (const value of values ?? []) {
    const [venue, address, ...rest] = value.split('=')
    if (venue === undefined || address === undefined || venue === '' || address === '' || rest.length !== 0) {
      throw new TickforgeError(
        'TF_USAGE',
        `--endpoint: '${value}' is not VENUE=HOST:PORT or VENUE=WEBSOCKET-URL,REST-URL`,
      )
    }
    checkVenue(venue, recorded, '--endpoint')
    const urls = address.split(',')
    const plain = urls.length === 1 && !address.includes('://')
    const websocket = plain ? `ws://${address}` : urls.find((url) => url.startsWith('ws'))
    const http = plain ? `http://${address}` : urls.find((url) => url.startsWith('http'))
    for (const url of [websocket, http]) {
      if (url !== undefined && !URL.canParse(url))
        throw new TickforgeError('TF_USAGE', `--endpoint: '${url}' is not an address`)
    }
    result[venue] = {
      ...(websocket === undefined ? {} : { websocket: websocket.replace(/\/$/, '') }),
      ...(http === undefined ? {} : { rest: http.replace(/\/$/, '') }),
    }
  }
  return result
}

/** Throws TF_USAGE unless something of the venue is recorded. */
function checkVenue(venue: string, recorded: ReadonlySet<string>, option: string): void {
  if (recorded.has(venue)) return
  const known = VENUES.map(({ name }) => name)
  const why = known.includes(venue) ? 'nothing of it is recorded' : `known venues: ${known.join(', ')}`
  throw new TickforgeError('TF_USAGE', `${option}: '${venue}': ${why}`)
}

/** Venues of 'VENUE:SYMBOL' names. */
export function venuesOf(instruments: readonly string[]): Set<string> {
  return new Set(instruments.map((instrument) => instrument.split(':', 1)[0] as string))
}

/** 'venue=value' any number of times. Throws TF_USAGE. */
export function pairs(
  values: readonly string[] | undefined,
  recorded: ReadonlySet<string>,
  option: string,
): Record<string, string> {
  return Object.fromEntries(
    (values ?? []).map((value) => {
      const parts = /^([^=]+)=([^=]+)$/.exec(value)
      if (parts === null) throw new TickforgeError('TF_USAGE', `${option}: '${value}' is not VENUE=NAME`)
      checkVenue(parts[1] as string, recorded, option)
      return [parts[1] as string, parts[2] as string]
    }),
  )
}
