// One connection to a venue, kept open: connect, subscribe, notice silence, come back with growing pauses. Knows
// nothing of any venue: what to say comes from the plan, what to do with a frame from the normaliser.
import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import { type RawData, WebSocket } from 'ws'
import type { ConnectionPlan, Normalizer, Subscription, SubscriptionRequest } from '../feeds/feed.ts'
import { GapCause } from '../records/layout.ts'
import { backoffMs } from './backoff.ts'
import { monotonicMs, type ReceiveClock } from './clock.ts'

const HANDSHAKE_TIMEOUT_MS = 10_000
/** The largest frame known is a Coinbase snapshot of 5 MB. The ring must hold the records of a whole frame. */
export const FRAME_BYTES_MAX = 8 << 20
/** A connection that lived this long was a good one: the pauses start anew. */
const GOOD_AFTER_MS = 30_000
const CLOSE_TIMEOUT_MS = 2_000

const SOCKET_OPTIONS = {
  perMessageDeflate: false,
  maxPayload: FRAME_BYTES_MAX,
  /** A venue that has said that it closes, and does not, is not waited for. */
  closeTimeout: CLOSE_TIMEOUT_MS,
  /** A text that is not UTF-8 would end the connection: it is looked at here, in the same way, and kept. */
  skipUTF8Validation: true,
}

export type SessionState = 'connecting' | 'open' | 'waiting' | 'stopped'

export interface SessionHooks {
  /** Next connection number, 1 to 65535. */
  nextConnection: () => number
  /** The number of a connection whose end is on record. */
  freeConnection: (number: number) => void
  /** After every frame: the normaliser may have requests. */
  afterFrame: () => void
  /** Something failed that nothing can be done about here, such as a full disk. */
  failed: (error: unknown) => void
  warn: (message: string) => void
}

export class Session {
  state: SessionState = 'stopped'
  /** Number of the current connection; 0 while there is none. */
  connection = 0
  frames = 0
  bytes = 0
  reconnects = 0

  #plan: ConnectionPlan
  readonly #normalizer: Normalizer
  readonly #clock: ReceiveClock
  readonly #hooks: SessionHooks
  readonly #chunk = { low: 0, high: 0 }
  #socket: WebSocket | undefined
  #attempt = 0
  #openedAt = 0
  #lastHeardAt = 0
  #cause: GapCause = GapCause.disconnect
  #error: string | undefined
  #retry: NodeJS.Timeout | undefined
  #timers: NodeJS.Timeout[] = []
  #stopped: (() => void) | undefined
  #suspended = false
  #unsettled: (() => void) | undefined

  constructor(plan: ConnectionPlan, normalizer: Normalizer, clock: ReceiveClock, hooks: SessionHooks) {
    this.#plan = plan
    this.#normalizer = normalizer
    this.#clock = clock
    this.#hooks = hooks
  }

  /** Symbols that this connection is for. */
  get symbols(): string[] {
    return this.#plan.subscriptions.map((subscription) => subscription.symbol)
  }

  get subscriptions(): readonly Subscription[] {
    return this.#plan.subscriptions
  }

  get requests(): readonly SubscriptionRequest[] {
    return this.#plan.requests ?? []
  }

  /** What the next connection is for. The one that is open goes on as it was. */
  replan(plan: ConnectionPlan): void {
    this.#plan = plan
  }

