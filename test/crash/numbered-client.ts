// A client that numbers its trades and knows which of them were acknowledged.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { NUMBERED_TRADES } from '../../scripts/lib/paths.mjs'
import { Client } from '../../src/client/client.ts'
import type { Level } from '../../src/client/wire.ts'
import { TickforgeError } from '../../src/errors.ts'

/** Batches on their way at once. */
const UNDER_WAY = 8
const LOST = new Set(['TF_DISCONNECTED', 'TF_CONNECT', 'TF_REFUSED'])

/** What one client did while one server lived. Numbers are those of trades. */
export interface Sent {
  from: number
  acknowledged: number
  last: number
}

export class NumberedClient {
  readonly symbol: string
  readonly #level: Level
  readonly #random: () => number
  /** Everything up to here was acknowledged once, by a server that may be gone. */
  acknowledged = 0
  #client: Client | undefined
  /** Last trade of each batch, by the batch's number - 1. */
  #lasts: number[] = []

  constructor(symbol: string, level: Level, random: () => number) {
    this.symbol = symbol
    this.#level = level
    this.#random = random
  }

  /** Sends until the server is gone, beginning with what was not acknowledged. Resolves with what it did. */
  async sendTo(address: string): Promise<Sent> {
    const from = this.acknowledged + 1
    let last = this.acknowledged
    this.#lasts = []
    try {
      const client = await Client.connect(address, { level: this.#level })
      this.#client = client
      const instrument = client.instrument('crash', this.symbol, {})
      const connection = client.open('crash', address)
      for (;;) {
        const count = 1 + Math.floor(this.#random() * 300)
        for (let i = 0; i < count; i++) {
          last++
          const tradeId = BigInt(last)
          client.trade({ tsRecv: 0n, connection }, { instrument, price: tradeId, size: 1n, tradeId })
        }
        // Known before the server can know it.
        this.#lasts.push(last)
        const batch = await client.send()
        if (batch > UNDER_WAY) await client.acknowledged(batch - UNDER_WAY)
        this.#note()
      }
    } catch (error) {
      if (!(error instanceof TickforgeError && LOST.has(error.code))) throw error
    }
    this.#note()
    await this.#client?.close()
    this.#client = undefined
    return { from, acknowledged: this.acknowledged, last }
  }

  /** The server has acknowledged something to this client since it connected. */
  get wasAnswered(): boolean {
    return (this.#client?.acknowledgedBatch ?? 0) > 0
  }

  #note(): void {
    const batch = this.#client?.acknowledgedBatch ?? 0
    if (batch > 0) this.acknowledged = this.#lasts[batch - 1] as number
  }
}

/** The same with the client in C++, in a process of its own. */
export class NativeNumberedClient {
  readonly symbol: string
  acknowledged = 0
  wasAnswered = false

  constructor(symbol: string) {
    this.symbol = symbol
  }

  async sendTo(address: string): Promise<Sent> {
    const from = this.acknowledged + 1
    this.wasAnswered = false
    const child = spawn(NUMBERED_TRADES, [address, this.symbol, String(from)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let last: number | undefined
    for await (const line of createInterface({ input: child.stdout })) {
      const [word, number] = line.split(' ')
      if (word === 'last') last = Number(number)
      else {
        this.acknowledged = Number(number)
        this.wasAnswered = true
      }
    }
    if (last === undefined) throw new Error(`${NUMBERED_TRADES} ended without a word`)
    return { from, acknowledged: this.acknowledged, last }
  }
}
