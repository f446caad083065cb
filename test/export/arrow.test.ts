import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Table, tableFromIPC } from 'apache-arrow'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toArrowTable, writeArrowFile } from '../../src/export/arrow.ts'
import { Flag } from '../../src/records/layout.ts'
import { book, definition, quote, sourceOf, trade, windowOf } from './records.ts'

const I64_MAX = 2n ** 63n - 1n
const BTC = definition(1, 'binance:BTCUSDT')
const SHIB = definition(2, 'kraken:SHIB/USD', { priceDecimals: 8, sizeDecimals: 0 })

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tickforge-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Exact values of a column; null where the validity says so. */
function values(table: Table, name: string): (bigint | number | string | boolean | null)[] {
  return (table.getChild(name)?.data ?? []).flatMap((data) => {
    const valid = (row: number): boolean =>
      data.nullCount === 0 || ((data.nullBitmap[row >> 3] as number) & (1 << (row & 7))) !== 0
    const one = (row: number): bigint | number | string | boolean => {
      if (data.type.toString().startsWith('Decimal')) {
        const words = new BigUint64Array(data.values.buffer, data.values.byteOffset + row * 16, 2)
        return BigInt.asIntN(128, ((words[1] as bigint) << 64n) | (words[0] as bigint))
      }
      if (data.dictionary !== undefined) return data.dictionary.get(data.values[row]) as string
      if (data.type.toString() === 'Utf8')
        return Buffer.from(data.values.subarray(data.valueOffsets[row], data.valueOffsets[row + 1])).toString()
      if (data.type.toString() === 'Bool') return (data.values[row >> 3] & (1 << (row & 7))) !== 0
      return data.values[row]
    }
    return Array.from({ length: data.length }, (_, row) => (valid(row) ? one(row) : null))
  })
}

function bothWays(
  name: string,
  check: (
    tableOf: (source: Parameters<typeof toArrowTable>[0], type: 'trade' | 'quote' | 'book') => Promise<Table>,
  ) => Promise<void>,
): void {
  it(`${name} (in memory)`, () => check(async (source, type) => toArrowTable(source, type)))
  it(`${name} (in a file)`, () =>
    check(async (source, type) => {
      const path = join(directory, 'out.arrow')
      const rows = await writeArrowFile(source, type, path)
      const table = tableFromIPC(readFileSync(path))
      expect(table.numRows).toBe(rows)
      return table
    }))
}

