// Coinbase Advanced Trade: public market data without a key.
import { Integrity } from '../../records/layout.ts'
import type {
  Adapter,
  ConnectionPlan,
  Endpoints,
  NormalizerContext,
  Subscription,
  SubscriptionRequest,
  Venue,
} from '../feed.ts'
import { CoinbaseNormalizer } from './normalizer.ts'

const NAME = 'coinbase-advanced'
/** Coinbase allows eight messages a second to a client without a key. */
const SEND_INTERVAL_MS = 130
/** A heartbeat comes every second. */
const STALE_AFTER_MS = 15_000
/** A snapshot has megabytes: more products than these share no connection. */
const PRODUCTS_PER_CONNECTION = 20
const CHANNELS = [
  ['book', 'level2'],
  ['trade', 'market_trades'],
  ['quote', 'ticker'],
] as const

const adapter: Adapter = {
  name: NAME,
  connectionIntegrity: Integrity.connectionSequence,

  speaks(url: string): boolean {
    return URL.canParse(url) && ['', '/'].includes(new URL(url).pathname)
  },

  plan(subscriptions: readonly Subscription[], endpoints: Endpoints): ConnectionPlan[] {
    const plans: ConnectionPlan[] = []
    for (let i = 0; i < subscriptions.length; i += PRODUCTS_PER_CONNECTION) {
      const part = subscriptions.slice(i, i + PRODUCTS_PER_CONNECTION)
      // The heartbeats are first: without them Coinbase closes channels that are silent for a minute.
      const hello = [JSON.stringify({ type: 'subscribe', channel: 'heartbeats' })]
      // Answers name no request: they come in the order of the requests.
      const requests: SubscriptionRequest[] = [{ frame: 0, topics: [] }]
      for (const [channel, name] of CHANNELS) {
        const products = part.filter((s) => s.channels.includes(channel)).map((s) => s.symbol)
        if (products.length === 0) continue
        requests.push({ frame: hello.length, topics: products.map((symbol) => ({ symbol, channel })) })
        hello.push(JSON.stringify({ type: 'subscribe', product_ids: products, channel: name }))
      }
      plans.push({
        url: endpoints.websocket,
        hello,
        sendIntervalMs: SEND_INTERVAL_MS,
        staleAfterMs: STALE_AFTER_MS,
        subscriptions: part,
        requests,
      })
    }
    return plans
  },

  createNormalizer: (context: NormalizerContext) => new CoinbaseNormalizer(NAME, context),
}

export const coinbase: Venue = {
  name: 'coinbase',
  title: 'Coinbase Advanced Trade',
  endpoints: { websocket: 'wss://advanced-trade-ws.coinbase.com', rest: 'https://api.coinbase.com' },
  adapters: [adapter],
  cryptofeedNames: ['COINBASE'],
  // Ten a second for public endpoints.
  rest: { pool: 'coinbase', weightPerMinute: 600, weightOf: () => 1 },
  unknownSymbol: /product/i,
  definitionPaths: (symbols) => [
    `/api/v3/brokerage/market/products?${symbols.map((s) => `product_ids=${encodeURIComponent(s)}`).join('&')}`,
  ],
  exampleSymbol: 'BTC-USD',
  isSymbol: (symbol) => /^[A-Z0-9]+(?:-[A-Z0-9]+)+$/.test(symbol),
}
