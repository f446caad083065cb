// Raw logs of hftbacktest's collector: `<epoch> <payload>` a line, 19 digits of ns, 16 of µs or 13 of ms, often gzip.
// A line whose payload begins with {"lastUpdateId" is the answer of a REST depth request, not a frame.
import { basename } from 'node:path'
import { CAPTURE_TIME_MAX, CAPTURE_TIME_MIN, type CaptureEvent } from './capture.ts'
import { CaptureBytes } from './capture-bytes.ts'
import { readLines, TOO_LONG } from './lines.ts'

/** Markets whose frames tell them apart. Other content of the same file format has no name here. */
export type HftbacktestMarket = 'binance' | 'binance-usdm' | 'binance-coinm' | 'hyperliquid'

/** Lines that are looked at to tell the market. */
const DETECT_LINES_MAX = 2000

const SPACE = 0x20
const ZERO = 0x30
const BRACE = 0x7b
/** Digits of the epoch -> factor to ns. */
const UNITS = new Map([
  [19, 1],
  [16, 1_000],
  [13, 1_000_000],
])
const SECOND_DIGITS = 10
const SECOND_MIN = Number(CAPTURE_TIME_MIN / 1_000_000_000n)
const SECOND_MAX = Number(CAPTURE_TIME_MAX / 1_000_000_000n)
const REST_PREFIX = Buffer.from('{"lastUpdateId"')

/**
 * Reads one file, in the order of its lines. All of it is one connection, named by the file. A file that is cut off ends with a
 * cut event.
 * @throws TF_NO_FILE, TF_IO, TF_UNKNOWN_FORMAT (damaged data)
 */
export async function* readHftbacktest(from: string | CaptureBytes): AsyncGenerator<CaptureEvent[]> {
  const source = typeof from === 'string' ? new CaptureBytes(from) : from
  const { path } = source
  const connection = basename(path)
  let line = 0
  let second = -1
  let secondNs = 0n
  let last = 0n
  for await (const lines of readLines(source)) {
    const events: CaptureEvent[] = []
    for (const bytes of lines) {
      line++
      if (bytes === undefined) {
        events.push({ kind: 'broken', path, line, reason: TOO_LONG })
        continue
      }
      const digits = bytes.indexOf(SPACE)
      const unit = UNITS.get(digits)
      if (unit === undefined || digits + 1 >= bytes.length) {
        events.push({ kind: 'broken', path, line, reason: explain(bytes, digits) })
        continue
      }
      const seconds = digitsToNumber(bytes, 0, SECOND_DIGITS)
      const fraction = digitsToNumber(bytes, SECOND_DIGITS, digits)
      if (seconds < 0 || fraction < 0) {
        events.push({ kind: 'broken', path, line, reason: 'the time is not a whole number' })
        continue
      }
      if (seconds < SECOND_MIN || seconds >= SECOND_MAX) {
        events.push({ kind: 'broken', path, line, reason: 'the time is not between 2009 and 2100' })
        continue
      }
      if (seconds !== second) {
        second = seconds
        secondNs = BigInt(seconds) * 1_000_000_000n
      }
      last = secondNs + BigInt(fraction * unit)
      const isRest = bytes[digits + 1] === BRACE && startsWith(bytes, digits + 1, REST_PREFIX)
      events.push({
        kind: isRest ? 'rest' : 'frame',
        connection,
        tsRecv: last,
        url: '',
        data: bytes.subarray(digits + 1),
        binary: false,
      })
    }
    yield events
  }
  if (source.cut !== undefined) yield [{ kind: 'cut', path, connection, tsRecv: last, ...source.cut }]
}

function digitsToNumber(bytes: Uint8Array, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

function startsWith(bytes: Uint8Array, at: number, prefix: Uint8Array): boolean {
  if (bytes.length - at < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false
  return true
}

function explain(bytes: Uint8Array, digits: number): string {
  if (bytes.length === 0) return 'the line is empty'
  if (digits === -1) return 'there is no space after the time'
  if (UNITS.has(digits)) return 'there is no payload'
  return `a time of ${digits} characters is neither ns, µs nor ms since 1970`
}

/** What the first lines of a log tell. */
export interface HftbacktestHead {
  /** Receive time of the first line that can be read; undefined without one. */
  first: bigint | undefined
  market: HftbacktestMarket | undefined
}

/** Reads as far as the first line that tells the market, or with `timeOnly` the first one with a time. */
export async function readHftbacktestHead(path: string, timeOnly = false): Promise<HftbacktestHead> {
  let seen = 0
  let first: bigint | undefined
  for await (const events of readHftbacktest(path)) {
    for (const event of events) {
      if (event.kind !== 'frame' && event.kind !== 'rest') continue
      first ??= event.tsRecv
      if (timeOnly) return { first, market: undefined }
      const market = marketOf(Buffer.from(event.data).toString('utf8'))
      if (market !== undefined || ++seen === DETECT_LINES_MAX) return { first, market }
    }
  }
  return { first, market: undefined }
}

/** Tells the market of a log by the members of its first telling line; undefined if no line tells. */
export async function detectMarket(path: string): Promise<HftbacktestMarket | undefined> {
  return (await readHftbacktestHead(path)).market
}

function marketOf(text: string): HftbacktestMarket | undefined {
  let message: Record<string, unknown>
  try {
    message = JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
  if (message === null || typeof message !== 'object') return undefined
  if (typeof message.channel === 'string' && 'data' in message) return 'hyperliquid'
  if ('lastUpdateId' in message) {
    if ('pair' in message) return 'binance-coinm'
    return 'T' in message ? 'binance-usdm' : 'binance'
  }
  const data = 'stream' in message ? message.data : message
  if (data === null || typeof data !== 'object') return undefined
  const members = data as Record<string, unknown>
  switch (members.e) {
    case 'depthUpdate':
      if (!('pu' in members)) return 'binance'
      return coinOrUsd(members)
    case 'bookTicker':
      return coinOrUsd(members)
    case 'trade':
      // Spot names M; futures name the kind of match X, and never M.
      if ('M' in members) return 'binance'
      return 'X' in members ? coinOrUsd(members) : undefined
    case undefined:
      return 'u' in members && 'b' in members && 'B' in members ? 'binance' : undefined
    default:
      return undefined
  }
}

/** COIN-M contracts are quoted in USD itself: 'BTCUSD_PERP', 'ETHUSD_240927'. Of USD-M, 'BTCUSDT_240927' has the underscore too. */
function coinOrUsd(members: Record<string, unknown>): HftbacktestMarket {
  return /USD_(PERP|\d{6})$/.test(String(members.s)) ? 'binance-coinm' : 'binance-usdm'
}