describe('Arrow trades', () => {
  bothWays('are exact to the last digit of 19 and share one scale', async (tableOf) => {
    const records = [
      trade({
        price: I64_MAX,
        size: -I64_MAX,
        tsRecv: 1_790_000_000_048_395_247n,
        id: 2n ** 64n - 2n,
        flags: Flag.buy,
      }),
      trade({
        price: -I64_MAX,
        size: 7n,
        tsRecv: 1_790_000_000_048_395_248n,
        instrument: 2,
        flags: Flag.sell,
        sequence: 0n,
      }),
      trade({
        price: -(2n ** 63n),
        size: -(2n ** 63n),
        tsRecv: 1_790_000_000_048_395_249n,
        tsEvent: -1n,
        frame: 2n ** 64n - 1n,
      }),
    ]
    const table = await tableOf(sourceOf([windowOf([BTC, SHIB], records)]), 'trade')
    expect(values(table, 'price')).toEqual([I64_MAX * 10n ** 6n, -I64_MAX, null])
    expect(values(table, 'size')).toEqual([-I64_MAX, 7000n, null])
    expect(values(table, 'ts_recv')).toEqual([
      1_790_000_000_048_395_247n,
      1_790_000_000_048_395_248n,
      1_790_000_000_048_395_249n,
    ])
    expect(values(table, 'ts_event')).toEqual([null, null, -1n])
    expect(values(table, 'instrument')).toEqual(['binance:BTCUSDT', 'kraken:SHIB/USD', 'binance:BTCUSDT'])
    expect(values(table, 'side')).toEqual(['buy', 'sell', null])
    expect(values(table, 'trade_id')).toEqual([2n ** 64n - 2n, null, null])
    expect(values(table, 'sequence')).toEqual([null, 0n, null])
    expect(values(table, 'frame')).toEqual([0n, 0n, 2n ** 64n - 1n])
    expect(values(table, 'ts_sent')).toEqual([null, null, null])
    expect(table.schema.fields.map((field) => `${field.name} ${field.type}`)).toEqual([
      'ts_recv Timestamp<NANOSECOND, UTC>',
      'ts_event Timestamp<NANOSECOND, UTC>',
      'instrument Dictionary<Int32, Utf8>',
      'price Decimal[38e+8]',
      'size Decimal[38e+3]',
      'side Dictionary<Int8, Utf8>',
      'trade_id Uint64',
      'sequence Uint64',
      'flags Uint16',
      'frame Uint64',
      'ts_sent Timestamp<NANOSECOND, UTC>',
      'kind Dictionary<Int8, Utf8>',
      'first_trade_id Uint64',
      'last_trade_id Uint64',
      'buyer_order_id Uint64',
      'seller_order_id Uint64',
      'segment Dictionary<Int32, Utf8>',
      'record Uint64',
      'quality Dictionary<Int8, Utf8>',
      'trade_id_text Utf8',
    ])
    expect(table.schema.metadata.get('tickforge.price_scale')).toBe('8')
  })

  bothWays('have a column for ids that are text, null where there is none', async (tableOf) => {
    const plain = windowOf(
      [BTC],
      Array.from({ length: 3000 }, (_, i) => trade({ price: BigInt(i), id: BigInt(i) })),
    )
    const text = windowOf([BTC], [trade({ price: 1n }), trade({ price: 2n, textId: 'ü-17', tsSent: 5n })])
    const without = await tableOf(sourceOf([plain]), 'trade')
    expect(without.getChild('trade_id_text')?.nullCount).toBe(3000)
    const table = await tableOf(sourceOf([plain, text]), 'trade')
    expect(values(table, 'trade_id_text').slice(2999)).toEqual([null, null, 'ü-17'])
    expect(values(table, 'ts_sent').slice(2999)).toEqual([null, null, 5n])
    expect(values(table, 'trade_id').slice(2999)).toEqual([2999n, null, null])
  })

  bothWays('come only from the range and the instruments asked for', async (tableOf) => {
    const records = [1n, 2n, 3n, 4n].flatMap((ts) =>
      [1, 2].map((instrument) => trade({ price: ts, tsRecv: ts, instrument })),
    )
    const source = sourceOf([windowOf([BTC, SHIB], records)], { from: 2n, to: 4n, instruments: ['binance:BTCUSDT'] })
    const table = await tableOf(source, 'trade')
    expect(values(table, 'ts_recv')).toEqual([2n, 3n])
    // The scale is that of the wanted instruments alone.
    expect(table.schema.metadata.get('tickforge.price_scale')).toBe('2')
    expect(values(table, 'price')).toEqual([2n, 3n])
  })

  bothWays('may be none', async (tableOf) => {
    const table = await tableOf(sourceOf([windowOf([BTC], [quote({})])]), 'trade')
    expect(table.numRows).toBe(0)
    expect(table.schema.fields).toHaveLength(20)
  })

  bothWays('keep their instrument when its number and its decimals change with the segment', async (tableOf) => {
    const later = definition(9, 'binance:BTCUSDT', { priceDecimals: 4 })
    const windows = [
      windowOf([BTC], [trade({ price: 100n })]),
      windowOf([later, definition(1, 'kraken:X')], [trade({ price: 100n, instrument: 9 }), trade({ price: 7n })]),
    ]
    const table = await tableOf(sourceOf(windows), 'trade')
    expect(values(table, 'instrument')).toEqual(['binance:BTCUSDT', 'binance:BTCUSDT', 'kraken:X'])
    expect(values(table, 'price')).toEqual([10_000n, 100n, 700n])
  })

  it('are refused when no decimal of 38 digits holds all their scales', async () => {
    const records = [trade({ price: 1n })]
    const coarse = definition(2, 'x:COARSE', { priceDecimals: -2 })
    const fine = definition(3, 'x:FINE', { priceDecimals: 17 })
    const source = sourceOf([windowOf([coarse, fine], records)])
    expect(() => toArrowTable(source, 'trade')).toThrow(expect.objectContaining({ code: 'TF_SCALE' }))
    await expect(writeArrowFile(source, 'trade', join(directory, 'a.arrow'))).rejects.toMatchObject({
      code: 'TF_SCALE',
    })
  })

  it('lie over the memory that the native core filled', () => {
    const records = Array.from({ length: 1000 }, (_, i) => trade({ price: BigInt(i) }))
    const many = Array.from({ length: 70 }, () => windowOf([BTC], records))
    const table = toArrowTable(sourceOf(many), 'trade')
    expect(table.numRows).toBe(70_000)
    const fields = table.schema.fields.filter((field) => field.name !== 'trade_id_text')
    const buffers = new Set(fields.map((field) => table.getChild(field.name)?.data[0]?.values.buffer))
    expect(buffers.size).toBe(1)
  })
})

