import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Schema, type Table, tableFromIPC } from 'apache-arrow'
import { Decimal } from 'decimal.js'
import fc from 'fast-check'
import pl from 'nodejs-polars'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toArrowTable, writeArrowFile } from '../../src/export/arrow.ts'
import { writeCsvFile } from '../../src/export/csv.ts'
import { writeParquetFile } from '../../src/export/parquet.ts'
import type { ExportSource } from '../../src/export/source.ts'
import { book, definition, quote, sourceOf, trade, windowOf } from './records.ts'

const I64_MAX = 2n ** 63n - 1n
const BTC = definition(1, 'binance:BTCUSDT')
const SHIB = definition(2, 'kraken:SHIB/USD', { priceDecimals: 8, sizeDecimals: 0 })
const NARROW = 10n ** 18n - 1n
const Exact = Decimal.clone({ precision: 60 })

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tickforge-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const typeOf = ({ schema }: { schema: Schema }, name: string): string =>
  String(schema.fields.find((field) => field.name === name)?.type)

async function fileTable(source: ExportSource, options = {}): Promise<Table> {
  const path = join(directory, 'out.arrow')
  await writeArrowFile(source, 'trade', path, options)
  expect(readdirSync(directory)).toEqual(['out.arrow'])
  return tableFromIPC(readFileSync(path))
}

const trades = (...prices: bigint[]): ExportSource =>
  sourceOf([windowOf([BTC], [...prices.map((price) => trade({ price })), quote({})])])

describe('decimals', () => {
  it.each([
    ['has 18 digits while all values fit', NARROW, 'Decimal[18e+2]', '18'],
    ['has 38 digits as soon as a value needs more', -NARROW - 1n, 'Decimal[38e+2]', '38'],
  ])('a column of them %s', async (_, price, type, precision) => {
    for (const table of [toArrowTable(trades(1n, price), 'trade'), await fileTable(trades(1n, price))]) {
      expect([typeOf(table, 'price'), typeOf(table, 'size')]).toEqual([type, 'Decimal[18e+3]'])
      expect(table.schema.metadata.get('tickforge.price_precision')).toBe(precision)
      expect(table.schema.metadata.get('tickforge.size_precision')).toBe('18')
    }
  })

  it('are wide when only the common scale makes them so', async () => {
    const source = sourceOf([windowOf([BTC, SHIB], [trade({ price: 10n ** 12n })])])
    expect(typeOf(toArrowTable(source, 'trade'), 'price')).toBe('Decimal[38e+8]')
    expect(typeOf(await fileTable(source), 'price')).toBe('Decimal[38e+8]')
  })

  it('are wide when a value far behind the first batch is', async () => {
    const many = windowOf(
      [BTC],
      Array.from({ length: 1000 }, () => trade({ price: 1n })),
    )
    const source = sourceOf([...Array.from({ length: 300 }, () => many), windowOf([BTC], [trade({ price: I64_MAX })])])
    const table = await fileTable(source)
    expect([table.numRows, typeOf(table, 'price')]).toEqual([300_001, 'Decimal[38e+2]'])
  })

  it('are looked at first when they go into a pipe, which cannot be taken back', async () => {
    const path = join(directory, 'pipe')
    execFileSync('mkfifo', [path])
    const cat = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const chunks: Buffer[] = []
    cat.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    const closed = once(cat, 'close')
    await writeArrowFile(trades(1n, I64_MAX), 'trade', path)
    await closed
    const table = tableFromIPC(Buffer.concat(chunks))
    expect([table.numRows, typeOf(table, 'price')]).toEqual([2, 'Decimal[38e+2]'])
  })
})

describe('a Parquet file', () => {
  it.each([0, 10])('with a value of 19 digits in its batch %i is written with 38', async (before) => {
    const path = join(directory, 'out.parquet')
    const many = windowOf(
      [BTC],
      Array.from({ length: 4096 }, () => trade({ price: 1n })),
    )
    const wide = windowOf([BTC], [trade({ price: -I64_MAX }), trade({ price: -(2n ** 63n) })])
    const rows = await writeParquetFile(
      sourceOf([...Array.from({ length: before }, () => many), wide]),
      'trade',
      path,
      { rowGroupRows: 1024 },
    )
    expect(rows).toBe(before * 4096 + 2)
    const frame = pl.readParquet(path, { columns: ['price'] })
    expect([frame.height, frame.getColumn('price').nullCount()]).toEqual([rows, 1])
    const least = frame.select(pl.col('price').min().cast(pl.Utf8)).getColumn('price').toArray()
    expect(least).toEqual(['-92233720368547758.07'])
    expect(readdirSync(directory)).toEqual(['out.parquet'])
  })
})

