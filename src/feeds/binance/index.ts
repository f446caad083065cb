// Binance: spot (also of Binance.US), USD-M and COIN-M futures.
import { Integrity } from '../../records/layout.ts'
import type { Adapter, RestLimits, Venue } from '../feed.ts'
import { COINM_MARKET, type Market, SPOT_MARKET, USDM_MARKET } from './market.ts'
import { BinanceNormalizer } from './normalizer.ts'
import { planConnections, type Route } from './plan.ts'

const COMBINED: readonly Route[] = [{ path: '/stream', channels: ['trade', 'quote', 'book'] }]

/**
 * Since April 2026 USD-M has an address for each class of streams: depth, bookTicker and trade are public; aggTrade,
 * kline and markPrice are on /market. Any subscription is acknowledged on any address, and a stream is silent on the
 * wrong one.
 */
const USDM_SPLIT_ROUTES: readonly Route[] = [{ path: '/public/stream', channels: ['trade', 'quote', 'book'] }]

/** Day from which USD-M is silent on /stream and /ws. */
const USDM_SPLIT = '2026-04-23T00:00:00Z'

function adapter(name: string, market: Market, routes: readonly Route[], paths: RegExp, until?: string): Adapter {
  const made: Adapter = {
    name,
    ...(until === undefined ? {} : { until }),
    connectionIntegrity: Integrity.none,
    speaks: (url) => URL.canParse(url) && paths.test(new URL(url).pathname),
    plan: (subscriptions, endpoints) => planConnections(market, routes, subscriptions, endpoints),
    createNormalizer: (context) => new BinanceNormalizer(market, made, context),
  }
  return made
}

const PLAIN_PATHS = /^\/(stream|ws)(\/|$)/
const SPLIT_PATHS = /^\/(public|market)\/(stream|ws)(\/|$)/

/** Symbols may hold letters of any script that are not lower case: stream names are the symbols in lower case. */
function isStreamSymbol(symbol: string): boolean {
  return /^[\p{L}\p{N}_.-]{2,40}$/u.test(symbol) && symbol === symbol.toUpperCase()
}

/** Spot's exchangeInfo takes a list of symbols; all of them are megabytes. */
function spotDefinitions(symbols: readonly string[]): string[] {
  if (symbols.length === 0) return []
  if (symbols.length > 100) return [SPOT_MARKET.exchangeInfoPath]
  return [`${SPOT_MARKET.exchangeInfoPath}?symbols=${encodeURIComponent(JSON.stringify(symbols))}`]
}

const weightOf = (market: Market) => (path: string) => {
  const asked = new URL(path, 'http://localhost')
  if (asked.pathname !== market.depthPath) return market.infoWeight
  return market.depthWeight(Number.parseInt(asked.searchParams.get('limit') ?? '', 10) || market.depthLimit)
}

/** 6,000 a minute and address. */
const SPOT_REST: RestLimits = { pool: 'binance', weightPerMinute: 6000, weightOf: weightOf(SPOT_MARKET) }
/** USD-M and COIN-M count together since 2026. */
const FUTURES_REST = { pool: 'binance-futures', weightPerMinute: 2400 }

export const binance: Venue = {
  name: 'binance',
  title: 'Binance spot',
  endpoints: { websocket: 'wss://stream.binance.com:9443', rest: 'https://api.binance.com' },
  adapters: [adapter('binance-spot', SPOT_MARKET, COMBINED, PLAIN_PATHS)],
  cryptofeedNames: ['BINANCE'],
  rest: SPOT_REST,
  unknownSymbol: /"code":\s*-1121\b/,
  definitionPaths: spotDefinitions,
  exampleSymbol: 'BTCUSDT',
  isSymbol: isStreamSymbol,
}

export const binanceUs: Venue = {
  ...binance,
  name: 'binance-us',
  rest: { ...SPOT_REST, pool: 'binance-us' },
  title: 'Binance.US',
  endpoints: { websocket: 'wss://stream.binance.us:9443', rest: 'https://api.binance.us' },
  cryptofeedNames: ['BINANCE_US'],
}

export const binanceUsdm: Venue = {
  name: 'binance-usdm',
  title: 'Binance USD-M futures',
  endpoints: { websocket: 'wss://fstream.binance.com', rest: 'https://fapi.binance.com' },
  adapters: [
    adapter('binance-usdm-1', USDM_MARKET, COMBINED, PLAIN_PATHS, USDM_SPLIT),
    adapter('binance-usdm-2', USDM_MARKET, USDM_SPLIT_ROUTES, SPLIT_PATHS),
  ],
  cryptofeedNames: ['BINANCE_FUTURES'],
  rest: { ...FUTURES_REST, weightOf: weightOf(USDM_MARKET) },
  definitionPaths: (symbols) => (symbols.length === 0 ? [] : [USDM_MARKET.exchangeInfoPath]),
  exampleSymbol: 'BTCUSDT',
  isSymbol: isStreamSymbol,
}

export const binanceCoinm: Venue = {
  name: 'binance-coinm',
  title: 'Binance COIN-M futures',
  endpoints: { websocket: 'wss://dstream.binance.com', rest: 'https://dapi.binance.com' },
  // Its streams were not split: they are on /stream and /ws as before.
  adapters: [adapter('binance-coinm-1', COINM_MARKET, COMBINED, PLAIN_PATHS)],
  cryptofeedNames: ['BINANCE_DELIVERY'],
  rest: { ...FUTURES_REST, weightOf: weightOf(COINM_MARKET) },
  definitionPaths: (symbols) => (symbols.length === 0 ? [] : [COINM_MARKET.exchangeInfoPath]),
  exampleSymbol: 'BTCUSD_PERP',
  isSymbol: (symbol) => /^[A-Z0-9]+_(PERP|\d{6})$/.test(symbol),
}
