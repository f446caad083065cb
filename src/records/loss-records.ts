// The two records that say what is missing: gaps and drops.
import type { CellWriter } from './cell-writer.ts'
import {
  DROP_CAUSE,
  DROP_COUNT,
  DROP_TS_FIRST,
  Flag,
  GAP_CAUSE,
  GAP_EXPECTED_ID,
  GAP_RECEIVED_ID,
  GAP_RECORD_TYPE,
  GAP_TS_LAST_GOOD,
  GapCause,
  NONE_U64,
  RecordType,
} from './layout.ts'

export interface GapFields {
  /** Definition number; 0 = all instruments of the frame's connection. */
  instrument: number
  cause: GapCause
  /** Record type that is missing; 0 = all. */
  type: number
  expected?: bigint
  received?: bigint
  /** Receive time of the last thing before the gap: two words of an i64, ns. */
  lastGood: { low: number; high: number }
}

/**
 * Whether books and numbers start anew behind a gap record of this cause. Not behind a write error, which says where the
 * part before ends and that this one repeats what follows there; nor where a subscription brought nothing, so that no
 * record that is there is in doubt.
 */
export function breaksChain(cause: number): boolean {
  return cause !== GapCause.writeError && cause !== GapCause.refused && cause !== GapCause.silent
}

/** Writes a gap record into the frame that was begun. */
export function putGap(writer: CellWriter, gap: GapFields): void {
  const at = writer.begin(RecordType.gap, 1, Flag.last, gap.instrument, 0, -2147483648)
  putBigint(writer, at, GAP_EXPECTED_ID, gap.expected ?? NONE_U64)
  putBigint(writer, at, GAP_RECEIVED_ID, gap.received ?? NONE_U64)
  writer.put64(at, GAP_TS_LAST_GOOD, gap.lastGood.low, gap.lastGood.high)
  writer.put8(at, GAP_CAUSE, gap.cause)
  writer.put8(at, GAP_RECORD_TYPE, gap.type)
}

/** Writes a drop record, of all instruments, into the frame that was begun. `tsFirst` in ns. */
export function putDrop(writer: CellWriter, count: bigint, tsFirst: bigint, cause: GapCause): void {
  const at = writer.begin(RecordType.drop, 1, Flag.last, 0, 0, -2147483648)
  putBigint(writer, at, DROP_COUNT, count)
  putBigint(writer, at, DROP_TS_FIRST, tsFirst)
  writer.put8(at, DROP_CAUSE, cause)
}

const scratch = new BigInt64Array(1)
const scratchWords = new Int32Array(scratch.buffer)

/** Writes a bigint of 64 bits, signed or not, at a byte offset of a record. */
export function putBigint(writer: CellWriter, at: number, offset: number, value: bigint): void {
  scratch[0] = value
  writer.put64(at, offset, scratchWords[0] as number, scratchWords[1] as number)
}
