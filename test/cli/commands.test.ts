// The commands as a script meets them: exact times, one JSON document, silence where nobody asked.
import { spawn } from 'node:child_process'
import { appendFileSync, cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { ROOT } from '../../scripts/lib/paths.mjs'
import { verify } from '../../src/log/verify.ts'
import { createSimulator } from '../../src/simulate/simulator.ts'
import { Running, start, tickforge } from '../helpers/command-line.ts'
import { eventually } from '../helpers/eventually.ts'
import { HandWriter, NOON, readAll, SECOND } from '../helpers/logs.ts'
import { sharedDirectory, temporaryDirectory } from '../helpers/temporary.ts'

const TRADES = 6000
const root = sharedDirectory()
const log = join(root, 'log')

beforeAll(async () => {
  const hand = new HandWriter(log)
  const number = hand.instrument(NOON, 'binance:BTCUSDT')
  for (let i = 0; i < TRADES; i++) hand.trade(NOON + BigInt(i), number, i)
  hand.quote(NOON + 2n * SECOND, number)
  await hand.close()
})

/** Runs a command that must succeed in silence, and parses the one document that it prints. */
async function document(...args: string[]): Promise<Record<string, unknown>> {
  const ended = await tickforge(...args)
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(ended.stdout) as Record<string, unknown>
}

/** A recorder that meets no venue, and ends at once. */
const NOBODY = ['--endpoint', 'kraken=127.0.0.1:1', '--duration', '1ms']

const lines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('tickforge replay', () => {
  it('takes a ns for a ns, whichever way the time is written', async () => {
    const [from, to] = [NOON + 4001n, NOON + 4003n]
    for (const [first, last] of [
      [String(from), String(to)],
      ['2024-08-08T12:00:00.000004001Z', '2024-08-08T12:00:00.000004003Z'],
      ['2024-08-08T14:00:00.000004001+02:00', '2024-08-08 12:00:00.000004003'],
    ] as const) {
      const { code, stdout, stderr } = await tickforge('replay', log, '--from', first, '--to', last)
      expect([code, stderr]).toEqual([0, ''])
      expect(lines(stdout).map((record) => record.ts_recv)).toEqual([String(from), String(from + 1n)])
    }
  })

  it('prints JSON lines with exact texts, and only what was asked for', async () => {
    const { stdout } = await tickforge(
      'replay',
      log,
      '--type',
      'trade,quote',
      '--instrument',
      'binance:BTCUSDT',
      '--from',
      String(NOON + 5998n),
    )
    expect(lines(stdout)).toMatchObject([
      { type: 'trade', price: '59.98', size: '5.998', trade_id: '5998', ts_event: String(NOON + 5993n) },
      { type: 'trade', price: '59.99', size: '5.999' },
      { type: 'quote', bid_price: '1.00', ask_size: '0.100', ts_recv: String(NOON + 2n * SECOND) },
    ])
  })

  it('keeps time with --speed', async () => {
    const begun = performance.now()
    const { code, stdout } = await tickforge(
      'replay',
      log,
      '--type',
      'trade,quote',
      '--from',
      String(NOON + 5999n),
      '--speed',
      '10',
    )
    // Two seconds of the log, ten times as fast.
    expect(performance.now() - begun).toBeGreaterThan(190)
    expect([code, lines(stdout).length]).toEqual([0, 2])
  })

  it('ends in silence when whoever reads it has had enough', async () => {
    const command = `"${process.execPath}" bin/tickforge.mjs replay "${log}" | head -n 1; echo "\${PIPESTATUS[0]}" >&2`
    const ended = await new Running(spawn('bash', ['-c', command], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] }))
      .ended
    expect(lines(ended.stdout)).toMatchObject([{ type: 'segment' }])
    expect(ended.stderr).toBe('0\n')
  })
})

