import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pl from 'nodejs-polars'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeArrowFile } from '../../src/export/arrow.ts'
import { writeParquetFile } from '../../src/export/parquet.ts'
import { Flag } from '../../src/records/layout.ts'
import { book, definition, sourceOf, trade, windowOf } from './records.ts'

const BTC = definition(1, 'binance:BTCUSDT')
const SHIB = definition(2, 'kraken:SHIB/USD', { priceDecimals: 8 })
const I64_MAX = 2n ** 63n - 1n

describe('polars', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tickforge-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  const source = sourceOf([
    windowOf(
      [BTC, SHIB],
      [
        trade({ price: I64_MAX, tsRecv: 1_790_000_000_048_395_247n, flags: Flag.buy, id: 2n ** 63n }),
        trade({ price: -(2n ** 63n), tsRecv: 1_790_000_000_048_395_248n, tsEvent: 5n }),
        trade({ price: -I64_MAX, tsRecv: 1_790_000_000_048_395_249n, instrument: 2, flags: Flag.sell }),
      ],
    ),
  ])

  /** Columns whose values nodejs-polars cannot hand over exactly are compared as text. */
  function exact(frame: pl.DataFrame, name: string): (string | null)[] {
    return frame.select(pl.col(name).cast(pl.Utf8)).getColumn(name).toArray() as (string | null)[]
  }
  function ns(frame: pl.DataFrame, name: string): bigint[] {
    return [...(frame.select(pl.col(name).cast(pl.Int64)).getColumn(name).toTypedArray() as unknown as BigInt64Array)]
  }

  it.each(['arrow', 'parquet'])('reads the %s file back exactly', async (format) => {
    const path = join(directory, format === 'arrow' ? 'out.ipc' : 'out.parquet')
    const write = format === 'arrow' ? writeArrowFile : writeParquetFile
    expect(await write(source, 'trade', path)).toBe(3)
    const frame = format === 'arrow' ? pl.readIPC(path) : pl.readParquet(path)
    expect(frame.height).toBe(3)
    expect(ns(frame, 'ts_recv')).toEqual([
      1_790_000_000_048_395_247n,
      1_790_000_000_048_395_248n,
      1_790_000_000_048_395_249n,
    ])
    expect(exact(frame, 'price')).toEqual(['92233720368547758.07000000', null, '-92233720368.54775807'])
    expect(exact(frame, 'instrument')).toEqual(['binance:BTCUSDT', 'binance:BTCUSDT', 'kraken:SHIB/USD'])
    expect(exact(frame, 'side')).toEqual(['buy', null, 'sell'])
    expect(exact(frame, 'trade_id')).toEqual(['9223372036854775808', null, null])
    expect(frame.getColumn('ts_event').nullCount()).toBe(2)
    expect(readdirSync(directory)).toHaveLength(1)
  })

  it('reads a Parquet file of books and of nothing', async () => {
    const path = join(directory, 'out.parquet')
    const books = sourceOf([windowOf([BTC], [book({ bids: [[1n, 2n]], asks: [[3n, 4n]], flags: Flag.last })])])
    await writeParquetFile(books, 'book', path)
    expect(pl.readParquet(path).getColumn('last').toArray()).toEqual([false, true])
    await writeParquetFile(books, 'trade', path)
    const empty = pl.readParquet(path)
    expect(empty.height).toBe(0)
    expect(empty.columns).toHaveLength(20)
  })

  it('leaves no temporary file behind a failure', async () => {
    const broken = windowOf([BTC], [trade({ price: 1n })])
    new Uint8Array(broken.buffer)[0] = 9
    await expect(writeParquetFile(sourceOf([broken]), 'trade', join(directory, 'out.parquet'))).rejects.toMatchObject({
      code: 'TF_CORRUPT',
    })
    expect(readdirSync(directory)).toEqual([])
    const nowhere = join(directory, 'none', 'out.parquet')
    await expect(writeParquetFile(source, 'trade', nowhere)).rejects.toMatchObject({
      code: 'TF_NO_DIRECTORY',
      path: nowhere,
    })
  })
})
