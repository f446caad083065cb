// Texts of the columns whose values are small numbers.
import { GapCause, RecordType, TradeKind } from '../records/layout.ts'
import { nameOf } from '../records/view.ts'

/** Names of an enumeration, each at its number, and behind them that of numbers which this version does not know. */
function namesByNumber(numbers: Readonly<Record<string, number>>): string[] {
  // The writer's own record type, 255, is in no gap.
  const length = Math.max(...Object.values(numbers).filter((number) => number < 127)) + 1
  return [...Array.from({ length }, (_, number) => nameOf(numbers, number)), 'unknown']
}

/** Behind all others 'other', whose own number is too large for a small column. */
export const TRADE_KINDS: readonly string[] = [...namesByNumber(TradeKind), nameOf(TradeKind, TradeKind.other)]
export const CAUSES: readonly string[] = namesByNumber(GapCause)
export const RECORD_TYPES: readonly string[] = namesByNumber(RecordType)

/** By the bits of a row's quality, as native/columns/column_table.h has them. */
export const QUALITIES: readonly string[] = Array.from({ length: 8 }, (_, bits) => {
  const names = ['maybe_bad_book', 'bad_ts_recv', 'after_gap'].filter((_, bit) => (bits & (1 << bit)) !== 0)
  return names.length === 0 ? 'ok' : names.join('+')
})

/** Of the `side` column. */
export function sidesOf(type: string): readonly string[] {
  return type === 'book' ? ['bid', 'ask'] : ['buy', 'sell']
}
