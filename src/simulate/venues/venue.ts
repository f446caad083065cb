// What a simulated venue does for the server that hosts it. A venue answers and publishes; it owns no socket, no timer.
import type { ClientConnection } from '../connection.ts'
import type { MarketEvent } from '../market.ts'

/** An answer over HTTP. `body` is JSON text. */
export interface RestAnswer {
  status: number
  body: string | Uint8Array
}

export interface SimulatedVenue {
  /** True for paths that take WebSocket connections. */
  accepts(url: URL): boolean
  /** A client has connected; `now` in ns since 1970, here and below. */
  connected(connection: ClientConnection, now: bigint): void
  message(connection: ClientConnection, text: string, now: bigint): void
  disconnected(connection: ClientConnection): void
  /** The market moved: update what snapshots show, publish what is not batched. */
  marketEvent(event: MarketEvent, now: bigint): void
  /** Called every few ms: publish what is due. */
  tick(now: bigint): void
  rest(url: URL, now: bigint): RestAnswer
}

/** Facts of a venue's protocol that hold for a playback of a capture too. */
export interface VenueFacts {
  /** How often the venue sends a WebSocket ping, and how long it waits for the pong; absent if it never does. */
  ping?: { everyMs: number; answerWithinMs: number }
  /** True for an incremental change of a book, on its bytes. */
  isBookUpdate(frame: string | Uint8Array): boolean
  /** True if a client with this address has said with it what it wants. */
  subscribedByUrl(url: URL): boolean
  /** What the venue answers to a subscription message, for captures that hold no answers. */
  acknowledgements(message: string): string[]
  /** Path of the REST depth answers of hftbacktest logs, which do not name one. */
  depthPath?: string
}

/** The members of a JSON object, or undefined for anything else. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return parsed !== null && typeof parsed === 'object' && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** The strings of an array of nothing but strings, or undefined. */
export function parseStrings(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? (value as string[]) : undefined
}

/** Whether any of the texts occurs in the frame. */
export function contains(frame: string | Uint8Array, text: string): boolean {
  if (typeof frame === 'string') return frame.includes(text)
  return Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).includes(text)
}

export function json(status: number, body: string): RestAnswer {
  return { status, body }
}
