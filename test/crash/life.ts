// `tickforge serve` in one directory, ended without warning again and again while clients wait for acknowledgements.
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { NUMBERED_TRADES } from '../../scripts/lib/paths.mjs'
import type { Level } from '../../src/client/wire.ts'
import { verify } from '../../src/log/verify.ts'
import { Log } from '../../src/open-log.ts'
import { type Running, start } from '../helpers/command-line.ts'
import { eventually } from '../helpers/eventually.ts'
import { NativeNumberedClient, NumberedClient, type Sent } from './numbered-client.ts'
import { random } from './rounds.ts'

/** Where a server records, and what ends it. */
export interface Place {
  readonly directory: string
  /** What the clients wait for: levels that survive the end. */
  readonly levels: readonly Level[]
  /** Of what was not durable, blocks may be missing in front of others that are there: a gap record says so. */
  readonly mayDamage: boolean
  /**
   * Ends the server without warning; afterwards another one can be started. Calls `now` when its machine goes down: what it
   * says from then on counts for nothing.
   */
  end(server: Running, now: () => void): Promise<void>
}

type Round = Map<string, Sent>

/** One directory from its first server to its last. */
export class Life {
  readonly #place: Place
  readonly #socket: string
  readonly #random: () => number
  readonly #clients: (NumberedClient | NativeNumberedClient)[]
  readonly #rounds: Round[] = []
  #early = 0

  constructor(place: Place, seed: number) {
    this.#place = place
    this.#socket = join(tmpdir(), `${basename(place.directory)}.sock`)
    this.#random = random(seed)
    const clients = place.levels.map((level, i) => new NumberedClient(`C${i}-${level}`, level, random(seed + i)))
    // The tests in C++ are built where GoogleTest is.
    this.#clients = existsSync(NUMBERED_TRADES) ? [...clients, new NativeNumberedClient('native')] : clients
  }

  /** Ends that many servers, then one in order, and checks everything that is there. */
  async run(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      if (this.#random() < 0.1) await this.#endEarly()
      await this.#endRound()
    }
    await this.#stopInOrder()
    this.#check()
  }

  #server(): ReturnType<typeof start> {
    const durability = ['batch', '20ms', 'os'][Math.floor(this.#random() * 3)] as string
    const flushMs = String(1 + Math.floor(this.#random() * 30))
    const options = ['--durability', durability, '--flush-ms', flushMs, '--ring-mb', '4', '--json']
    const listen = ['--listen', `unix:${this.#socket}`, '--listen', 'tcp:127.0.0.1:0']
    return start(['serve', '--dir', this.#place.directory, ...listen, ...options])
  }

  /** Also while it opens and mends what the one before left. */
  async #endEarly(): Promise<void> {
    const server = await this.#server()
    await sleep(this.#random() * 250)
    await this.#place.end(server, () => undefined)
    this.#early++
  }

  async #endRound(): Promise<void> {
    const server = await this.#server()
    const [, text] = await server.prints(/\{"listening":(\[.*\])\}/)
    const addresses = JSON.parse(text as string) as string[]
    const sending = this.#clients.map((client, i) => client.sendTo(addresses[i % addresses.length] as string))
    await eventually('an acknowledgement', () => this.#clients.some((client) => client.wasAnswered), 1)
    await sleep(this.#random() * 40)
    let known: number[] | undefined
    await this.#place.end(server, () => {
      known = this.#clients.map((client) => client.acknowledged)
    })
    const sent = (await Promise.all(sending)).map((one, i) => ({
      ...one,
      acknowledged: known?.[i] ?? one.acknowledged,
    }))
    this.#rounds.push(new Map(this.#clients.map((client, i) => [client.symbol, sent[i] as Sent])))
  }

  async #stopInOrder(): Promise<void> {
    const server = await this.#server()
    await server.prints(/\{"listening":/)
    expect(server.stdout).toContain('"clean":false')
    server.child.kill('SIGINT')
    const { code, stderr } = await server.ended
    expect(code, stderr).toBe(0)
  }

  #check(): void {
    const report = verify(this.#place.directory)
    if (!this.#place.mayDamage) expect(report.corruptBlocks).toBe(0)
    expect(report).toMatchObject({ ok: report.corruptBlocks === 0, orderErrors: 0, tornTailBytes: 0 })
    expect(report.index).toEqual({ ok: report.segments, missing: 0, wrong: 0 })
    const found = this.#read()
    // Each end leaves one gap record, behind what was recorded before it; a server that ended before anybody had
    // connected may have written its own, and nothing behind it.
    const gaps = found.length - 1
    expect(gaps).toBeGreaterThanOrEqual(this.#rounds.length)
    expect(gaps).toBeLessThanOrEqual(this.#rounds.length + this.#early)
    const recorded = found.filter((trades) => trades.size > 0)
    expect(recorded).toHaveLength(this.#rounds.length)
    this.#rounds.forEach((round, i) => {
      for (const [symbol, sent] of round) {
        const numbers = (recorded[i] as Map<string, number[]>).get(symbol) ?? []
        const where = `${symbol} in round ${i}: ${JSON.stringify(sent)}`
        const gapless = numbers.findIndex((number, at) => number !== sent.from + at)
        const certain = gapless === -1 ? numbers.length : gapless
        if (!this.#place.mayDamage) expect(certain, `out of order: ${where}`).toBe(numbers.length)
        expect(sent.from + certain - 1, `acknowledged and lost: ${where}`).toBeGreaterThanOrEqual(sent.acknowledged)
        const falling = numbers.findIndex((number, at) => at > 0 && number <= (numbers[at - 1] as number))
        expect(falling, `out of order: ${where}`).toBe(-1)
        expect(numbers.at(-1) ?? 0, `recorded and never sent: ${where}`).toBeLessThanOrEqual(sent.last)
      }
    })
  }

  /** Numbers of the trades by symbol, a map for each server that lived, in order. */
  #read(): Map<string, number[]>[] {
    const log = new Log(this.#place.directory)
    const lives = [new Map<string, number[]>()]
    try {
      for (const batch of log.replay({ types: ['trade', 'gap'] })) {
        for (const record of batch) {
          if (record.type === 'gap' && record.connection === 0 && record.cause === 'unclean_stop') lives.push(new Map())
          if (record.type !== 'trade') continue
          const trades = lives.at(-1) as Map<string, number[]>
          const symbol = record.instrument.split(':')[1] as string
          const numbers = trades.get(symbol) ?? []
          numbers.push(Number(record.tradeId))
          trades.set(symbol, numbers)
        }
      }
    } finally {
      log.close()
    }
    return lives
  }
}
