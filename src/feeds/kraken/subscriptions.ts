// How Kraken is asked: numbers that both protocols share.
import type { Channel, Subscription, SubscriptionRequest } from '../feed.ts'

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

/** One frame that subscribes to a channel, numbered so that its answers say what they speak of. */
export interface Ask {
  channel: Channel
  symbols: readonly string[]
  /** The frame, with the number by which the venue's answers name it. */
  message: (id: number, names: readonly string[]) => object
}

/** Frames of hello and what they ask for; `before`: frames that ask for no records. `spell`: a symbol in the venue's frames. */
export function hello(
  before: readonly string[],
  asks: readonly Ask[],
  spell: (symbol: string) => string,
): { hello: string[]; requests: SubscriptionRequest[] } {
  const frames = [...before]
  const requests: SubscriptionRequest[] = []
  for (const { channel, symbols, message } of asks) {
    if (symbols.length === 0) continue
    const id = frames.length + 1
    requests.push({
      frame: frames.length,
      id,
      topics: symbols.map((symbol) => ({ symbol, channel, name: spell(symbol) })),
    })
    frames.push(JSON.stringify(message(id, symbols.map(spell))))
  }
  return { hello: frames, requests }
}
