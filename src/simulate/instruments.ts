// What is traded on the synthetic exchanges, with the steps that the venues had in 2024 to 2026.
import { TickforgeError } from '../errors.ts'

/** Venues that the simulator speaks for. */
export const SIMULATED_VENUES = ['binance', 'binance-usdm', 'binance-coinm', 'kraken', 'coinbase'] as const
export type SimulatedVenueName = (typeof SIMULATED_VENUES)[number]

/** One instrument. Prices are whole ticks, a tick is `tick` units of 10^-priceScale; sizes are lots likewise. */
export interface InstrumentSpec {
  /** The venue's own spelling. */
  symbol: string
  base: string
  quote: string
  priceScale: number
  tick: number
  sizeScale: number
  lot: number
  /** Where the price begins, in ticks. */
  midTicks: number
  /** A usual size, in lots. */
  usualLots: number
}

type Row = [string, string, string, number, number, number, number, number, number]

const ROWS: Record<SimulatedVenueName, readonly Row[]> = {
  // Spot writes eight decimals whatever the step is.
  binance: [
    ['BTCUSDT', 'BTC', 'USDT', 8, 1_000_000, 8, 1_000, 6_183_763, 2_000],
    ['ETHUSDT', 'ETH', 'USDT', 8, 1_000_000, 8, 10_000, 268_162, 3_000],
    ['SOLUSDT', 'SOL', 'USDT', 8, 1_000_000, 8, 100_000, 15_320, 20_000],
    ['DOGEUSDT', 'DOGE', 'USDT', 8, 1_000, 8, 100_000_000, 10_250, 5_000],
    ['ETHBTC', 'ETH', 'BTC', 8, 1_000, 8, 10_000, 4_336, 4_000],
  ],
  'binance-usdm': [
    ['BTCUSDT', 'BTC', 'USDT', 2, 10, 3, 1, 618_002, 300],
    ['ETHUSDT', 'ETH', 'USDT', 2, 1, 3, 1, 268_162, 3_000],
    ['SOLUSDT', 'SOL', 'USDT', 4, 100, 0, 1, 15_320, 40],
    ['DOGEUSDT', 'DOGE', 'USDT', 6, 10, 0, 1, 10_250, 4_000],
  ],
  'binance-coinm': [
    ['BTCUSD_PERP', 'BTC', 'USD', 1, 1, 0, 1, 618_047, 300],
    ['ETHUSD_PERP', 'ETH', 'USD', 2, 1, 0, 1, 268_162, 500],
    ['SOLUSD_PERP', 'SOL', 'USD', 3, 1, 0, 1, 153_200, 200],
  ],
  kraken: [
    ['BTC/USD', 'BTC', 'USD', 1, 1, 8, 1, 618_376, 5_000_000],
    ['ETH/USD', 'ETH', 'USD', 2, 1, 8, 1, 268_162, 80_000_000],
    ['SOL/USD', 'SOL', 'USD', 2, 1, 8, 1, 15_320, 900_000_000],
    ['XRP/USD', 'XRP', 'USD', 5, 1, 8, 1, 61_234, 40_000_000_000],
    ['ETH/BTC', 'ETH', 'BTC', 5, 1, 8, 1, 4_336, 70_000_000],
  ],
  coinbase: [
    ['BTC-USD', 'BTC', 'USD', 2, 1, 8, 1, 6_183_763, 5_000_000],
    ['ETH-USD', 'ETH', 'USD', 2, 1, 8, 1, 268_162, 80_000_000],
    ['SOL-USD', 'SOL', 'USD', 2, 1, 8, 1, 15_320, 900_000_000],
    ['DOGE-USD', 'DOGE', 'USD', 5, 1, 1, 1, 10_250, 20_000],
  ],
}

/** How a venue spells a pair: base and quote in groups 1 and 2. */
const FORMS: Record<SimulatedVenueName, RegExp> = {
  binance: /^([A-Z0-9]{2,12}?)(USDT|USDC|FDUSD|BTC|ETH|BNB|EUR|TRY)$/,
  'binance-usdm': /^([A-Z0-9]{2,12}?)(USDT|USDC)$/,
  'binance-coinm': /^([A-Z0-9]{2,12}?)(USD)_(?:PERP|\d{6})$/,
  kraken: /^([A-Z0-9.]{2,12})\/([A-Z0-9.]{2,12})$/,
  coinbase: /^([A-Z0-9]{2,12})-([A-Z0-9]{2,12})$/,
}

/** The instruments named by `symbols`, or all of the venue's usual ones. */
export function instrumentSpecs(venue: SimulatedVenueName, symbols?: readonly string[]): InstrumentSpec[] {
  const usual = ROWS[venue].map(toSpec)
  if (symbols === undefined) return usual
  return symbols.map((symbol) => {
    const known = usual.find((spec) => spec.symbol === symbol)
    if (known !== undefined) return known
    const match = FORMS[venue].exec(symbol)
    if (match === null)
      throw new TickforgeError('TF_UNKNOWN_SYMBOL', `${venue} has no symbol like ${JSON.stringify(symbol)}`)
    // The steps of a middling coin of the venue, with a price of its own.
    const like = usual[2]!
    let hash = 0
    for (const letter of symbol) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0
    return { ...like, symbol, base: match[1]!, quote: match[2]!, midTicks: 8_000 + (hash % 60_000) }
  })
}

function toSpec(row: Row): InstrumentSpec {
  const [symbol, base, quote, priceScale, tick, sizeScale, lot, midTicks, usualLots] = row
  return { symbol, base, quote, priceScale, tick, sizeScale, lot, midTicks, usualLots }
}
