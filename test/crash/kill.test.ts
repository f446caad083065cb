// A real recorder process, killed with SIGKILL at random moments while it records from a real WebSocket, and started again.
// TICKFORGE_CRASH_ROUNDS sets how often, TICKFORGE_CRASH_SEED repeats a run.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { verify } from '../../src/log/verify.ts'
import { loadNative } from '../../src/native/binding.ts'
import { Log } from '../../src/open-log.ts'
import * as L from '../../src/records/layout.ts'
import { createSimulators, type Simulator } from '../../src/simulate/simulator.ts'
import { ROUNDS as ALL_ROUNDS, random, SEED } from './rounds.ts'

/** A round with venues takes a while; most of the rounds are those of a server. */
const ROUNDS = Math.min(ALL_ROUNDS, 50)
const CLI = join(import.meta.dirname, '../../bin/tickforge.mjs')
const ROUND_TIMEOUT_MS = 20_000

/** What the control page of a running recorder says. */
interface Page {
  segmentId: bigint
  recordCount: bigint
  written: bigint
  durable: bigint
  processId: number
}

/** Reads the control page as docs/FORMAT.md says: again until nothing changed meanwhile. */
function readPage(directory: string): Page | undefined {
  const path = join(directory, 'main.tfc')
  if (!existsSync(path)) return undefined
  for (let attempt = 0; attempt < 100; attempt++) {
    const view = new DataView(readFileSync(path).buffer)
    if (view.byteLength < 4096 || view.getUint32(0, true) !== L.CONTROL_MAGIC) return undefined
    const lock = view.getBigUint64(L.CONTROL_VERSION_LOCK, true)
    const again = new DataView(readFileSync(path).buffer).getBigUint64(L.CONTROL_VERSION_LOCK, true)
    if (lock % 2n !== 0n || lock !== again) continue
    return {
      segmentId: view.getBigUint64(L.CONTROL_SEGMENT_ID, true),
      recordCount: view.getBigUint64(L.CONTROL_RECORD_COUNT, true),
      written: view.getBigUint64(L.CONTROL_WRITTEN, true),
      durable: view.getBigUint64(L.CONTROL_DURABLE, true),
      processId: view.getUint32(L.CONTROL_PROCESS_ID, true),
    }
  }
  return undefined
}

function exited(child: ChildProcess): Promise<void> {
  return new Promise((resolve) =>
    child.exitCode !== null || child.signalCode !== null ? resolve() : child.once('exit', () => resolve()),
  )
}

describe(`a recorder that is killed ${ROUNDS} times (seed ${SEED})`, () => {
  let directory: string
  let simulators: Simulator[]
  let errors = ''

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'tickforge-crash-'))
    simulators = await createSimulators([
      { venue: 'binance', symbols: ['BTCUSDT'], rate: 2000, seed: SEED },
      { venue: 'kraken', symbols: ['BTC/USD'], rate: 500, seed: SEED },
    ])
  })

  afterAll(async () => {
    await Promise.all(simulators.map((simulator) => simulator.close()))
    rmSync(directory, { recursive: true, force: true })
  })

  function start(): ChildProcess {
    const endpoints = simulators.flatMap((s) => ['--endpoint', `${s.venue}=127.0.0.1:${s.port}`])
    const child = spawn(
      process.execPath,
      [CLI, 'record', 'binance:BTCUSDT', 'kraken:BTC/USD', '--dir', directory, '--flush-ms', '5', ...endpoints],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    child.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-4000)
    })
    return child
  }

  /** Waits until this process has made `records` records durable. */
  async function recording(child: ChildProcess, records: bigint): Promise<Page> {
    const until = performance.now() + ROUND_TIMEOUT_MS
    for (;;) {
      const page = readPage(directory)
      if (page !== undefined && page.processId === child.pid && page.durable >= records) return page
      if (child.exitCode !== null) throw new Error(`the recorder ended with ${child.exitCode}:\n${errors}`)
      if (performance.now() > until) throw new Error(`the recorder did not record:\n${errors}`)
      await sleep(2)
    }
  }

  /** Waits until trades, quotes and books of both venues were recorded since `from`: a recorder that ends before tells of them. */
  async function heardOfAll(child: ChildProcess, from: bigint): Promise<void> {
    const until = performance.now() + ROUND_TIMEOUT_MS
    for (;;) {
      const log = new Log(directory)
      const heard = new Set<string>()
      for (const batch of log.replay({ from, types: ['trade', 'quote', 'book'] }))
        for (const record of batch) heard.add(`${record.type} ${record.instrument}`)
      log.close()
      if (heard.size === 6) return
      if (child.exitCode !== null) throw new Error(`the recorder ended with ${child.exitCode}:\n${errors}`)
      if (performance.now() > until) throw new Error(`only ${[...heard].join(', ')} came:\n${errors}`)
      await sleep(20)
    }
  }

  it('loses nothing that was durable, recovers by itself every time, and verifies', {
    timeout: (ROUNDS + 2) * ROUND_TIMEOUT_MS,
  }, async () => {
    const next = random(SEED)
    for (let round = 0; round < ROUNDS; round++) {
      const child = start()
      await recording(child, BigInt(1 + Math.floor(next() * 400)))
      await sleep(next() * 60)
      const page = readPage(directory) as Page
      child.kill('SIGKILL')
      await exited(child)

      const log = new Log(directory)
      const segment = log.segments.find((candidate) => candidate.native.segmentId === page.segmentId)
      expect(segment, `round ${round}: the segment of the control page`).toBeDefined()
      const kept = segment?.native.recordCount ?? 0n
      log.close()
      expect(kept, `round ${round}: records on the disk`).toBeGreaterThanOrEqual(
        page.recordCount - (page.written - page.durable),
      )
    }

    const from = BigInt(Date.now()) * 1_000_000n
    const child = start()
    await recording(child, 200n)
    await heardOfAll(child, from)
    child.kill('SIGINT')
    await exited(child)
    expect(child.exitCode, errors).toBe(0)

    const report = verify(directory)
    expect(report.problems).toEqual([])
    expect(report.ok).toBe(true)
    expect(report.index).toEqual({ ok: report.segments, missing: 0, wrong: 0 })
    for (const { file } of new Log(directory).segments)
      expect(loadNative().scanSegment(file.path).tornTailBytes).toBe(0)
  })

  it('leaves one gap record of cause unclean_stop for every kill', () => {
    const log = new Log(directory)
    const causes: string[] = []
    for (const batch of log.replay({ types: ['gap'] })) {
      for (const r of batch) if (r.type === 'gap' && r.connection === 0 && r.instrument === '') causes.push(r.cause)
    }
    log.close()
    expect(causes).toEqual(Array.from({ length: ROUNDS }, () => 'unclean_stop'))
  })

  it('holds every trade between two gaps once and in order', () => {
    const log = new Log(directory)
    let last: bigint | undefined
    let trades = 0
    for (const batch of log.replay({ types: ['trade', 'gap'], instruments: ['binance:BTCUSDT'] })) {
      for (const r of batch) {
        if (r.type === 'gap') {
          last = undefined
        } else if (r.type === 'trade') {
          const id = r.tradeId as bigint
          if (last !== undefined) expect(id).toBe(last + 1n)
          last = id
          trades++
        }
      }
    }
    log.close()
    expect(trades).toBeGreaterThan(ROUNDS)
  })
})
