import { describe, expect, it } from 'vitest'
import { fitted, table, toJson } from '../../src/cli/output.ts'
import { printable } from '../../src/cli/printable.ts'

describe('text of others on its way to a terminal', () => {
  it.each([
    ['\x1b[31mred', '\\e[31mred'],
    ['\x1b]0;title\x07', '\\e]0;title\\x07'],
    ['two\r\nlines\ttab', 'two\\r\\nlines\\ttab'],
    ['\x9b2J and \x7f', '\\x9b2J and \\x7f'],
    ['\u202eevil\u2066', '\\u202eevil\\u2066'],
    ['a\u2028b\ufeff', 'a\\u2028b\\ufeff'],
    ['\0', '\\x00'],
  ])('shows %j as an escape', (text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  it('leaves letters of every script as they are', () => {
    const text = '币安人生USDT Ελληνικά 👩‍🔬 é ·'
    expect(printable(text)).toBe(text)
  })

  it('is in JSON what a parser reads back, without a control character', () => {
    const value = { text: '\x1b[31m\x9b\x7f\u202e\u2028 币 "quoted"\n' }
    for (const json of [toJson(value), toJson(value, 2)]) {
      expect(JSON.parse(json)).toEqual(value)
      expect(json).not.toMatch(/[\x7f-\x9f\u202e\u2028]/)
    }
  })

  it('is one line of a table, whatever it holds', () => {
    expect(table(['NAME', 'N'], [['a\nb', '1']], new Set([1]))).toBe('NAME  N\na\\nb  1\n')
  })
})

describe('the layout of text', () => {
  it('counts wide characters as two columns', () => {
    const rows = table(
      ['SYMBOL', 'N'],
      [
        ['币安', '1'],
        ['BTCUSDT', '22'],
      ],
      new Set([1]),
    ).split('\n')
    expect(rows).toEqual(['SYMBOL    N', '币安      1', 'BTCUSDT  22', ''])
  })

  it.each([
    [undefined, 79],
    [0, 79],
    [-1, 79],
    [1, 0],
    [10, 9],
  ])('of a progress line is what a terminal of %s columns shows', (columns, length) => {
    expect(fitted('x'.repeat(200), columns)).toHaveLength(length)
  })

  it('of a progress line does not cut a wide character in two', () => {
    expect(fitted('币安人生', 6)).toBe('币安')
    expect(fitted('币安', 80)).toBe('币安')
  })
})
