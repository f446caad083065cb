// `tickforge serve`, killed with SIGKILL at random moments while clients wait for acknowledgements, and started again.
// TICKFORGE_CRASH_ROUNDS sets how often (`npm run test:crash -- 10000`), TICKFORGE_CRASH_SEED repeats a run.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { NUMBERED_TRADES } from '../../scripts/lib/paths.mjs'
import { verify } from '../../src/log/verify.ts'
import { Log } from '../../src/open-log.ts'
import { start } from '../helpers/command-line.ts'
import { eventually } from '../helpers/eventually.ts'
import { NativeNumberedClient, NumberedClient, type Sent } from './numbered-client.ts'
import { ROUNDS, random, SEED } from './rounds.ts'

/** Kills of one directory; then all of it is checked, and another one begins. */
const ROUNDS_OF_A_LIFE = 20
/** Directories at once: a server that starts leaves a core to the others. */
const LANES = 3
const LEVELS = ['durable', 'written', 'durable', 'durable'] as const

type Round = Map<string, Sent>

/** One directory from its first server to its last. */
class Life {
  readonly directory = mkdtempSync(join(tmpdir(), 'tickforge-crash-'))
  readonly #socket = join(this.directory, '..', `${this.directory.split('/').at(-1)}.sock`)
  readonly #random: () => number
  readonly #clients: (NumberedClient | NativeNumberedClient)[]
  readonly #rounds: Round[] = []
  #early = 0

  constructor(seed: number) {
    this.#random = random(seed)
    const clients = LEVELS.map((level, i) => new NumberedClient(`C${i}-${level}`, level, random(seed + i)))
    // The tests in C++ are built where GoogleTest is.
    this.#clients = existsSync(NUMBERED_TRADES) ? [...clients, new NativeNumberedClient('native')] : clients
  }

  async run(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      if (this.#random() < 0.1) await this.#killEarly()
      await this.#killRound()
    }
    await this.#stopInOrder()
    this.#check()
    rmSync(this.directory, { recursive: true })
    rmSync(this.#socket, { force: true })
  }

  #server(): ReturnType<typeof start> {
    const durability = ['batch', '20ms', 'os'][Math.floor(this.#random() * 3)] as string
    const flushMs = String(1 + Math.floor(this.#random() * 30))
    const options = ['--durability', durability, '--flush-ms', flushMs, '--ring-mb', '4', '--json']
    const listen = ['--listen', `unix:${this.#socket}`, '--listen', 'tcp:127.0.0.1:0']
    return start(['serve', '--dir', this.directory, ...listen, ...options])
  }

  /** Also while it opens and mends what the one before left. */
  async #killEarly(): Promise<void> {
    const server = await this.#server()
    await sleep(this.#random() * 250)
    server.child.kill('SIGKILL')
    await server.ended
    this.#early++
  }

  async #killRound(): Promise<void> {
    const server = await this.#server()
    const [, text] = await server.prints(/\{"listening":(\[.*\])\}/)
    const addresses = JSON.parse(text as string) as string[]
    const sending = this.#clients.map((client, i) => client.sendTo(addresses[i % addresses.length] as string))
    await eventually('an acknowledgement', () => this.#clients.some((client) => client.wasAnswered), 1)
    await sleep(this.#random() * 40)
    server.child.kill('SIGKILL')
    const { stderr } = await server.ended
    expect(server.child.signalCode, stderr).toBe('SIGKILL')
    const sent = await Promise.all(sending)
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
    const report = verify(this.directory)
    expect(report).toMatchObject({ ok: true, corruptBlocks: 0, orderErrors: 0, tornTailBytes: 0 })
    expect(report.index).toEqual({ ok: report.segments, missing: 0, wrong: 0 })
    const found = this.#read()
    // Each kill leaves one gap record, behind what was recorded before it; a server that was killed before anybody had
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
        expect(
          numbers.findIndex((number, at) => number !== sent.from + at),
          `out of order: ${where}`,
        ).toBe(-1)
        const last = sent.from + numbers.length - 1
        expect(last, `acknowledged and lost: ${where}`).toBeGreaterThanOrEqual(sent.acknowledged)
        expect(last, `recorded and never sent: ${where}`).toBeLessThanOrEqual(sent.last)
      }
    })
  }

  /** Numbers of the trades by symbol, a map for each server that lived, in order. */
  #read(): Map<string, number[]>[] {
    const log = new Log(this.directory)
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

describe(`a server that is killed ${ROUNDS} times (seed ${SEED})`, () => {
  it('loses nothing that it acknowledged, keeps the order of each client, and invents nothing', {
    timeout: (ROUNDS + 5) * 20_000,
  }, async () => {
    let next = 0
    const lane = async (): Promise<void> => {
      for (let first = next; first < ROUNDS; first = next) {
        next += ROUNDS_OF_A_LIFE
        const seed = SEED + first
        const life = new Life(seed)
        await life.run(Math.min(ROUNDS_OF_A_LIFE, ROUNDS - first)).catch((error: unknown) => {
          const again = `TICKFORGE_CRASH_SEED=${seed} npm run test:crash -- ${ROUNDS_OF_A_LIFE}`
          throw new Error(`${life.directory} is kept; again: ${again}: ${String(error)}`, { cause: error })
        })
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
  })
})