describe('int64', () => {
  it('is mantissas whose exponent is in the field', async () => {
    const source = sourceOf([windowOf([BTC, SHIB], [trade({ price: 12n }), trade({ price: 7n, instrument: 2 })])])
    for (const table of [toArrowTable(source, 'trade', 'int64'), await fileTable(source, { priceType: 'int64' })]) {
      expect([...(table.getChild('price') ?? [])]).toEqual([12_000_000n, 7n])
      const [price, size] = ['price', 'size'].map((name) => table.schema.fields.find((field) => field.name === name))
      expect(price?.metadata.get('tickforge.exponent')).toBe('-8')
      expect(size?.metadata.get('tickforge.exponent')).toBe('-3')
      expect(table.schema.metadata.get('tickforge.price_type')).toBe('int64')
    }
  })

  it('is refused with the names of the instruments when one exponent does not hold all prices', async () => {
    const source = sourceOf([windowOf([BTC, SHIB], [trade({ price: I64_MAX / 10n })])])
    const refused = { code: 'TF_SCALE', message: expect.stringMatching(/binance:BTCUSDT.*kraken:SHIB/) }
    expect(() => toArrowTable(source, 'trade', 'int64')).toThrow(expect.objectContaining(refused))
    for (const write of [writeArrowFile, writeParquetFile]) {
      const path = join(directory, 'out')
      await expect(write(source, 'trade', path, { priceType: 'int64' })).rejects.toMatchObject(refused)
    }
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('float64', () => {
  it('is the double that is nearest to the exact decimal', () => {
    const mantissa = fc.oneof(
      fc.bigInt({ min: -I64_MAX, max: I64_MAX }),
      fc.bigInt({ min: 2n ** 53n - 9n, max: 2n ** 53n + 9n }),
      fc.integer().map(BigInt),
    )
    fc.assert(
      fc.property(fc.array(mantissa, { minLength: 1 }), fc.integer({ min: -3, max: 18 }), (prices, priceDecimals) => {
        const instrument = definition(1, 'x:Y', { priceDecimals })
        const source = sourceOf([
          windowOf(
            [instrument],
            prices.map((price) => trade({ price })),
          ),
        ])
        const found = [...(toArrowTable(source, 'trade', 'float64').getChild('price') ?? [])]
        // JavaScript reads decimal text to the nearest double.
        const exact = prices.map((price) =>
          Number(new Exact(String(price)).mul(new Exact(10).pow(-priceDecimals)).toFixed()),
        )
        expect(found).toEqual(exact.map((value) => value + 0))
      }),
      { numRuns: 30 },
    )
  })

  it('needs no common scale, and says in the field that it is rounded', async () => {
    const far = [definition(1, 'x:COARSE', { priceDecimals: -2 }), definition(2, 'x:FINE', { priceDecimals: 18 })]
    const source = sourceOf([
      windowOf(far, [trade({ price: 3n }), trade({ price: 3n, instrument: 2 }), trade({ price: -(2n ** 63n) })]),
    ])
    const table = await fileTable(source, { priceType: 'float64' })
    expect([...(table.getChild('price') ?? [])]).toEqual([300, 3e-18, null])
    const price = table.schema.fields.find((field) => field.name === 'price')
    expect(price?.metadata.get('tickforge.rounded')).toBe('nearest float64')
  })

  it('holds the levels of books too', () => {
    const source = sourceOf([windowOf([BTC], [book({ bids: [[5n, 1n]], asks: [[6n, -(2n ** 63n)]] })])])
    const table = toArrowTable(source, 'book', 'float64')
    expect([...(table.getChild('price') ?? [])]).toEqual([0.05, 0.06])
    expect([...(table.getChild('size') ?? [])]).toEqual([0.001, null])
  })
})

describe('an export without an end', () => {
  it.skipIf(!existsSync('/dev/full')).each([
    ['Parquet', writeParquetFile, 1 << 20],
    ['Arrow', writeArrowFile, 1 << 19],
    ['CSV', writeCsvFile, 1 << 15],
  ])('is written as it is read: %s', async (_, write, rowsMax) => {
    const one = windowOf(
      [BTC],
      Array.from({ length: 1024 }, (_, i) => trade({ price: BigInt(i) })),
    )
    let windows = 0
    const endless: ExportSource = {
      ...sourceOf([one]),
      *windows() {
        for (; ; windows++) yield one
      },
    }
    await expect(write(endless, 'trade', '/dev/full', { priceType: 'float64' })).rejects.toMatchObject({
      code: 'TF_DISK_FULL',
    })
    expect(windows * 1024).toBeLessThanOrEqual(2 * rowsMax)
  })
})
