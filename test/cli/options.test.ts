import { describe, expect, it } from 'vitest'
import { after } from '../../src/cli/long-timer.ts'
import { duration, instrumentList, numberFrom, ringBytes, wholeFrom } from '../../src/cli/options.ts'
import { hangupWasIgnored } from '../../src/cli/signals.ts'
import { TickforgeError } from '../../src/errors.ts'
import { Journal } from '../../src/recorder/journal.ts'
import { TIME_MAX, TIME_MIN } from '../../src/records/time.ts'
import { resolveQuery, type TimeInput, toTime } from '../../src/replay/query.ts'
import { temporaryDirectory } from '../helpers/temporary.ts'

describe('a value of an option', () => {
  it.each(['', ' ', '0x10', 'NaN', 'Infinity', '1e400', '1_000', '१', 'null'])('%j is no number', (text) => {
    expect(() => numberFrom(0, 100)(text)).toThrow('from 0 to 100')
  })

  it('is taken at both ends of its range, and not beyond', () => {
    expect([numberFrom(0.5, 2)('0.5'), numberFrom(0.5, 2)('2.0'), wholeFrom(1, 9)('1e0')]).toEqual([0.5, 2, 1])
    expect(() => wholeFrom(1, 9)('1.5')).toThrow('a whole number from 1 to 9')
    expect(() => wholeFrom(1, 9)('10')).toThrow('a whole number from 1 to 9')
  })

  it('of a ring is a power of two', () => {
    expect(ringBytes('16')).toBe(16 << 20)
    for (const text of ['15', '0', '-16', '0.5', '32768']) expect(() => ringBytes(text)).toThrow('a power of two')
  })

  it('of a duration has units up to days', () => {
    expect([duration('600h'), duration('30d'), duration('250ms')]).toEqual([2_160_000, 2_592_000, 0.25])
  })

  it('of instruments may be a symbol with a comma in it', () => {
    expect(instrumentList('brk:A,B,kraken:BTC/USD', undefined)).toEqual(['brk:A,B', 'kraken:BTC/USD'])
    expect(instrumentList('x:Y', ['a:B'])).toEqual(['a:B', 'x:Y'])
  })
})

describe('a time of a query', () => {
  it.each([
    ['9999-12-31', TIME_MAX],
    ['9223372036854775808', TIME_MAX],
    [2n ** 80n, TIME_MAX],
    [new Date(8.64e15), TIME_MAX],
    ['1600-01-01', TIME_MIN],
    ['0001-01-01', TIME_MIN],
    ['-99999999999999999999999', TIME_MIN],
    [-(2n ** 63n), TIME_MIN],
  ] as [TimeInput, bigint][])(
    '%s, which no record can have, is the nearest one that a record can have',
    (input, ns) => {
      expect(toTime(input, 'to')).toBe(ns)
    },
  )

  it('of an open range takes all', () => {
    const { from, to } = resolveQuery({ from: '1600-01-01', to: '9999-12-31' }, new Set())
    expect([from, to]).toEqual([TIME_MIN, TIME_MAX])
  })

  it.each([new Date(Number.NaN), 5, null, {}] as unknown[])('%s is none', (input) => {
    expect(() => toTime(input as TimeInput, 'from')).toThrow(expect.objectContaining({ code: 'TF_BAD_TIME' }))
  })

  it('has lists of text for instruments and types', () => {
    const query = { instruments: 'binance:BTCUSDT' } as never
    expect(() => resolveQuery(query, new Set())).toThrow(expect.objectContaining({ code: 'TF_USAGE' }))
  })
})

describe('a setting of the programming interface', () => {
  it.each([
    { name: '../x' },
    { ringBytes: 3 << 20 },
    { ringBytes: Number.NaN },
    { flushIntervalMs: 1e12 },
    { durability: 0 },
    { directory: '' },
  ])('%o is refused as TF_USAGE, and named', (setting) => {
    const open = (): Journal => new Journal({ directory: temporaryDirectory(), name: 'main', ...setting })
    expect(open).toThrow(TickforgeError)
    expect(open).toThrow(
      expect.objectContaining({
        code: 'TF_USAGE',
        message: expect.stringContaining(Object.keys(setting)[0] as string),
      }),
    )
  })
})

describe('a long timer', () => {
  it('does not end at once because its time does not fit 31 bits', async () => {
    let ended = false
    const callOff = after(2 ** 40, () => {
      ended = true
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    callOff()
    expect(ended).toBe(false)
  })
})

describe('a hang-up', () => {
  it('is ignored when the shell says that nohup started the program', () => {
    const before = process.env._
    try {
      process.env._ = '/usr/bin/nohup'
      expect(hangupWasIgnored()).toBe(true)
    } finally {
      if (before === undefined) delete process.env._
      else process.env._ = before
    }
  })
})
