import { cpSync, readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { verify } from '../../src/log/verify.ts'
import { Journal } from '../../src/recorder/journal.ts'
import { Recorder, type RecorderOptions } from '../../src/recorder/recorder.ts'
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulate/simulator.ts'
import { codeThrown } from '../helpers/error-codes.ts'
import { eventually } from '../helpers/eventually.ts'
import { HandWriter, type JsonRecord, NOON, readAll, readSoFar } from '../helpers/logs.ts'
import { type TestRecorder, testRecorder } from '../helpers/recorders.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

/** The code of what making a recorder throws. */
function refusal(options: Partial<RecorderOptions>, directory = temporaryDirectory()): string {
  return codeThrown(() => {
    const stopped = new Recorder({ directory, instruments: ['binance:BTCUSDT'], ...options }).stop()
    onTestFinished(async () => void (await stopped))
  })
}

async function market(options: SimulatorOptions): Promise<Simulator> {
  const simulator = await createSimulator({ rate: 1500, ...options })
  onTestFinished(() => simulator.close())
  return simulator
}

/** Records from a simulator until `frames` have come, and stops. */
async function recordFrom(
  simulator: Simulator,
  directory: string,
  instruments: string[],
  frames: number,
): Promise<TestRecorder> {
  const made = testRecorder({ directory, instruments, endpoints: { [simulator.venue]: simulator.endpoints } })
  await Promise.race([made.failed, made.recorder.start()])
  await eventually(`${frames} frames`, () => made.recorder.status().frames >= frames)
  await made.recorder.stop()
  return made
}

describe('a recorder', () => {
  it('refuses venues and symbols that cannot be, before it touches the directory', () => {
    const directory = temporaryDirectory()
    expect(refusal({ instruments: ['mtgox:BTCUSD'] }, directory)).toBe('TF_UNKNOWN_VENUE')
    expect(refusal({ instruments: ['kraken:btcusd'] }, directory)).toBe('TF_UNKNOWN_SYMBOL')
    expect(refusal({ instruments: ['binance:BTCUSDT', 'binance:btc usdt'] }, directory)).toBe('TF_UNKNOWN_SYMBOL')
    expect(refusal({ instruments: ['BTCUSDT'] }, directory)).toBe('TF_USAGE')
    expect(refusal({ instruments: [] }, directory)).toBe('TF_USAGE')
    expect(readdirSync(directory)).toEqual([])
  })

  it('refuses a protocol that the venue does not have, and lets go of the directory', () => {
    const directory = temporaryDirectory()
    expect(refusal({ protocols: { binance: 'kraken-v1' } }, directory)).toBe('TF_USAGE')
    expect(refusal({}, directory)).toBe('nothing was thrown')
  })

  it('does not blame the symbol where the venue serves nobody', async () => {
    const server = createServer((_, response) => response.writeHead(451).end('{"msg":"restricted location"}'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const { recorder, warnings } = testRecorder({
      directory: temporaryDirectory(),
      instruments: ['binance:BTCUSDT'],
      endpoints: { binance: { websocket: `ws://${address}`, rest: `http://${address}` } },
    })
    await recorder.start()
    await eventually('the refusal', () => warnings.join('\n').includes('HTTP 451 {"msg":"restricted location"}'))
    expect(recorder.subscriptions().every(({ state }) => state !== 'refused')).toBe(true)
    await recorder.stop()
  })

  it('loses no frame that it counted when it stops', async () => {
    // Every frame of Coinbase becomes a record.
    const simulator = await market({ venue: 'coinbase', symbols: ['BTC-USD', 'ETH-USD'], rate: 5000 })
    const directory = temporaryDirectory()
    const { recorder } = await recordFrom(simulator, directory, ['coinbase:BTC-USD', 'coinbase:ETH-USD'], 150)
    const { frames, counters, watermarks } = recorder.status()
    const records = readAll(directory)
    const numbers = records
      .filter((record) => record.type !== 'connection' && record.connection !== 0)
      .map(({ frame }) => frame)
    expect(new Set(numbers).size).toBe(frames)
    expect(Math.max(...numbers)).toBe(frames)
    // What the writer adds of itself is the segment's first record.
    expect(records.filter((record) => record.type !== 'segment')).toHaveLength(counters.records)
    expect(watermarks.durable).toBe(watermarks.appended)
    expect(verify(directory)).toMatchObject({ ok: true, gaps: 0 })
  })

  it('can be stopped before, during and after its start', async () => {
    const simulator = await market({ venue: 'binance', symbols: ['BTCUSDT'] })
    for (const after of [0, 1, 30]) {
      const directory = temporaryDirectory()
      const { recorder } = testRecorder({
        directory,
        instruments: ['binance:BTCUSDT'],
        endpoints: { binance: simulator.endpoints },
      })
      const started = after === 0 ? Promise.resolve() : recorder.start()
      if (after > 1) await eventually('frames', () => recorder.status().frames >= after)
      await recorder.stop()
      await started
      expect(recorder.status().open).toBe(0)
    }
    await eventually('all connections to be gone', () => simulator.stats.openConnections === 0)
  })

  it('holds the lock of its directory until it has stopped, while others read', async () => {
    const simulator = await market({ venue: 'binance', symbols: ['BTCUSDT'] })
    const directory = temporaryDirectory()
    const options = { directory, instruments: ['binance:BTCUSDT'], endpoints: { binance: simulator.endpoints } }
    const { recorder } = testRecorder(options)
    await recorder.start()
    expect(refusal({}, directory)).toBe('TF_LOCKED')
    expect(() => new Journal({ directory, name: 'another' })).toThrow(expect.objectContaining({ code: 'TF_LOCKED' }))
    await eventually('trades on the disk', () => readSoFar(directory, { types: ['trade'] }).length > 0, 25)
    await recorder.stop()
    expect(refusal({}, directory)).toBe('nothing was thrown')
  })
})

describe('a recorder that starts again on the same day', () => {
  it('appends, and the pause between is a gap record', async () => {
    const directory = temporaryDirectory()
    const symbols = ['BTCUSDT', 'ETHUSDT']
    const instruments = symbols.map((symbol) => `binance:${symbol}`)
    const simulator = await market({ venue: 'binance', symbols })
    await recordFrom(simulator, directory, instruments, 60)
    const before = readAll(directory)
    const { recorder } = await recordFrom(simulator, directory, instruments.toReversed(), 60)

    expect(recorder.recovery).toMatchObject({
      clean: true,
      tornTailBytes: 0,
      corruptBlocks: 0,
      records: BigInt(before.length),
    })
    const segments = readdirSync(directory).filter((name) => name.endsWith('.tfs'))
    // At midnight there are two.
    expect(segments.length).toBeLessThanOrEqual(2)
    const records = readAll(directory)
    expect(records.slice(0, before.length)).toEqual(before)
    const [gap, ...after] = records.slice(before.length)
    expect(gap).toMatchObject({ type: 'gap', cause: 'stop', connection: 0, ts_last_good: before.at(-1)?.ts_recv })
    // Numbers of definitions go on, so that each means one thing in the segment.
    const numbers = records.filter((record) => record.type === 'instrument').map((record) => record.number)
    expect(new Set(numbers).size).toBe(numbers.length)
    for (const instrument of instruments) {
      expect(
        after.filter((record) => record.type === 'trade' && record.instrument === instrument).length,
      ).toBeGreaterThan(0)
    }
    expect(verify(directory)).toMatchObject({ ok: true, gaps: 1, continuity: { broken: 0 } })
  })

  it('after a kill says that the last one did not stop in order', async () => {
    const directory = temporaryDirectory()
    // Only the segment of today is gone on with.
    const now = BigInt(Date.now()) * 1_000_000n
    const hand = new HandWriter(join(directory, 'running'))
    const number = hand.instrument(now, 'binance:BTCUSDT')
    for (let i = 0; i < 100; i++) hand.trade(now + BigInt(i), number, i)
    await hand.journal.flush()
    // What a kill at this moment leaves behind.
    cpSync(join(directory, 'running'), join(directory, 'killed'), { recursive: true })
    await hand.close()

    const again = new HandWriter(join(directory, 'killed'))
    expect(again.journal.recovery).toMatchObject({
      clean: false,
      records: 102n,
      lastInstrument: number,
      lastTsRecv: now + 99n,
    })
    const next = again.instrument(now + 200n, 'binance:BTCUSDT')
    expect(next).toBe(number + 1)
    await again.trade(now + 201n, next, 7).close()
    const records = readAll(join(directory, 'killed'))
    expect(records.slice(102).map(({ type, cause }) => cause ?? type)).toEqual(['unclean_stop', 'instrument', 'trade'])
    expect(records[102]).toMatchObject({ ts_last_good: String(now + 99n), connection: 0 })
    expect(verify(join(directory, 'killed'))).toMatchObject({ ok: true, gaps: 1 })
  })
})

describe('a full disk', () => {
  it('ends the journal with TF_DISK_FULL; what was written is whole, and goes on when there is room', async (context) => {
    const { directory, grow } = smallDisk(context)
    const hand = new HandWriter(directory, { ringBytes: 1 << 20 })
    const number = hand.instrument(NOON, 'binance:BTCUSDT')
    let written = 0
    const fill = (): void => {
      // Ten times what fits.
      for (; written < 600_000; written++) hand.trade(NOON + BigInt(written), number, written)
    }
    expect(fill).toThrow(expect.objectContaining({ code: 'TF_DISK_FULL' }))
    await expect(hand.journal.flush()).rejects.toMatchObject({ code: 'TF_DISK_FULL' })
    await expect(hand.close()).rejects.toMatchObject({ code: 'TF_DISK_FULL' })

    const ids = readAll(directory, { types: ['trade'] }).map((record) => Number(record.trade_id))
    expect(ids.length).toBeGreaterThan(30_000)
    expect(ids.every((id, i) => id === i)).toBe(true)
    expect(verify(directory)).toMatchObject({ corruptBlocks: 0, orderErrors: 0, records: ids.length + 2 })

    grow()
    const again = new HandWriter(directory)
    await again.trade(NOON + 900_000n, again.instrument(NOON + 900_000n, 'binance:BTCUSDT'), 900_000).close()
    const records = readAll(directory, { types: ['trade', 'gap'] })
    expect(records.slice(ids.length).map(({ type, cause }) => cause ?? type)).toEqual(['unclean_stop', 'trade'])
    expect(verify(directory)).toMatchObject({ ok: true, gaps: 1, tornTailBytes: 0 })
  })

  const INSTRUMENTS = ['BTC/USD', 'ETH/USD', 'SOL/USD', 'XRP/USD', 'ETH/BTC'].map((symbol) => `kraken:${symbol}`)

  it('does not end a recorder: the loss is on record with its range, and it records on by itself', async (context) => {
    const { directory, grow } = smallDisk(context, '1m')
    const simulator = await market({ venue: 'kraken', rate: 20_000 })
    const { recorder, warnings, failed } = testRecorder({
      directory,
      instruments: INSTRUMENTS,
      endpoints: { kraken: simulator.endpoints },
      ringBytes: 1 << 20,
    })
    await Promise.race([failed, recorder.start()])
    await Promise.race([failed, eventually('a loss', () => recorder.status().dropped > 0n)])
    await eventually('all connections to be given up', () => recorder.status().open === 0)
    grow()
    const booksAreBack = (): boolean => {
      const behind = readSoFar(directory, { types: ['book', 'drop'] })
      behind.splice(0, behind.findIndex(({ type }) => type === 'drop') + 1 || behind.length)
      return INSTRUMENTS.every((instrument) => behind.some((record) => record.instrument === instrument))
    }
    await Promise.race([failed, eventually('books behind the loss', booksAreBack, 100)])
    await recorder.stop()
    const { dropped, watermarks, counters } = recorder.status()
    expect(watermarks.durable).toBe(watermarks.appended)

    const log = readAll(directory)
    const at = log.findIndex(({ type }) => type === 'drop')
    const [before, drop, gap] = [log[at - 1], log[at], log[at + 1]] as [JsonRecord, JsonRecord, JsonRecord]
    expect(drop).toMatchObject({ count: String(dropped), cause: 'overflow', connection: 0 })
    expect(gap).toMatchObject({ type: 'gap', cause: 'overflow', connection: 0, ts_recv: drop.ts_recv })
    expect(gap.instrument).toBeUndefined()
    expect(gap.ts_last_good).toBe(before.ts_recv)
    expect(BigInt(drop.ts_first as string)).toBeGreaterThanOrEqual(BigInt(before.ts_recv))
    expect(BigInt(drop.ts_first as string)).toBeLessThan(BigInt(drop.ts_recv))
    expect(log.filter(({ type }) => type === 'drop')).toHaveLength(1)
    // What was recorded and nothing else: the segment record, the drop and its gap are the recorder's and the writer's own.
    expect(log).toHaveLength(counters.records + 3)
    // Each connection has one beginning and one end, those that the loss ended too.
    const connections = log.filter(({ type }) => type === 'connection')
    const numbers = new Set(connections.map(({ connection }) => connection))
    expect(numbers.size).toBeGreaterThan(1)
    for (const number of numbers) {
      const events = connections.filter(({ connection }) => connection === number).map(({ event }) => event)
      expect(events).toEqual(['open', 'close'])
    }
    expect(verify(directory)).toMatchObject({
      ok: true,
      drops: 1,
      corruptBlocks: 0,
      orderErrors: 0,
      continuity: { broken: 0 },
      checksums: { failed: 0 },
    })
    expect(warnings.join('\n')).toContain(`there is space again: ${dropped} records were lost from `)
  })

  it('lets a recorder be stopped: what its ring holds is written into the reserve, and the loss behind it', async (context) => {
    const { directory } = smallDisk(context, '4m')
    const simulator = await market({ venue: 'kraken', rate: 20_000 })
    const { recorder, failed } = testRecorder({
      directory,
      instruments: INSTRUMENTS,
      endpoints: { kraken: simulator.endpoints },
      ringBytes: 1 << 20,
    })
    await recorder.start()
    await Promise.race([failed, eventually('a loss', () => recorder.status().dropped > 0n)])
    const { appended, durable } = await recorder.stop()
    expect(durable).toBe(appended)
    const { counters, dropped } = recorder.status()
    const log = readAll(directory)
    expect(log.at(-1)).toMatchObject({ type: 'drop', cause: 'overflow', count: String(dropped) })
    // And the segment record.
    expect(log).toHaveLength(counters.records + 2)
    expect(verify(directory)).toMatchObject({
      ok: true,
      corruptBlocks: 0,
      orderErrors: 0,
      continuity: { broken: 0 },
      checksums: { failed: 0 },
    })
  })
})
