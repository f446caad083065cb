// Compares a log with readings of the captures that it was made from, one record at a time.
import { expect } from 'vitest'
import type { Log } from '../../src/open-log.ts'
import type { RecordView } from '../../src/records/record-view.ts'
import type { Expected, Reading } from './expected.ts'
import type { WireMessage } from './wire.ts'

/** What one connection of a capture must have become, with a look at what comes next. */
export class ExpectedRecords {
  readonly name: string
  next: Expected | undefined
  readonly #records: Iterator<Expected>

  constructor(name: string, messages: Iterable<WireMessage>, reading: Reading) {
    this.name = name
    this.#records = flat(messages, reading)
    this.advance()
  }

  advance(): void {
    const { value, done } = this.#records.next()
    this.next = done === true ? undefined : value
  }
}

function* flat(messages: Iterable<WireMessage>, reading: Reading): Generator<Expected> {
  for (const message of messages) yield* reading(message)
}

const LAST = 0x0080

/** A record without what only our recording knows. */
function strip(record: RecordView): Expected {
  const { flags: _flags, connection: _connection, frame: _frame, ...fields } = record.toJson()
  return fields
}

/** Whether two JSON values are the same. Half a million records are compared, so no text is made of them. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((value, i) => same(value, b[i]))
  const [names, others] = [Object.keys(a), Object.keys(b)]
  return names.length === others.length && names.every((name) => same((a as Expected)[name], (b as Expected)[name]))
}

/** A book or a text that is continued in the next record. */
function join(before: Expected, more: Expected): void {
  if (before.type === 'book') {
    for (const side of ['bids', 'asks'] as const)
      before[side] = [...(before[side] as unknown[]), ...(more[side] as unknown[])]
  } else {
    before.text = `${before.text}${more.text}`
  }
}

/**
 * Every record of the log is the next one that its connection expects, and nothing that is expected is missing. Which
 * connection is which is seen from its first record. Returns how many records of each type were compared.
 */
export function expectLog(log: Log, all: readonly ExpectedRecords[]): Record<string, number> {
  const connections = new Map<number, ExpectedRecords>()
  const counts: Record<string, number> = {}
  let begun: Expected | undefined
  for (const batch of log.replay()) {
    for (const record of batch) {
      const { type } = record
      if (type === 'connection' && record.event === 'close') connections.delete(record.connection)
      if (type === 'connection' || type === 'segment' || type === 'instrument') continue
      const part = strip(record)
      if (begun !== undefined) join(begun, part)
      else begun = part
      if ((record.flags & LAST) === 0) continue
      const actual = begun
      begun = undefined
      if (actual.type === 'text') {
        delete actual.offset
        delete actual.total_length
      }
      counts[type] = (counts[type] ?? 0) + 1
      let expected = connections.get(record.connection)
      if (expected === undefined) {
        expected = all.find((candidate) => same(candidate.next, actual))
        if (expected === undefined) {
          expect(actual, `connection ${record.connection} begins like none of the capture`).toEqual(
            all.map(({ next }) => next),
          )
          throw new Error('unreachable')
        }
        connections.set(record.connection, expected)
      }
      if (!same(expected.next, actual)) expect(actual, `a record of ${expected.name}`).toStrictEqual(expected.next)
      expected.advance()
    }
  }
  expect(begun, 'a record that is not continued').toBeUndefined()
  expect(
    all.filter(({ next }) => next !== undefined).map(({ name, next }) => [name, next]),
    'what the log lacks',
  ).toEqual([])
  return counts
}
