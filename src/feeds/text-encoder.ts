// Keeps a message as text: in as many records as its length takes.
import type { CellWriter } from '../records/cell-writer.ts'
import {
  CELL_BYTES,
  CELLS_PER_RECORD_MAX,
  Flag,
  RecordType,
  TEXT_BINARY,
  TEXT_LENGTH,
  TEXT_OFFSET,
  TEXT_REASON,
  TEXT_SEQUENCE,
  TEXT_TOTAL_LENGTH,
  type TextReason,
} from '../records/layout.ts'
import { putBigint } from '../records/loss-records.ts'

const TEXT_BYTES_PER_RECORD = (CELLS_PER_RECORD_MAX - 1) * CELL_BYTES

export interface Kept {
  /** The bytes are no text, or may be none. */
  binary: boolean
  reason: TextReason
  /** Flags of every part, such as Flag.rest. */
  flags: number
  /** The venue's number of the frame, or NONE_U64. */
  sequence: bigint
}

/** Writes `bytes` into the frame that was begun. */
export function putText(writer: CellWriter, bytes: Uint8Array, kept: Kept): void {
  let offset = 0
  do {
    const part = bytes.subarray(offset, offset + TEXT_BYTES_PER_RECORD)
    const last = offset + part.length === bytes.length
    const cells = 1 + Math.ceil(part.length / CELL_BYTES)
    const at = writer.begin(RecordType.text, cells, kept.flags | (last ? Flag.last : 0), 0, 0, -2147483648)
    writer.put8(at, TEXT_REASON, kept.reason)
    writer.put8(at, TEXT_BINARY, kept.binary ? 1 : 0)
    writer.put16(at, TEXT_LENGTH, part.length)
    writer.put32(at, TEXT_OFFSET, offset)
    writer.put32(at, TEXT_TOTAL_LENGTH, bytes.length)
    putBigint(writer, at, TEXT_SEQUENCE, kept.sequence)
    writer.putBytes(at, CELL_BYTES, part)
    offset += part.length
  } while (offset < bytes.length)
}
