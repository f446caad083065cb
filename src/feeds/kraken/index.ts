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
  definitionPaths: () => [],
  exampleSymbol: 'BTC/USD',
  isSymbol: (symbol) => /^[A-Za-z0-9.]+\/[A-Za-z0-9.]+$/.test(symbol),
}