describe('--json', () => {
  it('of ls is what was recorded', async () => {
    expect(await document('ls', log, '--json')).toMatchObject({
      directory: log,
      days: [
        {
          day: '2024-08-08',
          segments: 1,
          records: TRADES + 3,
          from: String(NOON),
          to: String(NOON + 2n * SECOND),
          gaps: 0,
          bytes: expect.any(Number),
          instruments: [{ instrument: 'binance:BTCUSDT', trades: TRADES, quotes: 1, books: 0, gaps: 0 }],
        },
      ],
    })
  })

  it('of verify holds the counts that are promised', async () => {
    const report = await document('verify', log, '--json')
    expect(report).toMatchObject({
      segments: 1,
      blocks: expect.any(Number),
      records: TRADES + 3,
      corruptBlocks: 0,
      tornTailBytes: 0,
      gaps: 0,
      continuity: { checked: 0, broken: 0 },
      checksums: { checked: 0, passed: 0, failed: 0 },
    })
  })

  it('of inspect shows a block without records, which closes a segment, and marks one that cannot be read', async () => {
    const directory = temporaryDirectory()
    const hand = new HandWriter(directory)
    hand.trade(NOON, hand.instrument(NOON, 'binance:BTCUSDT'), 1)
    await hand.journal.flush()
    hand.trade(NOON + SECOND, hand.instrument(NOON, 'binance:BTCUSDT'), 2)
    await hand.journal.flush()
    await hand.close()
    const blocks = async (): Promise<unknown[]> =>
      (await document('inspect', directory, '--json', '--blocks')).segments as unknown[]
    const closing = { block: 2, readable: true, records: 0, payload_length: 0, flags: ['last'] }
    const whole = { block: 0, readable: true, offset: 0 }
    expect(await blocks()).toMatchObject([{ block_list: [whole, { block: 1, readable: true }, closing] }])
    expect((await tickforge('inspect', directory, '--block', '2')).code).toBe(0)

    const [segment] = (await document('inspect', directory, '--json')).segments as [{ path: string }]
    const bytes = readFileSync(segment.path)
    bytes[4096 + 70] = (bytes[4096 + 70] as number) ^ 1
    writeFileSync(segment.path, bytes)
    expect(await blocks()).toMatchObject([{ block_list: [whole, { block: 1, readable: false }, closing] }])
    expect((await tickforge('inspect', directory, '--block', '1')).code).toBe(8)
  })

  it('of inspect shows headers, blocks and records', async () => {
    const [segment] = (await document('inspect', log, '--json', '--block', '0', '--limit', '3')).segments as Record<
      string,
      unknown
    >[]
    expect(segment).toMatchObject({
      journal: 'main',
      day: '2024-08-08',
      part: 0,
      version: 1,
      records: String(TRADES + 3),
      index: 'ok',
      closed: true,
    })
    const [block] = (segment?.block_list ?? []) as { content: { type: string }[] }[]
    expect(block?.content.map(({ type }) => type)).toEqual(['segment', 'instrument', 'trade'])
  })

  it('of import says what became of the frames', async () => {
    const directory = temporaryDirectory()
    const capture = join(directory, 'btcusdt_20240808.gz')
    const trade = (ts: bigint, id: number): string =>
      `${ts} {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":${id},"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}\n`
    writeFileSync(capture, gzipSync(`${trade(NOON, 1)}no time and no payload\n${trade(NOON + 7n, 2)}`))
    const target = join(directory, 'log')
    const ended = await tickforge('import', 'hftbacktest', capture, '--dir', target, '--json')
    expect(ended.code).toBe(0)
    expect(JSON.parse(ended.stdout)).toMatchObject({
      frames: 3,
      records: expect.any(Number),
      rejectedFrames: 1,
      seconds: expect.any(Number),
    })
    expect(ended.stderr).toContain('btcusdt_20240808.gz:2:')
    expect(readAll(target, { types: ['trade'] })).toMatchObject([
      { ts_recv: String(NOON), price: '61837.63000000' },
      { ts_recv: String(NOON + 7n), trade_id: '2' },
    ])
  })

  it('of export names the file, which is complete', async () => {
    const out = join(temporaryDirectory(), 'trades.csv')
    expect(
      await document(
        'export',
        log,
        '--type',
        'trade',
        '--format',
        'csv',
        '--out',
        out,
        '--from',
        String(NOON + 5990n),
        '--json',
      ),
    ).toMatchObject({
      file: out,
      format: 'csv',
      type: 'trade',
      rows: 10,
      damaged: 0,
    })
    expect(readFileSync(out, 'utf8').trimEnd().split('\n')).toHaveLength(11)
  })
})

