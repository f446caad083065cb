import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteTable } from '../../src/feeds/byte-table.ts'
import { FrameError, JsonReader, key } from '../../src/feeds/json-reader.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8')

function reading(text: string): JsonReader {
  const reader = new JsonReader()
  reader.reset(bytes(text))
  return reader
}

/** The value at the cursor as JSON.parse makes it, built with the reader's calls alone. */
function build(reader: JsonReader): unknown {
  const first = reader.peek()
  if (first === '{') {
    const members: [string, unknown][] = []
    reader.members((name) => members.push([name, build(reader)]))
    return Object.fromEntries(members)
  }
  if (first === '[') {
    const elements: unknown[] = []
    reader.array()
    while (reader.next()) elements.push(build(reader))
    return elements
  }
  if (first === '"') return reader.string()
  if (first === 't' || first === 'f') return reader.boolean()
  return JSON.parse(reader.raw())
}

function read(text: string): unknown {
  const reader = reading(text)
  const value = build(reader)
  reader.end()
  return value
}

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,6}$/)
const object = fc.dictionary(name, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 8 })
const indent = fc.constantFrom(undefined, 1, '\t', '\r\n ')

describe('JsonReader beside JSON.parse', () => {
  it('reads every value alike', () => {
    fc.assert(
      fc.property(fc.jsonValue(), indent, (value, space) => {
        const text = JSON.stringify(value, undefined, space)
        expect(read(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it('finds every member of nested objects, asked for in any order and more than once', () => {
    fc.assert(
      fc.property(object, indent, fc.infiniteStream(fc.nat()), (value, space, random) => {
        const reader = reading(JSON.stringify(value, undefined, space))
        const visit = (expected: Record<string, unknown>): void => {
          reader.enter()
          const names = Object.keys(expected)
          const order = [...names, ...names, 'missing'].map((n) => [random.next().value as number, n] as const)
          for (const [, wanted] of order.sort((x, y) => x[0] - y[0])) {
            expect(reader.find(key(wanted))).toBe(Object.hasOwn(expected, wanted))
            if (!Object.hasOwn(expected, wanted)) continue
            const member = expected[wanted]
            const left = (random.next().value as number) % 4 === 0
            if (left) continue
            if (reader.isObject() && Object.keys(member as object).every((k) => /^\w+$/.test(k))) {
              visit(member as Record<string, unknown>)
            } else {
              expect(build(reader)).toEqual(JSON.parse(JSON.stringify(member)))
            }
          }
          reader.leave()
        }
        visit(value)
        reader.end()
      }),
    )
  })

  it('refuses what JSON.parse refuses, takes what it takes, and throws nothing but FrameError', () => {
    const edit = fc.record({
      at: fc.nat(),
      remove: fc.nat(3),
      insert: fc.constantFrom('', '"', ',', '}', ']', '{', '\\', '0', '-', 'e', '.', ' ', '\u0000', '\u0001', 'é', 'u'),
    })
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.array(edit, { minLength: 1, maxLength: 3 }), (value, edits) => {
        let text = JSON.stringify(value)
        for (const { at, remove, insert } of edits) {
          const from = at % (text.length + 1)
          text = text.slice(0, from) + insert + text.slice(from + remove)
        }
        let valid = true
        try {
          JSON.parse(text)
        } catch {
          valid = false
        }
        const walk = (take: (reader: JsonReader) => void): void => {
          const reader = reading(text)
          take(reader)
          reader.end()
        }
        for (const take of [build, (reader: JsonReader) => reader.skip()]) {
          if (valid) walk(take)
          else expect(() => walk(take)).toThrow(FrameError)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('refuses every frame that was cut off', () => {
    const text =
      '{"stream":"x@depth","data":{"s":"\\u00e9\\n","n":-1.5e-7,"b":[["1","2"],[]],"t":true,"f":false,"z":null}}'
    read(text)
    for (let length = 0; length < text.length; length++) expect(() => read(text.slice(0, length))).toThrow(FrameError)
  })

  it('does not read what stands behind the frame in the same memory', () => {
    const memory = bytes('{"a":12345}')
    const reader = new JsonReader()
    reader.reset(memory.subarray(0, 7))
    reader.enter()
    expect(reader.find(key('a'))).toBe(true)
    expect(() => {
      reader.unsigned()
      reader.leave()
    }).toThrow(FrameError)
  })

  it('refuses values that are nested without end', () => {
    const reader = reading('['.repeat(100_000))
    expect(() => reader.skip()).toThrow(FrameError)
  })

  it('grows for a large frame and is itself again afterwards', () => {
    const reader = new JsonReader()
    const large = JSON.stringify({ a: 'x'.repeat(300_000), b: 7 })
    for (const text of [large, '{"b":8}', large]) {
      reader.reset(bytes(text))
      reader.enter()
      reader.require(key('b'))
      reader.unsigned()
      expect(reader.low).toBe(JSON.parse(text).b)
      reader.leave()
      reader.end()
    }
  })

  it('names the member that is missing', () => {
    const reader = reading('{"a":1}')
    reader.enter()
    expect(() => reader.require(key('price'))).toThrow('"price" is missing')
  })

  it('does not let a member be asked for outside an object, or a value be taken twice', () => {
    expect(() => reading('[1]').find(key('a'))).toThrow(FrameError)
    const reader = reading('[1]')
    reader.array()
    reader.next()
    reader.unsigned()
    expect(() => reader.unsigned()).toThrow(FrameError)
  })
})

describe('intern', () => {
  it('makes each text once, whatever stands around it, and knows escaped and UTF-8 texts too', () => {
    const made: string[] = []
    const table = new ByteTable((text) => {
      made.push(text)
      return { text }
    })
    const of = (json: string) => reading(json).intern(table)
    expect(of('"BTCUSDT"')).toBe(of(' "BTCUSDT" '))
    expect(of('"币安人生USDT"').text).toBe('币安人生USDT')
    expect(of('"币安人生USDT"')).toBe(of('"币安人生USDT"'))
    expect(of('"\\u0042TCUSDT"').text).toBe('BTCUSDT')
    expect(made.filter((text) => text === '币安人生USDT')).toHaveLength(1)
    expect(() => of('"BTC')).toThrow(FrameError)
    expect(() => of('12')).toThrow(FrameError)
  })

  it('tells thousands of texts apart and stays bounded under garbage', () => {
    const table = new ByteTable((text) => text)
    const reader = new JsonReader()
    const of = (json: string): string => {
      reader.reset(bytes(json))
      return reader.intern(table)
    }
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 3000; i++) expect(of(`"S${i}"`)).toBe(`S${i}`)
    }
    expect(table.size).toBe(3000)
    for (let i = 0; i < 100_000; i++) of(`"${i}"`)
    expect(table.size).toBeLessThan(1 << 17)
    expect(of('"S1"')).toBe('S1')
  })
})
