// A log that is followed while a recorder of this process writes it.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Log } from '../../src/open-log.ts'
import * as L from '../../src/records/layout.ts'
import { Tail, type TailQuery } from '../../src/tail/tail.ts'
import { codeThrown } from '../helpers/error-codes.ts'
import { eventually } from '../helpers/eventually.ts'
import { DAY, HandWriter, type JsonRecord, NOON } from '../helpers/logs.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

/** Reads a tail in the background. */
class Following {
  readonly records: JsonRecord[] = []
  readonly tail: Tail
  readonly ended: Promise<void>
  readonly #stop = new AbortController()
  #ended = false

  constructor(directory: string, query: TailQuery = {}) {
    this.tail = new Tail(directory, { ...query, signal: this.#stop.signal })
    this.ended = this.#read().finally(() => {
      this.#ended = true
    })
    this.ended.catch(() => undefined)
    onTestFinished(() => this.#stop.abort())
  }

  async #read(): Promise<void> {
    for await (const batch of this.tail) for (const record of batch) this.records.push(record.toJson() as JsonRecord)
  }

  get ids(): number[] {
    return this.records.filter((record) => record.type === 'trade').map((record) => Number(record.trade_id))
  }

  /** Waits for that many trades; the records may be more. */
  async trades(count: number): Promise<number[]> {
    await eventually(`${count} trades`, () => this.#ended || this.ids.length >= count)
    if (this.#ended) await this.ended
    return this.ids
  }

  async stop(): Promise<string> {
    this.#stop.abort()
    await this.ended
    return this.tail.position
  }
}

function writer(directory: string, settings: ConstructorParameters<typeof HandWriter>[1] = {}): HandWriter {
  const hand = new HandWriter(directory, settings)
  onTestFinished(async () => {
    await hand.close().catch(() => undefined)
  })
  return hand
}

const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

describe('log.tail()', () => {
  it('gives records before they are on the disk, with the views of replay', async () => {
    const directory = temporaryDirectory()
    const hand = writer(directory, { flushIntervalMs: 60_000 })
    const following = new Following(directory)
    const number = hand.instrument(NOON, 'binance:BTCUSDT')
    hand.trade(NOON, number, 1234)
    await following.trades(1)
    expect(hand.journal.watermarks().written).toBe(0n)
    expect(following.records.map(({ type }) => type)).toEqual(['instrument', 'trade'])
    expect(following.records[1]).toMatchObject({ instrument: 'binance:BTCUSDT', price: '12.34', size: '1.234' })
  })

  it('begins with what was recorded, and knows its instruments wherever it begins', async () => {
    const directory = temporaryDirectory()
    const hand = writer(directory)
    const number = hand.instrument(NOON, 'binance:BTCUSDT')
    for (const id of upTo(10)) hand.trade(NOON + BigInt(id), number, id)
    await hand.journal.flush()
    const log = new Log(directory)
    onTestFinished(() => log.close())
    const fromStart = new Following(directory, { from: 'start' })
    const fromTime = new Following(directory, { from: NOON + 8n, types: ['trade'] })
    const fromNow = new Following(directory, { instruments: ['binance:BTCUSDT'] })
    const fromRecord = new Following(directory, { from: '2024-08-08.main.000:5' })
    for (const id of upTo(12, 11)) hand.trade(NOON + BigInt(id), number, id)
    expect(await fromStart.trades(12)).toEqual(upTo(12))
    expect(await fromTime.trades(5)).toEqual(upTo(12, 8))
    expect(await fromNow.trades(2)).toEqual(upTo(12, 11))
    // Before the trades come the segment record and the definition.
    expect(await fromRecord.trades(9)).toEqual(upTo(12, 4))
    for (const one of [fromTime, fromNow, fromRecord])
      expect(one.records.at(-1)).toMatchObject({ instrument: 'binance:BTCUSDT', price: '0.12' })
    expect(fromStart.records.map(({ type }) => type).slice(0, 3)).toEqual(['segment', 'instrument', 'trade'])
    let seen = 0
    for await (const batch of log.tail({ from: 'start', types: ['trade'] })) {
      for (const _ of batch) seen++
      if (seen >= 12) break
    }
    expect(seen).toBe(12)
  })

  it('gives only the instruments and types that were asked for, also those that come later', async () => {
    const directory = temporaryDirectory()
    const hand = writer(directory)
    const following = new Following(directory, { instruments: ['binance:ETHUSDT'], types: ['trade', 'gap'] })
    const btc = hand.instrument(NOON, 'binance:BTCUSDT')
    hand.trade(NOON, btc, 1).quote(NOON, btc)
    const eth = hand.instrument(NOON, 'binance:ETHUSDT')
    hand.trade(NOON, btc, 2).quote(NOON, eth).gap(NOON, 0, L.GapCause.stale).trade(NOON, eth, 3)
    expect(await following.trades(1)).toEqual([3])
    expect(following.records.map(({ type }) => type)).toEqual(['gap', 'trade'])
  })

  it('goes on over midnight and over a restart, each record once', async () => {
    const directory = temporaryDirectory()
    const following = new Following(directory, { from: 'start' })
    const first = writer(directory)
    const number = first.instrument(NOON, 'binance:BTCUSDT')
    for (const id of upTo(500)) first.trade(NOON + DAY * BigInt(id > 250 ? 1 : 0) + BigInt(id), number, id)
    await first.close()
    const second = writer(directory)
    const again = second.instrument(NOON + DAY, 'binance:ETHUSDT')
    for (const id of upTo(1000, 501)) second.trade(NOON + DAY + BigInt(id), again, id)
    expect(await following.trades(1000)).toEqual(upTo(1000))
    const trades = following.records.filter(({ type }) => type === 'trade')
    expect(new Set(trades.slice(0, 500).map((record) => record.instrument))).toEqual(new Set(['binance:BTCUSDT']))
    expect(new Set(trades.slice(500).map((record) => record.instrument))).toEqual(new Set(['binance:ETHUSDT']))
    await second.journal.flush()
    await following.trades(1000)
  })

  it('ends when it is told to, and goes on at its position', async () => {
    const directory = temporaryDirectory()
    const hand = writer(directory)
    const number = hand.instrument(NOON, 'binance:BTCUSDT')
    let position = 'start:0'
    const all: number[] = []
    for (let round = 0; round < 4; round++) {
      for (const id of upTo(100 * round + 100, 100 * round + 1)) hand.trade(NOON + BigInt(id), number, id)
      const following = new Following(directory, { from: position })
      all.push(...(await following.trades(100)))
      position = await following.stop()
      if (round === 1) await hand.journal.flush()
    }
    expect(all).toEqual(upTo(400))
  })

  it('lets the event loop run while it waits', async () => {
    const directory = temporaryDirectory()
    const following = new Following(directory)
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    onTestFinished(() => clearInterval(timer))
    await sleep(50)
    expect(turns).toBeGreaterThan(5)
    await following.stop()
  })

  it('says what is wrong with a place to begin at', async () => {
    const directory = temporaryDirectory()
    expect(codeThrown(() => new Tail(`${directory}/none`))).toBe('TF_NO_DIRECTORY')
    expect(codeThrown(() => new Tail(directory, { from: 'yesterday' }))).toBe('TF_BAD_TIME')
    expect(codeThrown(() => new Tail(directory, { from: '2024-08-08.main.000:1' }))).toBe('TF_NO_FILE')
    expect(codeThrown(() => new Tail(directory, { from: 'start:0+a' }))).toBe('TF_USAGE')
    expect(codeThrown(() => new Tail(directory, { types: ['tick' as 'trade'] }))).toBe('TF_USAGE')
  })
})
