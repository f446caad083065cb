// Where Binance's markets differ. Everything else is one protocol.

import { InstrumentKind, Integrity } from '../../records/layout.ts'
import { DEFINITION_DEFAULTS, type Definition } from '../instruments.ts'

export interface Market {
  readonly futures: boolean
  /** Continuity of depth updates: spot numbers every change of a book, futures name the update before. */
  readonly integrity: Integrity
  /** Stream of depth updates at the highest rate. */
  readonly depthStream: string
  /** REST path of the order book without its query, and the most levels that it gives. */
  readonly depthPath: string
  readonly depthLimit: number
  /** Weight of a book of so many levels, and of exchangeInfo, in the venue's budget. */
  depthWeight(limit: number): number
  readonly infoWeight: number
  readonly exchangeInfoPath: string
  /** A definition before anything is known of the instrument but its symbol. */
  defaults(symbol: string): Definition
}

const DELIVERY = /_\d{6}$/

/** Spot prints every price and size with eight decimals. */
const SPOT: Definition = {
  ...DEFINITION_DEFAULTS,
  priceDecimals: 8,
  sizeDecimals: 8,
  integrity: Integrity.range,
  kind: InstrumentKind.spot,
}

/** Futures print as many decimals as the instrument's precision says, so that they are known from the first number. */
const PERPETUAL: Definition = {
  ...DEFINITION_DEFAULTS,
  integrity: Integrity.previous,
  kind: InstrumentKind.perpetual,
}
const FUTURE: Definition = { ...PERPETUAL, kind: InstrumentKind.future }

export const SPOT_MARKET: Market = {
  futures: false,
  integrity: Integrity.range,
  depthStream: 'depth@100ms',
  depthPath: '/api/v3/depth',
  depthLimit: 5000,
  depthWeight: (limit) => (limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1000 ? 50 : 250),
  infoWeight: 20,
  exchangeInfoPath: '/api/v3/exchangeInfo',
  defaults: () => SPOT,
}

export const USDM_MARKET: Market = {
  futures: true,
  integrity: Integrity.previous,
  depthStream: 'depth@0ms',
  depthPath: '/fapi/v1/depth',
  depthLimit: 1000,
  depthWeight: (limit) => (limit <= 50 ? 2 : limit <= 100 ? 5 : limit <= 500 ? 10 : 20),
  infoWeight: 1,
  exchangeInfoPath: '/fapi/v1/exchangeInfo',
  defaults: (symbol) => (DELIVERY.test(symbol) ? FUTURE : PERPETUAL),
}

export const COINM_MARKET: Market = {
  ...USDM_MARKET,
  depthPath: '/dapi/v1/depth',
  exchangeInfoPath: '/dapi/v1/exchangeInfo',
}
