// Binance: spot (also of Binance.US), USD-M and COIN-M futures.
import { Integrity } from '../../records/layout.ts'
import type { Adapter, Venue } from '../feed.ts'
import { COINM_MARKET, type Market, SPOT_MARKET, USDM_MARKET } from './market.ts'
import { BinanceNormalizer } from './normalizer.ts'
import { planConnections, type Route } from './plan.ts'

const COMBINED: readonly Route[] = [{ path: '/stream', channels: ['trade', 'quote', 'book'] }]

/** Since 2026 futures split their streams by class; a connection carries one class only. */
const SPLIT: readonly Route[] = [
  { path: '/public/stream', channels: ['quote', 'book'] },
  { path: '/market/stream', channels: ['trade'] },
]

/** Day from which futures no longer answer on /stream and /ws. */
const FUTURES_SPLIT = '2026-04-23T00:00:00Z'

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

function futuresAdapters(name: string, market: Market): Adapter[] {
  return [
    adapter(`${name}-1`, market, COMBINED, PLAIN_PATHS, FUTURES_SPLIT),
    adapter(`${name}-2`, market, SPLIT, SPLIT_PATHS),
  ]
}

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

export const binance: Venue = {
  name: 'binance',
  title: 'Binance spot',
  endpoints: { websocket: 'wss://stream.binance.com:9443', rest: 'https://api.binance.com' },
  adapters: [adapter('binance-spot', SPOT_MARKET, COMBINED, PLAIN_PATHS)],
  cryptofeedNames: ['BINANCE'],
  definitionPaths: spotDefinitions,
  exampleSymbol: 'BTCUSDT',
  isSymbol: isStreamSymbol,
}

export const binanceUs: Venue = {
  ...binance,
  name: 'binance-us',
  title: 'Binance.US',
  endpoints: { websocket: 'wss://stream.binance.us:9443', rest: 'https://api.binance.us' },
  cryptofeedNames: ['BINANCE_US'],
}

export const binanceUsdm: Venue = {
  name: 'binance-usdm',
  title: 'Binance USD-M futures',
  endpoints: { websocket: 'wss://fstream.binance.com', rest: 'https://fapi.binance.com' },
  adapters: futuresAdapters('binance-usdm', USDM_MARKET),
  cryptofeedNames: ['BINANCE_FUTURES'],
  definitionPaths: (symbols) => (symbols.length === 0 ? [] : [USDM_MARKET.exchangeInfoPath]),
  exampleSymbol: 'BTCUSDT',
  isSymbol: isStreamSymbol,
}

export const binanceCoinm: Venue = {
  name: 'binance-coinm',
  title: 'Binance COIN-M futures',
  endpoints: { websocket: 'wss://dstream.binance.com', rest: 'https://dapi.binance.com' },
  adapters: futuresAdapters('binance-coinm', COINM_MARKET),
  cryptofeedNames: ['BINANCE_DELIVERY'],
  definitionPaths: (symbols) => (symbols.length === 0 ? [] : [COINM_MARKET.exchangeInfoPath]),
  exampleSymbol: 'BTCUSD_PERP',
  isSymbol: (symbol) => /^[A-Z0-9]+_(PERP|\d{6})$/.test(symbol),
}
