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

/** A record as it must come back: every number as text. */
export function expected(i: number): Record<string, string> {
  const { symbol, side, price, size, ts } = row(i)
  return {
    symbol,
    side,
    price: decimalText(price, 2, PrintRule.minimal),
    size: decimalText(size, 5, PrintRule.minimal),
    trade_id: String(i),
    ts_event: String(ts),
  }
}
