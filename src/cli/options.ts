// Options that several commands share, checked once.
import { InvalidArgumentError } from 'commander'
import { TickforgeError } from '../errors.ts'
import type { Endpoints } from '../feeds/feed.ts'
import type { Durability } from '../native/binding.ts'
import type { RecordName } from '../records/record-view.ts'
import type { Query } from '../replay/query.ts'

/** As the writer's other interval. */
const DURABILITY_MS_MAX = 3_600_000

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

export function positive(value: string): number {
  const number = Number(value)
  if (!Number.isFinite(number) || number <= 0) throw new InvalidArgumentError('a number above 0 was expected')
  return number
}

export function notNegative(value: string): number {
  const number = Number(value)
  if (!Number.isFinite(number) || number < 0) throw new InvalidArgumentError('a number of at least 0 was expected')
  return number
}

/** A value that contains commas, so that only repetition separates it from the next. */
export function repeated(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}

export function port(value: string): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < 0 || number > 65535)
    throw new InvalidArgumentError('a port was expected, 0 to 65535')
  return number
}

/** 'batch', 'os' or an interval: '50ms', '2s'. */
export function durability(value: string): Durability {
  if (value === 'batch' || value === 'os') return value
  const parts = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(value)
  const ms = parts === null ? 0 : Number(parts[1]) * (parts[2] === 's' ? 1000 : 1)
  if (!(ms > 0 && ms <= DURABILITY_MS_MAX))
    throw new InvalidArgumentError('batch, os or an interval such as 50ms was expected')
  return ms
}

/** '15', '15s', '2m', '1h' in seconds. */
export function duration(value: string): number {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value)
  if (parts === null) throw new InvalidArgumentError('a duration was expected, such as 15s, 2m or 1h')
  return Number(parts[1]) * { ms: 0.001, s: 1, m: 60, h: 3600 }[parts[2] ?? 's']!
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
 * Throws TF_USAGE.
 */
export function endpoints(values: readonly string[] | undefined): Record<string, Partial<Endpoints>> {
  const result: Record<string, Partial<Endpoints>> = {}
  for (const value of values ?? []) {
    const [venue, address, ...rest] = value.split('=')
    if (venue === undefined || address === undefined || venue === '' || address === '' || rest.length !== 0) {
      throw new TickforgeError(
        'TF_USAGE',
        `--endpoint: '${value}' is not VENUE=HOST:PORT or VENUE=WEBSOCKET-URL,REST-URL`,
      )
    }
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

/** 'key=value' any number of times. Throws TF_USAGE. */
export function pairs(values: readonly string[] | undefined, option: string): Record<string, string> {
  return Object.fromEntries(
    (values ?? []).map((value) => {
      const parts = /^([^=]+)=([^=]+)$/.exec(value)
      if (parts === null) throw new TickforgeError('TF_USAGE', `${option}: '${value}' is not KEY=VALUE`)
      return [parts[1] as string, parts[2] as string]
    }),
  )
}
