// The record of a connection's beginning or end.
import type { CellWriter } from './cell-writer.ts'
import {
  CELL_BYTES,
  CONNECTION_CLOSE_CODE,
  CONNECTION_EVENT,
  CONNECTION_INTEGRITY,
  CONNECTION_REASON_LENGTH,
  CONNECTION_URL_LENGTH,
  CONNECTION_VENUE_LENGTH,
  type ConnectionEvent,
  Flag,
  type Integrity,
  RecordType,
} from './layout.ts'

const URL_MAX = 8192
const REASON_MAX = 1024

export interface ConnectionFields {
  event: ConnectionEvent
  integrity: Integrity
  venue: string
  /** Longer ones are cut off, like the reason. */
  url: string
  /** Of RFC 6455; 0 on open. */
  code: number
  reason: string
}

/** Writes a connection record into the frame that was begun, which names the connection. */
export function putConnection(writer: CellWriter, fields: ConnectionFields): void {
  const texts = [fields.venue, fields.url.slice(0, URL_MAX), fields.reason.slice(0, REASON_MAX)]
  const [venue, url, reason] = texts.map((text) => Buffer.from(text, 'utf8')) as [Buffer, Buffer, Buffer]
  const cells = 1 + Math.ceil((venue.length + url.length + reason.length) / CELL_BYTES)
  const at = writer.begin(RecordType.connection, cells, Flag.last, 0, 0, -2147483648)
  writer.put8(at, CONNECTION_EVENT, fields.event)
  writer.put8(at, CONNECTION_INTEGRITY, fields.integrity)
  writer.put16(at, CONNECTION_CLOSE_CODE, fields.code)
  writer.put16(at, CONNECTION_URL_LENGTH, url.length)
  writer.put16(at, CONNECTION_REASON_LENGTH, reason.length)
  writer.put8(at, CONNECTION_VENUE_LENGTH, venue.length)
  writer.putBytes(at, CELL_BYTES, Buffer.concat([venue, url, reason]))
}
