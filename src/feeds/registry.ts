// Every venue, by name. The one place that a new venue is added to.
import { TickforgeError } from '../errors.ts'
import { binance, binanceCoinm, binanceUs, binanceUsdm } from './binance/index.ts'
import { coinbase } from './coinbase/index.ts'
import type { Adapter, Venue } from './feed.ts'
import { kraken } from './kraken/index.ts'

export const VENUES: readonly Venue[] = validated([binance, binanceUs, binanceUsdm, binanceCoinm, kraken, coinbase])

/** The venue of a name; TF_UNKNOWN_VENUE lists the names that there are. */
export function findVenue(name: string): Venue {
  const venue = VENUES.find((known) => known.name === name)
  if (venue !== undefined) return venue
  throw new TickforgeError(
    'TF_UNKNOWN_VENUE',
    `'${name}' is no venue; known are ${VENUES.map((v) => v.name).join(', ')}`,
  )
}

/** Takes 'binance:BTCUSDT' apart: the venue's name, which is known, and a symbol that has the form of the venue's. */
export function parseInstrument(instrument: string): { venue: string; symbol: string } {
  const colon = instrument.indexOf(':')
  if (colon < 0) {
    throw new TickforgeError(
      'TF_USAGE',
      `'${instrument}' is no instrument: write VENUE:SYMBOL, such as ${example(VENUES[0] as Venue)}`,
    )
  }
  const venue = findVenue(instrument.slice(0, colon))
  const symbol = instrument.slice(colon + 1)
  if (!venue.isSymbol(symbol)) {
    throw new TickforgeError(
      'TF_UNKNOWN_SYMBOL',
      `'${symbol}' is no symbol of ${venue.title}; one is ${example(venue)}`,
    )
  }
  return { venue: venue.name, symbol }
}

/**
 * The protocol of a venue: the one that an address speaks, if `url` is given and says so; else the one that was in use
 * at `tsRecv` (ns since the epoch); without either, today's.
 */
export function adapterFor(venue: Venue, at: { url?: string; tsRecv?: bigint }): Adapter {
  const { url, tsRecv } = at
  const spoken = url === undefined ? [] : venue.adapters.filter((adapter) => adapter.speaks(url))
  const candidates = spoken.length > 0 ? spoken : venue.adapters
  const dated = tsRecv === undefined ? undefined : candidates.find((adapter) => tsRecv < untilOf(adapter))
  return dated ?? (candidates.at(-1) as Adapter)
}

/** Checks what the types cannot; throws TF_INTERNAL with what is wrong. Returns the venues. */
export function validated(venues: readonly Venue[]): readonly Venue[] {
  const wrong = (what: string): never => {
    throw new TickforgeError('TF_INTERNAL', `the table of venues is wrong: ${what}`)
  }
  const names = new Set<string>()
  for (const venue of venues) {
    for (const name of [venue.name, ...venue.cryptofeedNames]) {
      if (names.has(name)) wrong(`'${name}' is there twice`)
      names.add(name)
    }
    if (!/^[a-z][a-z0-9-]*$/.test(venue.name)) wrong(`'${venue.name}' is no name`)
    if (!venue.isSymbol(venue.exampleSymbol)) wrong(`${venue.name}: the example '${venue.exampleSymbol}' is no symbol`)
    if (venue.adapters.length === 0) wrong(`${venue.name} has no adapter`)
    if (new Set(venue.adapters.map((adapter) => adapter.name)).size !== venue.adapters.length) {
      wrong(`${venue.name} has two adapters of one name`)
    }
    venue.adapters.forEach((adapter, i) => {
      const last = i === venue.adapters.length - 1
      if (last !== (adapter.until === undefined)) wrong(`${adapter.name}: all adapters but the last have an end`)
      if (adapter.until !== undefined && Number.isNaN(Date.parse(adapter.until)))
        wrong(`${adapter.name}: its end is no time`)
      if (i > 0 && untilOf(venue.adapters[i - 1] as Adapter) >= untilOf(adapter))
        wrong(`${adapter.name}: ends before the one before`)
    })
    if (!isBase(venue.endpoints.websocket, /^wss?:$/)) wrong(`${venue.name}: '${venue.endpoints.websocket}' is no base`)
    if (!isBase(venue.endpoints.rest, /^https?:$/)) wrong(`${venue.name}: '${venue.endpoints.rest}' is no base`)
  }
  return venues
}

/** Scheme, host and port, without a path. */
function isBase(base: string, protocol: RegExp): boolean {
  return (
    URL.canParse(base) && protocol.test(new URL(base).protocol) && new URL(base).pathname === '/' && !base.endsWith('/')
  )
}

/** ns since the epoch, exclusive. */
function untilOf(adapter: Adapter): bigint {
  return adapter.until === undefined ? 2n ** 63n : BigInt(Date.parse(adapter.until)) * 1_000_000n
}

function example(venue: Venue): string {
  return `${venue.name}:${venue.exampleSymbol}`
}