  /** Connects, unless it has done so already. */
  start(): void {
    this.#suspended = false
    this.settle()
    if (this.#socket === undefined && this.#retry === undefined) this.#connect()
  }

  /** Gives the connection up; no new one is made before start(). */
  suspend(cause: GapCause): void {
    this.#suspended = true
    this.#cause = cause
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#socket?.terminate()
  }

  /** Writes the end of the last connection, if that could not be done when it ended. */
  settle(): void {
    if (this.#unsettled !== undefined) this.#guard(this.#unsettled)
  }

  /** Sends frames on the current connection, if it is that one. */
  send(connection: number, messages: readonly string[]): boolean {
    if (this.connection !== connection || this.#socket?.readyState !== WebSocket.OPEN) return false
    this.#sendAll(messages)
    return true
  }

  /** Gives the connection up; a new one follows. */
  reconnect(connection: number, reason: string, cause: GapCause = GapCause.sequence): boolean {
    if (this.connection !== connection || this.#socket === undefined) return false
    this.#hooks.warn(`${this.#plan.url}: connecting anew: ${reason}`)
    this.#cause = cause
    this.#socket.terminate()
    return true
  }

  /** Closes the connection; resolves when its last frame has been taken over. */
  stop(): Promise<void> {
    clearTimeout(this.#retry)
    this.#retry = undefined
    const socket = this.#socket
    if (socket === undefined) {
      this.state = 'stopped'
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      this.#stopped = resolve
      socket.close(1000)
      const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS)
      timer.unref()
    })
  }

  #connect(): void {
    this.state = 'connecting'
    this.#cause = GapCause.disconnect
    const socket = new WebSocket(this.#plan.url, SOCKET_OPTIONS)
    this.#socket = socket
    // The library's own limit is one of silence: a handshake that drips would take for ever.
    const handshake = setTimeout(() => {
      this.#error = `the handshake took more than ${HANDSHAKE_TIMEOUT_MS} ms`
      socket.terminate()
    }, HANDSHAKE_TIMEOUT_MS)
    let stream: Socket | undefined
    socket.on('upgrade', (response) => {
      stream = response.socket
    })
    socket.on('open', () => {
      clearTimeout(handshake)
      // All frames of one read of the socket share one stamp, taken before any of them is parsed.
      stream?.prependListener('data', () => {
        this.#clock.now()
        this.#chunk.low = this.#clock.low
        this.#chunk.high = this.#clock.high
      })
      this.#guard(() => this.#opened())
    })
    // A venue that pings is there, however quiet its market.
    socket.on('ping', () => {
      this.#lastHeardAt = monotonicMs()
    })
    socket.on('message', (data: RawData, binary: boolean) => this.#guard(() => this.#message(data as Buffer, binary)))
    socket.on('error', (error) => {
      this.#error ??= error.message
      // A frame that is none: what follows cannot be read, and the library would wait for the venue to close.
      if (this.connection !== 0 && isMalformed(error)) this.#cause = GapCause.malformed
      socket.terminate()
    })
    // Follows on an error, with the same story told from its end: one warning is enough.
    socket.on('close', (code, reason) => {
      clearTimeout(handshake)
      this.#closed(code, reason.toString('utf8'))
    })
  }

  #opened(): void {
    this.state = 'open'
    this.connection = this.#hooks.nextConnection()
    this.#openedAt = this.#lastHeardAt = monotonicMs()
    this.#clock.now()
    this.#chunk.low = this.#clock.low
    this.#chunk.high = this.#clock.high
    this.#normalizer.opened(this.connection, this.#plan.url)
    this.#sendAll(this.#plan.hello)
    const { keepAlive, staleAfterMs, maxLifetimeMs } = this.#plan
    if (keepAlive !== undefined) this.#every(keepAlive.everyMs, () => this.#sendAll([keepAlive.message]))
    this.#every(Math.max(50, staleAfterMs / 4), () => {
      if (monotonicMs() - this.#lastHeardAt < staleAfterMs) return
      this.reconnect(this.connection, `nothing arrived for ${staleAfterMs} ms`, GapCause.stale)
    })
    if (maxLifetimeMs !== undefined) {
      this.#every(maxLifetimeMs, () =>
        this.reconnect(this.connection, 'before the venue ends it', GapCause.venueNotice),
      )
    }
    this.#hooks.afterFrame()
  }

  #message(data: Buffer, binary: boolean): void {
    this.frames++
    this.bytes += data.length
    this.#lastHeardAt = monotonicMs()
    this.#clock.set(this.#chunk.low, this.#chunk.high)
    if (binary || isUtf8(data)) this.#normalizer.frame(this.connection, data, binary)
    else this.#normalizer.unreadable(this.connection, data, 'a text that is not UTF-8')
    this.#hooks.afterFrame()
  }

  #closed(code: number, reason: string): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#timers = []
    this.#socket = undefined
    const stopping = this.#stopped !== undefined
    const { connection } = this
    this.connection = 0
    if (connection !== 0) {
      if (!stopping) this.#normalizer.interrupted(connection, this.#cause)
      this.#unsettled = () => {
        this.#clock.now()
        this.#normalizer.closed(connection, code, reason)
        this.#unsettled = undefined
        this.#hooks.freeConnection(connection)
        this.#hooks.afterFrame()
      }
      // A journal that has failed takes no more records; whoever waits for the end of the session must hear of it all the same.
      this.settle()
    }
    if (stopping) {
      this.state = 'stopped'
      this.#stopped?.()
      return
    }
    if (this.#openedAt !== 0 && monotonicMs() - this.#openedAt > GOOD_AFTER_MS) this.#attempt = 0
    this.#openedAt = 0
    this.state = 'waiting'
    this.reconnects++
    if (this.#suspended) return
    const pause = backoffMs(this.#attempt++)
    const why = this.#error ?? `closed with ${code}${reason === '' ? '' : ` (${reason})`}`
    this.#error = undefined
    this.#hooks.warn(`${this.#plan.url}: ${why}; connecting again in ${Math.round(pause)} ms`)
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#connect()
    }, pause)
  }

  #sendAll(messages: readonly string[]): void {
    const socket = this.#socket
    messages.forEach((message, i) => {
      if (i === 0) socket?.send(message)
      else
        this.#timers.push(
          setTimeout(
            () => socket?.readyState === WebSocket.OPEN && socket.send(message),
            i * this.#plan.sendIntervalMs,
          ),
        )
    })
  }

  #every(ms: number, act: () => void): void {
    this.#timers.push(setInterval(act, ms))
  }

  /** An error of the journal must end the recorder, not the process by an uncaught exception. */
  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#hooks.failed(error)
    }
  }
}

/** An error of the venue's frames, not of the network. */
function isMalformed(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code?.startsWith('WS_ERR_') === true
}
