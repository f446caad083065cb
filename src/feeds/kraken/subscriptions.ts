// How Kraken is asked: numbers that both protocols share.
import type { Channel, Subscription } from '../feed.ts'

/** Levels a side. The deepest that Kraken offers: a recording cannot be made deeper afterwards. */
export const BOOK_DEPTH = 1000
/** Cloudflare in front of Kraken drops clients that send in bursts. */
export const SEND_INTERVAL_MS = 100
/** Kraken closes a connection after about a minute without a request. */
export const KEEP_ALIVE_MS = 30_000
/** A heartbeat comes every second when nothing else does. */
export const STALE_AFTER_MS = 15_000

/** Books of 1000 levels are large: more symbols than these share no connection. */
const SYMBOLS_PER_CONNECTION = 50

/** Subscriptions, a connection each. */
export function bySymbols(subscriptions: readonly Subscription[]): Subscription[][] {
  const parts: Subscription[][] = []
  for (let i = 0; i < subscriptions.length; i += SYMBOLS_PER_CONNECTION) {
    parts.push(subscriptions.slice(i, i + SYMBOLS_PER_CONNECTION))
  }
  return parts
}

export function symbolsOf(subscriptions: readonly Subscription[], channel: Channel): string[] {
  return subscriptions.filter((s) => s.channels.includes(channel)).map((s) => s.symbol)
}