describe('tickforge record', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends in order on %s with everything on the disk, and says nothing meanwhile',
    async (signal) => {
      // Every frame of Coinbase becomes a record.
      const simulator = await createSimulator({ venue: 'coinbase', symbols: ['BTC-USD'], rate: 2000 })
      onTestFinished(() => simulator.close())
      const directory = temporaryDirectory()
      const address = simulator.endpoints.rest.replace('http://', '')
      const running = await start([
        'record',
        'coinbase:BTC-USD',
        '--dir',
        directory,
        '--endpoint',
        `coinbase=${address}`,
        '--json',
      ])
      onTestFinished(() => void running.child.kill('SIGKILL'))
      await eventually('frames', () => simulator.stats.framesSent > 50)
      running.child.kill(signal)
      const { code, stdout, stderr } = await running.ended
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })

      const [recovered, status] = lines(stdout) as [
        Record<string, unknown>,
        { frames: number; watermarks: { appended: string; written: string; durable: string } },
      ]
      expect(recovered).toMatchObject({ recovered: { segment: '', clean: true, records: '0', gap: null } })
      expect(status.watermarks.written).toBe(status.watermarks.appended)
      expect(status.watermarks.durable).toBe(status.watermarks.appended)
      const frames = readAll(directory).filter((record) => record.connection === 1 && record.type !== 'connection')
      expect(new Set(frames.map((record) => record.frame)).size).toBe(status.frames)
      expect(status.frames).toBeGreaterThan(20)
      expect(verify(directory)).toMatchObject({ ok: true, gaps: 0, tornTailBytes: 0 })
      const { segments } = await document('inspect', directory, '--json')
      expect(segments).toMatchObject([{ closed: true, index: 'ok' }])
    },
  )

  it('says in JSON what it found and cut, and which gap it recorded', async () => {
    const directory = temporaryDirectory()
    const hand = new HandWriter(join(directory, 'running'))
    const now = BigInt(Date.now()) * 1_000_000n
    hand.trade(now, hand.instrument(now, 'binance:BTCUSDT'), 1)
    await hand.journal.flush()
    // What a kill at this moment leaves behind, with a block that was torn.
    const killed = join(directory, 'killed')
    cpSync(join(directory, 'running'), killed, { recursive: true })
    await hand.close()
    const segment = join(killed, readdirSync(killed).find((name) => name.endsWith('.tfs')) as string)
    truncateSync(segment, 4096)
    appendFileSync(segment, Buffer.alloc(100, 7))

    const ended = await tickforge('record', 'kraken:BTC/USD', '--dir', killed, ...NOBODY, '--json')
    expect(ended.code).toBe(11)
    expect(lines(ended.stdout)[0]).toEqual({
      recovered: {
        segment,
        clean: false,
        blocks: 1,
        records: '3',
        tornTailBytes: 100,
        corruptBlocks: 0,
        indexRebuilt: expect.any(Boolean),
        bytesRead: expect.any(Number),
        lastInstrument: 1,
        lastTsRecv: String(now),
        gap: 'unclean_stop',
      },
    })
    expect(ended.stderr).toContain(`${segment} was recovered (100 torn bytes cut off)`)
    const again = await tickforge('record', 'kraken:BTC/USD', '--dir', killed, ...NOBODY, '--json')
    expect(lines(again.stdout)[0]).toMatchObject({ recovered: { clean: true, tornTailBytes: 0, gap: 'stop' } })
    expect(readAll(killed, { types: ['gap'] }).map(({ cause }) => cause)).toEqual(['unclean_stop', 'stop'])
  })

  it.each(['batch', 'os', '20ms'])('takes --durability %s', async (durability) => {
    const directory = temporaryDirectory()
    const args = ['record', 'kraken:BTC/USD', '--dir', directory, ...NOBODY, '--durability', durability, '--json']
    const { code, stdout, stderr } = await tickforge(...args)
    // Nobody was there to record.
    expect(code).toBe(11)
    expect(stderr).toContain('TF_NOTHING_RECEIVED: nothing was received of kraken:BTC/USD trade+quote+book (never')
    expect(lines(stdout).at(-1)).toMatchObject({
      watermarks: { appended: '0', written: '0', durable: '0' },
      dropped: '0',
      missing: [{ channel: 'trade' }, { channel: 'quote' }, { channel: 'book' }],
    })
  })

  it('stops by itself after --duration', async () => {
    const simulator = await createSimulator({ venue: 'kraken', symbols: ['BTC/USD'] })
    onTestFinished(() => simulator.close())
    const directory = temporaryDirectory()
    const address = simulator.endpoints.rest.replace('http://', '')
    const ended = await tickforge(
      'record',
      'kraken:BTC/USD',
      '--dir',
      directory,
      '--endpoint',
      `kraken=${address}`,
      '--duration',
      '300ms',
    )
    // So short a time may end before everything came.
    expect([0, 11]).toContain(ended.code)
    expect(ended.stdout).toBe('')
    expect(ended.stderr).toMatch(/^tickforge: [\d,]+ frames, [\d,]+ records on the disk, 0 gaps, 0 rejected frames\n/m)
    expect(verify(directory)).toMatchObject({ ok: true })
  })
})

describe('tickforge simulate', () => {
  it('is an exchange that another process can record, until it is told to end', async () => {
    const running = await start(['simulate', '--venue', 'binance', '--symbols', 'BTCUSDT', '--rate', '1000', '--json'])
    onTestFinished(() => void running.child.kill('SIGKILL'))
    const [text] = await running.prints(/^\{.*\}$/m)
    const { venue, port } = JSON.parse(text) as { venue: string; port: number }
    const directory = temporaryDirectory()
    const recorded = await tickforge(
      'record',
      `${venue}:BTCUSDT`,
      '--dir',
      directory,
      '--endpoint',
      `${venue}=127.0.0.1:${port}`,
      '--duration',
      '500ms',
    )
    expect(recorded.code).toBe(0)
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
    expect(readAll(directory, { types: ['trade'] }).length).toBeGreaterThan(0)
  })
})

describe('tickforge --help', () => {
  it('and --version and venues answer on standard output', async () => {
    const help = await tickforge('--help')
    expect(help).toMatchObject({ code: 0, stderr: '' })
    for (const name of ['record', 'serve', 'import', 'ls', 'inspect', 'verify', 'replay', 'export', 'simulate'])
      expect(help.stdout).toContain(`  ${name} `)
    const { version } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as { version: string }
    expect(await tickforge('--version')).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
    const venues = JSON.parse((await tickforge('venues', '--json')).stdout) as { venue: string }[]
    expect(venues.map(({ venue }) => venue)).toEqual(
      expect.arrayContaining(['binance', 'binance-usdm', 'binance-coinm', 'kraken', 'coinbase']),
    )
  })
})
