// Which connections to open and what to send on them.
import type { Channel, ConnectionPlan, Endpoints, Subscription, SubscriptionRequest, Topic } from '../feed.ts'
import type { Market } from './market.ts'

/** The venue allows 1024 streams a connection (futures: 200 is what clients keep to); fewer share less fate. */
const STREAMS_PER_CONNECTION = 200
const STREAMS_PER_MESSAGE = 100
/** The venue ends a connection that sends more than five messages a second, pongs included. */
const SEND_INTERVAL_MS = 250
/** It ends every connection after 24 hours. */
const LIFETIME_MS = (23 * 60 + 30) * 60 * 1000
/** Its pings come every 20 seconds on spot and every 3 minutes on futures, whatever else is silent. */
const SPOT_STALE_MS = 60_000
const FUTURES_STALE_MS = 200_000

/** Path of a combined connection and the channels that it carries. */
export interface Route {
  readonly path: string
  readonly channels: readonly Channel[]
}

/** One route's connections follow each other; a subscription that would be split goes to the next connection whole. */
export function planConnections(
  market: Market,
  routes: readonly Route[],
  subscriptions: readonly Subscription[],
  endpoints: Endpoints,
): ConnectionPlan[] {
  return routes.flatMap(({ path, channels }) => {
    const wanted = subscriptions
      .map(({ symbol, channels: all }) => ({ symbol, channels: all.filter((channel) => channels.includes(channel)) }))
      .filter((subscription) => subscription.channels.length > 0)
    return chunks(wanted, STREAMS_PER_CONNECTION).map((group) => ({
      url: `${endpoints.websocket}${path}`,
      ...hello(group.flatMap((subscription) => streams(market, subscription))),
      sendIntervalMs: SEND_INTERVAL_MS,
      staleAfterMs: market.futures ? FUTURES_STALE_MS : SPOT_STALE_MS,
      maxLifetimeMs: LIFETIME_MS,
      subscriptions: group,
    }))
  })
}

interface Stream {
  name: string
  topic: Topic
}

function streams(market: Market, { symbol, channels }: Subscription): Stream[] {
  const names: Record<Channel, string> = { trade: 'trade', quote: 'bookTicker', book: market.depthStream }
  return channels.map((channel) => ({ name: `${symbol.toLowerCase()}@${names[channel]}`, topic: { symbol, channel } }))
}

function hello(all: readonly Stream[]): { hello: string[]; requests: SubscriptionRequest[] } {
  const messages: string[] = []
  const requests: SubscriptionRequest[] = []
  for (let i = 0; i < all.length; i += STREAMS_PER_MESSAGE) {
    const part = all.slice(i, i + STREAMS_PER_MESSAGE)
    const id = messages.length + 1
    messages.push(JSON.stringify({ method: 'SUBSCRIBE', params: part.map(({ name }) => name), id }))
    requests.push({ frame: id - 1, id, topics: part.map(({ topic }) => topic) })
  }
  return { hello: messages, requests }
}

function chunks(subscriptions: readonly Subscription[], streamsMax: number): Subscription[][] {
  const groups: Subscription[][] = []
  let size = streamsMax
  for (const subscription of subscriptions) {
    size += subscription.channels.length
    if (size > streamsMax) {
      groups.push([])
      size = subscription.channels.length
    }
    groups.at(-1)?.push(subscription)
  }
  return groups
}
