// The venues that can be simulated.
import { TickforgeError } from '../../errors.ts'
import { SIMULATED_VENUES, type SimulatedVenueName } from '../instruments.ts'
import type { SyntheticMarket } from '../market.ts'
import { BinanceVenue, binanceFacts } from './binance.ts'
import { COINBASE_FACTS, CoinbaseVenue } from './coinbase.ts'
import { KRAKEN_FACTS, KrakenVenue } from './kraken.ts'
import type { SimulatedVenue, VenueFacts } from './venue.ts'

export interface VenueKind {
  facts: VenueFacts
  create(market: SyntheticMarket, seed: number): SimulatedVenue
}

const KINDS: Record<SimulatedVenueName, VenueKind> = {
  binance: { facts: binanceFacts('spot'), create: (market, seed) => new BinanceVenue('spot', market, seed) },
  'binance-usdm': { facts: binanceFacts('usdm'), create: (market, seed) => new BinanceVenue('usdm', market, seed) },
  'binance-coinm': { facts: binanceFacts('coinm'), create: (market, seed) => new BinanceVenue('coinm', market, seed) },
  kraken: { facts: KRAKEN_FACTS, create: (market) => new KrakenVenue(market) },
  coinbase: { facts: COINBASE_FACTS, create: (market) => new CoinbaseVenue(market) },
}

/** @throws TF_UNKNOWN_VENUE */
export function venueKind(name: string): VenueKind {
  if (!Object.hasOwn(KINDS, name)) {
    const known = SIMULATED_VENUES.join(', ')
    throw new TickforgeError(
      'TF_UNKNOWN_VENUE',
      `the simulator knows no venue ${JSON.stringify(name)}; it knows ${known}`,
    )
  }
  return KINDS[name as SimulatedVenueName]
}
