// Kraken, spot.
import type { Venue } from '../feed.ts'
import { krakenV1 } from './v1.ts'
import { krakenV2 } from './v2.ts'

export const kraken: Venue = {
  name: 'kraken',
  title: 'Kraken',
  endpoints: { websocket: 'wss://ws.kraken.com', rest: 'https://api.kraken.com' },
  adapters: [krakenV1, krakenV2],
  cryptofeedNames: ['KRAKEN'],
  // Definitions come in the stream (v2), or are seen from the numbers themselves (v1).
  // The public REST interface allows about one call a second.
  rest: { pool: 'kraken', weightPerMinute: 60, weightOf: () => 1 },
  definitionPaths: () => [],
  // v1 and the REST interface have names of their own for two currencies; v2 refuses them.
  otherSpelling: (symbol) => {
    const other = symbol
      .toUpperCase()
      .replace(/\bXBT\b/, 'BTC')
      .replace(/\bXDG\b/, 'DOGE')
    return other === symbol ? undefined : other
  },
  exampleSymbol: 'BTC/USD',
  isSymbol: (symbol) => /^[A-Za-z0-9.]+\/[A-Za-z0-9.]+$/.test(symbol),
}
