import { describe, expect, it } from 'vitest'
import { DEFINITION_DEFAULTS, type Definition, InstrumentTable } from '../../src/feeds/instruments.ts'
import { BufferMemory, CellWriter } from '../../src/records/cell-writer.ts'
import { InstrumentKind, Integrity } from '../../src/records/layout.ts'
import { decodeCells, ofType } from '../helpers/cells.ts'

const DEFAULTS: Definition = { ...DEFINITION_DEFAULTS, priceDecimals: 2, sizeDecimals: 1, integrity: Integrity.range }

function table(venue = 'venue') {
  const memory = new BufferMemory()
  const writer = new CellWriter(memory)
  let next = 40
  const made = new InstrumentTable(venue, 'adapter-1', writer, () => ++next)
  const written = () => {
    writer.endFrame()
    return ofType(decodeCells(memory.cells()), 'instrument')
  }
  return { table: made, writer, written }
}

describe('InstrumentTable', () => {
  it('writes all that is known of an instrument, in UTF-8', () => {
    const { table: instruments, written } = table()
    const change = { tickSize: 25n, lotSize: -1n, kind: InstrumentKind.future, base: '币安人生', quote: 'USDT' }
    instruments.update('币安人生USDT', change, DEFAULTS)
    expect(instruments.number(instruments.get('币安人生USDT', DEFAULTS))).toBe(41)
    expect(written()).toMatchObject([
      {
        instrument: 41,
        definition: {
          venue: 'venue',
          symbol: '币安人生USDT',
          base: '币安人生',
          quote: 'USDT',
          adapter: 'adapter-1',
          priceDecimals: 2,
          sizeDecimals: 1,
          integrity: Integrity.range,
          kind: InstrumentKind.future,
          tickSize: 25n,
          lotSize: -1n,
        },
      },
    ])
  })

  it('gives a new number to what changed, and only to that', () => {
    const { table: instruments } = table()
    const x = instruments.get('X', DEFAULTS)
    expect([instruments.number(x), instruments.number(x)]).toEqual([41, 41])
    instruments.update('X', { base: '' }, DEFAULTS)
    expect(instruments.number(x)).toBe(41)
    instruments.update('X', { base: 'BTC' }, DEFAULTS)
    expect(instruments.number(x)).toBe(42)
  })

  it('never takes decimals away in an update, and keeps steps what they are', () => {
    const { table: instruments } = table()
    instruments.update('X', { priceDecimals: 5, tickSize: 10n }, DEFAULTS)
    instruments.update('X', { priceDecimals: 3, tickSize: 1n }, DEFAULTS)
    expect(instruments.known('X')).toMatchObject({ priceDecimals: 5, tickSize: 100n })
    const x = instruments.get('X', DEFAULTS)
    instruments.grow(x, 'priceDecimals', 6)
    instruments.grow(x, 'sizeDecimals', 4)
    expect(x).toMatchObject({ priceDecimals: 6, tickSize: 1000n, sizeDecimals: 4, number: 0 })
  })

  it('has what a frame defined to be defined again when the frame is taken back', () => {
    const { table: instruments, writer, written } = table()
    const x = instruments.get('X', DEFAULTS)
    instruments.number(x)
    writer.rollback()
    instruments.rollback()
    expect(x.number).toBe(0)
    instruments.number(x)
    instruments.commit()
    instruments.rollback()
    expect(x.number).toBe(41)
    expect(written().map((r) => r.instrument)).toEqual([41])
  })

  it('restores decimals and number that a refused frame changed', () => {
    const { table: instruments } = table()
    const x = instruments.get('X', { ...DEFAULTS, tickSize: 5n })
    instruments.number(x)
    instruments.commit()
    instruments.grow(x, 'priceDecimals', 9)
    expect(instruments.shrink(x, 'priceDecimals')).toBe(true)
    expect(instruments.shrink(x, 'priceDecimals')).toBe(false)
    expect(x).toMatchObject({ priceDecimals: 0, number: 0 })
    instruments.restoreDecimals()
    expect(x).toMatchObject({ priceDecimals: 2, tickSize: 5n, number: 41 })
  })

  it('cuts texts that are longer than their length field can say', () => {
    const { table: instruments, written } = table('v'.repeat(300))
    instruments.number(instruments.get('X', DEFAULTS))
    expect(written()[0]?.definition).toMatchObject({ venue: 'v'.repeat(255), symbol: 'X' })
  })
})
