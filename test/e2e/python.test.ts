// What Python users get: polars and pyarrow read the exports as the log has them, and the quickstart runs on what `npm start` records.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Decimal } from 'decimal.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT, VENV_PYTHON } from '../../scripts/lib/paths.mjs'
import { whyMissing } from '../../scripts/lib/set-up.mjs'
import { writeParquetFile } from '../../src/export/parquet.ts'
import { Log } from '../../src/open-log.ts'
import type { BookView, QuoteView, TradeView } from '../../src/records/record-view.ts'
import { tickforge } from '../helpers/command-line.ts'
import { sharedDirectory, temporaryDirectory } from '../helpers/temporary.ts'

const run = promisify(execFile)
const GOLDEN = join(ROOT, 'test/golden/v1/venues')

// Sums of 38 digits are exact.
const Exact = Decimal.clone({ precision: 60 })

/** Rows, exact sums and the least and largest times of a type, out of a replay. */
function expected(type: 'trade' | 'quote' | 'book'): Record<string, unknown> {
  const sums = new Map<string, Decimal>()
  const times = new Map<string, [bigint, bigint]>()
  let rows = 0
  const add = (name: string, value: string | bigint | null): void => {
    if (value !== null) sums.set(name, (sums.get(name) ?? new Exact(0)).add(new Exact(String(value))))
  }
  const time = (name: string, value: bigint | null): void => {
    if (value === null) return
    const [least, largest] = times.get(name) ?? [value, value]
    times.set(name, [value < least ? value : least, value > largest ? value : largest])
  }
  const head = (r: TradeView | QuoteView | BookView): void => {
    rows++
    time('ts_recv', r.tsRecv)
    time('ts_event', r.tsEvent)
    time('ts_sent', r.tsSent)
  }
  const log = new Log(GOLDEN)
  for (const batch of log.replay({ types: [type] })) {
    for (const r of batch) {
      if (r.type === 'trade') {
        head(r)
        add('price', r.price)
        add('size', r.size)
        add('trade_id', typeof r.tradeId === 'bigint' ? r.tradeId : null)
      } else if (r.type === 'quote') {
        head(r)
        add('bid_price', r.bidPrice)
        add('bid_size', r.bidSize)
        add('ask_price', r.askPrice)
        add('ask_size', r.askSize)
        add('update_id', r.updateId)
      } else if (r.type === 'book') {
        for (const [price, size] of [...r.bids, ...r.asks]) {
          head(r)
          add('price', price)
          add('size', size)
          add('last_update_id', r.lastUpdateId)
        }
      }
    }
  }
  log.close()
  return {
    rows,
    ...Object.fromEntries([...times].map(([name, [least, largest]]) => [name, [String(least), String(largest)]])),
    ...Object.fromEntries([...sums].map(([name, sum]) => [name, sum.toFixed()])),
  }
}

/** The same number in one form: Python prints a column's own scale. */
function plain(found: Record<string, unknown>): Record<string, unknown> {
  const number = (value: unknown): unknown =>
    typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? new Exact(value).toFixed() : value
  return Object.fromEntries(Object.entries(found).map(([name, value]) => [name, number(value)]))
}

describe('exports in Python', () => {
  for (const type of ['trade', 'quote', 'book'] as const) {
    for (const format of ['arrow', 'parquet'] as const) {
      it(`hold every ${type} of the golden log as ${format}, for polars and for pyarrow`, async (context) => {
        if (!existsSync(VENV_PYTHON)) return context.skip(whyMissing('python') || 'there is no .venv')
        const file = join(temporaryDirectory(), `${type}.${format}`)
        const done = await tickforge('export', GOLDEN, '--type', type, '--format', format, '--out', file)
        expect(done.code, done.stderr).toBe(0)
        const { stdout } = await run(VENV_PYTHON, [join(ROOT, 'tools/sum_export.py'), file])
        const [found] = JSON.parse(stdout) as [Record<'pyarrow' | 'polars', Record<string, unknown>>]
        expect(plain(found.pyarrow)).toEqual(plain(expected(type)))
        expect(plain(found.polars)).toEqual(plain(expected(type)))
      })
    }
  }
})

describe('the Python examples of docs/EXPORT.md', () => {
  const page = readFileSync(join(ROOT, 'docs/EXPORT.md'), 'utf8')
  const blocks = [...page.matchAll(/^```python\n(.*?)^```$/gms)].map(([, code]) => code as string)
  const folder = sharedDirectory()
  beforeAll(files)

  /** What the examples read: the trades of the golden log in all number types. */
  async function files(): Promise<void> {
    const log = new Log(GOLDEN)
    const source = log.exportSource({})
    await writeParquetFile(source, 'trade', join(folder, 'trades.parquet'))
    for (const priceType of ['int64', 'float64'] as const)
      await writeParquetFile(source, 'trade', join(folder, `trades-${priceType}.parquet`), { priceType })
    log.close()
  }

  for (const [i, code] of blocks.entries()) {
    it(`run: number ${i + 1}`, async (context) => {
      if (!existsSync(VENV_PYTHON)) return context.skip(whyMissing('python') || 'there is no .venv')
      const done = await run(VENV_PYTHON, ['-c', code], { cwd: folder }).catch((error: { stderr: string }) => error)
      const missing = /ModuleNotFoundError: No module named '(\w+)'/.exec(done.stderr)
      if (missing !== null) return context.skip(`${missing[1]} is not installed`)
      expect(done).not.toBeInstanceOf(Error)
      expect((done as { stdout: string }).stdout).not.toBe('')
    })
  }
})

describe('the quickstart notebook', () => {
  it('runs on what `npm start` records', { timeout: 60_000 }, async (context) => {
    if (!existsSync(VENV_PYTHON)) return context.skip(whyMissing('python') || 'there is no .venv')
    const demo = join(temporaryDirectory(), 'demo')
    mkdirSync(demo)
    const env = { ...process.env, TICKFORGE_DEMO: demo, TICKFORGE_DEMO_SECONDS: '2' }
    const started = await run(process.execPath, [join(ROOT, 'dist/cli/demo.js')], { env, cwd: ROOT })
    expect(started.stdout).toContain('all in order')
    const notebook = join(ROOT, 'notebooks/00_quickstart.ipynb')
    await run(VENV_PYTHON, [join(ROOT, 'tools/run_notebook.py'), notebook], { env })
  })
})
