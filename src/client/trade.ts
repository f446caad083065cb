// One trade as a client writes it.
import type { CellWriter } from '../records/cell-writer.ts'
import {
  Flag,
  HEAD_TS_EVENT,
  NONE_U64,
  RecordType,
  TRADE_ID,
  TRADE_PRICE,
  TRADE_SEQUENCE,
  TRADE_SIZE,
} from '../records/layout.ts'
import { putBigint } from '../records/loss-records.ts'

export interface TradeFields {
  /** As Client.instrument() returned it. */
  instrument: number
  /** Mantissas at the decimals of the instrument: 2816547n at 2 decimals is 28165.47. */
  price: bigint
  size: bigint
  /** When it happened, by the venue; ns. */
  tsEvent?: bigint
  tradeId?: bigint
  sequence?: bigint
  /** Of the aggressor. */
  side?: 'buy' | 'sell'
}

const SIDES = { buy: Flag.buy, sell: Flag.sell }

/** Writes a trade record into the frame that was begun. */
export function putTrade(writer: CellWriter, trade: TradeFields): void {
  const flags = Flag.last | (trade.side === undefined ? 0 : SIDES[trade.side])
  const at = writer.begin(RecordType.trade, 1, flags, trade.instrument, 0, -2147483648)
  if (trade.tsEvent !== undefined) putBigint(writer, at, HEAD_TS_EVENT, trade.tsEvent)
  putBigint(writer, at, TRADE_PRICE, trade.price)
  putBigint(writer, at, TRADE_SIZE, trade.size)
  putBigint(writer, at, TRADE_ID, trade.tradeId ?? NONE_U64)
  putBigint(writer, at, TRADE_SEQUENCE, trade.sequence ?? NONE_U64)
}
