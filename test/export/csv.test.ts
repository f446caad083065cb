import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeCsvFile } from '../../src/export/csv.ts'
import type { ExportSource } from '../../src/export/source.ts'
import type { ColumnTableType } from '../../src/native/binding.ts'
import { Flag, PrintRule } from '../../src/records/layout.ts'
import { book, definition, quote, sourceOf, trade, windowOf } from './records.ts'

const BTC = definition(1, 'binance:BTCUSDT')

describe('CSV', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'tickforge-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  async function lines(source: ExportSource, type: ColumnTableType): Promise<string[]> {
    const path = join(directory, 'out.csv')
    const rows = await writeCsvFile(source, type, path)
    expect(readdirSync(directory)).toEqual(['out.csv'])
    const text = readFileSync(path, 'utf8')
    expect(text.endsWith('\n')).toBe(true)
    const all = text.slice(0, -1).split('\n')
    expect(all).toHaveLength(rows + 1)
    return all
  }

  it('writes every number the way its definition prints it', async () => {
    const minimal = definition(2, 'kraken:XBT/USD', {
      priceDecimals: 5,
      sizeDecimals: 8,
      pricePrint: PrintRule.minimal,
      sizePrint: PrintRule.fixed,
    })
    const coarse = definition(3, 'x:COARSE', { priceDecimals: -2 })
    const records = [
      trade({
        price: 2_816_547n,
        size: 500n,
        tsRecv: 1_790_000_000_048_395_247n,
        tsEvent: 1n,
        id: 2n ** 63n,
        sequence: 0n,
        flags: Flag.buy,
        frame: 7n,
      }),
      trade({ price: 2_816_547_000n, size: 1n, instrument: 2, flags: Flag.sell, tsSent: -5n }),
      trade({ price: -(2n ** 63n) + 1n, size: 2n ** 63n - 1n, instrument: 3 }),
      trade({ price: -(2n ** 63n), size: 0n }),
    ]
    expect(await lines(sourceOf([windowOf([BTC, minimal, coarse], records)]), 'trade')).toEqual([
      'ts_recv,ts_event,instrument,price,size,side,trade_id,sequence,flags,frame,ts_sent,' +
        'kind,first_trade_id,last_trade_id,buyer_order_id,seller_order_id,segment,record,quality',
      '1790000000048395247,1,binance:BTCUSDT,28165.47,0.500,buy,9223372036854775808,0,256,7,,,,,,,2024-08-08.main.000,0,ok',
      '0,,kraken:XBT/USD,28165.47,0.00000001,sell,,,1536,0,-5,,,,,,2024-08-08.main.000,1,ok',
      '0,,x:COARSE,-922337203685477580700,9223372036854775.807,,,,0,0,,,,,,,2024-08-08.main.000,2,ok',
      '0,,binance:BTCUSDT,,0.000,,,,0,0,,,,,,,2024-08-08.main.000,3,ok',
    ])
  })

  it('changes the number of decimals where a new definition does', async () => {
    const finer = definition(2, 'binance:BTCUSDT', { priceDecimals: 4 })
    const rows = await lines(
      sourceOf([windowOf([BTC, finer], [trade({ price: 150n }), trade({ price: 15_001n, instrument: 2 })])]),
      'trade',
    )
    expect(rows.slice(1).map((row) => row.split(',')[3])).toEqual(['1.50', '1.5001'])
  })

  it('writes ids that are text where ids stand, and quotes what needs it', async () => {
    const odd = definition(1, 'x:A,"B"')
    const rows = await lines(
      sourceOf([windowOf([odd], [trade({ price: 1n, textId: 'a,b' }), trade({ price: 1n, id: 5n })])]),
      'trade',
    )
    expect(rows[1]).toBe('0,,"x:A,""B""",0.01,0.001,,"a,b",,1024,0,,,,,,,2024-08-08.main.000,0,ok')
    expect(rows[2]).toBe('0,,"x:A,""B""",0.01,0.001,,5,,0,0,,,,,,,2024-08-08.main.000,1,ok')
  })

  it('writes quotes and books', async () => {
    const window = windowOf(
      [BTC],
      [
        quote({ bid: [5n, 6n] }),
        book({ bids: [[5n, 1n]], asks: [[6n, 0n]], flags: Flag.snapshot | Flag.last, lastId: 9n }),
      ],
    )
    expect((await lines(sourceOf([window]), 'quote'))[1]).toBe(
      '0,,binance:BTCUSDT,0.05,0.006,,,,,0,0,,2024-08-08.main.000,0,ok',
    )
    expect((await lines(sourceOf([window]), 'book')).slice(1)).toEqual([
      '0,,binance:BTCUSDT,bid,0.05,0.001,true,,9,,false,1,160,0,,,,0,2024-08-08.main.000,ok',
      '0,,binance:BTCUSDT,ask,0.06,0.000,true,,9,,true,1,160,0,,,,0,2024-08-08.main.000,ok',
    ])
  })

  it('is a header line when there is nothing', async () => {
    expect(await lines(sourceOf([]), 'book')).toHaveLength(1)
  })

  it('goes over many batches without a seam', async () => {
    const records = Array.from({ length: 40_000 }, (_, i) => trade({ price: BigInt(i), tsRecv: BigInt(i) }))
    const rows = await lines(sourceOf([windowOf([BTC], records)]), 'trade')
    expect(rows.slice(1).every((row, i) => row.startsWith(`${i},,`))).toBe(true)
  })
})
