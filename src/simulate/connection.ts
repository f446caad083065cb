// One client as the simulated venue sees it: sends whole frames, or does to them what the faults say.
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import {
  ConnectionFaults,
  type FaultChannel,
  type FaultCounters,
  type FaultOptions,
  garbage,
  INVALID_TEXT,
  largeFrame,
} from './faults.ts'
import type { Random } from './random.ts'

/** Counters of a simulator; they only grow, but for `openConnections`. */
export interface SimulatorStats {
  connections: number
  openConnections: number
  refusedConnections: number
  messagesReceived: number
  restRequests: number
  /** Frames of the venue, whole ones; garbage is not among them. */
  framesSent: number
  bytesSent: number
  /** Steps of the synthetic market. */
  marketEvents: number
  faults: FaultCounters
}

/** A client that reads this much slower than the venue sends is closed, as venues do. */
const BACKLOG_BYTES_MAX = 64 * 1024 * 1024
/** A playback waits for a client with more than this in its way. */
const HIGH_WATER_BYTES = 1024 * 1024
const DRAIN_POLL_MS = 1

export interface ConnectionSetup {
  webSocket: WebSocket
  socket: Duplex
  url: URL
  stats: SimulatorStats
  faults: FaultOptions | undefined
  random: Random
  isBookUpdate: (frame: string | Uint8Array) => boolean
}

export class ClientConnection {
  readonly url: URL
  readonly #webSocket: WebSocket
  readonly #socket: Duplex
  readonly #stats: SimulatorStats
  readonly #faults: ConnectionFaults | undefined
  readonly #largeBytes: number
  readonly #random: Random
  readonly #isBookUpdate: (frame: string | Uint8Array) => boolean
  /** What there is to send after a stall; undefined when there is none. */
  #held: (() => void)[] | undefined
  #stallTimer: NodeJS.Timeout | undefined
  #open = true

  constructor(setup: ConnectionSetup) {
    this.url = setup.url
    this.#webSocket = setup.webSocket
    this.#socket = setup.socket
    this.#stats = setup.stats
    this.#random = setup.random
    this.#largeBytes = setup.faults?.largeFrameAfter?.bytes ?? 0
    this.#isBookUpdate = setup.isBookUpdate
    this.#faults = setup.faults === undefined ? undefined : new ConnectionFaults(setup.faults, setup.stats.faults)
  }

  /** False once the connection is closed or closing. */
  get open(): boolean {
    return this.#open
  }

  /** False for a subscription that is acknowledged and silent. For a venue to ask when it is subscribed to. */
  delivers(channel: FaultChannel, symbol: string): boolean {
    return this.#faults?.delivers(channel, symbol) ?? true
  }

  /** Why a request for these instruments is refused; undefined if it is not. */
  refusal(symbols: readonly string[]): string | undefined {
    return this.#faults?.refusal(symbols)
  }

  /** Sends one frame of the venue. */
  send(frame: string | Uint8Array, binary = false): void {
    if (!this.#open) return
    if (this.#held !== undefined) this.#held.push(() => this.#transmit(frame, binary))
    else this.#transmit(frame, binary)
  }

  ping(): void {
    if (this.#open && this.#held === undefined) this.#webSocket.ping()
  }

  pong(payload: Uint8Array): void {
    if (!this.#open) return
    if (this.#held !== undefined) this.#held.push(() => this.pong(payload))
    else this.#webSocket.pong(payload)
  }

  close(code: number, reason: string): void {
    if (!this.#open) return
    if (this.#held !== undefined) {
      this.#held.push(() => this.close(code, reason))
      return
    }
    this.#open = false
    this.#webSocket.close(code, reason)
  }

  terminate(): void {
    this.ended()
    this.#webSocket.terminate()
  }

  /** The socket is gone; to be called by its owner. */
  ended(): void {
    this.#open = false
    this.#held = undefined
    clearTimeout(this.#stallTimer)
  }

  /** Resolves when there is room for more, or no connection any more. */
  async writable(): Promise<void> {
    while (this.#open && (this.#held !== undefined || this.#webSocket.bufferedAmount > HIGH_WATER_BYTES)) {
      await sleep(DRAIN_POLL_MS)
    }
  }

  #transmit(frame: string | Uint8Array, binary: boolean): void {
    if (!this.#open) return
    if (this.#webSocket.bufferedAmount > BACKLOG_BYTES_MAX) {
      this.close(1008, 'the client reads too slowly')
      return
    }
    if (this.#faults === undefined) {
      this.#write(frame, binary)
      return
    }
    const decision = this.#faults.decide(() => this.#isBookUpdate(frame))
    if (decision.garbageBefore) {
      const extra = garbage(this.#random, frame)
      this.#webSocket.send(extra.data, { binary: extra.binary })
    }
    if (decision.fate === 'drop') {
      this.#writeHalf(frame, binary)
      return
    }
    if (decision.invalidTextBefore) this.#webSocket.send(INVALID_TEXT, { binary: false })
    if (decision.fate === 'send')
      this.#write(decision.unknownWord ? this.#faults.withUnknownWord(frame) : frame, binary)
    if (decision.largeFrameAfter) this.#webSocket.send(largeFrame(this.#largeBytes))
    if (decision.closeAfter) this.close(1001, 'going away')
    else if (decision.stallMsAfter > 0) this.#stall(decision.stallMsAfter)
  }

  #write(frame: string | Uint8Array, binary: boolean): void {
    this.#stats.framesSent++
    this.#stats.bytesSent += frame.length
    this.#webSocket.send(frame, { binary })
  }

  /** The header says the whole length; the bytes end half way. ws writes to the same socket, in order, so this comes next. */
  #writeHalf(frame: string | Uint8Array, binary: boolean): void {
    const payload = typeof frame === 'string' ? Buffer.from(frame) : frame
    this.#open = false
    const opcode = binary ? 0x82 : 0x81
    let header: Buffer
    if (payload.length < 126) {
      header = Buffer.from([opcode, payload.length])
    } else if (payload.length < 65536) {
      header = Buffer.from([opcode, 126, 0, 0])
      header.writeUInt16BE(payload.length, 2)
    } else {
      header = Buffer.alloc(10)
      header[0] = opcode
      header[1] = 127
      header.writeUInt32BE(payload.length, 6)
    }
    this.#socket.write(Buffer.concat([header, payload.subarray(0, payload.length >> 1)]), () => this.#socket.destroy())
  }

  #stall(ms: number): void {
    this.#held = []
    this.#stallTimer = setTimeout(() => {
      const held = this.#held ?? []
      this.#held = undefined
      for (const [index, run] of held.entries()) {
        run()
        // A fault among them may begin another stall: the rest waits for that one.
        if (this.#held !== undefined) {
          this.#held = [...(this.#held as (() => void)[]), ...held.slice(index + 1)]
          return
        }
      }
    }, ms)
  }
}
