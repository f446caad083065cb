// The rows that every client of these tests sends, and how they must read; rows.py has the same.

import { decimalText } from '../../src/records/decimal-text.ts'
import { PrintRule } from '../../src/records/layout.ts'

export const BASE_NS = 1_723_118_400_000_000_000n
const STEP_NS = 500_000_000n

export interface Row {
  number: number
  symbol: string
  side: 'buy' | 'sell'
  /** Mantissas at 2 and at 5 decimals. */
  price: number
  size: number
  ts: bigint
}

export function row(i: number): Row {
  return {
    number: i,
    symbol: `SYM-${i % 3}`,
    side: i % 2 === 1 ? 'sell' : 'buy',
    price: 6_000_000 + ((i * 7919) % 1_000_000),
    size: ((i * 31) % 99_991) + 1,
    ts: BASE_NS + BigInt(i) * STEP_NS,
  }
}

/**
 * How a client writes its numbers: 'fixed' with all decimals, 'minimal' without zeros at the end, 'mixed' with one decimal at
 * least ("60000.0", "60079.19"), of which the values come back but not every zero (docs/INGEST.md, "Instruments").
 */
export type Form = 'fixed' | 'minimal' | 'mixed'

/** A record as it must come back: every number as text. */
export function expected(i: number, form: Form): Record<string, string> {
  const { symbol, side, price, size, ts } = row(i)
  const print = form === 'fixed' ? PrintRule.fixed : PrintRule.minimal
  return {
    symbol,
    side,
    price: decimalText(price, 2, print),
    size: decimalText(size, 5, print),
    trade_id: String(i),
    ts_event: String(ts),
  }
}

/** The text without zeros behind its last decimal. */
export function withoutZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}