describe('Arrow quotes and books', () => {
  bothWays('have null for an empty side', async (tableOf) => {
    const table = await tableOf(
      sourceOf([windowOf([BTC], [quote({ bid: [5n, 6n], updateId: 9n }), quote({ ask: [7n, 8n] })])]),
      'quote',
    )
    expect(values(table, 'bid_price')).toEqual([5n, null])
    expect(values(table, 'ask_size')).toEqual([null, 8n])
    expect(values(table, 'update_id')).toEqual([9n, null])
  })

  bothWays('have one row a level, bids first', async (tableOf) => {
    const records = [
      trade({ price: 1n }),
      book({
        bids: [
          [5n, 1n],
          [4n, 2n],
        ],
        asks: [[6n, 3n]],
        flags: Flag.snapshot | Flag.last,
        lastId: 10n,
      }),
      book({ bids: [], asks: [[6n, 0n]], first: 11n, lastId: 12n }),
    ]
    const table = await tableOf(sourceOf([windowOf([BTC], records)]), 'book')
    expect(values(table, 'side')).toEqual(['bid', 'bid', 'ask', 'ask'])
    expect(values(table, 'price')).toEqual([5n, 4n, 6n, 6n])
    expect(values(table, 'size')).toEqual([1n, 2n, 3n, 0n])
    expect(values(table, 'snapshot')).toEqual([true, true, true, false])
    expect(values(table, 'last')).toEqual([false, false, true, false])
    expect(values(table, 'first_update_id')).toEqual([null, null, null, 11n])
    expect(values(table, 'record')).toEqual([1n, 1n, 1n, 2n])
  })

  bothWays('go over many batches without a seam', async (tableOf) => {
    const levels = Array.from({ length: 500 }, (_, i): [bigint, bigint] => [BigInt(i), 1n])
    const records = Array.from({ length: 600 }, (_, i) =>
      book({ bids: levels, asks: levels, lastId: BigInt(i), flags: Flag.last }),
    )
    const table = await tableOf(sourceOf([windowOf([BTC], records)]), 'book')
    expect(table.numRows).toBe(600_000)
    const ids = values(table, 'last_update_id')
    expect(ids.every((id, row) => id === BigInt(Math.floor(row / 1000)))).toBe(true)
    const last = values(table, 'last')
    expect(last.every((set, row) => set === (row % 1000 === 999))).toBe(true)
  })
})

describe('an Arrow file that cannot be written', () => {
  it('names the directory that does not exist', async () => {
    const path = join(directory, 'none', 'out.arrow')
    await expect(writeArrowFile(sourceOf([]), 'trade', path)).rejects.toMatchObject({ code: 'TF_NO_DIRECTORY', path })
  })

  it('leaves the file of before and nothing else', async () => {
    const path = join(directory, 'out.arrow')
    writeFileSync(path, 'before')
    const broken = windowOf([BTC], [trade({ price: 1n })])
    new Uint8Array(broken.buffer)[0] = 9
    await expect(writeArrowFile(sourceOf([broken]), 'trade', path)).rejects.toMatchObject({ code: 'TF_CORRUPT' })
    expect(readFileSync(path, 'utf8')).toBe('before')
    expect(readdirSync(directory)).toEqual(['out.arrow'])
  })

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full', async () => {
    const { open } = await import('node:fs/promises')
    const { fileError, writeChunks } = await import('../../src/export/output-file.ts')
    const handle = await open('/dev/full', 'w')
    const failed = await writeChunks(handle, [new Uint8Array(10)]).catch((error: unknown) =>
      fileError(error, 'out.arrow'),
    )
    await handle.close()
    expect(failed).toMatchObject({ code: 'TF_DISK_FULL', path: 'out.arrow' })
  })
})
